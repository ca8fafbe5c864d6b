"""Pure: packets heard at many interfaces, joined into the way that one of them took, hop by hop.

A packet is known again by what nothing on its way rewrites: its payload, or TCP's sequence numbers. Addresses, ports
and MAC addresses may change at every hop, and what changed is what a learner wants to see.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from dockernet_lessons.facts import LOT, Address, End, Link, Place, Rule
from dockernet_lessons.tracing.packets import Change, Hop, Leg, Packet, Probe, with_port

RELAYS = ("docker-proxy", "dockerd")
"""The programs of Docker's own that read what comes in on one connection and write it to another."""

SNAT, DNAT = ("MASQUERADE", "SNAT"), ("DNAT", "REDIRECT")
REWRITING = (*SNAT, *DNAT)
"""What a rule of a nat table may do to the source of a packet, and to its target. Source: iptables-extensions(8)."""
ANSWERS = ("echo reply", "SYN ACK", "RST ACK", "RST", "datagram")


@dataclass(frozen=True, slots=True)
class Journey:
    """Where a probe went, leg by leg, and where its answers went: ``back`` has an empty leg where none came."""

    out: tuple[Leg, ...]
    back: tuple[Leg, ...]

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The hops of all legs on the way out."""
        return tuple(hop for leg in self.out for hop in leg.hops)


def identity(packet: Packet) -> tuple[object, ...]:
    """Give what stays the same of a packet on its whole way."""
    packet = packet.innermost
    if packet.about is not None:
        return packet.protocol, packet.kind, *identity(packet.about)
    numbers = (packet.number, packet.acknowledges) if packet.protocol == "tcp" else ()
    return packet.protocol, packet.kind, *numbers, packet.data


def journey(
    heard: Iterable[Packet],
    probe: Probe,
    places: Sequence[Place],
    points: Collection[End],
    rewriting: Mapping[str, Sequence[Rule]],
) -> Journey:
    """Join what was heard of a probe at ``points``; ``rewriting`` names the nat rules that matched, by place."""
    packets = sorted(heard, key=lambda packet: packet.time)
    where = _Where(places, points)
    out: list[Leg] = []
    back: list[Leg] = []
    first, relay = _first(packets, probe), None
    while first is not None:
        sightings, relay_next, passed_on = _until_read(where.way(_sightings(packets, first)), where)
        number = sum(len(leg.hops) for leg in out)
        asked = None if relay else (probe.address, probe.port)
        out.append(Leg(tuple(_hops(sightings, where, rewriting, after=number, asked=asked)), relay))
        answer = _answer(packets, sightings)
        answered = where.way(_sightings(packets, answer)) if answer else []
        back.insert(0, Leg(tuple(_hops(_until_home(answered, sightings[0]), where, {}))))
        relay = relay_next
        first = passed_on or (_passed_on(packets, sightings, out, probe) if relay else None)
    return Journey(tuple(out), tuple(back))


def _until_read(sightings: list[Packet], where: _Where) -> tuple[list[Packet], str | None, Packet | None]:
    """Cut a way where one of Docker's programs read the packet; name that, and what it sent on if that reads the same.

    What the kernel forwards has one hop less to live; what a program sends starts anew.
    """
    for number, (packet, following) in enumerate(pairwise(sightings), start=1):
        one, other = packet.innermost, following.innermost
        anew = one.protocol == "udp" and one.source != other.source and (other.ttl or 0) >= (one.ttl or 0)
        if anew and (relay := relay_at(where.places[packet.at.place], packet)):
            return sightings[:number], relay, following
    return sightings, relay_at(where.places[sightings[-1].at.place], sightings[-1]), None


def _until_home(answered: Sequence[Packet], first: Packet) -> list[Packet]:
    """Cut an answer's way where it is back at the interface that the question was first heard at."""
    home = next((number for number, packet in enumerate(answered, start=1) if packet.at == first.at), len(answered))
    return list(answered[:home])


def _first(packets: Sequence[Packet], probe: Probe) -> Packet | None:
    """Find the probe where it was first heard: at an interface of the place that sent it."""
    is_it: dict[str, Callable[[Packet], bool]] = {
        "ping": lambda packet: packet.kind == "echo request" and probe.token in packet.data,
        "udp": lambda packet: packet.protocol == "udp" and probe.token in packet.data,
        "dns": lambda packet: packet.protocol == "udp" and _asks_for(packet, probe.token),
        "tcp": lambda packet: packet.kind == "SYN" and packet.source_port == probe.own_port,
        "http": lambda packet: packet.kind == "SYN" and packet.source_port == probe.own_port,
    }
    found = (packet for packet in packets if packet.at.place == probe.place and is_it[probe.kind](packet.innermost))
    return next(found, None)


def _asks_for(packet: Packet, name: bytes) -> bool:
    """Tell whether a datagram is a question to a name server for this name, as it stands in the packet."""
    question = len(packet.data) > 12 and not packet.data[2] & 0x80  # source: RFC 1035, section 4.1.1, QR
    return question and name in packet.data.lower()


def _sightings(packets: Sequence[Packet], first: Packet) -> list[Packet]:
    """Give where a packet was heard, from its first time on, each time as it was then; what was sent again counts once.

    An answer with the same payload as the question is told apart by its addresses: somewhere it is the question
    reversed.
    """
    known = identity(first)
    found: dict[object, Packet] = {}
    for packet in packets:
        if packet.time < first.time or identity(packet) != known:
            continue
        inner = packet.innermost
        there = (packet.at, inner.source, inner.target, inner.ttl, packet.network)
        reversed_there = any(
            other.at == packet.at and (other.innermost.source, other.innermost.target) == (inner.target, inner.source)
            for other in found.values()
        )
        if not reversed_there or inner.source == inner.target:
            found.setdefault(there, packet)
    return list(found.values())


def _answer(packets: Sequence[Packet], out: Sequence[Packet]) -> Packet | None:
    """Find the answer to a packet where it was first heard: nearest to the place that the packet got to."""
    last, sent = out[-1], out[-1].innermost
    found = []
    for packet in packets:
        inner = packet.innermost
        if packet.time < out[0].time or (identity(packet) == identity(out[0]) and sent.protocol != "udp"):
            continue
        if _answers(inner, sent):
            found.append(packet)
    nearest = [packet for packet in found if packet.at == last.at]
    nearby = [packet for packet in found if packet.at.place == last.at.place or packet.innermost.protocol != "udp"]
    return next(iter([*nearest, *nearby]), None)


def _answers(packet: Packet, sent: Packet) -> bool:
    """Tell whether one packet is the answer to another, as that was where it got to."""
    if packet.protocol != sent.protocol:
        return False
    if sent.protocol == "icmp":
        return packet.kind == "echo reply" and packet.data == sent.data
    if sent.protocol == "tcp":
        return packet.kind in ANSWERS and packet.acknowledges == ((sent.number or 0) + 1) % 2**32
    swapped = (packet.source, packet.target, packet.source_port, packet.target_port)
    return swapped == (sent.target, sent.source, sent.target_port, sent.source_port) or _answers_question(packet, sent)


def _answers_question(packet: Packet, sent: Packet) -> bool:
    """Tell whether a datagram is a name server's answer, by the number of the question. Source: RFC 1035, 4.1.1."""
    both = min(len(packet.data), len(sent.data)) > 12
    return both and packet.data[:2] == sent.data[:2] and bool(packet.data[2] & 0x80) and not sent.data[2] & 0x80


def relay_at(place: Place, last: Packet) -> str | None:
    """Name the program of Docker's that listens in a place for a packet that got there, if one does."""
    packet = last.innermost
    for listener in place.listeners:
        if listener.process in RELAYS and (listener.protocol, listener.port) == (packet.protocol, packet.target_port):
            return listener.process
    return None


def _passed_on(packets: Sequence[Packet], before: Sequence[Packet], out: Sequence[Leg], probe: Probe) -> Packet | None:
    """Find the packet in which a relay passed on what it had read: the first of its own after it had heard ours."""
    known = {identity(hop.packet) for leg in out for hop in leg.hops}
    for packet in packets:
        inner = packet.innermost
        if (
            packet.time < before[-1].time
            or identity(packet) in known
            or inner.protocol != before[-1].innermost.protocol
        ):
            continue
        if inner.kind == "SYN" if inner.protocol == "tcp" else _asks_for(inner, probe.token):
            return packet
    return None


def interface_label(place: str, link: Link | None) -> str:
    """Name an interface so that it reads the same each time: a veth of Docker's by where it leads."""
    if link is None:
        return place
    return f"{place} {f'veth to {link.peer_place}' if LOT.fullmatch(link.name) else link.name}"


SAME_MAC = ("ipvlan", "vlan")
"""Kinds of interfaces that have the MAC address of their parent. Source: ip-link(8)."""


def owners(places: Iterable[Place]) -> dict[str, list[str]]:
    """Name the interfaces that have each MAC address."""
    found: dict[str, list[str]] = {}
    for place in places:
        for link in (link for link in place.links if link.kind not in SAME_MAC):
            found.setdefault(link.mac, []).append(interface_label(place.name, link))
    return found


def names_of_macs(places: Iterable[Place]) -> dict[str, str]:
    """Name the interface that has each MAC address, where it is only one."""
    return {mac: named[0] for mac, named in owners(places).items() if len(named) == 1}


class _Where:
    """The places of a snapshot, asked for the interface at which something was heard."""

    def __init__(self, places: Sequence[Place], points: Collection[End]) -> None:
        self.places = {place.name: place for place in places}
        self.points = points
        self.ends = {(place.name, link.index): End(place.name, link.name) for place in places for link in place.links}
        self.names = names_of_macs(places)

    def link(self, packet: Packet) -> Link | None:
        place = self.places.get(packet.at.place)
        return next((link for link in place.links if link.name == packet.at.interface), None) if place else None

    def way(self, sightings: Sequence[Packet]) -> list[Packet]:
        """Put sightings in order: by time, and a port before its bridge, which both hear what arrives at one moment.

        A switch that does not know yet where somebody is sends copies to everybody: those are left out.
        """
        heard_at = {packet.at for packet in sightings if not self._is_copy(packet)}
        ordered = [
            packet for packet in sightings if packet.at in heard_at and not self._leads_nowhere(packet, heard_at)
        ]
        ordered.sort(key=lambda packet: packet.time)
        for position, (one, other) in enumerate(pairwise(ordered)):
            port = self.link(other)
            if one.time == other.time and one.at.place == other.at.place and port and port.master == one.at.interface:
                ordered[position], ordered[position + 1] = other, one
        return ordered

    def _is_copy(self, packet: Packet) -> bool:
        """Tell whether a container heard what was neither from it nor for it."""
        link, place = self.link(packet), self.places[packet.at.place]
        ours = link is None or link.kind != "veth" or link.mac in (packet.mac_to, packet.mac_from)
        return place.kind == "container" and not ours

    def _leads_nowhere(self, packet: Packet, heard_at: Collection[End]) -> bool:
        """Tell whether a packet was at a port whose other end we did not listen at, or heard nothing at."""
        link = self.link(packet)
        if link is None or link.master is None or link.kind != "veth":
            return False
        other = self.ends.get((link.peer_place or "", link.peer or 0))
        return other is not None and other not in (heard_at if other in self.points else ())

    def owner(self, mac: str) -> str:
        """Name the one interface with this MAC address."""
        return self.names.get(mac, "everybody" if mac == "ff:ff:ff:ff:ff:ff" else "")


def _hops(
    sightings: Sequence[Packet],
    where: _Where,
    rewriting: Mapping[str, Sequence[Rule]],
    *,
    after: int = 0,
    asked: tuple[Address, int | None] | None = None,
) -> Iterator[Hop]:
    """Give the hops of a packet; ``asked`` is what it was sent to, which a rule may rewrite before it is heard."""
    before: Packet | None = None
    for number, packet in enumerate(sightings, start=after + 1):
        label = interface_label(packet.at.place, where.link(packet))
        matched = rewriting.get(packet.at.place, ())
        sent = before or (_as_asked(packet, *asked) if asked else None)
        changes = tuple(_changes(sent, packet, matched)) if sent else ()
        yield Hop(number, packet.at.place, packet.at.interface, packet, label, where.owner(packet.mac_to), changes)
        before = packet


def _changes(before: Packet, now: Packet, rewriting: Sequence[Rule]) -> Iterator[Change]:
    """Say which header fields differ between two hops, and by which rule addresses were rewritten."""
    if now.network is not None and before.network is None:
        yield Change(f"wrapped into VXLAN {now.network}, from {now.source} to {now.target}, UDP {now.target_port}")
    if now.network is None and before.network is not None:
        yield Change(f"taken out of VXLAN {before.network}")
    if before.vlan != now.vlan:
        yield Change(f"tagged with VLAN {now.vlan}" if now.vlan is not None else f"VLAN tag {before.vlan} taken off")
    old, new = before.innermost, now.innermost
    if old.ttl and new.ttl and new.ttl < old.ttl:
        yield Change(f"routed: TTL {old.ttl} -> {new.ttl}")
    for what, one, other, kinds in (
        ("source", str(old.source), str(new.source), SNAT),
        ("target", with_port(old.target, old.target_port), with_port(new.target, new.target_port), DNAT),
    ):
        if one != other:
            yield Change(f"{what} {one} -> {other}", _by(kinds, rewriting))


def _by(kinds: Sequence[str], rewriting: Sequence[Rule]) -> Rule | None:
    """Give the one rule that matched and rewrites so; none where the kernel only undoes what it did to the question."""
    fitting = [rule for rule in rewriting if any(f"-j {kind}" in rule.rule for kind in kinds)]
    return fitting[0] if len(fitting) == 1 else None


def _as_asked(packet: Packet, address: Address, port: int | None) -> Packet:
    """Give a packet as it was before anything rewrote its target."""
    return packet if port is None else replace(packet, target=address, target_port=port)
