"""What `connect`, `describe` and `layout` promise, on topologies as a live testbed gives them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from driver_worlds import DRIVERS, LARGE, at_random
from worlds import CASES, D, S, link, networks, places, world

from dockernet_lessons.facts import Cable, End, Place, Topology
from dockernet_lessons.layout import Layout, Rect, layout
from dockernet_lessons.topology import connect, network_of
from dockernet_lessons.words import describe

GOLDEN = Path(__file__).parent / "golden" / "topology"
WORLDS = CASES | DRIVERS | LARGE
every_case = pytest.mark.parametrize("topology", WORLDS.values(), ids=WORLDS)


def test_text_is_the_one_lessons_compare() -> None:
    """The text of a small testbed reads as a learner reads the picture, from the outside in."""
    assert repr(world({"web": [D], "db": [D]}, internet=True)).splitlines() == [
        "internet (internet)",
        "  eth0 203.0.113.9/24 -- router wan",
        "router (router)",
        "  lan (bridge) 192.0.2.254/24",
        "    port -- host1 eth0",
        "    port -- neighbour eth0",
        "  wan 203.0.113.1/24 -- internet eth0",
        "neighbour (neighbour)",
        "  eth0 192.0.2.3/24 -- router lan",
        "host1 (host)",
        "  docker0 (bridge) 172.17.0.1/16",
        "    port -- db eth0",
        "    port -- web eth0",
        "  eth0 192.0.2.11/24 -- router lan",
        "web (container on host1)",
        "  eth0 172.17.0.2/16 -- host1 docker0",
        "db (container on host1)",
        "  eth0 172.17.0.3/16 -- host1 docker0",
    ]


def test_text_and_page_outlive_a_restart() -> None:
    """New veth names, indexes and inodes, observed in another order, change neither text nor page."""
    on = {"web": [D], "proxy": [D, S], "db": [S]}
    one = connect(places(on, [D, S]), networks([D, S]))
    other = connect(reversed(places(on, [D, S], seed=1000)), reversed(networks([D, S])))
    assert one != other
    assert repr(one) == repr(other)
    assert describe(one) == describe(other)
    assert _without_veth_names(layout(one)) == _without_veth_names(layout(other))


def test_containers_come_in_the_order_of_their_addresses() -> None:
    """Containers follow each other by address as a number (.10 after .9), those without one come last."""
    topology = world({**{f"c{n}": [D] for n in range(12, 0, -1)}, "a-quiet-one": []})
    names = [place.name for place in topology.places if place.kind == "container"]
    assert names == [*(f"c{n}" for n in range(12, 0, -1)), "a-quiet-one"]


def test_every_veth_pair_is_one_cable() -> None:
    """Each container's interface has exactly one cable, and it ends on a port of its bridge."""
    topology = CASES["shop"]
    ends = [end for cable in topology.cables for end in (cable.one, cable.other)]
    assert len(ends) == len(set(ends)) == 2 * (6 + 2)
    host = {link.name: link for link in topology.place("host1").links}
    far = {cable.other: cable.one for cable in topology.cables}
    assert host[far[End("proxy", "eth0")].interface].master == D
    assert host[far[End("proxy", "eth1")].interface].master == S


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"peer": 2, "peer_place": "web"}, {"peer": 6, "peer_place": "host1"}),
        ({"peer": 2, "peer_place": "web"}, {"peer": 5, "peer_place": "host2"}),
        ({"peer": 2, "peer_place": "web"}, {"peer": 5}),
        ({"peer": 2}, {"peer": 5, "peer_place": "host1"}),
        ({"peer": 2, "peer_place": "gone"}, {"peer": 5, "peer_place": "host1"}),
        ({"peer": 5, "peer_place": "host1"}, {}),
    ],
)
def test_nothing_is_guessed(mine: dict[str, object], theirs: dict[str, object]) -> None:
    """Two ends are joined only where each names the other: half a sign is none."""
    host = Place("host1", "host", "host1", 1, (link("veth5", "veth", 5, **mine),))
    web = Place("web", "container", "host1", 2, (link("eth0", "veth", 2, **theirs),))
    assert connect([host, web]).cables == ()


def test_a_name_that_two_places_share_has_no_cables() -> None:
    """Where two places have one name, nobody can say which of them a peer means."""
    made = places({"web": [D]})
    twin = Place("web", "container", "host2", 99)
    assert End("web", "eth0") not in {cable.other for cable in connect([*made, twin]).cables}


def test_each_of_two_places_with_one_name_keeps_its_own_address() -> None:
    """Two engines may each have a container of that name: the picture does not mix up their addresses."""
    pair = [
        Place("web", "container", host, n, (link("eth0", "veth", 2, f"172.17.0.{n}/16"),))
        for n, host in ((2, "host1"), (3, "host2"))
    ]
    words = [label.text for label in layout(connect(pair)).labels if label.role == "address"]
    assert words == ["172.17.0.2/16", "172.17.0.3/16"]


def test_a_macvlan_is_joined_to_its_parent_and_to_nothing_else() -> None:
    """A macvlan names its parent as a veth names its peer: it is a child, never the other end of a pair."""
    parent = Place("host1", "host", "host1", 1, (link("eth0", "veth", 2, peer=2, peer_place="web"),))
    child = Place("web", "container", "host1", 2, (link("eth0", "macvlan", 2, peer=2, peer_place="host1"),))
    assert connect([parent, child]).cables == (Cable(End("web", "eth0"), End("host1", "eth0"), "parent"),)
    for unsure in ({"peer_place": None}, {"peer": None}, {"peer_place": "host2"}, {"peer": 3}):
        less = replace(child.links[0], **unsure)  # type: ignore[arg-type]
        assert connect([parent, replace(child, links=(less,))]).cables == ()


def test_a_tunnel_needs_one_network_and_one_known_way() -> None:
    """Two VXLANs are joined where their number is the same and one sends to the other's host; else they are not."""
    good = DRIVERS["overlay"]
    assert [str(c.one) for c in good.cables if c.kind == "tunnel"] == ["shop on host1 vxlan0"]

    def tunnels(change: Callable[[Place], Place]) -> int:
        places = [change(place) if place.kind == "sandbox" else place for place in good.places]
        return sum(cable.kind == "tunnel" for cable in connect(places).cables)

    assert tunnels(lambda p: p) == 1
    assert tunnels(lambda p: replace(p, fdb=() if p.machine == "host1" else p.fdb)) == 1, "one side knows"
    assert tunnels(lambda p: replace(p, fdb=())) == 0
    elsewhere = ip_address("192.0.2.99")
    assert tunnels(lambda p: replace(p, fdb=tuple(replace(e, destination=elsewhere) for e in p.fdb))) == 0
    assert tunnels(lambda p: replace(p, fdb=tuple(replace(e, port="other") for e in p.fdb))) == 0
    renumbered = {"shop on host1": 4097, "shop on host2": 4098}
    assert tunnels(lambda p: replace(p, links=tuple(replace(x, number=renumbered[p.name]) for x in p.links))) == 0


@pytest.mark.parametrize("name", DRIVERS)
def test_text_of_each_driver(name: str) -> None:
    """The text of each driver's world is the one that was read and found right, word for word."""
    assert f"{DRIVERS[name]!r}\n" == (GOLDEN / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", DRIVERS)
def test_words_of_each_driver(name: str) -> None:
    """So are the sentences of its alt text."""
    told = describe(DRIVERS[name]).replace(". ", ".\n") + "\n"
    assert told == (GOLDEN / f"{name}.alt.txt").read_text()


def test_words_stay_few() -> None:
    """Two hundred containers are told in as few words as can be listened to."""
    assert len(describe(LARGE["two_hundred"]).split()) < 250
    assert "and 46 more." in describe(LARGE["two_hundred"])


def test_the_network_of_an_interface_without_a_bridge_is_found_by_its_subnet() -> None:
    """A macvlan's network is the one of its driver whose subnet holds its address; of two that fit, neither."""
    topology = DRIVERS["macvlan"]
    web = topology.place("web")
    found = network_of(topology, web, web.links[1])
    assert found
    assert found.name == "lan"
    twice = replace(topology, networks=(*topology.networks, replace(found, name="again")))
    assert network_of(twice, web, web.links[1]) is None


def test_description_names_who_is_joined_to_whom() -> None:
    """The description says in sentences, with addresses, what the picture shows in lines."""
    said = describe(CASES["one_of_each"])
    assert "On host1, bridge docker0 (172.17.0.1/16, Docker network bridge) joins web eth0 172.17.0.2/16." in said
    assert "On host1, bridge br-shop (172.30.0.1/24, Docker network shop) joins nothing." in said
    assert "On host1, container quiet is joined to nothing." in said
    assert "host1 to-solo 10.1.0.1/30 is joined to solo eth0 10.1.0.2/30." in describe(CASES["by_hand"])


@every_case
def test_layout_is_always_the_same(topology: Topology) -> None:
    """The same topology gives the same page, twice and from a rebuilt copy."""
    assert layout(topology) == layout(topology) == layout(replace(topology))


@every_case
def test_every_place_and_every_interface_is_on_the_page(topology: Topology) -> None:
    """Each namespace has one box, or is one of a crowd; each interface but loopback has one tab, port or bar.

    Only where networks had to be left out, and that is written there, interfaces are missing.
    """
    page = layout(topology)
    boxed = [name for box in page.boxes for name in (box.place, *box.also)]
    assert sorted(boxed) == sorted(place.name for place in topology.places)
    drawn = [str(end) for part in (*page.tabs, *page.ports) for end in (part.end, *part.also)]
    drawn += [str(bar.end) for bar in page.bars]
    real = [f"{place.name} {link.name}" for place in topology.places for link in place.links if link.kind != "loopback"]
    foot = [f"{place.name} lan" for place in topology.places if place.kind == "router"]  # a tab, and the LAN's bar
    if _something_is_left_out(page):
        assert len(drawn) == len(set(drawn)) + len(foot)
        assert set(drawn) <= set(real)
    else:
        assert sorted(drawn) == sorted(real + foot)
    here = [name for place in topology.places if place.kind == "host" for name in place.containers]
    assert sorted(chip.container for chip in page.chips) == sorted(here)


@every_case
def test_nothing_on_the_page_overlaps(topology: Topology) -> None:
    """Boxes, bars, ports and words keep clear of each other, and everything is on the page."""
    page = layout(topology)
    words = [label.room for label in page.labels]
    bars, tabs = [bar.rect for bar in page.bars], [tab.rect for tab in page.tabs]
    boxes = [box.rect for box in page.boxes]
    for kind in (
        boxes,
        bars,
        tabs,
        words,
        [port.rect for port in page.ports],
        [frame.rect for frame in page.frames],
        [*bars, *(part.rect for part in (*page.chips, *page.shafts))],
    ):
        assert not [pair for pair in combinations(kind, 2) if pair[0].overlaps(pair[1])]
    edges = [(box, tab) for box in boxes for tab in tabs if box.overlaps(tab)]
    assert len(edges) == len(tabs), "each tab sits on the border of one box"
    assert all(not box.contains(tab) for box, tab in edges)
    assert not [(tab, bar) for tab in tabs for bar in bars if tab.overlaps(bar)]
    assert all(Rect(0, 0, page.width, page.height).contains(rect) for rect in [*words, *boxes, *bars, *tabs])


@every_case
def test_containers_and_host_stand_in_their_machine(topology: Topology) -> None:
    """The frame of a machine embraces the namespaces that share its kernel, and no other."""
    page = layout(topology)
    machine = {place.name: place.machine for place in topology.places}
    for frame in page.frames:
        for box in page.boxes:
            assert frame.rect.contains(box.rect) == (machine[box.place] == frame.machine)
        for part in (*page.chips, *page.shafts):
            host = next((box.rect for box in page.boxes if box.place == frame.machine), frame.rect)
            assert host.contains(part.rect) == frame.rect.overlaps(part.rect)


@every_case
def test_words_keep_clear_of_borders(topology: Topology) -> None:
    """No word lies across the border of a box, a bar or a tab, nor under a port."""
    page = layout(topology)
    borders = [part.rect for part in (*page.bars, *page.tabs, *page.frames)]
    for label in page.labels:
        inner = Rect(
            label.room.left, label.room.top + 2, label.room.width, label.room.height - 4
        )  # the letters themselves
        holders = borders + [box.rect for box in page.boxes if label.role != "interface"]  # those sit on the border
        assert all(holder.contains(inner) or not holder.overlaps(inner) for holder in holders), label
        assert not any(port.rect.overlaps(inner) for port in page.ports), label


@every_case
def test_cables_end_where_they_should_and_cross_nothing_else(topology: Topology) -> None:
    """Each cable runs from edge to edge of its own two ends, and past every box, bar, tab, port and word."""
    page = layout(topology)
    at = {part.end: part.rect for part in (*page.tabs, *page.ports)}
    every = [cable for wire in page.wires if wire.cable for cable in (wire.cable, *wire.also)]
    assert len(every) == len(set(every))
    complete = not _something_is_left_out(page)
    assert set(every) == set(topology.cables) if complete else set(every) <= set(topology.cables)
    for wire in page.wires:
        ends = {wire.cable.one, wire.cable.other} if wire.cable else set()
        for end, point in _matched(at, wire.cable, wire.points):
            assert at[end].left < point[0] < at[end].right
            assert point[1] in (at[end].top, at[end].bottom)
        places_met = {end.place for end in ends} if wire.cable else {"router"} | _with_sandboxes(topology)
        others = [box.rect for box in page.boxes if box.place not in places_met]
        others += [rect for end, rect in at.items() if end not in ends and wire.cable]
        others += [label.room for label in page.labels]
        for (x, y), (to_x, to_y) in pairwise(wire.points):
            line = Rect(min(x, to_x) - 0.5, min(y, to_y), abs(to_x - x) + 1, abs(to_y - y))
            assert not [rect for rect in others if rect.overlaps(line)], wire


def test_a_cable_falls_straight_wherever_it_can() -> None:
    """With one container between two bridges every cable is a straight line, whatever the names."""
    shuffled = world({"zulu": [D], "alpha": [S], "mike": [D, S], "bravo": [D]}, [D, S])
    for topology in (CASES["shop"], CASES["twelve"], shuffled):
        assert all(len(wire.points) == 2 for wire in layout(topology).wires)


def test_an_idle_bridge_says_so() -> None:
    """A bridge without ports is told from one in use by its form and by a word, not by colour alone."""
    page = layout(CASES["one_of_each"])
    assert [bar.end.interface for bar in page.bars if bar.idle] == ["br-shop", "br-back"]
    assert "shop (bridge network), no ports" in [label.text for label in page.labels]


def test_many_containers_take_two_rows() -> None:
    """Up to five containers stand in one row, eight stand in two."""
    tops = {
        name: {box.rect.top for box in layout(CASES[name]).boxes if box.kind == "container"}
        for name in ("shop", "eight")
    }
    assert (len(tops["shop"]), len(tops["eight"])) == (1, 2)
    assert layout(CASES["eight"]).width < 600


@every_case
def test_a_page_is_not_much_wider_than_a_notebook(topology: Topology) -> None:
    """Whatever is on it, a page has at most 1070 CSS pixels and so keeps its letters readable in a cell 900 wide.

    All six drivers at once on two hosts are the exception.
    """
    assert layout(topology).width <= (1160 if topology is DRIVERS["everything"] else 800)


def test_containers_that_must_be_seen_stay_apart() -> None:
    """Those that are asked for keep a box of their own among two hundred, with their networks, and few others do."""
    small = layout(LARGE["twenty_networks"], keep={"c7", "both19"})
    assert {"c7", "both19"} <= {box.place for box in small.boxes if not box.also}
    assert {End("c7", "eth0"), End("both19", "eth0"), End("both19", "eth1")} <= {tab.end for tab in small.tabs}
    page = layout(LARGE["two_hundred"], keep={"c7", "both3"})
    assert {"c7", "both3"} <= {box.place for box in page.boxes if not box.also}
    assert page.width <= 940
    assert len(page.boxes) < 20


def test_a_crowd_says_how_many_and_from_where_to_where() -> None:
    """A crowd has the number, the names' first and last, and the addresses' first and last written on it."""
    page = layout(LARGE["sixty"])
    box = next(box for box in page.boxes if box.also)
    words = [label.text for label in page.labels if box.rect.contains(label.room)]
    assert words[:2] == ["60 containers", "c1, c2 … c60"]
    assert "172.20.0.2…61/16" in words
    wire = next(wire for wire in page.wires if wire.also)
    assert len(wire.also) == 59


def test_a_macvlan_passes_the_host_by() -> None:
    """The cable of a macvlan runs in a shaft from top to bottom of the host's box and ends on its parent, the NIC."""
    page = layout(DRIVERS["macvlan"])
    shaft = page.shafts[0]
    host = next(box.rect for box in page.boxes if box.place == "host1")
    assert (shaft.rect.top, shaft.rect.bottom) == (host.top, host.bottom)
    parent = next(tab.rect for tab in page.tabs if tab.end == End("host1", "eth0"))
    for wire in page.wires:
        if wire.cable and wire.cable.kind == "parent":
            assert shaft.rect.left < wire.points[-1][0] < shaft.rect.right
            assert wire.points[-1][1] == parent.top
        elif wire.cable:
            assert not shaft.rect.overlaps(_line(*wire.points[-2:]))
    address = next(label.room for label in page.labels if label.text == "192.0.2.11/24")
    assert address.right <= shaft.rect.left, "the host's own address is in the host's own part"


def test_what_is_true_of_mac_addresses_is_read_from_them() -> None:
    """Whether children share their parent's MAC address is told by what was observed, not by the driver's name."""
    said = {
        name: [label.text for label in layout(DRIVERS[name]).labels] for name in ("macvlan", "ipvlan_l2", "ipvlan_l3")
    }
    assert "a MAC address each" in said["macvlan"]
    assert "eth0's MAC for all" in said["ipvlan_l2"]
    assert {"ipvlan, l2", "ipvlan, l3 (routed)"} <= {*said["ipvlan_l2"], *said["ipvlan_l3"]}


def test_a_tunnel_runs_between_the_machines_and_the_lan() -> None:
    """The tunnel leaves both sandboxes at the bottom, runs above the LAN, and its number stands beside it."""
    page = layout(DRIVERS["overlay"])
    tunnel = next(wire for wire in page.wires if wire.cable and wire.cable.kind == "tunnel")
    lan = next(bar.rect for bar in page.bars if bar.end.place == "router")
    level = tunnel.points[1][1]
    assert max(frame.rect.bottom for frame in page.frames) < level < lan.top
    words = next(label for label in page.labels if label.text == "VXLAN tunnel, VNI 4097")
    assert abs(words.room.centre[1] - level) < 15


@pytest.mark.parametrize("seed", range(40))
def test_nothing_overlaps_whatever_is_joined_to_whatever(seed: int) -> None:
    """What holds for the chosen worlds holds for up to 120 containers that are joined to networks by lot."""
    topology = at_random(seed)
    page = layout(topology)
    test_every_place_and_every_interface_is_on_the_page(topology)
    test_nothing_on_the_page_overlaps(topology)
    test_words_keep_clear_of_borders(topology)
    test_cables_end_where_they_should_and_cross_nothing_else(topology)
    assert page == layout(topology)
    assert page.width < 1500


def _something_is_left_out(page: Layout) -> bool:
    return any(re.fullmatch(r"\d+ more containers?|.*\d+ more bridges? in it", label.text) for label in page.labels)


def _with_sandboxes(topology: Topology) -> set[str]:
    return {place.name for place in topology.places if place.kind == "sandbox"}


def _line(one: tuple[float, float], other: tuple[float, float]) -> Rect:
    (x, y), (to_x, to_y) = one, other
    return Rect(min(x, to_x), min(y, to_y), abs(to_x - x) + 0.1, abs(to_y - y) + 0.1)


def _matched(
    at: dict[End, Rect], cable: Cable | None, points: tuple[tuple[float, float], ...]
) -> list[tuple[End, tuple[float, float]]]:
    """Pair the two ends of a cable with the two ends of its line, whichever way round it was drawn."""
    if not cable:
        return []
    first = at[cable.one].left < points[0][0] < at[cable.one].right and points[0][1] in (
        at[cable.one].top,
        at[cable.one].bottom,
    )
    return list(
        zip(
            (cable.one, cable.other) if first else (cable.other, cable.one),
            (points[0], points[-1]),
            strict=True,
        )
    )


def _without_veth_names(page: Layout) -> tuple[object, ...]:
    ports = sorted((port.rect.left, port.rect.top, str(port.tint)) for port in page.ports)
    wires = sorted((wire.points, str(wire.tint)) for wire in page.wires)
    return page.width, page.height, page.frames, page.boxes, page.bars, page.tabs, page.labels, ports, wires
