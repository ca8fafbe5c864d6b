"""A topology in plain sentences: what a picture shows, for those who do not see it.

However much there is to tell, it stays short enough to be listened to: long lists are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .facts import End, PacketPath, Place, Topology, stable
from .topology import far_ends, interfaces, network_of, shown_addresses, tenants

AT_MOST = 8  # a list read aloud


def describe(topology: Topology) -> str:
    """Say in plain sentences who is joined to whom.

    >>> from .facts import Link
    >>> far = Link("eth0", "veth", 2, "02:00:00:00:00:02", 1500, True)
    >>> describe(Topology((Place("web", "container", "host1", 2, (far,)),)))
    'On host1, container web is joined to nothing.'
    """
    return " ".join(_Teller(topology).sentences()) or "An empty testbed."


def describe_path(path: PacketPath) -> str:
    """Say in a sentence which way a packet took, and what stopped it.

    >>> from .facts import Step
    >>> describe_path(PacketPath((Step(End("web", "eth0"), "1"),), "no answer to ARP", towards=End("db", "eth0")))
    'A packet was seen at web eth0 (1). It died on the way to db eth0: no answer to ARP.'
    """
    there = [str(step) for step in path.steps if step.state != "reply"]
    back = [str(step) for step in path.steps if step.state == "reply"]
    seen = f"A packet was seen at {listed(there, at_most=len(there)) or 'no interface'}"
    seen += f", its reply at {listed(back, at_most=len(back))}." if back else "."
    seen += "".join(f" Marked: {step}." for step in path.steps if step.here)
    if path.died is None:
        return seen
    where = f"on the way to {path.towards}" if path.towards else "there"
    return f"{seen} It died {where}: {path.died.rstrip('.')}."


def listed(words: Sequence[str], *, at_most: int = AT_MOST) -> str:
    """Put words into a list as one says it; of a long one the first few, and how many more there are.

    >>> listed(["web", "db", "app"]), listed(["web", "db", "app"], at_most=2)
    ('web, db and app', 'web and 2 more')
    """
    if len(words) > at_most:
        words = [*words[: at_most - 1], f"{len(words) - at_most + 1} more"]
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


class _Teller:
    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.far = far_ends(topology)
        self.link = {End(place.name, link.name): link for place in topology.places for link in place.links}
        self.joined = {end for cable in topology.cables for end in (cable.one, cable.other)}

    def sentences(self) -> Iterator[str]:
        for place in self.topology.places:
            yield from self._bridges(place)
        pairs = [c for c in self.topology.cables if c.kind == "veth"]
        bare = [c for c in pairs if not any(self.link[e].master for e in (c.one, c.other) if e in self.link)]
        yield from (f"{self._told(cable.one)} is joined to {self._told(cable.other)}." for cable in bare)
        yield from self._parents()
        yield from self._tunnels()
        yield from self._together()
        yield from self._alone()

    def _bridges(self, place: Place) -> Iterator[str]:
        for bridge in (link for link in interfaces(place) if link.kind == "bridge"):
            network = network_of(self.topology, place, bridge)
            about = [str(address) for address in shown_addresses(bridge)]
            if network:
                about.append(f"{'internal ' if network.internal else ''}Docker network {network.name}")
            ends = [End(place.name, link.name) for link in place.links if link.master == bridge.name]
            joined = sorted(self._told(self.far[end]) for end in ends if end in self.far)
            aside = f" ({', '.join(about)})" if about else ""
            yield f"On {place.name}, bridge {stable(bridge.name)}{aside} joins {listed(joined) or 'nothing'}."

    def _parents(self) -> Iterator[str]:
        hanging: dict[tuple[End, str], list[End]] = {}
        for cable in self.topology.cables:
            if cable.kind == "parent":
                hanging.setdefault((cable.other, self._kind(cable.one)), []).append(cable.one)
        for (parent, kind), children in hanging.items():
            told = sorted(self._told(child) for child in children)
            yield f"On {self._told(parent)} {'hang' if len(told) > 1 else 'hangs'}, as {kind}, {listed(told)}."

    def _tunnels(self) -> Iterator[str]:
        for cable in self.topology.cables:
            if cable.kind == "tunnel":
                number = self.link[cable.one].number
                yield f"A VXLAN tunnel (VNI {number}) joins {cable.one.place} and {cable.other.place}."

    def _together(self) -> Iterator[str]:
        for place in self.topology.places:
            here = tenants(place)
            if place.kind == "host" and here:
                live = "live" if len(here) > 1 else "lives"
                yield f"{_containers(here)} {live} in the namespace of {place.name} itself."
            elif len(here) > 1:
                yield f"On {place.machine}, {_containers(here).lower()} share one namespace, that of {place.name}."

    def _alone(self) -> Iterator[str]:
        alone: dict[str, list[str]] = {}
        for place in self.topology.places:
            joined = any(End(place.name, link.name) in self.joined or link.kind == "bridge" for link in place.links)
            if not joined and place.machine != place.name:
                alone.setdefault(f"On {place.machine}, {place.kind}", []).append(place.name)
            elif not joined:
                yield f"{place.name} is joined to nothing."
        for where, names in alone.items():
            are = "are" if len(names) > 1 else "is"
            yield f"{where}{'s' * (len(names) > 1)} {listed(names)} {are} joined to nothing."

    def _kind(self, child: End) -> str:
        link = self.link[child]
        if link.kind == "vlan":
            return f"VLAN {link.number}"
        return f"{link.kind} in mode {link.mode}" if link.mode else link.kind

    def _told(self, end: End) -> str:
        addresses = map(str, shown_addresses(self.link[end])) if end in self.link else ()
        return " ".join([end.place, stable(end.interface), *addresses])


def _containers(names: Iterable[str]) -> str:
    names = sorted(names)
    return f"Container{'s' * (len(names) > 1)} {listed(names)}"
