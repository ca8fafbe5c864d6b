"""What a lab refuses to ask Docker for, each with what is wrong and what to write instead; and what it lets through."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from dockernet_lessons.container_inputs import Where, read_container
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container, Network
from dockernet_lessons.network_inputs import check_free, check_parent, read_network
from dockernet_lessons.plans import ContainerPlan, NetworkPlan, Port, Published

SHOP = Network("shop", "bridge", "host1", (ip_network("172.30.0.0/24"), ip_network("2001:db8:1::/64")))
MACVLAN = Network("mv", "macvlan", "host1", (ip_network("192.0.2.0/24"),))
IPVLAN = Network("iv", "ipvlan", "host1", (ip_network("192.0.2.0/24"),))
BRIDGE = Network("bridge", "bridge", "host1", (ip_network("172.17.0.0/16"),))
HOST = Network("host", "host", "host1")
NONE = Network("none", "none", "host1")
WEB = Container("web", "host1", "abc")


def network(**wishes: Any) -> NetworkPlan:
    """Read a network called shop."""
    words = ("subnet", "gateway", "ip_range", "ipv6", "attachable", "parent", "mode", "mtu", "icc")
    unset = dict.fromkeys((*words, "masquerade", "published_at", "options"))
    return read_network("shop", **{"driver": "bridge", "internal": False, **unset, **wishes})


def container(on: Network | Container = SHOP, **wishes: Any) -> ContainerPlan:
    """Read a container called box."""
    where = Where(None, shared=on) if isinstance(on, Container) else Where(on)
    return read_container("box", where, **wishes)


LAN = {"driver": "macvlan", "subnet": "192.0.2.0/24", "parent": "eth0"}

REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "two subnets of one kind": (
        lambda: network(subnet=["172.30.0.0/24", "172.31.0.0/24"]),
        "A bridge network has one subnet of IPv4, and several were given.",
    ),
    "a gateway elsewhere": (
        lambda: network(subnet="172.30.0.0/24", gateway="172.31.0.1"),
        "The gateway 172.31.0.1 is in no subnet of this network.",
    ),
    "a gateway that is none": (lambda: network(subnet="172.30.0.0/24", gateway="x"), "'x' is not an address."),
    "a range elsewhere": (
        lambda: network(subnet="172.30.0.0/24", ip_range="172.31.0.0/25"),
        "The range 172.31.0.0/25 is not part of a subnet of this network.",
    ),
    "a range without subnet": (
        lambda: network(ip_range="172.31.0.0/25"),
        "The range 172.31.0.0/25 is not part of a subnet of this network.",
    ),
    "the LAN without range": (
        lambda: network(**LAN),
        "Docker would hand out addresses of 192.0.2.0/24 that others on the LAN have.",
    ),
    "the neighbour's address": (
        lambda: network(**LAN, ip_range="192.0.2.0/29"),
        "The range 192.0.2.0/29 holds 192.0.2.3, which is the neighbour's address.",
    ),
    "host2's address": (
        lambda: network(**LAN, ip_range="192.0.2.12/30"),
        "The range 192.0.2.12/30 holds 192.0.2.12, which is host2's address.",
    ),
    "a bridge with a parent": (lambda: network(parent="eth0"), "A network of the driver bridge has no parent."),
    "a bridge with a mode": (lambda: network(mode="l2"), "A network of the driver bridge has no mode."),
    "a macvlan without icc": (
        lambda: network(driver="macvlan", icc=False),
        "A network of the driver macvlan has no icc.",
    ),
    "an attachable bridge": (lambda: network(attachable=True), "A network of the driver bridge has no attachable."),
    "a mode of the other driver": (
        lambda: network(driver="macvlan", mode="l3"),
        "macvlan has no mode called 'l3'.",
    ),
    "a parent of three words": (
        lambda: network(driver="macvlan", parent="e t h"),
        "'e t h' cannot name an interface.",
    ),
    "an MTU of no bytes": (lambda: network(mtu=0), "0 is not an MTU."),
    "an MTU in words": (lambda: network(mtu="big"), "'big' is not an MTU."),
    "options that are none": (lambda: network(options="x=y"), "options='x=y' does not say what leads to what."),
    "an address on the default bridge": (
        lambda: container(BRIDGE, ip="172.17.0.9"),
        "On 'bridge' a container cannot have ip.",
    ),
    "an alias on the default bridge": (
        lambda: container(BRIDGE, aliases=["db"]),
        "On 'bridge' a container cannot have aliases.",
    ),
    "an address elsewhere": (
        lambda: container(ip="172.31.0.9"),
        "172.31.0.9 is in no subnet of the network shop.",
    ),
    "the first address": (lambda: container(ip="172.30.0.0"), "172.30.0.0 names all of 172.30.0.0/24, nobody in it."),
    "the last address": (lambda: container(ip="172.30.0.255"), "172.30.0.255 names all of 172.30.0.0/24"),
    "the router's address": (lambda: container(MACVLAN, ip="192.0.2.254"), "192.0.2.254 is the address of the router."),
    "six for four": (lambda: container(ip="2001:db8:1::9"), "2001:db8:1::9 is an address of IPv6."),
    "four for six": (lambda: container(ip6="172.30.0.9"), "172.30.0.9 is an address of IPv4."),
    "no MAC address": (lambda: container(mac="zz"), "'zz' is not a MAC address."),
    "a MAC address of a group": (
        lambda: container(mac="01:00:00:00:00:01"),
        "01:00:00:00:00:01 is a MAC address of a group.",
    ),
    "a MAC address on ipvlan": (
        lambda: container(IPVLAN, mac="02:00:00:00:00:01"),
        "On 'iv' a container has no MAC address of its own: it has the MAC address of its parent.",
    ),
    "a MAC address without interface": (
        lambda: container(NONE, mac="02:00:00:00:00:01"),
        "On 'none' a container has no MAC address of its own: it has no interface.",
    ),
    "a port of no protocol": (lambda: container(publish={"80/icmp": 80}), "names no protocol that has ports."),
    "a port above all": (lambda: container(publish={65536: 80}), "65536 is not a port."),
    "a port inside above all": (lambda: container(publish={80: 65536}), "65536 is not a port."),
    "a port at no address": (lambda: container(publish={"300.0.0.1:80": 80}), "'300.0.0.1' is not an address."),
    "a port in words": (lambda: container(publish={"127.0.0.1:http": 80}), "'127.0.0.1:http' is not a port."),
    "truth as a port": (lambda: container(publish={True: 80}), "True is not a port."),
    "one port twice": (lambda: container(publish={8080: 80, "8080": 81}), "The port 8080 is published twice."),
    "two protocols": (lambda: container(publish={"80/udp": "80/tcp"}), "'80/udp' and '80/tcp' are of two protocols."),
    "to expose text": (lambda: container(expose="80"), "expose='80' is no list."),
    "to expose a word": (lambda: container(expose=["http"]), "'http' is not a port."),
    "a name server by name": (lambda: container(dns=["dns.example.com"]), "'dns.example.com' is not an address."),
    "one name server": (lambda: container(dns="192.0.2.254"), "dns='192.0.2.254' is no list."),
    "hosts by name": (lambda: container(hosts={"db": "cache"}), "'cache' is not an address."),
    "an odd variable": (lambda: container(env={"1A": "x"}), "'1A' cannot name an environment variable."),
    "an odd capability": (lambda: container(capabilities=["NET_ADMN"]), "'NET_ADMN' is no capability"),
    "a setting of the machine": (
        lambda: container(sysctls={"kernel.hostname": "x"}),
        "A container has no setting 'kernel.hostname' of its own.",
    ),
    "a setting of the host": (
        lambda: container(HOST, sysctls={"net.ipv4.ip_forward": "0"}),
        "On the network 'host' a container has its host's settings.",
    ),
    "a host name of blanks": (lambda: container(hostname="a b"), "'a b' cannot be a host name."),
    "to publish in another's network": (
        lambda: container(WEB, publish={8080: 80}),
        "A container in the network of web cannot have publish of its own.",
    ),
    "a name in another's network": (
        lambda: container(WEB, hostname="me"),
        "A container in the network of web cannot have hostname of its own.",
    ),
    "an address in another's network": (
        lambda: container(WEB, ip="172.30.0.9"),
        "On 'container:web' a container cannot have ip.",
    ),
    "the LAN for a bridge": (
        lambda: check_free(network(subnet="192.0.2.0/24"), []),
        "The subnet 192.0.2.0/24 overlaps 192.0.2.0/24, which is the LAN's.",
    ),
    "the internet for a macvlan": (
        lambda: check_free(network(driver="macvlan", subnet="203.0.113.0/24"), []),
        "The subnet 203.0.113.0/24 overlaps 203.0.113.0/24, which is the internet's.",
    ),
    "another's subnet of IPv6": (
        lambda: check_free(network(subnet=["172.31.0.0/24", "2001:db8:1::/64"]), [SHOP]),
        "The subnet 2001:db8:1::/64 overlaps 2001:db8:1::/64, which is the network shop's.",
    ),
    "a parent that is not there": (
        lambda: check_parent("eth1", "host1", ADDRESSES),
        "host1 has no interface called 'eth1'.",
    ),
    "a VLAN above all": (lambda: check_parent("eth0.4095", "host1", ADDRESSES), "host1 has no interface called"),
}

ADDRESSES = '[{"ifindex": 2, "ifname": "eth0", "link_type": "ether", "mtu": 1500, "flags": ["UP"]}]'


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused(what: str) -> None:
    """The message says what is wrong with what was asked for, and the hint what to write instead."""
    ask, says = REFUSED[what]
    with pytest.raises(LessonError) as caught:
        ask()
    assert says in caught.value.message
    assert caught.value.hint


def test_a_network_on_the_lan_has_the_router_as_its_gateway() -> None:
    """A macvlan on the LAN may have the LAN's subnet, keeps to its range, and leads to the router unless told."""
    plan = network(**LAN, ip_range="192.0.2.64/27", mode="private")
    check_free(plan, [])
    check_parent("eth0", "host1", ADDRESSES)
    check_parent("eth0.50", "host1", ADDRESSES)
    assert plan.gateways == (ip_address("192.0.2.254"),)
    assert plan.options == (("macvlan_mode", "private"), ("parent", "eth0"))
    assert network(**LAN, ip_range="192.0.2.64/27", gateway="192.0.2.3").gateways == (ip_address("192.0.2.3"),)
    assert network(driver="ipvlan", mode="l3", subnet="192.0.2.0/24", ip_range="192.0.2.64/27").gateways == ()


def test_an_ipvlan_may_have_several_subnets() -> None:
    """In mode l3 one network routes between several subnets of one kind."""
    plan = network(driver="ipvlan", mode="l3", subnet=["198.51.100.0/25", "198.51.100.128/25"])
    assert [str(subnet) for subnet in plan.subnets] == ["198.51.100.0/25", "198.51.100.128/25"]


def test_options_have_short_names() -> None:
    """Docker's long option names stand behind short words, and may be given in full as well."""
    plan = network(mtu=1400, icc=False, masquerade=False, published_at="127.0.0.1", options={"x": "y"})
    assert dict(plan.options) == {
        "com.docker.network.bridge.name": "br-shop",
        "com.docker.network.driver.mtu": "1400",
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
        "x": "y",
    }
    assert network(options={"com.docker.network.bridge.name": "mine"}).options == (
        ("com.docker.network.bridge.name", "mine"),
    )


def test_ports_are_published_in_every_way() -> None:
    """A port alone, at an address of either kind, and of another protocol."""
    plan = container(
        publish={8080: 80, "127.0.0.1:8081": 80, "8053/udp": 53, "[::1]:8082": "80/tcp", "53/udp": "53/udp"}
    )
    assert plan.publish == (
        Published(8080, Port(80)),
        Published(8081, Port(80), ip_address("127.0.0.1")),
        Published(8053, Port(53, "udp")),
        Published(8082, Port(80), ip_address("::1")),
        Published(53, Port(53, "udp")),
    )
    both = container(publish={"53/tcp": 53, "53/udp": 53}, expose=["90/udp", 91])
    assert [each.inner.protocol for each in both.publish] == ["tcp", "udp"]
    assert both.expose == (Port(90, "udp"), Port(91))


def test_whose_host_name_a_container_has() -> None:
    """Its own name, but on the network host its host's, and in another's network that one's."""
    assert container().hostname == "box"
    assert container(HOST).hostname is None
    assert container(WEB).hostname is None
    assert container(WEB).network == "container:web"
    assert container(hostname="other").hostname == "other"
