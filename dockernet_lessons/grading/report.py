"""A class's outcomes as a table for a spreadsheet, and as a page that tells what failed and why."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dockernet_lessons.grading.outcome import Earned, Outcome

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { border: 1px solid #8a8a8a; padding: 0.2rem 0.6rem; text-align: left; }
td.points { text-align: right; } pre { background: #f3f3f3; color: #111; padding: 0.5rem; white-space: pre-wrap; }
"""


def table(outcomes: Sequence[Outcome]) -> str:
    r"""Give the outcomes as CSV, a line for each submission and a column for each exercise.

    >>> earned = (Earned("names", 1, 2), Earned("gate", 2, 2))
    >>> print(table([Outcome("ada", "bridges", earned, ("misses the cell gate",))]))
    student,assignment,points,of,names,gate,notes
    ada,bridges,3,4,1,2,misses the cell gate
    <BLANKLINE>
    """
    names = list(dict.fromkeys(each.name for outcome in outcomes for each in outcome.exercises))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "assignment", "points", "of", *names, "notes"])
    for outcome in outcomes:
        earned = {each.name: f"{each.points:g}" for each in outcome.exercises}
        points = [f"{outcome.points:g}", f"{outcome.of:g}", *(earned.get(name, "") for name in names)]
        said = "; ".join([*outcome.notes, *outcome.problems])
        writer.writerow([_plain(outcome.student), _plain(outcome.assignment), *points, _plain(said)])
    return text.getvalue()


def _plain(text: str) -> str:
    """Keep a spreadsheet from taking a student's words for a formula."""
    said = " ".join(text.split())
    return f"'{said}" if said[:1] in ("=", "+", "-", "@") else said


def page(title: str, outcomes: Sequence[Outcome]) -> str:
    """Give the outcomes as a page of HTML that needs nothing else."""
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>',
            f"<style>{STYLE}</style></head><body><h1>{html.escape(title)}</h1>",
            "<table><tr><th>student</th><th>assignment</th><th>points</th><th>notes</th></tr>",
            *(_row(number, outcome) for number, outcome in enumerate(outcomes)),
            "</table>",
            *(line for number, outcome in enumerate(outcomes) for line in _details(number, outcome)),
            "</body></html>",
            "",
        ]
    )


def _row(number: int, outcome: Outcome) -> str:
    who = f'<a href="#s{number}">{html.escape(outcome.student)}</a>'
    points = f"{outcome.points:g} of {outcome.of:g}"
    notes = html.escape("; ".join(outcome.notes))
    return (
        f"<tr><td>{who}</td><td>{html.escape(outcome.assignment)}</td>"
        f'<td class="points">{points}</td><td>{notes}</td></tr>'
    )


def _details(number: int, outcome: Outcome) -> Iterator[str]:
    title = f"{outcome.student}, {outcome.assignment}: {outcome.points:g} of {outcome.of:g}"
    yield f'<h2 id="s{number}">{html.escape(title)}</h2>'
    yield from _listed("Noticed", outcome.notes)
    yield from _listed("Errors in cells", outcome.problems)
    for each in outcome.exercises:
        yield f"<h3>{html.escape(each.name)}: {each.points:g} of {each.of:g}</h3>"
        yield f"<pre>{html.escape(_said(each))}</pre>"


def _said(earned: Earned) -> str:
    return "\n".join(earned.said)


def _listed(title: str, lines: Iterable[str]) -> Iterator[str]:
    items = [f"<li>{html.escape(line)}</li>" for line in lines]
    if items:
        yield f"<p>{title}:</p><ul>{''.join(items)}</ul>"


def write(folder: Path, outcomes: Sequence[Outcome]) -> tuple[Path, Path]:
    """Write both into the folder of the class; give the files."""
    files = folder / "grades.csv", folder / "grades.html"
    files[0].write_text(table(outcomes), encoding="utf-8")
    files[1].write_text(page(f"Grades of {folder.resolve().name}", outcomes), encoding="utf-8")
    return files
