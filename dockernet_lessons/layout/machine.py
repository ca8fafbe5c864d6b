"""One machine on the page: containers above, its own namespace with the bridges below, a frame around all."""

from __future__ import annotations

from ..facts import End, Link, Network, Place
from ..topology import interfaces, shown_addresses
from .columns import BETWEEN_FEET, Foot, Stand, arrange, needs_two_rows
from .page import BAR, LINE, NAME, NOTE, TAB, Page, bar_text_width, box_width, short, tab_width
from .parts import Frame, Rect, Tint, text_width

INSIDE = 16.0  # from the frame to what is in it
TITLE = 28.0
BETWEEN_ROWS = 18.0
CHANNEL = 30.0  # the room between containers and host, where one sees the cables
TRACK = 9.0  # between two cables that run side by side
TO_THE_BARS = 30.0
CAPTION = 20.0
NO_CONTAINERS = 20.0
CONTAINER_NOTE, HOST_NOTE = "container", "the host's own namespace"


class Machine:
    """Plans a machine from left to right at once; ``draw`` puts it on the page when the heights are known."""

    def __init__(self, page: Page, name: str) -> None:
        self.page, self.name = page, name
        places = [place for place in page.topology.places if place.machine == name]
        self.containers = [place for place in places if place.kind == "container"]
        self.host = next((place for place in places if place.kind == "host"), None)
        self.links = interfaces(self.host) if self.host else ()
        self.bridges = sorted((link for link in self.links if link.kind == "bridge"), key=_by_address)
        self.tints = self._tints()
        stands = [self._stand(place) for place in self.containers]
        touched = {foot.landing for stand in stands for foot in stand.feet if foot.landing}
        self.lone = [link for link in self.links if link.name in touched and link.kind != "bridge"]
        self.outer = [
            link for link in self.links if link not in self.bridges and link not in self.lone and not link.master
        ]
        self.rows = min(len(stands), 1 + needs_two_rows(stands))
        landings = {bridge.name: self._bar_width(bridge) for bridge in self.bridges}
        landings |= {link.name: tab_width(link) + BETWEEN_FEET for link in self.lone}
        self.columns = arrange(stands, landings, two_rows=self.rows == 2)
        self.lines = max(
            (len(shown_addresses(link)) for place in self.containers for link in interfaces(place)), default=0
        )
        self.tracks = sum(1 for which, x in self.columns.ports.items() if abs(x - self._foot_x(which)) > 0.01)
        self.tracks += len(self._among_containers())
        self.bars_top = 0.0

    def draw(self, left: float, top: float, *, rows: int, lines: int, tracks: int) -> Rect:
        """Draw it all; every machine is told the same rows, address lines and tracks, so that they align."""
        title = text_width(self.name, "frame") + 8 + text_width("one Linux machine", "note")
        start, end = self.columns.extent
        words = max(text_width(short(self.name), "name"), text_width(HOST_NOTE, "note"))
        outer = sum(tab_width(link) + BETWEEN_FEET for link in self.outer)
        inner = max(end - start + 2 * INSIDE, title, 2 * words + outer + 4 * INSIDE if self.host else 0)
        shift = left + INSIDE + (inner - (end - start)) / 2 - start
        box_height = 10 + NAME + NOTE + 8 + LINE * lines + 3 + TAB / 2
        first = top + TITLE
        channel = first + (rows * box_height + (rows - 1) * BETWEEN_ROWS if rows else NO_CONTAINERS)
        for place, spot in zip(self.containers, self.columns.spots, strict=True):
            y = first + (rows - 1 - spot.row) * (box_height + BETWEEN_ROWS)
            self._container(
                place,
                Rect(spot.left + shift, y, spot.right - spot.left, box_height),
                [x + shift for x in spot.feet],
            )
        if not self.containers:
            self.page.label("no containers", "note", left + INSIDE + inner / 2, first + NO_CONTAINERS / 2, pale=True)
        bottom = channel
        if self.host:
            tops = channel + CHANNEL + TRACK * tracks
            bottom = self._own_namespace(self.host, Rect(left + INSIDE, tops, inner, 0), shift).bottom
            self._cables(shift, channel)
        frame = Rect(left, top, inner + 2 * INSIDE, bottom + INSIDE + 4 - top)
        self.page.add(Frame(self.name, frame))
        name = self.page.label(short(self.name), "frame", left + INSIDE, top + TITLE / 2, align="left")
        self.page.label("one Linux machine", "note", name.right + 6, top + TITLE / 2, align="left")
        return frame

    def _container(self, place: Place, rect: Rect, xs: list[float]) -> None:
        self.page.box(place, rect)
        x = rect.centre[0]
        self.page.label(short(place.name), "name", x, rect.top + 10 + NAME / 2)
        self.page.label(CONTAINER_NOTE, "note", x, rect.top + 10 + NAME + NOTE / 2)
        for link, foot in zip(interfaces(place), xs, strict=True):
            tint = self.tints.get(self._landing(End(place.name, link.name)) or "", Tint())
            self.page.tab(place, link, foot, rect.bottom, tint, inwards=-1)

    def _own_namespace(self, host: Place, rect: Rect, shift: float) -> Rect:
        page = self.page
        bars = TO_THE_BARS + BAR + CAPTION if self.bridges else 0.0
        above = max((TAB / 2 + 3 + LINE * len(shown_addresses(link)) for link in self.lone), default=0.0)
        below = max([NAME + NOTE, *(LINE * len(shown_addresses(link)) + 3 + TAB / 2 for link in self.outer)])
        rect = page.box(host, Rect(rect.left, rect.top, rect.width, max(bars, above) + 14 + below + 8))
        self.bars_top = rect.top + TO_THE_BARS
        for bridge in self.bridges:
            left, right = (x + shift for x in self.columns.spans[bridge.name])
            self._bar(bridge, Rect(left, self.bars_top, right - left, BAR))
        for link in self.lone:
            x = next(x for which, x in self.columns.ports.items() if self._landing(self._foot_end(which)) == link.name)
            page.tab(host, link, x + shift, rect.top, Tint(), inwards=1)
        base = rect.bottom - 8 - NOTE / 2
        page.label(HOST_NOTE, "note", rect.left + INSIDE, base, align="left")
        page.label(short(host.name), "name", rect.left + INSIDE, base - NOTE / 2 - NAME / 2, align="left")
        page.tab_row(host, self.outer, rect.centre[0], rect.bottom, inwards=-1, gap=BETWEEN_FEET)
        return rect

    def _bar(self, bridge: Link, rect: Rect) -> None:
        ports = [link for link in self.links if link.master == bridge.name]
        tint = self.tints[bridge.name]
        self.page.bar(End(self.name, bridge.name), rect, tint, self._words(bridge), idle=not (ports and bridge.up))
        self.page.label(self._caption(bridge), "caption", rect.centre[0], rect.bottom + CAPTION / 2)
        joined = {self.page.far.get(self._foot_end(which)) for which in self.columns.ports}
        loose = [end for link in ports if (end := End(self.name, link.name)) not in joined]
        for number, end in enumerate(loose):  # ports whose other end is not in the picture
            self.page.port(end, rect.right - 10 - 14 * number, rect.bottom, tint)

    def _cables(self, shift: float, channel: float) -> None:
        page, turn = self.page, channel + TAB / 2 + TRACK
        for which, x in sorted(self.columns.ports.items(), key=lambda item: item[1]):
            end = self._foot_end(which)
            far, foot, tint = page.far[end], page.tabs[end], self.tints.get(self._landing(end) or "", Tint())
            tab = page.tabs.get(far)
            stop = tab.top if tab else page.port(far, x + shift, self.bars_top, tint).top
            page.wire(page.cable[end], (foot.centre[0], foot.bottom), (x + shift, stop), tint, turn=turn)
            turn += TRACK if abs(foot.centre[0] - x - shift) > 0.01 else 0
        for one, other in self._among_containers():
            here, there = page.tabs[one], page.tabs[other]
            page.wire(
                page.cable[one],
                (here.centre[0], here.bottom),
                (there.centre[0], there.bottom),
                Tint(),
                turn=turn,
            )
            turn += TRACK

    def _stand(self, place: Place) -> Stand:
        feet = [Foot(self._landing(End(place.name, link.name)), tab_width(link)) for link in interfaces(place)]
        return Stand(box_width(place, CONTAINER_NOTE, interfaces(place), gap=BETWEEN_FEET), tuple(feet))

    def _landing(self, end: End) -> str | None:
        """Name what a container's cable leads to in the host: the bridge it is plugged into, or a link."""
        far = self.page.far.get(end)
        if not far or not self.host or far.place != self.host.name or end.place == far.place:
            return None
        return self.page.link[far].master or far.interface

    def _foot_end(self, which: tuple[int, int]) -> End:
        place = self.containers[which[0]]
        return End(place.name, interfaces(place)[which[1]].name)

    def _foot_x(self, which: tuple[int, int]) -> float:
        return self.columns.spots[which[0]].feet[which[1]]

    def _among_containers(self) -> list[tuple[End, End]]:
        """Give the cables that join two containers of this machine without a bridge."""
        mine = {place.name for place in self.containers}
        return [(c.one, c.other) for c in self.page.topology.cables if c.one.place in mine and c.other.place in mine]

    def _network(self, bridge: Link) -> Network | None:
        here = (network for network in self.page.topology.networks if network.host == self.name)
        return next((network for network in here if network.bridge == bridge.name), None)

    def _tints(self) -> dict[str, Tint]:
        tints: dict[str, Tint] = {}
        for bridge in self.bridges:
            network = self._network(bridge)
            driver = network.driver if network else None
            tints[bridge.name] = Tint(driver, sum(tint.driver == driver for tint in tints.values()))
        return tints

    def _words(self, bridge: Link) -> list[str]:
        return [short(bridge.name, 15), *map(str, shown_addresses(bridge))]

    def _caption(self, bridge: Link) -> str:
        network = self._network(bridge)
        kind = f"{'internal ' if network.internal else ''}{network.driver} network" if network else ""
        whose = f"{short(network.name)} ({kind})" if network else "no Docker network"
        state = [] if bridge.up else ["down"]
        state += [] if any(link.master == bridge.name for link in self.links) else ["no ports"]
        return ", ".join([whose, *state])

    def _bar_width(self, bridge: Link) -> float:
        words = self._words(bridge)
        return max(bar_text_width(words[0], words[1:]) + 28, text_width(self._caption(bridge), "caption") + 8)


def _by_address(link: Link) -> tuple[list[tuple[int, int]], str]:
    return [(address.version, int(address.ip)) for address in shown_addresses(link)[:1]] or [(9, 0)], link.name
