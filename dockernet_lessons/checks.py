"""What became of an exercise, judged on the live testbed and never on what was typed.

A wrong answer is a value with its evidence, not an error.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from dockernet_lessons.errors import LessonError
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import ping

State = Literal["Not attempted yet", "Not yet", "Correct", "Cannot check here"]


@dataclass(frozen=True, slots=True)
class Result:
    """The state of an exercise, what was seen, and what to look at next.

    >>> Result("Not yet", "cow does not know the name hen.", "Which kind of bridge has names?")
    Not yet: cow does not know the name hen. Which kind of bridge has names?
    """

    state: State
    evidence: str
    next: str = ""

    def __repr__(self) -> str:
        return f"{self.state}: {self.evidence} {self.next}".rstrip()


@dataclass(slots=True)
class Exercise:
    """One skill to try: what to do, how it is judged, hints one after another, and a solution that is known to work."""

    statement: str
    judge: Callable[[Lab], Result]
    solve: Callable[[Lab], None]
    hints: tuple[str, ...]
    _given: int = field(default=0, init=False, repr=False)

    def __repr__(self) -> str:
        return self.statement

    def check(self, lab: Lab) -> Result:
        """Judge the state of the testbed as it is now."""
        try:
            return self.judge(lab)
        except LessonError as error:
            return Result("Cannot check here", error.message, error.hint)

    def hint(self) -> str:
        """Give the next hint; the last one again when there are no more."""
        self._given = min(self._given + 1, len(self.hints))
        return f"Hint {self._given} of {len(self.hints)}: {self.hints[self._given - 1]}"

    def solution(self) -> str:
        """Give the source of a solution: the very function that is run to prove it."""
        return inspect.getsource(self.solve)


def why_not(source: str, target: str) -> str | None:
    """Tell what keeps ``source`` from reaching ``target`` by ping, ``None`` where it does."""
    found = ping(source, target)
    return None if found.reached else f"{found}."


def not_running(lab: Lab, *names: str) -> list[str]:
    """Give those of the names that are no running container of this lab."""
    running = lab.running()
    return [name for name in names if name not in running]
