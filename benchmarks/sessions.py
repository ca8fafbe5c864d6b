"""How many learners one machine carries: sessions as a hub gives them, idle and at work, all from one saved machine.

``python benchmarks/sessions.py 12`` begins twelve at once, each a Jupyter server with its own testbed on the carrier
``vm``, as the image of ``binder/`` has it. Then each gets a kernel that makes a network and three containers, asks and
draws: one of them while the others idle, then the others at once. Memory is PSS: what several share counts for each by
its part, so the sum is what the machine really holds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dockernet_lessons.testbed import saved, tree

PATIENCE_SECONDS = 600.0
SETTLE_SECONDS = 10.0
SERVER = [
    "-m",
    "jupyter",
    "server",
    "--allow-root",
    "--ServerApp.jpserver_extensions={'dockernet_lessons.ready': True}",
]
KERNEL = ["-m", "ipykernel_launcher", "--IPKernelApp.log_level=ERROR"]
WORK = """
from pathlib import Path
try:
    from dockernet_lessons import Lab, draw, ping, trace
    lab = Lab("work").start()
    shop = lab.network("shop", subnet="172.30.0.0/24")
    web, db, api = lab.containers("web", "db", "api", on=shop)
    assert ping(web, "db").reached
    draw(lab)
    print(trace(web, "http://db"))
    outcome = "done"
except BaseException as error:
    outcome = repr(error)
Path("outcome").write_text(outcome)
"""
"""What a kernel does before it waits for cells. It is asked by no client, which would wait for one that has ended."""


@dataclass
class Session:
    """One learner's: a server, what it has started, and a kernel once there is work."""

    folder: Path
    server: subprocess.Popen[bytes]
    begun: float = field(default_factory=time.monotonic)
    kernel: subprocess.Popen[bytes] | None = None
    work_begun: float = 0.0

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make this session's testbed its own."""
        return environment(self.folder)

    def await_testbed(self) -> float:
        """Wait for the testbed; give the seconds since the server was started."""
        while not (self.folder / "runtime" / "testbed.json").exists():
            if self.server.poll() is not None or time.monotonic() - self.begun > PATIENCE_SECONDS:
                raise SystemExit((self.folder / "log").read_text())
            time.sleep(0.02)
        return time.monotonic() - self.begun

    def work(self) -> None:
        """Begin to do what a lesson does, in a kernel that stays."""
        self.work_begun = time.time()  # compared with what the file system says
        with (self.folder / "kernel-log").open("wb") as log:
            command = [sys.executable, *KERNEL, "-f", str(self.folder / "kernel.json"), "-c", WORK]
            self.kernel = subprocess.Popen(command, env=self.environment, cwd=self.folder, stdout=log, stderr=log)

    def await_work(self) -> float:
        """Wait until that is done; give the seconds that it took, the start of the kernel with them."""
        outcome = self.folder / "outcome"
        while not (outcome.exists() and outcome.read_text()):
            ended = self.kernel is None or self.kernel.poll() is not None
            if ended or time.time() - self.work_begun > PATIENCE_SECONDS:
                raise SystemExit((self.folder / "kernel-log").read_text())
            time.sleep(0.02)
        if outcome.read_text() != "done":
            raise SystemExit(f"session {self.folder.name}: {outcome.read_text()}")
        return outcome.stat().st_mtime - self.work_begun

    def processes(self) -> Iterator[int]:
        """Give the processes of this session."""
        mine = {self.server.pid, *([self.kernel.pid] if self.kernel else [])}
        parents = dict(parent_of())
        for pid in parents:
            line = pid
            while line > 1 and line not in mine:
                line = parents.get(line, 0)
            if line in mine:
                yield pid


def environment(folder: Path) -> dict[str, str]:
    """Give the variables of a session in this folder."""
    own = {"HOME": folder, "DOCKERNET_RUNTIME": folder / "runtime", "DOCKERNET_CARRIER": "vm"}
    cache = os.environ.get("DOCKERNET_CACHE") or tree.build().folder.parent.parent
    return {**os.environ, **{name: str(value) for name, value in own.items()}, "DOCKERNET_CACHE": str(cache)}


def parent_of() -> Iterator[tuple[int, int]]:
    """Give every process of this machine with its parent."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                yield int(folder.name), int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def pss_mb(pids: Iterator[int]) -> dict[str, float]:
    """Give the memory of processes in MB: all of it, and QEMU's."""
    found = {"all": 0.0, "qemu": 0.0}
    for pid in pids:
        with suppress(OSError, StopIteration):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            size = int(next(line for line in rollup if line.startswith("Pss:")).split()[1]) / 1024
            found["all"] += size
            if b"qemu-system" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found["qemu"] += size
    return found


@contextmanager
def session(folder: Path) -> Iterator[Session]:
    """Begin a session; in the end nothing of it is left."""
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        command = [sys.executable, *SERVER, f"--ServerApp.sock={folder / 'jupyter'}"]
        server = subprocess.Popen(command, env=environment(folder), cwd=folder, stdout=log, stderr=log)
    one = Session(folder, server)
    try:
        yield one
    finally:
        if one.kernel:
            one.kernel.kill()
            one.kernel.wait()
        server.terminate()
        server.wait()
        while (folder / "runtime" / "vm-keeper").exists():
            time.sleep(0.05)


def available_mb() -> int:
    """Give how much memory the machine has left."""
    sizes = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(sizes["MemAvailable"].split()[0]) // 1024


def report(name: str, sessions: list[Session], left: int) -> None:
    """Print a line on the memory of all sessions."""
    sizes = [pss_mb(one.processes()) for one in sessions]
    mean = {part: sum(size[part] for size in sizes) / len(sizes) for part in ("all", "qemu")}
    say(f"{name:8} {mean['all']:5.0f} MB a session, {mean['qemu']:4.0f} of it QEMU; the machine gave {left} MB in all")


def say(line: str) -> None:
    """Print a line at once, wherever it goes: a run takes minutes."""
    print(line, flush=True)


def main(number: int) -> None:
    """Begin so many sessions at once, let them idle, have one work, then all others at once."""
    saved.make(tree.build())
    before = available_mb()
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="dn-")))
        sessions = [ending.enter_context(session(folder / str(each))) for each in range(number)]
        ready = sorted(one.await_testbed() for one in sessions)
        say(f"{number} at once: the first is ready after {ready[0]:.1f} s, the last after {ready[-1]:.1f} s")
        time.sleep(SETTLE_SECONDS)
        report("idle", sessions, before - available_mb())
        first, *others = sessions
        first.work()
        say(f"work, one while the others idle: {first.await_work():.1f} s")
        for one in others:
            one.work()
        if took := sorted(one.await_work() for one in others):
            say(f"work, {len(took)} at once: the first is done after {took[0]:.1f} s, the last after {took[-1]:.1f} s")
        report("at work", sessions, before - available_mb())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was begun is ended
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
