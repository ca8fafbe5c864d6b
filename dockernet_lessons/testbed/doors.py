"""A port of a host of the testbed, opened on this machine's own address 127.0.0.1, for a browser say.

Works through the carrier's way of running commands, so it is the same on each: every connection is a command inside
that joins its input and output with the port. Ends with the process that opened it.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import threading
from contextlib import suppress

from dockernet_lessons.errors import LessonError
from dockernet_lessons.testbed.bridge import JOIN_WITH
from dockernet_lessons.testbed.places import HOSTS
from dockernet_lessons.testbed.testbed import ENVIRONMENT, Testbed

CHUNK = 65536
A_DAY = 86400.0
ONLY_HERE = "127.0.0.1"
LISTENS = "socat -u OPEN:/dev/null TCP:$1:$2,connect-timeout=3"


class OpenPort:
    """A port of a host that can be reached at ``url`` from this machine, and from no other; see ``Lab.open_port``."""

    def __init__(self, bed: Testbed, host: str, port: int, *, at: int | None = None) -> None:
        self.host = host
        self.port = port
        self._bed = bed
        self._target = f"TCP:{_who_listens(bed, host, port)}:{port}"
        self._listener = _listen(port, at)
        self._at = self._listener.getsockname()[1]
        self._children: set[subprocess.Popen[bytes]] = set()
        threading.Thread(target=self._accept, daemon=True, name=f"door-{port}").start()

    @property
    def url(self) -> str:
        """Where a browser of this machine finds it."""
        return f"http://{ONLY_HERE}:{self._at}"

    @property
    def is_open(self) -> bool:
        """Tell whether it was not closed yet."""
        return self._listener.fileno() >= 0

    def close(self) -> None:
        """Close it, and every connection through it. Closing twice is fine."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for the next connection
        self._listener.close()
        for child in tuple(self._children):
            child.kill()

    def __repr__(self) -> str:
        where = self.url if self.is_open else "closed"
        return f"port {self.port} of {self.host}: {where}"

    def _repr_html_(self) -> str:
        link = f'<a href="{self.url}" target="_blank">{self.url}</a>' if self.is_open else "closed"
        return f"port {self.port} of {self.host}: {link}"

    def _accept(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        """Carry bytes between a client and the port until either has had enough."""
        with client, suppress(OSError, LessonError):
            command = self._bed.command(self.host, ["sh", "-c", JOIN_WITH, "with", self._target], seconds=A_DAY)
            with subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                bufsize=0,
            ) as child:
                self._children.add(child)
                sending = threading.Thread(target=_send, args=(client, child), daemon=True)
                sending.start()
                try:
                    assert child.stdout is not None  # noqa: S101  # it is a pipe
                    while data := os.read(child.stdout.fileno(), CHUNK):
                        client.sendall(data)
                finally:
                    with suppress(OSError):
                        client.shutdown(socket.SHUT_RDWR)  # wakes who waits for the client
                    sending.join()
                    self._children.discard(child)


def _send(client: socket.socket, child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None  # noqa: S101  # it is a pipe
    with suppress(OSError), child.stdin:
        while data := client.recv(CHUNK):
            child.stdin.write(data)


def _who_listens(bed: Testbed, host: str, port: int) -> str:
    """Give the address of a host at which something listens on a port: the one on the LAN, or the host's own only."""
    for address in (HOSTS[host][0], ONLY_HERE):
        if bed.run(host, ["sh", "-c", LISTENS, "listens", address, str(port)], check=False).exit_code == 0:
            return address
    raise LessonError(
        f"Nothing listens on port {port} of {host}.",
        hint=f"publish a container's port there first: `lab.container(..., publish={{{port}: 80}})`.",
    )


def _listen(port: int, at: int | None) -> socket.socket:
    """Listen on the port that is asked for, else on the same one as inside, else on any that is free."""
    for wanted in (port, 0) if at is None else (at,):
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((ONLY_HERE, wanted))
            listener.listen()
        except OSError as error:
            listener.close()
            failed = error
        else:
            return listener
    if at is None:
        raise LessonError(
            f"This machine has no free port ({failed.strerror}).", hint="close what you no longer need, and try again."
        ) from failed
    why = "in use" if failed.errno == errno.EADDRINUSE else f"not to be had ({failed.strerror})"
    raise LessonError(f"Port {at} of this machine is {why}.", hint="leave `at` out: a free port is found.") from failed
