"""Exercises of lesson 04 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import publishing
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run
from dockernet_lessons.testbed import Testbed

Attempt = Callable[[Lab], object]


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 04 begin."""
    lab = Lab("test_exercises_publishing").start()
    lab.container("shop", publish={8080: 80})
    lab.container("quiet")
    lab.container("local", publish={"127.0.0.1:8081": 80})
    yield lab
    lab.close()


def on_host1(*lines: str) -> Attempt:
    """Make an attempt of rules typed on host1."""

    def attempt(lab: Lab) -> None:
        run("host1", "; ".join(lines))

    return attempt


def at_every_address(lab: Lab) -> None:
    """Publish as usual."""
    lab.container("desk", publish={8085: 80})


def not_published(lab: Lab) -> None:
    """Publish nothing."""
    lab.container("desk")


def by_the_network(lab: Lab) -> None:
    """Solve the first exercise in another way: a network whose ports are published at the loopback only."""
    inner = lab.network("inner", subnet="172.31.0.0/24", published_at="127.0.0.1")
    lab.container("desk", on=inner, publish={8085: 80})


def started_anew(lab: Lab) -> None:
    """Replace quiet by one with a published port."""
    lab.container("quiet", publish={8095: 80})


def somebody_else(lab: Lab) -> None:
    """Publish another container at the port."""
    lab.container("loud", publish={8095: 80})


def started_anew_to_look_the_same(lab: Lab) -> None:
    """Replace quiet by one like it, beside another whose port is published and which says that it is quiet."""
    lab.remove(lab.running()["quiet"])
    lab.container("quiet")
    lab.container("porter", publish={8095: 80}, command="socat TCP-LISTEN:80,fork,reuseaddr TCP:172.17.0.3:80")


def says_it_is_quiet(lab: Lab) -> None:
    """Publish another container that calls itself quiet."""
    lab.container("loud", hostname="quiet", publish={8095: 80})


def says_it_is_desk(lab: Lab) -> None:
    """Publish another container that calls itself desk, at the right address."""
    lab.container("desk")
    lab.container("loud", hostname="desk", publish={"127.0.0.1:8085": 80})


EXERCISES = (publishing.desk, publishing.late, publishing.barred)
WRONG: list[tuple[Exercise, Attempt, str]] = [
    (publishing.desk, at_every_address, "the neighbour gets the page, too"),
    (publishing.desk, not_published, "connection refused"),
    (publishing.late, started_anew, "quiet was started anew"),
    (publishing.late, somebody_else, "I am loud"),
    (publishing.late, says_it_is_quiet, "I am another that says it is quiet"),
    (publishing.late, started_anew_to_look_the_same, "quiet was started anew"),
    (publishing.desk, says_it_is_desk, "I am another that says it is desk"),
    (publishing.barred, on_host1("iptables -I DOCKER-USER -p tcp --dport 80 -j DROP"), "no answer within 3 s"),
]
SOLVED: list[tuple[Exercise, Attempt]] = [
    *((exercise, exercise.solve) for exercise in EXERCISES),
    (publishing.desk, by_the_network),
    (
        publishing.late,
        on_host1(
            "iptables -t nat -A PREROUTING -d 192.0.2.11 -p tcp --dport 8095 -j DNAT --to 172.17.0.3:80",
            "iptables -I DOCKER-USER -d 172.17.0.3 -p tcp --dport 80 -j ACCEPT",
        ),
    ),
    (
        publishing.barred,
        on_host1("iptables -I DOCKER-USER -s 192.0.2.3 -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j DROP"),
    ),
    (publishing.barred, on_host1("iptables -t raw -I PREROUTING -s 192.0.2.3 -p tcp --dport 8080 -j DROP")),
]
NO_ATTEMPT: list[tuple[Exercise, Attempt]] = [
    (publishing.barred, on_host1("iptables -I INPUT -s 192.0.2.3 -p tcp --dport 8080 -j DROP")),
    (publishing.barred, on_host1("iptables -I DOCKER-USER -s 192.0.2.3 -p tcp --dport 8080 -j DROP")),
]
"""What changes nothing of what was asked."""


@pytest.mark.testbed
@pytest.mark.parametrize("exercise", EXERCISES, ids=["desk", "late", "barred"])
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    assert exercise.check(lab).state == "Not attempted yet"


@pytest.mark.testbed
@pytest.mark.parametrize(("exercise", "attempt"), NO_ATTEMPT)
def test_a_rule_that_does_nothing_is_no_attempt(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """A rule in the wrong chain, or for the wrong port, leaves the exercise untouched."""
    attempt(lab)
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
    begun = Lab("test_exercises_publishing").start()
    assert publishing.late.check(begun).state == "Cannot check here"
    assert publishing.barred.check(begun).state == "Cannot check here"
    begun.close()
