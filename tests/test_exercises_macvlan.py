"""The exercises of lesson 07 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exercise_states import Attempt, check_solved, check_untouched, check_wrong

from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import macvlan
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 07 begin."""
    assert bed.alive()
    lab = Lab("test_exercises_macvlan").start()
    street = lab.network("street", driver="macvlan", parent="eth0", subnet="192.0.2.0/24", ip_range="192.0.2.64/28")
    lab.containers("home", "shed", on=street)
    run("host1", "ip link add shim link eth0 type macvlan mode bridge; ip address add 192.0.2.90/32 dev shim")
    run("host1", "ip link set shim up; ip route add 192.0.2.64/28 dev shim")
    run("neighbour", "ip neighbour flush all")  # it may remember host1 at a shim of the test before
    yield lab
    lab.close()


def guest_is_there(lab: Lab) -> None:
    """Solve the first exercise, where the second begins."""
    macvlan.guest.solve(lab)


def at_any_address(lab: Lab) -> None:
    """Take the address that Docker chooses."""
    lab.container("guest", on="street")


def on_the_bridge(lab: Lab) -> None:
    """Publish a port of the host instead."""
    lab.container("guest", publish={80: 80})


def no_server(lab: Lab) -> None:
    """Let guest answer nobody."""
    lab.container("guest", on="street", ip=macvlan.GUEST, command="sleep 1000")


def by_another_route(lab: Lab) -> None:
    """Lead the route through the parent, as it does anyway."""
    guest_is_there(lab)
    run("host1", f"ip route add {macvlan.GUEST}/32 dev eth0")


def eth0_gave_its_address_away(lab: Lab) -> None:
    """Move the host's own address to the shim."""
    guest_is_there(lab)
    run("host1", "ip address del 192.0.2.11/24 dev eth0; ip address add 192.0.2.11/24 dev shim")


def translated_to_home(lab: Lab) -> None:
    """Lead what host1 sends to guest to home, which it reaches."""
    guest_is_there(lab)
    run("host1", f"iptables -t nat -A OUTPUT -d {macvlan.GUEST} -j DNAT --to 192.0.2.64")


def by_a_second_shim(lab: Lab) -> None:
    """Solve the second exercise in another way: by an interface of its own."""
    guest_is_there(lab)
    run("host1", "ip link add way link eth0 type macvlan mode bridge; ip address add 192.0.2.91/32 dev way")
    run("host1", f"ip link set way up; ip route add {macvlan.GUEST}/32 dev way")


def from_host_solved(lab: Lab) -> None:
    """Solve the first exercise, then the second."""
    guest_is_there(lab)
    macvlan.from_host.solve(lab)


def plain_siblings(lab: Lab) -> None:
    """Start both in the mode bridge."""
    lab.containers("cow", "hen", on="street")


def cow_alone(lab: Lab) -> None:
    """Start only one of the two."""
    lab.container("cow", on="street")


def on_two_bridges(lab: Lab) -> None:
    """Keep them apart by two bridges."""
    lab.container("cow")
    lab.container("hen", on=lab.network("coop", subnet="172.31.1.0/24"))


def cut_off(lab: Lab) -> None:
    """Keep them apart by cutting one off from everything."""
    plain_siblings(lab)
    run("host1", "nsenter -n -t $(docker inspect -f '{{.State.Pid}}' hen) ip link set eth0 down")


def by_a_private_network(lab: Lab) -> None:
    """Solve the third exercise in Docker's way, on a parent that is free."""
    running = lab.running()
    lab.remove(running["home"], running["shed"])
    lab.remove(lab.network("street", driver="macvlan", parent="eth0", subnet="192.0.2.0/24", ip_range="192.0.2.64/28"))
    cells = {"driver": "macvlan", "parent": "eth0", "mode": "private", "ip_range": "192.0.2.64/28"}
    lab.containers("cow", "hen", on=lab.network("cells", subnet="192.0.2.0/24", **cells))  # type: ignore[arg-type]


def test_untouched(lab: Lab) -> None:
    """An exercise that nobody has tried says so; the second one begins where the first is done."""
    check_untouched(lab, macvlan.guest)
    check_untouched(lab, macvlan.apart)
    assert macvlan.from_host.check(lab).state == "Cannot check here"
    guest_is_there(lab)
    check_untouched(lab, macvlan.from_host)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (macvlan.guest, at_any_address, "neighbour <- http://192.0.2.100"),
        (macvlan.guest, on_the_bridge, "guest has no interface of kind macvlan"),
        (macvlan.guest, no_server, "connection refused"),
        (macvlan.from_host, by_another_route, "host1 did not reach 192.0.2.100"),
        (macvlan.from_host, eth0_gave_its_address_away, "host1 has lost its own place"),
        (macvlan.from_host, translated_to_home, "it is not guest that host1 reaches as 192.0.2.100"),
        (macvlan.apart, cow_alone, "hen does not run"),
        (macvlan.apart, plain_siblings, "cow reaches hen at 192.0.2."),
        (macvlan.apart, on_two_bridges, "cow has no interface of kind macvlan"),
        (macvlan.apart, cut_off, "hen did not reach 192.0.2.3"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    check_wrong(lab, exercise, attempt, evidence)


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        (macvlan.guest, macvlan.guest.solve),
        (macvlan.from_host, from_host_solved),
        (macvlan.from_host, by_a_second_shim),
        (macvlan.apart, macvlan.apart.solve),
        (macvlan.apart, by_a_private_network),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    check_solved(lab, exercise, attempt)
