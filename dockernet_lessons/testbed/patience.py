"""Connections to an engine that wait their turn: QEMU forwards a socket and takes on only one new caller at a time.

A socket with a time limit of its own is refused at once (EAGAIN) where others wait already; one without waits.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool

CONNECT_SECONDS = 30


class PatientConnection(UnixHTTPConnection):  # type: ignore[misc]  # the SDK ships no type hints
    """A connection that waits until the other side takes it on."""

    def connect(self) -> None:
        """Connect; source of the time limit: SO_SNDTIMEO in socket(7), which unix(7) obeys when it connects."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", CONNECT_SECONDS, 0))
        self.sock.connect(self.unix_socket)
        self.sock.settimeout(self.timeout)


class PatientPool(UnixHTTPConnectionPool):  # type: ignore[misc]
    """A pool of such connections."""

    def _new_conn(self) -> PatientConnection:
        return PatientConnection(self.base_url, self.socket_path, self.timeout)


class PatientAdapter(UnixHTTPAdapter):  # type: ignore[misc]
    """What makes the SDK use them."""

    def get_connection(self, url: str, proxies: Any = None) -> PatientPool:
        """Give the pool of an address."""
        with self.pools.lock:
            if url not in self.pools:
                self.pools[url] = PatientPool(url, self.socket_path, self.timeout, maxsize=self.max_pool_size)
            return self.pools[url]  # type: ignore[no-any-return]
