"""Takes the assignments through nbgrader itself: ``python tools/nbgrader_round.py``, after ``pip install .[grading]``.

For each assignment nbgrader makes its release, and grades two students: one hands in the source with its solutions, the
other the release as it is. The first has to have all points, the second none. Needs a testbed; nbgrader runs what is
handed in on this machine itself, without a cell.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dockernet_lessons.grading import ASSIGNMENTS

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the round; tell what each student got."""
    wrong = []
    with tempfile.TemporaryDirectory() as course:
        for name in ASSIGNMENTS:
            source = Path(course, "source", name, f"{name}.ipynb")
            source.parent.mkdir(parents=True)
            shutil.copy(ROOT / "assignments" / f"{name}.ipynb", source)
            nbgrader(course, "generate_assignment", name, "--create")
            release = Path(course, "release", name, f"{name}.ipynb")
            for student, handed_in in (("knows", source), ("learns", release)):
                target = Path(course, "submitted", student, name)
                target.mkdir(parents=True)
                shutil.copy(handed_in, target)
            nbgrader(course, "autograde", name, "--create")
        nbgrader(course, "export")
        for row in csv.DictReader(Path(course, "grades.csv").read_text().splitlines()):
            expected = float(row["max_score"]) if row["student_id"] == "knows" else 0.0
            print(f"{row['assignment']}: who {row['student_id']} got {row['score']} of {row['max_score']}")
            wrong += [row] if float(row["score"]) != expected or not float(row["max_score"]) else []
    return 1 if wrong else 0


def nbgrader(course: str, *words: str) -> None:
    """Run one of nbgrader's commands in a course."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it calls alembic and kernels by their names
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words],
        cwd=course,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        sys.exit(f"nbgrader {' '.join(words)} failed")


if __name__ == "__main__":
    sys.exit(main())
