"""What iproute2 prints as JSON: interfaces, routes, neighbour tables, forwarding databases, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from dockernet_lessons.facts import FdbEntry, Link, Neighbour, Route, Setting

Entries = Sequence[Mapping[str, Any]]


def links(entries: Entries, places_by_id: Mapping[int, str | None] | None = None, here: str = "") -> tuple[Link, ...]:
    """Give the links that ``ip -json -details address show`` prints, without the kernel's own link-local addresses.

    ``places_by_id`` tells which place each network namespace id stands for; ``here`` names the place itself.
    """
    entries = [entry for entry in entries if entry]
    indexes = {entry["ifname"]: entry["ifindex"] for entry in entries}
    return tuple(_link(entry, indexes, places_by_id or {}, here or None) for entry in entries)


def _link(
    entry: Mapping[str, Any], indexes: Mapping[str, int], places_by_id: Mapping[int, str | None], here: str | None
) -> Link:
    info = entry.get("linkinfo", {})
    data = info.get("info_data", {})
    kind = info.get("info_kind") or ("loopback" if entry["link_type"] == "loopback" else "device")
    # An end in the same namespace is told by its name, one in another by its index and the namespace's id.
    peer, peer_place = (indexes.get(entry["link"]), here) if "link" in entry else (entry.get("link_index"), None)
    if "link_netnsid" in entry:
        peer_place = places_by_id.get(entry["link_netnsid"])
    if kind == "vxlan":
        peer = None  # the kernel tells its own index, or the interface that its packets leave by
    return Link(
        name=entry["ifname"],
        kind=kind,
        index=entry["ifindex"],
        mac=entry.get("address", ""),
        mtu=entry["mtu"],
        up="UP" in entry["flags"] and entry.get("operstate") != "DOWN",
        master=entry.get("master"),
        peer=peer,
        peer_place=peer_place,
        addresses=tuple(
            ip_interface(f"{found['local']}/{found['prefixlen']}")
            for found in entry.get("addr_info", ())
            if found.get("scope") != "link" or ":" not in found["local"]
        ),
        mode=data.get("mode"),
        number=data.get("id") if kind in ("vlan", "vxlan") else None,
    )


def routes(entries: Entries) -> tuple[Route, ...]:
    """Give the routes of the main table that ``ip -json -details route show table all`` prints, IPv4 first.

    Only a route of IPv6 has a preference: this is how the two defaults are told apart. Multicast and the routes of the
    link-local addresses, which the kernel adds to every interface by itself, are left out.
    """
    read = [_route(entry) for entry in entries if entry.get("table", "main") == "main"]
    return tuple(route for route in read if route.destination is None or not route.destination.is_link_local)


def _route(entry: Mapping[str, Any]) -> Route:
    to = entry["dst"]
    via = entry.get("gateway") or entry.get("via", {}).get("host")
    return Route(
        destination=None if to == "default" else ip_network(to),
        interface=entry.get("dev", ""),
        via=ip_address(via) if via else None,
        source=ip_address(entry["prefsrc"]) if "prefsrc" in entry else None,
        version=6 if "pref" in entry else 4,
        kind=entry.get("type", "unicast"),
    )


def neighbours(entries: Entries) -> tuple[Neighbour, ...]:
    """Give the neighbour table that ``ip -json neighbour show`` prints, by interface and address."""
    found = [
        Neighbour(ip_address(entry["dst"]), entry["dev"], entry.get("lladdr"), " ".join(entry.get("state", ())))
        for entry in entries
    ]
    return tuple(sorted(found, key=lambda entry: (entry.interface, entry.address.version, entry.address)))


def fdb(entries: Entries, masters: Mapping[str, str | None] | None = None) -> tuple[FdbEntry, ...]:
    """Give what the bridges of ``bridge -json fdb show`` have learned or were told, and where a VXLAN leads.

    Multicast, and the addresses of the bridges and ports themselves, are left out. ``masters`` tells the bridge that
    an interface is a port of: of a VXLAN's own entries, which name the host behind which an address is, the tool does
    not print it.
    """
    found = set()
    for entry in entries:
        if int(entry["mac"][:2], 16) & 1:
            continue
        if "dst" in entry:
            bridge = entry.get("master") or (masters or {}).get(entry["ifname"]) or ""
            found.add(FdbEntry(entry["mac"], entry["ifname"], bridge, destination=ip_address(entry["dst"])))
        elif "master" in entry and entry.get("state") != "permanent":
            found.add(FdbEntry(entry["mac"], entry["ifname"], entry["master"]))
    return tuple(sorted(found, key=lambda entry: (entry.bridge, entry.port, entry.mac, str(entry.destination))))


RP_FILTER = {"off": "0", "strict": "1", "loose": "2"}
"""What ``ip netconf`` calls the three values of rp_filter."""


def settings(entries: Entries) -> tuple[Setting, ...]:
    """Give those settings that ``ip -json netconf show`` prints for all interfaces together.

    >>> settings([{"family": "inet", "interface": "all", "forwarding": True, "rp_filter": "loose"}])
    (Setting(name='net.ipv4.conf.all.rp_filter', value='2'), Setting(name='net.ipv4.ip_forward', value='1'))
    """
    found = {}
    for entry in entries:
        if entry.get("interface") != "all":
            continue
        if entry["family"] == "inet":
            found["net.ipv4.ip_forward"] = str(int(entry["forwarding"]))
            found["net.ipv4.conf.all.rp_filter"] = RP_FILTER[entry["rp_filter"]]
        elif entry["family"] == "inet6":
            found["net.ipv6.conf.all.forwarding"] = str(int(entry["forwarding"]))
    return tuple(Setting(name, value) for name, value in sorted(found.items()))
