"""Two hosts joined into a swarm: overlay networks between them, their sandboxes, and what is left when the lab ends."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dockernet_lessons import observe, probe
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Link, Network, Place
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.testbed.engine import Engine

pytestmark = pytest.mark.testbed

PREDEFINED = ["bridge", "host", "none"]
SERVICE = "--name shop --replicas 2 --network mesh --no-resolve-image --detach --quiet lesson"


@pytest.fixture(scope="module")
def mesh(bed: Testbed) -> Iterator[tuple[Lab, Network]]:
    """Give a lab with an overlay network between one and two, one on each host."""
    assert bed.alive()
    lab = Lab("test_swarm").start()
    assert lab.swarm() == "host1 manages a swarm of host1 and host2"
    network = lab.network("mesh", driver="overlay", subnet="10.9.0.0/24")
    lab.container("one", on=network)
    lab.container("two", on="mesh", host="host2")
    yield lab, network
    lab.close()


def seen() -> dict[str, Place]:
    """Observe every place, by name."""
    return {place.name: place for place in observe.places()}


def link(place: Place, name: str) -> Link:
    """Give one link of a place."""
    return next(each for each in place.links if each.name == name)


def test_containers_of_two_hosts_are_on_one_network(mesh: tuple[Lab, Network]) -> None:
    """They reach each other by name with a TTL of 64: nothing routes between them."""
    assert repr(probe.ping("one", "two")) == "one reached two: 1 of 1 answered, TTL 64"
    assert probe.fetch("two", "http://one").text.startswith("I am one.")


def test_an_overlay_is_given_with_its_subnet(mesh: tuple[Lab, Network], monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the swarm tells it a moment after the network is made, which shows on a busy machine."""
    lab, _ = mesh
    lists = Engine.networks
    early: list[str] = []

    def networks(engine: Engine, label: str | None = None) -> list[Network]:
        found = lists(engine, label)
        if label is None and len(early) < 3 and any(network.name == "late" for network in found):
            early.append("late")
            return [replace(network, subnets=() if network.name == "late" else network.subnets) for network in found]
        return found

    monkeypatch.setattr(Engine, "networks", networks)
    late = lab.network("late", driver="overlay", subnet="10.9.1.0/24")
    assert (list(map(str, late.subnets)), len(early)) == (["10.9.1.0/24"], 3)
    lab.remove(lab.container("early", on=late, ip="10.9.1.7"), late)


def test_the_sandboxes_are_places(mesh: tuple[Lab, Network]) -> None:
    """Each engine keeps the network's bridge and VXLAN in a namespace apart, named by the network and the host."""
    found = seen()
    for host, name in (("host1", "one"), ("host2", "two")):
        sandbox = found[f"mesh on {host}"]
        assert (sandbox.kind, sandbox.machine) == ("sandbox", host)
        vxlan = link(sandbox, "vxlan0")
        assert (vxlan.kind, vxlan.number, vxlan.master, vxlan.mtu) == ("vxlan", 4097, "br0", 1450)
        assert (vxlan.peer, vxlan.peer_place) == (None, host)
        port = next(each for each in sandbox.links if each.peer_place == name)
        assert (port.master, port.peer) == ("br0", link(found[name], "eth0").index)
        assert (link(found[name], "eth0").peer_place, link(found[name], "eth1").peer_place) == (sandbox.name, host)
        assert found[f"mesh balancer on {host}"].kind == "sandbox"
        assert link(found[f"mesh balancer on {host}"], "eth0").peer_place == sandbox.name
    assert len({place.inode for place in found.values()}) == len(found)


def test_a_vxlan_knows_the_host_behind_which_a_container_is(mesh: tuple[Lab, Network]) -> None:
    """The engine has told each VXLAN which host to send to: nothing is flooded, nothing learned."""
    assert probe.ping("one", "two").reached
    entries = observe.fdb("br0", host="mesh on host1")
    assert {(each.owner, str(each.destination)) for each in entries if each.destination} >= {("two eth0", "192.0.2.12")}
    fixed = [each for each in observe.neighbours("mesh on host1") if each.state == "PERMANENT"]
    assert "two eth0" in {each.owner for each in fixed}


def test_a_sandbox_can_be_asked(mesh: tuple[Lab, Network]) -> None:
    """Commands run in it, and what is shown to type on its host gives the same."""
    lab, _ = mesh
    assert "vxlan0" in probe.run("mesh on host2", "ip link").text
    for table in (observe.links("mesh on host1"), observe.fdb("br0", host="mesh on host1")):
        assert table.at == "host1"
        printed = lab.bed.run("host1", ["sh", "-c", table.command]).stdout
        assert all(getattr(row, "mac", "") in printed for row in table)
    assert "nat" in {rule.table for rule in observe.rules("ingress balancer on host2")}


def test_a_swarm_again_changes_nothing(mesh: tuple[Lab, Network]) -> None:
    """A cell that is run twice makes nothing twice, and another lab cannot take the hosts into one of its own."""
    lab, network = mesh
    script = list(lab.script)
    lab.swarm()
    assert lab.network("mesh", driver="overlay", subnet="10.9.0.0/24") == network
    assert lab.container("two", on=network, host="host2") == lab.running()["two"]
    assert lab.script == script
    other = Lab("test_swarm_too").start()
    with pytest.raises(LessonError, match="host1 is in a swarm already, and it is not this lab's"):
        other.swarm()
    other.close()
    assert probe.ping("one", "two").reached


@pytest.mark.parametrize(
    ("name", "on", "host", "says"),
    [
        ("one", "bridge", "host2", "A container called one exists on host1 already."),
        ("lost", "mash", "host2", "No network is called 'mash'."),
        ("lost", "container:one", "host2", "one is on host1, not on host2."),
        ("lost", "mesh", "host3", "host3 does not run in this testbed."),
    ],
)
def test_what_does_not_go_between_hosts(mesh: tuple[Lab, Network], name: str, on: str, host: str, says: str) -> None:
    """A name that is taken elsewhere, and a network or container that is on the other host."""
    with pytest.raises(LessonError) as caught:
        mesh[0].container(name, on=on, host=host)
    assert caught.value.message == says


def test_a_bridge_of_another_host_is_refused(mesh: tuple[Lab, Network]) -> None:
    """A bridge network ends at its host: the error says how to make one on the other."""
    lab, _ = mesh
    shop = lab.network("shop", subnet="172.30.0.0/24")
    with pytest.raises(LessonError, match="The network shop is on host1, not on host2") as caught:
        lab.container("lost", on=shop, host="host2")
    assert "host='host2'" in caught.value.hint
    lab.remove(shop)


def test_the_script_makes_the_same_swarm(bed: Testbed) -> None:
    """Typed on host1, the commands that a lab shows make the swarm, the network and a container on each host."""
    lab = Lab("test_swarm").start()
    lab.swarm()
    lab.container("left", on=lab.network("mesh", driver="overlay", subnet="10.9.0.0/24"))
    lab.container("right", on="mesh", host="host2")
    script = list(lab.script)
    lab.close()
    try:
        for line in script:
            bed.run("host1", ["sh", "-c", line], timeout=30)
        deadline = time.monotonic() + 10  # the hosts tell each other a moment later
        while not probe.ping("left", "right").reached and time.monotonic() < deadline:
            time.sleep(0.1)
        assert probe.ping("left", "right").reached
    finally:
        for host in ("host1", "host2"):
            bed.engine(host).remove_container("left" if host == "host1" else "right")
        for host in ("host2", "host1"):
            bed.engine(host).leave_swarm()
            bed.run(host, ["sh", "-c", "until docker network rm docker_gwbridge; do sleep 0.1; done"], timeout=20)
        Lab("test_swarm").start().close()


def test_nothing_is_left_of_a_swarm(bed: Testbed) -> None:
    """After the lab no host is in a swarm, and networks, links, rules and sockets are those of before."""

    def state() -> dict[str, object]:
        return {
            name: (
                sorted(each.name for each in place.links),
                place.routes,
                [(rule.version, rule.table, rule.chain, rule.rule) for rule in place.rules],
                place.listeners,
                place.settings,
            )
            for name, place in seen().items()
        }

    lab = Lab("test_swarm").start()
    lab.need("host2")
    lab.close()
    before = state()
    lab = Lab("test_swarm").start()
    lab.swarm()
    mesh = lab.network("mesh", driver="overlay")
    lab.container("one", on=mesh)
    lab.container("two", on=mesh, host="host2")
    assert repr(lab.close()) == "Lab test_swarm is closed: 2 containers and 1 network removed, nothing of it is left."
    assert state() == before
    for host in ("host1", "host2"):
        assert not bed.engine(host).in_swarm()
        assert [network.name for network in bed.engine(host).networks()] == PREDEFINED


def test_a_swarm_that_is_closed_at_once_is_left_by_both(bed: Testbed) -> None:
    """A host that has just joined, and has no network of the swarm yet, leaves it, too."""
    lab = Lab("test_swarm").start()
    lab.swarm()
    assert [engine.in_swarm() for engine in bed.engines()] == [True, True]
    lab.close()
    assert [engine.in_swarm() for engine in bed.engines()] == [False, False]


def test_a_service_goes_with_its_lab(bed: Testbed) -> None:
    """A service that a learner made in a lab's swarm keeps no network from being removed, and leaves no task."""
    lab = Lab("test_swarm").start()
    lab.swarm()
    lab.network("mesh", driver="overlay")
    bed.run("host1", ["docker", "service", "create", *SERVICE.split()])
    lab.close()
    for engine in bed.engines():
        assert not engine.containers()
        assert [network.name for network in engine.networks()] == PREDEFINED


def test_the_next_start_dissolves_the_swarm_of_a_killed_lab(bed: Testbed) -> None:
    """A lesson that was killed leaves its swarm; its next start has the hosts leave it."""
    script = """
import os, signal
from dockernet_lessons import Lab
lab = Lab("test_swarm").start()
lab.swarm()
lab.container("two", on=lab.network("mesh", driver="overlay"), host="host2")
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert bed.engine("host2").in_swarm()
    lab = Lab("test_swarm").start()
    assert not bed.engine("host1").in_swarm()
    assert not bed.engine("host2").in_swarm()
    with pytest.raises(
        LessonError, match="host1 is in no swarm that it manages: an overlay network needs one"
    ) as caught:
        lab.network("mesh", driver="overlay")
    assert "lab.swarm()" in caught.value.hint
    lab.close()
