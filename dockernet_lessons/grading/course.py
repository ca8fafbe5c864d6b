"""Grades a class: every submission in a cell and a testbed of its own, some side by side, each outcome kept at once."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from dockernet_lessons.errors import LessonError
from dockernet_lessons.grading import notebooks, outcome
from dockernet_lessons.grading.assign import known
from dockernet_lessons.grading.outcome import Earned, Outcome
from dockernet_lessons.grading.seeds import seed_of
from dockernet_lessons.grading.task import ASSIGNMENTS
from dockernet_lessons.testbed import confined, tree

KEPT = ".graded"
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """How long a submission may take, in seconds: all of it, one cell, and one check; and what it may use."""

    seconds: float = 300
    cell_seconds: float = 60
    check_seconds: float = 60
    limits: confined.Limits = field(default_factory=confined.Limits)


@dataclass(frozen=True, slots=True)
class Course:
    """What every submission of a class is graded with."""

    sources: Path
    rules: Rules
    built: tree.Tree
    broken_off: threading.Event = field(default_factory=threading.Event)
    _cells: set[confined.Cell] = field(default_factory=set)

    def begins(self, cell: confined.Cell) -> None:
        """Know of a cell that begins; one that begins too late ends at once."""
        self._cells.add(cell)
        if self.broken_off.is_set():
            cell.end()

    def break_off(self) -> None:
        """End all that is being graded, and keep no outcome of it."""
        self.broken_off.set()
        for cell in tuple(self._cells):
            cell.end()


@dataclass(frozen=True, slots=True)
class Submission:
    """A file that was handed in."""

    student: str
    assignment: str
    path: Path
    linked: bool = False


def submissions(folder: Path) -> list[Submission]:
    """List what was handed in: ``STUDENT/ASSIGNMENT.ipynb``, or ``STUDENT/ASSIGNMENT/ANYTHING.ipynb`` as of nbgrader.

    Raises ``LessonError`` where there is nothing.
    """
    if not folder.is_dir():
        raise LessonError(f"{folder} is no folder.", hint="name the folder that holds one folder for each student.")
    found: dict[tuple[str, str], Submission] = {}
    for path in sorted(folder.glob("*/*.ipynb")) + sorted(folder.glob("*/*/*.ipynb")):
        student, *between = path.relative_to(folder).parts[:-1]
        assignment = between[0] if between else path.stem
        within = path.relative_to(folder)
        if not any(part.startswith(".") for part in within.parts):
            linked = path.resolve() != folder.resolve() / within
            found.setdefault((student, assignment), Submission(student, assignment, path, linked))
    if not found:
        raise LessonError(
            f"{folder} holds no submissions.", hint="it has to hold notebooks as STUDENT/ASSIGNMENT.ipynb."
        )
    return [found[key] for key in sorted(found)]


def grade(
    folder: Path,
    *,
    sources: Path,
    rules: Rules | None = None,
    workers: int = 2,
    again: bool = False,
    suite: str = tree.DEFAULT_SUITE,
    progress: Progress = print,
) -> list[Outcome]:
    """Grade every submission in a folder, and give the outcomes in the order of the students' names.

    An outcome is kept in the folder as soon as it is there: a run that was broken off goes on where it was. It is found
    anew where the submission, the assignment or the package changed, or ``again`` is asked for.

    Raises ``LessonError``: nothing was handed in, or this machine cannot run what nobody trusts.
    """
    handed_in = submissions(folder)
    confined.check_possible()
    built = tree.build(suite, progress=progress)
    course = Course(sources, rules or Rules(), built)
    slots: SimpleQueue[int] = SimpleQueue()
    for slot in range(workers):
        slots.put(slot)

    def one(submission: Submission) -> tuple[Outcome, str]:
        file = folder / KEPT / submission.student / f"{submission.assignment}.json"
        data = _content(submission)
        key = _key(submission, data, course)
        if not again and (before := outcome.kept(file, key)):
            return before, " (kept from an earlier run)"
        slot = slots.get()
        try:
            found = replace(_graded(submission, data, course, slot), key=key)
        except LessonError:
            raise
        except Exception as error:  # noqa: BLE001  # one submission does not stop the others
            return Outcome(submission.student, submission.assignment, notes=(f"could not be graded: {error!r}",)), ""
        finally:
            slots.put(slot)
        if not course.broken_off.is_set():
            outcome.keep(found, file)
        return found, ""

    outcomes = []
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(one, submission) for submission in handed_in]
        try:
            for number, done in enumerate(as_completed(running), 1):
                found, how = done.result()
                outcomes.append(found)
                earned = f"{found.points:g} of {found.of:g} points"
                progress(f"{number} of {len(running)}: {found.student}, {found.assignment}: {earned}{how}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            course.break_off()
            raise
    return sorted(outcomes, key=lambda each: (each.student, each.assignment))


def _content(submission: Submission) -> bytes | str:
    """Give what was handed in, or why it cannot be read."""
    path = submission.path
    if submission.linked:
        return "it is a link to another file."
    try:
        if not path.is_file():
            return "it is no file."
        with path.open("rb") as file:
            return file.read(notebooks.LARGEST + 1)
    except OSError as error:
        return f"it cannot be read: {error.strerror}."


def _key(submission: Submission, data: bytes | str, course: Course) -> str:
    """Give what an outcome depends on."""
    source = course.sources / f"{submission.assignment}.ipynb"
    digest = hashlib.sha256(data if isinstance(data, bytes) else data.encode())
    digest.update(source.read_bytes() if source.is_file() else b"")
    digest.update(f"{_code()} {course.rules} {course.built.folder.name}".encode())
    return digest.hexdigest()


@cache
def _code() -> str:
    """Give what changes when the package does."""
    modules = sorted(Path(__file__).parent.parent.rglob("*.py"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()


def _graded(submission: Submission, data: bytes | str, course: Course, slot: int) -> Outcome:
    """Grade one submission; whatever it does is an outcome."""
    empty = Outcome(submission.student, submission.assignment)
    if submission.assignment not in ASSIGNMENTS:
        return replace(empty, notes=(f"no assignment is called {submission.assignment}",))
    ours = notebooks.read(known(submission.assignment, course.sources))
    checks = [cell for cell in notebooks.cells(ours) if cell.kind == "check"]
    nothing = tuple(Earned(_short(cell.name), 0, cell.points, ("it was not reached",)) for cell in checks)
    empty = replace(empty, exercises=nothing)
    if isinstance(data, str):
        return replace(empty, notes=(data,))
    try:
        theirs = notebooks.parse(data, submission.path.name)
    except LessonError as error:
        return replace(empty, notes=(error.message,))
    seed = seed_of(submission.assignment, submission.student)
    plan = notebooks.plan(ours, theirs, seed)
    told = {
        "assignment": submission.assignment,
        "seed": seed,
        "suite": course.built.suite,
        "cell_seconds": course.rules.cell_seconds,
        "check_seconds": course.rules.check_seconds,
        "steps": [_step(step) for step in plan.steps],
    }
    return _collected(replace(empty, notes=plan.notes), _said(told, course, slot))


def _step(step: notebooks.Step) -> dict[str, Any]:
    cell = step.cell
    return {"name": cell.name, "kind": cell.kind, "source": cell.source, "points": cell.points, "own": step.own}


def _end(cell: confined.Cell, late: threading.Event) -> None:
    """End what takes too long; that is known before its output ends."""
    late.set()
    cell.end()


def _said(told: dict[str, Any], course: Course, slot: int) -> Iterator[dict[str, Any]]:
    """Run a session in a cell, and give what it says, line by line; it ends in time."""
    command = [sys.executable, "-m", "dockernet_lessons.grading.session"]
    try:
        given = json.dumps(told).encode()
        with confined.cell(command, course.built, slot=slot, limits=course.rules.limits, given=given) as cell:
            course.begins(cell)
            late = threading.Event()
            alarm = threading.Timer(course.rules.seconds, _end, (cell, late))
            alarm.start()
            done = False
            for line in cell.output:
                event = json.loads(line)
                done = done or "done" in event or "trouble" in event
                yield event
            alarm.cancel()
            if late.is_set():
                yield {"note": f"ended after {course.rules.seconds:g} s: what was earned until then counts"}
            elif not done:
                yield {"note": f"its session broke off ({cell.last_words()}): what was earned until then counts"}
    except (OSError, ValueError) as error:
        yield {"note": f"could not be graded to its end: {error}"}


def _collected(empty: Outcome, events: Iterator[dict[str, Any]]) -> Outcome:
    """Turn what a session said into an outcome."""
    earned = {each.name: each for each in empty.exercises}
    notes, problems = list(empty.notes), []
    for event in events:
        if "points" in event:
            name = _short(event["name"])
            earned[name] = Earned(name, event["points"], event["of"], tuple(event["said"]))
        elif "problem" in event:
            problems.append(f"{event['name']}: {event['problem']}")
        elif told := event.get("note") or event.get("trouble"):
            notes.append(told)
    return replace(empty, exercises=tuple(earned.values()), notes=tuple(notes), problems=tuple(problems))


def _short(name: str) -> str:
    return name.removesuffix("-checked")
