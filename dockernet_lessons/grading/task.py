"""What an assignment's notebook works with: its lab, what is asked, and what has been earned so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

from dockernet_lessons.errors import LessonError
from dockernet_lessons.grading.problems import Marks, Problem
from dockernet_lessons.grading.seeds import EXAMPLE, Draw
from dockernet_lessons.lab import Lab

ASSIGNMENTS = ("bridges", "publishing", "lan", "capstone")


@dataclass(frozen=True, slots=True)
class Statement:
    """What is asked of a student."""

    name: str
    text: str
    points: int

    def __repr__(self) -> str:
        return f"{self.text.replace('`', '')} ({self.points} points)"

    def _repr_markdown_(self) -> str:
        return f"**{self.name}** ({self.points} points). {self.text}"


class Task:
    """The exercises of one student's version of an assignment.

    >>> task = Task("bridges", "example")
    >>> task["names"].points
    2
    """

    def __init__(self, assignment: str, seed: str) -> None:
        if assignment not in ASSIGNMENTS:
            raise LessonError(f"No assignment is called {assignment!r}.", hint=f"there are {', '.join(ASSIGNMENTS)}.")
        module = import_module(f"dockernet_lessons.grading.sets.{assignment}")
        self.assignment = assignment
        self.seed = seed
        self.lab = Lab(f"assignment_{assignment}")
        self._problems: dict[str, Problem] = {each.name: each for each in module.problems(Draw(seed))}
        self._noted: dict[str, str] = {}
        self._seen: dict[str, Marks] | None = None

    def __repr__(self) -> str:
        return f"Assignment {self.assignment}: {', '.join(self._problems)}"

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._problems.values())

    def __getitem__(self, name: str) -> Problem:
        if name not in self._problems:
            raise LessonError(f"No exercise is called {name!r}.", hint=f"there are {', '.join(self._problems)}.")
        return self._problems[name]

    def begin(self) -> Task:
        """Start the lab, and make what the exercises begin with."""
        self.lab.start()
        for problem in self:
            problem.prepare(self.lab)
        self.note()
        return self

    def note(self) -> None:
        """Note the containers that have to stay as they are."""
        self._noted = {name: told for problem in self for name, told in problem.note().items()}

    def show(self, name: str) -> Statement:
        """Show what is asked, with this student's names and numbers."""
        problem = self[name]
        return Statement(name, problem.statement, problem.points)

    def check(self, name: str) -> Marks:
        """Judge the testbed as it is now, part by part."""
        if self._seen is None:
            return self[name].marks(self._noted)
        if name not in self._seen:
            self._seen[name] = self[name].marks(self._noted)
        return self._seen[name]

    @contextmanager
    def looking_once(self) -> Iterator[None]:
        """Judge each exercise once only, however often it is asked for: while nobody changes anything."""
        self._seen = {}
        try:
            yield
        finally:
            self._seen = None

    def grade(self, name: str) -> int:
        """Judge as ``check`` does, print it, and give the points: what nbgrader takes as partial credit."""
        marks = self.check(name)
        print(marks)
        return marks.points


def begin(assignment: str, seed: str = EXAMPLE) -> Task:
    """Begin an assignment: an earlier attempt is swept away, and what it begins with is made.

    >>> task = begin("bridges")
    >>> task.show("names")
    Start two containers, fly and roc, that reach each other by name. (2 points)
    >>> task.check("names")
    names: 0 of 2 points
      0/1 fly reaches roc by name: no container is called fly.
      0/1 roc reaches fly by name: no container is called roc.
    >>> task.lab.close()
    Lab assignment_bridges is closed: 2 containers and 1 network removed, nothing of it is left.
    """
    return Task(assignment, seed).begin()
