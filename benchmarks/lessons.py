"""How long each lesson takes in strict nbval on each carrier, round after round; none may differ from what is stored.

``python benchmarks/lessons.py 3`` takes three rounds on the carriers ``namespace`` and ``vm``, about half an hour;
``python benchmarks/lessons.py 1 vm`` one on the virtual machine. A time is that of the cells with the start of the
kernel and of the testbed. A lesson that needs what a carrier's kernel lacks runs on the first that has it.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
AIMS = {"namespace": 60, "vm": 180}
NBVAL = ["-q", "-p", "no:cacheprovider", "--nbval", "--nbval-sanitize-with=tests/sanitise.cfg", "--require-testbed"]


def taken(lesson: Path, carrier: str) -> float:
    """Run a lesson on a carrier and give its seconds. Ends the program, with what pytest said, where a cell differs."""
    choice = {"DOCKERNET_CARRIER": "auto" if carrier == "namespace" else carrier}
    command = [sys.executable, "-m", "pytest", *NBVAL, str(lesson)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **choice}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{lesson.name} on {carrier}:\n{done.stdout[-4000:]}")
    return float(re.findall(r"passed.* in ([\d.]+)s", done.stdout)[-1])


def main(rounds: int, chosen: Sequence[str]) -> None:
    """Measure every lesson and print one table."""
    lessons = sorted((ROOT / "notebooks").glob("*.ipynb"))
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        for carrier in chosen:
            for lesson in lessons:
                seconds = taken(lesson, carrier)
                times.setdefault((lesson.stem, carrier), []).append(seconds)
                load = os.getloadavg()[0]
                print(f"round {number + 1}: {lesson.stem} on {carrier} {seconds:.0f} s (load {load:.1f})", flush=True)
    table = Table("lesson", *(f"{carrier}: median and longest, s (aim {AIMS[carrier]})" for carrier in chosen))
    for lesson in lessons:
        columns = [times[lesson.stem, carrier] for carrier in chosen]
        table.add_row(lesson.stem, *(f"{statistics.median(each):.0f}   {max(each):.0f}" for each in columns))
    Console(width=130).print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, sys.argv[2:] or list(AIMS))
