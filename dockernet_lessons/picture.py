"""A topology as a picture. The only module that needs matplotlib, and only when something is drawn.

Knows nothing of Docker: it draws, part by part, what :func:`dockernet_lessons.layout.layout` put on the page.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import LessonError
from .facts import Cable, End, Topology
from .lab import Lab
from .layout import (
    TYPE,
    Align,
    Bar,
    Box,
    Frame,
    Key,
    Label,
    Point,
    Port,
    Rect,
    Role,
    Sample,
    Tab,
    Tint,
    Type,
    Wire,
    layout,
)  # fmt: skip
from .layout.tints import GREY, INK, PAPER, Dashes, colour, dashes, fill, ink_on
from .topology import describe, observed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS_PER_INCH, CSS_PIXELS_PER_INCH = 72, 96
SHARP = 2  # image pixels per CSS pixel: crisp on a HiDPI screen
TITLE_SIZE, TITLE_LINE, EDGE = 12.5, 18.0, 14.0  # points

MACHINE, LINE, SOFT, PALE = "#F4F6F8", "#3E4C59", GREY, "#7B8794"
LETTERS: dict[Role, str] = {"note": SOFT, "caption": SOFT, "key": SOFT}


class Look(NamedTuple):
    """How a rounded shape is drawn; lengths in points."""

    radius: float
    fill: str
    edge: str
    width: float
    dashes: Dashes = "solid"


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A drawn topology. Its text is the topology's own: pictures compare by what they show, not by pixels.

    >>> from dockernet_lessons.facts import Place
    >>> draw(Topology((Place("web", "container", "host1", 1),)))
    web (container on host1)
    """

    topology: Topology
    figure: Figure
    alt: str

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, as ``.png`` or ``.svg`` by its suffix, and give the path.

        >>> import tempfile
        >>> draw(Topology(())).save(Path(tempfile.mkdtemp()) / "empty.svg").name
        'empty.svg'

        Raises :class:`~dockernet_lessons.errors.LessonError` for any other suffix.
        """
        path = Path(path)
        if path.suffix.lower() not in (".png", ".svg"):
            png, svg = path.with_suffix(".png").name, path.with_suffix(".svg").name
            raise LessonError(
                f"A picture cannot be saved as {path.name!r}: it is written as .png or .svg.",
                hint=f"Use {png!r} for a slide, {svg!r} to print it large.",
            )
        path.write_bytes(self._rendered(path.suffix.lower()[1:]))
        return path

    def __repr__(self) -> str:
        return repr(self.topology)

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> dict[str, str]:
        image = b64encode(self._rendered("png")).decode()
        width = round(self.figure.get_figwidth() * CSS_PIXELS_PER_INCH)
        style = f"width:{width}px;max-width:100%;height:auto"
        source = f"data:image/png;base64,{image}"
        html = f'<figure style="margin:0"><img alt="{escape(self.alt)}" src="{source}" style="{style}"></figure>'
        return {"text/plain": repr(self), "text/html": html}

    def _rendered(self, kind: str) -> bytes:
        from matplotlib import rc_context  # noqa: PLC0415  # slow to load

        undated = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}[kind]
        into = BytesIO()
        with rc_context(
            {
                "svg.hashsalt": "dockernet",
                "svg.fonttype": "path",
                "savefig.bbox": None,
                "savefig.dpi": "figure",
            }
        ):
            self.figure.savefig(into, format=kind, facecolor=PAPER, metadata=undated)
        return _few_colours(into) if kind == "png" else into.getvalue()


def _few_colours(image: BytesIO) -> bytes:
    """Give the same PNG with a palette of 64 colours: a third of the size, in every notebook, and no eye sees it."""
    from PIL import Image  # noqa: PLC0415  # comes with matplotlib

    smaller = BytesIO()
    with Image.open(image) as full:
        full.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(smaller, "png", optimize=True)
    return smaller.getvalue()


def draw(what: Lab | Topology, *, title: str | None = None, internet: bool = False) -> Picture:
    """Draw who is joined to whom: containers on top, then their machine's own namespace, then the LAN.

    A lab is observed at that moment, with its own containers only; ``internet`` adds what is behind the router.

    >>> from dockernet_lessons.facts import Place
    >>> picture = draw(Topology((Place("web", "container", "host1", 1),)), title="One container, no network")
    >>> picture.alt
    'One container, no network. On host1, container web is joined to nothing.'

    Rounded boxes are network namespaces, tabs are interfaces, bars are bridges, lines are veth pairs.
    """
    if not isinstance(what, Lab | Topology):
        raise LessonError(f"{what!r} cannot be drawn.", hint="draw a lab: draw(lab).")
    topology = what if isinstance(what, Topology) else observed(what, internet=internet)
    page = layout(topology)
    lines = wrap(title, max(10, int((page.width - 2 * EDGE) / (0.72 * TITLE_SIZE)))) if title else []
    head = EDGE / 2 + TITLE_LINE * len(lines) if lines else 0.0
    figure, axes = _sheet(page.width, page.height, head)
    for number, line in enumerate(lines):
        _text(axes, line, EDGE, -head + EDGE / 2 + TITLE_LINE * (number + 0.6), Type(TITLE_SIZE, bold=True))
    feet = [wire for wire in page.wires if not wire.cable]
    cables = sorted((wire for wire in page.wires if wire.cable), key=lambda wire: len(wire.points))
    from_below = (
        page.frames,
        page.boxes,
        cables,
        page.bars,
        feet,
        page.ports,
        page.tabs,
        page.keys,
        page.labels,
    )
    for part in (part for parts in from_below for part in parts):
        _DRAWN_BY[type(part)](axes, part)
    alt = f"{title.rstrip('.')}. {describe(topology)}" if title else describe(topology)
    return Picture(topology, figure, alt)


def _sheet(width: float, height: float, head: float) -> tuple[Figure, Axes]:
    """Give an empty page on which one unit is one point, and y grows downwards from below the title."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # slow to load

    size = (width / POINTS_PER_INCH, (height + head) / POINTS_PER_INCH)
    figure = Figure(figsize=size, dpi=CSS_PIXELS_PER_INCH * SHARP)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, -head)
    return figure, axes


def _frame(axes: Axes, frame: Frame) -> Rect:
    return _rounded(axes, frame.rect, Look(12, MACHINE, PALE, 1.0, (0, (5, 3))))


def _box(axes: Axes, box: Box) -> Rect:
    return _rounded(axes, box.rect, Look(7, MACHINE if box.kind == "internet" else PAPER, LINE, 1.3))


def _bar(axes: Axes, bar: Bar) -> Rect:
    idle = Look(5, PAPER, colour(bar.tint), 1.1, (0, (3, 2)))
    return _rounded(axes, bar.rect, idle if bar.idle else Look(5, fill(bar.tint), colour(bar.tint), 1.3))


def _tab(axes: Axes, tab: Tab) -> Rect:
    return _rounded(axes, tab.rect, Look(3, PAPER, colour(tab.tint), 1.4, "solid" if tab.up else (0, (2, 1.5))))


def _port(axes: Axes, port: Port) -> Rect:
    return _rounded(axes, port.rect, Look(1.5, PAPER, colour(port.tint), 1.4))


def _wire(axes: Axes, wire: Wire) -> Rect:
    if not wire.cable:  # a router's own foot on its LAN is a piece of the LAN's bar
        (x, y), (_, bottom) = wire.points
        _line(axes, [(x, y - 0.8), (x, bottom)], fill(wire.tint), 8)
        left, right = (_line(axes, [(x + d, y), (x + d, bottom)], colour(wire.tint), 1.3) for d in (-4, 4))
        return left.union(right)
    if len(wire.points) > 2:  # where cables cross, one passes over the other, as on a road map
        _line(axes, wire.points[1:-1], MACHINE, 5.5)
    return _line(axes, wire.points, colour(wire.tint), 1.9, dashes(wire.tint))


def _key(axes: Axes, key: Key) -> Rect:
    """Draw a small sample of a part with the function that draws the part."""
    x, y = key.rect.centre
    nobody, slim = End("", ""), Rect.around(x, y, key.rect.width, 9)
    samples: dict[Sample, Callable[[], Rect]] = {
        "box": lambda: _box(axes, Box("", "container", key.rect)),
        "tab": lambda: _tab(axes, Tab(nobody, slim, Tint())),
        "bar": lambda: _bar(axes, Bar(nobody, slim, Tint())),
        "wire": lambda: _wire(axes, Wire(Cable(nobody, nobody), ((slim.left, y), (slim.right, y)), Tint())),
    }
    return samples[key.sample]()


def _label(axes: Axes, label: Label) -> Rect:
    ink = ink_on(label.on) if label.on else PALE if label.pale else LETTERS.get(label.role, INK)
    x = label.room.left if label.align == "left" else label.room.centre[0]
    _text(axes, label.text, x, label.room.centre[1], TYPE[label.role], align=label.align, ink=ink)
    return label.room


def _text(axes: Axes, text: str, x: float, y: float, face: Type, *, align: Align = "left", ink: str = INK) -> None:
    font = {
        "family": "DejaVu Sans Mono" if face.mono else "DejaVu Sans",
        "weight": "bold" if face.bold else "normal",
        "size": face.size,
    }
    plain = {"parse_math": False, "usetex": False}  # a name is shown as it is, dollar signs and all
    axes.text(x, y, text, fontdict=font, color=ink, ha=align, va="center_baseline", **plain)


def _line(axes: Axes, points: Sequence[Point], ink: str, width: float, pattern: Dashes = "solid") -> Rect:
    xs, ys = zip(*points, strict=True)
    axes.plot(
        xs,
        ys,
        color=ink,
        linewidth=width,
        linestyle=pattern,
        solid_capstyle="butt",
        scalex=False,
        scaley=False,
    )
    return Rect(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _rounded(axes: Axes, rect: Rect, look: Look) -> Rect:
    from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415  # slow to load

    shape = FancyBboxPatch((rect.left, rect.top), rect.width, rect.height)
    shape.set_boxstyle("round", pad=0, rounding_size=min(look.radius, 0.4 * rect.height))
    shape.set(facecolor=look.fill, edgecolor=look.edge, linewidth=look.width, linestyle=look.dashes)
    axes.add_patch(shape)
    return rect


_DRAWN_BY: dict[type, Callable[[Axes, Any], Rect]] = {
    Frame: _frame, Box: _box, Bar: _bar, Tab: _tab, Port: _port, Wire: _wire, Key: _key, Label: _label
}  # fmt: skip
