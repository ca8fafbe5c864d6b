"""Folders of the cache: each made once, by one session at a time, whole or not at all; removed when nobody uses them.

Every such folder holds a ``manifest.json``, and who uses the folder holds a shared lock on that file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from dockernet_lessons.errors import BuildFailed, CommandFailed

Progress = Callable[[str], None]


MANIFEST = "manifest.json"
FULL = (errno.ENOSPC, errno.EDQUOT)
SPACE = "set DOCKERNET_CACHE to a folder of yours with 1 GB free."


def once(
    folder: Path,
    make: Callable[[Path], None],
    *,
    sound: Callable[[Path], bool],
    progress: Progress,
    room_mb: int = 0,
) -> Path:
    """Give a folder of the cache, made by ``make`` where it is not there or is not ``sound``.

    What is being made stands beside it under another name, so a session that is killed leaves no half of a folder.
    Where the disk has less than ``room_mb`` megabytes free, older folders beside it that nobody uses make way.

    Raises ``BuildFailed`` where nothing can be written, or not enough.
    """
    if sound(folder):
        with suppress(OSError):  # somebody else's cache, which we only read
            os.utime(folder)
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / f"{folder.name}.lock").open("w")
    except OSError as error:
        raise BuildFailed(
            f"Nothing can be made in {folder.parent}: {error.strerror}.",
            hint=SPACE,
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
        _make_room(folder, room_mb, progress)
        half_made = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent))
        try:
            make(half_made)
            half_made.chmod(0o755)
            shutil.rmtree(folder, ignore_errors=True)
            half_made.rename(folder)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise _full(folder.parent) from error
        except CommandFailed as error:
            if os.strerror(errno.ENOSPC) not in error.stderr:
                raise
            raise _full(folder.parent) from error
        finally:
            shutil.rmtree(half_made, ignore_errors=True)
    return folder


def _make_room(folder: Path, room_mb: int, progress: Progress) -> None:
    """Remove what was used longest ago, until there is room; what one wants to make is not a reason to remove all."""
    beside = [path for path in folder.parent.iterdir() if (path / MANIFEST).exists() and path != folder]
    for old in sorted(beside, key=lambda path: path.stat().st_mtime):
        if _free_mb(folder.parent) >= room_mb:
            return
        if old.name in folder.name or "qemu" in old.name:  # what the wanted one stands on
            continue
        if remove(old):
            progress(f"Removed {old.name} to make room on the disk")
    if _free_mb(folder.parent) < room_mb:
        raise _full(folder.parent, f" ({_free_mb(folder.parent)} MB are free, {room_mb} are needed)")


def _free_mb(folder: Path) -> int:
    return shutil.disk_usage(folder).free // 10**6


def _full(folder: Path, more: str = "") -> BuildFailed:
    return BuildFailed(f"The disk of {folder} is full{more}.", hint=f"free some room, or {SPACE}")


@contextmanager
def marked(folders: Sequence[Path]) -> Iterator[list[int]]:
    """Mark folders as used; whoever inherits these descriptors keeps them marked for as long as it lives."""
    with ExitStack() as opened:
        marks = []
        for folder in folders:
            file = opened.enter_context((folder / MANIFEST).open())
            fcntl.flock(file, fcntl.LOCK_SH)
            marks.append(file.fileno())
        yield marks


def in_use(folder: Path) -> bool:
    """Tell whether somebody, of whatever user, uses a folder of the cache."""
    try:
        with (folder / MANIFEST).open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # it is half a folder
        return False
    return False


def remove(folder: Path) -> bool:
    """Remove a folder of the cache that nobody uses; tell whether it has gone."""
    if in_use(folder):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()
