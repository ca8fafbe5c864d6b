"""Every exercise of the assignments: nothing for nothing, exact points for wrong answers, all for the source's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from assignment_answers import WRONG, WRONG_REPAIRS, solutions, there, undo

from dockernet_lessons import probe
from dockernet_lessons.grading import Task
from dockernet_lessons.grading.seeds import Draw
from dockernet_lessons.grading.sets import capstone
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed


def offered(task: Any, lab: Lab) -> dict[str, Any]:
    """Give what a solution uses."""
    return {"task": task, "lab": lab, "run": probe.run}


@pytest.fixture
def begun(bed: Testbed, request: pytest.FixtureRequest) -> Iterator[Task]:
    """Give an assignment that has begun, with a seed that nobody has."""
    assert bed.alive()
    task = Task(request.param, "a seed of this test").begin()
    yield task
    task.lab.close()


@pytest.mark.parametrize("begun", sorted(WRONG), indirect=True)
def test_nothing_wrong_and_right(begun: Task) -> None:
    """Untouched it earns nothing, each wrong answer what it is worth, and the solution of the source everything."""
    solved = solutions(begun.assignment)
    assert [problem.name for problem in begun] == list(WRONG[begun.assignment]) == list(solved)
    for problem in begun:
        assert begun.check(problem.name).points == 0, begun.check(problem.name)
        before = there(begun.lab)
        for answer, points in WRONG[begun.assignment][problem.name]:
            answer(begun.lab, problem.given)
            marks = begun.check(problem.name)
            assert (answer.__name__, marks.points) == (answer.__name__, points), marks
            assert all(mark.problem.endswith(".") for mark in marks.parts if not mark.points), marks
            undo(begun.lab, before)
        exec(solved[problem.name], offered(begun, begun.lab))  # noqa: S102  # our own notebook
        assert begun.check(problem.name).points == problem.points, begun.check(problem.name)


@pytest.mark.parametrize("spoiled", [False, True], ids=["repaired", "wrong"])
def test_every_broken_network(bed: Testbed, request: pytest.FixtureRequest, spoiled: bool) -> None:
    """Broken it earns nothing, repaired everything, and by a repair that goes too far what that is worth."""
    assert bed.alive()
    draw = Draw("another seed of this test")
    lab = Lab("test_capstone").start()
    request.addfinalizer(lab.close)
    broken = {make.__name__: make(make.__name__, draw) for make in capstone.BROKEN}
    with_tools = offered(broken, lab)
    exec(solutions("capstone")["tools"], with_tools)  # noqa: S102  # our own notebook
    for problem in broken.values():
        problem.prepare(lab)
    for name, problem in broken.items():
        noted = problem.note()
        if spoiled:
            answer, points = WRONG_REPAIRS[name]
            answer(lab, problem.given)
        else:
            assert problem.marks(noted).points == 0, problem.marks(noted)
            with_tools["repair"](name)
            points = problem.points
        assert problem.marks(noted).points == points, problem.marks(noted)
