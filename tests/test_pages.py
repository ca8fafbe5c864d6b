"""The glossary and the page of questions say what the lessons say, and nothing that is not there."""

from __future__ import annotations

from pathlib import Path

import pages
import pytest
from lesson_rules import lesson_paths, tags
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from notebooks import ROOT, read

LESSONS = {path: read(path) for path in lesson_paths()}
ASKED = pages.questions(ROOT)


def lesson(*explained: str) -> NotebookNode:
    """Make a lesson that explains words in its summary, after a body with a cell to point at."""
    summary = "\n".join(["| Seen | How |", "|---|---|", "| x | y |", "", " ".join(explained)])
    body = new_markdown_cell("## Names\n\n**veth**: not here")
    return new_notebook(cells=[body, new_code_cell("1\nping(web, 'db')", id="look"), new_markdown_cell(summary)])


def test_a_word_is_explained_where_the_summary_says_it() -> None:
    """The words of a summary are in the glossary with their meaning; what is bold elsewhere explains nothing."""
    page = pages.glossary({Path("03_bridge.ipynb"): lesson("**veth**: a cable.", "**bridge**: a switch.")})
    assert "| **bridge** | a switch. | [03](../notebooks/03_bridge.ipynb) |\n| **veth** | a cable." in page


def test_a_word_has_one_meaning() -> None:
    """A word that two lessons explain is refused, with the lesson that came first."""
    twice = {Path(f"0{number}_x.ipynb"): lesson("**veth**: a cable.") for number in (1, 2)}
    with pytest.raises(pages.PageProblem, match="'veth' is explained in 01_x already"):
        pages.glossary(twice)


@pytest.mark.parametrize(
    "written",
    ["**veth**, which you saw.", "**veth** : a cable.", "a **veth**\n\n| Seen | How |\n|---|---|\n| x | y |"],
    ids=["no meaning", "no colon", "above the table"],
)
def test_a_word_that_the_page_would_lose_is_refused(written: str) -> None:
    """A word that a summary sets in bold without a meaning makes no page: it would not be on it."""
    summary = new_markdown_cell(f"{pages.SUMMARY}\n\n| Seen | How |\n|---|---|\n| x | y |\n\n{written}")
    lessons = {Path("03_bridge.ipynb"): new_notebook(cells=[summary])}
    with pytest.raises(pages.PageProblem, match=r"03_bridge\.ipynb: 'veth' is bold in the summary"):
        pages.glossary(lessons)


def test_a_word_of_another_lesson_may_be_bold_again() -> None:
    """A summary may set a word in bold that another lesson explains."""
    again = new_notebook(cells=[new_markdown_cell(f"{pages.SUMMARY}\n\nOnce more a **veth**.")])
    lessons = {Path("03_bridge.ipynb"): lesson("**veth**: a cable."), Path("04_publishing.ipynb"): again}
    assert pages.glossary(lessons).count("**veth**") == 1


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_new_word_of_a_summary_is_in_the_glossary(path: Path) -> None:
    """The stored glossary has each word that is bold in the summary of a lesson."""
    stored = (ROOT / pages.GLOSSARY).read_text().lower()
    words = pages.summary_words(LESSONS[path])
    assert [word for word in words if f"| **{word.lower()}** |" not in stored] == []


def test_lessons_have_new_words() -> None:
    """The rule above is not kept merely because no word is found: only the lesson that sums up has none."""
    assert [path.stem for path in LESSONS if not pages.summary_words(LESSONS[path])] in ([], ["12_choosing"])


@pytest.mark.parametrize(("name", "cell"), [("03_bridge", "nowhere"), ("99_nothing", "look")])
def test_a_question_without_its_cell_is_refused(name: str, cell: str) -> None:
    """A question whose lesson or cell is gone makes no page."""
    lessons = {Path("03_bridge.ipynb"): lesson()}
    with pytest.raises(pages.PageProblem, match="why"):
        pages.question_page([pages.Question("why?", "so", name, cell)], lessons)


def test_a_question_leads_to_heading_and_line() -> None:
    """The page tells the heading above the cell that answers, and the line by which to find it."""
    page = pages.question_page([pages.Question("why?", "so", "03_bridge", "look")], {Path("03_bridge.ipynb"): lesson()})
    assert "*Names*: `ping(web, 'db')`" in page


@pytest.mark.parametrize("question", ASKED, ids=lambda one: one.settles or one.asks)
def test_the_cell_that_answers_is_compared(question: pages.Question) -> None:
    """What answers a question is compared with what was stored: were it no longer so, CI would fail."""
    cells = {
        cell.id: cell for path, notebook in LESSONS.items() if path.stem == question.lesson for cell in notebook.cells
    }
    assert "nbval-check-output" in tags(cells[question.cell])


def test_every_common_misconception_is_settled() -> None:
    """Each of the 21 misconceptions that the course is to settle has a cell of a lesson that does."""
    assert {question.settles for question in ASKED} - {""} == {f"M{number}" for number in range(1, 22)}
