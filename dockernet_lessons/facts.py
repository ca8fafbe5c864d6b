"""What is true of a testbed at one moment: frozen values with a stable text form.

Facts are only data. They do not know how they were observed, and not how they are drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Literal

Address = IPv4Address | IPv6Address
AddressOnLink = IPv4Interface | IPv6Interface
Subnet = IPv4Network | IPv6Network
PlaceKind = Literal["container", "host", "neighbour", "router", "internet"]
Driver = Literal["bridge", "host", "none", "overlay", "ipvlan", "macvlan"]


@dataclass(frozen=True, slots=True)
class Link:
    """One network interface, as ``ip link`` and ``ip address`` describe it.

    ``kind`` is the kernel's own word for it: ``veth``, ``bridge``, ``loopback``, ``macvlan``, ``vxlan`` ...
    ``peer`` is the index of the interface it hangs on: a veth's other end, a macvlan's parent.
    ``peer_place`` is the name of the network namespace that holds the peer, ``None`` where the kernel does not say.
    ``mtu`` is in bytes. Source: ip-link(8), ip-address(8).
    """

    name: str
    kind: str
    index: int
    mac: str
    mtu: int
    up: bool
    master: str | None = None
    peer: int | None = None
    peer_place: str | None = None
    addresses: tuple[AddressOnLink, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One line of a routing table. ``destination`` is ``None`` for the default route. Source: ip-route(8)."""

    destination: Subnet | None
    interface: str
    via: Address | None = None
    source: Address | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One line of a neighbour table: the MAC address that answered for an address (ARP). Source: ip-neighbour(8).

    ``owner`` names the interface of the testbed that has this MAC address, where there is exactly one.
    """

    address: Address
    interface: str
    mac: str | None
    state: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class FdbEntry:
    """One line of a bridge's forwarding database: behind which port a MAC address was seen. Source: bridge(8)."""

    mac: str
    port: str
    bridge: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class NatRule:
    """One rule of the nat table, and how many packets it has matched. Source: iptables-save(8)."""

    chain: str
    rule: str
    packets: int


@dataclass(frozen=True, slots=True)
class Network:
    """A Docker network as its engine describes it. ``bridge`` is the interface that carries it on the host."""

    name: str
    driver: str
    host: str
    subnets: tuple[Subnet, ...] = ()
    bridge: str | None = None
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a lab, by its name, its host and its id."""

    name: str
    host: str
    id: str

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<container {self.name} on {self.host}>"


@dataclass(frozen=True, slots=True)
class Ping:
    """What became of a few echo requests.

    ``ttl`` is the reply's time to live in hops; ``problem`` is ``None`` where at least one was answered.
    """

    source: str
    target: str
    sent: int
    answered: int
    ttl: int | None
    problem: str | None
    command: str

    @property
    def reached(self) -> bool:
        """Whether at least one request was answered."""
        return self.problem is None

    def __repr__(self) -> str:
        if self.problem:
            return f"{self.source} did not reach {self.target}: {self.problem}"
        return f"{self.source} reached {self.target}: {self.answered} of {self.sent} answered, TTL {self.ttl}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a web server answered, or why there was no answer (``problem``)."""

    source: str
    url: str
    text: str
    problem: str | None
    command: str

    def __repr__(self) -> str:
        return f"{self.source} <- {self.url}: {self.problem or self.text}"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The addresses that a place finds for a name, in order; none where it knows none."""

    source: str
    name: str
    addresses: tuple[Address, ...]
    command: str

    def __repr__(self) -> str:
        found = ", ".join(str(address) for address in self.addresses)
        return (
            f"{self.source} finds {self.name} at {found}" if found else f"{self.source} knows no address of {self.name}"
        )


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command printed."""

    command: str
    text: str

    def __repr__(self) -> str:
        return self.text.rstrip("\n")


@dataclass(frozen=True, slots=True)
class Place:
    """One network namespace of the testbed, with everything observed in it.

    ``machine`` names the machine it lives on: a container and its host share one.
    """

    name: str
    kind: PlaceKind
    machine: str
    inode: int
    links: tuple[Link, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    fdb: tuple[FdbEntry, ...] = ()
    nat: tuple[NatRule, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """One end of a cable: an interface in a place."""

    place: str
    interface: str

    def __str__(self) -> str:
        return f"{self.place} {self.interface}"


@dataclass(frozen=True, slots=True)
class Cable:
    """A veth pair: what goes in at one end comes out at the other. Source: veth(4)."""

    one: End
    other: End


def _stable(interface: str) -> str:
    """Give the name of an interface, without the part of a veth's that Docker draws by lot."""
    return "veth" if LOT.fullmatch(interface) else interface


LOT = re.compile(r"veth[0-9a-f]{7}")


@dataclass(frozen=True, slots=True)
class Topology:
    """Who is joined to whom: the places of a testbed, the cables between them and Docker's networks.

    Its text form leaves out what differs at each start (MAC addresses, interface indexes, veth names), so two
    topologies with the same text are the same network to a learner. See :mod:`dockernet_lessons.topology`.
    """

    places: tuple[Place, ...]
    cables: tuple[Cable, ...] = ()
    networks: tuple[Network, ...] = ()

    def place(self, name: str) -> Place:
        """Give the place of that name.

        >>> Topology((Place("web", "container", "host1", 1),)).place("web").kind
        'container'

        Raises ``KeyError`` where there is none.
        """
        for place in self.places:
            if place.name == name:
                return place
        raise KeyError(name)

    def __repr__(self) -> str:
        return "\n".join(line for place in self.places for line in self._lines(place))

    def _repr_html_(self) -> None:
        """Have notebooks show the text form: it is the one that is compared."""

    def _lines(self, place: Place) -> Iterator[str]:
        where = "" if place.machine == place.name else f" on {place.machine}"
        yield f"{place.name} ({place.kind}{where})"
        bridges = {link.name for link in place.links if link.kind == "bridge"}
        for link in sorted(place.links, key=lambda link: link.name):
            if link.master in bridges or link.kind == "loopback":
                continue
            addresses = " ".join(str(address) for address in link.addresses)
            kind = "" if link.kind == "veth" else f" ({link.kind})"
            to = self._far_end(End(place.name, link.name))
            yield "  " + " ".join(
                part
                for part in (
                    f"{_stable(link.name)}{kind}",
                    addresses,
                    f"-- {to}" if to else "",
                    "" if link.up else "down",
                )
                if part
            )
            ports = [port for port in place.links if port.master == link.name]
            for far in sorted(str(self._far_end(End(place.name, port.name)) or port.name) for port in ports):
                yield f"    port -- {far}"

    def _far_end(self, end: End) -> str | None:
        for cable in self.cables:
            for near, far in ((cable.one, cable.other), (cable.other, cable.one)):
                if near == end:
                    return self._described(far)
        return None

    def _described(self, end: End) -> str:
        """Name an end by what stays the same: a port by its bridge, any other interface by its name."""
        link = next((link for link in self.place(end.place).links if link.name == end.interface), None)
        return (
            f"{end.place} {link.master}"
            if link is not None and link.master
            else f"{end.place} {_stable(end.interface)}"
        )
