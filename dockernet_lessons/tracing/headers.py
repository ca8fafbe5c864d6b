"""Pure: the headers of one frame, one for each layer, read from its bytes as it was captured.

The four layers are those of RFC 1122, section 1.1.3; the numbers beside them are OSI's (ITU-T X.200).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal

from dockernet_lessons.tracing.decode import VXLAN_PORT, mac
from dockernet_lessons.tracing.packets import DRAWN_BY_LOT

Layer = Literal["link", "internet", "transport", "application"]
OSI: dict[Layer, int] = {"link": 2, "internet": 3, "transport": 4, "application": 7}
INSIDE = {0x0800: "IPv4", 0x0806: "ARP", 0x86DD: "IPv6", 0x8100: "a VLAN tag"}
"""What an Ethernet frame says is in it. Source: the register of EtherTypes, IEEE 802 numbers at IANA."""
CARRIED = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}
"""What an IP packet says is in it. Source: the register of protocol numbers at IANA."""
VXLAN_SIZE = 8
"""Source: RFC 7348, section 5."""
BY_LOT = "a port drawn by lot"


@dataclass(frozen=True, slots=True)
class Header:
    """What one layer put in front, or what it carries: how many bytes, from whom, to whom, and what is inside.

    ``ttl`` counts the routers that may still pass an IP packet on.

    >>> Header("internet", "IPv4", 20, "172.17.0.2", "192.0.2.3", "TCP (6)").osi
    3
    """

    layer: Layer
    protocol: str
    size: int
    source: str = ""
    target: str = ""
    inside: str = ""
    ttl: int | None = None

    @property
    def osi(self) -> int:
        """The number of OSI's layer of that kind."""
        return OSI[self.layer]


def headers(frame: bytes) -> tuple[Header, ...]:
    """Give the headers of a frame from the outside in, as far as they can be read.

    >>> headers(b"")
    ()
    """
    return tuple(_of_frame(frame))


def _of_frame(frame: bytes) -> Iterator[Header]:
    import dpkt  # noqa: PLC0415  # only where something was captured

    try:
        read = dpkt.ethernet.Ethernet(frame)
    except dpkt.UnpackError:
        return
    size = 14 + 4 * len(getattr(read, "vlan_tags", ()))
    inside = f"{INSIDE.get(read.type, '?')} (0x{read.type:04x})"
    yield Header("link", "Ethernet", size, mac(read.src), mac(read.dst), inside)
    if isinstance(read.data, dpkt.ip.IP | dpkt.ip6.IP6):
        yield from _of_ip(read.data)


def _of_ip(packet: Any) -> Iterator[Header]:
    import dpkt  # noqa: PLC0415

    if isinstance(packet, dpkt.ip.IP):
        version, number, size, ttl = 4, packet.p, packet.hl * 4, packet.ttl
    else:
        version, number, size, ttl = 6, packet.nxt, 40, packet.hlim
    inside = f"{CARRIED.get(number, '?')} ({number})"
    source, target = (str(ip_address(address)) for address in (packet.src, packet.dst))
    yield Header("internet", f"IPv{version}", size, source, target, inside, ttl)
    carried = packet.data
    if isinstance(carried, dpkt.tcp.TCP | dpkt.udp.UDP):
        protocol, size = ("TCP", carried.off * 4) if isinstance(carried, dpkt.tcp.TCP) else ("UDP", 8)
        yield Header("transport", protocol, size, _port(carried.sport), _port(carried.dport))
        yield from _of_program(bytes(carried.data), carried.dport)


def _of_program(data: bytes, port: int) -> Iterator[Header]:
    line, *_ = data.decode(errors="replace").splitlines() or [""]
    if port == VXLAN_PORT and len(data) > VXLAN_SIZE:
        network = int.from_bytes(data[4:7])
        yield Header("application", "VXLAN", VXLAN_SIZE, inside=f"a frame of network {network}")
        yield from _of_frame(data[VXLAN_SIZE:])
    elif "HTTP/" in line:
        yield Header("application", "HTTP", len(data), inside=line)
    elif data:
        yield Header("application", "data", len(data))


def _port(number: int) -> str:
    return BY_LOT if number >= DRAWN_BY_LOT else f"port {number}"
