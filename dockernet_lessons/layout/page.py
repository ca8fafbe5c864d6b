"""A page being filled: the smallest parts, each put where it is told, each telling what room it took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from ..facts import Cable, End, Link, Place, Topology
from ..topology import far_ends, shown_addresses
from .parts import (
    Align,
    Bar,
    Box,
    Chip,
    Frame,
    Key,
    Label,
    Layout,
    Point,
    Port,
    Rect,
    Role,
    Shaft,
    Tab,
    Tint,
    Wire,
    text_width,
)

LINE = 12.0  # one line of an address
NAME, NOTE = 15.0, 11.0
TAB = 15.0
BAR = 28.0
PORT = 8.0
LEAST_WIDTH = 240.0  # room for a title
Part = Frame | Box | Shaft | Chip | Bar | Tab | Port | Wire | Label | Key
CAPTION_LINE = 12.0


def short(name: str, most: int = 24) -> str:
    """Shorten a name in the middle, and make it printable.

    >>> short("a-container-with-quite-a-long-name", 17)
    'a-contai…ong-name'
    """
    name = "".join(c if c.isprintable() else "?" for c in name)
    return name if len(name) <= most else f"{name[: most // 2]}…{name[len(name) - (most - 1) // 2 :]}"


def tab_width(link: Link) -> float:
    """Give the room an interface needs on a border: its name in the tab, its addresses beside it."""
    addresses = [text_width(str(address), "address") for address in shown_addresses(link)]
    return max([text_width(short(link.name, 15), "interface") + 10, *addresses])


def box_width(place: Place, *rows: Sequence[Link], gap: float) -> float:
    """Give the width of a namespace's box: wide enough for its name and for each row of its interfaces."""
    tabs = [sum(tab_width(link) + gap for link in row) - gap for row in rows if row]
    return max(text_width(short(place.name), "name"), *tabs, 44.0) + 16


class Page:
    """Collects parts, and knows of the topology what every part needs to know."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.far = far_ends(topology)
        pairs = [cable for cable in topology.cables if cable.kind == "veth"]
        self.cable = {end: cable for cable in pairs for end in (cable.one, cable.other)}
        self.parent = {cable.one: cable for cable in topology.cables if cable.kind == "parent"}
        self.link = {End(place.name, link.name): link for place in topology.places for link in place.links}
        self.tabs: dict[End, Rect] = {}
        self.drops: dict[End, float] = {}  # where the cable of a very wide interface leaves it
        self.parts: list[Part] = []

    def add(self, part: Part) -> None:
        """Keep a finished part."""
        self.parts.append(part)

    def label(
        self,
        text: str,
        role: Role,
        x: float,
        y: float,
        *,
        align: Align = "center",
        pale: bool = False,
        on: Tint | None = None,
    ) -> Rect:
        """Set one line of text with its middle, or the middle of its left edge, at x, y."""
        width, height = text_width(text, role), LINE
        room = Rect.around(x if align == "center" else x + width / 2, y, width, height)
        self.add(Label(text, role, room, align, pale, on))
        return room

    def box(self, place: Place, rect: Rect, also: Iterable[str] = ()) -> Rect:
        """Draw the outline of a namespace."""
        self.add(Box(place.name, place.kind, rect, tuple(also)))
        return rect

    def tab(self, place: Place, link: Link, x: float, border: float, tint: Tint, *, inwards: Literal[-1, 1]) -> Rect:
        """Set an interface on a border, its addresses in the box: above the tab for -1, below it for 1."""
        rect = self.bare_tab(place, link, x, border, tint)
        self.lines([str(address) for address in shown_addresses(link)], x, border, inwards=inwards)
        return rect

    def bare_tab(
        self,
        place: Place,
        link: Link,
        x: float,
        border: float,
        tint: Tint,
        *,
        width: float = 0.0,
        also: Sequence[End] = (),
    ) -> Rect:
        """Set an interface on a border without its addresses, as wide as its name or wider."""
        end = End(place.name, link.name)
        rect = Rect.around(x, border, max(width, text_width(short(link.name, 15), "interface") + 10), TAB)
        self.tabs |= dict.fromkeys((end, *also), rect)
        self.add(Tab(end, rect, tint, link.up, tuple(also)))
        self.label(short(link.name, 15), "interface", *rect.centre, pale=not link.up)
        return rect

    def lines(self, lines: Sequence[str], x: float, border: float, *, inwards: Literal[-1, 1]) -> None:
        """Write addresses beside an interface: above a border for -1, below it for 1."""
        for number, line in enumerate(reversed(lines) if inwards < 0 else lines):
            self.label(line, "address", x, border + inwards * (TAB / 2 + 3 + LINE * (number + 0.5)))

    def tab_row(
        self,
        place: Place,
        row: Sequence[Link],
        x: float,
        border: float,
        *,
        inwards: Literal[-1, 1],
        gap: float,
    ) -> None:
        """Set several interfaces side by side, their middle at x."""
        left = x - (sum(tab_width(link) + gap for link in row) - gap) / 2
        for link in row:
            self.tab(place, link, left + tab_width(link) / 2, border, Tint(), inwards=inwards)
            left += tab_width(link) + gap

    def bar(
        self, end: End, rect: Rect, tint: Tint, words: Iterable[str], *, idle: bool = False, internal: bool = False
    ) -> Rect:
        """Draw a bridge, its name and addresses on it: on one line, or below each other if it is high."""
        self.add(Bar(end, rect, tint, idle, internal))
        name, *addresses = words
        on = None if idle else tint
        x, y = rect.centre
        if rect.height > BAR:
            top = y - LINE * len(addresses) / 2
            self.label(name, "bar", x, top, on=on)
            for number, address in enumerate(addresses):
                self.label(address, "address", x, top + LINE * (number + 1), on=on)
            return rect
        x -= bar_text_width(name, addresses) / 2
        x = self.label(name, "bar", x, y, align="left", on=on).right
        for address in addresses:
            x = self.label(address, "address", x + 8, y, align="left", on=on).right
        return rect

    def port(self, end: End, x: float, edge: float, tint: Tint, *, also: Sequence[End] = ()) -> Rect:
        """Set a port astride the edge of a bar."""
        rect = Rect.around(x, edge, PORT, PORT)
        self.add(Port(end, rect, tint, tuple(also)))
        return rect

    def wire(
        self,
        cable: Cable | None,
        one: Point,
        other: Point,
        tint: Tint,
        *,
        turn: float,
        also: Sequence[Cable] = (),
    ) -> None:
        """Lead a cable between two points: straight down if it can, else sideways at the height ``turn``."""
        (x, y), (to_x, to_y) = one, other
        straight = abs(x - to_x) < 0.01
        points = (one, other) if straight else ((x, y), (x, turn), (to_x, turn), (to_x, to_y))
        self.add(Wire(cable, points, tint, tuple(also)))

    def finished(self, margin: float) -> Layout:
        """Give the filled page, as large as what is on it and a margin."""
        of = {  # in the order of Layout's fields
            kind: tuple(p for p in self.parts if isinstance(p, kind))
            for kind in (Frame, Box, Shaft, Chip, Bar, Tab, Port, Wire, Label, Key)
        }
        rooms = [
            part.room if isinstance(part, Label) else part.rect for part in self.parts if not isinstance(part, Wire)
        ]
        whole = Rect(0, 0, 0, 0).union(*rooms)
        return Layout(max(whole.right + margin, LEAST_WIDTH), whole.bottom + margin, *of.values())  # type: ignore[arg-type]


def bar_text_width(name: str, addresses: Iterable[str]) -> float:
    """Give the width of what is written on a bar."""
    return text_width(name, "bar") + sum(8 + text_width(address, "address") for address in addresses)
