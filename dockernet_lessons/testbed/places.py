"""The places of a testbed by name, the addresses of its hosts, and whether an engine answers."""

from __future__ import annotations

import socket

HOSTS = {"host1": ("192.0.2.11", "02:00:00:00:02:0b"), "host2": ("192.0.2.12", "02:00:00:00:02:0c")}
"""Every host's address and MAC address on the LAN."""

PLACES = ("internet", "router", "neighbour")
"""The places that are not hosts; the hosts and their containers come on top."""


def answers(address: str) -> bool:
    """Tell whether a Docker Engine answers on this unix socket."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(2)
        try:
            line.connect(address)
            line.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b"200 OK" in line.recv(64)
        except OSError:
            return False
