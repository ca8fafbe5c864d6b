"""The keeper of a testbed on the ``namespace`` carrier: starts it, waits for its end, and removes every trace.

Runs as a process of its own, ``python -m dockernet_lessons.testbed.keeper TREE RUNTIME OWNER``, so that a testbed is
cleared away even when everything else was killed. Ends the testbed when asked to (SIGTERM) or when OWNER ends.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dockernet_lessons.testbed import processes

ENTER = Path(__file__).with_name("files") / "enter"
DIE_WITH_KEEPER = ["setpriv", "--pdeathsig", "KILL"]
CLEAN_SECONDS = 5.0


def main(tree: str, runtime: str, owner: int) -> None:
    """Run one testbed from its start to its end."""
    folder = Path(runtime)
    asked, ask = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(ask, b"x"))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with _cleared_away(folder), control_groups(_group_of(os.getpid())) as join:
        child = subprocess.Popen([*DIE_WITH_KEEPER, *unshare(), str(ENTER), tree, runtime], preexec_fn=join, cwd="/")  # noqa: PLW1509  # no threads here
        try:
            _tell_init(child.pid, folder)
            with suppress(ProcessLookupError):  # the owner, or the testbed itself, has ended already
                ends = [os.pidfd_open(pid) for pid in (child.pid, owner) if pid]
                select.select([asked, *ends], [], [])
        finally:
            _end(child, folder)


def unshare() -> list[str]:
    """Give the command that runs another in new namespaces of every kind; without root, as root of a user namespace."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    kinds = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]
    return ["unshare", *user, *kinds, "--fork", "--kill-child", "--propagation", "private"]


def _end(child: subprocess.Popen[bytes], folder: Path) -> None:
    """End the testbed by its PID 1, which unshare then collects: were unshare killed first, a zombie would be left."""
    init = processes.recorded(folder / "init")
    if init is not None:
        with suppress(ProcessLookupError):
            os.kill(init, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            child.wait(CLEAN_SECONDS)
    child.kill()
    child.wait()


def _tell_init(parent: int, folder: Path) -> None:
    """Record which process is PID 1 of the testbed: the only child of unshare."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    while children.exists():
        if found := children.read_text().split():
            part = folder / "init.part"
            part.write_text(processes.identity(int(found[0])))
            part.rename(folder / "init")
            return
        time.sleep(0.002)


@contextmanager
def _cleared_away(folder: Path) -> Iterator[None]:
    """Remove in the end what the testbed left in its runtime folder, all but the log."""
    try:
        yield
    finally:
        _remove_files(folder)


def _remove_files(folder: Path) -> None:
    for socket in (folder / "sockets").glob("*"):
        socket.unlink(missing_ok=True)
    for name in ("init", "keeper", "testbed.json"):
        (folder / name).unlink(missing_ok=True)


def clear_after(folder: Path) -> None:
    """Remove what a keeper that was killed could not: its control groups with all that runs there, and its files."""
    with suppress(FileNotFoundError, ValueError):
        killed, _ = (folder / "keeper").read_text().split()
        if processes.started(int(killed)) is None:  # else the number is another process's by now
            for top in hierarchies():
                _remove(top / _group_of(int(killed)))
    _remove_files(folder)


def _group_of(keeper: int) -> str:
    """Name the control group that holds everything of this keeper's testbed."""
    return f"dockernet-{keeper}"


@contextmanager
def control_groups(name: str) -> Iterator[Callable[[], None]]:
    """Make a control group of this name in every hierarchy; give the function that moves a child into them."""
    groups = [top / name for top in hierarchies()]
    made: list[Path] = []
    try:
        for group in groups:
            with suppress(OSError):
                group.mkdir()
                made.append(group)
                for needed in ("cpuset.cpus", "cpuset.mems"):  # version 1 starts a child with none
                    if (group.parent / "cpuset.cpus").exists() and not (group / "cgroup.controllers").exists():
                        (group / needed).write_text((group.parent / needed).read_text())

        def join() -> None:
            for group in made:
                (group / "cgroup.procs").write_text("0")

        yield join
    finally:
        for group in made:
            _remove(group)


def hierarchies() -> list[Path]:
    """Give where the kernel's control group hierarchies are mounted, version 1 and 2."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]


def _remove(group: Path) -> None:
    """Remove a control group with all below it, ending what still runs there."""
    deadline = time.monotonic() + CLEAN_SECONDS
    while group.exists() and time.monotonic() < deadline:
        folders = sorted((path for path in group.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts))
        for folder in [*folders, group]:
            for pid in (folder / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            with suppress(OSError):
                folder.rmdir()
        time.sleep(0.01)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
