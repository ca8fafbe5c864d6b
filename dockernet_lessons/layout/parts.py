"""The parts a picture is made of, each with its place on the page. Only values: no position is computed here.

All lengths are in points (1/72 inch); x grows to the right, y grows downwards, as one reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..facts import Cable, End, PlaceKind, StepState

Role = Literal["frame", "note", "name", "interface", "address", "bar", "caption", "key", "mark", "slip", "chip"]
Align = Literal["center", "left"]
Point = tuple[float, float]
Change = Literal["", "new", "gone", "changed"]
Sample = Literal["box", "crowd", "chip", "tab", "bar", "wire", "parent", "shaft", "tunnel"]


class Type(NamedTuple):
    """How one role of text is set: ``size`` in points, and which of the two bundled faces."""

    size: float
    mono: bool = False
    bold: bool = False


TYPE: dict[Role, Type] = {
    "frame": Type(10, bold=True),
    "note": Type(8),
    "name": Type(10.5, bold=True),
    "interface": Type(8, mono=True),
    "address": Type(8.5, mono=True),
    "bar": Type(9.5, mono=True, bold=True),
    "caption": Type(8.5),
    "key": Type(8),
    "chip": Type(9, bold=True),
    "mark": Type(7.5, bold=True),
    "slip": Type(8.5),
}

# DejaVu Sans' advance widths in hundredths of an em, rounded up. Matplotlib knows them, but is slow to wake.
_ADVANCES = {
    30: "'ijl", 35: " ,./:;IJ\\|", 40: "()-[]f", 45: "!rt", 50: '"*_`', 55: "?csz", 60: "FLkvxy",
    70: "ABCKRVXZ", 75: "NU", 80: "&DGHOQ", 85: "#+<=>^w~", 90: "M", 100: "%@Wm…",
}  # fmt: skip
_ADVANCE = {character: advance / 100 for advance, characters in _ADVANCES.items() for character in characters}
_BOLDER = 1.15


def text_width(text: str, role: Role) -> float:
    """Give the room a text needs, in points; a little generous, as letters are set on whole pixels.

    >>> round(text_width("172.17.0.2/16", "address"), 1)
    68.5
    """
    size, mono, bold = TYPE[role]
    if mono:
        return 0.62 * size * len(text)
    return sum(_ADVANCE.get(c, 0.65) for c in text) * size * (_BOLDER if bold else 1)


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle on the page.

    >>> Rect(0, 0, 10, 10).union(Rect(20, 5, 10, 10))
    Rect(left=0, top=0, width=30, height=15)
    """

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The y of the lower edge."""
        return self.top + self.height

    @property
    def centre(self) -> Point:
        """The point in the middle."""
        return self.left + self.width / 2, self.top + self.height / 2

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> Rect:
        """Give the rectangle of that size with its middle at x, y."""
        return cls(x - width / 2, y - height / 2, width, height)

    def wider(self, by: float) -> Rect:
        """Give the rectangle that goes so far beyond each edge.

        >>> Rect(5, 5, 10, 10).wider(2)
        Rect(left=3, top=3, width=14, height=14)
        """
        return Rect(self.left - by, self.top - by, self.width + 2 * by, self.height + 2 * by)

    def union(self, *others: Rect) -> Rect:
        """Give the smallest rectangle that holds this one and the others."""
        every = (self, *others)
        left, top = min(r.left for r in every), min(r.top for r in every)
        return Rect(left, top, max(r.right for r in every) - left, max(r.bottom for r in every) - top)

    def overlaps(self, other: Rect) -> bool:
        """Tell whether the two share more than an edge."""
        beside = self.right <= other.left or other.right <= self.left
        return not (beside or self.bottom <= other.top or other.bottom <= self.top)

    def contains(self, other: Rect) -> bool:
        """Tell whether the other lies wholly inside this one."""
        sides = (
            other.left - self.left,
            other.top - self.top,
            self.right - other.right,
            self.bottom - other.bottom,
        )
        return min(sides) > -1e-6  # sums of floats may miss each other by a hair


@dataclass(frozen=True, slots=True)
class Tint:
    """What a colour stands for: a Docker driver or ``None``; ``shade`` tells networks of one driver apart."""

    driver: str | None = None
    shade: int = 0


@dataclass(frozen=True, slots=True)
class Label:
    """A text and the room kept for it. It is set in the middle of that room, or from its left edge.

    ``on`` is the tint of the filled bar it stands on, if it stands on one: the ink has to differ from it.
    """

    text: str
    role: Role
    room: Rect
    align: Align = "center"
    pale: bool = False
    on: Tint | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A machine: it embraces the network namespaces that share its kernel."""

    machine: str
    rect: Rect


@dataclass(frozen=True, slots=True)
class Box:
    """A network namespace; or many, joined alike: ``also`` names the others that it stands for."""

    place: str
    kind: PlaceKind
    rect: Rect
    also: tuple[str, ...] = ()
    state: Change = ""


@dataclass(frozen=True, slots=True)
class Shaft:
    """A way through a host's box for cables that never meet the host's stack: of a macvlan or ipvlan to its parent."""

    end: End
    rect: Rect
    tint: Tint


@dataclass(frozen=True, slots=True)
class Chip:
    """A container that lives in its host's own namespace."""

    container: str
    rect: Rect
    state: Change = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bridge. ``idle`` says that it is down, or has no ports; ``internal`` that its network leads nowhere else."""

    end: End
    rect: Rect
    tint: Tint
    idle: bool = False
    internal: bool = False
    state: Change = ""


@dataclass(frozen=True, slots=True)
class Tab:
    """An interface, sitting on the border of its namespace. Its name is written inside.

    ``also`` are the interfaces of the other namespaces that its box stands for.
    """

    end: End
    rect: Rect
    tint: Tint
    up: bool = True
    also: tuple[End, ...] = ()
    state: Change = ""


@dataclass(frozen=True, slots=True)
class Port:
    """An interface that is plugged into a bridge: the host's end of a veth pair, mostly; or many, side by side."""

    end: End
    rect: Rect
    tint: Tint
    also: tuple[End, ...] = ()
    state: Change = ""


@dataclass(frozen=True, slots=True)
class Wire:
    """A cable's way over the page. ``cable`` is ``None`` for the neck from a bar to an interface that is part of it.

    ``also`` are the cables that run along with it, where it stands for many.
    """

    cable: Cable | None
    points: tuple[Point, ...]
    tint: Tint
    also: tuple[Cable, ...] = ()
    state: Change = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the key: a small sample of a part, and its name."""

    sample: Sample
    rect: Rect


@dataclass(frozen=True, slots=True)
class Badge:
    """The sign at what is new, gone or changed."""

    rect: Rect
    state: Change


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of a packet's way. ``over`` says that it lies on a bar, not below cables and interfaces."""

    points: tuple[Point, ...]
    state: StepState
    over: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """The number beside an interface at which a packet was seen; ``here`` is the one to look at."""

    end: End
    rect: Rect
    text: str
    state: StepState
    here: bool = False


@dataclass(frozen=True, slots=True)
class Cross:
    """Where a packet died."""

    rect: Rect


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip of paper that says in lines why a packet died. ``about`` is the point that it is about."""

    rect: Rect
    lines: tuple[str, ...]
    about: Point


@dataclass(frozen=True, slots=True)
class Layout:
    """Every part of the picture with its place; ``width`` and ``height`` in points."""

    width: float
    height: float
    frames: tuple[Frame, ...] = ()
    boxes: tuple[Box, ...] = ()
    shafts: tuple[Shaft, ...] = ()
    chips: tuple[Chip, ...] = ()
    bars: tuple[Bar, ...] = ()
    tabs: tuple[Tab, ...] = ()
    ports: tuple[Port, ...] = ()
    wires: tuple[Wire, ...] = ()
    labels: tuple[Label, ...] = ()
    keys: tuple[Key, ...] = ()
    bands: tuple[Band, ...] = ()
    crosses: tuple[Cross, ...] = ()
    slips: tuple[Slip, ...] = ()
    marks: tuple[Mark, ...] = ()
    badges: tuple[Badge, ...] = ()
