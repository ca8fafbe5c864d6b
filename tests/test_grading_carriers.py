"""An assignment on the carriers that learners have where no namespaces can be made: all points, and nothing untouched.

What each answer earns in between is told by the exercises' own tests, on the carrier of the machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from assignment_answers import solutions
from learners_machine import learners_engine

from dockernet_lessons import probe, testbed
from dockernet_lessons.grading import Task

pytestmark = pytest.mark.testbed


@pytest.fixture
def container_runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a runtime folder of one test's own on the carrier `container`, with a learner's engine to run on."""
    folder = Path(tempfile.mkdtemp(prefix="dockernet-ct-"))
    with learners_engine() as address:
        monkeypatch.setenv("DOCKERNET_RUNTIME", str(folder))
        monkeypatch.setenv("DOCKERNET_CARRIER", "container")
        monkeypatch.setenv("DOCKER_HOST", address)
        yield folder
        testbed.down()
    shutil.rmtree(folder)


def check_both_ends(carrier: str) -> None:
    """See that an assignment earns nothing untouched, and everything by the source's own solutions."""
    task = Task("bridges", "a seed of this test").begin()
    assert testbed.running().carrier.name == carrier
    assert [task.check(problem.name).points for problem in task] == [0] * 5
    solved = solutions(task.assignment)
    for problem in task:
        exec(solved[problem.name], {"task": task, "lab": task.lab, "run": probe.run})  # noqa: S102  # our own notebook
        assert task.check(problem.name).points == problem.points, task.check(problem.name)
    task.lab.close()


def test_in_a_virtual_machine(vm_runtime: Path) -> None:
    """In a virtual machine of an ordinary user."""
    assert vm_runtime.exists()
    check_both_ends("vm")


@pytest.mark.skipif(os.geteuid() != 0, reason="the learner's engine of this test needs root")
# The Docker SDK leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_on_an_engine_of_the_learners_own(container_runtime: Path) -> None:
    """As a container on the Docker Engine that a learner has."""
    assert container_runtime.exists()
    check_both_ends("container")
