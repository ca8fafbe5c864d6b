"""Makes the students' versions of an assignment: each with a seed of its own, without solutions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from dockernet_lessons.errors import LessonError
from dockernet_lessons.grading import notebooks
from dockernet_lessons.grading.seeds import seed_of
from dockernet_lessons.grading.task import ASSIGNMENTS, Task

STUDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


def assign(assignment: str, students: Iterable[str], *, sources: Path, to: Path) -> Iterator[Path]:
    """Write a student's version for each student, as ``TO/STUDENT/ASSIGNMENT.ipynb``; give the files as they are made.

    What is there already is not written over: a student may have worked on it.

    Raises ``LessonError``: no such assignment, a student's id that is no name for a folder, a file that is there.
    """
    source = known(assignment, sources)
    original = notebooks.read(source)
    for student in students:
        if not STUDENT.fullmatch(student):
            raise LessonError(
                f"{student!r} cannot name a student.", hint="use letters, digits and . _ @ -, 64 of them at most."
            )
        target = to / student / f"{assignment}.ipynb"
        if target.exists():
            raise LessonError(f"{target} is there already.", hint="remove it first, or choose another folder.")
        text = json.dumps(made(original, assignment, student), indent=1, ensure_ascii=False)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{text}\n", encoding="utf-8")
        yield target


def known(assignment: str, sources: Path) -> Path:
    """Give the source notebook of an assignment.

    Raises ``LessonError`` where there is none.
    """
    source = sources / f"{assignment}.ipynb"
    if assignment not in ASSIGNMENTS or not source.is_file():
        there = ", ".join(name for name in ASSIGNMENTS if (sources / f"{name}.ipynb").is_file())
        raise LessonError(f"No assignment is called {assignment!r} in {sources}.", hint=f"there are {there or 'none'}.")
    return source


def made(original: dict[str, object], assignment: str, student: str) -> dict[str, object]:
    """Give one student's version of a source notebook."""
    seed = seed_of(assignment, student)
    task = Task(assignment, seed)

    def show(name: str) -> tuple[str, str]:
        statement = task.show(name)
        return repr(statement), statement._repr_markdown_()

    return notebooks.release(original, seed, show)
