"""Exercises of lesson 01 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exercise_states import Attempt, check_wrong, pid

from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import interfaces
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run
from dockernet_lessons.testbed import Testbed

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


def unplugged_from_nothing(lab: Lab) -> None:
    """Give web a cable of its own, whose other end lies beside it."""
    lab.container("web", on="none", capabilities=["NET_ADMIN"])
    run("web", "ip link add eth0 type veth peer name loose; ip link set eth0 up")


def unplugged_by_hand_from_the_host(lab: Lab) -> None:
    """Give web a cable of its own that leads to host1, but not to the bridge."""
    lab.container("web", on="none")
    run(
        "host1",
        f"ip link add loose type veth peer name eth0 netns {pid('web')}; nsenter -n -t {pid('web')} sh -c "
        "'ip link set eth0 up; ip address add 172.17.0.2/16 dev eth0'",
    )


def every_plug_of_the_bridge(lab: Lab) -> None:
    """Pull whatever is in docker0: among it is the plug of web."""
    lab.container("cow")
    run("host1", "for port in /sys/class/net/docker0/brif/*; do ip link set ${port##*/} down; done")


def crossed_cables(lab: Lab) -> None:
    """Lay two cables to host1, with numbers that look like those of one."""
    assert lab.running()
    for name, own, far in (("salt", 50, 51), ("pepper", 51, 50)):
        ends = f"{name} index {own} netns {pid('bench')} type veth peer name far-{name} index {far}"
        run(
            "host1",
            f"ip link add {ends}; ip link set far-{name} up; nsenter -n -t {pid('bench')} ip link set {name} up",
        )


def cable_in_the_host(lab: Lab) -> None:
    """Put bench on the network of its host, and lay the cable there."""
    lab.container("bench", on="host", capabilities=["NET_ADMIN"])
    run("bench", f"{CABLE}; ip link set salt up; ip link set pepper up")


def host1_answers_for_cab(lab: Lab) -> None:
    """Leave cab at the bridge with the address put on by hand, and have host1 answer for it on the LAN."""
    lab.container("cab")
    run("host1", f"nsenter -n -t {pid('cab')} ip address add 192.0.2.70/32 dev eth0")
    run("host1", "ip address add 192.0.2.70/32 dev eth0")


def dog_answers_for_cab(lab: Lab) -> None:
    """Put another container on the LAN, and the address on cab as well, where nobody asks for it."""
    lab.container("dog", on="street", ip="192.0.2.70")
    lab.container("cab")
    run("host1", f"nsenter -n -t {pid('cab')} ip address add 192.0.2.70/32 dev lo")


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
SLY: list[tuple[Exercise, Attempt, str]] = [
    (interfaces.plug, unplugged_from_nothing, "not at the cable that Docker laid"),
    (interfaces.plug, unplugged_by_hand_from_the_host, "not at the cable that Docker laid"),
    (interfaces.plug, every_plug_of_the_bridge, "cow has no signal, too"),
    (interfaces.cable, crossed_cables, "not the two ends of one cable"),
    (interfaces.cable, cable_in_the_host, "bench has no network of its own"),
    (interfaces.own, host1_answers_for_cab, "somebody else has 192.0.2.70 on the LAN"),
    (interfaces.own, dog_answers_for_cab, "somebody else has 192.0.2.70 on the LAN"),
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
@pytest.mark.parametrize(("exercise", "attempt", "evidence"), SLY)
def test_sly(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """What only looks like the answer is not taken for it."""
    check_wrong(lab, exercise, attempt, evidence)


@pytest.mark.testbed
def test_what_a_container_says_of_itself_does_not_count(lab: Lab) -> None:
    """A program of web that says there is no signal changes nothing, and neither does a container that has ended."""
    run("web", "rm $(which cat); printf '#!/bin/sh\necho 0\n' > /bin/cat; chmod +x /bin/cat")
    assert run("web", "/bin/cat /sys/class/net/eth0/carrier").text.strip() == "0"
    assert interfaces.plug.check(lab).state == "Not attempted yet"
    lab.stop("web")
    assert interfaces.plug.check(lab).state == "Cannot check here"


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
