"""Interfaces, routes and neighbours of a place, and what its bridges have learned."""

from __future__ import annotations

from typing import Literal

from dockernet_lessons.display import Table
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container, FdbEntry, Link, Neighbour, Place, Route
from dockernet_lessons.inputs import listed, similar
from dockernet_lessons.observe.here import Here, check_version

USUAL_MTU = 1500


def links(place: Container | str) -> Table[Link]:
    """Give a place's network interfaces.

    >>> links("neighbour")
    neighbour$ ip address
    interface  kind      state  address       MAC                other end
    lo         loopback  up     127.0.0.1/8
    eth0       veth      up     192.0.2.3/24  02:00:00:00:02:03  router lan-neighbour (port of lan)

    The mode of a macvlan or ipvlan, the id of a VLAN or VXLAN, and an MTU other than 1500 bytes are columns where there
    are any.
    """
    here = Here(place)
    return here.table(
        here.place.links,
        columns={
            "interface": lambda link: link.name,
            "kind": lambda link: link.kind,
            "mode": lambda link: link.mode,
            "id": lambda link: link.number,
            "state": lambda link: "up" if link.up or link.kind == "loopback" else "down",
            "address": _addresses,
            "MAC": lambda link: link.mac if link.kind != "loopback" else "",
            "MTU": lambda link: link.mtu if link.kind != "loopback" and link.mtu != USUAL_MTU else "",
            "port of": lambda link: link.master,
            "other end": lambda link: _other_end(link, here.seen),
        },
        command="ip address",
    )


def _addresses(link: Link) -> str:
    """Name a link's addresses; of the loopback the one that every system has."""
    return ", ".join(str(address) for address in link.addresses if address.version == 4 or not address.ip.is_loopback)


def _other_end(link: Link, seen: tuple[Place, ...]) -> str:
    """Name what a link is joined to: the interface there, and the bridge it is a port of."""
    for place in seen:
        if place.name == link.peer_place:
            for other in place.links:
                if other.index == link.peer:
                    return f"{place.name} {other.name}" + (f" (port of {other.master})" if other.master else "")
    return ""


def routes(place: Container | str, *, version: Literal[4, 6] = 4) -> Table[Route]:
    """Give a place's routing table: where it sends packets, by destination. Source: ip-route(8)."""
    check_version(version)
    here = Here(place)
    return here.table(
        [route for route in here.place.routes if route.version == version],
        columns={
            "to": lambda route: route.destination or "everywhere else",
            "via": lambda route: route.via or ("(directly)" if route.kind == "unicast" else f"({route.kind})"),
            "through": lambda route: route.interface,
        },
        command="ip route" if version == 4 else "ip -6 route",
    )


def neighbours(place: Container | str, *, version: Literal[4, 6] = 4) -> Table[Neighbour]:
    """Give a place's neighbour table: the MAC addresses it has learned by ARP, and whose they are."""
    check_version(version)
    here = Here(place)
    return here.table(
        [entry for entry in here.place.neighbours if entry.mac is not None and entry.address.version == version],
        columns={
            "address": lambda entry: entry.address,
            "MAC": lambda entry: entry.mac,
            "which is": lambda entry: entry.owner,
            "seen on": lambda entry: entry.interface,
        },
        command="ip neighbour" if version == 4 else "ip -6 neighbour",
    )


def fdb(bridge: str, *, host: str = "host1") -> Table[FdbEntry]:
    """Give a bridge's forwarding database: behind which of its ports it has seen which MAC address.

    For a port that is a VXLAN it also tells the host to which it sends what is for the address.
    """
    here = Here(host)
    bridges = [link.name for link in here.place.links if link.kind == "bridge"]
    if bridge not in bridges:
        raise LessonError(
            f"{host} has no bridge called {bridge!r}.",
            hint=f"it has {listed(bridges) or 'no bridge'}.{similar(str(bridge), bridges)}",
        )
    return here.table(
        sorted((entry for entry in here.place.fdb if entry.bridge == bridge), key=lambda entry: entry.owner or ""),
        columns={
            "MAC": lambda entry: entry.mac,
            "which is": lambda entry: entry.owner,
            "behind port": lambda entry: entry.port,
            "sent to": lambda entry: entry.destination,
        },
        command=f"bridge fdb show br {bridge}",
    )
