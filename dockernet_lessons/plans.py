"""What a lab wants made, as values: a network or a container with everything that Docker is to be asked for.

Plans are only data. They are checked where they are read, and carried out by the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dockernet_lessons.facts import Address, Subnet

Protocol = Literal["tcp", "udp", "sctp"]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """A network to make. ``options`` are the driver's own, by their full names."""

    name: str
    driver: str = "bridge"
    subnets: tuple[Subnet, ...] = ()
    gateways: tuple[Address, ...] = ()
    ip_range: Subnet | None = None
    ipv6: bool = False
    internal: bool = False
    attachable: bool = False
    options: Pairs = ()


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a container, of a protocol.

    >>> str(Port(53, "udp")), str(Port(80))
    ('53/udp', '80')
    """

    number: int
    protocol: Protocol = "tcp"

    def __str__(self) -> str:
        return str(self.number) if self.protocol == "tcp" else f"{self.number}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Published:
    """A port of the host that leads to a port of a container; ``address`` is the host's only one that does, or none.

    >>> from ipaddress import ip_address
    >>> str(Published(8080, Port(80))), str(Published(8053, Port(53, "udp"), ip_address("127.0.0.1")))
    ('8080:80', '127.0.0.1:8053:53/udp')
    """

    outer: int
    inner: Port
    address: Address | None = None

    def __str__(self) -> str:
        at = f"[{self.address}]" if self.address and self.address.version == 6 else str(self.address)
        return f"{self.outer}:{self.inner}" if self.address is None else f"{at}:{self.outer}:{self.inner}"


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """A container to make and start.

    ``network`` is what ``docker run --network`` takes; ``further`` are networks to connect it to once it runs. Without
    ``hostname`` Docker chooses one.
    """

    network: str = "bridge"
    further: tuple[str, ...] = ()
    image: str = "lesson"
    command: tuple[str, ...] | None = None
    hostname: str | None = None
    ip: Address | None = None
    ip6: Address | None = None
    mac: str | None = None
    aliases: tuple[str, ...] = ()
    publish: tuple[Published, ...] = ()
    publish_all: bool = False
    expose: tuple[Port, ...] = ()
    links: Pairs = ()
    hosts: Pairs = ()
    dns: tuple[Address, ...] = ()
    env: Pairs = ()
    capabilities: tuple[str, ...] = ()
    sysctls: Pairs = ()
