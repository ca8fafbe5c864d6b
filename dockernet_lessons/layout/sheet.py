"""The page from top to bottom: machines with their containers, the LAN, what lies beyond it, and a key."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from ..facts import Topology
from .ground import Density
from .machine import Machine
from .outside import BEYOND, Lan, Outside, join_internet
from .page import LINE, Page
from .parts import Bar, Box, Chip, Key, Layout, Rect, Sample, Shaft, Tab, Tint, Wire, text_width

MARGIN = 14.0
BETWEEN_MACHINES = 28.0
TO_THE_LAN = 30.0
TUNNEL = 24.0  # for a tunnel and the words on it
WIDEST = 690.0  # about 920 CSS pixels: what a notebook has room for
BEYOND_THE_LAN = ("router", "neighbour", "internet")
KEYS: dict[Sample, str] = {
    "box": "network namespace",
    "crowd": "many, joined alike",
    "chip": "container without a namespace of its own",
    "tab": "interface",
    "bar": "bridge",
    "wire": "cable (veth pair)",
    "parent": "child of an interface",
    "shaft": "past the host's stack",
    "tunnel": "VXLAN tunnel",
}
CROWDED = tuple(Density(compact=True, two_rows=True, crowd_from=least) for least in (4, 3, 2))
LEAVING_OUT = (
    *(Density(compact=True, two_rows=True, crowd_from=2, most_networks=most) for most in (6, 5, 4)),
    *(Density(compact=True, two_rows=True, crowd_from=2, most_networks=4, most_boxes=most) for most in (10, 8, 6)),
    *(
        Density(compact=True, two_rows=True, crowd_from=2, most_networks=most, most_boxes=most + 1)
        for most in (3, 2, 1)
    ),
)
FEW = (Density(), Density(compact=True), Density(compact=True, two_rows=True), *CROWDED)
SOME = (*FEW, *LEAVING_OUT)
MANY = (Density(crowd_from=4), Density(compact=True, crowd_from=4), *CROWDED, *LEAVING_OUT)
HARMLESS = 3  # so many of these ways lose nothing worth having; the others are for what is much too wide
AT_A_PINCH = 1.16
ALL_SHOWN = 12  # containers of which each is in the picture with all its networks, however wide that is
TOO_MANY = 30  # containers on one machine, of which nobody wants to see each


def layout(topology: Topology, *, keep: Collection[str] = ()) -> Layout:
    """Give every part of a topology its place on the page, in points.

    Veth names, indexes and MAC addresses move nothing. Names too long for a picture are cut in the middle; what would
    make it too wide is drawn more tightly, then containers that are joined alike as one, but never those in ``keep``.

    >>> from ..facts import Place
    >>> page = layout(Topology((Place("web", "container", "host1", 1),)))
    >>> [box.place for box in page.boxes], [frame.machine for frame in page.frames]
    (['web'], ['host1'])
    """
    page = Page(topology)
    machines = _fitting(page, keep)
    frames = _drawn(machines)
    lan = Lan.of(topology.places)
    outside = [Outside.of(page, place, lan) for place in topology.places if place.kind in BEYOND_THE_LAN]
    row = [one for one in outside if not any(one.is_behind(page, other) for other in outside)]
    least = max((one.width + BEYOND for one in outside), default=0.0) * len(row)
    around = Rect(MARGIN, MARGIN, least, 0).union(*frames)
    tunnels = _tunnels(page, around.bottom)
    below = lan.draw(page, around, around.bottom + TO_THE_LAN + TUNNEL * tunnels) if lan else around
    for number, one in enumerate(row):
        x = below.left + below.width * (number + 0.5) / len(row)
        rect = one.draw(page, x, below.bottom + (BEYOND if lan else TO_THE_LAN), lan)
        for away in (other for other in outside if other.is_behind(page, one)):
            away.draw(page, x, rect.bottom + BEYOND, None)
            join_internet(page, away.place)
    _key(page, around.width)
    return page.finished(MARGIN)


def _fitting(page: Page, keep: Collection[str]) -> list[Machine]:
    """Plan every machine as roomy as the width of the page allows: the widest is drawn more tightly first."""
    here = page.topology.places
    names = list(dict.fromkeys(place.machine for place in here if place.kind in ("host", "container", "sandbox")))
    above = {name: sum(place.machine == name and place.kind == "container" for place in here) for name in names}
    some = ALL_SHOWN / max(1, len(names))
    ways = {name: MANY if above[name] > TOO_MANY else SOME if above[name] > some else FEW for name in names}

    def plan(name: str, step: int) -> Machine:
        outer: Literal[-1, 1] = -1 if name == names[0] and len(names) > 1 else 1
        return Machine(page, name, ways[name][step], outer=outer, keep=keep)

    tried = {name: [plan(name, 0)] for name in names}

    def width() -> float:
        return sum(tried[name][-1].width + BETWEEN_MACHINES for name in names) - BETWEEN_MACHINES + 2 * MARGIN

    while width() > WIDEST:
        most = HARMLESS if width() <= WIDEST * AT_A_PINCH else 99
        loose = [name for name in names if len(tried[name]) < min(most, len(ways[name]))]
        if not loose:
            break
        widest = max(loose, key=lambda name: tried[name][-1].width - 200 * len(tried[name]))
        tried[widest].append(plan(widest, len(tried[widest])))
    # what was tried in vain is undone: a tighter way that made it no narrower
    return [next(one for one in tried[name] if one.width < tried[name][-1].width + 1) for name in names]


def _drawn(machines: list[Machine]) -> list[Rect]:
    rows = max((machine.rows for machine in machines), default=0)
    box = max((machine.box_height for machine in machines), default=0.0)
    tracks = max((machine.tracks for machine in machines), default=0)
    ground = max((machine.ground_height for machine in machines), default=0.0)
    frames: list[Rect] = []
    left = MARGIN
    for machine in machines:
        frames.append(machine.draw(left, MARGIN, rows=rows, box=box, tracks=tracks, ground=ground))
        left = frames[-1].right + BETWEEN_MACHINES
    return frames


def _tunnels(page: Page, top: float) -> int:
    """Draw the tunnels from machine to machine, each on a level of its own below the machines; tell how many."""
    tunnels = [cable for cable in page.topology.cables if cable.kind == "tunnel"]
    drawn = [cable for cable in tunnels if cable.one in page.tabs and cable.other in page.tabs]
    for number, cable in enumerate(drawn):
        here, there = page.tabs[cable.one], page.tabs[cable.other]
        y = top + TO_THE_LAN / 2 + TUNNEL * number + 6
        page.wire(cable, (here.centre[0], here.bottom), (there.centre[0], there.bottom), Tint("overlay"), turn=y)
        words = f"VXLAN tunnel, VNI {page.link[cable.one].number}"
        page.label(words, "caption", (here.centre[0] + there.centre[0]) / 2, y + LINE - 1)
    return len(drawn)


def _key(page: Page, width: float) -> None:
    """Say below the picture what its shapes stand for; only those that are in it."""
    cables = {part.cable.kind for part in page.parts if isinstance(part, Wire) and part.cable}
    present: dict[Sample, bool] = {
        "box": any(isinstance(part, Box) for part in page.parts),
        "crowd": any(isinstance(part, Box) and part.also for part in page.parts),
        "chip": any(isinstance(part, Chip) for part in page.parts),
        "tab": any(isinstance(part, Tab) for part in page.parts),
        "bar": any(isinstance(part, Bar) for part in page.parts),
        "wire": "veth" in cables,
        "parent": "parent" in cables,
        "shaft": any(isinstance(part, Shaft) for part in page.parts),
        "tunnel": "tunnel" in cables,
    }
    x, y = MARGIN, page.finished(0).height + 26
    for sample in (sample for sample, there in present.items() if there):
        room = 20 + 6 + text_width(KEYS[sample], "key")
        if x > MARGIN and x + room > MARGIN + width + 2:
            x, y = MARGIN, y + 18
        page.add(Key(sample, Rect.around(x + 10, y, 20, 11)))
        page.label(KEYS[sample], "key", x + 26, y, align="left")
        x += room + 15
