"""Everything that was observed of one probe: the snapshots before and after, and what was heard in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dockernet_lessons.facts import Address, End, Link, Place, Route
from dockernet_lessons.tracing.counters import Loss, losses
from dockernet_lessons.tracing.journey import Journey, interface_label
from dockernet_lessons.tracing.packets import Evidence, Hop, Packet, Probe
from dockernet_lessons.whereabouts import typed_in_container, typed_in_sandbox


@dataclass(frozen=True, slots=True)
class Seen:
    """What was observed of a probe; places by name."""

    probe: Probe
    before: Mapping[str, Place]
    after: Mapping[str, Place]
    heard: Sequence[Packet]
    journey: Journey
    stderr: str = ""

    def place(self, name: str) -> Place:
        """Give a place as it was afterwards, or before where it has gone meanwhile."""
        return self.after.get(name) or self.before[name]

    def having(self, address: Address | None) -> list[Place]:
        """Give the places that have an address."""
        return [place for place in self.after.values() if address is not None and has(place, address)]

    def arrived(self, last: Hop) -> bool:
        """Tell whether a packet came to somebody who has the address that it was sent to."""
        target = last.packet.innermost.target
        return target is not None and has(self.place(last.place), target)

    def lost_at(self, place: str) -> tuple[Loss, ...]:
        """Give what took packets away at a place meanwhile."""
        there = place in self.before and place in self.after
        return losses(self.before[place], self.after[place]) if there else ()


def has(place: Place, address: Address) -> bool:
    """Tell whether an address is a place's own."""
    return any(found.ip == address for link in place.links for found in link.addresses)


def label(seen: Seen, end: End) -> str:
    """Name an interface so that it reads the same each time."""
    return interface_label(end.place, link_at(seen.place(end.place), end.interface))


def link_at(place: Place, interface: str) -> Link | None:
    """Give the interface of that name."""
    return next((link for link in place.links if link.name == interface), None)


def lookup(place: Place, address: Address) -> Route | None:
    """Give the route of a place to an address, the one of the smallest subnet; ``None`` where there is none.

    Source: ip-route(8). Rules of policy routing are not looked at: neither Docker nor the testbed makes any.
    """
    if address.is_loopback or has(place, address):
        return Route(None, "lo")
    return max(_fitting(place, address), key=lambda found: found[0], default=(0, None))[1]


def _fitting(place: Place, address: Address) -> Iterator[tuple[int, Route]]:
    for route in place.routes:
        if route.destination is None:
            if route.via is None or route.via.version == address.version:
                yield -1, route
        elif address in route.destination:
            yield route.destination.prefixlen, route


def typed(place: Place, line: str) -> tuple[str, str]:
    """Give where to type what: a container's commands, and a sandbox's, are typed on its host."""
    ways = {"container": lambda: typed_in_container(place.name, line), "sandbox": lambda: typed_in_sandbox(place, line)}
    return (place.machine, ways[place.kind]()) if place.kind in ways else (place.name, line)


def heard_at(seen: Seen, hop: Hop) -> Evidence:
    """Give the evidence that a packet was at a hop."""
    return Evidence(f"it was heard at {hop.label}", *listening(seen.place(hop.place), hop.interface))


def listening(place: Place, interface: str) -> tuple[str, str]:
    """Give where to type what, to listen at an interface."""
    return typed(place, f"tcpdump -n -i {interface}")
