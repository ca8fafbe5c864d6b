"""Every lesson keeps every rule, and every rule can fail."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from lesson_rules import LONGEST_FUNCTION, RULES, Rule, code_cells, lesson_paths, screen_texts
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from toy import FIGURE, PROSE, model_lesson, printed, result

LESSONS = lesson_paths()
Plant = Callable[[NotebookNode], None]


def named(value: object) -> str:
    """Name a rule, a plant or a lesson in a test's id."""
    return value.stem if isinstance(value, Path) else getattr(value, "__name__", str(value))


def test_the_course_has_lessons() -> None:
    """The rules below are not kept merely because there is nothing to apply them to."""
    assert LESSONS


@pytest.mark.parametrize("rule", RULES, ids=named)
@pytest.mark.parametrize("path", LESSONS, ids=named)
def test_a_lesson_keeps_the_rule(path: Path, rule: Rule) -> None:
    """The stored lesson gives the rule nothing to complain about."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.lesson_file = path.name
    assert not (complaints := rule(notebook)), "\n".join(complaints)


# ---- every rule can fail -----------------------------------------------------------------------------------


def code(notebook: NotebookNode, number: int = 3) -> NotebookNode:
    """Give one code cell: by default one of a round in the middle, which shows a value."""
    return code_cells(notebook)[number][1]


def never_run(notebook: NotebookNode) -> None:
    """Clear a cell as "Clear outputs" does."""
    code(notebook).execution_count = None
    code(notebook).outputs = []


def run_out_of_order(notebook: NotebookNode) -> None:
    """Run a cell once more after the others."""
    code(notebook).execution_count = 99


def ignored_without_reason(notebook: NotebookNode) -> None:
    """Tag a cell as ignored and say nothing."""
    code(notebook).metadata.tags = ["nbval-ignore-output"]


def skipped_with_an_empty_reason(notebook: NotebookNode) -> None:
    """Tag a cell as skipped and give blanks as the reason."""
    code(notebook).metadata.update(tags=["nbval-skip"], nbval_reason=" ")


def value_without_output(notebook: NotebookNode) -> None:
    """Lose the output of a cell that ends in a value."""
    code(notebook).outputs = []


def print_without_output(notebook: NotebookNode) -> None:
    """Lose the output of a cell that prints and ends in a statement."""
    code(notebook).update(source="print(web)\nweb = 1", outputs=[])


def checked_without_output(notebook: NotebookNode) -> None:
    """Tag the set-up cell, which shows nothing."""
    code(notebook, 0).metadata.tags = ["nbval-check-output"]


def checked_and_ignored(notebook: NotebookNode) -> None:
    """Say both that the text relies on an output and that it is not compared."""
    code(notebook).metadata.tags = ["nbval-check-output", "nbval-ignore-output"]


def hardly_anything_checked(notebook: NotebookNode) -> None:
    """Leave two tags of eight."""
    for number in range(4, 10):
        code(notebook, number).metadata.tags = []


def too_much_ignored(notebook: NotebookNode) -> None:
    """Ignore two cells of eleven, with reasons."""
    for number in (3, 4):
        code(notebook, number).metadata.update(tags=["nbval-ignore-output"], nbval_reason="It differs.")


def written(*sources: str) -> list[Plant]:
    """Make one plant for each source that a cell must not have."""

    def plant(source: str) -> Plant:
        def write(notebook: NotebookNode) -> None:
            code(notebook).source = source

        write.__name__ = source.partition("\n")[0]
        return write

    return [plant(source) for source in sources]


def shown(*outputs: NotebookNode) -> list[Plant]:
    """Make one plant for each output that must not be on screen."""

    def plant(number: int, output: NotebookNode) -> Plant:
        def show(notebook: NotebookNode) -> None:
            code(notebook).outputs = [output]

        show.__name__ = f"output-{number}"
        return show

    return [plant(number, output) for number, output in enumerate(outputs)]


def error(*traceback: str) -> NotebookNode:
    """Make the output of a cell that raised."""
    return new_output("error", ename="LessonError", evalue="no", traceback=list(traceback))


def no_closing_cell(notebook: NotebookNode) -> None:
    """Close the lab and go on."""
    notebook.cells.append(new_code_cell("web", execution_count=11, outputs=[result("1", 11)]))


def too_few_cells(notebook: NotebookNode) -> None:
    """Keep 24 cells, and do not count the navigation as one."""
    navigation = new_markdown_cell("[next](x.ipynb)", metadata={"tags": ["navigation"]})
    notebook.cells = [navigation, *notebook.cells[:24]]


def too_many_cells(notebook: NotebookNode) -> None:
    """Grow to 41 cells."""
    notebook.cells += [new_markdown_cell("more") for _ in range(41 - len(notebook.cells))]


def too_few_words(notebook: NotebookNode) -> None:
    """Say less, and let a code block not count as words."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = f"Run it.\n```\n{cell.source}\n```"


def too_many_words(notebook: NotebookNode) -> None:
    """Say more."""
    notebook.cells[1].source += PROSE * 40


def too_much_code(notebook: NotebookNode) -> None:
    """Write 70 lines, no cell too long and the median still short."""
    for number in range(3, 8):
        code(notebook, number).source = "web = 1\n" * 12


def too_long_a_cell(notebook: NotebookNode) -> None:
    """Write 13 lines in one cell."""
    code(notebook).source = "web = 1\n" * 13


def too_long_a_median(notebook: NotebookNode) -> None:
    """Write three lines in each cell."""
    for _, cell in code_cells(notebook):
        cell.source = "web = 1\n" * 3


def a_late_picture(notebook: NotebookNode) -> None:
    """Put one cell more before the picture."""
    notebook.cells.insert(1, new_markdown_cell("Read this first."))


def a_mute_picture_in_the_text(notebook: NotebookNode) -> None:
    """Write a Markdown picture without words."""
    notebook.cells[1].source += "\n![](testbed.png)"


A_FUNCTION = "def look():\n" + "    web = 1\n" * LONGEST_FUNCTION
SHORT_ID, LONG_ID = "0f1e2d3c4b5a", "0f1e2d3c" * 8

PLANTS: dict[str, list[Plant]] = {
    "every_code_cell_was_run": [never_run, run_out_of_order],
    "an_ignored_output_has_its_reason": [ignored_without_reason, skipped_with_an_empty_reason],
    "what_a_cell_shows_is_stored": [value_without_output, print_without_output],
    "a_checked_cell_holds_an_output": [checked_without_output, checked_and_ignored],
    "the_text_relies_on_what_is_checked": [hardly_anything_checked],
    "nearly_every_cell_is_compared": [too_much_ignored],
    "no_line_is_silenced": written("draw(lab);", "web = 1\nweb ;\n"),
    "nothing_nbval_cannot_follow": written(
        "clear_output()",
        "widgets.Output()",
        "interact(look, x=1)",
        "time.sleep(1)",
        "@interact\ndef look(x): return x",
    ),
    "no_plumbing_in_sight": written("!pip install x", "%%html\n<b>x</b>", "%pip install x", "web\n# NBVAL_SKIP"),
    "imports_are_in_the_set_up_cell": written("import os\nos.name", "if True:\n    from os import name"),
    "definitions_are_short": written(A_FUNCTION, A_FUNCTION.replace("def look()", "class Look"), f"async {A_FUNCTION}"),
    "the_last_code_cell_closes_the_lab": [no_closing_cell],
    "no_warning_on_screen": shown(printed("UserWarning: x"), printed("hm", "stderr"), result("x", 4, html="WARNING")),
    "no_traceback_on_screen": shown(error("LessonError: no"), printed("Traceback (most recent call last)\n")),
    "no_id_on_screen": shown(
        printed(f"br-{SHORT_ID} up"),
        result(LONG_ID, 4),
        result("<Lab at 0x7f00deadbeef>", 4),
        error(f"no {SHORT_ID}"),
    ),
    "no_local_path_on_screen": shown(
        printed("/home/me/x"), result("/usr/lib/site-packages/x", 4), error("File /root/x.py")
    ),
    "the_number_of_cells_is_in_budget": [too_few_cells, too_many_cells],
    "the_number_of_words_is_in_budget": [too_few_words, too_many_words],
    "the_code_is_in_budget": [too_much_code, too_long_a_cell, too_long_a_median],
    "a_picture_comes_early": [a_late_picture],
    "every_picture_has_a_text": [
        a_mute_picture_in_the_text,
        *shown(
            result("x", 4, html=FIGURE.replace("web on docker0", " ")),
            result("x", 4, html=FIGURE.replace("alt=", "title=")),
            new_output("display_data", data={"text/plain": "x", "image/png": "AAAA"}),
        ),
    ],
}
CASES = [(rule, plant) for rule in RULES for plant in PLANTS.get(rule.__name__, [])]


def test_every_rule_has_a_planted_violation() -> None:
    """A rule that nobody has seen fail cannot come in."""
    assert list(PLANTS) == [rule.__name__ for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_the_model_lesson_keeps_the_rule(rule: Rule) -> None:
    """A violation planted below is the only one."""
    assert rule(model_lesson()) == []


@pytest.mark.parametrize(("rule", "plant"), CASES, ids=named)
def test_the_rule_catches_the_plant(rule: Rule, plant: Plant) -> None:
    """A lesson with exactly this fault is told of it."""
    notebook = model_lesson()
    plant(notebook)
    assert len(rule(notebook)) == 1


def test_the_bytes_of_a_picture_are_no_text_on_screen() -> None:
    """An id or a path is not found by chance in a picture."""
    notebook = model_lesson()
    code(notebook).outputs = [result("x", 4, html=FIGURE.replace("iVBOR", f"/tmp/{LONG_ID}"))]  # noqa: S108 - a text
    assert not any(LONG_ID in text for text in screen_texts(code(notebook)))


def test_lesson_00_may_be_short_and_not_long() -> None:
    """The first lesson has no lower limits and the same upper ones."""
    rules = {rule.__name__: rule for rule in RULES}
    notebook = model_lesson()
    notebook.metadata.lesson_file = "00_start_here.ipynb"
    too_few_cells(notebook)
    too_few_words(notebook)
    assert rules["the_number_of_cells_is_in_budget"](notebook) == []
    assert rules["the_number_of_words_is_in_budget"](notebook) == []
    too_many_words(notebook)
    too_many_cells(notebook)
    notebook.cells.append(new_markdown_cell("more"))
    assert rules["the_number_of_cells_is_in_budget"](notebook)
