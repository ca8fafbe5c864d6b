"""A snapshot of the whole testbed, to places. The form of the text is told in ``testbed/files/snapshot``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dockernet_lessons.facts import Chain, Place, PlaceKind, Rule, Setting
from dockernet_lessons.parse.rules import iptables_save, nft_ruleset
from dockernet_lessons.parse.sockets import PROTOCOLS, listeners, owners, resolver
from dockernet_lessons.parse.tables import fdb, links, neighbours, routes, settings


@dataclass(frozen=True, slots=True)
class Named:
    """What the observer knows of a place before looking: its name for a learner, its kind, and its machine."""

    name: str
    kind: PlaceKind
    machine: str


@dataclass(frozen=True, slots=True)
class _Key:
    """One line of the snapshot's list: a key, the namespace it stands for, and a process that lives there (0: none)."""

    key: str
    inode: int
    pid: int


@dataclass(frozen=True, slots=True)
class _Everywhere:
    """What one pass over all processes told: files below /proc, by process and name, and the owners of sockets."""

    files: Mapping[tuple[int, str], str]
    owners: Mapping[int, str]


def keys(text: str) -> tuple[str, ...]:
    """Give the keys of a snapshot, so that they can be named."""
    return tuple(each.key for each in _keys(_sections(text).get(0, {})))


def snapshot(text: str, named: Mapping[str, Named]) -> tuple[Place, ...]:
    """Give the places of a snapshot, those that ``named`` knows by their key.

    Where several have one namespace, the first that ``named`` holds gives the place its name. Owners of MAC addresses
    are filled in where exactly one interface of the snapshot has the address.
    """
    sections = _sections(text)
    everything = sections.pop(0, {})
    rank = {key: position for position, key in enumerate(named)}
    by_inode: dict[int, list[_Key]] = {}
    for each in sorted((each for each in _keys(everything) if each.key in named), key=lambda each: rank[each.key]):
        by_inode.setdefault(each.inode, []).append(each)
    names = {each.key: named[sharing[0].key].name for sharing in by_inode.values() for each in sharing}
    everywhere = _Everywhere(_files(everything.get("files", "")), owners(everything.get("owners", "")))
    engines = {each.key: each.pid for each in _keys(everything)}
    places = []
    for inode, parts in sections.items():
        if inode in by_inode and "ip" in parts:  # without, it ended before it was looked at
            first, *_ = sharing = by_inode[inode]
            containers = sorted(named[each.key].name for each in sharing if named[each.key].kind == "container")
            place = _place(named[first.key], first, parts, names, everywhere)
            door = _door(named[first.key], first, engines)
            places.append(replace(place, containers=tuple(containers), door=door))
    places.sort(key=lambda place: rank[by_inode[place.inode][0].key])
    return with_owners(places)


def _sections(text: str) -> dict[int, dict[str, str]]:
    """Give the parts of every section by the section's inode: 0 is the testbed as a whole."""
    found = {}
    for section in re.split(r"(?m)^@ ", text)[1:]:
        heading, _, body = section.partition("\n")
        parts = re.split(r"(?m)^# ([\w-]+)\n", body)[1:]
        found[int(heading.split()[1])] = dict(zip(parts[::2], parts[1::2], strict=True))
    return found


def sections_by_key(text: str) -> dict[str, dict[str, str]]:
    """Give the parts of every namespace of a snapshot that was looked at, by its key."""
    sections = _sections(text)
    listed = _keys(sections.get(0, {}))
    return {each.key: sections[each.inode] for each in listed if "ip" in sections.get(each.inode, {})}


def _keys(everything: Mapping[str, str]) -> Iterator[_Key]:
    for line in everything.get("keys", "").splitlines():
        key, inode, pid = line.split()
        yield _Key(key, int(inode), int(pid))


def _door(known: Named, key: _Key, processes: Mapping[str, int]) -> str:
    """Tell what ``files/inside`` calls a place: a sandbox by its engine's file, a container by its process."""
    if known.kind == "sandbox":
        return f"file:/proc/{processes[known.machine]}/root/run/docker/netns/{key.key.partition(':')[2]}"
    return f"pid:{key.pid}" if known.kind == "container" else known.name


def _files(text: str) -> dict[tuple[int, str], str]:
    """Give what files below /proc hold, by process and name: each line is told with its file's path before it."""
    found: dict[tuple[int, str], list[str]] = {}
    for line in text.splitlines():
        path, _, content = line.partition(":")
        words = path.split("/")
        found.setdefault((int(words[2]), words[-1]), []).append(content)
    return {key: "\n".join(lines) for key, lines in found.items()}


def _place(
    known: Named, key: _Key, parts: Mapping[str, str], names: Mapping[str, str], everywhere: _Everywhere
) -> Place:
    addresses, all_routes, all_neighbours, netconf, ids = documents(parts["ip"])
    places_by_id = {entry["nsid"]: names.get(entry.get("name", "")) for entry in ids}
    seen = links(addresses, places_by_id, known.name)
    masters = {link.name: link.master for link in seen}
    rules, chains = _filters(parts)
    listening = tuple(
        each
        for protocol in PROTOCOLS
        for each in listeners(
            protocol,
            "\n".join(everywhere.files.get((key.pid, f"{protocol}{six}"), "") for six in ("", "6")),
            everywhere.owners,
        )
    )
    resolv_conf = everywhere.files.get((key.pid, "resolv.conf"))
    return Place(
        name=known.name,
        kind=known.kind,
        machine=known.machine,
        inode=key.inode,
        links=seen,
        routes=routes(all_routes),
        neighbours=neighbours(all_neighbours),
        fdb=fdb(json.loads(parts.get("fdb") or "[]"), masters),
        rules=rules,
        chains=chains,
        listeners=listening,
        resolver=resolver(resolv_conf) if resolv_conf is not None else None,
        settings=tuple(sorted((*settings(netconf), *_bridge_settings(parts)), key=lambda setting: setting.name)),
    )


def documents(text: str) -> list[Any]:
    """Give the JSON documents that stand one after another in a text."""
    decoder = json.JSONDecoder()
    documents = []
    position = 0
    while (start := re.compile(r"\S").search(text, position)) is not None:
        document, position = decoder.raw_decode(text, start.start())
        documents.append(document)
    return documents


def _filters(parts: Mapping[str, str]) -> tuple[tuple[Rule, ...], tuple[Chain, ...]]:
    """Give the rules and chains of iptables, ip6tables and nft, without nft's view of those that iptables made."""
    four, six = iptables_save(parts.get("rules4", "")), iptables_save(parts.get("rules6", ""), 6)
    made_by_iptables = {f"ip {chain.table}" for chain in four[1]} | {f"ip6 {chain.table}" for chain in six[1]}
    native = nft_ruleset(parts.get("nft", ""), without=made_by_iptables)
    return four[0] + six[0] + native[0], four[1] + six[1] + native[1]


def _bridge_settings(parts: Mapping[str, str]) -> Iterator[Setting]:
    """Give the settings that say whether bridged packets pass iptables, from lines of file and value."""
    for line in parts.get("bridge-nf", "").splitlines():
        file, _, value = line.partition(":")
        yield Setting(file.removeprefix("/proc/sys/").replace("/", "."), value)


def with_owners(places: Sequence[Place]) -> tuple[Place, ...]:
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
