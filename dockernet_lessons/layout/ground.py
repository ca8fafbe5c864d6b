"""What containers are plugged into: the namespace of a host with its bridges and parents, or an overlay's sandbox.

Bars are bridges; a parent of macvlans or ipvlans is a wide interface at the bottom, under a shaft that leads past the
host's stack. Idle bridges and containers without a namespace of their own stand where there is room.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..facts import End, Link, Place
from ..topology import interfaces, network_of, shown_addresses, tenants
from . import signs
from .columns import BETWEEN_FEET, Room
from .page import BAR, CAPTION_LINE, LINE, NAME, NOTE, TAB, Page, bar_text_width, short, tab_width
from .parts import Chip, Rect, Shaft, Tint, text_width

INSIDE = 16.0  # from a border to what is in it
TO_THE_BARS = 30.0
CAPTION = 20.0
CHIP, CHIP_ROW = 32.0, 40.0
LANE = 14.0  # between bridges and chips, and to either side of an outer interface: a packet's way runs there
NECK = 16.0  # of a VXLAN interface, which is a port of its bridge and leads out of the namespace
SKIRT = 7.0  # between two cables that run below a host
NOTES = {"host": "the host's own namespace", "sandbox": "hidden namespace"}


@dataclass(frozen=True, slots=True)
class Density:
    """How tightly a machine is drawn: what is done where it would be too wide."""

    compact: bool = False
    two_rows: bool = False
    crowd_from: int = 0
    most_networks: int = 99
    most_boxes: int = 999


class Ground:
    """Plans one such namespace: what is in it and the room it needs; ``draw`` puts it on the page."""

    def __init__(
        self,
        page: Page,
        place: Place,
        *,
        landed: Collection[End],
        dropped: Collection[End],
        tints: Mapping[End, Tint],
        density: Density,
        zone: int,
    ) -> None:
        self.page, self.place, self.tints, self.zone = page, place, tints, zone
        self.compact = density.compact
        self.links = interfaces(place)
        self.landed = landed
        bridges = [link for link in self.links if link.kind == "bridge" and self.end(link) not in dropped]
        bridges.sort(key=signs.by_address)
        self.dropped = sum(self.end(link) in dropped for link in self.links)
        touched = [link for link in self.links if self.end(link) in landed and link.kind != "bridge"]
        parents = {cable.other for cable in page.parent.values()}
        self.parents = [link for link in touched if self.end(link) in parents]
        self.lone = [link for link in touched if link not in self.parents]
        tucked = self.compact or bool(self.parents)
        self.below = [link for link in bridges if tucked and self.end(link) not in landed]
        self.bridges = [link for link in bridges if link not in self.below]
        self.necks = [link for link in self.links if place.kind == "sandbox" and link.kind == "vxlan" and link.master]
        used = (*bridges, *touched, *self.necks)
        self.outer = [link for link in self.links if link not in used and not link.master and link.kind != "bridge"]
        self.chips = tenants(place) if place.kind == "host" else ()
        addresses = max((len(shown_addresses(link)) for link in (*self.bridges, *self.below)), default=0)
        self.bar_height = LINE * addresses + 22 if self.compact and addresses else BAR
        lines = max((len(self._caption(link)) for link in bridges), default=1)
        self.caption_height = CAPTION_LINE * lines + 6 if self.compact else CAPTION

    def end(self, link: Link) -> End:
        """Give an interface of this namespace as an end."""
        return End(self.place.name, link.name)

    # ---- how much room ---------------------------------------------------------------------------------------

    def rooms(self) -> dict[End, Room]:
        """Give the room that each landing needs, from left to right."""
        rooms = {}
        if self.parents:
            rooms[End(self.place.name, "")] = Room(self._column(), self.zone, pinned=True)
        for bridge in self.bridges:
            rooms[self.end(bridge)] = Room(self._bar_width(bridge), self.zone)
        for link in self.lone:
            rooms[self.end(link)] = Room(tab_width(link) + BETWEEN_FEET, self.zone)
        for link in self.parents:
            left = self._overhang(link)
            words = max(text_width(line, "caption") for line in signs.parent(self.page, self.end(link)))
            rooms[self.end(link)] = Room(left + max(words + 4, 48), self.zone, left)
        if self.parents and self.outer:
            rooms[End(self.place.name, " ")] = Room(self._row(self.outer), self.zone, pinned=True)
        if not rooms:  # it stands beside the others all the same
            rooms[End(self.place.name, "")] = Room(self.least() - 2 * INSIDE, self.zone, pinned=True)
        return rooms

    def least(self) -> float:
        """Give the least width of the box."""
        if self.parents:
            return 0.0
        words = self._words()
        tucked = max((self._bar_width(link) for link in self.below), default=0.0)
        chips = text_width(signs.WITHOUT_A_NAMESPACE, "note") + 90 if self.chips else 0.0
        row = self._row(self.outer)
        beside = words if self.compact or not self.outer else 2 * words + 2 * BETWEEN_FEET + row
        return max(beside, row, tucked, chips) + 2 * INSIDE

    def height(self, width: float) -> float:
        """Give the height of the box when it is as wide as that."""
        bars = self.bar_height + self.caption_height
        rows = len(self._flow(width)) * bars + len(self._chip_rows(width)) * CHIP_ROW + self._lane()
        main = bars if self.bridges else 0.0
        middle = max(main, rows) if self.parents else main + rows
        above = max((TAB / 2 + 3 + LINE * len(shown_addresses(link)) for link in self.lone), default=0.0)
        edge = (*self.outer, *self.parents)
        depths = [LINE * len(shown_addresses(link)) + 3 + TAB / 2 for link in edge]
        below = NAME + NOTE + max(depths, default=TAB / 2 + 2) if self._words_above() else max([NAME + NOTE, *depths])
        return max(TO_THE_BARS + middle if middle else 0.0, above) + 14 + below + 8

    def skirt(self) -> float:
        """Give the room needed below the box, for cables among its interfaces and for what is said of its parents."""
        lines = max((len(signs.parent(self.page, self.end(link))) for link in self.parents), default=0)
        tracks = len(self._tracks())
        return SKIRT * tracks + (CAPTION_LINE * lines + 4 if lines else 0.0) + (3 if tracks else 0)

    def _words_above(self) -> bool:
        """Tell whether the name of the place stands above its outer interfaces: there is no room beside them."""
        return bool(self.necks) or (self.compact and not self.parents)

    def _column(self) -> float:
        """Give the width of the column at the left in which all stands that has no cable, where there are shafts."""
        chips = [signs.chip_width(name) for name in signs.chips(self.chips)]
        chips += [text_width(signs.WITHOUT_A_NAMESPACE, "note")] if self.chips else []
        return max([self._words(), *(self._bar_width(link) for link in self.below), *chips])

    def _words(self) -> float:
        return max(text_width(short(self.place.name), "name"), text_width(self._note(), "note"))

    def _caption(self, bridge: Link) -> list[str]:
        return signs.caption(self.page, self.place, bridge, lines=self.compact)

    def _note(self) -> str:
        more = f"{self.dropped} more bridge{'s' * (self.dropped > 1)} in it" if self.dropped else ""
        if self.compact and more:
            return more
        return ", ".join(filter(None, [NOTES[self.place.kind], more]))

    def _overhang(self, link: Link) -> float:
        """Give how far a parent reaches out of its shaft, under the host's own stack."""
        return tab_width(link) + 8 if shown_addresses(link) else 24.0

    def _row(self, links: Sequence[Link]) -> float:
        return sum(tab_width(link) + BETWEEN_FEET for link in links) - BETWEEN_FEET if links else 0.0

    def _bar_width(self, bridge: Link) -> float:
        name, *addresses = signs.bar(bridge)
        caption = max(text_width(line, "caption") for line in self._caption(bridge)) + 8
        if self.necks:  # they lead down beside the words
            caption = max(caption, self._words()) + NECK * len(self.necks)
        if self.compact:
            lines = [bar_text_width(name, ()), *(text_width(address, "address") for address in addresses)]
            return max(max(lines) + 16, caption)
        return max(bar_text_width(name, addresses) + 28, caption)

    def _lane(self) -> float:
        """Give the height of the way between the bridges and the containers without a namespace."""
        return LANE if self.chips and not self.parents and (self.bridges or self.below) else 0.0

    def _chip_rows(self, width: float) -> list[list[tuple[str, float]]]:
        """Give the rows of what stands for containers without a namespace, each with how far from the border.

        The first row begins with a heading. The column above each outer interface stays free: packets come down there.
        """
        if not self.chips:
            return []
        if self.parents:
            return [[], *([(name, INSIDE)] for name in signs.chips(self.chips))]
        heading = INSIDE + text_width(signs.WITHOUT_A_NAMESPACE, "note") + 8
        columns = self._outer_columns(width)
        rows: list[list[tuple[str, float]]] = [[]]
        left = heading
        for name in signs.chips(self.chips):
            wide = signs.chip_width(name)
            spot = _clear_of(columns, left, wide)
            if spot + wide > width - INSIDE and rows[-1]:
                rows.append([])
                spot = _clear_of(columns, heading, wide)
            spot = heading if spot + wide > width - INSIDE else spot
            rows[-1].append((name, spot))
            left = spot + wide + 8
        return rows

    def _outer_columns(self, width: float) -> list[float]:
        """Give how far from the left border the outer interfaces are, where they stand in the middle."""
        left, found = (width - self._row(self.outer)) / 2, []
        for link in self.outer:
            found.append(left + tab_width(link) / 2)
            left += tab_width(link) + BETWEEN_FEET
        return found

    def _flow(self, width: float) -> list[list[Link]]:
        """Give the rows of bridges that nothing is plugged into."""
        rows: list[list[Link]] = []
        left = 0.0
        for bridge in self.below:
            room = self._bar_width(bridge)
            if not rows or self.parents or left + room > width - 2 * INSIDE:
                rows.append([])
                left = 0.0
            rows[-1].append(bridge)
            left += room + 14
        return rows

    # ---- on the page -----------------------------------------------------------------------------------------

    def draw(self, rect: Rect, spans: Mapping[End, tuple[float, float]], lone: Mapping[End, float]) -> None:
        """Draw it; ``spans`` tells where on the page its landings are, ``lone`` where bare cables come down."""
        page = self.page
        page.box(self.place, rect)
        for link in self.parents:
            self._parent(link, rect, *spans[self.end(link)])
        y = rect.top + TO_THE_BARS
        for bridge in self.bridges:
            left, right = spans[self.end(bridge)]
            self._bar(bridge, Rect(left, y, right - left, self.bar_height))
        for link in self.lone:
            page.tab(self.place, link, lone[self.end(link)], rect.top, Tint(), inwards=1)
        if self.bridges and not self.parents:
            y += self.bar_height + self.caption_height
        self._tucked(rect, y)
        base = rect.bottom - 8 - NOTE / 2
        if self.necks:
            base -= TAB / 2 + 2
        elif self._words_above():
            base -= max((LINE * len(shown_addresses(x)) + 3 + TAB / 2 for x in self.outer), default=0.0)
        page.label(self._note(), "note", rect.left + INSIDE, base, align="left")
        page.label(short(self.place.name), "name", rect.left + INSIDE, base - NOTE / 2 - NAME / 2, align="left")
        column = spans.get(End(self.place.name, " "))
        middle = sum(column) / 2 if column else rect.centre[0]
        page.tab_row(self.place, self.outer, middle, rect.bottom, inwards=-1, gap=BETWEEN_FEET)
        self._underneath(rect)

    def _tucked(self, rect: Rect, y: float) -> None:
        """Draw the bridges that nothing is plugged into, and the containers that live here."""
        page = self.page
        for row in self._flow(rect.width):
            left = rect.left + INSIDE
            for bridge in row:
                width = self._bar_width(bridge)
                self._bar(bridge, Rect(left, y, width, self.bar_height))
                left += width + 14
            y += self.bar_height + self.caption_height
        y += self._lane()
        for number, chips in enumerate(self._chip_rows(rect.width)):
            if not number:
                page.label(
                    signs.WITHOUT_A_NAMESPACE,
                    "note",
                    rect.left + INSIDE,
                    y + (CHIP_ROW - 10 if self.parents else CHIP / 2),
                    align="left",
                )
            for name, left in chips:
                spot = Rect(rect.left + left, y, signs.chip_width(name), CHIP)
                page.add(Chip(name, spot))
                page.label(name, "chip", spot.centre[0], y + 9.5)
                page.label(signs.CHIP_NOTE, "note", spot.centre[0], y + 22)
            y += CHIP_ROW

    def _bar(self, bridge: Link, rect: Rect) -> None:
        page, end, tint = self.page, self.end(bridge), self.tints[self.end(bridge)]
        ports = [link for link in self.links if link.master == bridge.name]
        network = network_of(page.topology, self.place, bridge)
        internal = bool(network and network.internal)
        page.bar(end, rect, tint, signs.bar(bridge), idle=not (ports and bridge.up), internal=internal)
        y = rect.bottom + (CAPTION / 2 if not self.compact else 9)
        for number, line in enumerate(self._caption(bridge)):
            x = rect.left + 2 if self.necks else rect.centre[0]
            page.label(line, "caption", x, y + CAPTION_LINE * number, align="left" if self.necks else "center")
        loose = [link for link in ports if link not in self.necks and self.end(link) not in self.landed]
        loose = [link for link in loose if not (far := page.far.get(self.end(link))) or far.place == self.place.name]
        necks = NECK * len(self.necks)
        for number, link in enumerate(loose):  # ports whose other end is not in the picture
            page.port(self.end(link), max(rect.right - 10 - necks - 14 * number, rect.left + 6), rect.bottom, tint)
        for number, link in enumerate(x for x in self.necks if x.master == bridge.name):
            x = rect.right - NECK * (number + 0.5)
            width = text_width(short(link.name, 15), "interface") + 10
            page.bare_tab(self.place, link, x + NECK / 2 - width / 2, self.bottom, tint)
            page.wire(None, (x, rect.bottom), (x, self.bottom - TAB / 2), tint, turn=0)

    bottom = 0.0  # the y of the lower border, told before drawing

    def _parent(self, link: Link, rect: Rect, left: float, right: float) -> None:
        """Draw a parent: its wide tab stands under the host on the left and under the shaft on the right."""
        page, end = self.page, self.end(link)
        overhang = self._overhang(link)
        page.add(Shaft(end, Rect(left + overhang, rect.top, right - left - overhang, rect.height), self.tints[end]))
        page.bare_tab(self.place, link, (left + right) / 2, rect.bottom, Tint(), width=right - left)
        page.drops[end] = left + overhang / 2
        page.lines([str(a) for a in shown_addresses(link)], left + overhang / 2, rect.bottom, inwards=-1)
        y = rect.bottom + TAB / 2 + SKIRT * len(self._tracks()) + 10
        for number, line in enumerate(signs.parent(self.page, self.end(link))):
            page.label(line, "caption", (left + overhang + right) / 2, y + CAPTION_LINE * number)

    def _tracks(self) -> list[End]:
        """Give the ends that cables lead to which run below this box: one track for each parent, and each pair."""
        here = [link for link in self.links if self.end(link) in self.page.parent and link.kind != "bridge"]
        tracks = dict.fromkeys(self.page.parent[self.end(link)].other for link in here)
        for link in self.outer:
            far = self.page.far.get(self.end(link))
            if far and far.place == self.place.name and far not in tracks and self.end(link) not in tracks:
                tracks[far] = None
        return [end for end in tracks if end.place == self.place.name]

    def _underneath(self, rect: Rect) -> None:
        """Lead cables among the interfaces of this namespace along below it."""
        page = self.page
        for number, goal in enumerate(self._tracks()):
            turn = rect.bottom + TAB / 2 + SKIRT * (number + 1)
            for link in self.links:
                end = self.end(link)
                parent = page.parent.get(end)
                cable = parent if parent and parent.other == goal else page.cable.get(goal)
                if cable is None or end == goal or end not in (cable.one, cable.other) or goal not in page.tabs:
                    continue
                here, there = page.tabs[end], page.tabs[goal]
                x = page.drops.get(end, here.centre[0])
                to = page.drops.get(goal, there.centre[0])
                to += (9 if x > to else -9) if cable.kind == "parent" else 0
                page.wire(cable, (x, here.bottom), (to, there.bottom), Tint(), turn=turn)


def _clear_of(columns: Sequence[float], left: float, wide: float) -> float:
    """Move something to the right until no column runs through it.

    >>> _clear_of([100], 10, 40), _clear_of([100], 60, 40)
    (10, 114.0)
    """
    for column in sorted(columns):
        if left - LANE < column < left + wide + LANE:
            left = column + LANE
    return left
