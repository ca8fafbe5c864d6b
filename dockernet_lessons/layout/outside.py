"""What lies outside the machines: the LAN, the router, the neighbours, and the Internet behind the router."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..facts import End, Link, Place
from ..topology import interfaces, shown_addresses
from .columns import BETWEEN_FEET
from .page import BAR, LINE, NAME, TAB, Page, bar_text_width, box_width, short
from .parts import Rect, Tint

BEYOND = 30.0  # from the LAN to a box below it


@dataclass(frozen=True, slots=True)
class Lan:
    """The LAN: a bridge in the router, drawn as a bar of its own, as that is what it is to all others."""

    router: Place
    bridge: Link

    @classmethod
    def of(cls, places: Sequence[Place]) -> Lan | None:
        """Find the LAN among the places, if it is there."""
        found = [cls(p, link) for p in places if p.kind == "router" for link in interfaces(p) if link.kind == "bridge"]
        return next((lan for lan in found if lan.bridge.name == "lan"), found[0] if found else None)

    @property
    def end(self) -> End:
        """The bridge itself."""
        return End(self.router.name, self.bridge.name)

    def ports(self) -> list[End]:
        """Give the router's interfaces that are plugged into it."""
        return [End(self.router.name, link.name) for link in interfaces(self.router) if link.master == self.bridge.name]

    def words(self) -> list[str]:
        """Give what is written on it."""
        return ["LAN", *(str(address.network) for address in shown_addresses(self.bridge))]

    def draw(self, page: Page, above: Rect, top: float) -> Rect:
        """Draw the bar below all machines, and the cables that come down to it."""
        width = max(above.width, bar_text_width("", self.words()) + 60)
        rect = Rect(above.left, top, width, BAR)
        page.bar(self.end, rect, Tint(), self.words())
        loose = rect.right - 14
        for end in self.ports():
            far = page.far.get(end)
            if far in page.tabs:  # the hosts' interfaces are on the page by now, the others come below
                x = page.drops.get(far, page.tabs[far].centre[0])
                port = page.port(end, x, rect.top, Tint())
                page.wire(page.cable[end], (x, page.tabs[far].bottom), (x, port.top), Tint(), turn=0)
            elif far is None:
                page.port(end, loose, rect.top, Tint())
                loose -= 14
        return rect


@dataclass(frozen=True, slots=True)
class Outside:
    """A namespace outside the machines: what leads towards the LAN on top, the rest below."""

    place: Place
    upper: tuple[Link, ...]
    lower: tuple[Link, ...]

    @classmethod
    def of(cls, page: Page, place: Place, lan: Lan | None) -> Outside:
        """Sort the interfaces of a place into upper and lower ones."""
        shown = [link for link in interfaces(place) if link.master is None]  # a port is shown on its bridge
        near = {end for port in (lan.ports() if lan else ()) if (end := page.far.get(port))}
        near |= {lan.end} if lan else set()
        upper = [link for link in shown if place.kind != "router" or End(place.name, link.name) in near]
        return cls(place, tuple(upper), tuple(link for link in shown if link not in upper))

    @property
    def width(self) -> float:
        """The width of the box."""
        return box_width(self.place, self.upper, self.lower, gap=BETWEEN_FEET)

    def is_behind(self, page: Page, other: Outside) -> bool:
        """Tell whether this is the Internet, and the other the router that leads there."""
        if (self.place.kind, other.place.kind) != ("internet", "router"):
            return False
        ends = (page.far.get(End(self.place.name, link.name)) for link in self.upper)
        return any(end and end.place == other.place.name for end in ends)

    def draw(self, page: Page, x: float, top: float, lan: Lan | None) -> Rect:
        """Draw the box with its middle at x, and its cables up to the LAN."""
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


def join_internet(page: Page, away: Place) -> None:
    """Lead the Internet's cables up to the router."""
    for end in (End(away.name, link.name) for link in interfaces(away)):
        here, there = page.tabs.get(end), page.tabs.get(page.far.get(end, end))
        if here and there and here is not there:
            start, stop = (there.centre[0], there.bottom), (here.centre[0], here.top)
            page.wire(page.cable[end], start, stop, Tint(), turn=(start[1] + stop[1]) / 2)
