"""What a lesson prints on an older Docker Engine, where that differs from what is stored in the lesson itself.

One JSON file a lesson and Debian suite, ``tests/engines/03_bridge.trixie.json``: the outputs of each cell that
differs, by the cell's id. ``DOCKERNET_SUITE=trixie make regen`` writes it, nbval compares with it; a lesson that prints
the same everywhere has none. Knows Jupyter's form of outputs; runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from dockernet_lessons.testbed import tree

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "engines"


def is_other(suite: str | None) -> bool:
    """Tell whether a suite's Engine is not the one that lessons are stored with."""
    return suite not in (None, "", tree.DEFAULT_SUITE)


def side_file(lesson: Path, suite: str, folder: Path = FOLDER) -> Path:
    """Give where the differences of a lesson on this suite's Engine are kept."""
    return folder / f"{lesson.stem}.{suite}.json"


def expected(lesson: Path, suite: str, folder: Path = FOLDER) -> dict[str, list[NotebookNode]]:
    """Give the outputs that differ on this suite's Engine, by cell id."""
    file = side_file(lesson, suite, folder)
    found: dict[str, list[Any]] = json.loads(file.read_text()) if file.exists() else {}
    return {cell: [nbformat.from_dict(output) for output in outputs] for cell, outputs in found.items()}


def store(
    lesson: Path,
    suite: str,
    outputs: tuple[dict[str, object], dict[str, object]],
    sanitise: Callable[[object], object],
    folder: Path = FOLDER,
) -> Path:
    """Keep what is different: ``outputs`` are the fresh ones of this Engine and the lesson's own, by cell id."""
    fresh, stored = ({cell: sanitise(said) for cell, said in each.items()} for each in outputs)
    different = {cell: said for cell, said in fresh.items() if said != stored.get(cell)}
    file = side_file(lesson, suite, folder)
    if different:
        folder.mkdir(exist_ok=True)
        file.write_text(json.dumps(different, indent=1, sort_keys=True) + "\n")
    else:
        file.unlink(missing_ok=True)
    return file
