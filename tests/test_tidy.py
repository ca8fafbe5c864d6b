"""What a lesson changes by hand is undone when its lab ends, and nothing else is touched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockernet_lessons import observe, probe, tidy
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Neighbour, Place
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed

BY_HAND = {
    "a rule of Docker's users": ("host1", "iptables -I DOCKER-USER -d 172.30.0.2 -j DROP"),
    "rules of a table of their own": ("host1", "iptables -t mangle -A FORWARD -j ACCEPT"),
    "a policy": ("host1", "iptables -P FORWARD ACCEPT"),
    "Docker's own rules": ("host1", "iptables -t nat -F POSTROUTING"),
    "a rule of IPv6": ("host1", "ip6tables -A FORWARD -j DROP"),
    "a table of nft": (
        "neighbour",
        "nft add table inet wall; nft add chain inet wall door; nft add rule inet wall door accept",
    ),
    "a rule in the router": ("router", "iptables -A FORWARD -s 172.30.0.0/24 -j DROP"),
    "a route": ("router", "ip route add 172.30.0.0/24 via 192.0.2.11"),
    "a route of IPv6": ("host1", "ip -6 route add 2001:db8:9::/64 dev eth0"),
    "a route that leads nowhere": ("neighbour", "ip route add blackhole 198.51.100.0/24"),
    "a route from an address that was added": (
        "neighbour",
        "ip address add 198.51.99.3/32 dev eth0; ip route add 198.51.99.20 dev eth0 src 198.51.99.3",
    ),
    "a wrong default route": ("neighbour", "ip route replace default via 192.0.2.11"),
    "no default route": ("internet", "ip route del default"),
    "a bridge with an address": ("host1", "ip link add hb0 type bridge; ip address add 198.51.99.1/24 dev hb0"),
    "a pair of interfaces": ("host1", "ip link add va type veth peer name vb; ip link set va up"),
    "an interface on the parent": ("host1", "ip link add shim link eth0 type macvlan mode bridge; ip link set shim up"),
    "a route through an interface on the parent": (
        "host1",
        "ip link add way link eth0 type macvlan mode bridge; ip link set way up; ip route add 192.0.2.64/28 dev way",
    ),
    "an address": ("host1", "ip address add 192.0.2.99/24 dev eth0"),
    "an interface that is down": ("internet", "ip link set eth0 down"),
    "an MTU": ("neighbour", "ip link set eth0 mtu 1400"),
    "a neighbour": ("neighbour", "ip neigh replace 192.0.2.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent"),
    "a port that is locked": (
        "router",
        "ip link set lan-host1 type bridge_slave locked on;"
        " bridge fdb replace 02:00:00:00:02:0b dev lan-host1 master static",
    ),
    "a setting": ("host1", "sysctl -w net.ipv4.ip_forward=0"),
    "a setting of bridges": ("host1", "echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables"),
}


def state() -> dict[str, Any]:
    """Give what a lesson can change, of every place, without what comes and goes: counters, what was learned."""

    def fixed(entries: tuple[Neighbour, ...]) -> list[Neighbour]:
        return [entry for entry in entries if "PERMANENT" in entry.state]

    def rules(place: Place) -> list[tuple[object, ...]]:
        return [(rule.version, rule.table, rule.chain, rule.rule) for rule in place.rules]

    def policies(place: Place) -> set[tuple[object, ...]]:
        return {(each.version, each.table, each.chain) for each in place.chains if each.policy != "ACCEPT"}

    return {
        place.name: (
            # The kernel tells a second late that a bridge has lost its last port.
            [replace(link, up=link.kind == "bridge" or link.up) for link in place.links if link.name != "lan-host2"],
            place.routes,
            fixed(place.neighbours),
            rules(place),
            policies(place),
            place.settings,
            place.listeners,
        )
        for place in observe.places()
    }


@pytest.fixture
def before(bed: Testbed) -> Iterator[dict[str, Any]]:
    """Give the state of the testbed while no lab has anything on it."""
    assert bed.alive()
    Lab("test_tidy").start().close()
    return state()


@pytest.mark.parametrize("what", BY_HAND)
def test_a_change_by_hand_is_undone(before: dict[str, Any], what: str) -> None:
    """Closing the lab gives every place back what it had, for each kind of thing that a lesson changes."""
    place, line = BY_HAND[what]
    lab = Lab("test_tidy").start()
    probe.run(place, line)
    if what != "a port that is locked":  # its flag is no fact of ours
        assert state() != before
    lab.close()
    assert state() == before


def test_everything_at_once_is_undone_around_a_lab(before: dict[str, Any]) -> None:
    """Changes made before, beside and on top of a lab's own networks and containers all go, and so do these."""
    lab = Lab("test_tidy").start()
    shop = lab.network("shop", subnet=["172.30.0.0/24", "2001:db8:1::/64"], icc=False)
    lab.containers("web", "db", on=shop, publish={})
    for place, line in BY_HAND.values():
        probe.run(place, line)
    lab.close()
    assert state() == before
    again = Lab("test_tidy").start()
    web = again.container("web")
    assert probe.ping(web, "203.0.113.10").reached
    again.close()


def test_nothing_is_undone_while_another_lab_runs(before: dict[str, Any]) -> None:
    """What one lab closes must not take what another, still open, relies on; the last to close tidies up."""
    first, second = Lab("test_tidy").start(), Lab("test_tidy_too").start()
    web = second.container("web")
    probe.run("router", "ip route add 172.17.0.0/16 via 192.0.2.11")
    first.close()
    assert any(str(route.destination) == "172.17.0.0/16" for route in observe.routes("router"))
    assert probe.ping(web, "192.0.2.3").reached
    second.close()
    assert state() == before


def test_the_next_start_undoes_what_a_killed_lab_changed(before: dict[str, Any]) -> None:
    """A lesson that was killed leaves its changes; the next lab starts from a testbed as it was."""
    script = """
import os, signal
from dockernet_lessons import Lab, run
lab = Lab("test_tidy").start()
run("router", "ip route add 172.30.0.0/24 via 192.0.2.11")
run("host1", "iptables -I DOCKER-USER -j DROP")
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert state() != before
    lab = Lab("test_tidy").start()
    assert state() == before
    lab.close()


def ask_for_it_later() -> list[Lab]:
    """Give a lab that asks for the second host once it has begun."""
    lab = Lab("test_tidy").start()
    lab.need("host2")
    return [lab]


def ask_for_it_after_another() -> list[Lab]:
    """Give a lab that asks for the second host as it begins, where one has been that did not."""
    Lab("test_tidy_too").start().close()
    return [Lab("test_tidy", needs=("host2",)).start()]


def ask_for_it_beside_another() -> list[Lab]:
    """Give a lab that asks for the second host as it begins, and one that runs beside it."""
    other = Lab("test_tidy_too").start()
    other.container("web")
    return [Lab("test_tidy", needs=("host2",)).start(), other]


@pytest.mark.parametrize("asked", [ask_for_it_later, ask_for_it_after_another, ask_for_it_beside_another])
def test_a_host_that_joins_is_given_back_what_it_had(empty_runtime: Path, asked: Callable[[], list[Lab]]) -> None:
    """Whenever it joins, what is changed on it by hand is undone with the last lab."""
    assert empty_runtime.exists()
    labs = asked()
    probe.run("host2", "ip link add vx9 type vxlan id 9 dstport 4789 remote 192.0.2.11")
    for lab in labs:
        lab.close()
    names = {place.name: [link.name for link in place.links] for place in observe.places()}
    assert names["host2"] == ["lo", "eth0", "docker0"]


def test_what_cannot_be_undone_is_told(bed: Testbed, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """An error says what it was and where, and the lab can be closed once more."""
    assert bed.alive()
    lab = Lab("test_tidy").start()
    monkeypatch.setattr(tidy.parse, "undo", lambda *_: {"router": ("ip route delete 198.51.100.0/24",)})
    with pytest.raises(LessonError, match=r"What was changed by hand on router could not be undone: .*No such process"):
        lab.close()
    monkeypatch.undo()
    lab.close()
    assert state() == before
