"""Who stands in the row above a host: a container, several that share a namespace, or a crowd that is joined alike.

Says what is written in each box and how much room that takes, not where the box stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

from ..facts import AddressOnLink, End, Link, Place
from ..topology import interfaces, shown_addresses, tenants
from .columns import BETWEEN_FEET, Foot, Stand
from .page import LINE, NAME, NOTE, TAB, Page, short
from .parts import Rect, Tint, text_width

BESIDE_A_TAB = 10.0
ONLY_LO = "only lo"
MOST_NAMES = 3  # on lines of their own, where containers share a namespace


@dataclass(frozen=True, slots=True)
class Member:
    """One box of the row. ``places`` holds the namespaces that it stands for; all have the same interfaces."""

    places: tuple[Place, ...]
    compact: bool = False
    rest: str = ""

    @property
    def place(self) -> Place:
        """The one place, or the first of the crowd."""
        return self.places[0]

    @property
    def feet(self) -> tuple[Link, ...]:
        """The interfaces that are shown."""
        return () if self.rest else interfaces(self.place)

    @property
    def also(self) -> tuple[str, ...]:
        """The names of the others of a crowd."""
        return tuple(place.name for place in self.places[1:])

    def title(self) -> list[str]:
        """Give the lines of the box's heading."""
        if len(self.places) > 1 or self.rest:
            return [f"{len(self.places)} {'more ' if self.rest else ''}container{'s' if len(self.places) > 1 else ''}"]
        names = tenants(self.place) or (self.place.name,)
        names = tuple(sorted(names, key=lambda name: (name != self.place.name, name)))
        if len(names) > MOST_NAMES:
            names = (*names[: MOST_NAMES - 1], f"and {len(names) - MOST_NAMES + 1} more")
        return [short(name, 20 if self.compact else 24) for name in names]

    def note(self) -> str:
        """Give the small print below the heading."""
        if self.rest:
            return self.rest
        if len(self.places) > 1:
            names = [short(place.name, 12) for place in self.places]
            return ", ".join(names) if len(names) < 3 else f"{names[0]}, {names[1]} … {names[-1]}"
        if self.place.kind == "sandbox":
            return "load balancer"
        alone = len(tenants(self.place)) < 2
        return "container" if alone else f"{len(tenants(self.place))} containers, 1 namespace"

    def addresses(self, position: int) -> list[str]:
        """Give the lines of addresses of an interface: of a crowd's the first and the last."""
        if len(self.places) == 1:
            return [str(address) for address in shown_addresses(self.feet[position])]
        every = [address for place in self.places for address in shown_addresses(interfaces(place)[position])[:1]]
        every.sort(key=lambda address: (address.version, int(address.ip)))
        return _range(every)

    def ends(self, position: int) -> list[End]:
        """Give that interface of each namespace."""
        return [End(place.name, interfaces(place)[position].name) for place in self.places]

    def listed(self) -> list[str]:
        """Give all addresses as lines with the names of their interfaces, where they do not fit side by side."""
        named = [(link.name, self.addresses(position)) for position, link in enumerate(self.feet)]
        wide = max((len(short(name, 8)) for name, _ in named), default=0)
        return [
            f"{short(name, 8) if first else '':{wide}} {line}"
            for name, lines in named
            for first, line in zip((True, *[False] * len(lines)), lines, strict=False)
        ]

    @property
    def stacked(self) -> bool:
        """Whether addresses stand in a list, because the interfaces stand too close for them."""
        return self.compact and len(self.feet) > 1

    def lines(self) -> int:
        """Give the number of lines that the addresses take, or what is said where there are none."""
        if not self.feet:
            return 0 if self.rest else 1
        if self.stacked:
            return len(self.listed())
        return max((len(self.addresses(position)) for position in range(len(self.feet))), default=0)

    def stand(self, landing: Callable[[End], End | None]) -> Stand:
        """Give the room that the box needs in the row, and where its cables land."""
        tabs = [text_width(short(link.name, 15), "interface") + 10 for link in self.feet]
        if self.stacked:
            widths = [tab + BESIDE_A_TAB - BETWEEN_FEET for tab in tabs]
        else:
            widths = [
                max([tab, *(text_width(line, "address") for line in self.addresses(position))])
                for position, tab in enumerate(tabs)
            ]
        feet = [Foot(landing(end), width) for end, width in zip(self._ends(), widths, strict=True)]
        words = [text_width(line, "name") for line in self.title()] + [text_width(self.note(), "note")]
        if self.stacked:
            words += [text_width(line, "address") for line in self.listed()]
        row = sum(widths) + BETWEEN_FEET * (len(widths) - 1)
        return Stand(max(*words, row, 44.0) + 16, tuple(feet))

    def draw(self, page: Page, rect: Rect, xs: Sequence[float], tints: Sequence[Tint]) -> None:
        """Draw the box with its words and its interfaces, whose x are given."""
        page.box(self.place, rect, self.also)
        x, y = rect.centre[0], rect.top + 10
        for line in self.title():
            page.label(line, "name", x, y + NAME / 2)
            y += NAME
        page.label(self.note(), "note", x, y + NOTE / 2)
        if not self.feet and not self.rest:
            page.label(ONLY_LO, "note", x, rect.bottom - 14, pale=True)
        for position, (link, foot, tint) in enumerate(zip(self.feet, xs, tints, strict=True)):
            page.bare_tab(self.place, link, foot, rect.bottom, tint, also=self.ends(position)[1:])
            if not self.stacked:
                page.lines(self.addresses(position), foot, rect.bottom, inwards=-1)
        if self.stacked:
            page.lines(_even(self.listed()), x, rect.bottom, inwards=-1)

    def _ends(self) -> list[End]:
        return [End(self.place.name, link.name) for link in self.feet]


def height(members: Sequence[Member]) -> float:
    """Give the height that every box of a row gets, so that the fullest has room."""
    words = max((NAME * len(member.title()) for member in members), default=NAME)
    return 10 + words + NOTE + 8 + LINE * max((member.lines() for member in members), default=0) + 3 + TAB / 2


def crowd(
    places: Sequence[Place],
    alike: Callable[[Place], Hashable],
    *,
    at_least: int = 0,
    compact: bool = False,
    keep: Collection[str] = (),
) -> list[Member]:
    """Put those that are joined alike together, where there are ``at_least`` so many of them; 0 keeps all apart.

    Those named in ``keep`` stand alone in any case.
    """
    groups: dict[Hashable, list[Place]] = {}
    for place in places:
        alone = place.name in keep or len(tenants(place)) != 1 or not at_least
        groups.setdefault((place.name, place.machine) if alone else ("", alike(place)), []).append(place)
    members: list[Member] = []
    for group in groups.values():
        if len(group) >= at_least > 0 and len(group) > 1:
            members.append(Member(tuple(group), compact))
        else:
            members += [Member((place,), compact) for place in group]
    return members


def _range(every: Sequence[AddressOnLink]) -> list[str]:
    """Give the first and the last of many addresses, in few words where they differ in few."""
    if len({address.ip for address in every}) < 2:
        return [str(address) for address in every[:1]]
    first, last = every[0], every[-1]
    start, end = str(first.ip).rpartition("."), str(last.ip).rpartition(".")
    if first.version == 4 and start[0] == end[0]:
        return [f"{first.ip}…{end[2]}/{last.network.prefixlen}"]
    return [f"{first.ip} …", str(last)]


def _even(lines: Sequence[str]) -> list[str]:
    """Pad lines that are set in the middle to one width, so that they begin below each other."""
    wide = max(map(len, lines), default=0)
    return [line.ljust(wide) for line in lines]
