"""Pure: what the system's tools print, to facts. Runs nothing, and knows nothing of Docker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from dockernet_lessons.facts import FdbEntry, Link, NatRule, Neighbour, Place, PlaceKind, Route


@dataclass(frozen=True, slots=True)
class Named:
    """What the observer knows of a place before looking: its name for a learner, its kind, and its machine."""

    name: str
    kind: PlaceKind
    machine: str


def snapshot(text: str, named: Mapping[str, Named]) -> tuple[Place, ...]:
    """Give the places of a snapshot, those that ``named`` knows by their key.

    The form of ``text`` is told in ``testbed/files/snapshot``. Owners of MAC addresses are filled in where exactly
    one interface of the snapshot has the address.
    """
    sections = [section for section in re.split(r"(?m)^@ ", text) if section]
    names = {key: known.name for key, known in named.items()}
    places = []
    for section in sections:
        heading, _, body = section.partition("\n")
        key, inode = heading.split()
        if key in named:
            places.append(_place(named[key], int(inode), _parts(body), names))
    return _with_owners(places)


def _parts(body: str) -> dict[str, str]:
    found = re.split(r"(?m)^# (\w+)\n", body)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def _place(known: Named, inode: int, parts: Mapping[str, str], names: Mapping[str, str]) -> Place:
    documents = list(_documents(parts["ip"]))
    addresses, routes, neighbours = documents[:3]
    places_by_id = {
        entry["nsid"]: names.get(entry.get("name", "")) for entry in (documents[3] if len(documents) > 3 else ())
    }
    return Place(
        name=known.name,
        kind=known.kind,
        machine=known.machine,
        inode=inode,
        links=links(addresses, places_by_id),
        routes=tuple(_route(entry) for entry in routes),
        neighbours=tuple(
            sorted(
                (_neighbour(entry) for entry in neighbours),
                key=lambda entry: (entry.interface, entry.address),
            )
        ),
        fdb=fdb(json.loads(parts["fdb"])),
        nat=nat_rules(parts.get("nat", "")),
    )


def _documents(text: str) -> Iterator[Any]:
    """Give the JSON documents that stand one after another in a text."""
    decoder = json.JSONDecoder()
    position = 0
    while (start := re.compile(r"\S").search(text, position)) is not None:
        document, position = decoder.raw_decode(text, start.start())
        yield document


def links(
    entries: Sequence[Mapping[str, Any]], places_by_id: Mapping[int, str | None] | None = None
) -> tuple[Link, ...]:
    """Give the links that ``ip -json -details address show`` prints, without the kernel's own link-local addresses.

    ``places_by_id`` tells which place each network namespace id stands for.
    """
    return tuple(_link(entry, places_by_id or {}) for entry in entries if entry)


def _link(entry: Mapping[str, Any], places_by_id: Mapping[int, str | None]) -> Link:
    kind = entry.get("linkinfo", {}).get("info_kind") or ("loopback" if entry["link_type"] == "loopback" else "device")
    return Link(
        name=entry["ifname"],
        kind=kind,
        index=entry["ifindex"],
        mac=entry.get("address", ""),
        mtu=entry["mtu"],
        up="UP" in entry["flags"] and entry.get("operstate") != "DOWN",
        master=entry.get("master"),
        peer=entry.get("link_index"),
        peer_place=places_by_id.get(entry.get("link_netnsid", -1)),
        addresses=tuple(
            ip_interface(f"{found['local']}/{found['prefixlen']}")
            for found in entry.get("addr_info", ())
            if found.get("scope") != "link"
        ),
    )


def _route(entry: Mapping[str, Any]) -> Route:
    to = entry["dst"]
    return Route(
        destination=None if to == "default" else ip_network(to),
        interface=entry.get("dev", ""),
        via=ip_address(entry["gateway"]) if "gateway" in entry else None,
        source=ip_address(entry["prefsrc"]) if "prefsrc" in entry else None,
    )


def _neighbour(entry: Mapping[str, Any]) -> Neighbour:
    return Neighbour(
        address=ip_address(entry["dst"]),
        interface=entry["dev"],
        mac=entry.get("lladdr"),
        state=" ".join(entry.get("state", ())),
    )


def fdb(entries: Sequence[Mapping[str, Any]]) -> tuple[FdbEntry, ...]:
    """Give what the bridges of ``bridge -json fdb show`` have learned or were told.

    Multicast, and the addresses of the bridges and ports themselves, are left out.
    """
    learned = [
        entry
        for entry in entries
        if "master" in entry and entry.get("state") != "permanent" and not int(entry["mac"][:2], 16) & 1
    ]
    found = {FdbEntry(entry["mac"], entry["ifname"], entry["master"]) for entry in learned}
    return tuple(sorted(found, key=lambda entry: (entry.bridge, entry.port, entry.mac)))


NAT_RULE = re.compile(r"^\[(?P<packets>\d+):\d+\] -A (?P<chain>\S+) (?P<rule>.+)$", re.MULTILINE)


def nat_rules(text: str) -> tuple[NatRule, ...]:
    """Give the rules that ``iptables-save -c -t nat`` prints, in order.

    >>> nat_rules("[3:252] -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE")
    (NatRule(chain='POSTROUTING', rule='-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE', packets=3),)
    """
    return tuple(NatRule(found["chain"], found["rule"], int(found["packets"])) for found in NAT_RULE.finditer(text))


def _with_owners(places: Sequence[Place]) -> tuple[Place, ...]:
    """Fill in whose each MAC address is, where exactly one interface has it."""
    having: dict[str, list[str]] = {}
    for place in places:
        for link in place.links:
            having.setdefault(link.mac, []).append(f"{place.name} {link.name}")

    def owner(mac: str | None) -> str | None:
        found = having.get(mac or "", [])
        return found[0] if len(found) == 1 else None

    return tuple(
        replace(
            place,
            neighbours=tuple(replace(entry, owner=owner(entry.mac)) for entry in place.neighbours),
            fdb=tuple(replace(entry, owner=owner(entry.mac)) for entry in place.fdb),
        )
        for place in places
    )


PING = re.compile(r"(?P<sent>\d+) packets transmitted, (?P<back>\d+) received")
PING_TTL = re.compile(r"ttl=(?P<ttl>\d+)")


@dataclass(frozen=True, slots=True)
class Echoes:
    """What ping counted. ``ttl`` is the time to live, in hops, of the last reply."""

    sent: int
    back: int
    ttl: int | None


def ping(text: str) -> Echoes | None:
    r"""Read what iputils' ping prints, ``None`` where it sent nothing.

    >>> ping("64 bytes from 172.17.0.3: icmp_seq=1 ttl=64 time=0.1 ms\n1 packets transmitted, 1 received")
    Echoes(sent=1, back=1, ttl=64)
    """
    counted = PING.search(text)
    if counted is None:
        return None
    ttls = PING_TTL.findall(text)
    return Echoes(int(counted["sent"]), int(counted["back"]), int(ttls[-1]) if ttls else None)


WHY_NO_PING = (
    ("Name or service not known", "the name is not known"),
    ("Temporary failure in name resolution", "the name is not known"),
    ("No address associated with hostname", "the name is not known"),
    ("Network is unreachable", "it has no route there"),
)
"""What iputils' ping says before it sends anything, in the C locale, and what it means."""


def why_no_ping(stderr: str) -> str | None:
    """Tell why ping could not send anything, ``None`` where it does not say a reason we know.

    >>> why_no_ping("ping: db: Name or service not known")
    'the name is not known'
    """
    return next((meaning for words, meaning in WHY_NO_PING if words in stderr), None)


WHY_NO_CONNECTION = re.compile(r"fail[^\n]*: (Connection refused|Network is unreachable|No route to host)")


def why_no_connection(stderr: str) -> str | None:
    """Tell in the kernel's words why curl could not connect, ``None`` where the kernel gave no reason.

    >>> why_no_connection("* connect to 172.17.0.2 port 80 from 0.0.0.0 port 0 failed: Network is unreachable")
    'network is unreachable'
    """
    found = WHY_NO_CONNECTION.search(stderr)
    return found[1].lower() if found else None


def resolved(text: str) -> tuple[str, ...]:
    r"""Read the addresses that ``getent ahostsv4`` prints, each once, in order of address.

    >>> resolved("172.30.0.3     STREAM db\n172.30.0.3     DGRAM\n172.30.0.3     RAW\n")
    ('172.30.0.3',)
    """
    return tuple(sorted({line.split()[0] for line in text.splitlines() if line.strip()}, key=ip_address))
