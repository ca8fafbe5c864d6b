"""Assignments as notebooks in nbgrader's cell format: read, made into a student's version, joined with what came back.

Whatever a student hands in is data here: nothing of it is run. Knows nothing of testbeds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from dockernet_lessons.errors import LessonError
from dockernet_lessons.grading.seeds import EXAMPLE

Kind = Literal["locked", "learner", "check"]
LARGEST = 5_000_000
"""How many bytes a notebook that is handed in may have."""
SOLUTION = re.compile(r"(?ms)^([ \t]*)### BEGIN SOLUTION$.*?^[ \t]*### END SOLUTION$")
HIDDEN = re.compile(r"(?ms)^[ \t]*### BEGIN HIDDEN TESTS$.*?^[ \t]*### END HIDDEN TESTS$\n?")
STUB = "# YOUR CODE HERE"
SHOWS = re.compile(r'task\.show\("(\w+)"\)')


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell of an assignment: its name, what it is for, its source, and the points that it gives."""

    name: str
    kind: Kind
    source: str
    points: float = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A cell to run, of the grader's own or of the student's."""

    cell: Cell
    own: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What grading a submission runs, in order, and what was noticed about the notebook."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]


def read(path: Path) -> dict[str, Any]:
    """Read a notebook of the grader's own.

    Raises ``LessonError`` where it is none.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LessonError(f"{path} cannot be read: {error.strerror}.", hint="name a notebook that is there.") from error
    return parse(data, str(path))


def parse(data: bytes, name: str) -> dict[str, Any]:
    """Take a file for a notebook.

    Raises ``LessonError``, with what it is instead.
    """
    hint = "hand in the notebook itself, as JupyterLab saves it."
    if len(data) > LARGEST:
        raise LessonError(f"{name} is larger than {LARGEST // 1_000_000} MB.", hint="clear its outputs, and save it.")
    try:
        found: dict[str, Any] = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise LessonError(f"{name} is not a notebook: it is no JSON.", hint=hint) from error
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise LessonError(f"{name} is not a notebook: it has no cells.", hint=hint)
    return found


def cells(notebook: Mapping[str, Any]) -> Iterator[Cell]:
    """Give the code cells of a notebook; one that is no part of the assignment has no name."""
    for raw in notebook["cells"]:
        if raw.get("cell_type") != "code":
            continue
        told = _told(raw)
        kind: Kind = "check" if told.get("grade") is True else "learner"
        if kind == "learner" and told.get("locked") is True and told.get("solution") is not True:
            kind = "locked"
        name, points = told.get("grade_id"), told.get("points")
        yield Cell(
            name if isinstance(name, str) else "",
            kind,
            source(raw),
            float(points) if isinstance(points, int | float) else 0,
        )


def source(raw: Mapping[str, Any]) -> str:
    """Give the text of a cell, which a notebook may hold as one text or as lines."""
    text = raw.get("source", "")
    lines = text if isinstance(text, list) else [text]
    return "".join(line for line in lines if isinstance(line, str))


def _told(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = raw.get("metadata")
    told = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return told if isinstance(told, dict) else {}


def seeded(text: str, seed: str) -> str:
    """Give the source of a cell with a student's seed in the place of the example's.

    >>> seeded('task = begin("bridges", seed="example")', "b2")
    'task = begin("bridges", seed="b2")'
    """
    return text.replace(f'seed="{EXAMPLE}"', f'seed="{seed}"')


def stripped(text: str) -> str:
    r"""Give the source of a cell without its solution and its hidden tests.

    >>> stripped("### BEGIN SOLUTION\nlab.container('cow')\n### END SOLUTION")
    '# YOUR CODE HERE'
    """
    return HIDDEN.sub("", SOLUTION.sub(rf"\1{STUB}", text)).rstrip("\n")


def release(notebook: Mapping[str, Any], seed: str, show: Callable[[str], tuple[str, str]]) -> dict[str, Any]:
    """Give a student's version: their seed, no solutions, no hidden tests, and what is asked already there to read.

    ``show`` gives the plain text and the Markdown of a statement.
    """
    made: dict[str, Any] = json.loads(json.dumps(notebook))
    for raw in made["cells"]:
        raw["source"] = stripped(seeded(source(raw), seed))
        if raw["cell_type"] != "code":
            continue
        raw["execution_count"], raw["outputs"] = None, []
        if asked := SHOWS.fullmatch(raw["source"].strip()):
            plain, marked = show(asked[1])
            data = {"text/plain": plain, "text/markdown": marked}
            raw["outputs"] = [{"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}]
            raw["execution_count"] = 1
    return made


def plan(ours: Mapping[str, Any], theirs: Mapping[str, Any], seed: str) -> Plan:
    """Join the grader's own notebook with one that was handed in: of the latter only the student's own cells are run.

    Set-up and checks are the grader's, with the student's seed. A cell that the student added runs where it stands.
    """
    wanted = [replace(cell, source=seeded(cell.source, seed)) for cell in cells(ours)]
    known = {cell.name for cell in wanted}
    answers: dict[str, Cell] = {}
    added: dict[str, list[Cell]] = {}
    notes = []
    begins = [cell.name for cell in wanted if cell.kind == "locked"][0:1]
    last = begins[0] if begins else ""
    for cell in cells(theirs):
        if cell.name not in known:
            added.setdefault(last, []).append(replace(cell, kind="learner", name="added", points=0))
            continue
        if cell.name in answers:
            notes.append(f"has the cell {cell.name} twice: the first counts")
            continue
        answers[cell.name] = cell
        last = cell.name
    steps = []
    for cell in wanted:
        given = answers.get(cell.name)
        if given is None:
            notes.append(f"misses the cell {cell.name}")
        elif cell.kind != "learner" and given.source.strip() != stripped(cell.source).strip():
            notes.append(f"changed the cell {cell.name}: the original was run")
        if cell.kind != "learner":
            steps.append(Step(cell, own=True))
        elif given is not None:
            steps.append(Step(replace(given, kind="learner", points=0), own=False))
        steps.extend(Step(each, own=False) for each in added.get(cell.name, ()))
    return Plan(tuple(steps), tuple(notes))
