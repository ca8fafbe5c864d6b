"""What the warden of a cell does: runs programs as its learner, holds them still, and asks the learner's testbed.

The learner is root in that testbed. So whatever the warden asks there it asks as the learner, and nothing that was put
there in the place of a tool has any right that the learner does not have. See ``confined``.
"""

from __future__ import annotations

import filecmp
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dockernet_lessons.errors import NoTestbed
from dockernet_lessons.testbed import image, processes
from dockernet_lessons.testbed.carriers.namespace import NamespaceCarrier
from dockernet_lessons.testbed.confined import HOME, LEARNER
from dockernet_lessons.testbed.tree import Tree

RUNTIME = Path("/run/learner")
"""The runtime folder of the learner's testbed."""
OWN_PROCESSES = 400
"""How many processes the learner may have, with those of the testbed, when they start one more outside of it."""
PROBES = ("curl", "docker", "getent", "ip", "mount", "nsenter", "perl", "ping", "sh", "timeout", "unshare")
UNTOUCHED = ("etc/ld.so.cache", "etc/nsswitch.conf", "etc/passwd")
END_SECONDS = 5.0
LONGEST_ANSWER = 1_000_000


def as_learner(command: Sequence[str]) -> list[str]:
    """Give the command that runs another as the learner of this cell, who can get no further rights."""
    who = ["--reuid", str(LEARNER), "--regid", str(LEARNER), "--clear-groups", "--no-new-privs"]
    return ["setpriv", *who, "--", *command]


def start_as_learner(command: Sequence[str]) -> int:
    """Start a program as the learner, without any of our files, and give its process id.

    Where memory ends, the learner's programs have to go before the testbed, and that before us; they also wait for us.
    """
    first_to_go = ["sh", "-c", 'echo 900 > /proc/self/oom_score_adj; exec "$@"', "learner"]
    limits = ["prlimit", f"--nproc={OWN_PROCESSES}", "--core=0", "--", "nice", "-n", "5", *command]
    child = subprocess.Popen(
        as_learner([*first_to_go, *limits]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": HOME, "USER": "learner", "MPLCONFIGDIR": f"{HOME}/.matplotlib"},
        cwd=HOME,
        start_new_session=True,
    )
    return child.pid


def run_as_learner(command: Sequence[str], *, seconds: float) -> str:
    """Run a program of ours as the learner; give what it said on its way, empty where it succeeded."""
    done = subprocess.run(
        as_learner(command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        env={**os.environ, "HOME": HOME},
        cwd=HOME,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def hold() -> None:
    """Stop every program of the learner's outside of the testbed, until ``let_go``."""
    _signal(signal.SIGSTOP)


def let_go() -> None:
    """Let the learner's programs go on."""
    _signal(signal.SIGCONT)


def end_all() -> None:
    """End every program of the learner's outside of the testbed, however quickly they make new ones."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline and any(_learners()):
        _signal(signal.SIGSTOP)
        _signal(signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


def _signal(number: signal.Signals) -> None:
    for pid in _learners():
        with suppress(OSError):
            os.kill(pid, number)


def _learners() -> Iterator[int]:
    """Give the learner's processes outside of the testbed, those that have ended and are not yet gone included."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) in _spared:
            continue
        with suppress(OSError):
            inside = (folder / "status").read_text().partition("NSpid:")[2].partition("\n")[0].split()
            if folder.stat().st_uid == LEARNER and len(inside) == 1:
                yield int(folder.name)


def start_testbed(*, seconds: float) -> str:
    """Start the testbed as the learner; give what went wrong, empty where nothing did.

    What holds it is remembered here, and not looked up later: its files are the learner's, who could name anything.
    """
    start = "from dockernet_lessons.testbed import up; up(progress=lambda _: None)"
    problem = run_as_learner([sys.executable, "-c", start], seconds=seconds)
    keeper = processes.recorded(RUNTIME / "keeper") if not problem else None
    if keeper is not None:
        children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
        _spared.update({keeper, *map(int, children)})
    return problem


_spared: set[int] = set()


class LearnersCarrier(NamespaceCarrier):
    """The carrier of a testbed that the learner of this cell started."""

    def command(self, runtime: Path, command: Sequence[str]) -> list[str]:
        """Give the command that runs ``command`` inside the testbed, as the learner would."""
        init = processes.recorded(runtime / "init")
        if init is None:
            raise NoTestbed("The testbed has gone.", hint="its engine was ended, or the testbed itself.")
        kinds = ["--user", "--preserve-credentials", "--mount", "--pid", "--uts", "--ipc", "--net", "--root", "--wd"]
        return as_learner(["nsenter", "--target", str(init), *kinds, *command])


def changed_tools(tree: Tree, *, same: Callable[[str, str], bool] | None = None) -> list[str]:
    """List the tools of the testbed that are no longer those of the tree: what asks them would not hear the truth.

    Looks through the eyes of the first process of the testbed, so what was mounted over them counts, too.
    """
    init = processes.recorded(RUNTIME / "init")
    if init is None:
        return []
    alike = same or (lambda one, other: filecmp.cmp(one, other, shallow=False))
    inside = Path(f"/proc/{init}/root")
    found = []
    for name in [*_watched(tree), "etc/ld.so.preload"]:
        there, here = inside / name, tree.root / name
        if not there.exists() and not here.exists():
            continue
        if not (there.is_file() and here.is_file() and alike(str(there), str(here))):
            found.append(f"/{name}")
    return found


def _watched(tree: Tree) -> list[str]:
    """List the tools that checks use, with the libraries that they load."""
    programs = [p for name in PROBES for at in ("usr/bin", "usr/sbin") if (p := tree.root / at / name).exists()]
    libraries = {path for program in programs for path in image.libraries(tree.root, program)}
    scripts = (tree.root / "usr/lib/testbed").iterdir()
    texts = [tree.root / name for name in UNTOUCHED]
    return sorted(str(path.relative_to(tree.root)) for path in {*programs, *libraries, *scripts, *texts})


class Companion:
    """A program of ours, asked line by line; where it does not answer in time it is ended and started anew."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: bytes, *, seconds: float) -> bytes | None:
        """Give the line that answers a line, or ``None`` where there is no answer within ``seconds``."""
        process = self._process = self._process or subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdin is not None and process.stdout is not None  # noqa: S101  # they are pipes
        deadline, heard = time.monotonic() + seconds, b""
        with suppress(OSError):
            process.stdin.write(question + b"\n")
            process.stdin.flush()
            while time.monotonic() < deadline:
                if not select.select([process.stdout], [], [], 0.5)[0]:
                    continue
                data = os.read(process.stdout.fileno(), 65536)
                heard += data
                if heard.endswith(b"\n"):
                    return heard
                if not data or len(heard) > LONGEST_ANSWER:
                    break
        self.end()
        return None

    def end(self) -> None:
        """End it. Ending twice is fine."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
