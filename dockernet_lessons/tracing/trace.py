"""Send a real packet, listen at every interface on its way, and tell which way it went and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from dockernet_lessons import observe
from dockernet_lessons.facts import Container, Place, Rule, Topology
from dockernet_lessons.inputs import listed
from dockernet_lessons.probe import afresh
from dockernet_lessons.topology import connect
from dockernet_lessons.tracing import capture, probes
from dockernet_lessons.tracing.counters import matched
from dockernet_lessons.tracing.journey import REWRITING, Journey, journey
from dockernet_lessons.tracing.packets import Evidence, Hop, Probe, ProbeKind, Verdict
from dockernet_lessons.tracing.seen import Seen
from dockernet_lessons.tracing.traced import Trace
from dockernet_lessons.tracing.verdict import judge
from dockernet_lessons.whereabouts import enter, typed_in

TRIES = 3
"""How often a packet is sent, at most.

One in some thousands has a port to send from that belongs to a connection that has just ended. And where a machine has
far more to do than it can, now and then nothing of a packet is heard, not even the question for a MAC address.
"""


def trace(
    source: Container | str,
    target: Container | str,
    kind: ProbeKind | None = None,
    *,
    port: int | None = None,
    size: int | None = None,
) -> Trace:
    """Send a packet from one place to another, and follow it.

    >>> trace(web, db)
    ping from web to db (172.30.0.3)
       heard at           frame to  packet                    TTL  changed
    1  web eth0           db eth0   172.30.0.2 -> 172.30.0.3  64
    2  host1 veth to web  db eth0   172.30.0.2 -> 172.30.0.3  64
    3  host1 veth to db   db eth0   172.30.0.2 -> 172.30.0.3  64
    4  db eth0            db eth0   172.30.0.2 -> 172.30.0.3  64
    The answer came back the same way.
    web reached db.

    ``target`` is a container, a place of the testbed, a name or an address as one would type it, or ``http://...``.
    ``kind`` is ``ping`` where no ``port`` is given, else ``tcp``; the others are ``udp``, ``http`` and ``dns``, which
    asks for the name ``target``. ``size`` is what a ping carries, in bytes; it may then not be cut into pieces. An
    answer is waited for at most a second.

    Raises ``LessonError``: a place that does not exist or does not run, a port out of range, a name that two containers
    have, an interface that cannot be listened at.
    """
    wanted = probes.settle(target, kind, port, size)
    name, inside = enter(source)
    first = observe.observation()
    places = first.places
    before = {place.name: place for place in places}
    here = probes.place_of(name, places)
    shown, address = probes.whereto(source, wanted, here, before)
    if address is None:
        nobody = Probe(wanted.kind, name, here.name, shown, ip_address("0.0.0.0"), None, b"")  # noqa: S104  # no address
        return Trace(nobody, _unknown_name(source, name, here, shown), Journey((), ()), _around(places, ()))
    points = capture.points(places, here.name, address, wanted.port, names=wanted.kind == "dns")
    passed = {before[point.place].inode for point in points}
    seconds = probes.WAIT_SECONDS + 4
    for _ in range(TRIES):
        probe, command, stdin = probes.make(wanted, name, here.name, shown, address)
        heard = capture.listen(points, places, inside, afresh(*command), seconds=seconds, stdin=stdin, look_at=passed)
        after = {place.name: place for place in first.again(heard.after, passed)}
        way = journey(heard.packets, probe, places, points, _rewriting(before, after))
        verdict = judge(Seen(probe, before, after, heard.packets, way, heard.stderr))
        silent = verdict.reached is None and not way.hops
        if not silent and not probes.PORT_IS_TAKEN.search(heard.stderr):
            break
    return Trace(probe, verdict, way, _around(places, way.hops), heard.packets)


def why(
    source: Container | str,
    target: Container | str,
    kind: ProbeKind | None = None,
    *,
    port: int | None = None,
    size: int | None = None,
) -> Verdict:
    """Tell in one sentence whether one place reaches another, and if not, what stopped the packet.

    Asks and raises as :func:`trace` does.

    >>> why(web, "http://192.0.2.3")
    web reached neighbour, port 80.
    """
    return trace(source, target, kind, port=port, size=size).verdict


def _unknown_name(source: Container | str, name: str, here: Place, target: str) -> Verdict:
    """Tell of a name that the source does not know: nothing can be sent to it."""
    servers = [str(server) for server in here.resolver.servers] if here.resolver else []
    asked = f"; the name server that it asks is {listed(servers)}" if servers else ""
    other = (
        ", which knows no containers" if servers and "127.0.0.11" not in servers and here.kind == "container" else ""
    )
    seen = f"no address was found for {target}"
    shown = Evidence(seen, here.machine, typed_in(source, f"getent ahostsv4 {target}"))
    return Verdict(False, f"{name} does not know the name {target}{asked}{other}.", (shown,), short="name not known")


def _around(places: Sequence[Place], hops: Sequence[Hop]) -> Topology:
    """Give the topology of a way: only where it leads there the internet, a host without containers, and a sandbox.

    A sandbox that a container is plugged into is shown in any case.
    """
    containers = [place for place in places if place.kind == "container"]
    busy = {hop.place for hop in hops} | {place.machine for place in containers} | {"host1"}
    busy |= {link.peer_place for place in containers for link in place.links if link.peer_place}
    idle = {place.name for place in places if place.kind in ("internet", "host", "sandbox")} - busy
    return connect([place for place in places if not {place.name, place.machine} & idle], observe.networks())


def _rewriting(before: Mapping[str, Place], after: Mapping[str, Place]) -> dict[str, list[Rule]]:
    """Give the rules that rewrote addresses meanwhile, by place."""
    return {
        name: [
            rule for rule in matched(before[name], after[name]) if any(f"-j {word}" in rule.rule for word in REWRITING)
        ]
        for name in before.keys() & after.keys()
    }
