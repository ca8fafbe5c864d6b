"""What a tint looks like: colour and dashes for each Docker driver, a shade for each of its networks, on two papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from .parts import Tint

Dashes = str | tuple[float, tuple[float, ...]]
Theme = Literal["auto", "light", "dark"]

DASHES: dict[str | None, Dashes] = {
    "bridge": "solid",
    "overlay": (0, (6, 2)),
    "macvlan": (0, (4, 1.5, 1, 1.5)),
    "ipvlan": (0, (2, 1.5)),
    "host": "solid",
    None: "solid",
}


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a theme. ``drivers`` holds one for each driver, ``None`` for what is not Docker's."""

    paper: str
    machine: str
    box: str
    line: str
    ink: str
    soft: str
    pale: str
    plain_bar: str
    route: str
    reply: str
    stop: str
    drivers: Mapping[str | None, str]
    shades: tuple[tuple[float, int], ...]  # the driver's share of the colour, and the grey mixed with it

    def ghost(self) -> Palette:
        """Give the same paper with everything on it so pale that it seems to be there no more.

        >>> LIGHT.ghost().line == LIGHT.plain_bar
        True
        """
        faint = dict.fromkeys(self.drivers, self.plain_bar)
        return replace(
            self, box=self.machine, line=self.plain_bar, plain_bar=self.machine, drivers=faint, shades=((1.0, 0),)
        )


# The palette of Okabe and Ito, told apart by every kind of colour vision; dashes say it without any colour.
LIGHT = Palette(
    paper="#FFFFFF",
    machine="#F4F6F8",
    box="#FFFFFF",
    line="#3E4C59",
    ink="#1F2933",
    soft="#52606D",
    pale="#7B8794",
    plain_bar="#D3DAE1",
    route="#FFC20A",
    reply="#7CC3F0",
    stop="#D55E00",
    drivers={
        "bridge": "#0072B2",
        "overlay": "#009E73",
        "macvlan": "#D55E00",
        "ipvlan": "#E69F00",
        "host": "#CC79A7",
        None: "#52606D",
    },
    shades=((1.0, 0), (0.55, 0), (0.6, 255)),
)
DARK = Palette(
    paper="#111111",
    machine="#1C2126",
    box="#111417",
    line="#AAB7C4",
    ink="#EDF2F7",
    soft="#B3BFCA",
    pale="#8593A0",
    plain_bar="#3B4752",
    route="#8F8400",
    reply="#2F6690",
    stop="#FF8A3D",
    drivers={
        "bridge": "#56B4E9",
        "overlay": "#1FB588",
        "macvlan": "#F07A2B",
        "ipvlan": "#E69F00",
        "host": "#CC79A7",
        None: "#A9B6C2",
    },
    shades=((1.0, 0), (0.6, 0), (0.55, 255)),
)
THEMES: dict[Theme, Palette] = {"auto": LIGHT, "light": LIGHT, "dark": DARK}


def colour(tint: Tint, palette: Palette = LIGHT) -> str:
    """Give the colour of a tint; a driver's networks share a hue, each darker or lighter than the last.

    >>> [colour(Tint("bridge", shade)) for shade in range(3)]
    ['#0072b2', '#003f62', '#66aad1']
    """
    return f"#{bytes(_mixed(tint, palette)).hex()}"


def dashes(tint: Tint) -> Dashes:
    """Give the dash pattern of a tint's driver, as matplotlib writes it: in multiples of the line's width.

    >>> dashes(Tint("overlay"))
    (0, (6, 2))
    """
    return DASHES.get(tint.driver, DASHES[None])


def fill(tint: Tint, palette: Palette = LIGHT) -> str:
    """Give what a bar is filled with: its colour if it is Docker's, a plain grey if not.

    >>> fill(Tint())
    '#D3DAE1'
    """
    return colour(tint, palette) if tint.driver else palette.plain_bar


def ink_on(tint: Tint, palette: Palette = LIGHT) -> str:
    """Give the colour of letters that can be read on a bar of that tint: dark on light, white on dark.

    >>> ink_on(Tint("bridge")), ink_on(Tint("bridge", 2)), ink_on(Tint()), ink_on(Tint("bridge"), DARK)
    ('#FFFFFF', '#1F2933', '#1F2933', '#1F2933')
    """
    return max((LIGHT.paper, LIGHT.ink), key=lambda ink: _contrast(ink, fill(tint, palette)))


def _contrast(one: str, other: str) -> float:
    """Give the contrast of two colours. Source: WCAG 2, relative luminance, with its curve taken as a power."""
    lights: list[float] = []
    for ink in (one, other):
        red, green, blue = ((channel / 255.0) ** 2.2 for channel in bytes.fromhex(ink[1:]))
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def _mixed(tint: Tint, palette: Palette) -> list[int]:
    share, other = palette.shades[tint.shade % len(palette.shades)]
    pure = bytes.fromhex(palette.drivers.get(tint.driver, palette.drivers[None])[1:])
    return [round(other + (channel - other) * share) for channel in pure]
