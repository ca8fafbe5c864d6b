"""Observed places made into one topology: which interface is joined to which, in an order that never changes.

Does not know how a topology is drawn, nor how it is put into words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from . import observe
from .facts import Address, AddressOnLink, Cable, End, Link, Network, Place, Topology

if TYPE_CHECKING:
    from .lab import Lab

FIRST_HOST = "host1"
CHILDREN = ("macvlan", "macvtap", "ipvlan", "ipvtap", "vlan")
"""The kinds of interfaces that hang on another one, their parent."""

_FROM_OUTSIDE_IN = ("internet", "router", "neighbour", "host", "sandbox", "container")


def observed(lab: Lab, *, internet: bool = False) -> Topology:
    """Observe the testbed as one lab sees it: its own containers, the hosts and the LAN, and the internet if asked for.

    Of the namespaces in which engines keep overlay networks, those that the lab's containers are plugged into; of the
    hosts, those that the lab has to do with.

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
    mine = set(lab.running())
    seen = []
    for place in observe.places():
        ours = tuple(name for name in tenants(place) if name in mine)
        if place.kind == "container" and not ours:
            continue
        if place.kind != "internet" or internet:
            seen.append(replace(place, containers=ours))
    reached = {link.peer_place for place in seen if place.kind == "container" for link in place.links}
    seen = [place for place in seen if place.kind != "sandbox" or place.name in reached]
    hidden = {place.name for place in seen if place.kind == "host" and not _is_used(place, seen, lab)}
    seen = [_without_cables_to(place, hidden) for place in seen if place.name not in hidden]
    return connect(seen, [network for network in observe.networks() if network.host not in hidden])


def _is_used(host: Place, seen: Sequence[Place], lab: Lab) -> bool:
    """Tell whether a lab has to do with a host: an earlier lab may have left a second one running.

    It has if it asked for it, has a container there, or has it in a swarm, which the bridge of all overlays shows.
    """
    if host.name == FIRST_HOST or host.name in lab.needs or host.containers:
        return True
    in_a_swarm = any(link.name == "docker_gwbridge" for link in host.links)
    return in_a_swarm or any(place.kind == "container" and place.machine == host.machine for place in seen)


def _without_cables_to(place: Place, hidden: Collection[str]) -> Place:
    return replace(place, links=tuple(link for link in place.links if link.peer_place not in hidden))


def connect(places: Iterable[Place], networks: Iterable[Network] = ()) -> Topology:
    """Join the interfaces that are joined, and put places, cables and networks in an order of their own.

    The ends of a veth pair are joined only where each names the other, by interface index and by place; a macvlan,
    ipvlan or VLAN to the parent it names; two VXLANs where they carry the same network and one sends to the other's
    host. An end that does not know its peer, or whose peer was not observed, has no cable: a guess would be a lie.

    Places come from the outside in: the Internet, routers, neighbours, hosts, the sandboxes of overlay networks, then
    the containers of each machine by the address on their first interface.

    >>> near = Link("veth1", "veth", 5, "02:00:00:00:00:01", 1500, True, peer=2, peer_place="web")
    >>> far = Link("eth0", "veth", 2, "02:00:00:00:00:02", 1500, True, peer=5, peer_place="host1")
    >>> connect([Place("web", "container", "host1", 2, (far,)), Place("host1", "host", "host1", 1, (near,))])
    host1 (host)
      veth1 -- web eth0
    web (container on host1)
      eth0 -- host1 veth1

    Source: veth(4), ip-link(8), bridge(8). ``ip -j link`` prints the peer's index as ``link_index``, its place as
    ``link_netnsid``; ``bridge -j fdb`` prints the host that a VXLAN sends to as ``dst``.
    """
    ordered = tuple(sorted(places, key=_place_order))
    rank = {place.name: position for position, place in enumerate(ordered)}
    times = Counter(place.name for place in ordered)
    sure = [place for place in ordered if times[place.name] == 1]  # of two with one name, nobody can say which is meant
    cables = sorted(
        (*_pairs(sure), *_children(sure), *_tunnels(sure)),
        key=lambda cable: _end_order(cable.other, rank) + _end_order(cable.one, rank),
    )
    return Topology(ordered, tuple(cables), tuple(sorted(networks, key=lambda network: (network.host, network.name))))


def far_ends(topology: Topology) -> dict[End, End]:
    """Tell for each end of a veth pair where its cable leads.

    >>> far_ends(Topology((), (Cable(End("web", "eth0"), End("host1", "veth1")),)))[End("web", "eth0")]
    End(place='host1', interface='veth1')
    """
    pairs = [cable for cable in topology.cables if cable.kind == "veth"]
    return {cable.one: cable.other for cable in pairs} | {cable.other: cable.one for cable in pairs}


def tenants(place: Place) -> tuple[str, ...]:
    """Name the containers that live in a place: in a container's mostly itself alone, in a host's mostly none.

    >>> tenants(Place("web", "container", "host1", 1)), tenants(Place("host1", "host", "host1", 2, containers=("api",)))
    (('web',), ('api',))
    """
    return place.containers or ((place.name,) if place.kind == "container" else ())


def network_of(topology: Topology, place: Place, link: Link) -> Network | None:
    """Tell which Docker network an interface belongs to that has no bridge, or is the bridge; ``None`` if unsure.

    A bridge is found by its name; the interface of a macvlan or ipvlan network, and the bridge of an overlay, by the
    one network of its driver whose subnet holds its address.
    """
    here = [network for network in topology.networks if network.host == place.machine]
    if link.kind == "bridge" and place.kind == "host":
        return next((network for network in here if network.bridge == link.name), None)
    driver = "overlay" if link.kind == "bridge" else link.kind
    found = [
        network
        for network in here
        if network.driver == driver and any(a.ip in subnet for a in link.addresses for subnet in network.subnets)
    ]
    return found[0] if len(found) == 1 else None


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


def _pairs(places: Sequence[Place]) -> Iterator[Cable]:
    """Join the ends of veth pairs: each has to name the other."""
    ends = {
        (place.name, link.index): (End(place.name, link.name), link)
        for place in places
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


def _children(places: Sequence[Place]) -> Iterator[Cable]:
    """Join macvlans, ipvlans and VLANs to the interface they hang on: the child names it, the parent knows nothing."""
    ends = {(place.name, link.index): End(place.name, link.name) for place in places for link in place.links}
    for place in places:
        for link in place.links:
            named = link.kind in CHILDREN and link.peer is not None and link.peer_place is not None
            if named and (parent := ends.get((str(link.peer_place), link.peer or 0))):
                yield Cable(End(place.name, link.name), parent, "parent")


def _tunnels(places: Sequence[Place]) -> Iterator[Cable]:
    """Join VXLAN interfaces of one network identifier, where one of them sends to an address of the other's machine."""
    known = {place.name: place for place in places}
    machines: dict[str, set[Address]] = {}
    for place in places:
        if place.kind == "host":
            machines[place.machine] = _addresses(place)
    ends = [(place, link) for place in places for link in place.links if link.kind == "vxlan" and link.number]
    for (one, near), (other, far) in combinations(ends, 2):
        if near.number != far.number or one.name == other.name:
            continue
        there = machines.get(other.machine, set()) | _addresses(known[other.name])
        here = machines.get(one.machine, set()) | _addresses(known[one.name])
        if there & _remotes(one, near) or here & _remotes(other, far):
            yield Cable(End(one.name, near.name), End(other.name, far.name), "tunnel")


def _addresses(place: Place) -> set[Address]:
    return {address.ip for link in place.links for address in link.addresses if not address.ip.is_loopback}


def _remotes(place: Place, link: Link) -> set[Address]:
    return {entry.destination for entry in place.fdb if entry.port == link.name and entry.destination}


def _place_order(place: Place) -> tuple[Any, ...]:
    addresses = (address for link in interfaces(place) for address in shown_addresses(link)[:1])
    first = next(((address.version, int(address.ip)) for address in addresses), (9, 0))
    on_a_machine = place.kind in ("container", "sandbox")
    within = (_natural(place.machine), first, place.name) if on_a_machine else (_natural(place.name),)
    return _FROM_OUTSIDE_IN.index(place.kind), *within


def _end_order(end: End, rank: dict[str, int]) -> tuple[Any, ...]:
    return rank[end.place], _natural(end.interface)


def _natural(name: str) -> list[tuple[str, int]]:
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D*)(\d*)", name)]
