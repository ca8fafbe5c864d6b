"""A captured frame is taken apart into one header for each layer."""

from __future__ import annotations

from ipaddress import ip_address

import dpkt
import pytest

from dockernet_lessons import Lab, LessonError
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.tracing.headers import BY_LOT, Header, headers
from dockernet_lessons.tracing.trace import trace

REQUEST = b"GET / HTTP/1.1\r\nHost: db\r\n\r\n"
LINK = Header("link", "Ethernet", 14, "02:00:00:00:00:02", "02:00:00:00:00:03", "IPv4 (0x0800)")


def frame(content: object, kind: int = dpkt.ethernet.ETH_TYPE_IP) -> bytes:
    """Give a frame that holds this."""
    source, target = bytes.fromhex("020000000002"), bytes.fromhex("020000000003")
    return bytes(dpkt.ethernet.Ethernet(src=source, dst=target, type=kind, data=content))


def packet(carried: object, protocol: int, **more: object) -> object:
    """Give an IP packet from 172.30.0.2 to 172.30.0.3."""
    source, target = (ip_address(f"172.30.0.{last}").packed for last in (2, 3))
    return dpkt.ip.IP(src=source, dst=target, p=protocol, data=carried, **more)


def request(**more: object) -> object:
    """Give the TCP segment that asks for a page."""
    return dpkt.tcp.TCP(sport=50001, dport=80, data=REQUEST, **more)


def test_a_request_has_four_headers() -> None:
    """Each layer's header is told with its length, whom it names and what it says is inside."""
    assert headers(frame(packet(request(), 6))) == (
        LINK,
        Header("internet", "IPv4", 20, "172.30.0.2", "172.30.0.3", "TCP (6)", ttl=64),
        Header("transport", "TCP", 20, BY_LOT, "port 80"),
        Header("application", "HTTP", len(REQUEST), inside="GET / HTTP/1.1"),
    )


def test_options_make_a_header_longer() -> None:
    """The lengths are read from the headers, and add up to the frame."""
    whole = frame(packet(request(opts=b"\x01" * 12, off=8), 6, opts=b"\x01" * 4, hl=6))
    sizes = [header.size for header in headers(whole)]
    assert sizes == [14, 24, 32, len(REQUEST)]
    assert sum(sizes) == len(whole)


def test_a_vlan_tag_belongs_to_the_frame_s_header() -> None:
    """A tag makes the link header four bytes longer."""
    tagged = frame(packet(request(), 6))
    tagged = tagged[:12] + b"\x81\x00\x00\x0a" + tagged[12:]
    assert headers(tagged)[0].size == 18


def test_vxlan_carries_a_frame_with_headers_of_its_own() -> None:
    """A frame in a VXLAN packet is taken apart as well."""
    inner = frame(packet(request(), 6))
    wrapped = dpkt.udp.UDP(sport=50002, dport=4789, data=bytes(4) + (4097).to_bytes(3) + b"\0" + inner)
    wrapped.ulen = len(wrapped)
    found = headers(frame(packet(wrapped, 17)))
    assert [header.protocol for header in found[:4]] == ["Ethernet", "IPv4", "UDP", "VXLAN"]
    assert found[3].inside == "a frame of network 4097"
    assert found[4:] == headers(inner)


def test_what_cannot_be_read_is_left_out() -> None:
    """An ARP question has a link header only, and half a header gives none."""
    assert [header.inside for header in headers(frame(b"?" * 28, dpkt.ethernet.ETH_TYPE_ARP))] == ["ARP (0x0806)"]
    assert headers(frame(packet(request(), 6))[:9]) == ()


@pytest.mark.testbed
def test_the_headers_of_a_hop_are_those_of_the_request(bed: Testbed) -> None:
    """A hop's frame is the one that carries the request; on another link it has other MAC addresses."""
    with_lab = Lab("test_headers").start()
    try:
        (web,) = with_lab.containers("web")
        path = trace(web, "http://203.0.113.10")
        first, last = path.headers(1), path.headers(len(path.hops))
        assert [header.layer for header in first] == ["link", "internet", "transport", "application"]
        assert first[3].inside == "GET / HTTP/1.1"
        assert [one == other for one, other in zip(first, last, strict=True)] == [False, False, True, True]
        assert "(web eth0)" in repr(first)
        assert "(internet eth0)" in repr(last)
        with pytest.raises(LessonError, match="no hop 99"):
            path.headers(99)
    finally:
        with_lab.close()
