"""The notebook tool: what it runs, what it keeps, what it derives, and how it fails."""

import ast
import json
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from toy import FIGURE, PIXEL, course, printed, result, runnable_lesson

import notebooks as tool

RULES = Path(__file__).with_name("sanitise.cfg")


def same(text: str) -> str:
    """Sanitise nothing."""
    return text


def changed(path: Path, **cells: str) -> None:
    """Give cells of a notebook on disk new sources, by id (``code_2`` for ``code-2``)."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = cells.get(cell.id.replace("-", "_"), cell.source)
    nbformat.write(notebook, path)


def texts(root: Path) -> dict[str, str]:
    """Read everything the tool may write."""
    return {path.name: path.read_text() for path in (*root.glob("notebooks/*.ipynb"), root / "README.md")}


# ---- regen -------------------------------------------------------------------------------------------------


def test_regen_runs_in_this_interpreter_and_beside_the_notebook(tmp_path: Path) -> None:
    """Neither the notebook's kernel name nor the caller's folder matters."""
    (path,) = course(tmp_path, "03_bridge.ipynb")
    changed(path, code_4="import os, sys\n[sys.executable, os.getcwd()]")
    assert tool.main(["regen", f"--root={tmp_path}", str(path)]) == 0
    shown = nbformat.read(path, as_version=4).cells[5].outputs[0].data["text/plain"]
    assert ast.literal_eval(shown) == [sys.executable, str(path.parent)]


def test_a_second_regen_changes_nothing(tmp_path: Path) -> None:
    """What did not change leaves no diff, to the byte."""
    course(tmp_path, "00_start.ipynb", "03_bridge.ipynb")
    assert tool.main(["regen", f"--root={tmp_path}"]) == 0
    once = texts(tmp_path)
    assert tool.main(["regen", f"--root={tmp_path}"]) == 0
    assert texts(tmp_path) == once


def test_a_widget_is_stored_as_its_text(tmp_path: Path) -> None:
    """A widget's random name never reaches the file, so a lesson with widgets has no diff either."""
    (path,) = course(tmp_path, "03_bridge.ipynb")
    changed(path, code_4="import ipywidgets\nipywidgets.Button()")
    assert tool.main(["regen", f"--root={tmp_path}"]) == 0
    once = path.read_text()
    assert list(nbformat.read(path, as_version=4).cells[5].outputs[0].data) == ["text/plain"]
    assert "widget-" not in once
    assert tool.main(["regen", f"--root={tmp_path}"]) == 0
    assert path.read_text() == once


def test_regen_stores_a_changed_output_and_no_other(tmp_path: Path) -> None:
    """A new observation is stored where it was made; a veth name that differs by lot stays as it was."""
    (path,) = course(tmp_path, "03_bridge.ipynb")
    veth = "import secrets\nprint('veth' + secrets.token_hex(4)[:7])"
    changed(path, code_4=veth)
    tool.main(["regen", f"--root={tmp_path}"])
    before = nbformat.read(path, as_version=4).cells
    changed(path, code_3='web = lab.container("db", on=shop)\nprint(web)')
    tool.main(["regen", f"--root={tmp_path}"])
    after = nbformat.read(path, as_version=4).cells
    assert after[4].outputs[0].text == "db 172.30.0.1 bridge\n"
    assert [cell.get("outputs") for cell in after[5:]] == [cell.get("outputs") for cell in before[5:]]


def test_a_failing_cell_is_named_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message holds the notebook, the cell's number, its source and the error."""
    (path,) = course(tmp_path, "03_bridge.ipynb")
    changed(path, code_4="web = 1\nweb.nothing")
    before = path.read_text()
    assert tool.main(["regen", f"--root={tmp_path}"]) == 1
    said = capsys.readouterr().err
    assert "03_bridge.ipynb: cell 5 of 6 failed" in said
    assert "    web = 1\n    web.nothing" in said
    assert "AttributeError: 'int' object has no attribute 'nothing'" in said
    assert path.read_text() == before


def test_a_deliberate_failure_is_stored(tmp_path: Path) -> None:
    """A cell tagged raises-exception keeps its error as its output, and the cells after it run."""
    (path,) = course(tmp_path, "03_bridge.ipynb")
    changed(path, code_4="1 / 0")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[4].metadata.tags = ["raises-exception"]
    nbformat.write(notebook, path)
    assert tool.main(["regen", f"--root={tmp_path}"]) == 0
    cells = nbformat.read(path, as_version=4).cells
    assert cells[5].outputs[0].ename == "ZeroDivisionError"
    assert cells[6].outputs[0].text == "nothing is left\n"


def test_a_failure_that_no_longer_happens_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cell tagged raises-exception that raises nothing is not stored as if that were meant."""
    (path,) = course(tmp_path, "03_bridge.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[4].metadata.tags = ["raises-exception"]
    nbformat.write(notebook, path)
    assert tool.main(["regen", f"--root={tmp_path}"]) == 1
    assert "cell 5 of 6 is tagged raises-exception, but nothing was raised" in capsys.readouterr().err


@pytest.mark.parametrize("pictures", [False, True])
def test_a_picture_is_stored_anew_only_when_asked(pictures: bool) -> None:
    """Pixels that differ beside an equal text form are no change, unless the author says that they are."""
    old, new = runnable_lesson(), runnable_lesson()
    old.cells[4].outputs = [result("web", 4, html=FIGURE)]
    new.cells[4].outputs = [result("web", 4, html=FIGURE.replace(PIXEL, "bmV3"))]
    tool.keep_equal_outputs(new, old, tool.sanitiser(RULES, pictures=pictures))
    assert ("bmV3" in new.cells[4].outputs[0].data["text/html"]) is pictures


def test_how_a_stream_was_cut_is_no_change() -> None:
    """Pieces of one stream compare as the whole that a learner sees."""
    old, new = runnable_lesson(), runnable_lesson()
    new.cells[3].outputs = [printed("web 172.30.0.1"), printed(" bridge\n")]
    tool.keep_equal_outputs(new, old, same)
    assert new.cells[3].outputs == old.cells[3].outputs


# ---- the plain form ----------------------------------------------------------------------------------------


def machine_made() -> NotebookNode:
    """Make a notebook with everything that editors and runners leave behind."""
    notebook = runnable_lesson()
    notebook.nbformat_minor = 4
    notebook.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    notebook.metadata.language_info = {"name": "python", "version": "3.11.7"}
    for cell in notebook.cells[2:]:
        del cell["id"]
    cell = notebook.cells[4]
    cell.execution_count = cell.outputs[0].execution_count = 17
    cell.metadata = {
        "execution": {"iopub.status.busy": "now"},
        "scrolled": True,
        "tags": ["nbval-check-output"],
    }
    notebook.cells[3].outputs = [printed("web 172.30.0.1"), printed(" bridge\n")]
    return notebook


def test_the_plain_form_holds_nothing_a_machine_added() -> None:
    """No widget state, version, timing or editor state; counts run 1..n; pieces of a stream are one."""
    plain = tool.normalised(machine_made())
    nbformat.validate(plain)
    assert (plain.nbformat, plain.nbformat_minor) == (4, 5)
    assert plain.metadata == tool.NOTEBOOK_METADATA
    assert [cell.execution_count for cell in plain.cells[1:]] == [1, 2, 3, 4, 5]
    assert plain.cells[4].outputs[0].execution_count == 4
    assert plain.cells[4].metadata == {"tags": ["nbval-check-output"]}
    assert [output.text for output in plain.cells[3].outputs] == ["web 172.30.0.1 bridge\n"]


def test_ids_are_kept_and_missing_or_doubled_ones_come_from_the_place() -> None:
    """The same notebook gets the same ids at every run, and no id occurs twice."""
    notebook = machine_made()
    notebook.cells[5]["id"] = "code-1"
    identities = [cell.id for cell in tool.normalised(notebook).cells]
    places = ["lesson-cell-03", "lesson-cell-04", "lesson-cell-05", "lesson-cell-06"]
    assert identities == ["title", "code-1", *places]


def test_an_id_that_another_cell_took_from_its_place_is_not_doubled() -> None:
    """A cell that moved in keeps an old place name from being given twice."""
    cells = [new_markdown_cell("a", id="lesson-cell-02"), new_code_cell("b", id="x")]
    del cells[1]["id"]
    assert list(tool.stable_ids(cells)) == ["lesson-cell-02", "lesson-cell-02b"]


def test_a_cell_that_never_ran_stays_so() -> None:
    """The plain form does not hide from nbval's guard that a cell was never run."""
    notebook = runnable_lesson()
    notebook.cells[2].execution_count = None
    counts = [cell.execution_count for cell in tool.normalised(notebook).cells[1:]]
    assert counts == [1, None, 2, 3, 4]


def test_the_plain_form_of_the_plain_form_is_itself() -> None:
    """Rebuilding twice is rebuilding once."""
    once = tool.normalised(machine_made())
    assert tool.text_of(tool.normalised(once)) == tool.text_of(once)


# ---- derived parts -----------------------------------------------------------------------------------------


def test_navigation_links_the_lessons_that_exist(tmp_path: Path) -> None:
    """The first lesson has no link back, the last none ahead, and no number need follow the one before."""
    paths = course(tmp_path, "00_start.ipynb", "03_bridge.ipynb", "10_end.ipynb")
    assert tool.main(["tidy", f"--root={tmp_path}"]) == 0
    index = "[All lessons](../README.md#lessons)"
    assert [nbformat.read(path, as_version=4).cells[1].source for path in paths] == [
        f"{index} · [03 Toy bridge →](03_bridge.ipynb)",
        f"[← 00 Toy bridge](00_start.ipynb) · {index} · [10 Toy bridge →](10_end.ipynb)",
        f"[← 03 Toy bridge](03_bridge.ipynb) · {index}",
    ]


def test_the_index_is_the_lessons_own_words(tmp_path: Path) -> None:
    """README.md lists number, title and question from the first cells, and keeps the text around."""
    course(tmp_path, "03_bridge.ipynb")
    tool.main(["tidy", f"--root={tmp_path}"])
    readme = (tmp_path / "README.md").read_text()
    assert "| 03 | [Toy bridge](notebooks/03_bridge.ipynb) | Who is on the bridge? |\n" in readme
    assert readme.startswith("# Toy\n\n<!-- lessons:begin -->\n")
    assert readme.endswith("\n<!-- lessons:end -->\n\nEnd.\n")


@pytest.mark.parametrize("heading", ["# Bridge", "# 03 Bridge", "# 03 · Bridge", "# Lesson 3: Bridge"])
def test_a_number_in_the_title_is_not_said_twice(tmp_path: Path, heading: str) -> None:
    """The number comes from the file name, whatever the heading says."""
    notebook = runnable_lesson()
    notebook.cells[0].source = f"{heading}\n\n> Why?"
    assert tool.Lesson.of(tmp_path / "03_bridge.ipynb", notebook).title == "Bridge"


def test_tidy_is_what_check_wants_and_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` fails with a diff before `tidy` and passes after it; no cell's output is touched by either."""
    (path,) = course(tmp_path, "03_bridge.ipynb")
    outputs = [cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells[1:]]
    before = texts(tmp_path)
    assert tool.main(["check", f"--root={tmp_path}"]) == 1
    diff = capsys.readouterr().out
    assert "+| 03 | [Toy bridge](notebooks/03_bridge.ipynb)" in diff
    assert '+   "source": "[All lessons](../README.md#lessons)"' in diff.replace('[\n+    "', '"')
    assert texts(tmp_path) == before
    assert tool.main(["tidy", f"--root={tmp_path}"]) == 0
    assert tool.main(["check", f"--root={tmp_path}"]) == 0
    assert [cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells[2:]] == outputs


@pytest.mark.parametrize("damage", ["title", "navigation", "index", "metadata"])
def test_check_sees_each_derived_part(tmp_path: Path, damage: str) -> None:
    """A changed title, a hand-edited navigation or index, and an editor's metadata each fail the check."""
    (path,) = course(tmp_path, "03_bridge.ipynb")
    tool.main(["tidy", f"--root={tmp_path}"])
    if damage == "index":
        path = tmp_path / "README.md"
    old, new = {
        "title": ("# Toy bridge", "# Toy bridges"),
        "navigation": ("All lessons", "Everything"),
        "index": ("Who is", "What is"),
        "metadata": ('"name": "python"', '"name": "python", "version": "3"'),
    }[damage]
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert tool.main(["check", f"--root={tmp_path}"]) == 1


def test_tidying_one_notebook_leaves_the_others_alone(tmp_path: Path) -> None:
    """An author at work on one lesson does not rewrite a colleague's."""
    one, other = course(tmp_path, "00_start.ipynb", "03_bridge.ipynb")
    before = other.read_text()
    tool.main(["tidy", f"--root={tmp_path}", str(one)])
    assert other.read_text() == before
    assert "03_bridge.ipynb" in one.read_text()


def test_a_lesson_without_its_question_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says which notebook lacks what."""
    (path,) = course(tmp_path, "03_bridge.ipynb")
    changed(path, title="# Only a title")
    assert tool.main(["check", f"--root={tmp_path}"]) == 1
    assert "03_bridge.ipynb: the first cell must be" in capsys.readouterr().err


@pytest.mark.parametrize("readme", [None, "# No marks\n"])
def test_a_readme_without_marks_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], readme: str | None
) -> None:
    """The index is never put where nobody asked for it."""
    course(tmp_path, "03_bridge.ipynb")
    (tmp_path / "README.md").unlink()
    if readme is not None:
        (tmp_path / "README.md").write_text(readme)
    assert tool.main(["tidy", f"--root={tmp_path}"]) == 1
    assert "README.md" in capsys.readouterr().err


def test_the_stored_form_is_the_one_that_jupyterlab_writes(tmp_path: Path) -> None:
    """One space of indent, letters as they are, a last newline: saving in JupyterLab makes a small diff."""
    (path,) = course(tmp_path, "03_bridge.ipynb")
    tool.main(["tidy", f"--root={tmp_path}"])
    text = path.read_text()
    again = json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True, separators=(",", ": "))
    assert text == again + "\n"
