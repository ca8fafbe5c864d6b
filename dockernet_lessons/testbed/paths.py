"""Where things live on this machine: built trees in the cache, the running testbed in the runtime folder.

Knows nothing of what is in them.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import platformdirs

from dockernet_lessons.errors import LessonError

FILES = Path(__file__).with_name("files")
LONGEST_SOCKET_PATH = 107
"""In bytes, without the zero at the end. Source: unix(7)."""


def cache() -> Path:
    """Give the folder that keeps built trees and downloaded packages: ``DOCKERNET_CACHE``, or the user's cache."""
    chosen = os.environ.get("DOCKERNET_CACHE")
    folder = Path(chosen).absolute() if chosen else platformdirs.user_cache_path("dockernet")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LessonError(
            f"The cache folder {folder} cannot be made: {error.strerror}.",
            hint="set DOCKERNET_CACHE to a folder of yours with 1 GB free.",
        ) from error
    return folder


def runtime() -> Path:
    """Give the folder of the running testbed, which only this user can enter: ``DOCKERNET_RUNTIME``, or the user's own.

    Raises ``LessonError`` where the folder belongs to somebody else.
    """
    chosen = os.environ.get("DOCKERNET_RUNTIME")
    session = os.environ.get("XDG_RUNTIME_DIR")
    usual = Path(session) / "dockernet" if session else Path(tempfile.gettempdir()) / f"dockernet-{os.getuid()}"
    folder = Path(chosen).absolute() if chosen else usual
    if len(os.fsencode(folder / "sockets" / "host1.sock")) > LONGEST_SOCKET_PATH:
        raise LessonError(
            f"The path of the runtime folder is too long for sockets in it: {folder}.",
            hint="set DOCKERNET_RUNTIME to a folder of yours with a short path.",
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid():
        raise LessonError(
            f"The runtime folder {folder} belongs to user {found.st_uid}, not to you ({os.getuid()}).",
            hint="set DOCKERNET_RUNTIME to a folder of your own.",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
    return folder
