"""What real engines and tools print becomes exact facts; the recordings are made by ``tools/record.py``."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from dockernet_lessons import parse
from dockernet_lessons.facts import Chain, FdbEntry, Link, Listener, Neighbour, Place, Resolver, Route, Rule
from dockernet_lessons.parse import Echoes, Named

RECORDED = Path(__file__).parent / "recorded"
ENGINES = ("28.5", "26.1", "20.10")
SHOP = {"front": "172.30.0.2", "back": "172.30.0.3"}
DEFAULT = {"web": "172.17.0.2", "db": "172.17.0.3"}
ADDRESSES = {**DEFAULT, **SHOP}

engines = pytest.mark.parametrize("engine", ENGINES)


def places(engine: str) -> dict[str, Place]:
    """Give the recorded places of an engine, by name."""
    folder = RECORDED / engine
    named = {key: Named(**known) for key, known in json.loads((folder / "names.json").read_text()).items()}
    return {place.name: place for place in parse.snapshot((folder / "snapshot.txt").read_text(), named)}


def printed(engine: str, name: str) -> dict[str, str]:
    """Give one recorded command with what it printed."""
    return json.loads((RECORDED / engine / f"{name}.json").read_text())


def link(place: Place, name: str) -> Link:
    """Give one link of a place."""
    return next(each for each in place.links if each.name == name)


def gateway(name: str) -> str:
    """Give the gateway's address of a container's network."""
    return "172.30.0.1" if name in SHOP else "172.17.0.1"


@engines
def test_every_named_place_is_found(engine: str) -> None:
    """A snapshot gives each place that has a name, with its kind and its machine, and no other."""
    assert {name: (place.kind, place.machine) for name, place in places(engine).items()} == {
        "internet": ("internet", "internet"),
        "router": ("router", "router"),
        "neighbour": ("neighbour", "neighbour"),
        "host1": ("host", "host1"),
        **dict.fromkeys((*ADDRESSES, "alone"), ("container", "host1")),
    }


@engines
def test_each_place_is_a_namespace_of_its_own(engine: str) -> None:
    """No two places of a snapshot have the same inode."""
    found = places(engine)
    assert len({place.inode for place in found.values()}) == len(found) == 9


@engines
def test_links_of_the_testbed(engine: str) -> None:
    """The testbed's own links have the addresses it gives them, and their peers are known."""
    found = places(engine)
    assert link(found["neighbour"], "eth0") == Link(
        name="eth0",
        kind="veth",
        index=2,
        mac="02:00:00:00:02:03",
        mtu=1500,
        up=True,
        peer=link(found["router"], "lan-neighbour").index,
        peer_place="router",
        addresses=(ip_interface("192.0.2.3/24"),),
    )
    assert link(found["router"], "lan") == Link(
        name="lan",
        kind="bridge",
        index=2,
        mac="02:00:00:00:02:fe",
        mtu=1500,
        up=True,
        addresses=(ip_interface("192.0.2.254/24"),),
    )
    assert link(found["internet"], "eth0").peer_place == "router"
    assert link(found["router"], "wan").peer_place == "internet"
    assert [each.name for each in found["router"].links] == ["lo", "lan", "lan-host1", "lan-neighbour", "wan"]


@engines
@pytest.mark.parametrize("name", ADDRESSES)
def test_links_of_containers(engine: str, name: str) -> None:
    """A container has a loopback and one veth, whose other end is the host's port of the right bridge."""
    found = places(engine)
    loopback, eth0 = found[name].links
    assert (loopback.name, loopback.kind, loopback.mtu) == ("lo", "loopback", 65536)
    assert loopback.addresses[0] == ip_interface("127.0.0.1/8")
    length = 24 if name in SHOP else 16
    assert (eth0.name, eth0.kind, eth0.mtu, eth0.up, eth0.master) == ("eth0", "veth", 1500, True, None)
    assert (eth0.addresses, eth0.peer_place) == ((ip_interface(f"{ADDRESSES[name]}/{length}"),), "host1")
    port = next(each for each in found["host1"].links if each.index == eth0.peer)
    assert (port.kind, port.master) == ("veth", "br-shop" if name in SHOP else "docker0")
    assert (port.peer, port.peer_place, port.addresses) == (eth0.index, name, ())


@engines
@pytest.mark.parametrize("name", ADDRESSES)
def test_mac_addresses_of_containers(engine: str, name: str) -> None:
    """Up to Engine 26 a MAC address is made from the IP address; 28 draws it: always a local, unicast one."""
    mac = link(places(engine)[name], "eth0").mac
    derived = "02:42:" + ":".join(f"{byte:02x}" for byte in IPv4Address(ADDRESSES[name]).packed)
    assert (mac == derived) is (engine != "28.5")
    assert int(mac[:2], 16) & 0b11 == 0b10


@engines
def test_a_container_without_network_has_only_loopback(engine: str) -> None:
    """On the network none there is one link and no route at all."""
    alone = places(engine)["alone"]
    assert [each.name for each in alone.links] == ["lo"]
    assert (alone.routes, alone.neighbours, alone.fdb, alone.rules) == ((), (), (), ())


@engines
def test_a_peer_whose_place_is_not_observed_is_unknown(engine: str) -> None:
    """The fifth port's container was not part of the snapshot: its peer is in no known place."""
    ports = [each for each in places(engine)["host1"].links if each.master]
    assert [(each.master, each.peer_place) for each in ports] == [
        ("docker0", "web"),
        ("docker0", "db"),
        ("br-shop", "front"),
        ("br-shop", "back"),
        ("docker0", None),
    ]


@engines
def test_routes(engine: str) -> None:
    """Routes are read in the kernel's order; the default route has no destination."""
    found = places(engine)
    for name, address in ADDRESSES.items():
        via, subnet = ip_address(gateway(name)), "172.30.0.0/24" if name in SHOP else "172.17.0.0/16"
        assert found[name].routes == (
            Route(None, "eth0", via),
            Route(ip_network(subnet), "eth0", None, ip_address(address)),
        )
    assert [(str(route.destination), route.interface, str(route.source)) for route in found["host1"].routes] == [
        ("None", "eth0", "None"),
        ("172.17.0.0/16", "docker0", "172.17.0.1"),
        ("172.30.0.0/24", "br-shop", "172.30.0.1"),
        ("192.0.2.0/24", "eth0", "192.0.2.11"),
    ]


@engines
def test_neighbours(engine: str) -> None:
    """Neighbour tables are in the order of interface and address, and name the owner of each MAC address."""
    found = places(engine)
    web, db = (link(found[name], "eth0").mac for name in ("web", "db"))
    state = found["web"].neighbours[1].state
    assert found["web"].neighbours[1] == Neighbour(ip_address("172.17.0.3"), "eth0", db, state, "db eth0")
    assert state in ("REACHABLE", "DELAY", "STALE", "PROBE")
    assert [(str(entry.address), entry.owner) for entry in found["web"].neighbours] == [
        ("172.17.0.1", "host1 docker0"),
        ("172.17.0.3", "db eth0"),
    ]
    assert [(str(entry.address), entry.interface, entry.owner) for entry in found["host1"].neighbours] == [
        ("172.17.0.2", "docker0", "web eth0"),
        ("192.0.2.3", "eth0", "neighbour eth0"),
        ("192.0.2.99", "eth0", None),
        ("192.0.2.254", "eth0", "router lan"),
    ]
    assert found["host1"].neighbours[0].mac == web


@engines
def test_an_address_nobody_has_is_a_neighbour_without_mac(engine: str) -> None:
    """An ARP request that nobody answered leaves an entry without MAC address and owner."""
    missing = next(entry for entry in places(engine)["host1"].neighbours if entry.address == ip_address("192.0.2.99"))
    assert (missing.mac, missing.owner) == (None, None)
    assert missing.state in ("INCOMPLETE", "FAILED")


@engines
def test_fdb(engine: str) -> None:
    """Each bridge knows behind which port each container is, and nothing of the ports' own addresses."""
    found = places(engine)
    host = found["host1"]
    port = {each.index: each.name for each in host.links}
    expected = {
        FdbEntry(eth0.mac, port[eth0.peer or 0], "br-shop" if name in SHOP else "docker0", f"{name} eth0")
        for name in ADDRESSES
        for eth0 in [link(found[name], "eth0")]
    }
    known = {entry for entry in host.fdb if entry.owner}
    assert known == expected
    assert not {entry.mac for entry in host.fdb} & {each.mac for each in host.links}
    assert found["router"].fdb == (
        FdbEntry("02:00:00:00:02:0b", "lan-host1", "lan", "host1 eth0"),
        FdbEntry("02:00:00:00:02:03", "lan-neighbour", "lan", "neighbour eth0"),
    )


@engines
def test_fdb_alone_gives_the_same(engine: str) -> None:
    """``bridge -json fdb show`` by itself tells the same as within a snapshot, but for the owners."""
    entries = parse.fdb(json.loads((RECORDED / engine / "bridge-fdb.json").read_text()))
    assert entries == tuple(FdbEntry(each.mac, each.port, each.bridge) for each in places(engine)["host1"].fdb)


NAT = (
    Rule("nat", "PREROUTING", "-m addrtype --dst-type LOCAL -j DOCKER", 0),
    Rule("nat", "OUTPUT", "! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER", 0),
    Rule("nat", "POSTROUTING", "-s 172.30.0.0/24 ! -o br-shop -j MASQUERADE", 0),
    Rule("nat", "POSTROUTING", "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", 5),
    Rule("nat", "POSTROUTING", "-s 172.17.0.4/32 -d 172.17.0.4/32 -p tcp -m tcp --dport 80 -j MASQUERADE", 0),
    Rule("nat", "DOCKER", "-i br-shop -j RETURN", 0),
    Rule("nat", "DOCKER", "-i docker0 -j RETURN", 0),
    Rule("nat", "DOCKER", "! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.4:80", 0),
)


@engines
def test_nat_rules(engine: str) -> None:
    """NAT rules come in order with their counters; 28 has none for a container that calls itself."""
    wanted = NAT
    if engine == "28.5":
        asked_more = replace(NAT[3], packets=8)  # its curl asks the name server four times about an unknown name
        wanted = tuple(asked_more if rule == NAT[3] else rule for rule in NAT if "-s 172.17.0.4/32" not in rule.rule)
    assert tuple(rule for rule in places(engine)["host1"].rules if (rule.table, rule.version) == ("nat", 4)) == wanted


@engines
def test_rules_of_every_table(engine: str) -> None:
    """Of ``iptables-save -c`` of all tables no rule is lost, no policy is taken for one, and each knows its table."""
    text = (RECORDED / engine / "iptables-save.txt").read_text()
    rules, chains = parse.iptables_save(text)
    assert len(rules) == len(re.findall(r"(?m)^\[", text)) > len(NAT)
    assert len(chains) == len(re.findall(r"(?m)^:\S+ [A-Z]", text))
    assert {(rule.table, rule.chain) for rule in rules} >= {
        ("filter", "FORWARD"),
        ("filter", "DOCKER"),
        ("nat", "POSTROUTING"),
    }
    host = places(engine)["host1"]
    assert [(rule.table, rule.rule) for rule in host.rules if rule.version == 4] == [
        (rule.table, rule.rule) for rule in rules
    ]
    (forward,) = [each for each in host.chains if (each.table, each.chain, each.version) == ("filter", "FORWARD", 4)]
    assert forward.policy == "DROP"
    raw = [rule for rule in host.rules if rule.table == "raw" and rule.version == 4]
    assert bool(raw) is (engine == "28.5")
    assert all(rule.chain == "PREROUTING" and rule.rule.endswith("-j DROP") for rule in raw)


@engines
def test_rules_of_the_embedded_dns(engine: str) -> None:
    """A container on a network of its own has the rules that lead to the name server; on the default bridge none."""
    found = places(engine)
    for name in SHOP:
        chains = [rule.chain for rule in found[name].rules]
        assert sorted(chains) == [*["DOCKER_OUTPUT"] * 2, *["DOCKER_POSTROUTING"] * 2, "OUTPUT", "POSTROUTING"]
        assert {rule.table for rule in found[name].rules} == {"nat"}
        (dns,) = [each for each in found[name].listeners if each.protocol == "udp"]
        leads = f"-p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:{dns.port}"
        assert [leads in rule.rule for rule in found[name].rules].count(True) == 1
    for name in ("web", "db", "router", "neighbour", "internet"):
        assert found[name].rules == ()


@engines
def test_listeners(engine: str) -> None:
    """Each server is told with the program that owns it: the engine's own name server in a container is dockerd's."""
    found = places(engine)
    web = Listener("tcp", IPv4Address(0), 80, "socat")
    assert found["web"].listeners == found["neighbour"].listeners == (web,)
    dns = [each for each in found["front"].listeners if each != web]
    assert {(each.protocol, str(each.address), each.process) for each in dns} == {
        ("tcp", "127.0.0.11", "dockerd"),
        ("udp", "127.0.0.11", "dockerd"),
    }
    assert found["host1"].listeners == tuple(
        Listener("tcp", address, 8080, "docker-proxy") for address in (IPv4Address(0), IPv6Address(0))
    )
    assert {(each.protocol, str(each.address), each.port, each.process) for each in found["router"].listeners} == {
        ("tcp", "192.0.2.254", 53, "dnsmasq"),
        ("udp", "192.0.2.254", 53, "dnsmasq"),
    }


@engines
def test_resolvers(engine: str) -> None:
    """The default bridge hands the host's name server on; another network has the engine's own, at 127.0.0.11."""
    found = places(engine)
    lan = Resolver((ip_address("192.0.2.254"),))
    assert found["host1"].resolver == found["web"].resolver == found["neighbour"].resolver == lan
    assert found["front"].resolver == Resolver((ip_address("127.0.0.11"),), options=("ndots:0",))


@engines
def test_settings(engine: str) -> None:
    """Hosts and the router forward, the neighbour does not; a setting of bridges is known where there are bridges."""
    found = {
        name: {setting.name: setting.value for setting in place.settings} for name, place in places(engine).items()
    }
    forwards = {name: settings["net.ipv4.ip_forward"] for name, settings in found.items()}
    assert (forwards["host1"], forwards["router"], forwards["neighbour"]) == ("1", "1", "0")
    assert found["host1"]["net.bridge.bridge-nf-call-iptables"] in ("0", "1")
    assert "net.bridge.bridge-nf-call-iptables" not in found["web"]


NFT = """table ip nat {
\tchain OUTPUT {
\t\ttype nat hook output priority dstnat; policy accept;
\t\tip daddr 127.0.0.11 counter packets 0 bytes 0 jump DOCKER_OUTPUT
\t}
}
table inet wall {
\tcomment "by hand"
\tset bad {
\t\ttype ipv4_addr
\t\telements = { 198.51.100.1,
\t\t\t     198.51.100.2 }
\t}

\tchain door {
\t\tcomment "who may come in"
\t\ttype filter hook input priority filter; policy drop;
\t\tip saddr @bad counter packets 3 bytes 252 drop
\t\ttcp dport { 22, 80 } accept
\t\tip saddr { 198.51.100.7, 198.51.100.8,
\t\t\t   198.51.100.9 } counter packets 1 bytes 84 jump inner
\t}

\tchain inner {
\t\taccept
\t}
}
"""


def test_rules_of_nft() -> None:
    """Rules of a table that nft made are read with their counters, however many lines they take; sets are no rules."""
    rules, chains = parse.nft_ruleset(NFT, without={"ip nat"})
    assert rules == (
        Rule("inet wall", "door", "ip saddr @bad counter drop", 3, None),
        Rule("inet wall", "door", "tcp dport { 22, 80 } accept", None, None),
        Rule("inet wall", "door", "ip saddr { 198.51.100.7, 198.51.100.8, 198.51.100.9 } counter jump inner", 1, None),
        Rule("inet wall", "inner", "accept", None, None),
    )
    assert chains == (Chain("inet wall", "door", "DROP", None, None),)
    assert [rule.version for rule in parse.nft_ruleset(NFT)[0]] == [4, None, None, None, None]


@engines
@pytest.mark.parametrize(
    ("name", "echoes"),
    [
        ("ping-reply", Echoes(1, 1, 64)),
        ("ping-name", Echoes(1, 1, 64)),
        ("ping-outside", Echoes(1, 1, 63)),
        ("ping-no-answer", Echoes(1, 0, None)),
        ("ping-nobody-there", Echoes(1, 0, None)),
        ("ping-unknown-name", None),
        ("ping-no-route", None),
    ],
)
def test_ping(engine: str, name: str, echoes: Echoes | None) -> None:
    """What ping counted is read exactly, whether it was answered, not answered, or could send nothing."""
    assert parse.ping(printed(engine, name)["stdout"]) == echoes


@engines
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ping-unknown-name", "the name is not known"),
        ("ping-no-route", "it has no route there"),
        ("ping-no-answer", None),
        ("ping-reply", None),
    ],
)
def test_why_no_ping(engine: str, name: str, why: str | None) -> None:
    """A ping that sent nothing has a reason, one that sent something has none."""
    assert parse.why_no_ping(printed(engine, name)["stderr"]) == why


@engines
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("fetch-refused", "connection refused"),
        ("fetch-no-route", "network is unreachable"),
        ("fetch-no-answer", None),
        ("fetch-unknown-name", None),
        ("fetch-answer", None),
    ],
)
def test_why_no_connection(engine: str, name: str, why: str | None) -> None:
    """The kernel's reason is read from what curl says on the way; without one there is none."""
    assert parse.why_no_connection(printed(engine, name)["stderr"]) == why


@engines
def test_resolved(engine: str) -> None:
    """The tool repeats an address for each socket type: it is read once; a name not found has no address."""
    assert parse.resolved(printed(engine, "getent-found")["stdout"]) == (ip_address("172.30.0.3"),)
    assert parse.resolved(printed(engine, "getent-missing")["stdout"]) == ()


def test_resolved_addresses_are_in_numeric_order() -> None:
    """The address that ends in .9 comes before the one that ends in .10."""
    text = "172.30.0.10 STREAM db\n172.30.0.10 DGRAM\n172.30.0.9 STREAM\n172.30.0.9 RAW\n"
    assert parse.resolved(text) == (ip_address("172.30.0.9"), ip_address("172.30.0.10"))


def test_a_place_without_a_name_is_left_out() -> None:
    """What ``names`` does not know is not a place, and no interface of it owns a MAC address."""
    text = (RECORDED / "28.5" / "snapshot.txt").read_text()
    (place,) = parse.snapshot(text, {"host1": Named("host1", "host", "host1")})
    assert place.name == "host1"
    assert {entry.owner for entry in (*place.neighbours, *place.fdb)} == {None}
    assert {each.peer_place for each in place.links} == {None}
    assert parse.snapshot("", {"host1": Named("host1", "host", "host1")}) == ()


def test_a_mac_address_of_two_interfaces_has_no_owner() -> None:
    """Where two interfaces share a MAC address nobody is named: either answer could be wrong."""
    folder = RECORDED / "26.1"
    text = (folder / "snapshot.txt").read_text()
    named = {key: Named(**known) for key, known in json.loads((folder / "names.json").read_text()).items()}
    db = link(places("26.1")["db"], "eth0").mac
    web = link(places("26.1")["web"], "eth0").mac
    host = next(place for place in parse.snapshot(text.replace(web, db), named) if place.name == "host1")
    assert {entry.owner for entry in host.fdb if entry.mac == db} == {None}
    assert {entry.owner for entry in host.fdb if entry.bridge == "br-shop"} == {"front eth0", "back eth0"}


def test_a_link_is_down_without_a_carrier() -> None:
    """A bridge that was set up but has no port, and a link that was set down, are both down."""
    entry = {
        "ifindex": 3,
        "ifname": "docker0",
        "link_type": "ether",
        "mtu": 1500,
        "linkinfo": {"info_kind": "bridge"},
    }
    no_port = {**entry, "flags": ["NO-CARRIER", "BROADCAST", "MULTICAST", "UP"], "operstate": "DOWN"}
    set_down = {**entry, "flags": ["BROADCAST", "MULTICAST"], "operstate": "DOWN"}
    works = {**entry, "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"], "operstate": "UP"}
    assert [each.up for each in parse.links([no_port, set_down, works])] == [False, False, True]


def test_link_local_addresses_are_left_out() -> None:
    """The addresses that the kernel gives to every IPv6 interface by itself are not shown."""
    (found,) = parse.links(
        [
            {
                "ifindex": 2,
                "ifname": "eth0",
                "link_type": "ether",
                "mtu": 1500,
                "flags": ["UP"],
                "addr_info": [
                    {"local": "2001:db8::2", "prefixlen": 64, "scope": "global"},
                    {"local": "fe80::42", "prefixlen": 64, "scope": "link"},
                ],
            },
            {},
        ]
    )
    assert found.addresses == (ip_interface("2001:db8::2/64"),)
    assert found.kind == "device"
