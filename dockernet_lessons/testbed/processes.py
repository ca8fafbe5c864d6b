"""Other processes, by id: told apart from later ones that got the same number, and waited for without polling."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path


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


def identity(pid: int) -> str:
    """Give what tells this process from every other: its id and the time it was started."""
    return f"{pid} {started(pid)}"


def recorded(file: Path) -> int | None:
    """Give the id of the process whose identity a file holds, or ``None`` where that very process runs no longer."""
    try:
        pid, time = file.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if started(int(pid)) == time else None


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


def start_keeper(module: str, arguments: Sequence[str], *, log: Path, record: Path) -> int:
    """Start a keeper, ``python -m MODULE ARGUMENTS``, in a session of its own; give its id.

    What it prints goes to ``log``, its identity to ``record``. It outlives us, and leaves no zombie where it does not.
    """
    with log.open("w") as said:
        keeper = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
    threading.Thread(target=keeper.wait, daemon=True, name=f"reap-{keeper.pid}").start()
    record.write_text(identity(keeper.pid))
    return keeper.pid
