"""Takes the assignments through nbgrader itself: ``python tools/nbgrader_round.py``, after ``pip install .[grading]``.

For each assignment nbgrader makes its release, and grades two students: one hands in the source with its solutions, the
other the release as it is. The first has to have all points, the second none. Needs a testbed; nbgrader runs what is
handed in on this machine itself, without a cell. What ``nbgrader generate_assignment`` and ``nbgrader autograde`` do is
asked of nbgrader's own interface, so that it is loaded once.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from dockernet_lessons.grading import ASSIGNMENTS

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the round; tell what each student got."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # nbgrader calls alembic by its name
    right = True
    with tempfile.TemporaryDirectory() as course:
        config = Config()
        config.CourseDirectory.root = course
        nbgrader = NbGraderAPI(config=config)
        for name in ASSIGNMENTS:
            source = Path(course, "source", name, f"{name}.ipynb")
            source.parent.mkdir(parents=True)
            shutil.copy(ROOT / "assignments" / f"{name}.ipynb", source)
            succeeded(nbgrader.generate_assignment(name))
            release = Path(course, "release", name, f"{name}.ipynb")
            for student, handed_in in (("knows", source), ("learns", release)):
                target = Path(course, "submitted", student, name)
                target.mkdir(parents=True)
                shutil.copy(handed_in, target)
                succeeded(nbgrader.autograde(name, student))
                score, of = graded(nbgrader, name, student)
                print(f"{name}: who {student} got {score:g} of {of:g}", flush=True)
                right = right and of > 0 and score == (of if student == "knows" else 0)
    return 0 if right else 1


def graded(nbgrader: NbGraderAPI, name: str, student: str) -> tuple[float, float]:
    """Give what a submission earned, and what it could have."""
    with nbgrader.gradebook as book:
        found = book.find_submission(name, student)
        return found.score, found.max_score


def succeeded(told: Mapping[str, object]) -> None:
    """End where nbgrader tells that something failed."""
    if not told["success"]:
        sys.exit(f"nbgrader failed:\n{told.get('log', '')}\n{told.get('error', '')}")


if __name__ == "__main__":
    sys.exit(main())
