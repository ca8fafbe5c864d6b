"""What ping, curl and getent print, to facts. Runs nothing, and knows nothing of Docker."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from dockernet_lessons.facts import Address

PING = re.compile(r"(?P<sent>\d+) packets transmitted, (?P<back>\d+) received")
PING_TTL = re.compile(r"ttl=(?P<ttl>\d+)")


@dataclass(frozen=True, slots=True)
class Echoes:
    """What ping counted. ``ttl`` is the time to live, in hops, of the last reply."""

    sent: int
    back: int
    ttl: int | None


def ping(text: str) -> Echoes | None:
    r"""Read what iputils' ping prints, ``None`` where it sent nothing.

    >>> ping("64 bytes from 172.17.0.3: icmp_seq=1 ttl=64 time=0.1 ms\n1 packets transmitted, 1 received")
    Echoes(sent=1, back=1, ttl=64)
    """
    counted = PING.search(text)
    if counted is None:
        return None
    ttls = PING_TTL.findall(text)
    return Echoes(int(counted["sent"]), int(counted["back"]), int(ttls[-1]) if ttls else None)


WHY_NO_PING = (
    ("Name or service not known", "the name is not known"),
    ("Temporary failure in name resolution", "the name is not known"),
    ("No address associated with hostname", "the name is not known"),
    ("Network is unreachable", "it has no route there"),
    ("Cannot assign requested address", "it has no address of that family"),
)
"""What iputils' ping says before it sends anything, in the C locale, and what it means."""


def why_no_ping(stderr: str) -> str | None:
    """Tell why ping could not send anything, ``None`` where it does not say a reason we know.

    >>> why_no_ping("ping: db: Name or service not known")
    'the name is not known'
    >>> why_no_ping("ping: connect: Cannot assign requested address")
    'it has no address of that family'
    """
    return next((meaning for words, meaning in WHY_NO_PING if words in stderr), None)


WHY_NO_CONNECTION = re.compile(r"fail[^\n]*: (Connection refused|Network is unreachable|No route to host)")


def why_no_connection(stderr: str) -> str | None:
    """Tell in the kernel's words why curl could not connect, ``None`` where the kernel gave no reason.

    >>> why_no_connection("* connect to 172.17.0.2 port 80 from 0.0.0.0 port 0 failed: Network is unreachable")
    'network is unreachable'
    """
    found = WHY_NO_CONNECTION.search(stderr)
    return found[1].lower() if found else None


def resolved(text: str) -> tuple[Address, ...]:
    r"""Read the addresses that ``getent ahostsv4`` and ``ahostsv6`` print, each once, in order of address.

    Where there is no address of IPv6, the latter writes those of IPv4 as ``::ffff:...``: they are left out.
    Source: getaddrinfo(3), AI_V4MAPPED.

    >>> resolved("172.30.0.3     STREAM db\n172.30.0.3     DGRAM\n172.30.0.3     RAW\n")
    (IPv4Address('172.30.0.3'),)
    >>> resolved("::ffff:172.30.0.3  STREAM db\n")
    ()
    """
    found = {ip_address(line.split()[0]) for line in text.splitlines() if line.strip()}
    return tuple(sorted((each for each in found if each.version == 4 or not each.ipv4_mapped), key=int))
