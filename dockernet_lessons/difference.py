"""What changed between two topologies: new, gone and changed places, interfaces and cables, as a value and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cached_property

from .facts import LOT, Cable, End, Link, Place, Topology
from .topology import connect, far_ends
from .words import listed


@dataclass(frozen=True)
class Difference:
    """Two topologies, and what the second has that the first has not, and the other way round.

    A veth's name is drawn by lot, so a container that was started anew has not changed: its cable is told by its far
    end.

    >>> web, db = (Place(name, "container", "host1", n) for n, name in enumerate(("web", "db")))
    >>> Difference(Topology((web,)), Topology((db,)))
    + db (container on host1)
    - web (container on host1)
    """

    before: Topology
    after: Topology

    @cached_property
    def both(self) -> Topology:
        """All that is in either, so that it can be drawn on one page."""
        older = {place.name: place for place in self.before.places}
        newer = {place.name: place for place in self.after.places}
        places = [self._joined(older.get(place.name), place) for place in self.after.places]
        places += [place for place in self.before.places if place.name not in newer]
        ordered = connect(places).places
        known = {self._cable_key(cable, self._new_keys) for cable in self.after.cables}
        gone = [cable for cable in self.before.cables if self._cable_key(cable, self._old_keys) not in known]
        networks = {(network.host, network.name): network for network in (*self.before.networks, *self.after.networks)}
        moved = tuple(replace(cable, one=self._now(cable.one), other=self._now(cable.other)) for cable in gone)
        return Topology(ordered, (*self.after.cables, *moved), tuple(networks[key] for key in sorted(networks)))

    @cached_property
    def new_places(self) -> frozenset[str]:
        """The names of places that are only in the second."""
        return frozenset(_names(self.after) - _names(self.before))

    @cached_property
    def gone_places(self) -> frozenset[str]:
        """The names of places that are only in the first."""
        return frozenset(_names(self.before) - _names(self.after))

    @cached_property
    def new(self) -> frozenset[End]:
        """The interfaces that are only in the second."""
        old = set(self._old_keys.values())
        return frozenset(end for end, key in self._new_keys.items() if key not in old)

    @cached_property
    def gone(self) -> frozenset[End]:
        """The interfaces that are only in the first."""
        new = set(self._new_keys.values())
        return frozenset(self._now(end) for end, key in self._old_keys.items() if key not in new)

    @cached_property
    def new_cables(self) -> frozenset[Cable]:
        """The cables that are only in the second."""
        old = {self._cable_key(cable, self._old_keys) for cable in self.before.cables}
        return frozenset(cable for cable in self.after.cables if self._cable_key(cable, self._new_keys) not in old)

    @cached_property
    def gone_cables(self) -> frozenset[Cable]:
        """The cables that are only in the first, as they are called in ``both``."""
        return frozenset(self.both.cables) - frozenset(self.after.cables)

    @cached_property
    def changed(self) -> frozenset[End]:
        """The interfaces that are in both, with other addresses, another bridge, or in another state."""
        old = {key: _link(self.before, end) for end, key in self._old_keys.items()}
        return frozenset(
            end
            for end, key in self._new_keys.items()
            if key in old and _shown(old[key]) != _shown(_link(self.after, end))
        )

    @cached_property
    def new_tenants(self) -> frozenset[str]:
        """The containers that moved into a namespace that was there before."""
        return frozenset(_tenants(self.after) - _tenants(self.before) - self.new_places)

    @cached_property
    def gone_tenants(self) -> frozenset[str]:
        """The containers that left a namespace that is still there."""
        return frozenset(_tenants(self.before) - _tenants(self.after) - self.gone_places)

    @cached_property
    def touched(self) -> frozenset[str]:
        """The names of all places in which something changed."""
        ends = {end.place for end in self.new | self.gone | self.changed}
        return self.new_places | self.gone_places | self.regrouped | ends

    @cached_property
    def regrouped(self) -> frozenset[str]:
        """The containers' namespaces into which others came, or which others left."""
        moved = self.new_tenants | self.gone_tenants
        both = [place for place in self.both.places if place.kind == "container"]
        return frozenset(place.name for place in both if moved & {*place.containers})

    def __repr__(self) -> str:
        return "\n".join(self._lines()) or "nothing has changed"

    def words(self) -> str:
        """Say in a sentence or three what changed, for those who do not see it."""

        def told(places: frozenset[str], ends: frozenset[End], tenants: frozenset[str]) -> list[str]:
            bare = (
                str(end)
                for end in sorted(ends, key=str)
                if end.place not in places and not LOT.fullmatch(end.interface)
            )
            return [*sorted(places), *sorted(tenants), *bare]

        sentences = [
            ("New", told(self.new_places, self.new, self.new_tenants)),
            ("Gone", told(self.gone_places, self.gone, self.gone_tenants)),
            ("Changed", told(frozenset(), self.changed, frozenset())),
        ]
        return " ".join(f"{what}: {listed(names)}." for what, names in sentences if names) or "Nothing has changed."

    # ---- which interface of the one is which of the other ----------------------------------------------------

    @cached_property
    def _old_keys(self) -> dict[End, str]:
        return _keys(self.before)

    @cached_property
    def _new_keys(self) -> dict[End, str]:
        return _keys(self.after)

    def _now(self, end: End) -> End:
        """Give what an interface of the first is called in ``both``: as in the second, if it is there."""
        key = self._old_keys.get(end, "")
        if key in self._new_ends:
            return self._new_ends[key]
        return End(end.place, f"{end.interface} (before)") if end in self._new_keys else end

    @cached_property
    def _new_ends(self) -> dict[str, End]:
        return {key: end for end, key in self._new_keys.items()}

    def _cable_key(self, cable: Cable, keys: dict[End, str]) -> tuple[str, frozenset[str]]:
        return cable.kind, frozenset(keys.get(end, str(end)) for end in (cable.one, cable.other))

    def _joined(self, older: Place | None, newer: Place) -> Place:
        """Give a place with the interfaces of both."""
        if older is None:
            return newer
        now = [(link, self._now(End(older.name, link.name))) for link in older.links]
        gone = tuple(replace(link, name=end.interface) for link, end in now if end in self.gone)
        tenants = tuple(sorted({*older.containers, *newer.containers}))
        return replace(newer, links=newer.links + gone, containers=tenants)

    # ---- as text ---------------------------------------------------------------------------------------------

    def _lines(self) -> Iterator[str]:
        older, newer = _texts(self.before), _texts(self.after)
        for place in self.both.places:
            old, new = older.get(place.name, []), newer.get(place.name, [])
            if old == new:
                continue
            if not old or not new:
                yield from (f"{'+' if new else '-'} {line}" for line in (new or old))
                continue
            yield from _compared(old, new)


def _compared(old: list[str], new: list[str]) -> Iterator[str]:
    """Give the lines that differ between two texts of one place, each below the lines that it belongs to."""
    marked: list[tuple[str, str]] = []
    for what, start, end, to, until in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if what == "equal":
            marked += [(" ", line) for line in new[to:until]]
        else:
            marked += [("-", line) for line in old[start:end]] + [("+", line) for line in new[to:until]]
    above: list[tuple[str, str]] = []
    for sign, line in marked:
        above = [upper for upper in above if _depth(upper[1]) < _depth(line)]
        if sign == " ":
            above.append((sign, line))
        else:
            yield from ("  " + upper for _, upper in above)
            above = []
            yield f"{sign} {line}"


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _texts(topology: Topology) -> dict[str, list[str]]:
    """Give the lines of a topology's text by place."""
    texts: dict[str, list[str]] = {}
    names = iter(place.name for place in topology.places)
    for line in repr(topology).splitlines():
        if not line.startswith(" "):
            lines = texts[next(names)] = []
        lines.append(line)
    return texts


def _keys(topology: Topology) -> dict[End, str]:
    """Name every interface by what stays the same when it is made anew."""
    far = far_ends(topology)
    kinds = {End(place.name, link.name): link.kind for place in topology.places for link in place.links}
    drawn = {end for end in kinds if LOT.fullmatch(end.interface) and end in far}
    return {end: f"{end.place} to {far[end]}" if end in drawn else f"{kind} {end}" for end, kind in kinds.items()}


def _names(topology: Topology) -> set[str]:
    return {place.name for place in topology.places}


def _tenants(topology: Topology) -> set[str]:
    return {name for place in topology.places for name in place.containers}


def _link(topology: Topology, end: End) -> Link:
    return next(link for link in topology.place(end.place).links if link.name == end.interface)


def _shown(link: Link) -> tuple[object, ...]:
    """Give what a learner sees of an interface."""
    return link.addresses, link.up, link.master, link.mode, link.number
