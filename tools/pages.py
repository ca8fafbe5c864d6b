"""The two pages that are made from the lessons: every term with its meaning, and every common question with its answer.

A lesson explains its new words below the table of its summary, as ``**term**: meaning``; they become
``docs/glossary.md``. Questions stand in ``notebooks/questions.toml``, each with the lesson and the cell that answers
it; they become ``docs/questions.md``. Knows the form of a notebook; runs nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

GLOSSARY, QUESTIONS = Path("docs/glossary.md"), Path("docs/questions.md")
QUESTIONS_SOURCE = Path("notebooks/questions.toml")
DEFINED = re.compile(r"\*\*([^*]+)\*\*:\s+((?:[^*]|\*(?!\*))+)")
BOLD = re.compile(r"\*\*([^*]+)\*\*")
SUMMARY = "## What you saw"

HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


class PageProblem(Exception):
    """Something in a lesson or in the questions from which no page can be made; the message says where."""


@dataclass(frozen=True)
class Term:
    """A word of the course: its meaning, and the lesson that explains it."""

    word: str
    meaning: str
    lesson: str


@dataclass(frozen=True)
class Question:
    """What people ask, and the cell that answers it; ``settles`` names the misconception behind it."""

    asks: str
    answer: str
    lesson: str
    cell: str
    settles: str = ""


def terms(lesson: str, notebook: NotebookNode) -> list[Term]:
    """Give the words that a lesson explains: those below the last table, which is its summary.

    >>> from nbformat.v4 import new_markdown_cell, new_notebook
    >>> summary = new_markdown_cell(chr(10).join(["| Seen | How |", "|---|---|", "", "**veth**: a cable."]))
    >>> terms("03", new_notebook(cells=[summary]))[0].meaning
    'a cable.'
    """
    explained = _summary(notebook).rpartition("|\n")[2]
    return [
        Term(" ".join(word.split()), " ".join(meaning.split()), lesson) for word, meaning in DEFINED.findall(explained)
    ]


def summary_words(notebook: NotebookNode) -> list[str]:
    """Give every word that is bold in a lesson's summary, with a meaning or without."""
    return [" ".join(word.split()) for word in BOLD.findall(_summary(notebook))]


def _summary(notebook: NotebookNode) -> str:
    """Give the text under the heading of the summary, or, as lesson 00 has none, the last one with a table."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    headed = [text for text in texts if text.startswith(SUMMARY)]
    return (headed or [""] + [text for text in texts if "|---" in text])[-1]


def glossary(lessons: Mapping[Path, NotebookNode]) -> str:
    """Give the page of all terms, in order of the alphabet; a term has one meaning, in one lesson.

    A word that a summary sets in bold has to have a meaning, there or in another lesson.
    """
    known: dict[str, Term] = {}
    for path, notebook in lessons.items():
        for term in terms(path.stem, notebook):
            if term.word.lower() in known:
                raise PageProblem(
                    f"{path.name}: {term.word!r} is explained in {known[term.word.lower()].lesson} already"
                )
            known[term.word.lower()] = term
    for path, notebook in lessons.items():
        if lost := [word for word in summary_words(notebook) if word.lower() not in known]:
            raise PageProblem(f"{path.name}: {lost[0]!r} is bold in the summary, and no lesson explains it")
    lines = ["# Glossary", "", "Every word that a lesson explains, with the lesson in which you see it at work.", ""]
    lines += ["| Word | Meaning | Lesson |", "|---|---|---|"]
    for _, term in sorted(known.items()):
        meaning = term.meaning.replace("|", r"\|")
        lines.append(f"| **{term.word}** | {meaning} | [{term.lesson[:2]}](../notebooks/{term.lesson}.ipynb) |")
    return "\n".join(lines) + "\n"


def questions(root: Path) -> list[Question]:
    """Read the questions of a course; none where it has no file of them."""
    file = root / QUESTIONS_SOURCE
    return [Question(**entry) for entry in tomllib.loads(file.read_text())["question"]] if file.exists() else []


def question_page(asked: list[Question], lessons: Mapping[Path, NotebookNode]) -> str:
    """Give the page of all questions, each with where it is answered: the lesson, its heading, and the cell's line."""
    by_name = {path.stem: notebook for path, notebook in lessons.items()}
    lines = ["# Questions, and the cells that answer them", ""]
    lines += ["Each answer is something that a lesson shows you on a real Docker Engine: run the cell, and see.", ""]
    lines += ["| Question | In short | Where you see it |", "|---|---|---|"]
    for one in asked:
        heading, line = _place(one, by_name)
        where = f"[{one.lesson[:2]}](../notebooks/{one.lesson}.ipynb), *{heading}*: `{line}`"
        lines.append(f"| {one.asks} | {one.answer} | {where} |")
    return "\n".join(lines) + "\n"


def _place(question: Question, lessons: Mapping[str, NotebookNode]) -> tuple[str, str]:
    """Give the heading above a question's cell, and the cell's last line, by which a reader finds it."""
    if question.lesson not in lessons:
        raise PageProblem(f"{QUESTIONS_SOURCE}: there is no lesson {question.lesson!r} ({question.asks})")
    heading = ""
    for cell in lessons[question.lesson].cells:
        if cell.id == question.cell and cell.cell_type == "code":
            return heading, cell.source.strip().splitlines()[-1].replace("|", r"\|")
        if cell.cell_type == "markdown" and (found := HEADING.findall(cell.source)):
            heading = found[-1]
    raise PageProblem(f"{QUESTIONS_SOURCE}: {question.lesson} has no code cell {question.cell!r} ({question.asks})")


def pages(root: Path, lessons: Mapping[Path, NotebookNode]) -> dict[Path, str]:
    """Give both pages of a course."""
    found = {root / GLOSSARY: glossary(lessons)}
    if asked := questions(root):
        found[root / QUESTIONS] = question_page(asked, lessons)
    return found
