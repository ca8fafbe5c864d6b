"""An assignment where the learner's testbed is a virtual machine: the source earns all points, the release none.

What each answer earns in between is told by the exercises' own tests, on the carrier of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from assignment_answers import solutions

from dockernet_lessons import probe, testbed
from dockernet_lessons.grading import Task

pytestmark = pytest.mark.testbed


@pytest.fixture
def begun(vm_runtime: Path) -> Iterator[Task]:
    """Give an assignment that has begun in a virtual machine."""
    assert vm_runtime.exists()
    task = Task("bridges", "a seed of this test").begin()
    yield task
    task.lab.close()


def test_in_a_virtual_machine(begun: Task) -> None:
    """Untouched nothing is earned, and by the source's own solutions everything."""
    assert testbed.running().carrier.name == "vm"
    assert [begun.check(problem.name).points for problem in begun] == [0] * 5
    solved = solutions(begun.assignment)
    for problem in begun:
        exec(solved[problem.name], {"task": begun, "lab": begun.lab, "run": probe.run})  # noqa: S102  # our own notebook
        assert begun.check(problem.name).points == problem.points, begun.check(problem.name)
