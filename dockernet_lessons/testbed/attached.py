"""What a command in a container prints, read from the engine's connection for so long at most."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

OUT, ERROR = 1, 2
HEADER = struct.Struct(">BxxxL")
"""What a frame begins with: which output it is of, how many bytes follow (Docker's API, "Attach to a container")."""
AT_ONCE = 1 << 16


def outputs(line: Any, seconds: float) -> tuple[str, str] | None:
    """Give both outputs of a command that was just started, or ``None`` where it has not ended in time.

    ``line`` is what the SDK's ``exec_start(..., socket=True)`` gives. The command itself runs on where it is late, as
    it does where ``docker exec`` is killed.
    """
    late = threading.Event()
    said = {OUT: b"", ERROR: b""}
    with socket.socket(fileno=os.dup(line.fileno())) as ours:
        early = _early(line)
        ours.settimeout(None)

        def hang_up() -> None:
            late.set()
            with suppress(OSError):  # it has just ended
                ours.shutdown(socket.SHUT_RDWR)

        limit = threading.Timer(seconds, hang_up)
        limit.daemon = True
        limit.start()
        try:
            for stream, data in _frames(early, ours):
                said[stream] += data
        finally:
            limit.cancel()
            limit.join()
            line._response.close()  # closing the line alone leaves the connection open
    return None if late.is_set() else (said[OUT].decode(errors="replace"), said[ERROR].decode(errors="replace"))


def _early(line: Any) -> bytes:
    """Give what came together with the engine's answer: it was read with that, and the line no longer has it."""
    line._sock.settimeout(0)  # `peek` reads on where nothing was
    return bytes(line._response.raw._fp.fp.peek())


def _frames(early: bytes, line: socket.socket) -> Iterator[tuple[int, bytes]]:
    held = early
    while True:
        while len(held) >= HEADER.size:
            stream, size = HEADER.unpack_from(held)
            if len(held) < HEADER.size + size:
                break
            yield stream, held[HEADER.size : HEADER.size + size]
            held = held[HEADER.size + size :]
        more = line.recv(AT_ONCE)
        if not more:
            return
        held += more
