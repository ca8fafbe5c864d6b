"""A topology as a picture, with words for those who do not see it.

Knows neither Docker nor matplotlib: :mod:`dockernet_lessons.layout` tells what stands where, and
:mod:`dockernet_lessons.paint` paints it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Literal

from .difference import Difference
from .errors import LessonError
from .facts import PacketPath, Topology
from .lab import Lab
from .layout import layout, with_difference, with_path
from .layout.tints import THEMES, Theme
from .paint import CSS_PIXELS_PER_INCH, EDGE, TITLE, paint, rendered
from .topology import observed
from .words import describe, describe_path

if TYPE_CHECKING:
    from .paint import Figure


THEME: Theme = "auto"
"""What pictures look like where nothing else is asked for. It may be set once: ``picture.THEME = "dark"``.

``auto`` is light, and a JupyterLab with a dark theme turns it dark in the page: see :data:`IN_THE_DARK`.
"""

IN_THE_DARK = '<style>[data-jp-theme-light="false"] img.dockernet-auto{filter:invert(.93) hue-rotate(180deg)}</style>'
# Hues stay, light and dark change places, and it follows when the theme is changed. JupyterLab takes the rule out of
# notebooks that it does not trust yet: there a picture stays light until its cell is run.

IN_A_NOTEBOOK = 900  # CSS pixels: what a cell has room for on a screen of 1280
LEAST_SCALE = 2 / 3  # of a wider picture: its letters stay readable, and it is moved sideways

MOST_MARKED = 16  # places with changes that stand alone; more are drawn as crowds


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
    difference: Difference | None = None
    theme: Theme = "light"

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
        path.write_bytes(self._rendered("svg" if path.suffix.lower() == ".svg" else "png"))
        return path

    def __repr__(self) -> str:
        return repr(self.difference or self.topology)

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self.html}

    @property
    def width(self) -> int:
        """How wide the picture is where there is room enough, in CSS pixels."""
        return round(self.figure.get_figwidth() * CSS_PIXELS_PER_INCH)

    @property
    def html(self) -> str:
        """The picture as a page shows it, with its words."""
        image = b64encode(self._rendered("png")).decode()
        least = round(self.width * LEAST_SCALE)
        wide = least > IN_A_NOTEBOOK
        style = f"width:{self.width}px;max-width:100%;{f'min-width:{least}px;' if wide else ''}height:auto"
        around = 'style="margin:0;overflow-x:auto" tabindex="0"' if wide else 'style="margin:0"'
        source = f"data:image/png;base64,{image}"
        rule, kind = (IN_THE_DARK, "dockernet-auto") if self.theme == "auto" else ("", "dockernet")
        image = f'<img class="{kind}" alt="{escape(self.alt)}" src="{source}" style="{style}">'
        return f"{rule}<figure {around}>{image}</figure>"

    def _rendered(self, kind: Literal["png", "svg"]) -> bytes:
        return rendered(self.figure, kind)


def draw(
    what: Lab | Topology | Picture,
    after: Lab | Topology | Picture | None = None,
    *,
    title: str | None = None,
    internet: bool = False,
    path: PacketPath | None = None,
    theme: Theme | None = None,
) -> Picture:
    """Draw who is joined to whom: containers on top, then their machine's own namespace, then the LAN.

    A lab is observed at that moment, with its own containers only; ``internet`` adds what is behind the router.
    ``path`` draws the way of a packet on top: numbers where it was seen, a cross where it died. ``theme`` is
    ``"light"``, ``"dark"`` or ``"auto"``; without it, :data:`THEME` decides.

    >>> from dockernet_lessons.facts import Place
    >>> picture = draw(Topology((Place("web", "container", "host1", 1),)), title="One container, no network")
    >>> picture.alt
    'One container, no network. On host1, container web is joined to nothing.'

    Two pictures, or an earlier one and a lab, are compared: what is new, gone or changed since is marked.

    >>> draw(picture, Topology(()))
    - web (container on host1)

    Rounded boxes are network namespaces, tabs are interfaces, bars are bridges, lines are veth pairs.
    """
    theme = THEME if theme is None else theme
    if theme not in THEMES:
        *known, last = (f'"{name}"' for name in THEMES)
        raise LessonError(f"There is no theme {theme!r}.", hint=f"use theme={', '.join(known)} or {last}.")
    if after is None:
        topology = _topology(what, internet=internet)
        difference = None
        page = layout(topology, keep={step.end.place for step in path.steps} if path else ())
    else:
        if isinstance(what, Lab):
            raise LessonError(
                "A lab shows what is there now, so it cannot be the picture from before.",
                hint="keep one first, before = draw(lab), change something, then draw(before, lab).",
            )
        before = _topology(what)
        beyond = internet or any(place.kind == "internet" for place in before.places)
        topology = _topology(after, internet=beyond)
        difference = Difference(before, topology)
        touched = difference.touched
        page = layout(difference.both, keep=touched if len(touched) <= MOST_MARKED else ())
        page = with_difference(page, difference)
    if path is not None:
        page = with_path(page, topology, path)
    lines = wrap(title, max(10, int((page.width - 2 * EDGE) / (0.72 * TITLE.size)))) if title else []
    said = [f"{title.rstrip('.')}."] if title else []
    said += [difference.words()] if difference else [describe(topology)]
    said += [describe_path(path)] if path else []
    return Picture(topology, paint(page, THEMES[theme], lines), " ".join(said), difference, theme)


def _topology(what: Lab | Topology | Picture, *, internet: bool = False) -> Topology:
    if isinstance(what, Picture):
        return what.topology
    if not isinstance(what, Lab | Topology):
        raise LessonError(f"{what!r} cannot be drawn.", hint="draw a lab: draw(lab).")
    return what if isinstance(what, Topology) else observed(what, internet=internet)
