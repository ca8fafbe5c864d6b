"""Pure: what may have stopped a packet. Each question looks at what was observed and gives the cause, or nothing.

A cause is named only where something seen says it: a rule whose counter moved, a question that nobody answered, a
complaint that came back, a route that is missing from a table.
"""

from __future__ import annotations

from dataclasses import dataclass

from dockernet_lessons.facts import Address, Link, Place
from dockernet_lessons.tracing.counters import TABLES, Loss
from dockernet_lessons.tracing.decode import IS_AT, WHO_HAS
from dockernet_lessons.tracing.packets import Evidence, Hop, Leg, Packet, Probe
from dockernet_lessons.tracing.seen import Seen, has, label, link_at, listening, lookup, typed

HEADERS = {4: 28, 6: 48}
"""Of an echo request, in bytes: IP's and ICMP's. Source: RFC 791, 792, 4443, 8200."""

UNREACHABLE = ("network unreachable", "host unreachable")


@dataclass(frozen=True, slots=True)
class Cause:
    """What stopped a packet: said in a sentence, and in a few words; ``certain`` unless two things may have."""

    text: str
    short: str
    evidence: tuple[Evidence, ...]
    certain: bool = True


def no_route(place: Place, address: Address) -> Cause | None:
    """Use that a place has no route to an address."""
    if lookup(place, address) is not None:
        return None
    shown = Evidence("no route matches it", *typed(place, f"ip route get {address}"))
    return Cause(f"{place.name} has no route to {address}", "no route", (shown,))


def too_big(seen: Seen, place: Place) -> Cause | None:
    """Use that a packet which may not be cut into pieces is larger than the interface takes by which it would leave."""
    route = lookup(place, seen.probe.address)
    link = link_at(place, route.interface) if route else None
    if link is None or not _is_larger(seen.probe, link):
        return None
    shown = Evidence(f"its MTU is {link.mtu}", *typed(place, f"ip link show {link.name}"))
    text = f"it is larger than {place.name} {link.name} takes, {link.mtu} bytes, and may not be cut into pieces"
    return Cause(text, "too big", (shown,))


def _is_larger(probe: Probe, link: Link) -> bool:
    return probe.size is not None and probe.size + HEADERS[probe.address.version] > link.mtu


def rule(seen: Seen, place: str) -> Cause | None:
    """Use a rule, or a policy, of a place whose counter of packets it took away moved."""
    found = seen.lost_at(place)
    if not found:
        return None
    if len(found) == 1:
        return _by(seen, found[0])
    every = " and ".join(f"{loss.where} by {_named(loss)}" for loss in found)
    shown = tuple(_counter(seen, loss) for loss in found)
    return Cause(f"more than one rule of {place} took packets away meanwhile, {every}", "", shown, certain=False)


def _by(seen: Seen, loss: Loss) -> Cause:
    how = "refused" if loss.said_so else "dropped"
    reason = f" ({loss.reason})" if loss.reason else ""
    text = f"{how} in {loss.where} of {loss.place} by {_named(loss)}{reason}"
    return Cause(text, f"{how} in {loss.table} {loss.hook}", (_counter(seen, loss),))


def _named(loss: Loss) -> str:
    return "its policy" if loss.rule is None else f"`{loss.rule}`"


def _counter(seen: Seen, loss: Loss) -> Evidence:
    by_iptables = f"iptables -t {loss.table} -v -L {loss.chain}"
    shown = typed(seen.place(loss.place), by_iptables if loss.table in TABLES else f"nft list table {loss.table}")
    return Evidence(f"the counter of {_named(loss)} moved", *shown)


def unanswered(seen: Seen, place: str) -> Cause | None:
    """Use a question for a MAC address that a place asked and nobody answered."""
    here = seen.place(place)
    macs = {link.mac for link in here.links}
    asked = [each for each in seen.heard if each.innermost.kind == WHO_HAS and each.innermost.mac_from in macs]
    told = {each.innermost.asked for each in seen.heard if each.innermost.kind == IS_AT and each.at.place == place}
    wanted = next((each.innermost.asked for each in asked if each.innermost.asked not in told), None)
    if wanted is None:
        return None
    last = [each.at for each in asked if each.innermost.asked == wanted][-1]
    nobody = f"nobody answers when {place} asks who has {wanted}{_why_nobody(seen, here, wanted)}"
    shown = Evidence(f"the question was last heard at {label(seen, last)}", *typed(here, "ip neighbour"))
    return Cause(nobody, "nobody answers ARP" if wanted.version == 4 else "no neighbour answers", (shown,))


def _why_nobody(seen: Seen, here: Place, wanted: Address) -> str:
    """Say what is seen of whoever could answer: there is nobody, or a macvlan would have to talk to its parent."""
    having = seen.having(wanted)
    if not having:
        return " (no interface of the testbed has that address)"
    for one, other in ((here, having[0]), (having[0], here)):
        for child in one.links:
            parent = next((link for link in other.links if link.index == child.peer), None)
            if child.kind in ("macvlan", "ipvlan") and child.peer_place == other.name and parent is not None:
                kind = "an ipvlan" if child.kind == "ipvlan" else "a macvlan"
                return f" ({one.name} {child.name} is {kind} on {other.name} {parent.name}, and does not talk to it)"
    return ""


def complaint(seen: Seen, leg: Leg) -> Cause | None:
    """Use an ICMP error about the packet: whoever sent it knows why."""
    about = (each for each in seen.heard if (quoted := each.innermost.about) and _is_about(quoted, leg))
    found = next(about, None)
    if found is None:
        return None
    error, last = found.innermost, leg.hops[-1]
    owners = seen.having(error.source)
    where = owners[0].name if owners else str(error.source)
    if (loss := next((each for each in seen.lost_at(where) if each.said_so), None)) is not None:
        return _by(seen, loss)
    if error.kind == "port unreachable":
        return closed(seen, leg, "port unreachable")
    target = last.packet.innermost.target
    if error.kind in UNREACHABLE and owners and target is not None:
        cause = no_route(owners[0], target) or unanswered(seen, where)
        if cause is not None:
            return cause
    meanings = {
        "too big": f"it is larger than the next link behind {where} takes, and may not be cut into pieces",
        "time exceeded": f"it had passed as many routers as it may when it came to {where}",
    }
    shown = Evidence(f"{where} sent: {error.kind}", *listening(seen.place(found.at.place), found.at.interface))
    return Cause(meanings.get(error.kind, f"{where} refused it, {error.kind}"), error.kind, (shown,))


def _is_about(quoted: Packet, leg: Leg) -> bool:
    """Tell whether the start of a packet that an error quotes is that of ours; a quote may end early."""
    sent = leg.hops[0].packet.innermost
    if quoted.protocol not in (sent.protocol, "other"):
        return False
    if sent.protocol == "tcp":
        return quoted.number == sent.number
    return bool(quoted.data) and sent.data.startswith(quoted.data[: len(sent.data)])


def closed(seen: Seen, leg: Leg, refusal: str) -> Cause:
    """Tell of a port on which nobody listens: by the refusal, and by who listens there on another address."""
    last = leg.hops[-1]
    packet, place = last.packet.innermost, seen.place(last.place)
    waiting = [each for each in place.listeners if (each.protocol, each.port) == (packet.protocol, packet.target_port)]
    port = f"{packet.protocol} port {packet.target_port}"
    text = f"nobody on {place.name} listens on {port}"
    if waiting and waiting[0].address.is_loopback:
        text = f"{place.name} listens on {port} at {waiting[0].address} alone"
    if leg.relay:
        text = f"{leg.relay} passed it on, but {text}"
    shown = Evidence(f"{place.name} sent: {refusal}", *typed(place, f"ss -ln{packet.protocol[0]}"))
    return Cause(text, f"port {packet.target_port} is closed", (shown,))


def not_forwarded(seen: Seen, last: Hop) -> Cause | None:
    """Use that a place got a packet for somebody else, and does not forward, or does not know where to."""
    place, target = seen.place(last.place), last.packet.innermost.target
    link = link_at(place, last.interface)
    if target is None or link is None or link.master or has(place, target) or target.is_loopback:
        return None
    name = "net.ipv4.ip_forward" if target.version == 4 else "net.ipv6.conf.all.forwarding"
    if any((each.name, each.value) == (name, "0") for each in place.settings) and last.packet.mac_to == link.mac:
        shown = Evidence(f"{name} is 0", *typed(place, f"sysctl {name}"))
        return Cause(f"{place.name} got it and does not forward, because {name} is 0", "not forwarded", (shown,))
    return no_route(place, target)


def swallowed(seen: Seen, last: Hop) -> Cause | None:
    """Use that a bridge got a frame larger than the port takes by which it has to leave: it is dropped without a word.

    Only a router tells the sender; a switch does not look into the frame. Source: the kernel, net/bridge/br_forward.c.
    """
    place = seen.place(last.place)
    here = link_at(place, last.interface)
    if here is None or here.master is None:
        return None
    known = (each.port for each in place.fdb if (each.mac, each.bridge) == (last.packet.mac_to, here.master))
    port = link_at(place, next(known, ""))
    if port is None or not _is_larger(seen.probe, port):
        return None
    shown = Evidence(f"the MTU of {port.name} is {port.mtu}", *typed(place, f"ip link show {port.name}"))
    text = f"it is larger than {place.name} {port.name} takes, {port.mtu} bytes, and a bridge drops it without a word"
    return Cause(text, "too big, and not told", (shown,))


def no_way_back(seen: Seen, last: Hop) -> Cause | None:
    """Use that the one who got the packet has no route to the one who sent it."""
    source = last.packet.innermost.source
    return no_route(seen.place(last.place), source) if source is not None and seen.arrived(last) else None
