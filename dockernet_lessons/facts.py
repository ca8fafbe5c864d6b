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
PlaceKind = Literal["container", "host", "neighbour", "router", "internet", "sandbox"]
CableKind = Literal["veth", "parent", "tunnel"]
StepState = Literal["passed", "last", "reply"]
Driver = Literal["bridge", "host", "none", "overlay", "ipvlan", "macvlan"]


@dataclass(frozen=True, slots=True)
class Link:
    """One network interface, as ``ip link`` and ``ip address`` describe it.

    ``kind`` is the kernel's own word for it: ``veth``, ``bridge``, ``loopback``, ``macvlan``, ``vxlan`` ...
    ``peer`` is the index of the interface it hangs on: a veth's other end, the parent of a macvlan, ipvlan or vlan.
    ``peer_place`` is the name of the network namespace that holds the peer, ``None`` where the kernel does not say;
    a VXLAN has no peer, and ``peer_place`` is the one whose routes and addresses its tunnel uses.
    ``mode`` is that of a macvlan or ipvlan (``bridge``, ``private``, ``l2``, ``l3`` ...), ``number`` the id of a VLAN
    or a VXLAN's network identifier. ``mtu`` is in bytes. Source: ip-link(8), ip-address(8).
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
    mode: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One line of a routing table. ``destination`` is ``None`` for the default route.

    ``kind`` is ``unicast`` for a way to somewhere, else what becomes of the packet: ``blackhole``, ``unreachable``.
    Source: ip-route(8).
    """

    destination: Subnet | None
    interface: str
    via: Address | None = None
    source: Address | None = None
    version: Literal[4, 6] = 4
    kind: str = "unicast"


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
    """One line of a bridge's forwarding database: behind which port a MAC address was seen. Source: bridge(8).

    ``destination`` is the host to which a VXLAN interface, the port, sends what is for this address.
    """

    mac: str
    port: str
    bridge: str
    owner: str | None = None
    destination: Address | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a packet filter, and how many packets it has matched.

    ``table`` is ``raw``, ``mangle``, ``nat`` or ``filter``, or the family and name of a table that nft made. ``rule``
    is what follows the chain in ``iptables -S``, or the statement that ``nft list ruleset`` prints. ``packets`` is
    ``None`` for a rule of nft that does not count. Source: iptables-save(8), nft(8).
    """

    table: str
    chain: str
    rule: str
    packets: int | None
    version: Literal[4, 6] | None = 4


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that the kernel itself calls: what becomes of packets that no rule decided on (``ACCEPT``, ``DROP``)."""

    table: str
    chain: str
    policy: str
    packets: int | None
    version: Literal[4, 6] | None = 4


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that waits for others: a TCP server, or a UDP socket that is bound to a port.

    ``process`` is the name of the program that owns it (``docker-proxy``, ``dockerd``), ``None`` where it is not seen.
    """

    protocol: Literal["tcp", "udp"]
    address: Address
    port: int
    process: str | None = None


@dataclass(frozen=True, slots=True)
class Resolver:
    """How names are looked up in a place: its name servers and options. Source: resolv.conf(5)."""

    servers: tuple[Address, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """A switch of the kernel in one network namespace, such as ``net.ipv4.ip_forward``. Source: sysctl(8)."""

    name: str
    value: str


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

    ``machine`` names the machine it lives on: a container and its host share one. ``containers`` names every container
    that lives in it: those of the driver ``host`` in a host's, those that share another's in that container's. A
    ``sandbox`` is the namespace in which an engine keeps the bridge and the VXLAN of an overlay network. ``door`` is
    what the testbed calls it: a command is run there by that name.
    """

    name: str
    kind: PlaceKind
    machine: str
    inode: int
    links: tuple[Link, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    fdb: tuple[FdbEntry, ...] = ()
    rules: tuple[Rule, ...] = ()
    chains: tuple[Chain, ...] = ()
    listeners: tuple[Listener, ...] = ()
    resolver: Resolver | None = None
    settings: tuple[Setting, ...] = ()
    containers: tuple[str, ...] = ()
    door: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a cable: an interface in a place."""

    place: str
    interface: str

    def __str__(self) -> str:
        return f"{self.place} {self.interface}"


@dataclass(frozen=True, slots=True)
class Cable:
    """What joins two interfaces: by default a veth pair, where what goes in at one end comes out at the other.

    ``parent`` joins a macvlan, ipvlan or vlan (``one``) to the interface it hangs on (``other``). ``tunnel`` joins the
    two VXLAN interfaces of one overlay network on two hosts. Source: veth(4), ip-link(8).
    """

    one: End
    other: End
    kind: CableKind = "veth"


@dataclass(frozen=True, slots=True)
class Step:
    """One sighting of a packet: at which interface, the number or short word written beside it, and in which sense.

    ``passed`` is on the way there, ``reply`` on the way back, ``last`` where it was seen for the last time. An end
    whose interface is not in the picture (``lo``, or ``""``) stands for the place itself. ``here`` is where somebody
    who follows the packet is looking.
    """

    end: End
    label: str = ""
    state: StepState = "passed"
    here: bool = False

    def __str__(self) -> str:
        return f"{self.end} ({self.label})" if self.label else str(self.end)


@dataclass(frozen=True, slots=True)
class PacketPath:
    """The way a packet took, as it is drawn on a topology: its sightings in order, and what stopped it.

    ``died`` says in a few words what stopped it, ``None`` where it arrived. It stopped right behind the last sighting,
    or between that and ``towards``: the interface it was sent to and never reached.

    >>> PacketPath((Step(End("web", "eth0"), "1"), Step(End("host1", "docker0"), "2", "last")), "dropped by a rule")
    web eth0 (1) -> host1 docker0 (2) -> dropped by a rule
    """

    steps: tuple[Step, ...]
    died: str | None = None
    towards: End | None = None

    def __repr__(self) -> str:
        return " -> ".join([*map(str, self.steps), *([self.died] if self.died else [])])


def stable(interface: str) -> str:
    """Give the name of an interface without the part that Docker draws by lot, or takes from an id drawn by lot.

    >>> stable("veth1a2b3c4"), stable("br-0123456789ab"), stable("br-shop")
    ('veth', 'br-...', 'br-shop')
    """
    found = LOT.fullmatch(interface)
    return (found["pair"] or f"{found['kind']}-...") if found else interface


LOT = re.compile(r"(?P<pair>veth)[0-9a-f]{7}|(?P<kind>br|dm|di)-[0-9a-f]{12}")


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
        for name in sorted(set(place.containers) - {place.name}):
            yield f"  container {name} lives here too"
        bridges = {link.name for link in place.links if link.kind == "bridge"}
        shown = [link for link in place.links if link.master not in bridges and link.kind != "loopback"]
        for link in sorted(shown, key=lambda link: (stable(link.name), str(link.addresses))):
            end = End(place.name, link.name)
            addresses = (str(address) for address in link.addresses)
            joined = sorted(self._joined(end))
            yield " ".join(["  " + _named(link), *addresses, *joined, *([] if link.up else ["down"])])
            yield from (f"    child -- {child}" for child in sorted(self._far_ends(end, "parent", child=True)))
            yield from sorted(self._port(place, port) for port in place.links if port.master == link.name)

    def _port(self, place: Place, port: Link) -> str:
        """Name a port by what is at its other end: the port's own name is drawn by lot."""
        end = End(place.name, port.name)
        far = self._far_ends(end, "veth")
        unseen = ["-- not shown"] if port.kind == "veth" else [_named(port)]
        words = [f"-- {far[0]}"] if far else [*unseen, *sorted(self._joined(end))]
        return " ".join(["    port", *words])

    def _joined(self, end: End) -> Iterator[str]:
        """Say what an interface is joined to: by a pair, as a child, through a tunnel."""
        yield from (f"-- {far}" for far in self._far_ends(end, "veth"))
        yield from (f"on {far}" for far in self._far_ends(end, "parent"))
        yield from (f"== {far}" for far in self._far_ends(end, "tunnel"))

    def _far_ends(self, end: End, kind: CableKind, *, child: bool = False) -> list[str]:
        """Name the other ends of an end's cables; of a parent's cables either its children or its own parent."""
        cables = [cable for cable in self.cables if cable.kind == kind]
        near = [cable.one for cable in cables if cable.other == end] if kind != "parent" or child else []
        far = [] if child else [cable.other for cable in cables if cable.one == end]
        return [self._described(other, kind) for other in near + far]

    def _described(self, end: End, kind: CableKind) -> str:
        """Name an end by what stays the same: a port by its bridge, any other interface by its name."""
        link = next((link for link in self.place(end.place).links if link.name == end.interface), None)
        plugged = link is not None and link.master and kind == "veth"
        return f"{end.place} {stable(str(link.master) if plugged and link else end.interface)}"


def _named(link: Link) -> str:
    """Give an interface's name, with its kind where that is not the most common one."""
    more = link.mode or (str(link.number) if link.number is not None else "")
    return stable(link.name) + ("" if link.kind == "veth" else f" ({' '.join(filter(None, (link.kind, more)))})")
