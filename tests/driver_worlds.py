"""One small world for each of Docker's drivers, and some very large ones, for tests that need no daemon."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_interface, ip_network
from itertools import count
from random import Random

from dockernet_lessons.facts import Driver, FdbEntry, Link, Network, Place, PlaceKind, Topology
from dockernet_lessons.topology import connect


@dataclass
class World:
    """A testbed that is put together piece by piece, as the kernel would describe it."""

    kinds: dict[str, tuple[PlaceKind, str]] = field(default_factory=dict)
    links: dict[str, list[Link]] = field(default_factory=dict)
    fdb: dict[str, list[FdbEntry]] = field(default_factory=dict)
    sharing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    networks: list[Network] = field(default_factory=list)
    number: count[int] = field(default_factory=lambda: count(2))

    @classmethod
    def with_hosts(cls, *hosts: str, internet: bool = False) -> World:
        """Begin with the router, its LAN, the neighbour and these hosts, each with its docker0."""
        world = cls()
        world.place("router", "router")
        world.link("router", "lan", "bridge", "192.0.2.254/24")
        for name, kind, address in (
            ("neighbour", "neighbour", "192.0.2.3/24"),
            *((host, "host", f"192.0.2.{10 + int(host[-1])}/24") for host in hosts),
        ):
            world.place(name, kind)
            world.pair(name, "eth0", address, "router", f"lan-{name}", master="lan")
        if internet:
            world.place("internet", "internet")
            world.pair("router", "wan", "203.0.113.1/24", "internet", "eth0", far_address="203.0.113.9/24")
        for host in hosts:
            world.bridge(host, "docker0", "172.17.0.1/16", network="bridge")
        return world

    def place(self, name: str, kind: PlaceKind, machine: str | None = None, containers: tuple[str, ...] = ()) -> None:
        """Add a network namespace."""
        self.kinds[name] = kind, machine or name
        self.links[name] = [Link("lo", "loopback", 1, "", 65536, True, addresses=(ip_interface("127.0.0.1/8"),))]
        self.sharing[name] = containers

    def container(self, name: str, host: str = "host1", *, sharing: tuple[str, ...] = ()) -> str:
        """Add a container's namespace, with those that share it."""
        self.place(name, "container", host, tuple(sorted((name, *sharing))))
        return name

    def link(self, place: str, name: str, kind: str, address: str | None = None, **more: object) -> Link:
        """Add an interface."""
        number = next(self.number)
        mac = f"02:42:00:00:{number // 256:02x}:{number % 256:02x}"
        made = Link(name, kind, number, mac, 1500, True, addresses=(ip_interface(address),) if address else ())
        self.links[place].append(replace(made, **more))  # type: ignore[arg-type]
        return made

    def pair(
        self,
        one: str,
        near: str,
        address: str | None,
        other: str,
        far: str,
        *,
        far_address: str | None = None,
        master: str | None = None,
    ) -> None:
        """Add a veth pair; ``master`` is the bridge of its far end."""
        here = self.link(one, near, "veth", address, peer_place=other)
        there = self.link(other, far, "veth", far_address, peer_place=one, peer=here.index, master=master)
        self.links[one][-1 if one != other else -2] = replace(
            self.links[one][-1 if one != other else -2], peer=there.index
        )

    def bridge(
        self,
        place: str,
        name: str,
        address: str,
        *,
        network: str | None = None,
        driver: Driver = "bridge",
        internal: bool = False,
    ) -> None:
        """Add a bridge, of a Docker network or of nobody's."""
        self.link(place, name, "bridge", address)
        if network:
            subnet = ip_network(address, strict=False)
            self.networks.append(Network(network, driver, place, (subnet,), name, internal))

    def plug(self, container: str, interface: str, address: str, place: str, bridge: str) -> None:
        """Plug a container into a bridge."""
        self.pair(container, interface, address, place, f"veth{next(self.number) * 7919:07x}"[:11], master=bridge)

    def child(
        self, place: str, name: str, kind: str, address: str | None, parent: tuple[str, str], **more: object
    ) -> None:
        """Add a macvlan, ipvlan or VLAN on its parent."""
        above = next(link for link in self.links[parent[0]] if link.name == parent[1])
        mac = {"mac": above.mac} if kind in ("ipvlan", "vlan") else {}
        self.link(place, name, kind, address, peer=above.index, peer_place=parent[0], **mac, **more)

    def overlay(self, name: str, hosts: dict[str, str], vni: int) -> None:
        """Add an overlay network: on each host a sandbox with its bridge and its end of the tunnels."""
        for host in hosts:
            sandbox = f"{name} on {host}"
            self.place(sandbox, "sandbox", host)
            self.link(sandbox, "br0", "bridge", "10.0.1.1/24")
            self.link(sandbox, "vxlan0", "vxlan", master="br0", number=vni)
            self.networks.append(Network(name, "overlay", host, (ip_network("10.0.1.0/24"),)))
            self.fdb[sandbox] = [
                FdbEntry("02:42:0a:00:01:09", "vxlan0", "br0", destination=ip_address(address))
                for other, address in hosts.items()
                if other != host
            ]
            if not any(link.name == "docker_gwbridge" for link in self.links[host]):
                self.bridge(host, "docker_gwbridge", "172.18.0.1/16", network="docker_gwbridge")

    def topology(self) -> Topology:
        """Give it all, joined."""
        places = [
            Place(
                name, kind, machine, number, tuple(self.links[name]),
                fdb=tuple(self.fdb.get(name, ())), containers=self.sharing[name],
            )
            for number, (name, (kind, machine)) in enumerate(self.kinds.items())
        ]  # fmt: skip
        return connect(places, self.networks)


def host() -> Topology:
    """Give a container of the driver ``host``, beside one on docker0."""
    world = World.with_hosts("host1")
    world.sharing["host1"] = ("api",)
    world.plug(world.container("web"), "eth0", "172.17.0.2/16", "host1", "docker0")
    return world.topology()


def none() -> Topology:
    """Give a container of the driver ``none``, beside one on docker0."""
    world = World.with_hosts("host1")
    world.plug(world.container("web"), "eth0", "172.17.0.2/16", "host1", "docker0")
    world.container("quiet")
    return world.topology()


def macvlan() -> Topology:
    """Give two containers on the LAN by macvlan, and one on docker0."""
    world = World.with_hosts("host1")
    world.networks.append(Network("lan", "macvlan", "host1", (ip_network("192.0.2.0/24"),)))
    for name, address in (("web", "192.0.2.50/24"), ("db", "192.0.2.51/24")):
        world.child(world.container(name), "eth0", "macvlan", address, ("host1", "eth0"), mode="bridge")
    world.plug(world.container("app"), "eth0", "172.17.0.2/16", "host1", "docker0")
    return world.topology()


def vlan() -> Topology:
    """Give containers on two VLANs by macvlan, one on the untagged LAN, and the host's own macvlan."""
    world = World.with_hosts("host1")
    for number in (50, 60):
        world.child("host1", f"eth0.{number}", "vlan", None, ("host1", "eth0"), number=number)
        world.networks.append(Network(f"vlan{number}", "macvlan", "host1", (ip_network(f"10.{number}.0.0/24"),)))
        for name in ("a", "b"):
            parent = ("host1", f"eth0.{number}")
            address = f"10.{number}.0.{ord(name) - 95}/24"
            world.child(world.container(f"{name}{number}"), "eth0", "macvlan", address, parent, mode="bridge")
    world.networks.append(Network("lan", "macvlan", "host1", (ip_network("192.0.2.0/24"),)))
    world.child(world.container("web"), "eth0", "macvlan", "192.0.2.50/24", ("host1", "eth0"), mode="bridge")
    world.child("host1", "shim", "macvlan", "192.0.2.200/32", ("host1", "eth0"), mode="bridge")
    return world.topology()


def ipvlan(mode: str) -> Topology:
    """Give two containers by ipvlan, in mode l2 on the LAN or in l3 on a subnet of their own."""
    world = World.with_hosts("host1")
    subnet = "192.0.2.0/24" if mode == "l2" else "10.7.0.0/24"
    world.networks.append(Network("lan" if mode == "l2" else "far", "ipvlan", "host1", (ip_network(subnet),)))
    for name, last in (("web", 60), ("db", 61)):
        address = f"{ip_network(subnet)[last]}/24"
        world.child(world.container(name), "eth0", "ipvlan", address, ("host1", "eth0"), mode=mode)
    return world.topology()


def overlay(containers: int = 2) -> Topology:
    """Give one overlay network on two hosts, with as many containers on each."""
    world = World.with_hosts("host1", "host2")
    world.overlay("shop", {"host1": "192.0.2.11", "host2": "192.0.2.12"}, 4097)
    names = iter(["web", "app", "db", "cache", *(f"c{n}" for n in range(200))])
    for host in ("host1", "host2"):
        for number in range(containers):
            name = world.container(next(names), host)
            last = 2 + number * 2 + (host == "host2")
            world.plug(name, "eth0", f"10.0.1.{last}/24", f"shop on {host}", "br0")
            world.plug(name, "eth1", f"172.18.0.{3 + number}/16", host, "docker_gwbridge")
    return world.topology()


def shared() -> Topology:
    """Give three containers in one namespace, and one beside them."""
    world = World.with_hosts("host1")
    world.plug(world.container("web", sharing=("debug", "logs")), "eth0", "172.17.0.2/16", "host1", "docker0")
    world.plug(world.container("db"), "eth0", "172.17.0.3/16", "host1", "docker0")
    return world.topology()


def internal() -> Topology:
    """Give a front network, an internal one, and a container on both."""
    world = World.with_hosts("host1")
    world.bridge("host1", "br-front", "172.30.0.1/24", network="front")
    world.bridge("host1", "br-back", "172.30.1.1/24", network="back", internal=True)
    world.plug(world.container("web"), "eth0", "172.30.0.2/24", "host1", "br-front")
    app = world.container("app")
    world.plug(app, "eth0", "172.30.0.3/24", "host1", "br-front")
    world.plug(app, "eth1", "172.30.1.3/24", "host1", "br-back")
    world.plug(world.container("db"), "eth0", "172.30.1.2/24", "host1", "br-back")
    return world.topology()


def by_hand() -> Topology:
    """Give what a learner makes by hand: a dummy, a macvlan on it, a bridge and a pair into a container of ``none``."""
    world = World.with_hosts("host1")
    world.link("host1", "dm-0123456789ab", "dummy")
    world.networks.append(Network("alone", "macvlan", "host1", (ip_network("10.9.0.0/24"),)))
    for last in (2, 3):
        parent = ("host1", "dm-0123456789ab")
        world.child(world.container(f"m{last}"), "eth0", "macvlan", f"10.9.0.{last}/24", parent, mode="bridge")
    world.bridge("host1", "hb0", "198.51.100.1/24")
    world.plug(world.container("quiet"), "eth0", "198.51.100.2/24", "host1", "hb0")
    world.link("host1", "dummy0", "dummy", "10.8.0.1/32")
    world.pair("host1", "left", "10.7.0.1/30", "host1", "right", far_address="10.7.0.2/30")
    return world.topology()


def many(containers: int, networks: int, *, on_two: int = 0) -> Topology:
    """Give as many containers spread over as many networks, and some more that are on two neighbouring ones."""
    world = World.with_hosts("host1")
    last: dict[int, count[int]] = {}
    for n in range(networks):
        world.bridge("host1", f"br-net{n}", f"172.{20 + n}.0.1/16", network=f"net{n}")
        last[n] = count(2)

    def address(n: int) -> str:
        return f"{ip_address(f'172.{20 + n}.0.0') + next(last[n])}/16"

    for number in range(containers):
        n = number % networks
        world.plug(world.container(f"c{number + 1}"), "eth0", address(n), "host1", f"br-net{n}")
    for number in range(on_two):
        name, n = world.container(f"both{number + 1}"), number % networks
        for position, net in enumerate((n, (n + 1) % networks)):
            world.plug(name, f"eth{position}", address(net), "host1", f"br-net{net}")
    return world.topology()


def everything() -> Topology:
    """Give all drivers at once on two hosts."""
    world = World.with_hosts("host1", "host2", internet=True)
    world.overlay("shop", {"host1": "192.0.2.11", "host2": "192.0.2.12"}, 4097)
    world.sharing["host1"] = ("api",)
    world.container("quiet")
    world.plug(world.container("web"), "eth0", "172.17.0.2/16", "host1", "docker0")
    world.networks.append(Network("lan", "macvlan", "host1", (ip_network("192.0.2.0/24"),)))
    world.child(world.container("mac"), "eth0", "macvlan", "192.0.2.50/24", ("host1", "eth0"), mode="bridge")
    for name, host, last in (("left", "host1", 2), ("right", "host2", 3)):
        world.plug(world.container(name, host), "eth0", f"10.0.1.{last}/24", f"shop on {host}", "br0")
        world.plug(name, "eth1", "172.18.0.3/16", host, "docker_gwbridge")
    return world.topology()


def at_random(seed: int) -> Topology:
    """Give one or two hosts with containers on networks of all kinds, joined by lot; the same lot for the same seed."""
    lot = Random(seed)  # noqa: S311 - nothing here is secret
    hosts = ["host1", "host2"][: lot.choice([1, 1, 2])]
    world = World.with_hosts(*hosts, internet=lot.random() < 0.3)
    there: dict[str, list[tuple[str, str, str]]] = {host: _networks_at_random(world, host, lot) for host in hosts}
    for number in range(lot.choice([0, 1, 2]) if len(hosts) == 2 else 0):
        world.overlay(f"ov{number}", {"host1": "192.0.2.11", "host2": "192.0.2.12"}, 4097 + number)
        for host in hosts:
            there[host].append((f"ov{number} on {host}", "br0", "10.0.1."))
    names = count(1)
    for host in hosts:
        for _ in range(lot.choice([0, 1, 2, 3, 5, 8, 13, 30, 60])):
            number = next(names)
            together = (f"s{number}",) if lot.random() < 0.1 else ()
            name = world.container(
                f"{lot.choice(['c', 'web', 'a-container-with-a-long-name-'])}{number}", host, sharing=together
            )
            networks = lot.sample(there[host], min(len(there[host]), lot.choice([0, 1, 1, 1, 1, 2, 2, 3])))
            for position, (place, bridge, base) in enumerate(networks):
                address = f"{base}{2 + number % 250}/24"
                if bridge.startswith("eth0"):
                    world.child(name, f"eth{position}", "macvlan", address, (place, bridge), mode="bridge")
                else:
                    world.plug(name, f"eth{position}", address, place, bridge)
    world.sharing["host1"] = tuple(f"h{number}" for number in range(lot.choice([0, 0, 1, 6])))
    return world.topology()


def _networks_at_random(world: World, host: str, lot: Random) -> list[tuple[str, str, str]]:
    there = [(host, "docker0", "172.17.0.")]
    for number in range(lot.randint(0, 4)):
        bridge = f"{lot.choice(['br-n', 'br-longname', 'x'])}{number}"
        name = lot.choice([f"n{number}", f"a-very-long-network-name-{number}", None])
        world.bridge(host, bridge, f"172.{20 + number}.0.1/16", network=name, internal=lot.random() < 0.2)
        there.append((host, bridge, f"172.{20 + number}.0."))
    if lot.random() < 0.4:
        world.networks.append(Network("lan", "macvlan", host, (ip_network("192.0.2.0/24"),)))
        there.append((host, "eth0", "192.0.2."))
        if lot.random() < 0.4:
            world.child(host, "eth0.50", "vlan", None, (host, "eth0"), number=50)
            there.append((host, "eth0.50", "10.50.0."))
    return there


DRIVERS: dict[str, Topology] = {
    "host": host(),
    "none": none(),
    "macvlan": macvlan(),
    "vlan": vlan(),
    "ipvlan_l2": ipvlan("l2"),
    "ipvlan_l3": ipvlan("l3"),
    "overlay": overlay(),
    "shared": shared(),
    "internal": internal(),
    "hand_made": by_hand(),
    "everything": everything(),
}
LARGE: dict[str, Topology] = {
    "fourteen": many(12, 2, on_two=2),
    "sixty": many(60, 1),
    "two_hundred": many(190, 4, on_two=10),
    "twenty_networks": many(180, 20, on_two=20),
    "large_overlay": overlay(40),
}
