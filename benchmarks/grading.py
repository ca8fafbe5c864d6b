"""How long a class takes: thirty submissions of the problem set on bridges, graded on this machine.

    python benchmarks/grading.py [STUDENTS]

A third of the class has everything right, a third half of it, a third has done nothing. Needs root, as grading does.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from dockernet_lessons.grading import course, notebooks, report
from dockernet_lessons.grading.assign import assign

SOURCES = Path(__file__).parent.parent / "assignments"
ASSIGNMENT = "bridges"
STUDENTS = 30
AIM_MINUTES = 10


def main() -> None:
    """Make the class, grade it, tell how long that took."""
    students = int(sys.argv[1]) if len(sys.argv) > 1 else STUDENTS
    source = notebooks.read(SOURCES / f"{ASSIGNMENT}.ipynb")
    solutions = [cell for cell in notebooks.cells(source) if cell.kind == "learner"]
    with tempfile.TemporaryDirectory() as folder:
        names = [f"student{number:02}" for number in range(students)]
        expected = []
        for number, path in enumerate(assign(ASSIGNMENT, names, sources=SOURCES, to=Path(folder))):
            done = (len(solutions), len(solutions) // 2, 0)[number % 3]
            answers = {cell.name: cell.source for cell in solutions[:done]}
            made = json.loads(path.read_text())
            for raw in made["cells"]:
                raw["source"] = answers.get(raw["metadata"]["nbgrader"]["grade_id"], raw["source"])
            path.write_text(json.dumps(made))
            expected.append(2 * done)
        begun = time.monotonic()
        outcomes = course.grade(Path(folder), sources=SOURCES, progress=lambda line: print(line, file=sys.stderr))
        took = time.monotonic() - begun
        report.write(Path(folder), outcomes)
    wrong = [one.student for one, points in zip(outcomes, expected, strict=True) if one.points != points]
    print(f"{students} submissions: {took / 60:.1f} minutes, {took / students:.1f} s each (aim: {AIM_MINUTES} minutes)")
    print(f"load of the machine in the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"graded as expected: {students - len(wrong)} of {students}")


if __name__ == "__main__":
    main()
