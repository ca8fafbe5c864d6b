"""A graded exercise: what is asked with this student's parameters, what is made before, and the parts that earn points.

Knows nothing of notebooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

from dockernet_lessons.errors import LessonError
from dockernet_lessons.grading import looks
from dockernet_lessons.lab import Lab

Judge = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Part:
    """Something that has to be so, and its points; ``judge`` tells what is wrong, ``None`` where nothing is."""

    points: int
    what: str
    judge: Judge = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """What one part of an exercise earned, and why it earned nothing."""

    points: int
    of: int
    what: str
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.points}/{self.of} {self.what}{f': {self.problem}' if self.problem else ''}"


@dataclass(frozen=True, slots=True)
class Marks:
    """What an exercise earned, part by part.

    >>> Marks("names", (Mark(1, 1, "cow reaches hen"), Mark(0, 1, "hen reaches cow", "no answer.")))
    names: 1 of 2 points
      1/1 cow reaches hen
      0/1 hen reaches cow: no answer.
    """

    name: str
    parts: tuple[Mark, ...]

    @property
    def points(self) -> int:
        """The points that were earned."""
        return sum(part.points for part in self.parts)

    @property
    def of(self) -> int:
        """The points that could be earned."""
        return sum(part.of for part in self.parts)

    def __repr__(self) -> str:
        return "\n  ".join([f"{self.name}: {self.points} of {self.of} points", *map(str, self.parts)])


def _nothing(lab: Lab) -> None:
    """Make nothing before the exercise."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A graded exercise of one student.

    ``given`` are the parameters that the statement names. What ``prepare`` starts and ``keep`` names may not be made or
    started anew.
    """

    name: str
    statement: str
    parts: tuple[Part, ...]
    given: SimpleNamespace
    prepare: Callable[[Lab], None] = _nothing
    keep: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """The points that can be earned."""
        return sum(part.points for part in self.parts)

    def note(self) -> dict[str, str]:
        """Note who is to be kept, as they are now."""
        return {name: looks.identity(name) for name in self.keep}

    def marks(self, noted: Mapping[str, str]) -> Marks:
        """Judge the testbed as it is now."""
        with looks.at_one_moment():
            return Marks(self.name, tuple(self._mark(part, noted) for part in self.parts))

    def _mark(self, part: Part, noted: Mapping[str, str]) -> Mark:
        try:
            problem = self._renewed(noted) or part.judge()
        except LessonError as error:
            problem = error.message
        return Mark(0 if problem else part.points, part.points, part.what, problem or "")

    def _renewed(self, noted: Mapping[str, str]) -> str | None:
        for name in self.keep:
            if missing := looks.not_running(name):
                return missing
            if looks.identity(name) != noted.get(name):
                return f"{name} was made or started anew, and had to stay as it was."
        return None
