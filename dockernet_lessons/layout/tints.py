"""What a tint looks like: colour and dashes for each Docker driver, a shade for each of its networks."""

from __future__ import annotations

from .parts import Tint

Dashes = str | tuple[float, tuple[float, ...]]
PAPER, INK, GREY, PLAIN_BAR = "#FFFFFF", "#1F2933", "#52606D", "#D3DAE1"

# The palette of Okabe and Ito, told apart by every kind of colour vision; dashes say it without any colour.
DRIVERS: dict[str | None, tuple[str, Dashes]] = {
    "bridge": ("#0072B2", "solid"),
    "overlay": ("#009E73", (0, (6, 2))),
    "macvlan": ("#D55E00", (0, (4, 1.5, 1, 1.5))),
    "ipvlan": ("#E69F00", (0, (2, 1.5))),
    "host": ("#CC79A7", "solid"),
    None: (GREY, "solid"),
}
_SHADES = ((1.0, 0), (0.55, 0), (0.6, 255))  # the driver's share of the colour, and the grey mixed with it


def colour(tint: Tint) -> str:
    """Give the colour of a tint; a driver's networks share a hue, each darker or lighter than the last.

    >>> [colour(Tint("bridge", shade)) for shade in range(3)]
    ['#0072b2', '#003f62', '#66aad1']
    """
    return f"#{bytes(_mixed(tint)).hex()}"


def dashes(tint: Tint) -> Dashes:
    """Give the dash pattern of a tint's driver, as matplotlib writes it: in multiples of the line's width.

    >>> dashes(Tint("overlay"))
    (0, (6, 2))
    """
    return DRIVERS.get(tint.driver, DRIVERS[None])[1]


def fill(tint: Tint) -> str:
    """Give what a bar is filled with: its colour if it is Docker's, a plain grey if not.

    >>> fill(Tint())
    '#D3DAE1'
    """
    return colour(tint) if tint.driver else PLAIN_BAR


def ink_on(tint: Tint) -> str:
    """Give the colour of letters that can be read on a bar of that tint: dark on light, white on dark.

    >>> ink_on(Tint("bridge")), ink_on(Tint("bridge", 2)), ink_on(Tint())
    ('#FFFFFF', '#1F2933', '#1F2933')
    """
    red, green, blue = _mixed(tint)
    dark = tint.driver and 0.3 * red + 0.59 * green + 0.11 * blue < 140
    return PAPER if dark else INK


def _mixed(tint: Tint) -> list[int]:
    share, other = _SHADES[tint.shade % len(_SHADES)]
    pure = bytes.fromhex(DRIVERS.get(tint.driver, DRIVERS[None])[0][1:])
    return [round(other + (channel - other) * share) for channel in pure]
