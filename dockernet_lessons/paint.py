"""A page of parts painted with matplotlib: the only module that needs it, and only when something is drawn.

Knows nothing of Docker or of topologies: it paints, part by part, what is on a :class:`~.layout.Layout`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .facts import Cable, End
from .layout import (
    SIGNS,
    TYPE,
    Align,
    Badge,
    Band,
    Bar,
    Box,
    Chip,
    Cross,
    Frame,
    Key,
    Label,
    Layout,
    Mark,
    Point,
    Port,
    Rect,
    Role,
    Sample,
    Shaft,
    Slip,
    Tab,
    Tint,
    Type,
    Wire,
)  # fmt: skip
from .layout.tints import Dashes, Palette, colour, dashes, fill, ink_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CSS_PIXELS_PER_INCH", "EDGE", "TITLE", "Brush", "Figure", "paint", "rendered"]

POINTS_PER_INCH, CSS_PIXELS_PER_INCH = 72, 96
SHARP = 2  # image pixels per CSS pixel: crisp on a HiDPI screen
ONE_AT_A_TIME = Lock()
TITLE, TITLE_LINE, EDGE = Type(12.5, bold=True), 18.0, 14.0  # points


class Look(NamedTuple):
    """How a rounded shape is drawn; lengths in points."""

    radius: float
    fill: str
    edge: str
    width: float
    dashes: Dashes = "solid"


def paint(page: Layout, palette: Palette, title: Sequence[str] = ()) -> Figure:
    """Paint a page, below the lines of its title."""
    head = EDGE / 2 + TITLE_LINE * len(title) if title else 0.0
    figure, axes = _sheet(page.width, page.height, head)
    figure.set_facecolor(palette.paper)
    brush = Brush(axes, palette)
    for number, line in enumerate(title):
        brush.text(line, EDGE, -head + EDGE / 2 + TITLE_LINE * (number + 0.6), TITLE)
    feet = [wire for wire in page.wires if not wire.cable]
    cables = sorted((wire for wire in page.wires if wire.cable), key=lambda wire: len(wire.points))
    from_below: tuple[Sequence[Any], ...] = (
        page.frames, page.boxes, page.shafts, [band for band in page.bands if not band.over], cables, page.bars, feet,
        [band for band in page.bands if band.over], page.ports, page.tabs, page.chips, page.keys, page.labels,
        page.badges, page.slips, page.crosses, page.marks,
    )  # fmt: skip
    for part in (part for parts in from_below for part in parts):
        brush.draw(part)
    return figure


def rendered(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """Give the figure as a ``png`` or ``svg``, without dates or versions: the same figure, the same bytes.

    One at a time: widgets draw on threads of their own, and matplotlib does not promise to bear that.
    """
    with ONE_AT_A_TIME:
        return _png(figure) if kind == "png" else _svg(figure)


def _svg(figure: Figure) -> bytes:
    from matplotlib import rc_context  # noqa: PLC0415  # slow to load

    into = BytesIO()
    with rc_context({"svg.hashsalt": "dockernet", "svg.fonttype": "path", "savefig.bbox": None}):
        figure.savefig(into, format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None, "Creator": None})
    return into.getvalue()


def _png(figure: Figure) -> bytes:
    """Give a PNG with a palette of 64 colours: a third of the size, in every notebook, and no eye sees it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # slow to load
    from PIL import Image  # noqa: PLC0415  # comes with matplotlib

    canvas: Any = FigureCanvasAgg(figure)  # not typed by matplotlib
    canvas.draw()
    full = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    smaller = BytesIO()
    full.quantize(64, dither=Image.Dither.NONE).save(smaller, "png", compress_level=6)  # 9 takes six times as long
    return smaller.getvalue()


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


class Brush:
    """Paints one kind of part after the other on one sheet, in the colours of one theme."""

    def __init__(self, axes: Axes, palette: Palette) -> None:
        self.axes, self.palette = axes, palette
        self.layer = 0  # what comes later lies on top; matplotlib alone would lay every line over every shape
        self._by: dict[type, Callable[[Any], None]] = {
            Frame: self._frame, Box: self._box, Bar: self._bar, Tab: self._tab, Port: self._port, Wire: self._wire,
            Key: self._key, Label: self._label, Shaft: self._shaft, Chip: self._chip,
            Badge: self._badge, Band: self._band, Mark: self._mark, Cross: self._cross, Slip: self._slip,
        }  # fmt: skip

    def draw(self, part: object) -> None:
        """Paint one part, on top of all that was painted before; what is gone is painted as a ghost of itself."""
        state = getattr(part, "state", "")
        if state in ("new", "changed") and isinstance(part, Box | Bar | Tab | Chip | Wire):
            self._halo(part)
        palette = self.palette
        if state == "gone":
            self.palette = palette.ghost()
        self._by[type(part)](part)
        self.palette = palette

    def _halo(self, part: Box | Bar | Tab | Chip | Wire) -> None:
        """Paint what makes the new stand out: the colour of a highlighter around it."""
        if isinstance(part, Wire):
            self.line(part.points, self.palette.route, 6.5)
            return
        self.rounded(part.rect.wider(3), Look(9, self.palette.route, self.palette.route, 1.0))

    def _badge(self, badge: Badge) -> None:
        palette = self.palette
        paper, ink = (palette.paper, palette.ink) if badge.state == "gone" else (palette.ink, palette.paper)
        self.rounded(badge.rect, Look(9, paper, palette.ink, 1.0), most=0.5)
        self.text(SIGNS[badge.state], *badge.rect.centre, TYPE["mark"], align="center", ink=ink)

    def _frame(self, frame: Frame) -> None:
        self.rounded(frame.rect, Look(12, self.palette.machine, self.palette.pale, 1.0, (0, (5, 3))))

    def _box(self, box: Box) -> None:
        paper = self.palette.machine if box.kind in ("internet", "sandbox") else self.palette.box
        edge: Dashes = (0, (4, 2)) if box.kind == "sandbox" else "solid"
        for behind in (6, 3, 0) if box.also else (0,):  # a crowd is a stack of boxes
            rect = Rect(box.rect.left + behind, box.rect.top - behind, box.rect.width, box.rect.height)
            self.rounded(rect, Look(7, paper, self.palette.line, 1.3, edge))

    def _shaft(self, shaft: Shaft) -> None:
        rect, line = shaft.rect, self.palette.line
        corners = [(rect.left, rect.top), (rect.right, rect.top), (rect.right, rect.bottom), (rect.left, rect.bottom)]
        self.line([*corners, corners[0]], self.palette.machine, 2.4)
        self.rounded(rect, Look(0, self.palette.machine, self.palette.machine, 0.0))
        for x in (rect.left, rect.right):
            self.line([(x, rect.top), (x, rect.bottom)], line, 1.1, (0, (3, 2)))

    def _chip(self, chip: Chip) -> None:
        self.rounded(chip.rect, Look(7, self.palette.box, colour(Tint("host"), self.palette), 1.6, (0, (2, 1.2))))

    def _bar(self, bar: Bar) -> None:
        edge = colour(bar.tint, self.palette)
        if bar.idle:
            self.rounded(bar.rect, Look(5, self.palette.box, edge, 1.1, (0, (3, 2))))
        else:
            self.rounded(bar.rect, Look(5, fill(bar.tint, self.palette), edge, 1.3))
        if bar.internal:  # a wall around it
            self.rounded(bar.rect.wider(3), Look(7, "none", self.palette.line, 1.6))

    def _tab(self, tab: Tab) -> None:
        pattern: Dashes = "solid" if tab.up else (0, (2, 1.5))
        self.rounded(tab.rect, Look(3, self.palette.box, colour(tab.tint, self.palette), 1.4, pattern))

    def _port(self, port: Port) -> None:
        self.rounded(port.rect, Look(1.5, self.palette.box, colour(port.tint, self.palette), 1.4))

    def _wire(self, wire: Wire) -> None:
        ink = colour(wire.tint, self.palette)
        if not wire.cable:  # a router's own foot on its LAN is a piece of the LAN's bar
            (x, y), (_, bottom) = wire.points
            self.line([(x, y - 0.8), (x, bottom)], fill(wire.tint, self.palette), 8)
            for side in (-4, 4):
                self.line([(x + side, y), (x + side, bottom)], ink, 1.3)
            return
        if wire.cable.kind == "tunnel":
            self._tunnel(wire.points, ink)
            return
        if len(wire.points) > 2:  # where cables cross, one passes over the other, as on a road map
            self.line(wire.points[1:-1], self.palette.machine, 5.5)
        like = Tint("macvlan") if wire.cable.kind == "parent" and not wire.tint.driver else wire.tint  # as in the key
        self.line(wire.points, ink, 3.6 if wire.also else 1.9, dashes(like))

    def _tunnel(self, points: Sequence[Point], ink: str) -> None:
        """Paint a tunnel as a pipe."""
        for width, colour_of in ((9.0, self.palette.paper), (6.5, ink), (3.4, self.palette.paper)):
            self.line(points, colour_of, width)

    def _key(self, key: Key) -> None:
        """Paint a small sample of a part with the method that paints the part."""
        x, y = key.rect.centre
        nobody, slim = End("", ""), Rect.around(x, y, key.rect.width, 9)
        samples: dict[Sample, object] = {
            "box": Box("", "container", key.rect),
            "crowd": Box("", "container", Rect.around(x - 2, y + 2, 16, 8), ("",)),
            "chip": Chip("", slim),
            "shaft": Shaft(nobody, key.rect, Tint()),
            "parent": Wire(Cable(nobody, nobody, "parent"), ((slim.left, y), (slim.right, y)), Tint("macvlan")),
            "tunnel": Wire(Cable(nobody, nobody, "tunnel"), ((slim.left, y), (slim.right, y)), Tint("overlay")),
            "tab": Tab(nobody, slim, Tint()),
            "bar": Bar(nobody, slim, Tint()),
            "wire": Wire(Cable(nobody, nobody), ((slim.left, y), (slim.right, y)), Tint()),
        }
        self.draw(samples[key.sample])

    def _label(self, label: Label) -> None:
        palette = self.palette
        quiet: dict[Role, str] = {"note": palette.soft, "caption": palette.soft, "key": palette.soft}
        ink = ink_on(label.on, palette) if label.on else quiet.get(label.role, palette.ink)
        x = label.room.left if label.align == "left" else label.room.centre[0]
        ink = palette.pale if label.pale else ink
        self.text(label.text, x, label.room.centre[1], TYPE[label.role], align=label.align, ink=ink)

    def _band(self, band: Band) -> None:
        """Paint a stretch of a packet's way like a highlighter pen; the way back is dashed."""
        ink = self.palette.reply if band.state == "reply" else self.palette.route
        self.line(band.points, ink, 6.5, (0, (1.6, 0.5)) if band.state == "reply" else "solid", over=True)

    def _mark(self, mark: Mark) -> None:
        palette = self.palette
        paper, ink = {
            "passed": (palette.ink, palette.paper),
            "reply": (palette.paper, palette.ink),
            "last": (palette.stop, LIGHT_INK),
        }[mark.state]
        edge = palette.paper if mark.state == "passed" else palette.ink
        if mark.here:
            for wider, ring in ((5.5, palette.ink), (4.0, palette.route)):
                self.rounded(mark.rect.wider(wider), Look(15, ring, ring, 0.0), most=0.5)
        self.rounded(mark.rect, Look(9, paper, edge, 1.0), most=0.5)
        self.text(mark.text, *mark.rect.centre, TYPE["mark"], align="center", ink=ink)

    def _cross(self, cross: Cross) -> None:
        rect = cross.rect
        for width, ink in ((6.0, self.palette.paper), (3.0, self.palette.stop)):
            self.line([(rect.left, rect.top), (rect.right, rect.bottom)], ink, width)
            self.line([(rect.left, rect.bottom), (rect.right, rect.top)], ink, width)

    def _slip(self, slip: Slip) -> None:
        self.line([slip.about, slip.rect.centre], self.palette.stop, 1.2)
        self.rounded(slip.rect, Look(4, self.palette.paper, self.palette.stop, 1.4))
        for number, line in enumerate(slip.lines):
            self.text(line, slip.rect.left + 6, slip.rect.top + 10 + 11 * number, TYPE["slip"])

    def text(self, text: str, x: float, y: float, face: Type, *, align: Align = "left", ink: str | None = None) -> None:
        """Set one line of text; a name is shown as it is, dollar signs and all."""
        font = {
            "family": "DejaVu Sans Mono" if face.mono else "DejaVu Sans",
            "weight": "bold" if face.bold else "normal",
            "size": face.size,
        }
        plain = {"parse_math": False, "usetex": False, "ha": align, "va": "center_baseline"}
        self.layer += 1
        self.axes.text(x, y, text, fontdict=font, color=ink or self.palette.ink, zorder=self.layer, **plain)

    def line(
        self, points: Sequence[Point], ink: str, width: float, pattern: Dashes = "solid", *, over: bool = False
    ) -> None:
        """Draw a line through points, its corners rounded where it is broad (``over``)."""
        xs, ys = zip(*points, strict=True)
        corners = "round" if over else "miter"
        self.layer += 1
        self.axes.plot(
            xs, ys, color=ink, linewidth=width, linestyle=pattern, solid_capstyle="butt", solid_joinstyle=corners,
            dash_joinstyle=corners, scalex=False, scaley=False, zorder=self.layer,
        )  # fmt: skip

    def rounded(self, rect: Rect, look: Look, *, most: float = 0.4) -> None:
        """Draw a rounded rectangle; ``most`` is the largest part of its height that its corners may take."""
        from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415  # slow to load

        shape = FancyBboxPatch((rect.left, rect.top), rect.width, rect.height)
        shape.set_boxstyle("round", pad=0, rounding_size=min(look.radius, most * rect.height))
        shape.set(facecolor=look.fill, edgecolor=look.edge, linewidth=look.width, linestyle=look.dashes)
        self.layer += 1
        shape.set_zorder(self.layer)
        self.axes.add_patch(shape)


LIGHT_INK = "#111111"  # on the colour of what went wrong, in both themes
