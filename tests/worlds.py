"""Topologies as a live testbed gives them, for tests that need no daemon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_interface, ip_network
from itertools import count

from dockernet_lessons.facts import Link, Network, Place, Topology
from dockernet_lessons.topology import connect

GATEWAYS = {"docker0": "172.17.0.1/16", "br-shop": "172.30.0.1/24", "br-back": "172.31.0.1/24"}
NAMES = {"docker0": "bridge", "br-shop": "shop", "br-back": "back"}


def link(name: str, kind: str, index: int, address: str | None = None, **more: object) -> Link:
    """Make a link with the details that no test here is about."""
    addresses = (ip_interface(address),) if address else ()
    return Link(name, kind, index, f"02:42:00:00:00:{index % 256:02x}", 1500, True, addresses=addresses, **more)  # type: ignore[arg-type]


def places(
    containers: Mapping[str, Sequence[str]],
    bridges: Sequence[str] = ("docker0",),
    *,
    internet: bool = False,
    seed: int = 0,
    host: str = "host1",
    lan: int = 11,
) -> list[Place]:
    """Make a testbed: each container named with its bridges. ``seed`` changes what differs at each start."""
    number = count(10 + seed)
    lo = link("lo", "loopback", 1, "127.0.0.1/8")
    host_links = [lo, link("eth0", "veth", 2, f"192.0.2.{lan}/24", peer=3, peer_place="router")]
    host_links += [link(name, "bridge", next(number), GATEWAYS[name]) for name in bridges]
    made = []
    hosts = {name: ip_interface(GATEWAYS[name]).ip + 1 for name in GATEWAYS}
    for name, on in containers.items():
        links = [lo]
        for position, bridge in enumerate(on):
            mine, theirs = next(number), next(number)
            address = f"{hosts[bridge]}/{GATEWAYS[bridge].split('/')[1]}"
            hosts[bridge] += 1
            links.append(link(f"eth{position}", "veth", mine, address, peer=theirs, peer_place=host))
            host_links.append(
                link(
                    f"veth{theirs * 7919 % 65536:07x}",
                    "veth",
                    theirs,
                    master=bridge,
                    peer=mine,
                    peer_place=name,
                )
            )
        made.append(Place(name, "container", host, 1000 + len(made) + seed, tuple(links)))
    router = [lo, link("lan", "bridge", 2, "192.0.2.254/24")]
    router.append(link("lan-host1", "veth", 3, master="lan", peer=2, peer_place=host))
    router.append(link("lan-neighbour", "veth", 4, master="lan", peer=2, peer_place="neighbour"))
    made.append(Place(host, "host", host, 1, tuple(host_links)))
    if internet:
        router.append(link("wan", "veth", 5, "203.0.113.1/24", peer=2, peer_place="internet"))
        made.append(
            Place(
                "internet",
                "internet",
                "internet",
                4,
                (lo, link("eth0", "veth", 2, "203.0.113.9/24", peer=5, peer_place="router")),
            )
        )
    made.append(Place("router", "router", "router", 2, tuple(router)))
    made.append(
        Place(
            "neighbour",
            "neighbour",
            "neighbour",
            3,
            (lo, link("eth0", "veth", 2, "192.0.2.3/24", peer=4, peer_place="router")),
        )
    )
    return made


def networks(bridges: Sequence[str] = ("docker0",), *, host: str = "host1") -> list[Network]:
    """Make the Docker networks of those bridges."""
    return [Network(NAMES[b], "bridge", host, (ip_network(GATEWAYS[b], strict=False),), bridge=b) for b in bridges]


def world(containers: Mapping[str, Sequence[str]], bridges: Sequence[str] = ("docker0",), **more: object) -> Topology:
    """Make the topology of such a testbed."""
    return connect(places(containers, bridges, **more), networks(bridges))  # type: ignore[arg-type]


D, S, B = "docker0", "br-shop", "br-back"
CASES: dict[str, Topology] = {
    "empty": world({}),
    "two": world({"web": [D], "db": [D]}, internet=True),
    "shop": world({"web": [D], "cache": [D], "proxy": [D, S], "app": [S], "db": [S]}, [D, S]),
    "eight": world({f"c{n}": [D] if n < 5 else [S] for n in range(1, 9)}, [D, S]),
    "one_of_each": world({"web": [D], "quiet": []}, [D, S, B]),
    "twelve": world(
        {f"web{n}": [D] for n in range(1, 5)}
        | {"gateway": [D, S]}
        | {f"app{n}": [S] for n in range(1, 4)}
        | {"worker": [S, B], "db": [B], "search": [B], "quiet": []},
        [D, S, B],
        internet=True,
    ),
    "tangled": world(
        {"a": [D, S], "b": [D, S], "c": [S, B], "d": [D, B], "e": [D, S, B], "f": [S], "g": []}, [D, S, B]
    ),
}


def _by_hand() -> Topology:
    """Make what a learner makes by hand: bare veth pairs, a bridge without a network, a macvlan, IPv6."""
    lo = link("lo", "loopback", 1)
    six = (ip_interface("172.17.0.2/16"), ip_interface("fd00:17::2/64"), ip_interface("fe80::1/64"))
    web = Link("eth0", "veth", 2, "", 1500, True, peer=20, peer_place="host1", addresses=six)
    host = [
        lo,
        link("eth0", "veth", 2, "192.0.2.11/24", peer=3, peer_place="router"),
        link("docker0", "bridge", 3, "172.17.0.1/16"),
        link("mine", "bridge", 4, "10.0.0.1/24"),
        link("vethaaa", "veth", 20, master="docker0", peer=2, peer_place="web"),
        link("to-solo", "veth", 21, "10.1.0.1/30", peer=2, peer_place="solo"),
        link("lost", "veth", 22, master="mine"),
        link("shim", "macvlan", 23, "192.0.2.200/32", peer=2),
    ]
    second = [
        lo,
        link("eth0", "veth", 2, "192.0.2.12/24", peer=5, peer_place="router"),
        link("docker0", "bridge", 3, "172.17.0.1/16"),
    ]
    router = [
        lo,
        link("lan", "bridge", 2, "192.0.2.254/24"),
        link("lan-host1", "veth", 3, master="lan", peer=2, peer_place="host1"),
    ]
    router.append(link("lan-host2", "veth", 5, master="lan", peer=2, peer_place="host2"))
    return connect(
        [
            Place("host1", "host", "host1", 1, tuple(host)),
            Place("host2", "host", "host2", 2, tuple(second)),
            Place("router", "router", "router", 3, tuple(router)),
            Place("web", "container", "host1", 4, (lo, web)),
            Place(
                "solo",
                "container",
                "host1",
                5,
                (lo, link("eth0", "veth", 2, "10.1.0.2/30", peer=21, peer_place="host1")),
            ),
            Place(
                "left",
                "container",
                "host1",
                6,
                (lo, link("eth0", "veth", 2, "10.2.0.1/30", peer=2, peer_place="right")),
            ),
            Place(
                "right",
                "container",
                "host1",
                7,
                (lo, link("eth0", "veth", 2, "10.2.0.2/30", peer=2, peer_place="left")),
            ),
            Place("onlan", "container", "host1", 8, (lo, link("eth0", "macvlan", 2, "192.0.2.50/24", peer=2))),
            Place("a-container-with-quite-a-long-name", "container", "host2", 9, (lo,)),
        ],
        [*networks(), *networks(host="host2"), Network("none", "none", "host1")],
    )


CASES["by_hand"] = _by_hand()
CASES["nothing"] = Topology(())
CASES["no_machine"] = connect(
    [place for place in places({}, internet=True) if place.kind != "host"]
    + [
        Place(
            f"neighbour{n}",
            "neighbour",
            f"neighbour{n}",
            90 + n,
            (link("eth0", "veth", 2, f"192.0.2.{n}/24"),),
        )
        for n in (4, 5)
    ]
)
CASES["no_host"] = connect([Place("w", "container", "host1", 1), *CASES["no_machine"].places])
