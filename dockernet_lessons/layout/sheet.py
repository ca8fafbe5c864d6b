"""The page from top to bottom: machines with their containers, the LAN, and what lies beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..facts import End, Link, Place, Topology
from ..topology import interfaces, shown_addresses
from .columns import BETWEEN_FEET
from .machine import Machine
from .page import BAR, LINE, NAME, TAB, Page, bar_text_width, box_width, short
from .parts import Bar, Box, Key, Layout, Rect, Sample, Tab, Tint, Wire, text_width

MARGIN = 14.0
BETWEEN_MACHINES = 28.0
TO_THE_LAN = 30.0
BEYOND = 30.0  # from the LAN to a box below it
BEYOND_THE_LAN = ("router", "neighbour", "internet")
KEYS: dict[Sample, str] = {
    "box": "network namespace",
    "tab": "interface",
    "bar": "bridge",
    "wire": "cable (veth pair)",
}


def layout(topology: Topology) -> Layout:
    """Give every part of a topology its place on the page, in points.

    Veth names, indexes and MAC addresses move nothing. Names too long for a picture are cut in the middle.

    >>> page = layout(Topology((Place("web", "container", "host1", 1),)))
    >>> [box.place for box in page.boxes], [frame.machine for frame in page.frames]
    (['web'], ['host1'])
    """
    page = Page(topology)
    frames = _machines(page)
    lan = _Lan.of(topology.places)
    outside = [_Outside.of(page, place, lan) for place in topology.places if place.kind in BEYOND_THE_LAN]
    row = [one for one in outside if not any(one.is_behind(page, other) for other in outside)]
    least = max((one.width + BEYOND for one in outside), default=0.0) * len(row)
    around = Rect(MARGIN, MARGIN, least, 0).union(*frames)
    below = lan.draw(page, around) if lan else around
    for number, one in enumerate(row):
        x = below.left + below.width * (number + 0.5) / len(row)
        rect = one.draw(page, x, below.bottom + (BEYOND if lan else TO_THE_LAN), lan)
        for away in (other for other in outside if other.is_behind(page, one)):
            away.draw(page, x, rect.bottom + BEYOND, None)
            _join(page, away.place)
    _key(page, around.width)
    return page.finished(MARGIN)


def _machines(page: Page) -> list[Rect]:
    names = dict.fromkeys(place.machine for place in page.topology.places if place.kind in ("host", "container"))
    machines = [Machine(page, name) for name in names]
    rows = max((machine.rows for machine in machines), default=0)
    lines = max((machine.lines for machine in machines), default=0)
    tracks = max((machine.tracks for machine in machines), default=0)
    frames: list[Rect] = []
    left = MARGIN
    for machine in machines:
        frames.append(machine.draw(left, MARGIN, rows=rows, lines=lines, tracks=tracks))
        left = frames[-1].right + BETWEEN_MACHINES
    return frames


@dataclass(frozen=True, slots=True)
class _Lan:
    """The LAN: a bridge in the router, drawn as a bar of its own, as that is what it is to all others."""

    router: Place
    bridge: Link

    @classmethod
    def of(cls, places: Sequence[Place]) -> _Lan | None:
        found = [cls(p, link) for p in places if p.kind == "router" for link in interfaces(p) if link.kind == "bridge"]
        return next((lan for lan in found if lan.bridge.name == "lan"), found[0] if found else None)

    @property
    def end(self) -> End:
        return End(self.router.name, self.bridge.name)

    def ports(self) -> list[End]:
        return [End(self.router.name, link.name) for link in interfaces(self.router) if link.master == self.bridge.name]

    def words(self) -> list[str]:
        return ["LAN", *(str(address.network) for address in shown_addresses(self.bridge))]

    def draw(self, page: Page, above: Rect) -> Rect:
        width = max(above.width, bar_text_width("", self.words()) + 60)
        rect = Rect(above.left, above.bottom + TO_THE_LAN, width, BAR)
        page.bar(self.end, rect, Tint(), self.words())
        loose = rect.right - 14
        for end in self.ports():
            far = page.far.get(end)
            if far in page.tabs:  # the hosts' interfaces are on the page by now, the others come below
                tab = page.tabs[far]
                port = page.port(end, tab.centre[0], rect.top, Tint())
                page.wire(page.cable[end], (tab.centre[0], tab.bottom), (tab.centre[0], port.top), Tint(), turn=0)
            elif far is None:
                page.port(end, loose, rect.top, Tint())
                loose -= 14
        return rect


@dataclass(frozen=True, slots=True)
class _Outside:
    """A namespace outside the machines: what leads towards the LAN on top, the rest below."""

    place: Place
    upper: tuple[Link, ...]
    lower: tuple[Link, ...]

    @classmethod
    def of(cls, page: Page, place: Place, lan: _Lan | None) -> _Outside:
        shown = [link for link in interfaces(place) if link.master is None]  # a port is shown on its bridge
        near = {end for port in (lan.ports() if lan else ()) if (end := page.far.get(port))}
        near |= {lan.end} if lan else set()
        upper = [link for link in shown if place.kind != "router" or End(place.name, link.name) in near]
        return cls(place, tuple(upper), tuple(link for link in shown if link not in upper))

    @property
    def width(self) -> float:
        return box_width(self.place, "", self.upper, self.lower, gap=BETWEEN_FEET)

    def is_behind(self, page: Page, other: _Outside) -> bool:
        """Tell whether this is the Internet, and the other the router that leads there."""
        if (self.place.kind, other.place.kind) != ("internet", "router"):
            return False
        ends = (page.far.get(End(self.place.name, link.name)) for link in self.upper)
        return any(end and end.place == other.place.name for end in ends)

    def draw(self, page: Page, x: float, top: float, lan: _Lan | None) -> Rect:
        place = self.place
        above, below = (_depth(row) for row in (self.upper, self.lower))
        rect = page.box(place, Rect(x - self.width / 2, top, self.width, above + NAME + below + 16))
        page.label(short(place.name), "name", x, top + above + 8 + NAME / 2)
        page.tab_row(place, self.upper, x, rect.top, inwards=1, gap=BETWEEN_FEET)
        page.tab_row(place, self.lower, x, rect.bottom, inwards=-1, gap=BETWEEN_FEET)
        for end in (End(place.name, link.name) for link in self.upper):
            tab, far = page.tabs[end], page.far.get(end, end)
            foot = (tab.centre[0], tab.top)
            if lan and end == lan.end:
                page.wire(None, (foot[0], top - BEYOND), foot, Tint(), turn=0)
            elif lan and far in lan.ports():
                port = page.port(far, foot[0], top - BEYOND, Tint())
                page.wire(page.cable[end], (foot[0], port.bottom), foot, Tint(), turn=0)
        return rect


def _depth(row: Sequence[Link]) -> float:
    """Give how far a row of interfaces with their addresses reaches into a box."""
    return max((TAB / 2 + 3 + LINE * len(shown_addresses(link)) for link in row), default=0.0)


def _join(page: Page, away: Place) -> None:
    """Lead the Internet's cables up to the router."""
    for end in (End(away.name, link.name) for link in interfaces(away)):
        here, there = page.tabs.get(end), page.tabs.get(page.far.get(end, end))
        if here and there and here is not there:
            start, stop = (there.centre[0], there.bottom), (here.centre[0], here.top)
            page.wire(page.cable[end], start, stop, Tint(), turn=(start[1] + stop[1]) / 2)


def _key(page: Page, width: float) -> None:
    """Say below the picture what its shapes stand for; only those that are in it."""
    present: dict[Sample, bool] = {
        "box": any(isinstance(part, Box) for part in page.parts),
        "tab": any(isinstance(part, Tab) for part in page.parts),
        "bar": any(isinstance(part, Bar) for part in page.parts),
        "wire": any(isinstance(part, Wire) and part.cable for part in page.parts),
    }
    x, y = MARGIN, page.finished(0).height + 26
    for sample in (sample for sample, there in present.items() if there):
        room = 20 + 6 + text_width(KEYS[sample], "key")
        if x > MARGIN and x + room > MARGIN + width + 2:
            x, y = MARGIN, y + 18
        page.add(Key(sample, Rect.around(x + 10, y, 20, 11)))
        page.label(KEYS[sample], "key", x + 26, y, align="left")
        x += room + 15
