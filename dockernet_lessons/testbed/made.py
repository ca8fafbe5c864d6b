"""Folders of the cache that are made once: by one session at a time, whole or not at all."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from dockernet_lessons.errors import BuildFailed

Progress = Callable[[str], None]


def once(folder: Path, make: Callable[[Path], None], *, sound: Callable[[Path], bool], progress: Progress) -> Path:
    """Give a folder of the cache, made by ``make`` where it is not there or is not ``sound``.

    What is being made stands beside it under another name, so a session that is killed leaves no half of a folder.

    Raises ``BuildFailed`` where nothing can be written.
    """
    if sound(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / f"{folder.name}.lock").open("w")
    except OSError as error:
        raise BuildFailed(
            f"Nothing can be made in {folder.parent}: {error.strerror}.",
            hint="set DOCKERNET_CACHE to a folder of yours with 1 GB free.",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Another session is making this: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.parent.glob(f"{folder.name}.*.part"):
            shutil.rmtree(left, ignore_errors=True)
        if sound(folder):
            return folder
        half_made = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent))
        try:
            make(half_made)
            half_made.chmod(0o755)
            shutil.rmtree(folder, ignore_errors=True)
            half_made.rename(folder)
        finally:
            shutil.rmtree(half_made, ignore_errors=True)
    return folder
