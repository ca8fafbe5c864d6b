"""The exercises on the carriers that learners have where no namespaces can be made.

On an engine of the learner's own: untouched, wrong and solved, in each way. In a virtual machine, which takes four
times as long: solved as the course does it; there ``tests/test_binder.py`` runs all lessons, which have them untouched.
``DOCKERNET_EXERCISES=whole`` has every test of every exercise run on each carrier.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from learners_machine import learners_engine

from dockernet_lessons.testbed import saved

pytestmark = pytest.mark.testbed

ROOT = Path(__file__).parent.parent
FILES = sorted(str(path) for path in Path(__file__).parent.glob("test_exercises*.py"))
WHOLE = os.environ.get("DOCKERNET_EXERCISES") == "whole"


def hold_on(carrier: str, which: str, **variables: str) -> None:
    """Run those of the exercises' own tests on a carrier."""
    command = [sys.executable, "-m", "pytest", "-q", "--require-testbed", "-k", "" if WHOLE else which, *FILES]
    env = {**os.environ, "DOCKERNET_CARRIER": carrier, **variables}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stdout[-6000:]


def test_in_a_virtual_machine(machine: saved.Saved) -> None:
    """In a virtual machine of an ordinary user."""
    assert machine.folder.exists()
    hold_on("vm", "solve_")


@pytest.mark.skipif(os.geteuid() != 0, reason="the learner's engine of this test needs root")
def test_on_an_engine_of_the_learners_own() -> None:
    """As a container on the Docker Engine that a learner has."""
    with learners_engine() as address:
        hold_on("container", "untouched or wrong or solved", DOCKER_HOST=address)
