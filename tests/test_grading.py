"""Students' versions, what comes back, and the report: all that needs no testbed."""

from __future__ import annotations

import csv
import json
import os
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dockernet_lessons.cli import app
from dockernet_lessons.errors import LessonError
from dockernet_lessons.grading import ASSIGNMENTS, Task, course, notebooks, outcome, report
from dockernet_lessons.grading.assign import assign
from dockernet_lessons.grading.outcome import Earned, Outcome
from dockernet_lessons.grading.seeds import NAMES, Draw, seed_of
from dockernet_lessons.testbed import confined

SOURCES = Path(__file__).parent.parent / "assignments"


def version(tmp_path: Path, assignment: str, student: str) -> dict[str, Any]:
    """Give a student's version of an assignment."""
    (path,) = assign(assignment, [student], sources=SOURCES, to=tmp_path)
    made: dict[str, Any] = json.loads(path.read_text())
    return made


def cell(notebook: dict[str, Any], name: str) -> dict[str, Any]:
    """Give a cell by its name."""
    return next(raw for raw in notebook["cells"] if raw["metadata"].get("nbgrader", {}).get("grade_id") == name)


# ---- seeds -------------------------------------------------------------------------------------------------


def test_a_seed_is_the_same_everywhere() -> None:
    """A grader finds the seed of a student again, and no two students or assignments have the same."""
    seeds = {(name, who): seed_of(name, who) for name in ASSIGNMENTS for who in ("ada", "bob", "cyd")}
    assert len(set(seeds.values())) == len(seeds)
    assert seeds["bridges", "ada"] == "8155d7c97420"


def test_nothing_is_drawn_twice() -> None:
    """Within one seed every name, subnet, port and address is another."""
    draw = Draw("any")
    assert len({draw.name() for _ in NAMES}) == len(NAMES) == len(set(NAMES))
    assert len({draw.subnet() for _ in range(50)}) == 50
    assert len({draw.port() for _ in range(40)}) == 40
    assert len({draw.guest() for _ in range(20)}) == 20


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_students_have_parameters_of_their_own(assignment: str) -> None:
    """The same seed asks the same, another seed asks something else, and no statement is asked of all."""
    one, same, other = (Task(assignment, seed) for seed in ("one", "one", "other"))
    asked = [[problem.statement for problem in task] for task in (one, same, other)]
    assert asked[0] == asked[1]
    assert not set(asked[0]) & set(asked[2])


def test_the_capstone_draws_every_kind() -> None:
    """No broken network is left out by chance, and none comes twice in one student's version."""
    drawn = [[problem.given.kind for problem in Task("capstone", seed_of("capstone", str(n)))] for n in range(40)]
    assert {kind for kinds in drawn for kind in kinds} == {
        *("deaf", "nameless", "wrong_port", "locked_in", "barred", "strangers", "lost")
    }
    assert all(len(set(kinds)) == 5 for kinds in drawn)


# ---- students' versions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_version_holds_no_solution(tmp_path: Path, assignment: str) -> None:
    """No line of a solution or a hidden test is in it; what is asked of this student can be read before it is run."""
    original = notebooks.read(SOURCES / f"{assignment}.ipynb")
    made = version(tmp_path, assignment, "ada")
    text = json.dumps(made)
    hidden = [line for each in notebooks.cells(original) if each.kind == "learner" for line in each.source.split("\n")]
    assert len(hidden) > 20
    assert not [line for line in hidden if len(line) > 12 and json.dumps(line)[1:-1] in text]
    assert "SOLUTION" not in text and "HIDDEN" not in text and "task.grade" not in text
    assert f'seed=\\"{seed_of(assignment, "ada")}\\"' in text and "example" not in text
    for problem in Task(assignment, seed_of(assignment, "ada")):
        shown = cell(made, f"{problem.name}-asked")["outputs"][0]["data"]["text/markdown"]
        assert problem.statement in shown
        assert cell(made, problem.name)["source"] == notebooks.STUB
    assert [raw["metadata"] for raw in made["cells"]] == [raw["metadata"] for raw in original["cells"]]


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_source_is_in_nbgraders_form(assignment: str) -> None:
    """Every cell says what it is for, exercises and their checks come in order, and their points are the library's."""
    raws = notebooks.read(SOURCES / f"{assignment}.ipynb")["cells"]
    told = [raw["metadata"]["nbgrader"] for raw in raws]
    assert {each["schema_version"] for each in told} == {3}
    assert len({each["grade_id"] for each in told}) == len(told)
    for each in told:
        assert {*each} - {"points"} == {"grade", "grade_id", "locked", "schema_version", "solution", "task"}
        assert ("points" in each) == each["grade"]
    graded = {each["grade_id"]: each["points"] for each in told if each["grade"]}
    assert graded == {f"{problem.name}-checked": problem.points for problem in Task(assignment, "example")}


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A version that a student may have worked on stays as it is."""
    version(tmp_path, "bridges", "ada")
    with pytest.raises(LessonError, match=r"bridges.ipynb is there already"):
        list(assign("bridges", ["ada"], sources=SOURCES, to=tmp_path))


@pytest.mark.parametrize("student", ["", "../ada", "a/b", ".ada", "-o", "a" * 65, "a\nb"])
def test_a_student_is_a_plain_name(tmp_path: Path, student: str) -> None:
    """Nothing that leads elsewhere is taken for a student's id, and nothing is made."""
    with pytest.raises(LessonError, match="cannot name a student"):
        list(assign("bridges", [student], sources=SOURCES, to=tmp_path))
    assert not any(tmp_path.iterdir())


def test_the_command_makes_versions(tmp_path: Path) -> None:
    """`dockernet assign` writes one for each student, and says what there is where the name is wrong."""
    done = CliRunner().invoke(app, ["assign", "lan", "--student", "ada", "--student", "bob", "--to", str(tmp_path)])
    assert done.output.split() == [str(tmp_path / who / "lan.ipynb") for who in ("ada", "bob")]
    wrong = CliRunner().invoke(app, ["assign", "lane", "--student", "ada", "--to", str(tmp_path)])
    assert isinstance(wrong.exception, LessonError)
    assert wrong.exception.hint == "there are bridges, publishing, lan, capstone."


# ---- what comes back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"[]", "it has no cells"),
        (b'{"cells": 7}', "it has no cells"),
        (b'{"cells": [7]}', "it has no cells"),
        (b" " * (notebooks.LARGEST + 1), "larger than 5 MB"),
    ],
    ids=["text", "no text", "deep", "a list", "a number", "numbers", "large"],
)
def test_what_is_no_notebook(data: bytes, said: str) -> None:
    """Whatever is handed in is told for what it is."""
    with pytest.raises(LessonError, match=said):
        notebooks.parse(data, "it.ipynb")


def test_odd_cells_are_read(tmp_path: Path) -> None:
    """Cells whose parts are of any kind are read without an error, and count for what can be told of them."""
    odd = [
        {"cell_type": "code"},
        {"cell_type": "code", "source": ["lab", 7, None], "metadata": []},
        {"cell_type": "code", "source": {"a": 1}, "metadata": {"nbgrader": "?"}},
        {"cell_type": "code", "source": "1", "metadata": {"nbgrader": {"grade_id": ["names"], "points": "many"}}},
        {"source": "2"},
    ]
    found = list(notebooks.cells({"cells": odd}))
    assert [(each.name, each.kind, each.source, each.points) for each in found] == [
        ("", "learner", "", 0),
        ("", "learner", "lab", 0),
        ("", "learner", "", 0),
        ("", "learner", "1", 0),
    ]


def plan_of(tmp_path: Path, change: Any) -> notebooks.Plan:
    """Give the plan of a student's version that was changed."""
    theirs = version(tmp_path, "bridges", "ada")
    change(theirs)
    ours = notebooks.read(SOURCES / "bridges.ipynb")
    return notebooks.plan(ours, theirs, seed_of("bridges", "ada"))


def test_a_version_as_it_was_given(tmp_path: Path) -> None:
    """Nothing is noticed; set-up and checks are the grader's, hidden tests included, with the student's seed."""
    plan = plan_of(tmp_path, lambda theirs: None)
    assert plan.notes == ()
    assert [step.cell.name for step in plan.steps if not step.own] == ["names", "address", "gate", "alias", "vault"]
    assert seed_of("bridges", "ada") in plan.steps[0].cell.source
    assert all("task.grade(" in step.cell.source for step in plan.steps if step.cell.kind == "check")


def test_changed_and_missing_cells(tmp_path: Path) -> None:
    """A changed check is not run, and noted; so are cells that are missing or there twice."""

    def change(theirs: dict[str, Any]) -> None:
        cell(theirs, "set-up")["source"] = "task = lab = 7"
        cell(theirs, "names-checked")["source"] = "2"
        theirs["cells"].remove(cell(theirs, "gate"))
        theirs["cells"].append(cell(theirs, "vault"))

    plan = plan_of(tmp_path, change)
    assert plan.notes == (
        "has the cell vault twice: the first counts",
        "changed the cell set-up: the original was run",
        "changed the cell names-checked: the original was run",
        "misses the cell gate",
    )
    assert "begin(" in plan.steps[0].cell.source
    assert next(step.cell.source for step in plan.steps if step.cell.name == "names-checked").endswith("HIDDEN TESTS")
    assert "gate-checked" in [step.cell.name for step in plan.steps]


def test_cells_that_a_student_added(tmp_path: Path) -> None:
    """They run where they stand, but never before the set-up, and a cell that calls itself a check gives no points."""

    def added(text: str, **told: object) -> dict[str, Any]:
        return {"cell_type": "code", "source": text, "metadata": {"nbgrader": told} if told else {}}

    def change(theirs: dict[str, Any]) -> None:
        theirs["cells"].insert(0, added("first"))
        theirs["cells"].insert(theirs["cells"].index(cell(theirs, "gate")), added("before gate"))
        theirs["cells"].append(added("last", grade=True, grade_id="mine", points=100, locked=True))

    plan = plan_of(tmp_path, change)
    order = [step.cell.source if step.cell.name == "added" else step.cell.name for step in plan.steps]
    assert order[:2] == ["set-up", "first"]
    assert order.index("before gate") + 1 == order.index("gate")
    assert order[-1] == "last"
    assert not [step for step in plan.steps if step.cell.name == "added" and (step.own or step.cell.points)]
    assert sum(step.cell.points for step in plan.steps) == 10


def test_what_was_handed_in(tmp_path: Path) -> None:
    """Both the form of `dockernet assign` and that of nbgrader are found; hidden folders are not looked into."""
    for name in ("ada/bridges.ipynb", "bob/lan/lan.ipynb", ".graded/cyd/lan.ipynb", "bob/.ipynb_checkpoints/x.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = [(each.student, each.assignment) for each in course.submissions(tmp_path)]
    assert found == [("ada", "bridges"), ("bob", "lan")]


@pytest.mark.parametrize("where", ["nothing", "nowhere"])
def test_nothing_was_handed_in(tmp_path: Path, where: str) -> None:
    """An empty folder and one that is not there are told."""
    (tmp_path / "nothing").mkdir()
    with pytest.raises(LessonError) as raised:
        course.submissions(tmp_path / where)
    assert where in raised.value.message


def test_without_root_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where limits cannot be had, what nobody trusts is not run at all, and the error says what to do."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LessonError, match="only root can make one: it has limits, and two users") as raised:
        confined.check_possible()
    assert "sudo .venv/bin/dockernet grade" in raised.value.hint
    assert "Without sudo" in raised.value.hint


def test_on_another_system_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no namespaces, the error does not ask for root, which would not help."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LessonError, match="only Linux can make one") as raised:
        confined.check_possible()
    assert "sudo" not in raised.value.hint


# ---- the report --------------------------------------------------------------------------------------------

TAGS = (
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "h3",
    "table",
    "tr",
    "th",
    "td",
    "a",
    "p",
    "ul",
    "li",
    "pre",
)
OUTCOMES = (
    Outcome("ada", "bridges", (Earned("names", 1.5, 2, ("names: 1.5 of 2 points",)), Earned("gate", 2, 2))),
    Outcome(
        "=cmd|' /C calc'!A0",
        "lan",
        (Earned("guest", 0, 2, ("<script>alert(1)</script>",)),),
        ("misses the cell <b>",),
        ("guest: NameError: a, b\nc",),
    ),
)


def test_the_table() -> None:
    """A line for each submission, empty where an exercise is not of its assignment; no cell is a formula."""
    rows = list(csv.reader(report.table(OUTCOMES).splitlines()))
    assert rows == [
        ["student", "assignment", "points", "of", "names", "gate", "guest", "notes"],
        ["ada", "bridges", "3.5", "4", "1.5", "2", "", ""],
        ["'=cmd|' /C calc'!A0", "lan", "0", "2", "", "", "0", "misses the cell <b>; guest: NameError: a, b c"],
    ]


def test_the_page() -> None:
    """What students wrote is text on the page and never part of it; each exercise tells what its check said."""

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: set[str] = set()
            self.text = ""

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.found.add(tag)

        def handle_data(self, data: str) -> None:
            self.text += data

    read = Tags()
    read.feed(report.page("Class", OUTCOMES))
    assert read.found <= set(TAGS)
    assert "<script>alert(1)</script>" in read.text
    assert "names: 1.5 of 2 points" in read.text


def test_an_outcome_is_kept(tmp_path: Path) -> None:
    """It is found again for the same key only, and half a file is no outcome."""
    file = tmp_path / "ada" / "lan.json"
    kept = Outcome("ada", "lan", (Earned("guest", 1, 2, ("said",)),), ("note",), ("problem",), key="k1")
    outcome.keep(kept, file)
    assert outcome.kept(file, "k1") == kept
    assert outcome.kept(file, "k2") is None
    file.write_text(file.read_text()[:40])
    assert outcome.kept(file, "k1") is None
    assert outcome.kept(tmp_path / "nobody.json", "k1") is None
