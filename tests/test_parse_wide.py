"""The wide recordings: two hosts, an overlay, a macvlan, shared namespaces, IPv6, rules by hand; of three Engines."""

from __future__ import annotations

import json
import re
from functools import cache
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network

import pytest
from test_parse import RECORDED, engines, link

from dockernet_lessons import parse
from dockernet_lessons.facts import FdbEntry, Listener, Place, Route, Rule
from dockernet_lessons.parse import Named


@cache
def wide(engine: str) -> dict[str, Place]:
    """Give the places of an engine's wide recording, by name."""
    folder = RECORDED / engine
    named = {key: Named(**known) for key, known in json.loads((folder / "names-wide.json").read_text()).items()}
    return {place.name: place for place in parse.snapshot((folder / "snapshot-wide.txt").read_text(), named)}


@engines
def test_every_namespace_is_one_place(engine: str) -> None:
    """Hosts, containers and sandboxes are each one place; those that share a namespace are one, named by its owner."""
    found = wide(engine)
    kinds: dict[str, set[str]] = {}
    for place in found.values():
        kinds.setdefault(place.kind, set()).add(place.name)
    assert kinds["host"] == {"host1", "host2"}
    assert kinds["container"] == {"one", "two", "box", "six"}
    assert kinds["sandbox"] == {
        f"{network}{what} on {host}"
        for network in ("mesh", "ingress")
        for what in ("", " balancer")
        for host in ("host1", "host2")
    }
    assert found["box"].containers == ("box", "side")
    assert found["host1"].containers == ("plain",)
    assert found["six"].containers == ("six",)
    assert found["host2"].containers == found["mesh on host1"].containers == ()
    assert len({place.inode for place in found.values()}) == len(found)


@engines
def test_doors(engine: str) -> None:
    """The testbed enters its own places by name, containers by their process and sandboxes by their engine's file."""
    found = wide(engine)
    assert (found["router"].door, found["host2"].door) == ("router", "host2")
    assert re.fullmatch(r"pid:\d+", found["box"].door)
    assert re.fullmatch(r"file:/proc/\d+/root/run/docker/netns/\d+-[0-9a-z]{10}", found["mesh on host1"].door)
    assert found["mesh on host1"].door.split("/")[2] != found["mesh on host2"].door.split("/")[2]


@engines
def test_an_overlay_from_end_to_end(engine: str) -> None:
    """From a container's interface to the port of its sandbox, to the VXLAN, to the host behind which the other is."""
    found = wide(engine)
    for name, other, host, at in (("one", "two", "host1", "192.0.2.12"), ("two", "one", "host2", "192.0.2.11")):
        eth0, sandbox = link(found[name], "eth0"), found[f"mesh on {host}"]
        assert (eth0.peer_place, eth0.mtu) == (sandbox.name, 1450)
        port = next(each for each in sandbox.links if each.index == eth0.peer)
        assert (port.master, port.peer_place, port.peer) == ("br0", name, eth0.index)
        vxlan = next(each for each in sandbox.links if each.kind == "vxlan")
        assert (vxlan.number, vxlan.master, vxlan.peer, vxlan.peer_place) == (4097, "br0", None, host)
        mac = link(found[other], "eth0").mac
        told = FdbEntry(mac, vxlan.name, "br0", f"{other} eth0", IPv4Address(at))
        assert told in sandbox.fdb
        assert (mac, "PERMANENT") in {(entry.mac, entry.state) for entry in sandbox.neighbours}
        assert Listener("udp", IPv4Address(0), 4789, None) in found[host].listeners  # the kernel's own


@engines
def test_a_macvlan_hangs_on_its_parent(engine: str) -> None:
    """A macvlan names the interface of its host that it hangs on, and its mode; the LAN knows its MAC address."""
    found = wide(engine)
    eth0 = link(found["box"], "eth0")
    assert (eth0.kind, eth0.mode, eth0.mac) == ("macvlan", "private", "02:00:00:00:00:2a")
    assert (eth0.peer_place, eth0.peer) == ("host1", link(found["host1"], "eth0").index)
    assert eth0.addresses == (ip_interface("192.0.2.64/24"),)
    assert FdbEntry("02:00:00:00:00:2a", "lan-host1", "lan", "box eth0") in found["router"].fdb


@engines
def test_listeners_of_shared_namespaces(engine: str) -> None:
    """Servers of all who share a namespace are that place's; ports published at one address are there alone."""
    found = wide(engine)
    assert {each.port for each in found["box"].listeners if each.process == "socat"} == {80, 81}
    host = {(each.protocol, each.address, each.port, each.process) for each in found["host1"].listeners}
    assert ("tcp", IPv4Address(0), 8090, "socat") in host
    assert ("tcp", IPv4Address("127.0.0.1"), 8081, "docker-proxy") in host
    assert ("udp", IPv4Address(0), 8053, "docker-proxy") in host
    assert ("tcp", ip_address("::"), 8081, "docker-proxy") not in host
    assert ("tcp", ip_address("::"), 2377, "dockerd") in host


@engines
def test_addresses_and_routes_of_both_versions(engine: str) -> None:
    """Both defaults are told apart by their version, and routes of link-local addresses are left out."""
    found = wide(engine)
    assert ip_interface("2001:db8:1::2/64") in link(found["six"], "eth0").addresses
    defaults = {route.version: str(route.via) for route in found["six"].routes if route.destination is None}
    assert defaults == {4: "172.30.0.1", 6: "2001:db8:1::1"}
    assert ip_network("2001:db8:1::/64") in {route.destination for route in found["host1"].routes}
    assert not [route for place in found.values() for route in place.routes if "fe80" in str(route.destination)]


@engines
def test_rules_and_routes_by_hand(engine: str) -> None:
    """A route that leads nowhere, a rule of iptables in the router and a table of nft are read where they are."""
    found = wide(engine)
    nowhere = Route(ip_network("198.51.100.0/24"), "", kind="blackhole")
    assert nowhere in found["router"].routes
    assert found["router"].rules == (Rule("filter", "FORWARD", "-s 198.51.100.0/24 -j DROP", 0, 4),)
    assert [(rule.table, rule.chain, rule.rule, rule.version) for rule in found["neighbour"].rules] == [
        ("inet wall", "door", "counter", None)
    ]
    assert found["neighbour"].chains == ()


def test_a_namespace_that_ended_before_it_was_looked_at_is_left_out() -> None:
    """A section without its parts, a key without a section and a place nobody names are no places."""
    folder = RECORDED / "28.5"
    named = {key: Named(**known) for key, known in json.loads((folder / "names-wide.json").read_text()).items()}
    text = (folder / "snapshot-wide.txt").read_text()
    inode = wide("28.5")["six"].inode
    key = next(key for key, known in named.items() if known.name == "six")
    cut = re.sub(rf"(?ms)^@ {key} {inode}\n.*?(?=^@ )", f"@ {key} {inode}\n", text)
    assert len(cut) < len(text)
    assert "six" not in {place.name for place in parse.snapshot(cut, named)}
    gone = re.sub(rf"(?ms)^@ {key} {inode}\n.*?(?=^@ )", "", text)
    left = {place.name: place for place in parse.snapshot(gone, named)}
    assert "six" not in left
    assert {each.peer_place for each in left["host1"].links if each.master == "br-dual"} == {"six"}


@pytest.mark.parametrize("engine", ["28.5"])
def test_what_to_undo_between_two_snapshots(engine: str) -> None:
    """Between one snapshot and itself there is nothing to undo; what was added later is named with its opposite."""
    text = (RECORDED / engine / "snapshot-wide.txt").read_text()
    assert set(parse.undo(text, text).values()) == {()}
    earlier = re.sub(r'\{"type":"blackhole".*?\},', "", text)
    assert earlier != text
    assert parse.undo(earlier, text)["router"] == ("ip -4 route delete blackhole 198.51.100.0/24",)
    assert parse.undo(text, earlier)["router"] == ("ip -4 route add blackhole 198.51.100.0/24",)
    assert parse.undo(earlier, text)["host1"] == ()


def test_what_a_kernel_lists_twice_is_undone_once() -> None:
    """A static address at a bridge's port has an entry for each VLAN of the port, and they are deleted together."""
    text = (RECORDED / "28.5" / "snapshot-wide.txt").read_text()
    learned = re.search(r'\{"mac":"[^}]*"ifname":"lan-host1"[^}]*"master":"lan"[^}]*\}', text)
    assert learned
    static = '{"mac":"02:00:00:00:00:77","ifname":"lan-host1",%s"flags":[],"master":"lan","state":"static"}'
    both = ",".join([static % "", static % '"vlan":1,'])
    later = text[: learned.start()] + both + "," + text[learned.start() :]
    assert parse.undo(text, later)["router"] == ("bridge fdb delete 02:00:00:00:00:77 dev lan-host1 master",)
