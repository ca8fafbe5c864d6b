"""Pure: captures as tcpdump writes them, to packets. Reads the headers with dpkt; knows nothing of Docker."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from dockernet_lessons.facts import Address, End
from dockernet_lessons.tracing.packets import Packet, Protocol

VXLAN_PORT = 4789
"""Source: RFC 7348; Docker's data path port, ``docker swarm init --help``."""

FLAGS = ((0x04, "RST"), (0x02, "SYN"), (0x01, "FIN"), (0x10, "ACK"))

ICMP_KINDS = {
    (8, 0): "echo request",
    (0, 0): "echo reply",
    (3, 0): "network unreachable",
    (3, 1): "host unreachable",
    (3, 3): "port unreachable",
    (3, 4): "too big",
    (3, 9): "network prohibited",
    (3, 10): "host prohibited",
    (3, 13): "prohibited",
    (11, 0): "time exceeded",
}
"""Source: RFC 792, RFC 1812 section 5.2.7.1."""

ICMP6_KINDS = {
    (128, 0): "echo request",
    (129, 0): "echo reply",
    (1, 0): "network unreachable",
    (1, 1): "prohibited",
    (1, 3): "host unreachable",
    (1, 4): "port unreachable",
    (2, 0): "too big",
    (3, 0): "time exceeded",
}
"""Source: RFC 4443."""

WHO_HAS, IS_AT = "who has", "is at"


def packets(capture: bytes, at: End) -> Iterator[Packet]:
    """Give the packets of a capture file taken at an interface, as far as they can be read.

    >>> list(packets(b"", End("web", "eth0")))
    []
    """
    import dpkt  # noqa: PLC0415  # only where something was captured

    if not capture:
        return
    for seconds, data in dpkt.pcap.Reader(io.BytesIO(capture)):
        try:
            frame = dpkt.ethernet.Ethernet(data)
        except dpkt.UnpackError:
            continue
        yield _packet(frame, at, round(seconds * 10**9), data)


def _packet(frame: Any, at: End, time: int, data: bytes) -> Packet:
    import dpkt  # noqa: PLC0415

    tags = getattr(frame, "vlan_tags", ())
    common: dict[str, Any] = {
        "at": at,
        "time": time,
        "mac_from": mac(frame.src),
        "mac_to": mac(frame.dst),
        "frame": data,
        "vlan": tags[0].id if tags else None,
    }
    content = frame.data
    if isinstance(content, dpkt.arp.ARP):
        kind = WHO_HAS if content.op == dpkt.arp.ARP_OP_REQUEST else IS_AT
        asked = ip_address(content.tpa if kind == WHO_HAS else content.spa)
        return Packet(
            **common,
            protocol="arp",
            kind=kind,
            asked=asked,
            source=ip_address(content.spa),
            target=ip_address(content.tpa),
        )
    if isinstance(content, dpkt.ip.IP | dpkt.ip6.IP6):
        return Packet(**common, **_of_ip(content, at, time))
    return Packet(**common, protocol="other", kind="other")


def _of_ip(content: Any, at: End, time: int) -> dict[str, Any]:
    import dpkt  # noqa: PLC0415

    found: dict[str, Any] = {
        "source": ip_address(content.src),
        "target": ip_address(content.dst),
        "ttl": content.ttl if isinstance(content, dpkt.ip.IP) else content.hlim,
    }
    return found | _of_transport(content.data, at, time)


def _of_transport(carried: Any, at: End, time: int) -> dict[str, Any]:
    import dpkt  # noqa: PLC0415

    if isinstance(carried, dpkt.icmp.ICMP):
        return _of_icmp(carried, ICMP_KINDS, at, time)
    if isinstance(carried, dpkt.icmp6.ICMP6):
        return _of_icmp6(carried, at, time)
    if isinstance(carried, dpkt.tcp.TCP):
        kind = " ".join(name for bit, name in FLAGS if carried.flags & bit)
        return _ports("tcp", kind, carried) | {"number": carried.seq, "acknowledges": carried.ack}
    if isinstance(carried, dpkt.udp.UDP):
        found = _ports("udp", "datagram", carried)
        return found | (_of_vxlan(found["data"], at, time) if carried.dport == VXLAN_PORT else {})
    return {"protocol": "other", "kind": "other"}


def _ports(protocol: Protocol, kind: str, carried: Any) -> dict[str, Any]:
    return {
        "protocol": protocol,
        "kind": kind,
        "source_port": carried.sport,
        "target_port": carried.dport,
        "data": bytes(carried.data),
    }


def _of_icmp(carried: Any, kinds: dict[tuple[int, int], str], at: End, time: int) -> dict[str, Any]:
    import dpkt  # noqa: PLC0415

    kind = kinds.get((carried.type, carried.code), f"type {carried.type} code {carried.code}")
    if isinstance(carried.data, dpkt.icmp.ICMP.Echo):
        return {"protocol": "icmp", "kind": kind, "number": carried.data.seq, "data": bytes(carried.data.data)}
    complaint = getattr(carried.data, "data", None)
    about = _about(bytes(complaint) if complaint is not None else b"", at, time)
    return {"protocol": "icmp", "kind": kind, "about": about}


def _of_icmp6(carried: Any, at: End, time: int) -> dict[str, Any]:
    body = bytes(carried.data)
    if carried.type in (135, 136):  # neighbour solicitation and advertisement, IPv6's ARP; source: RFC 4861
        asked = ip_address(body[4:20]) if len(body) >= 20 else None
        return {"protocol": "arp", "kind": WHO_HAS if carried.type == 135 else IS_AT, "asked": asked}
    kind = ICMP6_KINDS.get((carried.type, carried.code), f"type {carried.type} code {carried.code}")
    if kind.startswith("echo"):
        return {"protocol": "icmp", "kind": kind, "data": body[4:]}
    return {"protocol": "icmp", "kind": kind, "about": _about(body[4:], at, time)}


def addresses(answer: bytes) -> tuple[Address, ...]:
    """Give the addresses that a name server's answer tells.

    >>> addresses(b"")
    ()
    """
    import dpkt  # noqa: PLC0415

    try:
        told = dpkt.dns.DNS(answer).an
    except (dpkt.UnpackError, IndexError):
        return ()
    return tuple(sorted(ip_address(each.ip) for each in told if each.type == dpkt.dns.DNS_A))


def _about(data: bytes, at: End, time: int) -> Packet | None:
    """Read the packet that an ICMP error quotes; it is cut off, and often in the middle of a header."""
    import dpkt  # noqa: PLC0415

    try:
        quoted = dpkt.ip6.IP6(data) if data[:1] >= b"\x60" else dpkt.ip.IP(data)
    except (dpkt.UnpackError, IndexError):
        return None
    found = _of_ip(quoted, at, time)
    if found["protocol"] == "other" and isinstance(quoted.data, bytes) and len(quoted.data) >= 8:
        ports = struct.unpack(">HHL", quoted.data[:8])  # a TCP header of which only the first 8 bytes are quoted
        found |= {"source_port": ports[0], "target_port": ports[1], "number": ports[2]}
    return Packet(at=at, time=time, mac_from="", mac_to="", **found)


def _of_vxlan(data: bytes, at: End, time: int) -> dict[str, Any]:
    """Read what a VXLAN packet carries: eight bytes, of which three are the network's number, and a whole frame."""
    import dpkt  # noqa: PLC0415

    try:
        inner = _packet(dpkt.ethernet.Ethernet(data[8:]), at, time, data[8:])
    except dpkt.UnpackError:
        return {}
    return {"network": int.from_bytes(data[4:7]), "inner": inner, "data": b""}


def mac(data: bytes) -> str:
    """Write a MAC address as it is written everywhere.

    >>> mac(bytes([2, 0, 0, 0, 2, 11]))
    '02:00:00:00:02:0b'
    """
    return ":".join(f"{byte:02x}" for byte in data)
