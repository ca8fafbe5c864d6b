"""Which way leads from one interface to another: along cables, through bridges, through the stack of a place."""

from __future__ import annotations

from heapq import heappop, heappush

from ..errors import LessonError
from ..facts import End, Topology

CABLE, PLUG, STACK, TUNNEL = 1.0, 1.0, 2.0, 5.0  # what each costs: a packet is bridged before it is routed


class Ways:
    """Finds the shortest way between two ends of a topology. The stack of a place is an end without an interface.

    >>> from ..facts import Cable, Link, Place
    >>> host = Place("host1", "host", "host1", 1, (Link("br0", "bridge", 2, "", 1500, True),
    ...     Link("veth1", "veth", 3, "", 1500, True, master="br0")))
    >>> web = Place("web", "container", "host1", 2, (Link("eth0", "veth", 2, "", 1500, True),))
    >>> ways = Ways(Topology((host, web), (Cable(End("web", "eth0"), End("host1", "veth1")),)))
    >>> [str(end) for end in ways.between(End("web", "eth0"), End("host1", "br0"))]
    ['web eth0', 'host1 veth1', 'host1 br0']
    """

    def __init__(self, topology: Topology) -> None:
        self.next: dict[End, list[tuple[End, float]]] = {}
        self.places = {place.name for place in topology.places}
        hosts = {place.machine: End(place.name, "") for place in topology.places if place.kind == "host"}
        for place in topology.places:
            known = {link.name for link in place.links}
            for link in place.links:
                end = End(place.name, link.name)
                if link.master in known:
                    self._join(end, End(place.name, str(link.master)), PLUG)
                else:
                    self._join(end, End(place.name, ""), STACK)
                if link.kind == "vxlan" and place.machine in hosts:  # its packets are sent by the host's own stack
                    self._join(end, hosts[place.machine], STACK)
        for cable in topology.cables:
            self._join(cable.one, cable.other, TUNNEL if cable.kind == "tunnel" else CABLE)

    def between(self, one: End, other: End) -> list[End]:
        """Give the ends passed on the shortest way, the first and the last included; only those where none leads there.

        Raises :class:`~dockernet_lessons.errors.LessonError` for a place that is not in the topology.
        """
        one, other = self._known(one), self._known(other)
        waiting, before = [(0.0, str(one), one)], {one: one}
        least = {one: 0.0}
        while waiting:
            far, _, here = heappop(waiting)
            if here == other:
                break
            for there, cost in self.next.get(here, ()):
                if far + cost < least.get(there, float("inf")):
                    least[there], before[there] = far + cost, here
                    heappush(waiting, (far + cost, str(there), there))
        way = [other]
        while way[-1] != one and way[-1] in before:
            way.append(before[way[-1]])
        return way[::-1] if way[-1] == one else [one, other]

    def _known(self, end: End) -> End:
        """Give the end itself, or the stack of its place where the interface is not in the topology."""
        if end.place not in self.places:
            there = ", ".join(sorted(self.places)) or "nothing"
            raise LessonError(
                f"A packet's path cannot be drawn through {end.place!r}: that is not in the picture.",
                hint=f"there is {there}. draw(..., internet=True) adds the internet.",
            )
        return end if end in self.next else End(end.place, "")

    def _join(self, one: End, other: End, cost: float) -> None:
        self.next.setdefault(one, []).append((other, cost))
        self.next.setdefault(other, []).append((one, cost))
