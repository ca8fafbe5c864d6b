"""Observed places made into one topology: which interface is cabled to which, in an order that never changes.

Does not know how a topology is drawn.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import observe
from .facts import AddressOnLink, Cable, End, Link, Network, Place, Topology

if TYPE_CHECKING:
    from .lab import Lab

_FROM_OUTSIDE_IN = ("internet", "router", "neighbour", "host", "container")


def observed(lab: Lab, *, internet: bool = False) -> Topology:
    """Observe the testbed as one lab sees it: its own containers, the hosts and the LAN, and the internet if asked for.

    >>> observed(lab)
    router (router)
      lan (bridge) 192.0.2.254/24
        port -- host1 eth0
        port -- neighbour eth0
      wan 203.0.113.1/24
    neighbour (neighbour)
      eth0 192.0.2.3/24 -- router lan
    host1 (host)
      br-shop (bridge) 172.30.0.1/24
        port -- db eth0
        port -- web eth0
      docker0 (bridge) 172.17.0.1/16 down
      eth0 192.0.2.11/24 -- router lan
    web (container on host1)
      eth0 172.30.0.2/24 -- host1 br-shop
    db (container on host1)
      eth0 172.30.0.3/24 -- host1 br-shop
    """
    running = lab.running()
    everywhere = observe.places()
    seen = [
        place
        for place in everywhere
        if (place.kind != "container" or place.name in running) and (internet or place.kind != "internet")
    ]
    return connect(seen, observe.networks())


def connect(places: Iterable[Place], networks: Iterable[Network] = ()) -> Topology:
    """Join the two ends of every veth pair, and put places, cables and networks in an order of their own.

    Two ends are joined only where each names the other, by interface index and by place. An end that does not
    know its peer, or whose peer was not observed, has no cable: a guess would be a lie in a lesson.

    Places come from the outside in: the Internet, routers, neighbours, hosts, then the containers of each
    machine by the address on their first interface.

    >>> near = Link("veth1", "veth", 5, "02:00:00:00:00:01", 1500, True, peer=2, peer_place="web")
    >>> far = Link("eth0", "veth", 2, "02:00:00:00:00:02", 1500, True, peer=5, peer_place="host1")
    >>> connect([Place("web", "container", "host1", 2, (far,)), Place("host1", "host", "host1", 1, (near,))])
    host1 (host)
      veth1 -- web eth0
    web (container on host1)
      eth0 -- host1 veth1

    Source: veth(4). ``ip -j link`` prints the peer's index as ``link_index``, its place as ``link_netnsid``.
    """
    ordered = tuple(sorted(places, key=_place_order))
    rank = {place.name: position for position, place in enumerate(ordered)}
    cables = sorted(_cables(ordered), key=lambda cable: _end_order(cable.other, rank) + _end_order(cable.one, rank))
    return Topology(ordered, tuple(cables), tuple(sorted(networks, key=lambda network: (network.host, network.name))))


def far_ends(topology: Topology) -> dict[End, End]:
    """Tell for each cabled end where its cable leads.

    >>> far_ends(Topology((), (Cable(End("web", "eth0"), End("host1", "veth1")),)))[End("web", "eth0")]
    End(place='host1', interface='veth1')
    """
    there = {cable.one: cable.other for cable in topology.cables}
    return there | {cable.other: cable.one for cable in topology.cables}


def interfaces(place: Place) -> tuple[Link, ...]:
    """Give the interfaces of a place but its loopback, ``eth2`` before ``eth10``.

    >>> links = [Link(name, "veth", 1, "", 1500, True) for name in ("eth10", "eth2")]
    >>> [link.name for link in interfaces(Place("web", "container", "host1", 1, tuple(links)))]
    ['eth2', 'eth10']
    """
    return tuple(
        sorted((link for link in place.links if link.kind != "loopback"), key=lambda link: _natural(link.name))
    )


def shown_addresses(link: Link) -> tuple[AddressOnLink, ...]:
    """Give the addresses worth a learner's eye, IPv4 first: all but the link-local ones.

    >>> from ipaddress import ip_interface
    >>> addresses = (ip_interface("fe80::1/64"), ip_interface("fd00::2/64"), ip_interface("172.17.0.2/16"))
    >>> shown_addresses(Link("eth0", "veth", 2, "", 1500, True, addresses=addresses))
    (IPv4Interface('172.17.0.2/16'), IPv6Interface('fd00::2/64'))
    """
    return tuple(sorted((a for a in link.addresses if not a.ip.is_link_local), key=lambda a: (a.version, int(a.ip))))


def describe(topology: Topology) -> str:
    """Say in plain sentences who is joined to whom: what the picture shows, for those who do not see it.

    >>> far = Link("eth0", "veth", 2, "02:00:00:00:00:02", 1500, True)
    >>> describe(Topology((Place("web", "container", "host1", 2, (far,)),)))
    'On host1, container web is joined to nothing.'
    """
    return " ".join(_sentences(topology)) or "An empty testbed."


def _sentences(topology: Topology) -> Iterator[str]:
    far = far_ends(topology)
    known = {End(place.name, link.name): link for place in topology.places for link in place.links}
    network_of = {(network.host, network.bridge): network for network in topology.networks if network.bridge}
    for place in topology.places:
        for bridge in (link for link in interfaces(place) if link.kind == "bridge"):
            network = network_of.get((place.machine, bridge.name))
            about = [
                *map(str, shown_addresses(bridge)),
                *([f"Docker network {network.name}"] if network else []),
            ]
            ends = [
                far[end]
                for link in place.links
                if (end := End(place.name, link.name)) in far and link.master == bridge.name
            ]
            joined = sorted(_with_addresses(end, known) for end in ends)
            yield f"On {place.name}, bridge {bridge.name}{_aside(about)} joins {_and(joined) or 'nothing'}."
    for cable in topology.cables:
        if not any(known[end].master for end in (cable.one, cable.other) if end in known):
            yield f"{_with_addresses(cable.one, known)} is joined to {_with_addresses(cable.other, known)}."
    for place in topology.places:
        if not any(End(place.name, link.name) in far or link.kind == "bridge" for link in place.links):
            where = f"On {place.machine}, {place.kind} {place.name}" if place.machine != place.name else place.name
            yield f"{where} is joined to nothing."


def _with_addresses(end: End, known: dict[End, Link]) -> str:
    addresses = " ".join(map(str, shown_addresses(known[end]))) if end in known else ""
    return f"{end} {addresses}".rstrip()


def _aside(words: Sequence[str]) -> str:
    return f" ({', '.join(words)})" if words else ""


def _and(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _cables(places: Sequence[Place]) -> Iterator[Cable]:
    times = Counter(place.name for place in places)
    ends = {
        (place.name, link.index): (End(place.name, link.name), link)
        for place in places
        if times[place.name] == 1  # of two places with one name, nobody can say which is meant
        for link in place.links
        if link.kind == "veth"
    }
    seen: set[End] = set()
    for (place, index), (end, link) in ends.items():
        if link.peer is None or link.peer_place is None or end in seen:
            continue
        other, back = ends.get((link.peer_place, link.peer), (end, link))
        if other != end and (back.peer_place, back.peer) == (place, index):
            seen |= {end, other}
            yield Cable(end, other)


def _place_order(place: Place) -> tuple[Any, ...]:
    addresses = (address for link in interfaces(place) for address in shown_addresses(link)[:1])
    first = next(((address.version, int(address.ip)) for address in addresses), (9, 0))
    within = (_natural(place.machine), first, place.name) if place.kind == "container" else (_natural(place.name),)
    return _FROM_OUTSIDE_IN.index(place.kind), *within


def _end_order(end: End, rank: dict[str, int]) -> tuple[Any, ...]:
    return rank[end.place], _natural(end.interface)


def _natural(name: str) -> list[tuple[str, int]]:
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D*)(\d*)", name)]
