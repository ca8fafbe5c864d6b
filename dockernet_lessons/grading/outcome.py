"""What grading a submission found, as it is kept and reported. Knows nothing of how it was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Earned:
    """The points of one exercise, and what its check said."""

    name: str
    points: float
    of: float
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one submission earned; ``notes`` are for the instructor, ``problems`` what went wrong in which cell."""

    student: str
    assignment: str
    exercises: tuple[Earned, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    key: str = field(default="", compare=False)

    @property
    def points(self) -> float:
        """The points that were earned."""
        return sum(each.points for each in self.exercises)

    @property
    def of(self) -> float:
        """The points that could be earned."""
        return sum(each.of for each in self.exercises)


def keep(outcome: Outcome, file: Path) -> None:
    """Write an outcome down, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(asdict(outcome), indent=1))
    part.rename(file)


def kept(file: Path, key: str) -> Outcome | None:
    """Give an outcome that was written down for this very key, or ``None``."""
    try:
        found: Mapping[str, Any] = json.loads(file.read_text())
        exercises = tuple(Earned(**{**each, "said": tuple(each["said"])}) for each in found["exercises"])
        notes, problems = tuple(found["notes"]), tuple(found["problems"])
        outcome = Outcome(found["student"], found["assignment"], exercises, notes, problems, found["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return outcome if outcome.key == key else None
