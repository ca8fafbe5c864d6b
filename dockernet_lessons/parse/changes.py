"""Two snapshots compared: the commands that give a place of the testbed back what it had.

Knows what a lesson changes by hand: links, addresses, routes, permanent neighbours, bridge ports, settings, rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from dockernet_lessons.parse.snapshot import documents, sections_by_key
from dockernet_lessons.parse.tables import settings

Entry = Mapping[str, Any]
Parts = Mapping[str, str]
PORT_FLAGS = ("locked", "isolated", "hairpin", "learning", "flood")
"""What ``ip -details link`` tells of a port of a bridge, and ``ip link set type bridge_slave`` takes."""


def undo(before: str, after: str) -> dict[str, tuple[str, ...]]:
    """Give the commands that undo, place by place, what is otherwise in a later snapshot of the testbed's own places.

    There are none for a place that is as it was. Addresses and routes that the kernel makes by itself, what is learned,
    and counters do not count; nor do the ports of the router that hosts are plugged into when they join.
    """
    earlier, later = sections_by_key(before), sections_by_key(after)
    places = [key for key in earlier if ":" not in key and key in later]
    plugs = {f"lan-{key}" for key in later}
    return {key: tuple(_undo(earlier[key], later[key], plugs)) for key in places}


def _undo(before: Parts, after: Parts, plugs: set[str]) -> Iterator[str]:
    old, new = documents(before["ip"]), documents(after["ip"])
    had, has = _by_name(old[0]), _by_name(new[0])
    stay = {name for name in has if name in had or name in plugs}
    earlier, later = _routes(old[1]), [route for route, device in _routes(new[1]).items() if device in stay]
    # First, as the kernel itself removes a route whose source address goes; those of other interfaces go with them.
    yield from (f"ip {words[:2]} route delete {words[3:]}" for words in later if words not in earlier)
    for name in reversed([name for name in has if name not in had and name not in plugs]):
        yield f"ip link delete {name} 2>/dev/null || ! ip link show {name} 2>/dev/null"  # its other end took it along
    for name, link in had.items():
        if name in has:
            yield from _undo_link(name, link, has[name])
    yield from (f"ip {words[:2]} route add {words[3:]}" for words in earlier if words not in later)
    yield from _differing(_permanent(old[2]), _permanent(new[2]), lambda words: f"ip neighbour delete {words}", None)
    yield from _differing(_static(before), _static(after), lambda words: f"bridge fdb delete {words}", None)
    for setting in settings(old[3]):
        if setting not in settings(new[3]):
            yield f"sysctl -w {setting.name}={setting.value}"
    for line in sorted(set(before.get("bridge-nf", "").split()) - set(after.get("bridge-nf", "").split())):
        file, _, value = line.partition(":")
        yield f"echo {value} > {file}"
    yield from _undo_rules(before, after)


def _by_name(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry["ifname"]: entry for entry in entries if entry}


def _undo_link(name: str, had: Entry, has: Entry) -> Iterator[str]:
    if had.get("address") != has.get("address"):
        yield f"ip link set {name} address {had['address']}"
    if had["mtu"] != has["mtu"]:
        yield f"ip link set {name} mtu {had['mtu']}"
    if had.get("master") != has.get("master"):
        yield f"ip link set {name} master {had['master']}" if "master" in had else f"ip link set {name} nomaster"
    if ("UP" in had["flags"]) != ("UP" in has["flags"]):
        yield f"ip link set {name} {'up' if 'UP' in had['flags'] else 'down'}"
    for flag in PORT_FLAGS:
        was, now = (entry.get("linkinfo", {}).get("info_slave_data", {}).get(flag) for entry in (had, has))
        if was is not None and now is not None and was != now:
            yield f"ip link set {name} type bridge_slave {flag} {'on' if was else 'off'}"
    yield from _differing(
        _addresses(had),
        _addresses(has),
        lambda words: f"ip address delete {words} dev {name}",
        lambda words: f"ip address add {words} dev {name}",
    )


def _addresses(link: Entry) -> list[str]:
    return [
        f"{each['local']}/{each['prefixlen']}"
        for each in link.get("addr_info", ())
        if not (each["family"] == "inet6" and each["scope"] == "link")
    ]


def _routes(entries: Sequence[Entry]) -> dict[str, str]:
    """Give the routes that somebody made, as ``ip route`` takes them, each with its interface."""
    return {_route(entry): entry.get("dev", "lo") for entry in entries if _counts(entry)}


def _counts(entry: Entry) -> bool:
    return entry.get("table") != "local" and entry.get("protocol") not in ("kernel", "ra")


def _route(entry: Entry) -> str:
    """Give a route as ``ip route`` takes it, after the flag of its version."""
    gateway = entry.get("gateway") or entry.get("via", {}).get("host")
    words = [
        "" if entry.get("type", "unicast") == "unicast" else entry["type"],
        entry["dst"],
        f"via {gateway}" if gateway else "",
        f"dev {entry['dev']}" if "dev" in entry else "",
        f"src {entry['prefsrc']}" if "prefsrc" in entry else "",
        f"metric {entry['metric']}" if "metric" in entry else "",
        f"table {entry['table']}" if entry.get("table", "main") != "main" else "",
    ]
    return ("-6 " if "pref" in entry else "-4 ") + " ".join(word for word in words if word)


def _permanent(entries: Iterable[Entry]) -> list[str]:
    return [f"{entry['dst']} dev {entry['dev']}" for entry in entries if "PERMANENT" in entry.get("state", ())]


def _static(parts: Parts) -> list[str]:
    """Give each once: where bridges know VLANs, a port has an entry for each of them, and they go together."""
    entries = json.loads(parts.get("fdb") or "[]")
    found = (
        f"{entry['mac']} dev {entry['ifname']} master"
        for entry in entries
        if entry.get("state") == "static" and "master" in entry
    )
    return list(dict.fromkeys(found))


def _differing(
    had: Sequence[str], has: Sequence[str], remove: Callable[[str], str], add: Callable[[str], str] | None
) -> Iterator[str]:
    yield from (remove(words) for words in has if words not in had)
    if add is not None:
        yield from (add(words) for words in had if words not in has)


COUNTS = re.compile(r"\[\d+:\d+\]")
IDLE = re.compile(r"\*\w+|:[A-Z]+ ACCEPT|COMMIT|")
NFT_TABLE = re.compile(r"(?m)^table (\S+ \S+) \{")


def _undo_rules(before: Parts, after: Parts) -> Iterator[str]:
    for part, family, restore in (("rules4", "ip", "iptables-restore"), ("rules6", "ip6", "ip6tables-restore")):
        had, has = _tables(before.get(part, "")), _tables(after.get(part, ""))
        yield from (f"nft delete table {family} {name}" for name in has if name not in had)
        changed = [lines for name, lines in had.items() if has.get(name) != lines]
        if changed:
            yield f"{restore} <<'RULES'\n" + "\n".join(line for lines in changed for line in lines) + "\nRULES"
    had_tables, has_tables = ({*NFT_TABLE.findall(parts.get("nft", ""))} for parts in (before, after))
    by_iptables = {f"ip {name}" for name in _tables(after.get("rules4", ""))}
    by_iptables |= {f"ip6 {name}" for name in _tables(after.get("rules6", ""))}
    yield from (f"nft delete table {table}" for table in sorted(has_tables - had_tables - by_iptables))


def _tables(text: str) -> dict[str, tuple[str, ...]]:
    """Give what ``iptables-save -c`` prints, table by table, without comments and counts, and without idle tables.

    One in which nothing is decided is as good as none: Docker leaves such behind.
    """
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("*"):
            name = line[1:]
        if not line.startswith("#") and name:
            found.setdefault(name, []).append(COUNTS.sub("", line).strip())
    return {name: tuple(lines) for name, lines in found.items() if not all(map(IDLE.fullmatch, lines))}
