"""What lessons print on older Engines is kept beside them, and only where it is different."""

from __future__ import annotations

import json
from pathlib import Path

import other_engines
import pytest
from lesson_rules import NOTEBOOKS

from dockernet_lessons.testbed import tree
from notebooks import read

SIDE_FILES = sorted(other_engines.FOLDER.glob("*.json"))


def said(text: str) -> list[dict[str, str]]:
    """Give an output of a cell."""
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def store(folder: Path, fresh: dict[str, object], stored: dict[str, object]) -> Path:
    """Store with a sanitiser that leaves everything as it is."""
    return other_engines.store(Path("03_bridge.ipynb"), "trixie", (fresh, stored), lambda value: value, folder)


def test_only_what_differs_is_kept(tmp_path: Path) -> None:
    """A cell that prints the same on an older Engine is not in its file; one that does not is, and is found again."""
    store(tmp_path, {"one": said("same"), "two": said("old")}, {"one": said("same"), "two": said("new")})
    found = other_engines.expected(Path("03_bridge.ipynb"), "trixie", tmp_path)
    assert found == {"two": said("old")}


def test_a_lesson_that_says_the_same_has_no_file(tmp_path: Path) -> None:
    """Where nothing differs any more, the file goes."""
    store(tmp_path, {"one": said("old")}, {"one": said("new")})
    file = store(tmp_path, {"one": said("new")}, {"one": said("new")})
    assert not file.exists()
    assert other_engines.expected(Path("03_bridge.ipynb"), "trixie", tmp_path) == {}


@pytest.mark.parametrize(("suite", "other"), [(None, False), ("", False), ("forky", False), ("trixie", True)])
def test_the_newest_engine_is_the_lessons_own(suite: str | None, other: bool) -> None:  # a table
    """Only an older suite reads from a file beside the lesson."""
    assert other_engines.is_other(suite) is other


def strays(file: Path) -> list[str]:
    """Name the cells of a file that are no code cells of its lesson."""
    lesson = NOTEBOOKS / f"{file.name.split('.')[0]}.ipynb"
    cells = {cell.id for cell in read(lesson).cells if cell.cell_type == "code"} if lesson.exists() else set()
    return sorted(json.loads(file.read_text()).keys() - cells)


def test_every_file_belongs_to_a_lesson() -> None:
    """Each kept output is that of a cell which is still in its lesson."""
    assert {file.name: found for file in SIDE_FILES if (found := strays(file))} == {}


def test_the_lessons_run_on_every_other_engine() -> None:
    """Each Debian suite but the lessons' own has a file of tests that runs them on its Engine."""
    there = {file.stem.removeprefix("test_engine_") for file in Path(__file__).parent.glob("test_engine_*.py")}
    assert there == {suite for suite in tree.SUITES if other_engines.is_other(suite)}
