"""The exercises of lesson 09 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exercise_states import Attempt, check_solved, check_untouched, check_wrong

from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import overlay
from dockernet_lessons.facts import Network
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 09 begin."""
    assert bed.alive()
    lab = Lab("test_exercises_overlay", needs=("vxlan", "host2")).start()
    lab.swarm()
    yield lab
    lab.close()


def wide(lab: Lab, mtu: int | None = None) -> Network:
    """Make an overlay network."""
    return lab.network("wide", driver="overlay", subnet="172.31.5.0/24", mtu=mtu)


def ant_alone(lab: Lab) -> None:
    """Start only one of the two."""
    lab.container("ant", on=wide(lab))


def both_on_one_host(lab: Lab) -> None:
    """Let them reach each other where that is no art."""
    lab.containers("ant", "bee", on=wide(lab))


def a_bridge_on_each(lab: Lab) -> None:
    """Give each host a bridge network of the same name and subnet."""
    for name, host in (("ant", "host1"), ("bee", "host2")):
        lab.container(name, on=lab.network("farm", subnet="172.31.6.0/24", host=host), host=host)


def across_by_connecting(lab: Lab) -> None:
    """Solve the first exercise in another way: start both on the default bridge, then connect them."""
    for name, host in (("ant", "host1"), ("bee", "host2")):
        lab.connect(lab.container(name, host=host), wide(lab))


def elf_and_owl(lab: Lab, mtu: int | None) -> None:
    """Start both on an overlay of some MTU."""
    lab.container("elf", on=wide(lab, mtu))
    lab.container("owl", on="wide", host="host2")


def as_docker_does(lab: Lab) -> None:
    """Leave the MTU as it is."""
    elf_and_owl(lab, None)


def wrapping_forgotten(lab: Lab) -> None:
    """Give 50 bytes less than usual only."""
    elf_and_owl(lab, 1450)


def taken_off_twice(lab: Lab) -> None:
    """Take off by hand what Docker takes off, too."""
    elf_and_owl(lab, 1350)


@pytest.mark.parametrize("exercise", [overlay.across, overlay.narrow], ids=["across", "narrow"])
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    check_untouched(lab, exercise)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (overlay.across, ant_alone, "bee does not run"),
        (overlay.across, both_on_one_host, "bee runs on host1"),
        (overlay.across, a_bridge_on_each, "ant did not reach bee"),
        (overlay.narrow, as_docker_does, "elf sends packets of up to 1450 bytes, which are 1500 bytes when wrapped"),
        (
            overlay.narrow,
            wrapping_forgotten,
            "elf sends packets of up to 1400 bytes, which are 1450 bytes when wrapped",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    check_wrong(lab, exercise, attempt, evidence)


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        (overlay.across, overlay.across.solve),
        (overlay.across, across_by_connecting),
        (overlay.narrow, overlay.narrow.solve),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    check_solved(lab, exercise, attempt)
