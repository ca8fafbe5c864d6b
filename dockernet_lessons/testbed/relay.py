"""Sockets of the runtime folder that only this user can open, and what is done with whoever connects to them."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

CHUNK = 65536
ONLY_OURS = 0o177
"""The umask under which sockets are made: nobody else may open them."""


def listen(path: Path, attend: Callable[[socket.socket], None]) -> socket.socket:
    """Listen at a path, and have each who connects attended to in a thread of its own; give the listening socket."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(ONLY_OURS)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(128)
    threading.Thread(target=_accept, args=(listener, attend), daemon=True).start()
    return listener


def _accept(listener: socket.socket, attend: Callable[[socket.socket], None]) -> None:
    def serve(client: socket.socket) -> None:
        with client, suppress(OSError):
            attend(client)

    with suppress(OSError):  # it is closed when what it leads to has ended
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def lead_to(behind: Path, client: socket.socket) -> None:
    """Join a client with a socket of QEMU's, whose end is never closed before the guest has closed its own.

    QEMU's user network turns in circles at full speed over a connection whose client has gone while the guest still
    writes to it. So we stay, and throw away what nobody reads.
    """
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(behind))
        sending = threading.Thread(target=send, args=(client, line), daemon=True)
        sending.start()
        listens = True
        try:
            while data := line.recv(CHUNK):
                if listens:
                    try:
                        client.sendall(data)
                    except OSError:
                        listens = False
        finally:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # wakes who waits for the client
            sending.join()


def send(client: socket.socket, line: socket.socket) -> None:
    """Pass on what a client sends, and its end."""
    with suppress(OSError):
        try:
            while data := client.recv(CHUNK):
                line.sendall(data)
        finally:  # a client that went without reading all counts as ended, too
            line.shutdown(socket.SHUT_WR)
