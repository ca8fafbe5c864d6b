"""What is written beside the bridges, parents and containers in a host: short, and true of what was observed."""

from __future__ import annotations

from collections.abc import Sequence

from ..facts import End, Link, Place
from ..topology import network_of, shown_addresses
from .page import Page, short
from .parts import text_width

MOST_CHIPS = 8
CHIP_NOTE = "container"
WITHOUT_A_NAMESPACE = "live in this namespace:"


def bar(bridge: Link) -> list[str]:
    """Give what is written on a bridge: its name and its addresses."""
    return [short(bridge.name, 15), *map(str, shown_addresses(bridge))]


def caption(page: Page, place: Place, bridge: Link, *, lines: bool) -> list[str]:
    """Say whose bridge it is, and in what state: on ``lines`` of their own where there is little room."""
    network = network_of(page.topology, place, bridge)
    state = [] if bridge.up else ["down"]
    state += [] if any(link.master == bridge.name for link in place.links) else ["no ports"]
    if not network:
        return [", ".join(["no Docker network", *state])]
    kind = f"{'internal ' if network.internal else ''}{network.driver} network"
    if lines:
        return [short(network.name, 18), kind, *([", ".join(state)] if state else [])]
    return [", ".join([f"{short(network.name)} ({kind})", *state])]


def parent(page: Page, end: End) -> list[str]:
    """Say which networks hang on a parent, and what that means for the MAC addresses that one sees."""
    children = [cable.one for cable in page.parent.values() if cable.other == end and cable.one.place != end.place]
    places = {place.name: place for place in page.topology.places}
    first = page.link[children[0]]
    networks = {network_of(page.topology, places[child.place], page.link[child]) for child in children}
    names = sorted({f"network {short(network.name, 18)}" for network in networks if network})
    same = {page.link[child].mac for child in children} == {page.link[end].mac}
    mode = f", {first.mode}" if first.mode else ""
    mode += " (routed)" if first.kind == "ipvlan" and str(first.mode).startswith("l3") else ""
    macs = f"{short(end.interface, 12)}'s MAC for all" if same else "a MAC address each"
    return [*names, f"{first.kind}{mode}", macs]


def chips(containers: Sequence[str]) -> list[str]:
    """Give the names of containers that live in a host's namespace; of many the first few, and how many more.

    >>> chips(["api", "probe"])
    ['api', 'probe']
    """
    names = [short(name, 18) for name in containers]
    return names if len(names) <= MOST_CHIPS else [*names[: MOST_CHIPS - 1], f"{len(names) - MOST_CHIPS + 1} more"]


def chip_width(name: str) -> float:
    """Give the width of such a container, in points."""
    return max(text_width(name, "chip"), text_width(CHIP_NOTE, "note")) + 16


def by_address(link: Link) -> tuple[list[tuple[int, int]], str]:
    """Give the key by which bridges are put in order: the first address as a number."""
    return [(address.version, int(address.ip)) for address in shown_addresses(link)[:1]] or [(9, 0)], link.name
