"""What the picture promises: it shows the layout, it is stable, and it has words for those who see none."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64decode
from html import unescape
from itertools import combinations
from pathlib import Path

import pytest
from driver_worlds import DRIVERS, LARGE
from worlds import CASES, D, link, world

from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Place, Topology
from dockernet_lessons.layout import Tint, layout
from dockernet_lessons.layout.tints import THEMES, Theme, fill, ink_on
from dockernet_lessons.picture import Picture, draw
from dockernet_lessons.topology import connect
from dockernet_lessons.words import describe

WORLDS = CASES | DRIVERS | LARGE
every_case = pytest.mark.parametrize("topology", WORLDS.values(), ids=WORLDS)
HOSTILE = '"><script>alert("$x^{2}$ & \\frac")</script>'


@every_case
def test_words_as_drawn_do_not_overlap(topology: Topology) -> None:
    """No two words touch when matplotlib has set them, and each fits the room the layout kept for it."""
    picture = draw(topology)
    drawn = _extents(picture)
    assert not [(a, b) for (a, one), (b, other) in combinations(drawn, 2) if one.overlaps(other)]
    rooms = [label.room.width for label in layout(topology).labels]
    dots_per_point = picture.figure.dpi / 72
    assert all(box.width / dots_per_point <= room + 1.5 for (_, box), room in zip(drawn, rooms, strict=True))


@every_case
def test_words_as_drawn_are_on_the_page(topology: Topology) -> None:
    """Nothing is cut off at the edge, with a title that needs several lines either."""
    picture = draw(
        topology, title="A title so long that it cannot stand on one line of a picture of ordinary width " * 2
    )
    page = picture.figure.bbox
    assert all(
        page.x0 <= b.x0 and b.x1 <= page.x1 and page.y0 <= b.y0 and b.y1 <= page.y1 for _, b in _extents(picture)
    )


def test_text_of_a_picture_is_its_topology() -> None:
    """A picture compares as what it shows: its repr and its plain text are the topology's."""
    picture = draw(CASES["two"])
    assert repr(picture) == repr(CASES["two"]) == picture._repr_mimebundle_()["text/plain"]
    assert sorted(picture._repr_mimebundle_()) == ["text/html", "text/plain"]


def test_picture_has_alt_text() -> None:
    """Whoever does not see the picture gets the same facts, title first, in sentences."""
    html = draw(CASES["two"], title="Two containers")._repr_mimebundle_()["text/html"]
    found = re.search(r'<img [^>]*alt="([^"]*)"', html)
    assert found
    assert unescape(found[1]) == f"Two containers. {describe(CASES['two'])}"
    assert "web eth0 172.17.0.2/16" in found[1]


def test_image_is_twice_as_fine_as_it_is_wide() -> None:
    """The PNG has two pixels per CSS pixel, so it is crisp on a HiDPI screen."""
    html = draw(CASES["two"])._repr_mimebundle_()["text/html"]
    found = re.search(r'base64,([^"]+)" style="width:(\d+)px', html)
    assert found
    png = b64decode(found[1])
    assert png.startswith(b"\x89PNG")
    assert abs(int.from_bytes(png[16:20], "big") - 2 * int(found[2])) <= 2


@pytest.mark.parametrize(("name", "least"), [("two", None), ("everything", 1023)])
def test_a_wide_picture_keeps_its_letters_readable(name: str, least: int | None) -> None:
    """What a notebook would show at less than two thirds of its size is moved sideways, with the keys, too."""
    picture = draw(DRIVERS.get(name) or CASES[name])
    assert (f"min-width:{least}px" in picture.html) == ('overflow-x:auto" tabindex="0"' in picture.html) == bool(least)
    assert least is None or abs(least / picture.width - 2 / 3) < 0.01


@pytest.mark.parametrize("name", ["vlan", "macvlan", "hand_made", "everything"])
def test_a_child_hangs_by_dashes_and_a_cable_does_not(name: str) -> None:
    """Also where both live in the host's own namespace: a VLAN is not plugged into its parent."""
    painted = [
        ([tuple(point) for point in line.get_xydata()], line) for line in draw(DRIVERS[name]).figure.axes[0].lines
    ]
    for wire in layout(DRIVERS[name]).wires:
        if wire.cable and wire.cable.kind != "tunnel":
            (*_, top) = (line for points, line in painted if points == list(wire.points))
            assert top.is_dashed() == (wire.cable.kind == "parent" or wire.tint.driver == "overlay"), wire


def test_hostile_names_stay_words() -> None:
    """A name full of HTML and TeX is shown as it is: neither the page nor the picture obeys it."""
    topology = connect([Place(HOSTILE, "container", "host1", 1, (link("$\\eth$", "veth", 2, "172.17.0.2/16"),))])
    picture = draw(topology, title=HOSTILE)
    html = picture._repr_mimebundle_()["text/html"]
    assert "<script" not in html
    assert html.count('"') == 12, "the theme in the style sheet, style, class, alt, src and style: six pairs of quotes"
    assert "$\\eth$" in [text for text, _ in _extents(picture)]


def test_a_picture_is_the_same_each_time() -> None:
    """Drawing one topology twice gives the same PNG and the same SVG, byte for byte."""
    for topology in (CASES["shop"], DRIVERS["overlay"], LARGE["two_hundred"]):
        one, other = draw(topology), draw(topology)
        assert one._rendered("png") == other._rendered("png")
        assert one._rendered("svg") == other._rendered("svg")


def test_colours_can_be_told_apart_and_are_not_alone() -> None:
    """Each driver has a colour of its own, and networks of one driver have their names beside it."""
    for palette in THEMES.values():
        assert len(set(palette.drivers.values())) == len(palette.drivers)
    assert {"bridge (bridge network)", "shop (bridge network)"} <= {text for text, _ in _extents(draw(CASES["shop"]))}


@pytest.mark.parametrize("theme", THEMES)
def test_what_is_written_can_be_read(theme: Theme) -> None:
    """Letters have at least the contrast that WCAG asks of small text, 4.5 to 1, on bars and pale ones 3 to 1."""
    palette = THEMES[theme]
    tints = [Tint(driver, shade) for driver in palette.drivers for shade in range(3)]
    for paper in (palette.paper, palette.machine, palette.box):
        assert min(_contrast(ink, paper) for ink in (palette.ink, palette.soft)) >= 4.5
        assert _contrast(palette.pale, paper) >= 3
        assert all(_contrast(palette.line, paper) >= 3 for paper in (palette.machine, palette.box))
    for tint in tints:
        assert _contrast(ink_on(tint, palette), fill(tint, palette)) >= 3, tint  # the names on bars are bold and large
    assert _contrast(palette.ink, palette.route) >= 3, "a band under letters"


def test_themes_differ_and_the_module_has_a_say() -> None:
    """A picture is light unless the caller or the module says dark; another word is refused with the two that exist."""
    light, dark = (draw(CASES["two"], theme=theme)._rendered("png") for theme in ("light", "dark"))
    assert light != dark
    assert draw(CASES["two"])._rendered("png") == light
    pages = {theme: draw(CASES["two"], theme=theme)._repr_mimebundle_()["text/html"] for theme in THEMES}
    assert {theme for theme, html in pages.items() if "<style>" in html and "dockernet-auto" in html} == {"auto"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dockernet_lessons.picture.THEME", "dark")
        assert draw(CASES["two"])._rendered("png") == dark
    with pytest.raises(LessonError) as caught:
        draw(CASES["two"], theme="red")  # type: ignore[arg-type]
    assert str(caught.value).splitlines() == [
        "There is no theme 'red'.",
        '  Next: use theme="auto", "light" or "dark".',
    ]


@pytest.mark.parametrize(("name", "magic"), [("picture.png", b"\x89PNG"), ("picture.SVG", b"<?xml")])
def test_save_writes_what_the_suffix_says(tmp_path: Path, name: str, magic: bytes) -> None:
    """A picture is saved as PNG or SVG, and the path is given back."""
    path = draw(world({"web": [D]})).save(tmp_path / name)
    assert path == tmp_path / name
    assert path.read_bytes().startswith(magic)


def test_save_refuses_another_suffix(tmp_path: Path) -> None:
    """Another suffix is refused with the two that work, and nothing is written."""
    with pytest.raises(LessonError) as caught:
        draw(CASES["empty"]).save(tmp_path / "picture.gif")
    assert str(caught.value).splitlines() == [
        "A picture cannot be saved as 'picture.gif': it is written as .png or .svg.",
        "  Next: Use 'picture.png' for a slide, 'picture.svg' to print it large.",
    ]
    assert not list(tmp_path.iterdir())


def test_importing_does_not_wake_matplotlib() -> None:
    """The package imports quickly: matplotlib is loaded by the first picture, pyplot never."""
    code = (
        "import sys, dockernet_lessons.picture as d, dockernet_lessons.facts as f\n"
        "def awake(): print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)\n"
        "awake(); d.draw(f.Topology(()))._repr_mimebundle_(); awake()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "False"]


def _contrast(one: str, other: str) -> float:
    """Give the contrast of two colours as WCAG 2 defines it."""

    def light(colour: str) -> float:
        channels = [channel / 255 for channel in bytes.fromhex(colour[1:])]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _extents(picture: Picture):  # type: ignore[no-untyped-def]
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    renderer = FigureCanvasAgg(
        picture.figure
    ).get_renderer()  # one for all: else each text makes one, as large as the page
    texts = [found for found in picture.figure.axes[0].texts if isinstance(found, Text)]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
