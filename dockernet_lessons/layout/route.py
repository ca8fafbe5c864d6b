"""A packet's path on a finished page: bands along the cables, numbers beside the interfaces, a cross where it died.

Only the geometry; which way leads from one sighting to the next is asked of :mod:`dockernet_lessons.layout.ways`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import dist
from textwrap import wrap

from ..facts import End, PacketPath, StepState, Topology
from .parts import Band, Bar, Cross, Layout, Mark, Point, Port, Rect, Slip, Tab, text_width
from .ways import Ways

RAIL = 4.5  # from the edge of a bar to the band along it
ASIDE = 3.0  # the ways there and back keep to either side of a cable
MARK = 12.5
CROSS = 9.0
SLIP_LINE, SLIP_LETTERS = 11.0, 34
BELOW_A_BAR = 24.0  # from a bar to below its caption


def with_path(page: Layout, topology: Topology, path: PacketPath) -> Layout:
    """Give the same page with a packet's path upon it.

    Where two sightings are not neighbours the band takes the shortest way between them.

    Raises :class:`~dockernet_lessons.errors.LessonError` for a place that is not in the topology.
    """
    return _Route(page, topology, path).on_page()


@dataclass(slots=True)
class _Pen:
    """Draws along a way: in the open, or upon a bar."""

    aside: float
    state: StepState
    bands: list[Band] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    over: bool = False

    def at(self) -> Point:
        return self.points[-1]

    def to(self, *points: Point) -> None:
        for x, y in points:
            if not self.points or dist(self.points[-1], (x, y)) > 0.01:
                self.points.append((x, y))

    def switch(self, *, over: bool) -> None:
        if over != self.over:
            last = self.points[-1:]
            self.lift()
            self.points, self.over = last, over

    def lift(self) -> None:
        if len(self.points) > 1:
            moved = tuple((x + self.aside, y + self.aside) for x, y in self.points)
            self.bands.append(Band(moved, self.state, self.over))
        self.points = []


class _Route:
    def __init__(self, page: Layout, topology: Topology, path: PacketPath) -> None:
        self.page, self.path = page, path
        self.ways = Ways(topology)
        parts: list[Tab | Port | Bar] = [*page.bars, *page.tabs, *page.ports]
        self.drawn = {end: part for part in parts for end in (part.end, *(() if isinstance(part, Bar) else part.also))}
        self.bars = {bar.end: bar for bar in page.bars}
        self.feet = {end: part.rect for end, part in self.drawn.items() if isinstance(part, Tab) and end in self.bars}
        self.boxes = {name: box.rect for box in page.boxes for name in (box.place, *box.also)}
        every = [(cable, wire) for wire in page.wires if wire.cable for cable in (wire.cable, *wire.also)]
        self.wires = {frozenset((cable.one, cable.other)): wire for cable, wire in every}
        self.both = any(step.state == "reply" for step in path.steps)

    def on_page(self) -> Layout:
        bands: list[Band] = []
        for step, following in pairwise(self.path.steps):
            bands += self._stretch(step.end, following.end, "reply" if following.state == "reply" else "passed")
        marks = tuple(self._marks())
        page = replace(self.page, bands=tuple(bands), marks=marks)
        if self.path.died is None or not self.path.steps:
            return page
        last = self.path.steps[-1].end
        if self.path.towards:
            bands += self._half(self._stretch(last, self.path.towards, "passed"))
            point = bands[-1].points[-1] if bands else self._anchor(last)
        else:
            point = self._beside(last)
        slip = self._slip(point, self.path.died, marks)
        height = max(page.height, slip.rect.bottom + 8)
        return replace(
            page, bands=tuple(bands), crosses=(Cross(Rect.around(*point, CROSS, CROSS)),), slips=(slip,), height=height
        )

    def _stretch(self, one: End, other: End, state: StepState) -> list[Band]:
        pen = _Pen((ASIDE if state == "reply" else -ASIDE) if self.both else 0.0, state)
        way = self.ways.between(one, other)
        pen.to(self._anchor(way[0]))
        pen.over = way[0] in self.bars and way[0] not in self.feet
        for here, there in pairwise(way):
            self._go(pen, here, there, end=way[-1])
        pen.lift()
        return pen.bands

    def _go(self, pen: _Pen, here: End, there: End, *, end: End) -> None:
        wire = self.wires.get(frozenset((here, there)))
        if wire:
            points = wire.points
            backwards = dist(points[-1], self._anchor(here)) < dist(points[0], self._anchor(here))
            pen.switch(over=False)
            pen.to(*(reversed(points) if backwards else points), self._anchor(there))
        elif there in self.bars and here.place == there.place and here.interface:  # a port of this bridge
            bar, (x, y) = self.bars[there].rect, pen.at()
            pen.switch(over=True)
            pen.to((x, bar.top + RAIL if y < bar.centre[1] else bar.bottom - RAIL))
            if there == end:
                self._off(pen, there)
        elif here in self.bars and there.interface:
            x, y = self._anchor(there)
            self._on(pen, here)
            pen.to((x, pen.at()[1]), (x, y))
            pen.switch(over=False)
        elif here in self.bars:  # up into the stack of the place
            bar = self.bars[here].rect
            self._off(pen, here, leave=True)
            if here not in self.feet:
                pen.to((pen.at()[0], bar.bottom + BELOW_A_BAR))
        elif there in self.bars:  # and down from it
            bar, x = self.bars[there].rect, self._joins_the_stack(there)
            if there in self.feet:
                pen.to(self._anchor(there))
            else:
                pen.to((pen.at()[0], bar.bottom + BELOW_A_BAR), (x, bar.bottom + BELOW_A_BAR), (x, bar.bottom))
                pen.switch(over=True)
                pen.to((x, bar.top + RAIL))
        elif there.interface:  # from the stack to an interface, or past what is not drawn
            (x, y), (to_x, to_y) = pen.at(), self._anchor(there)
            box = self.boxes.get(there.place)
            turn = y if not here.interface and box and box.top < y < box.bottom else (y + to_y) / 2
            pen.to((x, turn), (to_x, turn), (to_x, to_y))

    def _joins_the_stack(self, bridge: End) -> float:
        """Give the x at which a bar is joined to the stack of its place: at the end that is nearer to the way out."""
        bar, box = self.bars[bridge].rect, self.boxes[bridge.place]
        out = [tab.rect.centre[0] for tab in self.page.tabs if abs(tab.rect.centre[1] - box.bottom) < 1]
        out = [x for x in out if box.left < x < box.right] or [box.centre[0]]
        return bar.left + 7 if sum(out) / len(out) < bar.centre[0] else bar.right - 7

    def _off(self, pen: _Pen, bridge: End, *, leave: bool = False) -> None:
        """Lead along a bar to where it joins the stack: to its foot, if it has one, else to an end of it."""
        bar, foot = self.bars[bridge].rect, self.feet.get(bridge)
        if foot:
            pen.to((foot.centre[0], pen.at()[1]))
            pen.switch(over=False)
            pen.to(foot.centre)
            return
        x = self._joins_the_stack(bridge)
        pen.to((x, pen.at()[1]))
        if leave:
            pen.to((x, bar.bottom))
            pen.switch(over=False)

    def _on(self, pen: _Pen, bridge: End) -> None:
        """Lead from a bar's foot up to the bar."""
        if bridge in self.feet and pen.at() == self.feet[bridge].centre:
            pen.to((pen.at()[0], self.bars[bridge].rect.bottom))
            pen.switch(over=True)
            pen.to((pen.at()[0], self.bars[bridge].rect.bottom - RAIL))

    def _anchor(self, end: End) -> Point:
        part = self.drawn.get(end)
        if isinstance(part, Bar):
            return self._joins_the_stack(end), part.rect.top + RAIL
        if part:
            return part.rect.centre
        box = self.boxes[end.place]
        return box.centre[0], box.top + 14

    def _half(self, bands: Sequence[Band]) -> list[Band]:
        """Give the first half of a way: the packet was sent, and did not arrive."""
        whole = sum(dist(a, b) for band in bands for a, b in pairwise(band.points))
        left, kept = whole / 2, list[Band]()
        for band in bands:
            points = [band.points[0]]
            for a, b in pairwise(band.points):
                length = dist(a, b)
                share = min(1.0, left / length) if length else 1.0
                points.append((a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share))
                left -= length
                if left <= 0:
                    break
            kept.append(replace(band, points=tuple(points)))
            if left <= 0:
                break
        return kept

    def _beside(self, end: End) -> Point:
        """Find the place right behind the last sighting, where no word stands."""
        part = self.drawn.get(end)
        if isinstance(part, Bar):
            return self._joins_the_stack(end), part.rect.bottom + 9
        if isinstance(part, Port):
            return part.rect.left - 6, part.rect.centre[1] - (9 if self._on_top(part) else -9)
        if part:
            return part.rect.left - 11, part.rect.centre[1]
        box = self.boxes[end.place]
        return box.left + 11, box.top + 11

    def _marks(self) -> Iterator[Mark]:
        """Put the numbers beside their interface: those of the way there on its right, of the way back on its left."""
        groups: dict[tuple[End, bool], list[int]] = {}
        for number, step in enumerate(self.path.steps):
            if step.label:
                groups.setdefault((step.end, step.state == "reply"), []).append(number)
        for (end, back), numbers in groups.items():
            steps = [self.path.steps[number] for number in numbers]
            text = ",".join(step.label for step in steps)
            width = max(MARK, text_width(text, "mark") + 6)
            x, y = self._mark_at(end, width, -1 if back else 1)
            here = any(step.here for step in steps)
            yield Mark(end, Rect.around(x, y, width, MARK), text, steps[-1].state, here)

    def _on_top(self, port: Port) -> bool:
        """Tell whether a port is on the upper edge of its bar."""
        return not any(abs(bar.rect.bottom - port.rect.centre[1]) < 1 for bar in self.page.bars)

    def _mark_at(self, end: End, width: float, side: int) -> Point:
        part = self.drawn.get(end)
        if part is None:
            box = self.boxes[end.place]
            return (box.right - 4 - width / 2 if side > 0 else box.left + 4 + width / 2), box.top + 4 + MARK / 2
        edge = part.rect.right if side > 0 else part.rect.left
        if isinstance(part, Bar):  # astride the end at which it joins the stack; for the way back, astride the other
            right = (self._joins_the_stack(end) > part.rect.centre[0]) == (side > 0)
            return part.rect.right if right else part.rect.left, part.rect.centre[1] + 3
        if isinstance(part, Port):
            above = self._on_top(part)
            return edge + side * (width / 2 - 1), part.rect.top - MARK / 2 if above else part.rect.bottom + MARK / 2
        return edge + side * (width / 2 - 1), part.rect.centre[1]

    def _slip(self, cross: Point, text: str, marks: Sequence[Mark]) -> Slip:
        """Lay the slip where it hides least, near the cross; below everything else where it would hide much."""
        lines = tuple(wrap(text, SLIP_LETTERS)) or ("",)
        width = max(text_width(line, "slip") for line in lines) + 12
        height = SLIP_LINE * len(lines) + 9
        hidden = [(label.room, 3.0) for label in self.page.labels]
        hidden += [(part.rect, 3.0) for part in self.drawn.values() if not isinstance(part, Bar)]
        hidden += [(mark.rect, 3.0) for mark in marks]
        hidden += [(bar.rect, 0.5) for bar in self.page.bars]
        hidden += [(_between(*ends), 1.0) for wire in self.page.wires for ends in pairwise(wire.points)]
        hidden.append((Rect.around(*cross, CROSS + 4, CROSS + 4), 9.0))
        page = Rect(4, 4, self.page.width - 8, self.page.height - 8)
        spots = [
            Rect.around(cross[0] + sx * (width / 2 + far), cross[1] + sy * (height / 2 + far), width, height)
            for far in (10, 22, 40, 64, 96)
            for sx, sy in ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))
        ]
        spots = [spot for spot in spots if page.contains(spot)]
        spots.append(Rect(min(cross[0], max(4.0, page.right - width)), self.page.height, width, height))

        def cost(spot: Rect) -> float:
            return 0.5 * dist(spot.centre, cross) + sum(price * _shared(spot, rect) for rect, price in hidden)

        return Slip(min(spots, key=cost), lines, cross)


def _between(one: Point, other: Point) -> Rect:
    (x, y), (to_x, to_y) = one, other
    return Rect(min(x, to_x) - 2, min(y, to_y) - 2, abs(to_x - x) + 4, abs(to_y - y) + 4)


def _shared(one: Rect, other: Rect) -> float:
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0.0, wide) * max(0.0, high)
