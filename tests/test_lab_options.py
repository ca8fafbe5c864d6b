"""Whatever a lab can ask Docker for is really there on the testbed, and typed by hand the script makes the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from dockernet_lessons import observe, probe
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Link, Place
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab that is started, with nothing in it; it is closed afterwards."""
    assert bed.alive()
    lab = Lab("test_options").start()
    yield lab
    lab.close()


def place(name: str) -> Place:
    """Observe one place."""
    return next(each for each in observe.places() if name in (each.name, *each.containers))


def eth(name: str, number: int = 0) -> Link:
    """Observe one interface of a container."""
    return next(link for link in place(name).links if link.name == f"eth{number}")


def inspected(lab: Lab, name: str) -> dict[str, object]:
    """Give what the engine says of a container."""
    (found,) = json.loads(lab.bed.run("host1", ["docker", "inspect", name]).stdout)
    return dict(found)


# ---- networks ------------------------------------------------------------------------------------------------


def test_a_network_of_both_versions(lab: Lab) -> None:
    """A network with a subnet of IPv6 gives its containers both kinds of addresses, and ways to everywhere."""
    dual = lab.network("dual", subnet=["172.30.0.0/24", "2001:db8:1::/64"], gateway=["172.30.0.254", "2001:db8:1::fe"])
    assert [str(subnet) for subnet in dual.subnets] == ["172.30.0.0/24", "2001:db8:1::/64"]
    six = lab.container("six", on=dual, ip="172.30.0.9", ip6="2001:db8:1::9")
    assert [str(address) for address in eth("six").addresses] == ["172.30.0.9/24", "2001:db8:1::9/64"]
    defaults = {route.version: str(route.via) for route in place("six").routes if route.destination is None}
    assert defaults == {4: "172.30.0.254", 6: "2001:db8:1::fe"}
    assert any(route.via for route in observe.routes(six, version=6))
    assert "2001:db8:1::/64" in {str(route.destination) for route in observe.routes("host1", version=6)}


def test_docker_hands_out_the_range(lab: Lab) -> None:
    """Addresses come from the range, not from the beginning of the subnet."""
    shop = lab.network("shop", subnet="172.30.0.0/24", ip_range="172.30.0.64/27", gateway="172.30.0.1")
    lab.containers("web", "db", on=shop)
    assert [str(eth(name).addresses[0]) for name in ("web", "db")] == ["172.30.0.64/24", "172.30.0.65/24"]


def test_the_options_of_a_bridge(lab: Lab) -> None:
    """ICC off keeps siblings apart, without masquerade a container is seen as itself, and the MTU is the one given."""
    apart = lab.network("apart", subnet="172.30.0.0/24", icc=False, mtu=1400)
    one, _ = lab.containers("one", "two", on=apart)
    assert eth("one").mtu == 1400
    assert not probe.ping(one, "172.30.0.3").reached
    assert probe.ping("host1", "172.30.0.3").reached
    plain = lab.network("plain", subnet="172.31.0.0/24", masquerade=False)
    lab.container("seen", on=plain)
    assert not [rule for rule in observe.nat() if rule.rule.startswith("-s 172.31.0.0/24")]
    local = lab.network("local", subnet="172.29.0.0/24", published_at="127.0.0.1")
    lab.container("here", on=local, publish={8085: 80})
    assert probe.fetch("host1", "http://127.0.0.1:8085").problem is None
    assert probe.fetch("neighbour", "http://192.0.2.11:8085").problem == "connection refused"


def test_a_macvlan_on_the_lan(lab: Lab) -> None:
    """A macvlan hangs on its parent in its mode, has addresses of the LAN, and reaches all there but its host."""
    lan = lab.network(
        "lan", driver="macvlan", parent="eth0", mode="private", subnet="192.0.2.0/24", ip_range="192.0.2.64/27"
    )
    box, _ = lab.container("box", on=lan, mac="02:00:00:00:00:2A"), lab.container("other", on=lan, ip="192.0.2.70")
    link = eth("box")
    assert (link.kind, link.mode, link.mac, link.peer_place) == ("macvlan", "private", "02:00:00:00:00:2a", "host1")
    parent = next(each for each in place("host1").links if each.index == link.peer)
    assert parent.name == "eth0"
    assert str(link.addresses[0]) == "192.0.2.64/24"
    assert probe.ping("neighbour", "192.0.2.70").reached
    assert not probe.ping("host1", "192.0.2.64").reached
    assert not probe.ping(box, "192.0.2.70").reached
    assert probe.ping(box, "203.0.113.10").reached


def test_a_parent_that_is_not_there_is_refused(lab: Lab) -> None:
    """Docker would accept it and fail later: the error lists the host's interfaces."""
    with pytest.raises(LessonError, match="host1 has no interface called 'eth7'") as caught:
        lab.network("lan", driver="macvlan", parent="eth7", subnet="172.30.0.0/24")
    assert "eth0" in caught.value.hint


# ---- containers ----------------------------------------------------------------------------------------------


def test_a_container_in_the_network_of_another(lab: Lab) -> None:
    """It has the other's interfaces, address and ports; both are told of the one place, and each can be asked."""
    web = lab.container("web")
    side = lab.container("side", on=web, env={"PORT": "81"})
    shared = place("web")
    assert (shared.name, shared.containers) == ("web", ("side", "web"))
    assert [link.mac for link in observe.links("side")] == [link.mac for link in observe.links(web)]
    assert probe.fetch("host1", "http://172.17.0.2:81").text.startswith("I am web.")
    assert {(each.port, each.process) for each in observe.listeners(side)} == {(80, "socat"), (81, "socat")}
    assert lab.container("side", on="container:web", env={"PORT": "81"}) == side
    with pytest.raises(LessonError, match="No container of this lab is called 'wbe'"):
        lab.container("lost", on="container:wbe")


def test_a_container_in_the_network_of_its_host(lab: Lab) -> None:
    """It lives in its host's place, listens there, and calls itself by its host's name."""
    lab.container("plain", on="host", env={"PORT": "8090"})
    assert place("plain").name == "host1"
    assert "plain" in place("host1").containers
    assert probe.fetch("neighbour", "http://192.0.2.11:8090").text.startswith("I am host1.")
    assert observe.links("plain").command == "docker exec plain ip address"


def test_a_container_on_several_networks(lab: Lab) -> None:
    """It has an interface on each, and is known by its names on each."""
    front, back = lab.network("front", subnet="172.30.0.0/24"), lab.network("back", subnet="172.31.0.0/24")
    lab.container("both", on=[front, "back"], aliases=["middle"])
    web, db = lab.container("web", on=front), lab.container("db", on=back)
    assert [str(eth("both", number).addresses[0]) for number in (0, 1)] == ["172.30.0.2/24", "172.31.0.2/24"]
    assert probe.ping(web, "middle").reached
    assert probe.ping(db, "both").reached
    assert not probe.ping(web, db).reached


def test_ports_are_published_where_asked(lab: Lab) -> None:
    """At all addresses, at one, of UDP; and those that are exposed at ports that Docker chooses."""
    lab.container("web", publish={8080: 80, "127.0.0.1:8081": 80, "8053/udp": 53}, expose=["90/udp"], publish_all=True)
    listening = {(each.protocol, each.address, each.port) for each in place("host1").listeners}
    everywhere, here = IPv4Address(0), IPv4Address("127.0.0.1")
    assert listening >= {("tcp", everywhere, 8080), ("tcp", here, 8081), ("udp", everywhere, 8053)}
    assert {each.process for each in place("host1").listeners} == {"docker-proxy"}
    assert probe.fetch("neighbour", "http://192.0.2.11:8080").problem is None
    assert probe.fetch("neighbour", "http://192.0.2.11:8081").problem == "connection refused"
    assert probe.fetch("host1", "http://127.0.0.1:8081").problem is None
    ports = probe.run("host1", "docker port web").text
    assert "90/udp -> 0.0.0.0:" in ports


def test_what_a_container_finds_inside(lab: Lab) -> None:
    """Its name, variables, settings, name servers, lines of its hosts file and capabilities are those given."""
    box = lab.container(
        "box",
        on=lab.network("shop", subnet="172.30.0.0/24"),
        hostname="till",
        env={"COLOUR": "green blue"},
        sysctls={"net.ipv4.ip_forward": "0"},
        hosts={"outside": "203.0.113.10"},
        dns=["192.0.2.254"],
        capabilities=["NET_ADMIN"],
    )
    assert probe.run(box, "hostname; echo $COLOUR").text == "till\ngreen blue\n"
    assert {each.value for each in observe.settings(box) if each.name == "net.ipv4.ip_forward"} == {"0"}
    assert [str(address) for address in probe.resolve(box, "outside").addresses] == ["203.0.113.10"]
    assert [str(address) for address in probe.resolve(box, "www.example.com").addresses] == ["203.0.113.10"]
    probe.run(box, "ip link set eth0 mtu 1300")
    assert eth("box").mtu == 1300
    plain = lab.container("plain")
    with pytest.raises(LessonError, match="Operation not permitted"):
        probe.run(plain, "ip link set eth0 mtu 1300")


def test_stopping_and_starting(lab: Lab) -> None:
    """A container that is stopped has no place; started again it has one, and restarted another."""
    web = lab.container("web", on=lab.network("shop", subnet="172.30.0.0/24"))
    first = place("web").door
    lab.stop(web)
    assert "web" not in {each.name for each in observe.places()}
    lab.start_again("web")
    assert probe.ping("host1", "172.30.0.2").reached
    started = place("web").door
    lab.restart(web)
    assert len({first, started, place("web").door}) == 3
    assert [line for line in lab.script if line.endswith(" web")] == [
        "docker stop web",
        "docker start web",
        "docker restart web",
    ]


def test_the_script_makes_the_same_with_every_option(lab: Lab) -> None:
    """The commands that a lab shows, typed into the real docker command, ask the engine for the same."""
    dual = lab.network("dual", subnet=["172.30.0.0/24", "2001:db8:1::/64"], mtu=1400, options={"x.y": "a b"})
    back = lab.network("back", subnet="172.31.0.0/24", ip_range="172.31.0.64/26", gateway="172.31.0.1")
    lab.container(
        "full",
        on=[dual, back],
        ip="172.30.0.9",
        ip6="2001:db8:1::9",
        mac="02:00:00:00:00:2a",
        aliases=["six"],
        hostname="till",
        publish={8080: 80, "127.0.0.1:8081": 80, "8053/udp": 53},
        expose=["90/udp"],
        hosts={"outside": "203.0.113.10"},
        dns=["192.0.2.254"],
        env={"COLOUR": "green blue"},
        capabilities=["NET_ADMIN"],
        sysctls={"net.ipv4.ip_forward": "0"},
        command=["sh", "-c", "sleep 600; echo 'done'"],
    )
    lab.container("side", on="container:full")

    def told() -> list[object]:
        full, side = inspected(lab, "full"), inspected(lab, "side")
        config, settings = dict(full["Config"]), dict(full["HostConfig"])  # type: ignore[call-overload]
        assert dict(side["HostConfig"])["NetworkMode"].removeprefix("container:") in (full["Id"], "full")  # type: ignore[call-overload]
        settings["CapAdd"] = [name.removeprefix("CAP_") for name in settings["CapAdd"]]  # the command adds it
        keys = ("CapAdd", "Dns", "ExtraHosts", "NetworkMode", "PortBindings", "PublishAllPorts", "Sysctls")
        nets = json.loads(lab.bed.run("host1", ["docker", "network", "inspect", "dual", "back"]).stdout)
        return [
            {key: config[key] for key in ("Hostname", "Env", "Cmd", "ExposedPorts", "Image")},
            {key: settings[key] for key in keys},
            [(net["IPAM"]["Config"], net["Options"], net["EnableIPv6"], net["Internal"]) for net in nets],
            [(link.mac, link.mtu, link.addresses) for link in place("full").links if link.name == "eth0"],
            [link.addresses for link in place("full").links],
        ]

    by_lab, script = told(), list(lab.script)
    lab.close()
    lab.start()
    try:
        for line in script:
            lab.bed.run("host1", ["sh", "-c", line])
        assert told() == by_lab
    finally:
        for name in ("side", "full"):
            lab.bed.engine().remove_container(name)
        for name in ("dual", "back"):
            lab.bed.engine().remove_network(name)


@pytest.mark.parametrize(
    ("on", "says"),
    [
        ([], "No network was named."),
        (["bridge", "none"], "A container on 'none' cannot be on another network, too."),
        (["bridge", "nowhere"], "No network is called 'nowhere'."),
        ("container:nobody", "No container of this lab is called 'nobody'."),
    ],
)
def test_where_no_container_can_be(lab: Lab, on: object, says: str) -> None:
    """The error says what of it is not there, or does not go together."""
    with pytest.raises(LessonError) as caught:
        lab.container("lost", on=on)  # type: ignore[arg-type]
    assert caught.value.message == says
    assert lab.running() == {}
