"""A false lesson goes red: change one thing in a copy, and nbval must find it.

Each change is one that an author or an Engine could make unnoticed: another subnet, another network, another
observation. The unchanged copy must be green, or the red ones would prove nothing.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

import nbformat
import pytest
from lesson_rules import IGNORED, NOTEBOOKS, code_cells, python, screen_texts, tags
from nbformat import NotebookNode
from toy import course

PROJECT = Path(__file__).resolve().parent.parent
LESSON = "03_bridge.ipynb"
ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
ELSEWHERE = "198.18.77.0/24"
OTHER_NETWORK = {"bridge": "none", "none": "bridge", "host": "none"}


@dataclass(frozen=True)
class Mutation:
    """What was changed, in which code cell, and the code cell by which it must have been found."""

    what: str
    cell: int
    found_by: int


def nbval(path: Path) -> tuple[list[int], str]:
    """Run nbval as CI does; give the numbers of the red code cells, and what it said."""
    command = [sys.executable, "-m", "pytest", "-c", PROJECT / "pyproject.toml", f"--rootdir={path.parent}"]
    command += ["-p", "no:cacheprovider", "--color=no", "--nbval", "--nbval-current-env", path]
    command += ["--nbval-sanitize-with", PROJECT / "tests" / "sanitise.cfg"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(command, cwd=path.parent, env=env, capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        pytest.fail(f"nbval did not run (exit code {run.returncode}):\n{run.stdout}\n{run.stderr}")
    red = [int(number) for number in re.findall(r"^(?:FAILED|ERROR) .*::Cell (\d+)", run.stdout, re.MULTILINE)]
    assert bool(red) == bool(run.returncode), run.stdout
    return red, run.stdout


# ---- the three changes  ------------------------------------------------------------------------------------


def replaced(cell: NotebookNode, node: ast.expr, text: str) -> None:
    """Put other code in the place of one expression of a cell."""
    lines = cell.source.splitlines()
    line = lines[node.lineno - 1].encode()
    lines[node.lineno - 1] = (line[: node.col_offset] + text.encode() + line[node.end_col_offset :]).decode()
    cell.source = "\n".join(lines)


def keywords(notebook: NotebookNode, *names: str) -> Iterator[tuple[int, NotebookNode, ast.expr]]:
    """Find the values given to keywords of these names, with their cells."""
    for number, (_, cell) in enumerate(code_cells(notebook)):
        for node in ast.walk(python(cell)):
            if isinstance(node, ast.keyword) and node.arg in names:
                yield number, cell, node.value


def compared(cell: NotebookNode) -> bool:
    """Tell whether nbval compares the cell's output."""
    return not set(tags(cell)) & set(IGNORED)


def another_subnet(notebook: NotebookNode) -> Mutation:
    """Create a network with a subnet that no output tells of."""
    for number, cell, value in keywords(notebook, "subnet"):
        if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
            continue
        subnet = ip_network(value.value)
        for later, (_, shows) in enumerate(code_cells(notebook)):
            said = (address for text in screen_texts(shows) for address in ADDRESS.findall(text))
            if later >= number and compared(shows) and any(ip_address(address) in subnet for address in said):
                replaced(cell, value, repr(ELSEWHERE))
                return Mutation(f"{subnet} became {ELSEWHERE}", number, later)
    pytest.fail('no `subnet="..."` in the code whose addresses a compared output shows')


def another_network(notebook: NotebookNode) -> Mutation:
    """Attach containers to another network, or make it with another driver, where a cell shows it."""
    attached, made = keywords(notebook, "on", "network"), keywords(notebook, "driver")
    for number, cell, value in (*attached, *made):
        if not (compared(cell) and cell.outputs):
            continue
        now = ast.unparse(value)
        other = OTHER_NETWORK.get(value.value) if isinstance(value, ast.Constant) else "none"
        if other is not None:
            replaced(cell, value, repr(other))
            return Mutation(f"{now} became {other!r}", number, number)
    pytest.fail("no `on=`, `driver=` or `network=` in the code of a compared cell with an output")


def another_observation(notebook: NotebookNode) -> Mutation:
    """Change the last digit of an address in the text of a stored output."""

    def changed(text: str) -> str:
        return ADDRESS.sub(lambda found: found[0][:-1] + ("1" if found[0][-1] != "1" else "2"), text, count=1)

    for number, (_, cell) in enumerate(code_cells(notebook)):
        for output in cell.outputs if compared(cell) else []:
            holder, key = (output, "text") if output.output_type == "stream" else (output.get("data", {}), "text/plain")
            if ADDRESS.search(holder.get(key, "")):
                holder[key] = changed(holder[key])
                return Mutation(f"{key} became {holder[key]!r}", number, number)
    pytest.fail("no address in the text of a compared output")


MUTATIONS = [another_subnet, another_network, another_observation]


def mutated(path: Path, mutate: Callable[[NotebookNode], Mutation]) -> Mutation:
    """Change a notebook on disk."""
    notebook = nbformat.read(path, as_version=4)
    mutation = mutate(notebook)
    nbformat.write(notebook, path)
    return mutation


def assert_found(path: Path, mutation: Mutation) -> list[int]:
    """See that nbval is red from the change on, at the first output that tells of it, and not before."""
    red, said = nbval(path)
    assert red, f"nbval did not notice that {mutation.what}:\n{said}"
    assert mutation.cell <= red[0] <= mutation.found_by, f"red at {red}, but {mutation}:\n{said}"
    return red


# ---- the lesson  -------------------------------------------------------------------------------------------


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    """Give a copy of the bridge lesson, with everything that lies beside it."""
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks")
    path = tmp_path / "notebooks" / LESSON
    if not path.exists():
        pytest.fail(f"{NOTEBOOKS / LESSON} is the lesson that this test changes, and it is missing")
    return path


@pytest.mark.testbed
def test_the_unchanged_lesson_is_green(lesson: Path) -> None:
    """What a red copy says is due to its change."""
    red, said = nbval(lesson)
    assert not red, said


@pytest.mark.testbed
@pytest.mark.parametrize("mutate", MUTATIONS)
def test_a_changed_lesson_is_red(lesson: Path, mutate: Callable[[NotebookNode], Mutation]) -> None:
    """A lesson that says what is not so is found, where it says so."""
    assert_found(lesson, mutated(lesson, mutate))


# ---- the mechanics, without a testbed  ---------------------------------------------------------------------


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Give a lesson that runs without a testbed."""
    return course(tmp_path, LESSON)[0]


def test_the_unchanged_toy_is_green(toy: Path) -> None:
    """The toy's stored outputs are what it really shows."""
    red, said = nbval(toy)
    assert not red, said


@pytest.mark.parametrize(
    ("mutate", "expected"),
    [
        (another_subnet, Mutation(f"172.30.0.0/24 became {ELSEWHERE}", 1, 2)),
        (another_network, Mutation("shop became 'none'", 2, 2)),
        (another_observation, Mutation(r"text became 'web 172.30.0.2 bridge\n'", 2, 2)),
    ],
)
def test_a_changed_toy_is_red(toy: Path, mutate: Callable[[NotebookNode], Mutation], expected: Mutation) -> None:
    """Each change hits what it looks for, and nbval finds it by the cell that tells of it and at no other."""
    mutation = mutated(toy, mutate)
    assert mutation == expected
    assert assert_found(toy, mutation) == [expected.found_by]


@pytest.mark.parametrize("mutate", MUTATIONS)
def test_a_lesson_with_nothing_to_change_is_an_error(mutate: Callable[[NotebookNode], Mutation]) -> None:
    """A mutation that finds no target fails and says what it looked for; it never passes by doing nothing."""
    empty = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("40 + 2", execution_count=1)])
    with pytest.raises(pytest.fail.Exception, match=r"^no "):
        mutate(empty)


def test_a_change_that_nobody_notices_fails(toy: Path) -> None:
    """An output that is ignored hides the change, and the assertion says so."""
    mutation = mutated(toy, another_observation)
    notebook = nbformat.read(toy, as_version=4)
    code_cells(notebook)[mutation.cell][1].metadata.tags = ["nbval-ignore-output"]
    nbformat.write(notebook, toy)
    with pytest.raises(AssertionError, match="nbval did not notice"):
        assert_found(toy, mutation)
