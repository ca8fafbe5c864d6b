"""The exercises of lesson 11 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exercise_states import Attempt, check_solved, check_untouched, check_wrong

from dockernet_lessons import probe
from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import ipv6_and_mtu as tasks
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed
BOTH = ["172.30.9.0/24", "2001:db8:39::/64"]
IN = "nsenter -n -t $(docker inspect -f '{{.State.Pid}}'"


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 11 begin."""
    assert bed.alive()
    lab = Lab("test_exercises_ipv6_and_mtu").start()
    lab.containers("one", "two", on=lab.network("dual", subnet=["172.30.0.0/24", "2001:db8:30::/64"]))
    yield lab
    lab.close()


def any_address(lab: Lab) -> None:
    """Take what Docker gives out."""
    lab.container("six", on="dual")


def on_another_network(lab: Lab) -> None:
    """Give six the address on a network that one is not on."""
    lab.remove(*lab.running().values())
    lab.remove(*(each for each in lab.networks() if each.name == "dual"))
    lab.container("one", on=lab.network("single", subnet="172.30.0.0/24"))
    lab.container("six", on=lab.network("far", subnet=["172.30.8.0/24", "2001:db8:30::/64"]), ip6="2001:db8:30::66")


def by_hand(lab: Lab) -> None:
    """Solve the first exercise in another way: add the address beside the one that Docker gave."""
    any_address(lab)
    probe.run("host1", f"{IN} six) ip address add 2001:db8:30::66/64 dev eth0 nodad")


def as_usual(lab: Lab) -> None:
    """Leave the MTU as it is."""
    lab.container("tim", on=lab.network("tight", subnet=BOTH))


def of_one_family(lab: Lab) -> None:
    """Make it small, but without IPv6."""
    lab.container("tim", on=lab.network("tight", subnet=BOTH[0], mtu=1280))


def internal(lab: Lab) -> None:
    """Make it small, with both families and no way out."""
    lab.container("tim", on=lab.network("tight", subnet=BOTH, mtu=1280, internal=True))


def without_any(lab: Lab) -> None:
    """Start tim without a network."""
    lab.container("tim", on="none")


def small_by_hand(lab: Lab) -> None:
    """Solve the second exercise in another way: set the MTU at the interface."""
    as_usual(lab)
    probe.run("host1", f"{IN} tim) ip link set eth0 mtu 1280")


def six_has_it_where_one_is_not(lab: Lab) -> None:
    """Put the address on six by hand, on a network without one."""
    lab.container("six", on=lab.network("far", subnet=["172.30.8.0/24", "2001:db8:38::/64"]))
    probe.run("host1", f"{IN} six) ip address add 2001:db8:30::66/64 dev eth0 nodad")


def one_is_six(lab: Lab) -> None:
    """Put the address on one as well, which then reaches itself."""
    six_has_it_where_one_is_not(lab)
    probe.run("host1", f"{IN} one) ip address add 2001:db8:30::66/128 dev lo")


def dog_is_six(lab: Lab) -> None:
    """Start another container at the address, on the network of one."""
    six_has_it_where_one_is_not(lab)
    lab.container("dog", on="dual", ip6="2001:db8:30::66")


def six_has_ended(lab: Lab) -> None:
    """Solve the first exercise, stop six, and start another container at its address."""
    tasks.address.solve(lab)
    lab.stop("six")
    lab.container("dog", on="dual", ip6="2001:db8:30::66")


def tim_is_the_neighbour(lab: Lab) -> None:
    """Put the neighbour's address on tim, which does not get out."""
    internal(lab)
    probe.run("host1", f"{IN} tim) ip address add 192.0.2.3/32 dev lo")


def dog_is_the_neighbour(lab: Lab) -> None:
    """Solve the second exercise, then lead tim to another container, which has the neighbour's address."""
    tasks.small_packets.solve(lab)
    lab.container("dog", on="tight")
    probe.run("host1", f"{IN} dog) ip address add 192.0.2.3/32 dev eth0")
    probe.run("host1", f"{IN} tim) ip route add 192.0.2.3 dev eth0")


def with_an_address_of_no_use(lab: Lab) -> None:
    """Put an address of IPv6 on tim's lo, where nobody reaches it."""
    of_one_family(lab)
    switch_on = "sysctl -qw net.ipv6.conf.lo.disable_ipv6=0"
    probe.run("host1", f"{IN} tim) {switch_on}; {IN} tim) ip address add 2001:db8:39::2/128 dev lo")


@pytest.mark.parametrize("exercise", [tasks.address, tasks.small_packets], ids=["address", "small_packets"])
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    check_untouched(lab, exercise)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (tasks.address, any_address, "six has 172.30.0.4/24, 2001:db8:30::4/64"),
        (tasks.address, on_another_network, "one did not reach 2001:db8:30::66"),
        (tasks.small_packets, as_usual, "eth0 of tim has an MTU of 1500"),
        (tasks.small_packets, of_one_family, "no addresses of both families"),
        (tasks.small_packets, internal, "tim did not reach 192.0.2.3"),
        (tasks.small_packets, without_any, "tim has no interface"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    check_wrong(lab, exercise, attempt, evidence)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (tasks.address, one_is_six, "it is not six that one reaches as 2001:db8:30::66"),
        (tasks.address, dog_is_six, "it is not six that one reaches as 2001:db8:30::66"),
        (tasks.small_packets, tim_is_the_neighbour, "it is not neighbour that tim reaches as 192.0.2.3"),
        (tasks.small_packets, dog_is_the_neighbour, "it is not neighbour that tim reaches as 192.0.2.3"),
        (tasks.small_packets, with_an_address_of_no_use, "tim has no addresses of both families"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_sly(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """What only looks like the answer is not taken for it."""
    check_wrong(lab, exercise, attempt, evidence)


def test_a_container_that_was_stopped_does_not_count(lab: Lab) -> None:
    """Another container at the address does not stand for one that has ended."""
    six_has_ended(lab)
    check_untouched(lab, tasks.address)


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        (tasks.address, tasks.address.solve),
        (tasks.address, by_hand),
        (tasks.small_packets, tasks.small_packets.solve),
        (tasks.small_packets, small_by_hand),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    check_solved(lab, exercise, attempt)
