"""The rules of STYLE "A lesson", each a function from a notebook to its complaints.

A rule reads the stored notebook only: it runs nothing and needs no testbed. ``test_lessons.py`` applies every
rule to every lesson, and proves that each one complains about a planted violation.
"""

from __future__ import annotations

import ast
import os
import re
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

from nbformat import NotebookNode

NOTEBOOKS = Path(os.environ.get("DOCKERNET_NOTEBOOKS", Path(__file__).parent.parent / "notebooks"))
LESSON_NAMES = "[0-9][0-9]_*.ipynb"

CELLS = range(25, 41)
WORDS = range(700, 1301)
CODE_LINES = 65
MEDIAN_CODE_CELL = 2
LONGEST_CODE_CELL = 12
LONGEST_FUNCTION = 3
PICTURE_BY_CELL = 4
ROUNDS = 3
STRICT_SHARE = 0.9

CHECKED, IGNORED = "nbval-check-output", ("nbval-ignore-output", "nbval-skip")

Rule = Callable[[NotebookNode], list[str]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Add a function to the rules that every lesson must keep."""
    RULES.append(function)
    return function


def lesson_paths(folder: Path = NOTEBOOKS) -> list[Path]:
    """List the lessons of a folder in their order."""
    return sorted(folder.glob(LESSON_NAMES))


# ---- looking at a notebook ---------------------------------------------------------------------------------


def tags(cell: NotebookNode) -> list[str]:
    """Give a cell's tags."""
    return cell.metadata.get("tags", [])


def authored(notebook: NotebookNode) -> list[NotebookNode]:
    """Give the cells that an author wrote: all but the generated navigation."""
    return [cell for cell in notebook.cells if "navigation" not in tags(cell)]


def code_cells(notebook: NotebookNode) -> list[tuple[str, NotebookNode]]:
    """Give the code cells, each with the number that nbval calls it by."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(f"code cell {number}", cell) for number, cell in enumerate(cells)]


def code_lines(cell: NotebookNode) -> list[str]:
    """Give the lines of a cell that hold code, not only a comment."""
    return [line for line in cell.source.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def python(cell: NotebookNode) -> ast.Module:
    """Parse a cell; a line for IPython rather than Python counts as ``pass``."""
    if cell.source.lstrip().startswith("%%"):
        return ast.Module([], [])
    return ast.parse(re.sub(r"^([ \t]*)[!%].*$", r"\1pass", cell.source, flags=re.MULTILINE))


def calls(cell: NotebookNode) -> Iterator[str]:
    """Name what a cell calls: ``print``, ``time.sleep``."""
    return (ast.unparse(node.func) for node in ast.walk(python(cell)) if isinstance(node, ast.Call))


def screen_texts(cell: NotebookNode) -> Iterator[str]:
    """Give every text a learner sees below a cell, without the bytes of pictures."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        elif output.output_type == "error":
            yield "\n".join((output.ename, output.evalue, *output.traceback))
        else:
            for kind, text in output.data.items():
                if kind.startswith("text/"):
                    yield re.sub(r'src="data:[^"]*"', "", text)


def images(cell: NotebookNode) -> list[str]:
    """Give the ``<img>`` tags of a cell, written or shown."""
    texts = (
        [cell.source]
        if cell.cell_type == "markdown"
        else [output.data.get("text/html", "") for output in cell.outputs if "data" in output]
    )
    return [tag for text in texts for tag in re.findall(r"<img\b[^>]*>", text)]


def bare_pictures(cell: NotebookNode) -> list[str]:
    """Give the kinds of the pictures that a cell shows outside HTML."""
    kinds = (kind for output in cell.get("outputs", []) for kind in output.get("data", {}))
    return [kind for kind in kinds if kind.startswith("image/")]


def words(cell: NotebookNode) -> int:
    """Count the words a learner reads in a Markdown cell: no code block, tag or address."""
    prose = re.sub(r"```.*?```|<[^>]*>|\]\([^)]*\)|https?://\S+", " ", cell.source, flags=re.DOTALL)
    return len(re.findall(r"\w[\w.'/-]*", prose))


def is_start(notebook: NotebookNode) -> bool:
    """Tell lesson 00, which may be short; ``test_lessons.py`` puts the file name into the metadata."""
    return notebook.metadata.get("lesson_file", "").startswith("00_")


# ---- run, stored, compared ---------------------------------------------------------------------------------


@rule
def every_code_cell_was_run(notebook: NotebookNode) -> list[str]:
    """Refuse a cell that was never run: nbval compares it with nothing, and passes it."""
    return [
        f"{name} was run as number {cell.execution_count}, not as {number}"
        for number, (name, cell) in enumerate(code_cells(notebook), start=1)
        if cell.execution_count != number
    ]


@rule
def an_ignored_output_has_its_reason(notebook: NotebookNode) -> list[str]:
    """Ask for a sentence in the cell's ``nbval_reason`` where a comparison is given up."""
    return [
        f"{name} is ignored by nbval without a metadata.nbval_reason"
        for name, cell in code_cells(notebook)
        if set(tags(cell)) & set(IGNORED) and not str(cell.metadata.get("nbval_reason", "")).strip()
    ]


@rule
def what_a_cell_shows_is_stored(notebook: NotebookNode) -> list[str]:
    """Ask a cell that prints or ends in a value for the output to compare with."""
    complaints = []
    for name, cell in code_cells(notebook):
        body = python(cell).body
        shows = (bool(body) and isinstance(body[-1], ast.Expr)) or {"print", "display"} & set(calls(cell))
        if shows and not cell.outputs:
            complaints.append(f"{name} ends in a value or prints, but holds no output")
    return complaints


@rule
def a_checked_cell_holds_an_output(notebook: NotebookNode) -> list[str]:
    """See that what the text relies on is really there, and really compared."""
    checked = [(name, cell) for name, cell in code_cells(notebook) if CHECKED in tags(cell)]
    return [f"{name} is tagged {CHECKED}, but holds no output" for name, cell in checked if not cell.outputs] + [
        f"{name} is tagged {CHECKED} and ignored at once" for name, cell in checked if set(tags(cell)) & set(IGNORED)
    ]


@rule
def the_text_relies_on_what_is_checked(notebook: NotebookNode) -> list[str]:
    """Count the outputs that the text relies on: a lesson has three rounds or more."""
    checked = sum(CHECKED in tags(cell) for _, cell in code_cells(notebook))
    needed = 1 if is_start(notebook) else ROUNDS
    return [] if checked >= needed else [f"{checked} cells are tagged {CHECKED}; a lesson has {needed} or more"]


@rule
def nearly_every_cell_is_compared(notebook: NotebookNode) -> list[str]:
    """Ask that nine cells in ten are compared strictly."""
    cells = code_cells(notebook)
    strict = sum(not set(tags(cell)) & set(IGNORED) for _, cell in cells)
    share = strict / len(cells) if cells else 0
    return [] if share >= STRICT_SHARE else [f"{strict} of {len(cells)} code cells are compared, less than 90 %"]


# ---- code --------------------------------------------------------------------------------------------------


@rule
def no_line_is_silenced(notebook: NotebookNode) -> list[str]:
    """Refuse a last ``;``: it hides a value from the learner and not from nbval."""
    return [f"{name} ends in `;`" for name, cell in code_cells(notebook) if cell.source.rstrip().endswith(";")]


@rule
def nothing_nbval_cannot_follow(notebook: NotebookNode) -> list[str]:
    """Refuse an output that is cleared or redirected, and waiting by the clock."""
    forbidden = {"clear_output", "Output", "interact", "interactive", "sleep"}
    return [
        f"{name} calls {call}"
        for name, cell in code_cells(notebook)
        for call in calls(cell)
        if call.rpartition(".")[2] in forbidden
    ] + [
        f"{name} uses @interact"
        for name, cell in code_cells(notebook)
        if re.search(r"^\s*@.*interact", cell.source, re.M)
    ]


@rule
def no_plumbing_in_sight(notebook: NotebookNode) -> list[str]:
    """Refuse shell lines, cell magics and comments that are meant for nbval."""
    plumbing = re.compile(r"^\s*(?:!|%%|%pip|%conda|#\s*(?:NBVAL|PYTEST_VALIDATE)_)", re.MULTILINE)
    return [
        f"{name} holds `{found[0].strip()}`"
        for name, cell in code_cells(notebook)
        if (found := plumbing.search(cell.source))
    ]


@rule
def imports_are_in_the_set_up_cell(notebook: NotebookNode) -> list[str]:
    """Ask the first code cell to import everything, and the others nothing."""
    return [
        f"{name} imports"
        for name, cell in code_cells(notebook)[1:]
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(python(cell)))
    ]


@rule
def definitions_are_short(notebook: NotebookNode) -> list[str]:
    """Refuse a definition of more than three lines: it belongs in the library."""
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [
        f"{name} defines {node.name} in {node.end_lineno - node.lineno + 1} lines"
        for name, cell in code_cells(notebook)
        for node in ast.walk(python(cell))
        if isinstance(node, definitions) and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]


@rule
def the_last_code_cell_closes_the_lab(notebook: NotebookNode) -> list[str]:
    """Ask that a lesson ends with nothing left, and shows it."""
    cells = code_cells(notebook)
    return [] if cells and "lab.close" in calls(cells[-1][1]) else ["the last code cell does not call lab.close()"]


# ---- the screen --------------------------------------------------------------------------------------------


def seen(notebook: NotebookNode, pattern: str, what: str) -> list[str]:
    """Complain about a pattern in what is below the code cells."""
    return [
        f"{name} shows {what}: {found[0]!r}"
        for name, cell in code_cells(notebook)
        for text in screen_texts(cell)
        if (found := re.search(pattern, text))
    ]


@rule
def no_warning_on_screen(notebook: NotebookNode) -> list[str]:
    """Refuse what is on stderr, and a warning in the text."""
    return seen(notebook, r"\b\w*(?:Warning|WARNING)\b", "a warning") + [
        f"{name} writes to stderr"
        for name, cell in code_cells(notebook)
        if any(output.get("name") == "stderr" for output in cell.outputs)
    ]


@rule
def no_traceback_on_screen(notebook: NotebookNode) -> list[str]:
    """Refuse an error that is not meant, or is more than a message and a next step."""
    return seen(notebook, r"Traceback \(most recent call last\)", "a traceback") + [
        f"{name} holds an error and is not tagged raises-exception"
        for name, cell in code_cells(notebook)
        if any(output.output_type == "error" for output in cell.outputs) and "raises-exception" not in tags(cell)
    ]


@rule
def no_id_on_screen(notebook: NotebookNode) -> list[str]:
    """Refuse container ids, network ids and memory addresses: they differ at each start and teach nothing."""
    short = r"(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{12}"
    return seen(notebook, rf"\b(?:[0-9a-f]{{64}}|{short})\b|\b0x[0-9a-f]{{8,}}", "an id")


@rule
def no_local_path_on_screen(notebook: NotebookNode) -> list[str]:
    """Refuse a path of the author's own machine."""
    return seen(
        notebook,
        r"(?:/home/|/root/|/tmp/|/Users/|[A-Z]:\\|site-packages|ipykernel_)[\w./\\-]*",
        "a local path",
    )


# ---- anatomy -----------------------------------------------------------------------------------------------


@rule
def the_number_of_cells_is_in_budget(notebook: NotebookNode) -> list[str]:
    """Allow 25 to 40 cells; lesson 00 may have fewer."""
    cells = len(authored(notebook))
    low = 1 if is_start(notebook) else CELLS[0]
    return [] if low <= cells <= CELLS[-1] else [f"{cells} cells, not {low} to {CELLS[-1]}"]


@rule
def the_number_of_words_is_in_budget(notebook: NotebookNode) -> list[str]:
    """Allow 700 to 1300 words; lesson 00 may have fewer."""
    number = sum(words(cell) for cell in authored(notebook) if cell.cell_type == "markdown")
    low = 1 if is_start(notebook) else WORDS[0]
    return [] if low <= number <= WORDS[-1] else [f"{number} words, not {low} to {WORDS[-1]}"]


@rule
def the_code_is_in_budget(notebook: NotebookNode) -> list[str]:
    """Allow 65 lines of code, a median cell of 2 lines, and no cell above 12."""
    lengths = {name: len(code_lines(cell)) for name, cell in code_cells(notebook)}
    complaints = [f"{name} has {long} lines" for name, long in lengths.items() if long > LONGEST_CODE_CELL]
    if sum(lengths.values()) > CODE_LINES:
        complaints.append(f"{sum(lengths.values())} lines of code, more than {CODE_LINES}")
    if lengths and statistics.median(lengths.values()) > MEDIAN_CODE_CELL:
        complaints.append(f"the median code cell has {statistics.median(lengths.values())} lines, more than 2")
    return complaints


@rule
def a_picture_comes_early(notebook: NotebookNode) -> list[str]:
    """Ask for a picture of the lesson's world within the first four cells."""
    early = authored(notebook)[:PICTURE_BY_CELL]
    return [] if any(images(cell) or bare_pictures(cell) for cell in early) else ["no picture in the first four cells"]


@rule
def every_picture_has_a_text(notebook: NotebookNode) -> list[str]:
    """Ask each picture to say in words what it shows; JupyterLab gives a bare PNG or SVG no alt text."""
    complaints = []
    for cell in notebook.cells:
        complaints += [f"no alt text: {tag[:60]}" for tag in images(cell) if not re.search(r'\balt="\s*[^"\s]', tag)]
        complaints += [f"a bare {kind} can have no alt text" for kind in bare_pictures(cell)]
        if cell.cell_type == "markdown":
            complaints += [f"no alt text: {empty}" for empty in re.findall(r"!\[\s*\]\([^)]*\)", cell.source)]
    return complaints
