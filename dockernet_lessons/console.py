"""What a person sees on a terminal: a report as a table, and the step that is under way with its time.

Knows rich; does not know what the steps do.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from dockernet_lessons.testbed.doctor import Report


def show(report: Report) -> None:
    """Print a doctor's report as a table, and what follows from it."""
    signs = {True: "[green]yes[/]", False: "[red]no[/]", None: "?"}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "ok", "finding", "next step"):
        table.add_column(title, overflow="fold")
    for check in report.checks:
        table.add_row(check.name, signs[check.ok], escape(check.finding), escape(check.next_step))
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"\nA testbed can run here, on the carrier {report.carrier}."
        if report.ready
        else "\n[bold]No testbed can run here yet:[/] see each `no` above."
    )


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Show on stderr which step is under way, and for how long; a log gets a line at each start and at the end."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        with Progress(
            SpinnerColumn(finished_text="-"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
        ) as bar:

            def step(text: str) -> None:
                for task in bar.task_ids:
                    bar.update(task, total=1, completed=1)
                bar.add_task(text, total=None)

            yield step
            for task in bar.task_ids:
                bar.update(task, total=1, completed=1)
        return

    began = time.monotonic()
    told = False

    def line(text: str) -> None:
        nonlocal told
        told = True
        print(text, file=sys.stderr, flush=True)

    yield line
    if told:
        print(f"done after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
