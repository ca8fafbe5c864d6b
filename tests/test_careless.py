"""Each lesson in careless hands: left in the middle, cells run twice and out of order; nothing breaks or stays."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from lesson_rules import lesson_paths
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from test_tidy import state
from traitlets.config import Config

from dockernet_lessons import errors
from dockernet_lessons.lab import Lab

pytestmark = pytest.mark.testbed

ADVISED = {
    name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.LessonError)
}
"""Errors that say what to do next."""

ANOTHER = "00_start_here.ipynb"
OFTEN = 3
"""After one of so many cells an earlier one is run again: after each, the two longest lessons alone took 8 minutes."""


class Hands:
    """Somebody at a kernel of a lesson; it is killed in the end, whatever is open then."""

    def __init__(self, path: Path, door: Path) -> None:
        lesson = nbformat.read(path, as_version=4)
        here = {"metadata": {"path": str(path.parent)}}
        line = Config(KernelManager={"transport": "ipc", "ip": str(door)})  # a port may be taken
        self.client = NotebookClient(lesson, timeout=300, resources=here, config=line, shutdown_kernel="immediate")
        self.cells = [(number, cell) for number, cell in enumerate(lesson.cells) if cell.cell_type == "code"]

    def run(self, cells: Sequence[tuple[int, NotebookNode]], *, allowed: set[str]) -> list[str]:
        """Run cells and give the errors that they ended with; one that is not allowed fails the test."""
        seen = []
        for number, cell in cells:
            try:
                self.client.execute_cell(cell, number)
            except CellExecutionError as error:
                assert error.ename in allowed, f"{cell.source}\n{error}"
                seen.append(error.ename)
        return seen


@pytest.mark.parametrize("path", lesson_paths(), ids=lambda path: path.stem)
def test_a_lesson_in_careless_hands(path: Path, empty_runtime: Path) -> None:
    """Left in the middle for another; then all of it, an earlier cell again now and then: the testbed is as before."""
    needs = re.search(r"needs=\(([^)]*)\)", path.read_text())
    needed = tuple(re.findall(r"\w+", needs[1])) if needs else ()
    Lab("before", needs=(*needed, "host2")).start().close()
    before = state()

    left = Hands(path, empty_runtime / "left")
    with left.client.setup_kernel():
        assert not left.run(left.cells[: len(left.cells) // 2], allowed=set())
    another = Hands(path.with_name(ANOTHER), empty_runtime / "another")
    with another.client.setup_kernel():
        another.run(another.cells, allowed={*ADVISED, "NameError"})
        Lab(path.stem).start().close()  # what the error says, where both want the same name
        assert not another.run(another.cells, allowed=set())

    hands = Hands(path, empty_runtime / "all")
    with hands.client.setup_kernel():
        lot = random.Random(path.stem)  # noqa: S311  # the same at each run
        first, *others, last = hands.cells
        hands.run([first, first], allowed=set())
        for number, cell in enumerate(others):
            again = [lot.choice(others[: number + 1])] if number % OFTEN == 0 else []
            hands.run([cell, *again], allowed=ADVISED)
        hands.run([last, last], allowed=set())
    assert state() == before
