"""Left to right on one machine: where containers stand, so that their cables fall straight on their bridges.

Only the x of things; :mod:`dockernet_lessons.layout.sheet` gives them their y. Lengths in points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise, permutations, product
from math import factorial, prod
from typing import NamedTuple

from ..facts import End

PAD = 20.0  # from a bar's end to its first port, where there is room
SLOT = 14.0  # between two ports
BETWEEN_BARS = 26.0
BETWEEN_ZONES = 46.0  # room for the borders of two namespaces, and some air
BETWEEN_BOXES = 14.0
BETWEEN_FEET = 14.0
PAST_A_BOX = 8.0  # a cable keeps this far from a box it passes


class Foot(NamedTuple):
    """One interface of a container, and what its cable lands on below, if on anything."""

    landing: End | None
    width: float


class Room(NamedTuple):
    """The least width that a landing needs, and where it stands.

    Landings of one ``zone`` share a namespace. ``left`` is kept free of ports at its left end; a ``pinned`` landing
    stays in the place where it was given.
    """

    least: float
    zone: int = 0
    left: float = 0.0
    pinned: bool = False


class Stand(NamedTuple):
    """One container as it stands in the row: the width its words need, and its interfaces."""

    width: float
    feet: tuple[Foot, ...]


@dataclass(slots=True)
class Spot:
    """Where a container came to stand. ``feet`` holds the x of each interface, in the order given."""

    row: int
    left: float = 0.0
    right: float = 0.0
    feet: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Columns:
    """The finished row: a spot per stand, a span (left, right) per landing, a port's x per (stand, foot)."""

    spots: list[Spot]
    spans: dict[End, tuple[float, float]]
    ports: dict[tuple[int, int], float]

    @property
    def extent(self) -> tuple[float, float]:
        """The leftmost and the rightmost x."""
        sides = [(spot.left, spot.right) for spot in self.spots] + list(self.spans.values())
        return min((left for left, _ in sides), default=0.0), max((right for _, right in sides), default=0.0)


def width_of(stands: Sequence[Stand]) -> float:
    """Give the width of so many containers side by side.

    >>> width_of([Stand(84, ())] * 6)
    574.0
    """
    return sum(stand.width + BETWEEN_BOXES for stand in stands) - BETWEEN_BOXES if stands else 0.0


def arrange(
    stands: Sequence[Stand], landings: Mapping[End, Room], *, two_rows: bool = False, pad: float = PAD
) -> Columns:
    """Find an x for every container, landing and port; ``landings`` gives the room that each needs.

    Containers on two networks stand where their bars meet. A cable that still cannot fall straight gets a
    port at the near end of its bar: its way there is a detour.

    >>> docker0 = End("host1", "docker0")
    >>> one = Stand(84, (Foot(docker0, 67),))
    >>> arrange([one, one], {docker0: Room(100)}).ports
    {(0, 0): 42.0, (1, 0): 140.0}
    """
    return _Row(stands, landings, two_rows=two_rows, pad=pad).settle()


class _Row:
    def __init__(self, stands: Sequence[Stand], landings: Mapping[End, Room], *, two_rows: bool, pad: float) -> None:
        self.stands = stands
        self.two_rows, self.pad = two_rows, pad
        self.names = _side_by_side([{foot.landing for foot in stand.feet} - {None} for stand in stands], landings)
        self.rooms = [landings[name] for name in self.names]
        self.least = [room.least for room in self.rooms]
        self.rank = {name: rank for rank, name in enumerate(self.names)}
        self.order = sorted(range(len(stands)), key=self._sort_key)
        # every foot as (stand, foot), from left to right, and the rank of the bar it belongs to
        self.sequence = [(stand, foot) for stand in self.order for foot in self._feet_by_rank(stand)]
        ranks = [self._rank(*which) for which in self.sequence]
        chain = _longest_rising(ranks)
        self.home = {self.sequence[i]: ranks[i] for i in chain}  # the feet whose cables fall straight
        first = {rank: min(i for i in chain if ranks[i] == rank) for rank in {ranks[i] for i in chain}}
        self.detours: dict[int, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {
            r: ([], []) for r in self.rank.values()
        }
        for i, rank in enumerate(ranks):
            if rank >= 0 and i not in chain:
                self.detours[rank][0 if i < first.get(rank, len(ranks)) else 1].append(self.sequence[i])
        self.pads = [
            [pad + room.left + SLOT * len(left), pad + SLOT * len(right)]
            for room, (left, right) in zip(self.rooms, self.detours.values(), strict=True)
        ]

    def settle(self) -> Columns:
        """Place once to learn how wide each bar comes out, widen those that are too narrow, place again."""
        _, spans = self._place()
        for rank, (left, right) in spans.items():
            shared = [self._shared(rank, side) for side in (-1, 1)]
            lack = max(0.0, self.least[rank] - (right - left))
            for side in (0, 1):
                if shared[0] == shared[1]:
                    self.pads[rank][side] += lack / 2
                elif not shared[side]:
                    self.pads[rank][side] += lack
        spots, spans = self._place()
        self._place_empty(spans)
        ports = {which: spots[which[0]].feet[which[1]] for which in self.home}
        for rank, (from_left, from_right) in self.detours.items():
            left, right = spans[rank]
            left += self.rooms[rank].left
            ports |= {which: left + self.pad / 2 + SLOT * i for i, which in enumerate(from_left)}
            ports |= {which: right - self.pad / 2 - SLOT * i for i, which in enumerate(reversed(from_right))}
        return Columns(
            [spots[i] for i in range(len(self.stands))],
            {self.names[r]: spans[r] for r in sorted(spans)},
            ports,
        )

    def _rank(self, stand: int, foot: int) -> int:
        landing = self.stands[stand].feet[foot].landing
        return self.rank.get(landing, -1) if landing else -1

    def _feet_by_rank(self, stand: int) -> list[int]:
        return sorted(range(len(self.stands[stand].feet)), key=lambda foot: (self._rank(stand, foot) % 1000, foot))

    def _sort_key(self, stand: int) -> tuple[int, ...]:
        ranks = [rank for foot in range(len(self.stands[stand].feet)) if (rank := self._rank(stand, foot)) >= 0]
        return (min(ranks) + max(ranks), min(ranks), stand) if ranks else (1000, 1000, stand)

    def _shared(self, rank: int, side: int) -> bool:
        """Tell whether the outermost container on that side of a bar also stands on the next bar."""
        mine = [which for which in self.sequence if self.home.get(which) == rank]
        edge = mine[0 if side < 0 else -1][0]
        others = [self.home[which] - rank for which in self.home if which[0] == edge]
        return any(other * side > 0 for other in others)

    def _reach(self, one: int, other: int) -> float:
        """Give the least distance from a port on one bar to the next port, on this bar or a later one."""
        if one == other:
            return SLOT
        between = sum(self._own_width(rank) + self._gap(rank) for rank in range(one + 1, other))
        return self.pads[one][1] + self._gap(one) + between + self.pads[other][0]

    def _gap(self, rank: int) -> float:
        """Give the room between a landing and the next one."""
        if rank + 1 < len(self.rooms) and self.rooms[rank].zone != self.rooms[rank + 1].zone:
            return BETWEEN_ZONES
        return BETWEEN_BARS

    def _offsets(self, stand: int) -> list[tuple[int, float]]:
        """Give the feet of a container from left to right, with the distance of each from the first."""
        feet = self._feet_by_rank(stand)
        placed = [(foot, 0.0) for foot in feet[:1]]
        for one, other in pairwise(feet):
            room = (self.stands[stand].feet[one].width + self.stands[stand].feet[other].width) / 2 + BETWEEN_FEET
            if (stand, one) in self.home and (stand, other) in self.home:
                room = max(room, self._reach(self.home[stand, one], self.home[stand, other]))
            placed.append((other, placed[-1][1] + room))
        return placed

    def _place(self) -> tuple[dict[int, Spot], dict[int, tuple[float, float]]]:
        spots: dict[int, Spot] = {}
        last: tuple[float, int] | None = None  # the x and the bar of the latest straight foot
        row: list[int] = []
        for position, stand in enumerate(self.order):
            offsets = self._offsets(stand)
            span = offsets[-1][1] if offsets else 0.0
            feet = self.stands[stand].feet
            half = max(self.stands[stand].width / 2, *(span / 2 + feet[foot].width / 2 + 8 for foot, _ in offsets), 0)
            centre = max([half if not row else -1e9, *self._limits(spots, row, half, span if feet else None)])
            straight = [(foot, x) for foot, x in offsets if (stand, foot) in self.home]
            if last and straight:
                foot, x = straight[0]
                centre = max(centre, last[0] + self._reach(last[1], self.home[stand, foot]) + span / 2 - x)
            xs = {foot: centre - span / 2 + x for foot, x in offsets}
            spots[stand] = Spot(
                position % 2 if self.two_rows else 0,
                centre - half,
                centre + half,
                [xs[i] for i in range(len(feet))],
            )
            if straight:
                last = (xs[straight[-1][0]], self.home[stand, straight[-1][0]])
            row.append(stand)
        spans: dict[int, tuple[float, float]] = {}
        for which, rank in self.home.items():
            x = spots[which[0]].feet[which[1]]
            left, right = spans.get(rank, (x - self.pads[rank][0], x))
            spans[rank] = (min(left, x - self.pads[rank][0]), max(right, x + self.pads[rank][1]))
        return spots, spans

    def _limits(self, spots: dict[int, Spot], row: list[int], half: float, span: float | None) -> list[float]:
        """Say how far left a container's middle may come: clear of its row, its cables clear of the other."""
        if not self.two_rows:
            return [spots[i].right + BETWEEN_BOXES + half for i in row[-1:]]
        limits = [spots[i].right + BETWEEN_BOXES + half for i in row[-2:-1]]
        if row:
            before, upper = (
                spots[row[-1]],
                len(row) % 2 == 1,
            )  # the second container is the first of the upper row
            middle = (before.left + before.right) / 2
            if upper and span is not None:
                limits.append(before.right + PAST_A_BOX + span / 2)
            elif not upper and before.feet:
                limits.append(max(before.feet) + PAST_A_BOX + half)
            limits.append(middle + 24)
        return limits

    def _place_empty(self, spans: dict[int, tuple[float, float]]) -> None:
        """Give bars without straight cables the room between, before or after the others."""
        first = min(spans, default=0)
        for rank in reversed(range(first)):
            right = spans[rank + 1][0] - self._gap(rank)
            spans[rank] = (right - self._own_width(rank), right)
        for rank in range(first, len(self.names)):
            if rank not in spans:
                left = spans[rank - 1][1] + self._gap(rank - 1) if rank else 0.0
                spans[rank] = (left, left + self._own_width(rank))

    def _own_width(self, rank: int) -> float:
        return max(self.least[rank], sum(self.pads[rank]))


def _side_by_side(shared: Sequence[set[End | None]], landings: Mapping[End, Room]) -> list[End]:
    """Order the landings so that those with a container in common are neighbours, changing little else."""
    runs = [(pinned, list(run)) for (_, pinned), run in groupby(landings, lambda name: landings[name][1::2])]
    if prod(factorial(len(run)) for pinned, run in runs if not pinned) > 720:  # tried in no time; more would be felt
        return list(landings)

    def torn(order: Sequence[End]) -> int:
        rank = {name: position for position, name in enumerate(order)}
        ranks = [[rank[name] for name in group if name] for group in shared if len(group) > 1]
        return sum(max(group) - min(group) for group in ranks)

    def orders() -> Iterator[list[End]]:
        for parts in product(*([run] if pinned else permutations(run) for pinned, run in runs)):
            yield [name for part in parts for name in part]

    return min(orders(), key=torn)


def _longest_rising(ranks: Sequence[int]) -> set[int]:
    """Give the positions of a longest run that never falls, leaving out those below zero."""
    best: dict[int, list[int]] = {}  # for each position the longest such run that ends there
    for position, rank in enumerate(ranks):
        if rank >= 0:
            before = [run for end, run in best.items() if ranks[end] <= rank]
            longest = max(before, key=len, default=[])
            best[position] = [*longest, position]
    longest = max(best.values(), key=len, default=[])
    return set(longest)
