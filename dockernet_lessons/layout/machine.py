"""One machine on the page: containers above, the namespaces that they are plugged into below, a frame around all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable
from typing import Literal

from ..facts import Cable, End, Place
from ..topology import interfaces, network_of
from .columns import PAD, Stand, arrange, width_of
from .crowd import Member, crowd, height
from .ground import INSIDE, TO_THE_BARS, Density, Ground
from .page import TAB, Page, short
from .parts import Frame, Rect, Tint, text_width

TITLE = 28.0
BETWEEN_ROWS = 18.0
CHANNEL = 30.0  # the room between containers and host, where one sees the cables
TRACK = 9.0  # between two cables that run side by side
NO_CONTAINERS = 20.0
BELOW = 20.0
WHAT = "one Linux machine"
ONE_ROW = 660.0
TIGHT = 12.0


class Machine:
    """Plans a machine from left to right at once; ``draw`` puts it on the page when the heights are known."""

    def __init__(
        self, page: Page, name: str, density: Density, *, outer: Literal[-1, 1] = 1, keep: Collection[str] = ()
    ) -> None:
        self.page, self.name, self.outer = page, name, outer
        here = [place for place in page.topology.places if place.machine == name]
        self.host = next((place for place in here if place.kind == "host"), None)
        sandboxes = [place for place in here if place.kind == "sandbox"]
        below = [place for place in sandboxes if any(link.kind == "bridge" for link in place.links)]
        self.grounds_of = {place.name for place in [*below, *([self.host] if self.host else [])]}
        above = [place for place in here if place.name not in self.grounds_of]
        dropped = self._dropped(above, density.most_networks, keep)
        members, rest = self._sorted_out(above, dropped)
        self.members = crowd(members, self._alike, at_least=density.crowd_from, compact=density.compact, keep=keep)
        spare = self._spare(density.most_boxes, keep)
        if rest or spare:
            self.members = [member for member in self.members if member not in spare]
            rest = [*rest, *(place for member in spare for place in member.places)]
            note = "joined in other ways" if spare else f"on {len(dropped)} more networks"
            self.members.append(Member(tuple(rest), density.compact, note))
        stands = [member.stand(self.landing) for member in self.members]
        landed = {foot.landing for stand in stands for foot in stand.feet if foot.landing}
        self.tints = self._tints(here)
        order = [*below, *([self.host] if self.host else [])][:: -1 if outer < 0 else 1]
        self.grounds = [
            Ground(page, place, landed=landed, dropped=dropped, tints=self.tints, density=density, zone=zone)
            for zone, place in enumerate(order)
        ]
        landings = {end: room for ground in self.grounds for end, room in ground.rooms().items()}
        wide = width_of(stands)
        self.rows = min(len(stands), 1 + (density.two_rows or wide > ONE_ROW))
        self.columns = arrange(stands, landings, two_rows=self.rows == 2, pad=TIGHT if density.compact else PAD)
        self.box_height = height(self.members)
        self.among = self._among()
        self.tracks = sum(1 for which, x in self.columns.ports.items() if abs(x - self._foot_x(which)) > 0.01)
        self.tracks += len(self.among)
        self.zones, self.left, self.right = self._zones(stands)

    @property
    def width(self) -> float:
        """The width of the frame."""
        return self.right - self.left + 2 * INSIDE

    @property
    def ground_height(self) -> float:
        """The height that the fullest of its grounds needs."""
        zones = zip(self.grounds, self.zones, strict=True)
        return max((ground.height(right - left) for ground, (left, right) in zones), default=0.0)

    def draw(self, left: float, top: float, *, rows: int, box: float, tracks: int, ground: float) -> Rect:
        """Draw it all; every machine is told the same rows, heights and tracks, so that they align."""
        page, shift = self.page, left + INSIDE - self.left
        first = top + TITLE
        channel = first + (rows * box + (rows - 1) * BETWEEN_ROWS if rows else NO_CONTAINERS)
        for member, spot in zip(self.members, self.columns.spots, strict=True):
            y = first + (rows - 1 - spot.row) * (box + BETWEEN_ROWS)
            rect = Rect(spot.left + shift, y, spot.right - spot.left, box)
            tints = [self.tints.get(self.landing(ends[0]) or ends[0], Tint()) for ends in self._ends(member)]
            member.draw(page, rect, [x + shift for x in spot.feet], tints)
        if not self.members:
            page.label("no containers", "note", left + self.width / 2, first + NO_CONTAINERS / 2, pale=True)
        bottom = channel
        tops = channel + CHANNEL + TRACK * tracks
        spans = {end: (one + shift, other + shift) for end, (one, other) in self.columns.spans.items()}
        lone = {landing: x + shift for which, x in self.columns.ports.items() if (landing := self._landing_of(which))}
        for part, (one, other) in zip(self.grounds, self.zones, strict=True):
            rect = Rect(one + shift, tops, other - one, ground)
            part.bottom = rect.bottom
            part.draw(rect, spans, lone)
            bottom = max(bottom, rect.bottom + part.skirt())
        self._cables(shift, channel, tops + TO_THE_BARS)
        frame = Rect(left, top, self.width, bottom + BELOW - top)
        page.add(Frame(self.name, frame))
        name = page.label(short(self.name), "frame", left + INSIDE, top + TITLE / 2, align="left")
        page.label(WHAT, "note", name.right + 6, top + TITLE / 2, align="left")
        return frame

    def landing(self, end: End) -> End | None:
        """Name what a container's cable leads to below: the bridge it is plugged into, a bare link, its parent."""
        far = self.page.far.get(end) or (self.page.parent[end].other if end in self.page.parent else None)
        if not far or far.place not in self.grounds_of or end.place == far.place:
            return None
        master = self.page.link[far].master
        return End(far.place, master) if master and end in self.page.far else far

    def _spare(self, most: int, keep: Collection[str]) -> list[Member]:
        """Choose the boxes to leave out where there are too many: the smallest crowds, but none that is to be seen."""
        ranked = sorted(self.members, key=lambda one: (one.place.name not in keep, -len(one.places)))
        return [member for member in ranked[most:] if member.place.name not in keep]

    def _zones(self, stands: list[Stand]) -> tuple[list[tuple[float, float]], float, float]:
        """Give the sides of every ground, and of all that is in the frame."""
        start, end = self.columns.extent
        zones: list[tuple[float, float]] = []
        for ground in self.grounds:
            spans = [span for which, span in self.columns.spans.items() if which.place == ground.place.name]
            left, right = min((a for a, _ in spans), default=end), max((b for _, b in spans), default=end)
            zones.append((left - INSIDE, right + INSIDE))
        if len(zones) == 1:
            zones = [(min(start, zones[0][0]), max(end, zones[0][1]))]
            zones = [(start - INSIDE, end + INSIDE)]
        lo = min([start, *(left for left, _ in zones)])
        hi = max([end, *(right for _, right in zones)])
        title = text_width(self.name, "frame") + 8 + text_width(WHAT, "note")
        for number, ground in enumerate(self.grounds):
            left, right = zones[number]
            lack = max(0.0, ground.least() - (right - left))
            if len(zones) == 1:
                lack = max(lack, title - (right - left))
                zones[number] = (left - lack / 2, right + lack / 2)
            elif ground.place.kind == "host":  # the host takes what is left at its side
                wide = max(ground.least(), right - left)
                zones[number] = (left, max(hi, left + wide)) if self.outer > 0 else (min(lo, right - wide), right)
        lo = min([lo, *(left for left, _ in zones)])
        hi = max([hi, *(right for _, right in zones), lo + title])
        return zones, lo, hi

    def _cables(self, shift: float, channel: float, bars: float) -> None:
        page, turn = self.page, channel + TAB / 2 + TRACK
        for which, x in sorted(self.columns.ports.items(), key=lambda item: item[1]):
            member, landing = self.members[which[0]], self._landing_of(which)
            ends = member.ends(which[1])
            cables = [page.cable[end] if end in page.cable else page.parent[end] for end in ends]
            fars = [cable.other if cable.one == end else cable.one for cable, end in zip(cables, ends, strict=True)]
            foot, tint = page.tabs[ends[0]], self.tints.get(landing or ends[0], Tint())
            tab = page.tabs.get(fars[0])
            plugged = tab is None and cables[0].kind == "veth"
            port = page.port(fars[0], x + shift, bars, tint, also=fars[1:]).top if plugged else bars
            page.wire(
                cables[0], (foot.centre[0], foot.bottom), (x + shift, tab.top if tab else port), tint, turn=turn,
                also=cables[1:],
            )  # fmt: skip
            turn += TRACK if abs(foot.centre[0] - x - shift) > 0.01 else 0
        for cable in self.among:
            here, there = page.tabs[cable.one], page.tabs[cable.other]
            page.wire(
                cable, (here.centre[0], here.bottom), (there.centre[0], there.bottom), Tint(), turn=turn
            )  # fmt: skip
            turn += TRACK

    def _dropped(self, above: list[Place], most: int, keep: Collection[str]) -> set[End]:
        """Choose the bridges to leave out where there are too many: the emptiest, but none of those to be seen."""
        used = Counter(self.landing(End(place.name, link.name)) for place in above for link in interfaces(place))
        ranked = [end for end, _ in used.most_common() if end]
        spare = [
            End(place.name, link.name)
            for place in self.page.topology.places
            if place.name in self.grounds_of
            for link in interfaces(place)
            if link.kind == "bridge" and End(place.name, link.name) not in used
        ]
        seen = {self.landing(End(p.name, link.name)) for p in above if p.name in keep for link in interfaces(p)}
        gone = set(ranked[most:]) - seen
        return gone | set(spare) if gone else set(spare[max(0, most - len(ranked)) :])

    def _sorted_out(self, above: list[Place], dropped: set[End]) -> tuple[list[Place], list[Place]]:
        """Part the containers into those to be shown and the rest: whoever is plugged into what is left out."""
        rest = [p for p in above if any(self.landing(End(p.name, link.name)) in dropped for link in interfaces(p))]
        return [place for place in above if place not in rest], rest

    def _alike(self, place: Place) -> Hashable:
        """Give what two containers have in common that may be drawn as one."""
        return tuple(
            (link.name, link.kind, link.up, self.landing(End(place.name, link.name))) for link in interfaces(place)
        )

    def _ends(self, member: Member) -> list[list[End]]:
        return [member.ends(position) for position in range(len(member.feet))]

    def _landing_of(self, which: tuple[int, int]) -> End | None:
        return self.landing(self.members[which[0]].ends(which[1])[0])

    def _foot_x(self, which: tuple[int, int]) -> float:
        return self.columns.spots[which[0]].feet[which[1]]

    def _among(self) -> list[Cable]:
        """Give the cables that join two containers of this machine without anything between."""
        mine = {member.place.name for member in self.members if not member.rest}
        cables = [cable for cable in self.page.topology.cables if cable.kind != "tunnel"]
        return [cable for cable in cables if cable.one.place in mine and cable.other.place in mine]

    def _tints(self, here: list[Place]) -> dict[End, Tint]:
        """Give each landing the colour of its driver, and each network of one driver a shade of its own."""
        tints: dict[End, Tint] = {}

        def next_of(driver: str | None) -> Tint:
            return Tint(driver, sum(tint.driver == driver for tint in tints.values()))

        for place in (place for place in here if place.name in self.grounds_of):
            for link in sorted((x for x in interfaces(place) if x.kind == "bridge"), key=lambda x: str(x.addresses)):
                network = network_of(self.page.topology, place, link)
                tints[End(place.name, link.name)] = next_of(network.driver if network else None)
        for cable in self.page.topology.cables:
            if cable.kind == "parent" and cable.other not in tints and self.page.link[cable.one].kind != "vlan":
                tints[cable.other] = next_of(self.page.link[cable.one].kind)
        return tints
