"""A testbed that has gone: what is said of it, with the reason where its keeper knew one."""

from __future__ import annotations

import signal
from pathlib import Path

from dockernet_lessons.errors import NoTestbed

KILLED = "QEMU was killed"
LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
"""Where control groups of version 2 and 1 say how much memory they allow. Source: the kernel's cgroup-v2 and memory."""

GROUPS = Path("/sys/fs/cgroup")
NO_LIMIT = 1 << 50


def gone(runtime: Path) -> NoTestbed:
    """Give the error for a testbed that runs no longer."""
    try:
        said = (runtime / "log").read_text(errors="replace").splitlines()[-1:]
    except OSError:
        said = []
    reason = f": {said[0]}" if said and said[0].startswith(KILLED) else "."
    return NoTestbed(f"The testbed has gone{reason}", hint="run `lab.start()` again: it starts a new one.")


def how_it_ended(exit_code: int) -> str:
    """Say why QEMU is no more, where it was not asked to end; an empty text where it said so itself.

    >>> how_it_ended(1)
    ''
    """
    if exit_code != -signal.SIGKILL:
        return ""
    limit = memory_limit_mb()
    return f"{KILLED}, as happens where memory runs out{f' (the limit here is {limit} MB)' if limit else ''}."


def memory_limit_mb() -> int | None:
    """Give how much memory the programs of this container, or this user's group, may take together, in MB."""
    for name in LIMITS:
        try:
            text = (GROUPS / name).read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < NO_LIMIT:
            return int(text) >> 20
    return None
