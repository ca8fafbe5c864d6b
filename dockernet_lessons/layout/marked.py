"""What changed, marked on a finished page: signs at what is new, gone or changed, the gone ones as ghosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ..difference import Difference
from ..facts import Cable, End
from .parts import Badge, Bar, Box, Change, Chip, Label, Layout, Port, Rect, Tab, Wire, text_width

BADGE = 12.0
SIGNS: dict[Change, str] = {"new": "+", "gone": "−", "changed": "≠"}  # noqa: RUF001 - a minus is as wide as a plus
MEANING: dict[Change, str] = {"new": "new", "gone": "gone", "changed": "changed"}


def with_difference(page: Layout, difference: Difference) -> Layout:
    """Give the page of all that is in either topology, with what changed marked on it."""
    marker = _Marker(difference)
    boxes = tuple(replace(box, state=marker.box(box)) for box in page.boxes)
    tabs = tuple(replace(tab, state=marker.ends(tab)) for tab in page.tabs)
    bars = tuple(replace(bar, state=marker.end(bar.end)) for bar in page.bars)
    ports = tuple(replace(port, state=marker.port(port)) for port in page.ports)
    chips = tuple(replace(chip, state=marker.chip(chip)) for chip in page.chips)
    wires = tuple(replace(wire, state=marker.wire(wire)) for wire in page.wires)
    shapes: list[Box | Tab | Bar | Chip] = [*boxes, *tabs, *bars, *chips]
    ghosts = [part.rect for part in shapes if part.state == "gone"]
    labels = tuple(_pale(label) if any(g.contains(_letters(label)) for g in ghosts) else label for label in page.labels)
    told = {box.place for box in boxes if box.state}  # all that is in them is new or gone as they are
    badges = [
        *(Badge(_at(box.rect.left, box.rect.top), box.state) for box in boxes if box.state),
        *(Badge(_at(bar.rect.left, bar.rect.top), bar.state) for bar in bars if bar.state),
        *(Badge(_at(chip.rect.left, chip.rect.top), chip.state) for chip in chips if chip.state),
        *(_beside(tab) for tab in tabs if tab.state and tab.end.place not in told),
    ]
    page = replace(
        page, boxes=boxes, tabs=tabs, bars=bars, ports=ports, chips=chips, wires=wires, labels=labels,
        badges=tuple(badges),
    )  # fmt: skip
    return _with_key(page)


class _Marker:
    def __init__(self, difference: Difference) -> None:
        self.difference = difference

    def box(self, box: Box) -> Change:
        return self._all((box.place, *box.also), self._place)

    def ends(self, tab: Tab) -> Change:
        return self._all((tab.end, *tab.also), self.end)

    def port(self, port: Port) -> Change:
        return self._all((port.end, *port.also), self.end)

    def wire(self, wire: Wire) -> Change:
        return self._all((wire.cable, *wire.also), self._cable) if wire.cable else ""

    def chip(self, chip: Chip) -> Change:
        if chip.container in self.difference.new_tenants:
            return "new"
        return "gone" if chip.container in self.difference.gone_tenants else ""

    def end(self, end: End) -> Change:
        for state, ends in (
            ("new", self.difference.new),
            ("gone", self.difference.gone),
            ("changed", self.difference.changed),
        ):
            if end in ends:
                return state  # type: ignore[return-value]  # one of the three
        return ""

    def _place(self, name: str) -> Change:
        if name in self.difference.new_places:
            return "new"
        if name in self.difference.gone_places:
            return "gone"
        return "changed" if name in self.difference.regrouped else ""

    def _cable(self, cable: Cable | None) -> Change:
        if cable in self.difference.new_cables:
            return "new"
        return "gone" if cable in self.difference.gone_cables else ""

    @staticmethod
    def _all(parts: tuple[object, ...], state: Callable[..., Change]) -> Change:
        """Give the state of a part that may stand for many: what all have in common, else that some have changed."""
        states = {state(part) for part in parts}
        return states.pop() if len(states) == 1 else "changed"


def _at(x: float, y: float) -> Rect:
    return Rect.around(x + 2, y + 2, BADGE, BADGE)


def _beside(tab: Tab) -> Badge:
    return Badge(Rect.around(tab.rect.left - BADGE / 2 + 1, tab.rect.centre[1], BADGE, BADGE), tab.state)


def _pale(label: Label) -> Label:
    return replace(label, pale=True, on=None)


def _letters(label: Label) -> Rect:
    return Rect(label.room.left, label.room.top + 2, label.room.width, label.room.height - 4)


def _with_key(page: Layout) -> Layout:
    """Add a line to the key that says what the signs mean."""
    keys, labels = list(_keys(page)), list(page.labels)
    x = min((key.rect.left for key in page.keys), default=14.0)
    y = page.height - 4
    for key in keys:
        labels.append(Label(MEANING[key], "key", Rect(x + 18, y - 6, text_width(MEANING[key], "key"), 12), "left"))
        page = replace(page, badges=(*page.badges, Badge(Rect.around(x + 10, y, BADGE, BADGE), key)))
        x += text_width(MEANING[key], "key") + 40
    return replace(page, labels=tuple(labels), height=page.height + (18 if keys else 0))


def _keys(page: Layout) -> Iterator[Change]:
    seen = {badge.state for badge in page.badges}
    yield from (state for state in SIGNS if state in seen)
