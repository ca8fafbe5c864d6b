"""Other processes, by id: told apart from later ones that got the same number, and waited for without polling."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dockernet_lessons.testbed import made


def started(pid: int) -> str | None:
    """Give the time a process was started, in clock ticks since boot, or ``None`` where it runs no longer.

    >>> started(os.getpid()) is None
    False
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else fields[18]


def suspended(pid: int) -> bool:
    """Tell whether a process was stopped by a signal, and waits to be continued."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
    except (FileNotFoundError, ProcessLookupError):
        return False


def identity(pid: int) -> str:
    """Give what tells this process from every other: its id and the time it was started."""
    return f"{pid} {started(pid)}"


def recorded(file: Path) -> int | None:
    """Give the id of the process whose identity a file holds, or ``None`` where that very process runs no longer."""
    try:
        told = file.read_text()
    except FileNotFoundError:
        return None
    return int(told.split()[0]) if runs(told) else None


def runs(identity: str) -> bool:
    """Tell whether the very process of an identity still runs.

    >>> runs(identity(os.getpid())), runs(f"{os.getpid()} 0"), runs("")
    (True, False, False)
    """
    pid, _, time = identity.partition(" ")
    return pid.isdigit() and time != "" and started(int(pid)) == time


def wait(pid: int, seconds: float) -> bool:
    """Wait until a process ends; tell whether it did within ``seconds``."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def end(pid: int, seconds: float) -> bool:
    """Ask a process to end, also one that was suspended, and wait until it has; tell whether it did in time."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
    return wait(pid, seconds)


def start_keeper(module: str, arguments: Sequence[str], *, log: Path, record: Path, using: Sequence[Path] = ()) -> int:
    """Start a keeper, ``python -m MODULE ARGUMENTS``, in a session of its own; give its id.

    What it prints goes to ``log``, its identity to ``record``. It outlives us, and leaves no zombie where it does not.
    As long as it lives the folders of the cache that it is ``using`` are marked as used: see ``made.in_use``.
    """
    with log.open("w") as said, made.marked(using) as marks:
        keeper = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=marks,
            cwd="/",
        )
    threading.Thread(target=keeper.wait, daemon=True, name=f"reap-{keeper.pid}").start()
    record.write_text(identity(keeper.pid))
    return keeper.pid
