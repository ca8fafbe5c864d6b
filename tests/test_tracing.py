"""The parts of a trace, each by itself: what is heard, how it is joined, which rule it was, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import dpkt
import pytest

from dockernet_lessons import Lab, LessonError, fetch, ping, run
from dockernet_lessons.facts import Chain, Container, End, Link, Listener, Place, Route, Rule
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.tracing import capture, decode, probes
from dockernet_lessons.tracing.counters import losses, matched
from dockernet_lessons.tracing.journey import Journey, journey
from dockernet_lessons.tracing.packets import Hop, Leg, Packet, Probe
from dockernet_lessons.tracing.seen import Seen, lookup
from dockernet_lessons.tracing.trace import trace, why
from dockernet_lessons.tracing.verdict import judge

HERE = End("web", "eth0")
MACS = {"web": "02:00:00:00:00:02", "db": "02:00:00:00:00:03", "odd": "02:00:00:00:00:09"}


def frame(content: object, *, kind: int = dpkt.ethernet.ETH_TYPE_IP) -> bytes:
    """Give a frame from web to db that holds this."""
    source, target = (bytes.fromhex(MACS[who].replace(":", "")) for who in ("web", "db"))
    return bytes(dpkt.ethernet.Ethernet(src=source, dst=target, type=kind, data=content))


def ip(carried: object, protocol: int, *, ttl: int = 64) -> object:
    """Give an IP packet from 172.30.0.2 to 172.30.0.3."""
    source, target = (ip_address(f"172.30.0.{last}").packed for last in (2, 3))
    return dpkt.ip.IP(src=source, dst=target, p=protocol, ttl=ttl, data=carried)


def read(*frames: bytes) -> list[Packet]:
    """Read frames as they would come from a capture file."""
    file = io.BytesIO()
    writer = dpkt.pcap.Writer(file, nano=True)
    for number, data in enumerate(frames):
        writer.writepkt(data, ts=1000 + number)
    return list(decode.packets(file.getvalue(), HERE))


def echo(kind: int = 8, data: bytes = b"token") -> object:
    """Give an echo request or reply."""
    return dpkt.icmp.ICMP(type=kind, data=dpkt.icmp.ICMP.Echo(id=1, seq=1, data=data))


def test_an_echo_request_is_read() -> None:
    """A ping is read with its addresses, its time to live and what it carries."""
    (packet,) = read(frame(ip(echo(), dpkt.ip.IP_PROTO_ICMP, ttl=63)))
    assert (packet.kind, packet.ttl, packet.data, str(packet.target)) == ("echo request", 63, b"token", "172.30.0.3")
    assert (packet.mac_from, packet.mac_to) == (MACS["web"], MACS["db"])


def test_a_connection_is_read() -> None:
    """A SYN is read with its ports and the number by which it is known again."""
    syn = dpkt.tcp.TCP(sport=50001, dport=80, seq=7, flags=dpkt.tcp.TH_SYN)
    (packet,) = read(frame(ip(syn, dpkt.ip.IP_PROTO_TCP)))
    assert (packet.kind, packet.source_port, packet.target_port, packet.number) == ("SYN", 50001, 80, 7)


def test_an_error_is_read_with_what_it_is_about() -> None:
    """An ICMP error is read together with the packet that it quotes."""
    quoted = ip(echo(data=b"mine"), dpkt.ip.IP_PROTO_ICMP)
    error = dpkt.icmp.ICMP(type=3, code=1, data=dpkt.icmp.ICMP.Unreach(data=quoted))
    (packet,) = read(frame(ip(error, dpkt.ip.IP_PROTO_ICMP)))
    assert packet.kind == "host unreachable"
    assert packet.about is not None
    assert packet.about.data == b"mine"


def test_a_vxlan_packet_is_read_inside_and_outside() -> None:
    """The frame that a VXLAN packet carries is read, with the network's number and the outer addresses."""
    inner = frame(ip(echo(), dpkt.ip.IP_PROTO_ICMP))
    outer = dpkt.udp.UDP(sport=4000, dport=4789, data=b"\x08\0\0\0" + (4097).to_bytes(3) + b"\0" + inner)
    outer.ulen = 8 + 8 + len(inner)
    (packet,) = read(frame(ip(outer, dpkt.ip.IP_PROTO_UDP)))
    assert (packet.network, packet.innermost.kind, packet.target_port) == (4097, "echo request", 4789)


def test_rubbish_is_passed_over() -> None:
    """Bytes that are no frame, or a frame that is cut off, end no trace."""
    assert read(b"", b"\x01\x02", frame(ip(echo(), dpkt.ip.IP_PROTO_ICMP))[:20])[-1:] != []
    assert list(decode.packets(b"", HERE)) == []


# ---- rules that matched ------------------------------------------------------------------------------------------


def host(*rules: Rule, chains: tuple[Chain, ...] = (), **more: object) -> Place:
    """Give a host with rules."""
    return Place("host1", "host", "host1", 1, rules=rules, chains=chains, **more)  # type: ignore[arg-type]


JUMP = Rule("filter", "FORWARD", "-j DOCKER-USER", 0)
DROP = Rule("filter", "DOCKER-USER", "-s 192.0.2.3/32 -j DROP", 0)


def test_a_rule_that_matched_is_found_with_the_way_to_it() -> None:
    """The rule whose counter moved is named with its chain, and with the kernel's chain that leads there."""
    (loss,) = losses(host(JUMP, DROP), host(JUMP, replace(DROP, packets=1)))
    assert (loss.where, loss.rule, loss.said_so) == ("filter FORWARD, chain DOCKER-USER", DROP.rule, False)


def test_rules_that_read_alike_are_told_apart() -> None:
    """Of two rules of the same words, the one whose counter moved is the one that matched."""
    assert [rule.packets for rule in matched(host(DROP, DROP), host(DROP, replace(DROP, packets=2)))] == [2]


def test_what_only_lets_pass_is_no_loss() -> None:
    """A rule that accepts, or jumps, takes nothing away, however often it matches."""
    by_nft = Rule("ip mine", "in", 'iifname "drop" counter accept', 0)
    for accept in (Rule("filter", "FORWARD", "-i br-drop -j ACCEPT", 0), by_nft):
        assert losses(host(JUMP, accept), host(replace(JUMP, packets=3), replace(accept, packets=3))) == ()


def test_a_rule_of_nft_that_drops_is_a_loss() -> None:
    """A rule that nft itself made is found as well, with its table and chain."""
    drop = Rule("ip mine", "in", "ip protocol icmp counter drop", 0)
    (loss,) = losses(host(drop), host(replace(drop, packets=1)))
    assert loss.where == "chain in of the table ip mine"


def test_a_policy_that_drops_is_a_loss() -> None:
    """Packets on which no rule decided are lost by a policy of DROP, and not by one of ACCEPT."""
    for policy, lost in (("DROP", 1), ("ACCEPT", 0)):
        before, after = (host(chains=(Chain("filter", "FORWARD", policy, packets),)) for packets in (0, 1))
        assert len(losses(before, after)) == lost


# ---- verdicts that must not be guessed ---------------------------------------------------------------------------


def link(name: str, mac: str, address: str, **more: object) -> Link:
    """Give an interface."""
    return Link(name, "veth", 2, mac, 1500, True, addresses=(ip_interface(address),), **more)  # type: ignore[arg-type]


WEB = Place(
    "web",
    "container",
    "host1",
    2,
    links=(link("eth0", MACS["web"], "172.30.0.2/24"),),
    routes=(Route(ip_network("172.30.0.0/24"), "eth0"),),
    door="pid:2",
)
DB = replace(WEB, name="db", inode=3, links=(link("eth0", MACS["db"], "172.30.0.3/24"),), door="pid:3")
PROBE = Probe("ping", "web", "web", "db", ip_address("172.30.0.3"), None, b"token")


def verdict_of(*heard: Packet, before: tuple[Place, ...] = (WEB, DB), after: tuple[Place, ...] = (WEB, DB)) -> str:
    """Judge what was heard."""
    way = journey(heard, PROBE, before, {packet.at for packet in heard}, {})
    seen = Seen(PROBE, {one.name: one for one in before}, {one.name: one for one in after}, heard, way)
    return repr(judge(seen))


def sighting(place: str, time: int) -> Packet:
    """Give the probe as it was heard in a place."""
    (packet,) = read(frame(ip(echo(), dpkt.ip.IP_PROTO_ICMP)))
    return replace(packet, at=End(place, "eth0"), time=time)


def test_silence_is_not_explained() -> None:
    """A packet that came to its target and got no answer is said to be just that, for nothing tells why."""
    said = verdict_of(sighting("web", 1), sighting("db", 2))
    assert said == "web did not reach db, and I can't tell why: it came to db, and no answer was heard."


def test_two_rules_that_dropped_are_not_one_cause() -> None:
    """Where two rules took packets away meanwhile, neither is said to have been the one."""
    rules = tuple(Rule("filter", "INPUT", f"-p {what} -j DROP", 0) for what in ("icmp", "tcp"))
    counted = tuple(replace(rule, packets=1) for rule in rules)
    places = replace(DB, rules=rules), replace(DB, rules=counted)
    said = verdict_of(sighting("web", 1), sighting("db", 2), before=(WEB, places[0]), after=(WEB, places[1]))
    assert "I can't tell why: more than one rule of db" in said


def test_a_rule_elsewhere_is_not_blamed() -> None:
    """A rule of a place that the packet was not last seen in is no cause, though its counter moved."""
    rule = Rule("filter", "INPUT", "-p icmp -j DROP", 0)
    before, after = replace(WEB, rules=(rule,)), replace(WEB, rules=(replace(rule, packets=1),))
    assert "can't tell" in verdict_of(sighting("web", 1), sighting("db", 2), before=(before, DB), after=(after, DB))


def test_nothing_heard_and_nothing_known_is_said_so() -> None:
    """A probe that was heard nowhere, with a route and no rule in its way, is not explained."""
    assert "I can't tell why: nothing of it left web" in verdict_of()


def test_copies_of_a_switch_are_left_out() -> None:
    """What a switch sends to everybody because it does not know better is no hop of the packet's way."""
    odd = replace(WEB, name="odd", links=(link("eth0", MACS["odd"], "172.30.0.9/24"),))
    heard = [sighting("web", 1), sighting("odd", 2), sighting("db", 3)]
    way = journey(heard, PROBE, (WEB, DB, odd), {packet.at for packet in heard}, {})
    assert [hop.place for hop in way.hops] == ["web", "db"]


def test_a_route_is_looked_up_by_the_smallest_subnet() -> None:
    """Of the routes that fit, the one of the smallest subnet counts, and an IPv6 default route leads no IPv4."""
    wide, narrow = Route(ip_network("172.16.0.0/12"), "eth1"), Route(ip_network("172.30.0.0/24"), "eth0")
    place = replace(WEB, links=(), routes=(wide, narrow, Route(None, "eth2", ip_address("fe80::1"), version=6)))
    assert lookup(place, ip_address("172.30.0.3")) == narrow
    assert lookup(place, ip_address("198.51.100.1")) is None


def test_the_text_forms_of_a_way_hold_nothing_by_chance() -> None:
    """A hop shows names and addresses, and neither its time nor a MAC address."""
    hop = Hop(1, "web", "eth0", sighting("web", 12345), "web eth0")
    assert "12345" not in repr(hop.packet)
    assert Journey((Leg((hop,)),), ()).hops == (hop,)


def test_points_are_those_of_the_two_ends() -> None:
    """With both ends known, no third container is listened at; for an address that nobody has, every one is."""
    odd = replace(WEB, name="odd", links=(link("eth0", MACS["odd"], "172.30.0.9/24"),))
    places = (WEB, DB, odd)
    near = capture.points(places, "web", ip_address("172.30.0.3"), None, names=False)
    anywhere = capture.points(places, "web", ip_address("172.30.0.77"), None, names=False)
    assert {end.place for end in near} == {"web", "db"}
    assert {end.place for end in anywhere} == {"web", "db", "odd"}


def test_a_listener_of_dockers_is_a_relay() -> None:
    """A connection that docker-proxy accepts is followed into the one that it opens itself."""
    proxy = Listener("tcp", ip_address("0.0.0.0"), 8080, "docker-proxy")  # noqa: S104  # nobody listens: it is a value
    server = Place("host1", "host", "host1", 1, links=(link("lo", "", "127.0.0.1/8"),), listeners=(proxy,))
    probe = Probe("tcp", "host1", "host1", "127.0.0.1", ip_address("127.0.0.1"), 8080, b"", own_port=50001)
    lo = ip_address("127.0.0.1")
    syn = Packet(End("host1", "lo"), 1, "", MACS["web"], "tcp", "SYN", lo, lo, 64, 50001, 8080, 7)
    own = replace(syn, at=HERE, time=2, source_port=50002, target_port=80, number=99, source=ip_address("172.30.0.1"))
    way = journey([syn, own], probe, (server, WEB), {syn.at, own.at}, {})
    assert [leg.relay for leg in way.out] == [None, "docker-proxy"]


# ---- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("db", "pong", None, None), "No kind of packet is called 'pong'."),
        (("db", "tcp", None, None), "tcp needs a port."),
        (("db", "ping", 80, None), "ping takes no port."),
        (("db", None, 70000, None), "70000 is not a port."),
        (("db", None, None, 5), "size=5 cannot be sent."),
        (("http://db", "ping", None, None), "'http://db' says all by itself."),
        (("", None, None, None), "'' is neither a name nor an address."),
        (("-f", None, None, None), "'-f' is neither a name nor an address."),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments: tuple[object, ...], says: str) -> None:
    """Each wrong part of a question is told, with what is allowed, before anything is sent."""
    with pytest.raises(LessonError) as refused:
        probes.settle(*arguments)  # type: ignore[arg-type]
    assert refused.value.message == says
    assert refused.value.hint


@pytest.fixture(scope="module")
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab with two containers on a network, and one that has ended."""
    made = Lab("test_tracing").start()
    made.network("shop", subnet="172.30.0.0/24")
    made.containers("web", "db", on="shop")
    made.container("ended", command=["true"])
    bed.run("host1", ["docker", "wait", "ended"])
    yield made
    made.close()


@pytest.mark.testbed
def test_one_that_does_not_run_cannot_be_traced(lab: Lab) -> None:
    """A container that has ended is refused as source and as target, and so is one that never was."""
    gone = Container("ended", "host1", "0" * 64)
    for source, target, says in (
        ("ended", "db", "does not run"),
        ("web", gone, "no longer there"),
        ("nobody", "db", "No place of the testbed is called 'nobody'"),
    ):
        with pytest.raises(LessonError, match=says):
            trace(source, target)
    assert why("web", "db").reached


@pytest.mark.testbed
def test_a_packet_does_not_share_the_fate_of_one_before_it(lab: Lab) -> None:
    """While the kernel still asks for a MAC address that nobody has, a new packet has it asked anew."""
    nobody, bridge = "172.30.0.99", "br-shop"
    enter = "nsenter -n -t $(docker inspect -f '{{.State.Pid}}' web)"
    asks = (
        f"{enter} ping -c 1 -W 2 {nobody} >/dev/null; {enter} ip neighbour show {nobody}"  # asked three times, till 3 s
    )
    assert "INCOMPLETE" in str(run("host1", asks))
    assert f"nobody answers when web asks who has {nobody}" in str(why("web", nobody))
    lab.bed.run("host1", ["ip", "address", "add", f"{nobody}/24", "dev", bridge])
    try:
        assert ping("web", nobody).reached
        lab.bed.run("host1", ["ip", "address", "del", f"{nobody}/24", "dev", bridge])
        run("host1", f"{enter} ip neighbour flush all")
        assert "INCOMPLETE" in str(run("host1", asks))
        lab.bed.run("host1", ["ip", "address", "add", f"{nobody}/24", "dev", bridge])
        assert fetch("web", f"http://{nobody}").problem == "connection refused"
    finally:
        lab.bed.run("host1", ["ip", "address", "del", f"{nobody}/24", "dev", bridge])


@pytest.mark.testbed
def test_a_packet_of_which_nothing_is_heard_is_sent_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in a long while a machine at its limits lets us hear nothing at all, which is no reason to give up."""
    assert lab.running()
    listen = capture.listen
    heard: list[capture.Heard] = []

    def deaf_at_first(*points: Any, **options: Any) -> capture.Heard:
        heard.append(listen(*points, **options))
        return heard[-1] if len(heard) > 1 else replace(heard[-1], packets=())

    monkeypatch.setattr(capture, "listen", deaf_at_first)
    assert why("web", "db").reached
    assert len(heard) == 2


@pytest.mark.testbed
@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_a_port_that_another_has_is_not_sent_from(
    lab: Lab, kind: probes.ProbeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The neighbour serves at port 80, so nothing can be sent from there: another port is chosen."""
    taken, choose = [80], probes.secrets.choice
    monkeypatch.setattr(probes.secrets, "choice", lambda ports: taken.pop() if taken else choose(ports))
    lab.container("web", publish={8080: 80})
    assert trace("neighbour", "192.0.2.11", kind, port=8080).verdict.reached
    assert not taken


@pytest.mark.testbed
def test_a_capture_that_cannot_start_is_an_error(lab: Lab) -> None:
    """An interface that cannot be listened at is told; it never looks like silence, and nothing is left running."""
    assert lab.running()
    place = Place("neighbour", "neighbour", "neighbour", 1, door="neighbour")
    with pytest.raises(LessonError, match="could not listen everywhere"):
        capture.listen([End("neighbour", "nowhere0")], [place], "neighbour", ["true"], seconds=5)
    left = lab.bed.run("testbed", ["sh", "-c", "ls /tmp | grep capture; pgrep tcpdump"], check=False).stdout
    assert left == ""


@pytest.mark.testbed
def test_a_container_without_tools_is_traced(lab: Lab) -> None:
    """Nothing of the container's own is used: with its programs gone, it is traced as before."""
    bare = lab.container("bare", on="shop")
    lab.bed.run("host1", ["docker", "exec", "bare", "rm", "-r", "/usr/bin/ping", "/usr/bin/ip", "/usr/bin/sh"])
    assert why(bare, "db").reached
    assert why("db", bare).reached


@pytest.mark.testbed
def test_a_trace_is_shown_as_picture_table_and_sentence(lab: Lab) -> None:
    """A notebook shows the way on the picture, a table with the changes marked, and the verdict with its evidence."""
    found = trace("web", "neighbour")
    html = found._repr_html_()
    assert html.count("<img") == 1
    assert "<mark><b>63</b></mark>" in html
    assert "web reached neighbour." in html
    assert found.draw().alt.count("neighbour eth0")
    lost = trace("web", "198.51.100.1")
    assert lost.path.died == "no route"
    assert lost.path.steps[-1].state == "last"
