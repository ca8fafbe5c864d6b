"""One start of a testbed at a time; who waits for another one's is told what that is doing.

The lock is a file in the runtime folder, and its text is the step that is under way.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PATIENCE_SECONDS = 2.0
"""How long one waits without a word: a machine that is only restored takes less."""

LOOK_SECONDS = 0.05

Progress = Callable[[str], None]


@contextmanager
def one_at_a_time(runtime: Path, progress: Progress = lambda _: None) -> Iterator[Progress]:
    """Hold the lock of the runtime folder; give a ``progress`` that those who wait for it hear, too.

    So two notebooks do not start the same testbed twice, and a cell that waits for the Jupyter server's start says so.
    """
    with (runtime / "lock").open("a+") as lock:
        _await(lock, progress)

        def step(text: str) -> None:
            lock.truncate(0)
            lock.write(text)
            lock.flush()
            progress(text)

        try:
            yield step
        finally:
            lock.truncate(0)


def _await(lock: IO[str], progress: Progress) -> None:
    begun = time.monotonic()
    heard: str | None = None
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            return
        lock.seek(0)
        text = lock.read()
        if time.monotonic() - begun > PATIENCE_SECONDS and text != heard:
            progress(f"The testbed is being started already{': ' if text else ''}{text}")
            heard = text
        time.sleep(LOOK_SECONDS)
