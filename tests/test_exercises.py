"""Every exercise in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dockernet_lessons.checks import Exercise, Result
from dockernet_lessons.exercises import bridge
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed

Attempt = Callable[[Lab], object]


def lesson_03(lab: Lab) -> None:
    """Make what lesson 03 has made when its exercises begin."""
    lab.containers("web", "db")
    shop = lab.network("shop", subnet="172.30.0.0/24")
    lab.containers("cart", "pay", on=shop)


def cow_alone(lab: Lab) -> None:
    """Start only one of the two."""
    lab.container("cow")


def on_the_default_bridge(lab: Lab) -> None:
    """Start both where no names are."""
    lab.containers("cow", "hen")


def linked_one_way(lab: Lab) -> None:
    """Let only one of the two know the other."""
    lab.container("hen")
    lab.container("cow", links={"hen": "hen"})


def on_two_networks(lab: Lab) -> None:
    """Start both on user-defined bridges, but not on the same."""
    lab.container("cow", on=lab.network("farm", subnet="172.31.0.0/24"))
    lab.container("hen", on=lab.network("coop", subnet="172.31.1.0/24"))


def moved_instead_of_added(lab: Lab) -> None:
    """Put db on the shop network only."""
    lab.container("db", on="shop")


def wrong_name(lab: Lab) -> None:
    """Put another container on the shop network than the one asked for."""
    lab.connect(lab.running()["web"], lab.network("shop", subnet="172.30.0.0/24"))


def names_by_hand(lab: Lab) -> None:
    """Write each other's name into the hosts file, and lead it home."""
    lab.container("cow", hosts={"hen": "127.0.0.1"})
    lab.container("hen", hosts={"cow": "127.0.0.1"})


def another_called_db(lab: Lab) -> None:
    """Lead the name of db to pay, which answers a ping just as well."""
    lab.container("cart", on="shop", hosts={"db": "172.30.0.3"})


def names_by_connecting(lab: Lab) -> None:
    """Solve the first exercise in another way: start on the default bridge, then connect both."""
    farm = lab.network("meadow", subnet="172.31.9.0/24")
    for container in lab.containers("cow", "hen"):
        lab.connect(container, farm)


def names_by_links(lab: Lab) -> None:
    """Solve the first exercise by links in both directions, through an alias on a network of their own."""
    farm = lab.network("meadow", subnet="172.31.9.0/24")
    lab.container("hen", on=farm)
    lab.container("cow", on=farm, links={"hen": "hen"})


def both_by_connecting_cart(lab: Lab) -> None:
    """Solve the second exercise in another way: a third network joins cart and db."""
    bridge_between = lab.network("between", subnet="172.31.8.0/24")
    running = lab.running()
    lab.connect(running["cart"], bridge_between)
    lab.connect(running["db"], bridge_between)


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 03 begin."""
    lab = Lab("test_exercises").start()
    lesson_03(lab)
    yield lab
    lab.close()


@pytest.mark.testbed
@pytest.mark.parametrize("exercise", [bridge.names, bridge.both], ids=["names", "both"])
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    assert exercise.check(lab).state == "Not attempted yet"


@pytest.mark.testbed
@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (bridge.names, cow_alone, "hen does not run"),
        (bridge.names, on_the_default_bridge, "cow did not reach hen: the name is not known"),
        (bridge.names, linked_one_way, "hen did not reach cow: the name is not known"),
        (bridge.names, on_two_networks, "cow did not reach hen: the name is not known"),
        (bridge.names, names_by_hand, "it is not hen that cow reaches as hen"),
        (bridge.both, moved_instead_of_added, "web did not reach 172.17.0.3"),
        (bridge.both, another_called_db, "it is not db that cart reaches as db"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    attempt(lab)
    result = exercise.check(lab)
    assert result.state == "Not yet"
    assert evidence in result.evidence
    assert result.next


@pytest.mark.testbed
def test_something_else_is_no_attempt(lab: Lab) -> None:
    """What changes nothing of what was asked leaves the exercise untouched."""
    wrong_name(lab)
    assert bridge.both.check(lab).state == "Not attempted yet"


@pytest.mark.testbed
@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        (bridge.names, bridge.names.solve),
        (bridge.names, names_by_connecting),
        (bridge.names, names_by_links),
        (bridge.both, bridge.both.solve),
        (bridge.both, both_by_connecting_cart),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    attempt(lab)
    assert exercise.check(lab).state == "Correct"


@pytest.mark.testbed
def test_a_lesson_that_has_not_begun_cannot_be_checked(bed: Testbed) -> None:
    """A check on a closed lab, or without the lesson's containers, says what to do and raises nothing."""
    closed = Lab("test_exercises")
    assert bridge.names.check(closed).state == "Cannot check here"
    begun = closed.start()
    assert bridge.both.check(begun).state == "Cannot check here"
    begun.close()


def test_hints_come_one_after_another() -> None:
    """Each call gives the next hint, and the last one stays."""
    exercise = Exercise("do it", lambda lab: Result("Correct", "done"), lambda lab: None, ("look", "look there"))
    assert [exercise.hint() for _ in range(3)] == [
        "Hint 1 of 2: look",
        "Hint 2 of 2: look there",
        "Hint 2 of 2: look there",
    ]


def test_the_solution_shown_is_the_one_that_is_proved() -> None:
    """A learner who asks for the solution reads the very function that is run above."""
    assert "lab.network(" in bridge.names.solution()
    assert bridge.names.solution().startswith(f"def {bridge.names.solve.__name__}")
