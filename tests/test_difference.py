"""What a difference promises: it tells and marks what changed, and nothing that only looks so."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from driver_worlds import DRIVERS, LARGE, many
from worlds import CASES, D, S, world

from dockernet_lessons.difference import Difference
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import End, PacketPath, Step, Topology
from dockernet_lessons.layout import SIGNS, Layout, layout, with_difference
from dockernet_lessons.picture import MOST_MARKED, draw
from dockernet_lessons.topology import connect

BEFORE = world({"web": [D], "db": [D], "old": [S]}, [D, S])
AFTER = world({"web": [D, S], "app": [S], "db": [D]}, [D, S], seed=500)
PAIRS = {
    "bridges": (BEFORE, AFTER),
    "back again": (AFTER, BEFORE),
    "to macvlan": (DRIVERS["none"], DRIVERS["macvlan"]),
    "to overlay": (CASES["empty"], DRIVERS["overlay"]),
    "ipvlan to hand": (DRIVERS["ipvlan_l2"], DRIVERS["hand_made"]),
    "host": (DRIVERS["none"], DRIVERS["host"]),
    "ten more": (many(180, 4), LARGE["two_hundred"]),
    "all gone": (DRIVERS["everything"], CASES["empty"]),
}
every_pair = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


def page(before: Topology, after: Topology) -> Layout:
    """Give the marked page."""
    difference = Difference(before, after)
    keep = difference.touched if len(difference.touched) <= MOST_MARKED else ()
    return with_difference(layout(difference.both, keep=keep), difference)


def test_text_of_a_difference() -> None:
    """Only lines that changed are told, each below the lines that it belongs to."""
    assert repr(Difference(BEFORE, AFTER)).splitlines() == [
        "  host1 (host)",
        "    br-shop (bridge) 172.30.0.1/24",
        "-     port -- old eth0",
        "+     port -- app eth0",
        "+     port -- web eth1",
        "  web (container on host1)",
        "+   eth1 172.30.0.2/24 -- host1 br-shop",
        "- old (container on host1)",
        "-   eth0 172.30.0.2/24 -- host1 br-shop",
        "+ app (container on host1)",
        "+   eth0 172.30.0.3/24 -- host1 br-shop",
    ]


@pytest.mark.parametrize("name", CASES | DRIVERS)
def test_a_restart_changes_nothing(name: str) -> None:
    """The same network observed again, in another order, has no difference: no text, no sign, no words but these."""
    topology = (CASES | DRIVERS)[name]
    difference = Difference(topology, connect(reversed(topology.places), reversed(topology.networks)))
    assert repr(difference) == "nothing has changed"
    assert difference.words() == "Nothing has changed."
    assert not difference.touched
    marked = with_difference(layout(difference.both), difference)
    assert marked == layout(topology)


def test_names_drawn_by_lot_are_no_difference() -> None:
    """A container that was started anew has other veth names, indexes and MAC addresses: nobody calls that a change."""
    again = world({"web": [D], "db": [D], "old": [S]}, [D, S], seed=77)
    assert again != BEFORE
    assert repr(Difference(BEFORE, again)) == "nothing has changed"
    assert not page(BEFORE, again).badges


def test_what_moved_is_gone_here_and_new_there() -> None:
    """A container that went from a bridge to macvlan shows both its interfaces, and which of them is from before."""
    difference = Difference(DRIVERS["none"], DRIVERS["macvlan"])
    assert End("web", "eth0") in difference.new
    assert End("web", "eth0 (before)") in difference.gone
    assert "Gone: quiet and web eth0 (before)." in difference.words()


def test_a_namespace_that_others_share_now_has_changed() -> None:
    """A container that came to live in another's namespace is new in words, and the box of both has the sign for it."""
    shared = DRIVERS["shared"]
    alone = [replace(p, containers=("web",)) if p.name == "web" else p for p in shared.places]
    before = connect(alone, shared.networks)
    assert Difference(before, shared).words() == "New: debug and logs."
    assert {box.place: box.state for box in page(before, shared).boxes}["web"] == "changed"


def test_another_address_is_a_change() -> None:
    """An interface with another address is marked as changed, on the page and in words."""
    web = BEFORE.place("web")
    other = replace(web.links[1], addresses=BEFORE.place("db").links[1].addresses)
    moved = replace(web, links=(web.links[0], other))
    after = replace(BEFORE, places=tuple(moved if place.name == "web" else place for place in BEFORE.places))
    assert Difference(BEFORE, after).words() == "Changed: web eth0."
    assert [badge.state for badge in page(BEFORE, after).badges] == ["changed", "changed"], "the sign, and its key"


@every_pair
def test_signs_are_more_than_colour(pair: tuple[Topology, Topology]) -> None:
    """Every box that is new or gone has a sign of its own at it, and the key says what each sign means."""
    marked = page(*pair)
    difference = Difference(*pair)
    state = {name: box.state for box in marked.boxes for name in (box.place, *box.also)}
    mixed = {name for box in marked.boxes if box.state == "changed" for name in (box.place, *box.also)}
    assert {name for name, what in state.items() if what == "new"} == difference.new_places - mixed
    assert {name for name, what in state.items() if what == "gone"} == difference.gone_places - mixed
    assert all(box.also or box.place in difference.regrouped for box in marked.boxes if box.state == "changed")
    for box in marked.boxes:
        near = [b for b in marked.badges if abs(b.rect.centre[0] - box.rect.left) < 3 and b.state == box.state]
        assert bool(near) == bool(box.state)
    words = {label.text for label in marked.labels}
    assert {badge.state for badge in marked.badges} == {what for what in SIGNS if what in words}


@every_pair
def test_every_cable_has_its_state(pair: tuple[Topology, Topology]) -> None:
    """A cable is drawn as new, gone or as before, as it is in one, the other or both."""
    difference = Difference(*pair)
    marked = page(*pair)
    drawn = {cable: wire.state for wire in marked.wires if wire.cable for cable in (wire.cable, *wire.also)}
    assert set(drawn) == set(difference.both.cables)
    mixed = {c for wire in marked.wires if wire.cable and wire.also for c in (wire.cable, *wire.also)}
    for what, cables in (("new", difference.new_cables), ("gone", difference.gone_cables)):
        assert {cable for cable, state in drawn.items() if state == what} <= cables
        assert all(drawn[cable] == what or (cable in mixed and drawn[cable] == "changed") for cable in cables)


@every_pair
def test_signs_are_on_the_page_and_apart(pair: tuple[Topology, Topology]) -> None:
    """No sign lies on another or on a word, and all are on the page."""
    marked = page(*pair)
    assert not [two for two in combinations(marked.badges, 2) if two[0].rect.overlaps(two[1].rect)]
    assert not [
        (badge, label) for badge in marked.badges for label in marked.labels if badge.rect.overlaps(_letters(label))
    ]
    assert all(b.rect.left >= 0 and b.rect.right <= marked.width for b in marked.badges)
    assert all(b.rect.top >= 0 and b.rect.bottom <= marked.height for b in marked.badges)


@every_pair
def test_there_and_back_are_mirrored(pair: tuple[Topology, Topology]) -> None:
    """What is new from here to there is gone from there to here."""
    there, back = Difference(*pair), Difference(*reversed(pair))
    assert (there.new_places, there.gone_places) == (back.gone_places, back.new_places)
    assert len(there.new) == len(back.gone)
    signs = str.maketrans("+-", "-+")
    assert sorted(line[0].translate(signs) for line in repr(there).splitlines() if line[0] != " ") == sorted(
        line[0] for line in repr(back).splitlines() if line[0] != " "
    )


def test_an_earlier_picture_is_compared() -> None:
    """An earlier picture is the first of the two; what comes out shows the second, and can be the first of the next."""
    first = draw(BEFORE)
    second = draw(first, AFTER)
    assert repr(second) == repr(Difference(BEFORE, AFTER))
    assert second.topology == AFTER
    assert second.alt == "New: app and web eth1. Gone: old."
    assert repr(draw(second, AFTER)) == "nothing has changed"
    assert repr(draw(second)) == repr(AFTER)
    assert draw(first, AFTER)._rendered("png") == second._rendered("png") != draw(AFTER)._rendered("png")


def test_a_path_can_be_drawn_on_a_difference() -> None:
    """A packet's path and what changed go on one page."""
    path = PacketPath((Step(End("web", "eth1"), "1"), Step(End("app", "eth0"), "2")))
    assert draw(BEFORE, AFTER, path=path).alt.endswith("A packet was seen at web eth1 (1) and app eth0 (2).")


@pytest.mark.parametrize("what", ["web", 5])
def test_only_pictures_can_be_compared(what: object) -> None:
    """Whatever cannot be drawn cannot be compared either, and that is said."""
    with pytest.raises(LessonError, match="cannot be drawn"):
        draw(BEFORE, what)  # type: ignore[arg-type]


def _letters(label):  # type: ignore[no-untyped-def]
    from dockernet_lessons.layout import Rect

    return Rect(label.room.left, label.room.top + 2, label.room.width, label.room.height - 4)
