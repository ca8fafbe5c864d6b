"""What a command in a container prints, read from the engine's connection for so long at most."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import Any

from docker.utils.socket import STDERR, STDOUT, frames_iter


def outputs(line: Any, seconds: float) -> tuple[str, str] | None:
    """Give both outputs of a command that was just started, or ``None`` where it has not ended in time.

    ``line`` is what the SDK's ``exec_start(..., socket=True)`` gives. The command itself runs on where it is late, as
    it does where ``docker exec`` is killed.
    """
    late = threading.Event()
    said = {STDOUT: b"", STDERR: b""}
    with socket.socket(fileno=os.dup(line.fileno())) as ours:

        def hang_up() -> None:
            late.set()
            with suppress(OSError):  # it has just ended
                ours.shutdown(socket.SHUT_RDWR)

        limit = threading.Timer(seconds, hang_up)
        limit.daemon = True
        limit.start()
        try:
            for stream, data in frames_iter(line, tty=False):
                said[stream] += data
        finally:
            limit.cancel()
            limit.join()
            line._response.close()  # closing the line alone leaves the connection open
    return None if late.is_set() else (said[STDOUT].decode(errors="replace"), said[STDERR].decode(errors="replace"))
