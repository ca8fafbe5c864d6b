"""The experiments that :func:`dockernet_lessons.tracing.trace.trace` is held to, each with what it must say.

What they must say is in ``tests/traces``: a file a case, and one more where an older Engine makes it read differently.
``python tests/trace_cases.py [NAME ...]`` does them on a testbed of its own and prints a line of JSON a case; with
``--store`` first, what they said becomes what they must say. ``DOCKERNET_SUITE`` chooses the Engine.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dockernet_lessons import Lab, testbed
from dockernet_lessons.facts import Container
from dockernet_lessons.testbed import Testbed, tree
from dockernet_lessons.tracing.trace import trace

LESSON = "trace_cases"
MINE = f"--label dockernet.lesson={LESSON}"
MUST_SAY = Path(__file__).with_name("traces")
BY_CHANCE = re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b|\bveth[0-9a-f]{7}\b|\d\d:\d\d:\d\d|:(?:[3-6]\d{4})\b")

NETWORKS = {
    "shop": "--subnet 172.30.0.0/24 -o com.docker.network.bridge.name=br-shop",
    "back": "--subnet 172.30.1.0/24 -o com.docker.network.bridge.name=br-back",
    "inner": "--subnet 172.30.2.0/24 --internal -o com.docker.network.bridge.name=br-inner",
    "quiet": "--subnet 172.30.3.0/24 -o com.docker.network.bridge.name=br-quiet"
    " -o com.docker.network.bridge.enable_icc=false",
    "six": "--ipv6 --subnet 172.30.4.0/24 --subnet 2001:db8:4::/64 -o com.docker.network.bridge.name=br-six",
    "street": "--driver macvlan -o parent=eth0 --subnet 192.0.2.0/24 --gateway 192.0.2.254 --ip-range 192.0.2.64/28",
}
CONTAINERS = {
    "web": "--network shop",
    "db": "--network shop",
    "far": "--network back",
    "api": "--publish 8080:80",
    "shy": "--publish 127.0.0.1:8081:80 --env BIND=127.0.0.1",
    "in1": "--network inner",
    "in2": "--network inner",
    "still1": "--network quiet",
    "still2": "--network quiet",
    "six1": "--network six --ip6 2001:db8:4::21 --publish 8086:80",
    "six2": "--network six --ip6 2001:db8:4::22",
    "guest": "--network host --env PORT=8090",
    "hermit": "--network none",
    "home": "--network street --ip 192.0.2.65",
    "side": "--network container:web --env PORT=8085",
}


@dataclass(frozen=True)
class Case:
    """One experiment: what is traced, what is done before on which place, and how that is undone.

    A target with an ``@`` is a container, given as a lab gives it; without, it is what one would type.
    """

    source: str
    target: str
    kind: str | None = None
    port: int | None = None
    size: int | None = None
    before: tuple[tuple[str, str], ...] = ()
    after: tuple[tuple[str, str], ...] = ()


def on(place: str, do: str, undo: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """Say what is done on a place for one case, and undone after it."""
    return {"before": ((place, do),), "after": ((place, undo),)}


CASES: dict[str, Case] = {
    "sibling": Case("web", "172.30.0.3"),
    "sibling-by-name": Case("web", "db"),
    "sibling-port": Case("web", "db", port=80),
    "sibling-closed-port": Case("web", "db", port=81),
    "sibling-closed-udp-port": Case("web", "db", "udp", port=53),
    "sibling-asks-itself": Case("web", "172.30.0.2"),
    "other-bridge": Case("api", "172.30.0.2"),
    "other-bridge-back": Case("web", "172.17.0.2"),
    "out-to-the-neighbour": Case("web", "neighbour"),
    "out-to-the-internet": Case("api", "http://203.0.113.10"),
    "nobody-has-the-address": Case("web", "192.0.2.99"),
    "nobody-knows-the-network": Case("web", "198.51.100.1"),
    "published": Case("neighbour", "http://192.0.2.11:8080"),
    "published-from-its-host-by-loopback": Case("host1", "http://127.0.0.1:8080"),
    "published-from-its-host-by-address": Case("host1", "http://192.0.2.11:8080"),
    "published-from-another-bridge": Case("web", "http://192.0.2.11:8080"),
    "published-on-loopback-only": Case("neighbour", "192.0.2.11", "tcp", 8081),
    "published-but-the-program-is-on-loopback": Case("host1", "127.0.0.1", "http", 8081),
    "unpublished": Case("neighbour", "172.17.0.2", port=80, **on(
        "neighbour", "ip route add 172.17.0.0/16 via 192.0.2.11", "ip route del 172.17.0.0/16")),
    "unpublished-and-no-route": Case("neighbour", "172.17.0.2", port=80),
    "its-host-needs-no-publishing": Case("host1", "172.17.0.2", port=80),
    "internal-siblings": Case("in1", "172.30.2.3"),
    "internal-outward": Case("in1", "neighbour"),
    "internal-inward": Case("web", "172.30.2.2"),
    "icc-off": Case("still1", "172.30.3.3", port=80),
    "host-driver-outward": Case("guest", "neighbour"),
    "host-driver-inward": Case("neighbour", "http://192.0.2.11:8090"),
    "none-outward": Case("hermit", "neighbour"),
    "none-to-itself": Case("hermit", "127.0.0.1", port=80),
    "container-shared": Case("side", "127.0.0.1", port=80),
    "macvlan-to-the-neighbour": Case("home", "neighbour"),
    "macvlan-from-the-neighbour": Case("neighbour", "@home", port=80),
    "macvlan-to-its-host": Case("home", "host1"),
    "macvlan-from-its-host": Case("host1", "@home"),
    "docker-user-drop": Case("neighbour", "http://192.0.2.11:8080", **on(
        "host1", "iptables -I DOCKER-USER -s 192.0.2.3 -j DROP", "iptables -D DOCKER-USER -s 192.0.2.3 -j DROP")),
    "input-drop-is-too-late": Case("neighbour", "http://192.0.2.11:8080", **on(
        "host1", "iptables -I INPUT -p tcp --dport 8080 -j DROP", "iptables -D INPUT -p tcp --dport 8080 -j DROP")),
    "input-drop": Case("neighbour", "host1", **on(
        "host1", "iptables -I INPUT -p icmp -j DROP", "iptables -D INPUT -p icmp -j DROP")),
    "nft-drop": Case("neighbour", "host1", **on(
        "host1",
        "nft add table ip mine; nft add chain ip mine in '{ type filter hook input priority 0; }';"
        " nft add rule ip mine in ip protocol icmp counter drop",
        "nft delete table ip mine")),
    "reject": Case("web", "neighbour", **on(
        "host1", "iptables -I DOCKER-USER -p icmp -j REJECT", "iptables -D DOCKER-USER -p icmp -j REJECT")),
    "output-drop": Case("host1", "neighbour", **on(
        "host1", "iptables -I OUTPUT -p icmp -j DROP", "iptables -D OUTPUT -p icmp -j DROP")),
    "masquerade-missing": Case("web", "neighbour", **on(
        "host1",
        "iptables -t nat -D POSTROUTING -s 172.30.0.0/24 ! -o br-shop -j MASQUERADE",
        "iptables -t nat -A POSTROUTING -s 172.30.0.0/24 ! -o br-shop -j MASQUERADE")),
    "forwarding-off": Case("web", "neighbour", **on(
        "host1", "sysctl -q net.ipv4.ip_forward=0", "sysctl -q net.ipv4.ip_forward=1")),
    "wrong-default-route": Case("web", "neighbour", **on(
        "web", "ip route replace default via 172.30.0.99", "ip route replace default via 172.30.0.1")),
    "no-default-route": Case("web", "neighbour", **on(
        "web", "ip route del default", "ip route add default via 172.30.0.1")),
    "name-on-the-default-bridge": Case("api", "web"),
    "name-of-another-network": Case("web", "far"),
    "name-asked-for": Case("web", "db", "dns"),
    "name-of-the-world": Case("web", "www.example.com", "dns"),
    "published-on-two-families": Case("neighbour", "http://192.0.2.11:8086"),
    "ipv6-sibling": Case("six1", "2001:db8:4::22"),
    "ipv6-sibling-port": Case("six1", "2001:db8:4::22", port=81),
    "ipv6-nobody-has-the-address": Case("six1", "2001:db8:4::99"),
    "ipv6-outward": Case("web", "2001:db8:4::21"),
    "too-big": Case("web", "neighbour", size=1600),
    "too-big-for-a-bridge": Case("web", "neighbour", size=1440, **on(
        "router", "ip link set lan-neighbour mtu 1400", "ip link set lan-neighbour mtu 1500")),
    "too-big-on-the-way": Case("web", "neighbour", size=1440, **on(
        "host1", "ip link set eth0 mtu 1400", "ip link set eth0 mtu 1500")),
}  # fmt: skip

OVERLAY_CASES: dict[str, Case] = {
    "overlay": Case("o1", "@o2"),
    "overlay-by-name": Case("o1", "o2"),
    "overlay-port": Case("o1", "@o2", port=80),
    "overlay-outward": Case("o1", "neighbour"),
    "overlay-data-blocked": Case("o1", "@o2", **on(
        "host2", "iptables -I INPUT -p udp --dport 4789 -j DROP", "iptables -D INPUT -p udp --dport 4789 -j DROP")),
    "overlay-too-big": Case("o1", "@o2", size=1440),
}  # fmt: skip

IPVLAN_NETWORKS = {
    "lane": "--driver ipvlan -o parent=eth0 -o ipvlan_mode=l2 --subnet 192.0.2.0/24 --gateway 192.0.2.254"
    " --ip-range 192.0.2.64/28",
    "tagged": "--driver macvlan -o parent=eth0.10 --subnet 198.51.101.0/24",
}
IPVLAN_CONTAINERS = {
    "flat": "--network lane --ip 192.0.2.66",
    "tag": "--network tagged --ip 198.51.101.66",
}
NEIGHBOUR_ON_THE_VLAN = (
    "ip link add link eth0 name eth0.10 type vlan id 10; ip address add 198.51.101.3/24 dev eth0.10;"
    " ip link set eth0.10 up"
)
IPVLAN_CASES: dict[str, Case] = {
    "ipvlan-l2-to-the-neighbour": Case("flat", "neighbour"),
    "ipvlan-l2-from-the-neighbour": Case("neighbour", "@flat", port=80),
    "ipvlan-l2-to-its-host": Case("flat", "host1"),
    "vlan": Case("tag", "198.51.101.3"),
}  # fmt: skip

L3_NETWORKS = {"hill": "--driver ipvlan -o parent=eth0 -o ipvlan_mode=l3 --subnet 198.51.100.0/24"}
L3_CONTAINERS = {"up": "--network hill --ip 198.51.100.66"}
L3_CASES: dict[str, Case] = {
    "ipvlan-l3-and-no-route": Case("up", "neighbour"),
    "ipvlan-l3-with-a-route": Case("up", "neighbour", **on(
        "router", "ip route add 198.51.100.0/24 via 192.0.2.11", "ip route del 198.51.100.0/24")),
}  # fmt: skip


@contextmanager
def world(bed: Testbed, networks: dict[str, str] = NETWORKS, containers: dict[str, str] = CONTAINERS) -> Iterator[None]:
    """Set the scene by the docker commands that anybody would type."""
    lab = Lab(LESSON).start()
    lines = [f"docker network create {MINE} {how} {name} >/dev/null" for name, how in networks.items()]
    lines += [f"docker run -d {MINE} --name {name} {how} lesson >/dev/null" for name, how in containers.items()]
    try:
        bed.run("host1", ["sh", "-ec", "\n".join(lines)], timeout=120)
        yield
    finally:
        lab.close()


@contextmanager
def ipvlan_world(bed: Testbed) -> Iterator[None]:
    """Set the scene for what hangs on the host's own interface, with the neighbour on a VLAN too."""
    with world(bed, IPVLAN_NETWORKS, IPVLAN_CONTAINERS):
        bed.run("neighbour", ["sh", "-ec", NEIGHBOUR_ON_THE_VLAN])  # undone with the lab
        yield


@contextmanager
def two_hosts(bed: Testbed) -> Iterator[None]:
    """Set the scene with a container on each of two hosts, joined by an overlay network."""
    lab = Lab(LESSON).start()
    lab.need("host2")

    def typed(host: str, line: str, *, check: bool = True) -> str:
        return bed.run(host, ["sh", "-ec", line], check=check, timeout=60).stdout.strip()

    try:
        typed("host1", "docker swarm init --advertise-addr 192.0.2.11")
        token = typed("host1", "docker swarm join-token --quiet worker")
        typed("host2", f"docker swarm join --token {token} 192.0.2.11:2377")
        typed("host1", f"docker network create {MINE} --driver overlay --attachable --subnet 172.31.0.0/24 wide")
        for host, name in (("host1", "o1"), ("host2", "o2")):
            typed(host, f"docker run -d {MINE} --name {name} --network wide lesson")
        yield
    finally:
        for host, name in (("host2", "o2"), ("host1", "o1")):
            typed(host, f"docker rm -f {name}", check=False)
            typed(host, "docker swarm leave --force", check=False)
            typed(host, "docker network rm docker_gwbridge", check=False)
        lab.close()


def l3_world(bed: Testbed) -> AbstractContextManager[None]:
    """Set the scene for ipvlan's mode l3; its parent can carry one ipvlan network only."""
    return world(bed, L3_NETWORKS, L3_CONTAINERS)


Scene = Callable[[Testbed], AbstractContextManager[None]]
SCENES: tuple[tuple[Scene, dict[str, Case]], ...] = (
    (world, CASES),
    (two_hosts, OVERLAY_CASES),
    (ipvlan_world, IPVLAN_CASES),
    (l3_world, L3_CASES),
)


def say(bed: Testbed, case: Case) -> str:
    """Do one experiment and give what the trace says, with the evidence of its verdict."""
    records = [record for engine in bed.engines() for record in engine.containers()]
    pids = {record.name: record.pid for record in records}
    everybody = [Container(record.name, record.host, record.id) for record in records]
    target: Container | str = case.target
    if case.target.startswith("@"):
        target = next(one for one in everybody if one.name == case.target[1:])

    def do(lines: Iterable[tuple[str, str]]) -> None:
        for place, line in lines:
            bed.run(f"pid:{pids[place]}" if place in pids else place, ["sh", "-c", line])

    do(case.before)
    try:
        found = trace(case.source, target, case.kind, port=case.port, size=case.size)  # type: ignore[arg-type]
    finally:
        do(case.after)
    return "\n".join([repr(found), *(f"  {evidence!r}" for evidence in found.verdict.evidence)]) + "\n"


def must_say(name: str, engine: str) -> Path:
    """Give the file of what a case must say on an Engine: its own where it has one, else the newest Engine's."""
    own = MUST_SAY / f"{name}.{engine}.txt"
    return own if own.exists() else MUST_SAY / f"{name}.txt"


def short(version: str) -> str:
    """Give the part of an Engine's version that its behaviour goes by.

    >>> short("28.5.2+dfsg4")
    '28.5'
    """
    return ".".join(version.split(".")[:2])


def store(name: str, said: str, engine: str, *, newest: bool) -> None:
    """Make what a case said what it must say."""
    own = MUST_SAY / f"{name}.{engine}.txt"
    own.unlink(missing_ok=True)
    if newest or not (MUST_SAY / f"{name}.txt").exists():
        (MUST_SAY / f"{name}.txt").write_text(said)
    elif (MUST_SAY / f"{name}.txt").read_text() != said:
        own.write_text(said)


def do_all(names: list[str], tell: Callable[[str, str, str], object]) -> None:
    """Do the cases of these names on a testbed of their own, and tell of each: its name, what it said, the Engine."""
    with tempfile.TemporaryDirectory(prefix="dn-") as runtime:
        os.environ["DOCKERNET_RUNTIME"] = runtime
        bed = testbed.up(owner=os.getpid(), progress=lambda _: None)
        try:
            engine = short(bed.engine().version)
            for scene, cases in SCENES:
                chosen = {name: case for name, case in cases.items() if name in names}
                if chosen:
                    with scene(bed):
                        for name, case in chosen.items():
                            tell(name, say(bed, case), engine)
        finally:
            testbed.down()


def main(arguments: list[str]) -> None:
    """Do the cases that are named; without names all but those that a carrier of this machine's kernel may not know."""
    storing = "--store" in arguments
    newest = os.environ.get("DOCKERNET_SUITE", tree.DEFAULT_SUITE) == tree.DEFAULT_SUITE

    def tell(name: str, said: str, engine: str) -> None:
        print(json.dumps([name, engine, said]), flush=True)
        if storing:
            store(name, said, engine, newest=newest)

    do_all([each for each in arguments if each != "--store"] or [*CASES, *OVERLAY_CASES], tell)


if __name__ == "__main__":
    main(sys.argv[1:])
