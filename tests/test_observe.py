"""What is observed is what is there: exact values, each negative beside a positive, each command tried by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockernet_lessons import observe, probe
from dockernet_lessons.errors import CommandFailed, LessonError
from dockernet_lessons.facts import Container, Network
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed


@dataclass(frozen=True)
class World:
    """The lab that these tests look at."""

    lab: Lab
    shop: Network
    web: Container
    db: Container
    front: Container
    back: Container
    proxy: Container
    alone: Container
    asleep: Container

    @property
    def ports(self) -> dict[str, str]:
        """Name the host's end of each container's cable."""
        host = {link.index: link.name for link in observe.links("host1")}
        return {
            each.name: host[link.peer]
            for each in (self.web, self.db, self.front, self.back, self.proxy)
            for link in observe.links(each)
            if link.peer is not None
        }


@pytest.fixture(scope="module")
def world(bed: Testbed) -> Iterator[World]:
    """Give two containers on each of two networks, one with a port, one without a network and one that ended."""
    assert bed.alive()
    lab = Lab("test_observe").start()
    shop = lab.network("shop", subnet="172.30.0.0/24")
    web, db = lab.containers("web", "db")
    front, back = lab.containers("front", "back", on=shop)
    proxy = lab.container("proxy", publish={8080: 80})
    alone = lab.container("alone", on="none")
    asleep = lab.container("asleep", command=["true"])
    bed.run("host1", ["docker", "wait", "asleep"])
    found = World(lab, shop, web, db, front, back, proxy, alone, asleep)
    for source, target in ((web, db), (front, back), (proxy, web)):
        assert probe.ping(source, target).reached
    yield found
    lab.close()


def by_hand(world: World, command: str) -> str:
    """Type a command line into a shell on host1, and give what it prints."""
    return world.lab.bed.run("host1", ["sh", "-c", command]).stdout


def cells(table: object) -> list[list[str]]:
    """Give the cells of a table as a learner sees them, headings first, without the command above them."""
    lines = repr(table).splitlines()[1:]
    starts = [match.start() for match in re.finditer(r"(?<=  )\S|^\S", lines[0])]
    return [[line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)] for line in lines]


# ---- tables --------------------------------------------------------------------------------------------------


def test_links_of_a_container(world: World) -> None:
    """A container's table has its loopback and its end of the cable, and says where the other end is."""
    eth0 = observe.links(world.web)[1]
    assert cells(observe.links(world.web)) == [
        ["interface", "kind", "state", "address", "MAC", "other end"],
        ["lo", "loopback", "up", "127.0.0.1/8", "", ""],
        ["eth0", "veth", "up", "172.17.0.2/16", eth0.mac, f"host1 {world.ports['web']} (port of docker0)"],
    ]


def test_links_of_the_host(world: World) -> None:
    """The host has its own interface, the bridges, and one port for each container on a bridge."""
    found = observe.links("host1")
    named = [row[:4] + row[5:] for row in cells(found)[1:] if not row[0].startswith("veth")]
    macs = {link.name: link.mac for link in found}
    assert macs["eth0"] == "02:00:00:00:02:0b"
    assert [[cell for cell in row if cell] for row in named] == [
        ["lo", "loopback", "up", "127.0.0.1/8"],
        ["eth0", "veth", "up", "192.0.2.11/24", "router lan-host1 (port of lan)"],
        ["docker0", "bridge", "up", "172.17.0.1/16"],
        ["br-shop", "bridge", "up", "172.30.0.1/24"],
    ]
    ends = {row[0]: (row[5], row[6]) for row in cells(found) if row[0].startswith("veth")}
    bridge = {"web": "docker0", "db": "docker0", "proxy": "docker0", "front": "br-shop", "back": "br-shop"}
    assert ends == {world.ports[name]: (bridge[name], f"{name} eth0") for name in bridge}


def test_a_container_without_network_has_loopback_only(world: World) -> None:
    """On the network none there is neither an interface nor a route; loopback itself works."""
    assert [link.name for link in observe.links(world.alone)] == ["lo"]
    assert repr(observe.routes(world.alone)) == "host1$ docker exec alone ip route\n(nothing)"
    assert probe.ping(world.alone, "127.0.0.1").reached
    assert probe.ping(world.alone, "172.17.0.2").problem == "it has no route there"


def test_routes(world: World) -> None:
    """A container sends what is not on its own network to the bridge; the host knows every network."""
    assert cells(observe.routes(world.front)) == [
        ["to", "via", "through"],
        ["everywhere else", "172.30.0.1", "eth0"],
        ["172.30.0.0/24", "(directly)", "eth0"],
    ]
    assert cells(observe.routes("host1"))[1:] == [
        ["everywhere else", "192.0.2.254", "eth0"],
        ["172.17.0.0/16", "(directly)", "docker0"],
        ["172.30.0.0/24", "(directly)", "br-shop"],
        ["192.0.2.0/24", "(directly)", "eth0"],
    ]


def test_neighbours(world: World) -> None:
    """After a ping the other container's MAC address is known, and whose it is."""
    assert probe.ping(world.front, world.back).reached
    mac = observe.links(world.back)[1].mac
    assert ["172.30.0.3", mac, "back eth0", "eth0"] in cells(observe.neighbours(world.front))
    assert {row[2] for row in cells(observe.neighbours(world.front))[1:]} <= {"back eth0", "host1 br-shop"}


def test_fdb(world: World) -> None:
    """A bridge knows each container behind its own port; another bridge's containers are not in its table."""
    assert probe.ping(world.web, world.proxy).reached
    found = {entry.owner: entry.port for entry in observe.fdb("docker0")}
    assert found == {f"{name} eth0": world.ports[name] for name in ("web", "db", "proxy")}
    assert {entry.owner for entry in observe.fdb("br-shop")} == {"front eth0", "back eth0"}


def test_nat_counts_connections(world: World) -> None:
    """A connection to the outside is counted once by its network's rule, one within the network is not."""

    def matched(subnet: str) -> int:
        (rule,) = [each for each in observe.nat() if each.rule.startswith(f"-s {subnet} ! -o")]
        assert (rule.chain, rule.rule.split()[-1]) == ("POSTROUTING", "MASQUERADE")
        return rule.packets

    before = matched("172.30.0.0/24"), matched("172.17.0.0/16")
    assert probe.ping(world.front, "192.0.2.3", count=3).answered == 3
    assert probe.ping(world.front, world.back, count=3).answered == 3
    assert (matched("172.30.0.0/24"), matched("172.17.0.0/16")) == (before[0] + 1, before[1])


def test_nat_shows_published_ports(world: World) -> None:
    """A published port is a rule that sends the host's port to the container's address."""
    proxy = str(observe.links(world.proxy)[1].addresses[0].ip)
    rules = [rule.rule for rule in observe.nat() if rule.chain == "DOCKER" and "DNAT" in rule.rule]
    assert rules == [f"! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination {proxy}:80"]


def test_networks(world: World) -> None:
    """Docker's own networks are there, and the lab's."""
    assert cells(world.lab.networks()) == [
        ["network", "driver", "subnet", "interface"],
        ["bridge", "bridge", "172.17.0.0/16", "docker0"],
        ["host", "host", "", ""],
        ["none", "none", "", ""],
        ["shop", "bridge", "172.30.0.0/24", "br-shop"],
    ]


def test_a_name_and_a_container_mean_the_same(world: World) -> None:
    """Whether a place is given by its name or as a container makes no difference."""
    assert repr(observe.links("web")) == repr(observe.links(world.web))
    assert repr(observe.routes("web")) == repr(observe.routes(world.web))


# ---- questions -----------------------------------------------------------------------------------------------


def test_ping(world: World) -> None:
    """Within a network every container answers, from another network none does; both ends are up throughout."""
    assert repr(probe.ping(world.web, world.db, count=2)) == "web reached 172.17.0.3: 2 of 2 answered, TTL 64"
    assert repr(probe.ping(world.front, "back")) == "front reached back: 1 of 1 answered, TTL 64"
    assert repr(probe.ping(world.web, world.back)) == "web did not reach 172.30.0.3: no answer"
    assert repr(probe.ping("host1", world.back)) == "host1 reached 172.30.0.3: 1 of 1 answered, TTL 64"
    assert repr(probe.ping(world.web, "192.0.2.3")) == "web reached 192.0.2.3: 1 of 1 answered, TTL 63"
    assert repr(probe.ping(world.web, "www.example.com")) == ("web reached www.example.com: 1 of 1 answered, TTL 62")


def test_names(world: World) -> None:
    """A network of one's own knows its containers by name; the default bridge does not."""
    assert repr(probe.resolve(world.front, "back")) == "front finds back at 172.30.0.3"
    assert repr(probe.resolve(world.web, "db")) == "web knows no address of db"
    assert repr(probe.resolve(world.web, "www.example.com")) == "web finds www.example.com at 203.0.113.10"
    assert repr(probe.ping(world.web, "db")) == "web did not reach db: the name is not known"
    assert repr(probe.resolve(world.web, "web")) == "web finds web at 172.17.0.2"
    assert probe.resolve("host1", "back").addresses == ()


def test_fetch(world: World) -> None:
    """A page says who serves it and who asked; without one the reason is told."""
    assert repr(probe.fetch(world.web, "http://172.17.0.3")) == "web <- http://172.17.0.3: I am db. You are 172.17.0.2."
    assert probe.fetch(world.front, "http://back").text == "I am back. You are 172.30.0.2."
    assert probe.fetch("neighbour", "http://192.0.2.11:8080").text == "I am proxy. You are 192.0.2.3."
    assert probe.fetch(world.web, "http://192.0.2.3").text == "I am neighbour. You are 192.0.2.11."
    assert probe.fetch(world.web, "http://172.17.0.3:81").problem == "connection refused"
    assert probe.fetch(world.web, "http://db").problem == "the name is not known"
    assert probe.fetch(world.web, "http://172.30.0.3").problem == "no answer within 3 s"
    assert probe.fetch(world.alone, "http://172.17.0.3").problem == "network is unreachable"


def test_run(world: World) -> None:
    """A command runs with the place's own shell and files: a container's name, the host's rules."""
    assert repr(probe.run(world.web, "hostname; cat /etc/hostname")) == "web\nweb"
    assert repr(probe.run("host1", "hostname")) == "host1"
    assert "-A POSTROUTING -s 172.30.0.0/24 ! -o br-shop -j MASQUERADE" in repr(
        probe.run("host1", "iptables -t nat -S POSTROUTING")
    )
    assert probe.run(world.web, "hostname").command == "docker exec web hostname"
    assert probe.run(world.web, "echo $HOME | cat").command == "docker exec web sh -c 'echo $HOME | cat'"


def test_a_command_that_fails_keeps_its_evidence(world: World) -> None:
    """A command that ends with an error is an error, with its exit code and what it said."""
    with pytest.raises(CommandFailed) as caught:
        probe.run(world.web, "ip link show nope")
    assert caught.value.exit_code == 1
    assert caught.value.stderr == 'Device "nope" does not exist.'


def test_a_command_that_takes_too_long_is_left(world: World) -> None:
    """Its end is not waited for longer than was said; the next command runs as ever, and both outputs are kept."""
    with pytest.raises(CommandFailed, match="did not end within 1 s"):
        probe.run(world.web, "echo begun; sleep 600", seconds=1)
    done = world.lab.bed.run_in("host1", "web", ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.exit_code, done.stdout, done.stderr) == (3, "out\n", "err\n")
    probe.run(world.web, "pkill sleep || true")


# ---- by hand -------------------------------------------------------------------------------------------------


def test_commands_of_tables_give_the_same_by_hand(world: World) -> None:
    """What a table shows is also in what its command prints when it is typed on the host."""
    for place in (world.web, world.front, "host1"):
        links = observe.links(place)
        printed = by_hand(world, links.command)
        for link in links:
            assert f" {link.name}" in printed
            assert link.mac in printed
            for address in link.addresses:
                assert f"{address} " in printed
        routes = observe.routes(place)
        printed = by_hand(world, routes.command)
        assert len(printed.splitlines()) == len(routes)
        for route in routes:
            assert f"{route.destination or 'default'} " in printed
        neighbours = observe.neighbours(place)
        printed = by_hand(world, neighbours.command)
        for entry in neighbours:
            assert f"{entry.address} dev {entry.interface} lladdr {entry.mac}" in printed


def test_commands_of_the_host_give_the_same_by_hand(world: World) -> None:
    """The forwarding database and the NAT rules typed by hand have the same MAC addresses and rules."""
    found = observe.fdb("br-shop")
    printed = by_hand(world, found.command)
    for entry in found:
        assert f"{entry.mac} dev {entry.port} master br-shop" in printed
    rules = observe.nat()
    typed = [
        re.sub(r" -c (\d+) \d+", r"\t\1", line)
        for line in by_hand(world, rules.command).splitlines()
        if line.startswith("-A")
    ]
    words = [(set(line.partition("\t")[0].split()) | set(line.split()), line) for line in typed]
    assert len(words) == len(rules)
    for (seen, line), rule in zip(words, rules, strict=True):
        assert {"-A", rule.chain, *rule.rule.split()} <= seen
        assert re.search(rf"\t{rule.packets}\b", line)


def test_commands_of_answers_give_the_same_by_hand(world: World) -> None:
    """A ping, a page and a name looked up by the command that is shown give the same answer."""
    assert "1 packets transmitted, 1 received" in by_hand(world, probe.ping(world.front, "back").command)
    page = probe.fetch(world.web, "http://172.17.0.3")
    assert by_hand(world, page.command).strip() == page.text
    found = probe.resolve(world.front, "back")
    assert by_hand(world, found.command).split()[0] == str(found.addresses[0])
    shown = probe.run(world.web, "echo 'one  two' | cat; hostname")
    assert by_hand(world, shown.command) == shown.text
    assert [each["Name"] if isinstance(each, dict) else each for each in _names(world)] == [
        each.name for each in world.lab.networks()
    ]


def _names(world: World) -> list[str]:
    return sorted(line.split()[1] for line in by_hand(world, world.lab.networks().command).splitlines()[1:])


# ---- what is not there ---------------------------------------------------------------------------------------


def test_an_unknown_place_lists_those_there_are(world: World) -> None:
    """A name that nothing has is an error that lists the places."""
    for ask in (observe.links, observe.routes, lambda name: probe.ping(name, "192.0.2.3")):
        with pytest.raises(LessonError) as caught:
            ask("wbe")
        assert caught.value.message == "No place of the testbed is called 'wbe'."
        assert "host1" in caught.value.hint
        assert "web" in caught.value.hint
    assert observe.links("web")


def test_a_stopped_container_is_told(world: World) -> None:
    """A container that has ended has no interfaces to look at: the error says that it does not run."""
    for ask in (observe.links, observe.neighbours, lambda place: probe.ping(place, "172.17.0.1")):
        with pytest.raises(LessonError) as caught:
            ask(world.asleep)
        assert str(caught.value) == ("The container asleep does not run (it is exited).\n  Next: start it again first.")
    with pytest.raises(LessonError, match="The container asleep has no address of its own"):
        probe.ping(world.web, world.asleep)
    assert "asleep" not in {place.name for place in observe.places()}


def test_a_removed_container_is_told(world: World) -> None:
    """A container that was removed is no longer there, though its value is."""
    gone = world.lab.container("gone")
    world.lab.remove(gone)
    with pytest.raises(LessonError, match="The container gone is no longer there"):
        observe.links(gone)


def test_an_unknown_bridge_lists_those_there_are(world: World) -> None:
    """A bridge that the host does not have is an error that lists its bridges."""
    with pytest.raises(LessonError) as caught:
        observe.fdb("br-store")
    assert caught.value.message == "host1 has no bridge called 'br-store'."
    assert "docker0, br-shop" in caught.value.hint


@pytest.mark.parametrize("count", [0, 11])
def test_a_ping_of_none_or_too_many_is_refused(world: World, count: int) -> None:
    """One to ten requests can be sent."""
    with pytest.raises(LessonError, match=f"{count} echo requests cannot be sent"):
        probe.ping(world.web, world.db, count=count)


def test_a_container_without_any_tools_is_observed(world: World) -> None:
    """What runs in a container need not hold a shell or a tool: everything is asked from outside."""
    make = """
folder=$(mktemp -d) && mkdir -p $folder/lib64 $folder/usr/lib
loader=/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
cp -L $loader $folder/lib64/
cp -L $($loader --list /usr/bin/busybox | grep -o '/[^ ]*') $folder/usr/lib/
cp -L /usr/bin/busybox $folder/sleep
tar -C $folder -c . | docker import - bare && rm -r $folder
"""
    by_hand(world, make)
    bare = world.lab.container("bare", on=world.shop, image="bare", command=["/sleep", "600"])
    try:
        with pytest.raises(CommandFailed):
            probe.run(bare, "ip link")
        assert observe.links(bare)[1].peer_place == "host1"
        assert [str(route.destination) for route in observe.routes(bare)] == ["None", "172.30.0.0/24"]
        assert probe.ping(bare, "back").reached
        assert probe.ping(world.front, bare).reached
        assert "back eth0" in {entry.owner for entry in observe.neighbours(bare)}
        assert probe.resolve(bare, "back").addresses
        assert probe.fetch(bare, "http://back").problem is None
    finally:
        world.lab.remove(bare)
        by_hand(world, "docker rmi bare")


def test_a_place_looks_names_up_in_its_own_files(world: World) -> None:
    """Looking up from one place leaves the files of the others as they were."""
    assert probe.resolve(world.front, "front").addresses
    assert probe.resolve("host1", "host1").addresses
    assert probe.resolve("neighbour", "front").addresses == ()
    assert not Path("/etc/hosts").read_text().count("172.30.0.2")
