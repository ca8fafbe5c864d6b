"""Exercises of lesson 01 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import interfaces
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run
from dockernet_lessons.testbed import Testbed

Attempt = Callable[[Lab], object]
CABLE = "ip link add salt type veth peer name pepper"


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 01 begin."""
    lab = Lab("test_exercises_interfaces").start()
    street = lab.network("street", driver="macvlan", parent="eth0", subnet="192.0.2.0/24", ip_range="192.0.2.64/28")
    lab.container("web")
    lab.container("home", on=street)
    lab.container("bench", on="none", capabilities=["NET_ADMIN"])
    yield lab
    lab.close()


def on_the_bench(line: str) -> Attempt:
    """Make an attempt of a command line in bench."""

    def attempt(lab: Lab) -> None:
        run("bench", line)

    return attempt


def from_the_wrong_end(lab: Lab) -> None:
    """Switch off web's own end."""
    run("host1", "nsenter -n -t $(docker inspect -f '{{.State.Pid}}' web) ip link set eth0 down")


def everybody_off(lab: Lab) -> None:
    """Pull the plug of the whole host as well."""
    interfaces.plug.solve(lab)
    run("host1", "ip link set eth0 down")


def by_its_name(lab: Lab) -> None:
    """Solve the first exercise in another way: find the end by its index, as a shell would."""
    index = "$(docker exec web cat /sys/class/net/eth0/iflink)"
    run("host1", f"ip link set $(ip -o link | grep ^{index}: | cut -d: -f2 | cut -d@ -f1) down")


def at_the_bridge(lab: Lab) -> None:
    """Start an ordinary container."""
    lab.container("cab")


def in_the_host(lab: Lab) -> None:
    """Start a container that uses the interface of its host."""
    lab.container("cab", on="host", env={"PORT": "8099"})


def at_another_address(lab: Lab) -> None:
    """Take whatever address Docker gives."""
    lab.container("cab", on="street")


def taken_by_another(lab: Lab) -> None:
    """Give the address to somebody else."""
    lab.container("dog", on="street", ip="192.0.2.70")
    lab.container("cab", on="street")


def own_mac(lab: Lab) -> None:
    """Solve the third exercise in another way: with a MAC address that is chosen, too."""
    lab.container("cab", on="street", ip="192.0.2.70", mac="02:00:00:00:00:70")


EXERCISES = (interfaces.plug, interfaces.cable, interfaces.own)
WRONG: list[tuple[Exercise, Attempt, str]] = [
    (interfaces.plug, from_the_wrong_end, "no eth0 that is switched on"),
    (interfaces.plug, everybody_off, "home did not reach 192.0.2.3"),
    (interfaces.cable, on_the_bench("ip link add salt type bridge"), "not the two ends of one cable"),
    (interfaces.cable, on_the_bench("ip link add salt type veth; ip link add pepper type veth"), "not the two ends"),
    (interfaces.cable, on_the_bench(f"{CABLE}; ip link set salt up"), "an end is switched off"),
    (interfaces.own, at_the_bridge, "neighbour did not reach 192.0.2.70"),
    (interfaces.own, in_the_host, "cab uses the interface of host1"),
    (interfaces.own, at_another_address, "neighbour did not reach 192.0.2.70"),
    (interfaces.own, taken_by_another, "somebody else has 192.0.2.70"),
]
SOLVED: list[tuple[Exercise, Attempt]] = [
    *((exercise, exercise.solve) for exercise in EXERCISES),
    (interfaces.plug, by_its_name),
    (interfaces.cable, on_the_bench("ip link add pepper up type veth peer name salt; ip link set salt up")),
    (interfaces.own, own_mac),
]


@pytest.mark.testbed
@pytest.mark.parametrize("exercise", EXERCISES, ids=["plug", "cable", "own"])
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    assert exercise.check(lab).state == "Not attempted yet"


@pytest.mark.testbed
@pytest.mark.parametrize(("exercise", "attempt", "evidence"), WRONG)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    attempt(lab)
    result = exercise.check(lab)
    assert (result.state, bool(result.next)) == ("Not yet", True)
    assert evidence in result.evidence


@pytest.mark.testbed
@pytest.mark.parametrize(("exercise", "attempt"), SOLVED)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    attempt(lab)
    assert exercise.check(lab).state == "Correct"


@pytest.mark.testbed
def test_without_the_lesson_s_containers_nothing_is_judged(bed: Testbed) -> None:
    """A check before the lesson has begun says what to do."""
    begun = Lab("test_exercises_interfaces").start()
    assert interfaces.plug.check(begun).state == "Cannot check here"
    assert interfaces.cable.check(begun).state == "Cannot check here"
    begun.close()
