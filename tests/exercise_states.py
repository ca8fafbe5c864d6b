"""What every exercise is held to: untouched, wrong in several ways, and solved, each on the live testbed."""

from __future__ import annotations

from collections.abc import Callable

from dockernet_lessons.checks import Exercise
from dockernet_lessons.lab import Lab

Attempt = Callable[[Lab], object]


def pid(name: str) -> str:
    """Give what a shell on host1 makes the number of a container's first process."""
    return f"$(docker inspect -f '{{{{.State.Pid}}}}' {name})"


def check_untouched(lab: Lab, exercise: Exercise) -> None:
    """See that an exercise which nobody has tried says so."""
    result = exercise.check(lab)
    assert result.state == "Not attempted yet", result


def check_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """See that a wrong answer is not yet right, with what was seen and what to look at next."""
    attempt(lab)
    result = exercise.check(lab)
    assert result.state == "Not yet", result
    assert evidence in result.evidence, result
    assert result.next


def check_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """See that an answer is right."""
    attempt(lab)
    result = exercise.check(lab)
    assert result.state == "Correct", result
