"""What was heard on the wire, and what follows from it: a packet at an interface, its way, and what became of it.

Only data, as :mod:`dockernet_lessons.facts`; the text forms hold no times, no ports that are drawn by lot and no MAC
addresses, so that the same experiment always reads the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import Literal

from dockernet_lessons.facts import Address, End, Rule

Protocol = Literal["arp", "icmp", "tcp", "udp", "other"]
ProbeKind = Literal["ping", "tcp", "udp", "dns", "http"]

DRAWN_BY_LOT = 32768
"""From here on the kernel gives out ports for one connection. Source: ip_local_port_range in ip(7)."""


def with_port(address: Address | None, port: int | None) -> str:
    """Write an address, with the port where somebody chose it: one that was drawn by lot differs each time.

    >>> from ipaddress import ip_address
    >>> with_port(ip_address("2001:db8::1"), 80), with_port(ip_address("192.0.2.3"), 41234)
    ('[2001:db8::1]:80', '192.0.2.3')
    """
    if address is None or port is None or port >= DRAWN_BY_LOT:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as it passed one interface, as far as a learner asks about it.

    ``kind`` is the step it is in its protocol: ``echo request``, ``SYN``, ``who has`` ... ``about`` is the packet that
    an ICMP error complains of, ``inner`` what a VXLAN packet carries, ``frame`` its bytes as far as they were
    captured. ``ttl`` counts routers. For ARP, ``asked`` is the address that is asked for, or told. ``time`` is in
    nanoseconds.

    Source: RFC 791 (IP), 792 (ICMP), 826 (ARP), 4861 (neighbour discovery), 7348 (VXLAN), 9293 (TCP).
    """

    at: End
    time: int
    mac_from: str
    mac_to: str
    protocol: Protocol
    kind: str
    source: Address | None = None
    target: Address | None = None
    ttl: int | None = None
    source_port: int | None = None
    target_port: int | None = None
    number: int | None = None
    acknowledges: int | None = None
    data: bytes = b""
    vlan: int | None = None
    asked: Address | None = None
    about: Packet | None = None
    network: int | None = None
    inner: Packet | None = None
    frame: bytes = field(default=b"", repr=False, compare=False)

    @property
    def innermost(self) -> Packet:
        """The packet that a container sent: itself, or what it carries."""
        return self.inner.innermost if self.inner else self

    def __repr__(self) -> str:
        to = with_port(self.target, self.target_port)
        words = f"who has {self.asked}" if self.kind == "who has" else f"{self.kind} {self.source} -> {to}"
        return f"{self.at}: {words}"


@dataclass(frozen=True, slots=True)
class Change:
    """What differs from one hop to the next, and the rule of a nat table that did it, where one was seen to match."""

    text: str
    rule: Rule | None = None

    def __str__(self) -> str:
        target = re.search(r"-j (\w+)", self.rule.rule) if self.rule else None
        return f"{self.text} ({target[1]})" if target else self.text


@dataclass(frozen=True, slots=True)
class Hop:
    """One interface on a packet's way, the packet as it was there, and what had changed since the hop before.

    ``label`` and ``frame_to`` name that interface, and the one the frame is addressed to, in a form that never changes.
    """

    number: int
    place: str
    interface: str
    packet: Packet
    label: str
    frame_to: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def end(self) -> End:
        """The interface."""
        return End(self.place, self.interface)


@dataclass(frozen=True, slots=True)
class Leg:
    """The way of one packet. ``relay`` names the program that read the leg before and wrote this one, if any."""

    hops: tuple[Hop, ...]
    relay: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that was seen, and the command that shows it: at which place to type what."""

    seen: str
    at: str
    command: str

    def __repr__(self) -> str:
        return f"{self.seen}  ({self.at}$ {self.command})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a packet. ``reached`` is ``None`` where it cannot be told.

    ``sentence`` says it to a learner, ``short`` in a few words for the picture; ``last`` is the last interface that saw
    the packet. ``on_the_way_back`` says that it was the answer that was lost.

    >>> Verdict(False, "web has no route to 192.0.2.3.", (Evidence("no route", "host1", "docker exec web ip route"),))
    web has no route to 192.0.2.3.
    """

    reached: bool | None
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    last: End | None = None
    on_the_way_back: bool = False
    short: str = ""

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        seen = "".join(f"<li>{_html(one.seen)}: {_html(f'`{one.at}$ {one.command}`')}</li>" for one in self.evidence)
        return f"<p><b>{_html(self.sentence)}</b></p>" + (f"<ul>{seen}</ul>" if seen else "")


def _html(text: str) -> str:
    """Give a sentence as HTML, with what stands between backticks as code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))


@dataclass(frozen=True, slots=True)
class Probe:
    """What was sent, and how it is known again: ``token`` is in its payload, drawn by lot as is the port it comes from.

    ``source`` is who sent it, and ``place`` the network namespace that it was sent from: a container of the driver
    ``host`` sends from its host's.
    """

    kind: ProbeKind
    source: str
    place: str
    target: str
    address: Address
    port: int | None
    token: bytes = field(repr=False)
    own_port: int | None = None
    size: int | None = None

    def __repr__(self) -> str:
        known = self.target == str(self.address) or self.kind == "dns" or self.address.is_unspecified
        to = self.target if known else f"{self.target} ({self.address})"
        port = f", port {self.port}" if self.port else ""
        if self.kind == "dns":
            return f"{self.source} asks {self.address} for the name {self.target}"
        return f"{self.kind} from {self.source} to {to}{port}"
