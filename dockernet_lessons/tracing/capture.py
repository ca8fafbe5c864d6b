"""Listen at every interface that a packet may pass, while it is sent. What tcpdump hears is decoded, never guessed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from dockernet_lessons import testbed
from dockernet_lessons.errors import CommandFailed, LessonError
from dockernet_lessons.facts import Address, End, Link, Place
from dockernet_lessons.tracing import decode
from dockernet_lessons.tracing.packets import Packet

LINGER_SECONDS = 0.1
"""How long we listen on when the sender is done: an answer's last hops come a little later than its first."""

CANNOT_LISTEN = 3
"""The exit code of ``files/capture`` where an interface cannot be listened at."""

DNAT = re.compile(r"--dport (?P<port>\d+)\b.*--to-destination (?P<address>\[[^]]+\]|[^[:\s]+)")


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard at the interfaces, what the command that ran meanwhile said, and a snapshot of right after it."""

    packets: tuple[Packet, ...]
    stdout: str
    stderr: str
    exit_code: int
    after: str


def listen(
    points: Sequence[End],
    places: Sequence[Place],
    inside: str,
    command: Sequence[str],
    *,
    seconds: float,
    stdin: str = "",
    look_at: Collection[int] = (),
) -> Heard:
    """Run a command, and give what was heard at these interfaces meanwhile; ``inside`` is where the testbed runs it.

    The network namespaces of ``look_at`` are looked at right after it.

    Raises ``LessonError`` where one of them cannot be listened at: an empty capture would look like silence.
    """
    doors = {place.name: place.door for place in places}
    asked = [f"{doors[point.place]}/{point.interface}" for point in points]
    inodes = ",".join(str(inode) for inode in sorted(look_at))
    script = ["/usr/lib/testbed/capture", f"{LINGER_SECONDS:g}", inodes, *asked, "--", inside, f"{seconds:g}", *command]
    done = testbed.running().run("testbed", script, check=False, timeout=seconds + 30, stdin=stdin)
    if done.exit_code == CANNOT_LISTEN:
        reason = (done.stderr.strip().splitlines() or ["it gave none"])[-1]
        raise LessonError(
            f"tcpdump could not listen everywhere, so the packet was not sent: {reason}",
            hint="run the cell again; if a container has just ended, start it first.",
        )
    if done.exit_code:
        raise CommandFailed(command, done.exit_code, done.stderr)
    said_and_heard, _, after = done.stdout.partition("# after\n")
    captures, *said, code = re.split(r"(?m)^# (?:out|err|exit)\n", said_and_heard)
    heard = [
        packet
        for point, text in zip(points, re.findall(r"(?m)^@\n((?:[^@#].*\n)*)", captures), strict=True)
        for packet in decode.packets(bytes.fromhex(text), point)
    ]
    stdout, stderr = (bytes.fromhex(text).decode(errors="replace") for text in said)
    return Heard(tuple(sorted(heard, key=lambda packet: packet.time)), stdout, stderr, int(code), after)


def points(places: Sequence[Place], source: str, address: Address, port: int | None, *, names: bool) -> tuple[End, ...]:
    """Choose where to listen: at every interface that a packet from ``source`` to ``address`` may pass.

    Those are all of both ends' own, their ports, the bridges and uplinks of their hosts, and the router's. Where nobody
    has the address, it may be one that a host translates, and every container is listened at. ``names`` adds the
    loopback interfaces, which questions for names go by.
    """
    concerned = {place.name for place in places if place.name == source or address in _addresses(place)}
    concerned |= {place.name for place in places if _addresses(place) & set(_translated(places, port))}
    if not any(address in _addresses(place) for place in places) and not address.is_loopback:
        concerned |= {place.name for place in places if place.kind in ("container", "internet")}
    sandboxes = {link.peer_place for place in places if place.name in concerned for link in place.links}
    concerned |= {place.name for place in places if place.kind == "sandbox" and place.name in sandboxes}
    machines = {place.machine for place in places if place.name in concerned} | {"router"}
    by_loopback = (
        names or address.is_loopback or any(place.name == source and address in _addresses(place) for place in places)
    )
    chosen = []
    for place in places:
        if place.name in concerned or place.name in machines:
            wanted = (
                place.links
                if place.kind in ("container", "sandbox")
                else _of_host(place, concerned | machines, address)
            )
            chosen += [
                End(place.name, link.name)
                for link in wanted
                if (link.kind != "loopback" and link.up)
                or (link.kind == "loopback" and by_loopback and place.name in concerned)
            ]
    return tuple(chosen)


def _of_host(place: Place, concerned: set[str], address: Address) -> Iterator[Link]:
    """Give a host's interfaces, without the ports and bridges that lead to others."""
    ports = [link for link in place.links if link.master and (link.peer_place in concerned or link.kind != "veth")]
    masters = {link.master for link in ports}
    for link in place.links:
        if link.master:
            if link in ports:
                yield link
        elif link.kind == "bridge":
            if link.name in masters or any(address in found.network for found in link.addresses):
                yield link
        elif link.peer_place is None or link.peer_place in concerned:
            yield link


def _addresses(place: Place) -> set[Address]:
    return {found.ip for link in place.links if link.kind != "loopback" for found in link.addresses}


def _translated(places: Sequence[Place], port: int | None) -> Iterator[Address]:
    """Give the addresses to which rules of nat tables lead what comes for this port."""
    for place in places:
        for rule in place.rules:
            found = DNAT.search(rule.rule) if rule.table == "nat" else None
            if found and int(found["port"]) == port:
                yield ip_address(found["address"].strip("[]"))
