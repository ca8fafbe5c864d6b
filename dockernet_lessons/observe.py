"""Ask the testbed: every answer is observed at that moment, and keeps the command that gives it outside the course.

A place is named by its name (``"host1"``, ``"neighbour"``, ``"router"``, ``"internet"``, a container's name) or by a
:class:`~dockernet_lessons.facts.Container`.
"""

from __future__ import annotations

from dockernet_lessons import parse, testbed
from dockernet_lessons.display import Table
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import (
    Container,
    FdbEntry,
    Link,
    NatRule,
    Neighbour,
    Network,
    Place,
    Route,
)
from dockernet_lessons.parse import Named
from dockernet_lessons.whereabouts import check_runs, containers, record_of


def places() -> tuple[Place, ...]:
    """Observe every place of the testbed at once: its own, and every container that runs."""
    bed = testbed.running()
    records = {f"c-{record.id[:12]}": record for record in containers(bed) if record.pid}
    named: dict[str, Named] = {
        "internet": Named("internet", "internet", "internet"),
        "router": Named("router", "router", "router"),
        "neighbour": Named("neighbour", "neighbour", "neighbour"),
        **{host: Named(host, "host", host) for host in bed.hosts},
        **{key: Named(record.name, "container", record.host) for key, record in records.items()},
    }
    return parse.snapshot(bed.snapshot({key: record.pid for key, record in records.items()}), named)


def networks() -> tuple[Network, ...]:
    """Give the Docker networks of every host."""
    return tuple(network for engine in testbed.running().engines() for network in engine.networks())


def links(place: Container | str) -> Table[Link]:
    """Give a place's network interfaces.

    >>> links("neighbour")
    neighbour$ ip address
    interface  kind      state  address       MAC                other end
    lo         loopback  up     127.0.0.1/8
    eth0       veth      up     192.0.2.3/24  02:00:00:00:02:03  router lan-neighbour (port of lan)
    """
    seen = places()
    here = _find(place, seen)
    return Table(
        here.links,
        columns={
            "interface": lambda link: link.name,
            "kind": lambda link: link.kind,
            "state": lambda link: "up" if link.up or link.kind == "loopback" else "down",
            "address": lambda link: ", ".join(str(address) for address in link.addresses if address.version == 4),
            "MAC": lambda link: link.mac if link.kind != "loopback" else "",
            "port of": lambda link: link.master,
            "other end": lambda link: _other_end(link, seen),
        },
        command=_typed(here, "ip address"),
        at=here.machine,
    )


def routes(place: Container | str) -> Table[Route]:
    """Give a place's routing table: where it sends packets, by destination. Source: ip-route(8)."""
    here = _find(place, places())
    return Table(
        here.routes,
        columns={
            "to": lambda route: route.destination or "everywhere else",
            "via": lambda route: route.via or "(directly)",
            "through": lambda route: route.interface,
        },
        command=_typed(here, "ip route"),
        at=here.machine,
    )


def neighbours(place: Container | str) -> Table[Neighbour]:
    """Give a place's neighbour table: the MAC addresses it has learned by ARP, and whose they are."""
    here = _find(place, places())
    return Table(
        [entry for entry in here.neighbours if entry.mac is not None and entry.address.version == 4],
        columns={
            "address": lambda entry: entry.address,
            "MAC": lambda entry: entry.mac,
            "which is": lambda entry: entry.owner,
            "seen on": lambda entry: entry.interface,
        },
        command=_typed(here, "ip neighbour"),
        at=here.machine,
    )


def fdb(bridge: str, *, host: str = "host1") -> Table[FdbEntry]:
    """Give a bridge's forwarding database: behind which of its ports it has seen which MAC address."""
    here = _find(host, places())
    if bridge not in {link.name for link in here.links if link.kind == "bridge"}:
        bridges = ", ".join(link.name for link in here.links if link.kind == "bridge")
        raise LessonError(f"{host} has no bridge called {bridge!r}.", hint=f"it has {bridges or 'no bridge'}.")
    return Table(
        sorted((entry for entry in here.fdb if entry.bridge == bridge), key=lambda entry: entry.owner or ""),
        columns={
            "MAC": lambda entry: entry.mac,
            "which is": lambda entry: entry.owner,
            "behind port": lambda entry: entry.port,
        },
        command=_typed(here, f"bridge fdb show br {bridge}"),
        at=here.machine,
    )


def nat(host: str = "host1") -> Table[NatRule]:
    """Give a host's rules that rewrite addresses, and how many connections each has matched.

    A rule of the nat table sees the first packet of a connection only, so its counter counts connections.
    Source: iptables(8), table nat.
    """
    here = _find(host, places())
    return Table(
        here.nat,
        columns={
            "chain": lambda rule: rule.chain,
            "rule": lambda rule: rule.rule,
            "matched": lambda rule: rule.packets,
        },
        command=_typed(here, "iptables -t nat -v -S"),
        at=here.machine,
    )


def _find(place: Container | str, seen: tuple[Place, ...]) -> Place:
    record = record_of(place)
    if record is not None:
        check_runs(record)
    name = record.name if record else str(place)
    return next(each for each in seen if each.name == name)


def _other_end(link: Link, seen: tuple[Place, ...]) -> str:
    """Name what a link is joined to: the interface there, and the bridge it is a port of."""
    for place in seen:
        if place.name == link.peer_place:
            for other in place.links:
                if other.index == link.peer:
                    return f"{place.name} {other.name}" + (f" (port of {other.master})" if other.master else "")
    return ""


def _typed(here: Place, line: str) -> str:
    return f"docker exec {here.name} {line}" if here.kind == "container" else line
