"""What a packet's path on a picture promises: it runs where the packet ran, and says where it died."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from math import dist

import pytest
from worlds import CASES, D, S, world

from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import End, PacketPath, Step, StepState, Topology
from dockernet_lessons.layout import Layout, Rect, layout, with_path
from dockernet_lessons.picture import draw
from dockernet_lessons.topology import far_ends

SHOP = CASES["shop"]


def step(end: str, label: str = "", state: StepState = "passed") -> Step:
    """Make a step from an end as it reads in text."""
    place, _, interface = end.partition(" ")
    return Step(End(place, interface), label, state)


OUT = (step("web eth0", "1"), step("host1 docker0", "2"), step("host1 eth0", "3"), step("neighbour eth0", "4"))
BACK = tuple(Step(s.end, str(9 - int(s.label)), "reply") for s in reversed(OUT))
PATHS = {
    "sibling": PacketPath((step("web eth0", "1"), step("cache eth0", "2"))),
    "out": PacketPath(OUT),
    "out and back": PacketPath((*OUT, *BACK)),
    "in": PacketPath((step("neighbour eth0", "1"), step("host1 eth0", "2"), step("app eth0", "3"))),
    "dropped": PacketPath((step("web eth0", "1"), step("host1 docker0", "2", "last")), "dropped by raw PREROUTING"),
    "no answer": PacketPath((step("neighbour eth0", "1", "last"),), "no answer to ARP", End("host1", "eth0")),
    "no route": PacketPath((step("web lo", "1", "last"),), "web has no route to 203.0.113.9, and no default route"),
}
every_path = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)


def drawn(path: PacketPath, topology: Topology = SHOP) -> Layout:
    """Give the page with the path on it."""
    return with_path(layout(topology), topology, path)


@every_path
def test_the_band_is_one_line_from_sighting_to_sighting(path: PacketPath) -> None:
    """Each band begins where the one before it ended, and the whole way begins and ends at an interface that saw it."""
    page = drawn(path)
    for state in ("passed", "reply"):
        bands = [band for band in page.bands if band.state == state]
        assert all(dist(one.points[-1], other.points[0]) < 0.1 for one, other in pairwise(bands))
    corners = [pair for band in page.bands for pair in pairwise(band.points)]
    assert all(abs(x - to_x) < 0.1 or abs(y - to_y) < 0.1 for (x, y), (to_x, to_y) in corners), "no slanting"
    if path.died is None:
        at = {part.end: part.rect for part in (*page.tabs, *page.ports)}
        first, last = at[path.steps[0].end], at[path.steps[-1].end]
        assert dist(page.bands[0].points[0], first.centre) < 5
        assert dist(page.bands[-1].points[-1], last.centre) < 5


def test_the_band_follows_the_cables() -> None:
    """Between two siblings the band runs along both their cables and along their bridge, and touches no other."""
    page = drawn(PATHS["sibling"])
    points = {point for band in page.bands for point in band.points}
    far = far_ends(SHOP)
    for name in ("web", "cache"):
        wire = next(w for w in page.wires if w.cable and far[End(name, "eth0")] in (w.cable.one, w.cable.other))
        assert set(wire.points) <= points
    bar = next(bar.rect for bar in page.bars if bar.end == End("host1", D))
    assert any(band.over and bar.contains(_around(band.points)) for band in page.bands)
    others = [box.rect for box in page.boxes if box.place in ("app", "db", "proxy", "router")]
    assert not [box for box in others for band in page.bands if box.overlaps(_around(band.points))]


@every_path
def test_numbers_stand_beside_their_interface(path: PacketPath) -> None:
    """Each number is on the page, near its interface, and hides no word, no other number."""
    page = drawn(path)
    at = {part.end: part.rect for part in (*page.bars, *page.tabs, *page.ports)}
    words = [label.room for label in page.labels]
    assert {mark.text for mark in page.marks} == {s.label for s in path.steps}
    for mark in page.marks:
        near = at.get(mark.end) or next(box.rect for box in page.boxes if box.place == mark.end.place)
        slim = Rect.around(*mark.rect.centre, mark.rect.width - 3, mark.rect.height - 3)
        assert near.overlaps(mark.rect) or dist(near.centre, mark.rect.centre) < 20
        assert not [word for word in words if word.overlaps(slim)]
    assert not [pair for pair in combinations(page.marks, 2) if pair[0].rect.overlaps(pair[1].rect)]


@every_path
def test_a_cross_stands_where_the_packet_died(path: PacketPath) -> None:
    """A path that ended has one cross and one slip with its reason, both on the page; one that arrived has none."""
    page = drawn(path)
    assert (len(page.crosses), len(page.slips)) == ((1, 1) if path.died else (0, 0))
    for part in (*page.crosses, *page.slips):
        assert Rect(0, 0, page.width, page.height).contains(part.rect)
    if path.died:
        assert " ".join(page.slips[0].lines) == path.died
        assert not page.slips[0].rect.overlaps(page.crosses[0].rect)


def test_a_cross_on_the_way_is_between_the_two() -> None:
    """A packet that was sent and never received has its cross on the way between the two interfaces."""
    page = drawn(PATHS["no answer"])
    lan = next(bar.rect for bar in page.bars if bar.end.interface == "lan")
    assert lan.top < page.crosses[0].rect.centre[1] < lan.bottom


def test_two_sightings_at_one_interface_share_a_number() -> None:
    """A packet that comes by twice in the same sense gets both numbers in one place."""
    page = drawn(PacketPath((step("web eth0", "1"), step("host1 docker0", "2"), step("web eth0", "3"))))
    assert sorted(mark.text for mark in page.marks) == ["1,3", "2"]


def test_a_place_that_is_not_in_the_picture_is_told() -> None:
    """A path through a place that is not drawn is an error that names it, never a path with a gap."""
    with pytest.raises(LessonError) as caught:
        draw(world({"web": [D]}), path=PacketPath((step("web eth0"), step("internet eth0"))))
    assert str(caught.value).splitlines() == [
        "A packet's path cannot be drawn through 'internet': that is not in the picture.",
        "  Next: there is host1, neighbour, router, web. draw(..., internet=True) adds the internet.",
    ]


def test_the_path_is_told_in_words() -> None:
    """The alt text and the path's own text tell the way and the end of a packet."""
    assert repr(PATHS["dropped"]) == "web eth0 (1) -> host1 docker0 (2) -> dropped by raw PREROUTING"
    assert draw(SHOP, path=PATHS["dropped"]).alt.endswith(
        "A packet was seen at web eth0 (1) and host1 docker0 (2). It died there: dropped by raw PREROUTING."
    )
    assert draw(SHOP, path=PATHS["no answer"]).alt.endswith(
        "A packet was seen at neighbour eth0 (1). It died on the way to host1 eth0: no answer to ARP."
    )
    assert "its reply at neighbour eth0 (5), host1 eth0 (6)" in draw(SHOP, path=PATHS["out and back"]).alt


@every_path
def test_a_picture_with_a_path_is_the_same_each_time(path: PacketPath) -> None:
    """The same path on the same topology gives the same bytes, and other bytes than without it."""
    one, other = draw(SHOP, path=path), draw(SHOP, path=path)
    assert one._rendered("png") == other._rendered("png") != draw(SHOP)._rendered("png")


def test_a_path_works_on_tangled_cables() -> None:
    """Where a cable makes a detour, the band makes the same one."""
    topology = CASES["tangled"]
    page = drawn(PacketPath((step("a eth1", "1"), step(f"host1 {S}", "2"))), topology)
    wire = max((w for w in page.wires if w.cable and End("a", "eth1") in (w.cable.one, w.cable.other)), key=str)
    assert len(wire.points) == 4
    assert set(wire.points) <= {point for band in page.bands for point in band.points}


@pytest.mark.parametrize("number", range(1, 6))
@pytest.mark.parametrize("path", ["out", "out and back"])
def test_a_path_goes_through_no_container_that_it_does_not_meet(path: str, number: int) -> None:
    """Containers that live in the host's namespace stand beside the way from the bridge to the interface outside."""
    there = ("inner", "late", "web", "api", "probe")[:number]
    alone = world({"web": [D], "db": [S]}, (D, S))
    shared = Topology(
        tuple(replace(each, containers=there) if each.kind == "host" else each for each in alone.places),
        alone.cables,
        alone.networks,
    )
    page = drawn(PATHS[path], shared)
    assert {chip.container for chip in page.chips} >= set(there[:3])
    pieces = [_around(pair) for band in page.bands for pair in pairwise(band.points)]
    thick = [Rect(piece.left - 2, piece.top - 2, piece.width + 4, piece.height + 4) for piece in pieces]
    assert not [chip for chip in page.chips for piece in thick if piece.overlaps(chip.rect)]


def _around(points: tuple[tuple[float, float], ...]) -> Rect:
    xs, ys = zip(*points, strict=True)
    return Rect(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
