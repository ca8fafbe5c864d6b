"""Sockets that wait for others, whose they are, and how names are looked up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, TypeAlias

from dockernet_lessons.facts import Address, Listener, Resolver

Protocol: TypeAlias = Literal["tcp", "udp"]
PROTOCOLS: tuple[Protocol, ...] = ("tcp", "udp")
LISTENS = {"tcp": "0A", "udp": "07"}
"""The kernel's numbers of a socket that waits for others: listening, and not connected."""

SOCKET = re.compile(
    r"\s*\d+: (?P<address>[0-9A-F]+):(?P<port>[0-9A-F]{4}) 0+:0000 (?P<state>..)(?: +\S+){5} +(?P<inode>\d+) .*"
)


def listeners(protocol: Protocol, text: str, owners: Mapping[int, str]) -> tuple[Listener, ...]:
    r"""Give the sockets that wait for others, of those that ``/proc/net/tcp`` or ``udp`` and the like tell of.

    ``owners`` tells the program that owns a socket, by the socket's inode.

    >>> listeners("udp", " 4593: 0B00007F:A42C 00000000:0000 07 0:0 0:0 0  0  0 22516 2 0 0", {22516: "dockerd"})
    (Listener(protocol='udp', address=IPv4Address('127.0.0.11'), port=42028, process='dockerd'),)

    Source: proc_pid_net(5).
    """
    found = []
    for line in text.splitlines():
        read = SOCKET.fullmatch(line)
        if read and read["state"] == LISTENS[protocol] and read["port"] != "0000":
            port, owner = int(read["port"], 16), owners.get(int(read["inode"]))
            found.append(Listener(protocol, _address(read["address"]), port, owner))
    return _in_order(found)


def _address(words: str) -> Address:
    """Read an address that the kernel prints as words of four bytes, each with its last byte first."""
    raw = b"".join(bytes.fromhex(words[at : at + 8])[::-1] for at in range(0, len(words), 8))
    return IPv4Address(raw) if len(raw) == 4 else IPv6Address(raw)


def _in_order(found: list[Listener]) -> tuple[Listener, ...]:
    return tuple(
        sorted(set(found), key=lambda each: (each.port, each.address.version, each.address, str(each.process)))
    )


def owners(text: str) -> dict[int, str]:
    r"""Give each socket's program, by the socket's inode, from lines of inode, process id and program.

    Where several have it, the last is it: a server hands its socket down to the process that it starts for it.

    >>> owners("23205 38 dockerd\n23205 1760 docker-proxy\n")
    {23205: 'docker-proxy'}
    """
    lines = [line.split(" ", 2) for line in text.splitlines()]
    read = sorted((int(inode), int(pid), name) for inode, pid, name in lines)
    return {inode: name for inode, _, name in read}


def resolver(text: str) -> Resolver:
    r"""Read a file such as ``/etc/resolv.conf``.

    >>> resolver("# made by Docker\nnameserver 127.0.0.11\nsearch example.com\noptions ndots:0\n")
    Resolver(servers=(IPv4Address('127.0.0.11'),), search=('example.com',), options=('ndots:0',))

    Source: resolv.conf(5): of several lines of `search` the last one counts, those of `options` add up.
    """
    servers: list[Address] = []
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_]:
                with suppress(ValueError):
                    servers.append(ip_address(address))
            case ["search" | "domain", *names]:
                search = tuple(names)
            case ["options", *words]:
                options += tuple(words)
    return Resolver(tuple(servers), search, options)
