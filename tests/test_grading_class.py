"""A class of ten, some of whom mean harm: graded from end to end, and nothing outside their cells is touched."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dockernet_lessons.cli import app
from dockernet_lessons.errors import LessonError
from dockernet_lessons.grading import Task, course, notebooks, report
from dockernet_lessons.grading.assign import assign
from dockernet_lessons.grading.outcome import Outcome
from dockernet_lessons.grading.seeds import seed_of
from dockernet_lessons.testbed import Testbed, confined, keeper, tree

SOURCES = Path(__file__).parent.parent / "assignments"
pytestmark = [
    pytest.mark.testbed,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give limits to programs that nobody trusts"),
]

SOLVED = {each.name: each.source for each in notebooks.cells(notebooks.read(SOURCES / "bridges.ipynb"))}
FORKS = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
PRINTS = "for _ in range(5000):\n    print('x' * 1000)"
FILLS = "with open('/tmp/all', 'wb') as file:\n    while True:\n        file.write(bytes(1_000_000))"
KILLS = "lab.bed.run('testbed', ['sh', '-c', 'kill -9 $(cat /run/engines/host1.pid)'])"
LEAVES = """
import subprocess
lab.close = lambda: None
run("host1", "docker run --detach --name stays --restart always lesson")
for _ in range(20):
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
"""
LIES = "lab.bed.run('testbed', ['mount', '--bind', '/usr/bin/true', '/usr/bin/ping'])"
CHEATS = """
import dockernet_lessons.grading.problems as problems, os, signal
problems.Problem.marks = lambda *_: problems.Marks("names", (problems.Mark(99, 99, "mine"),))
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid() and os.stat(f"/proc/{name}").st_uid != os.getuid():
        try:
            os.kill(int(name), signal.SIGKILL)
        except PermissionError:
            continue
        raise SystemError(f"{name} was killed")
"""
LOOKS = """
import os, pathlib, socket
found = [path for path in %r if os.path.exists(path)]
found += [name for name in os.environ if name == "SECRET_OF_THE_GRADER"]
found += [name for name in os.listdir("/sys/class/net") if name != "lo"]
for folder in %r:
    try:
        pathlib.Path(folder, "mine").write_text("x")
        found.append(folder)
    except OSError:
        pass
assert not found, f"I see {found}"
"""


@dataclass(frozen=True)
class Class:
    """A class that was graded: where, with what, and what came of it."""

    folder: Path
    rules: course.Rules
    outcomes: dict[str, Outcome]
    groups_before: set[str]


def hand_in(folder: Path, student: str, **changed: str) -> dict[str, Any]:
    """Hand in a student's version with answers put into its cells: a name's own solution where nothing else is said."""
    (path,) = assign("bridges", [student], sources=SOURCES, to=folder)
    made: dict[str, Any] = json.loads(path.read_text())
    for raw in made["cells"]:
        name = raw["metadata"]["nbgrader"]["grade_id"].replace("-", "_")
        raw["source"] = changed.get(name, raw["source"])
    path.write_text(json.dumps(made))
    return made


def groups() -> set[str]:
    """Give the control groups of cells that there are."""
    return {path.name for top in keeper.hierarchies() for path in top.glob("dockernet-cell-*")}


@pytest.fixture(scope="module")
def graded(bed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    """Give a class of ten, graded once."""
    assert bed.alive()
    folder, patch = tmp_path_factory.mktemp("class"), pytest.MonkeyPatch()
    secret = tmp_path_factory.mktemp("grader") / "secret"
    secret.write_text("of the grader")
    patch.setenv("SECRET_OF_THE_GRADER", "1")
    own, names = {each: SOLVED[each] for each in ("names", "address", "gate", "alias", "vault")}, SOLVED["names"]
    hand_in(folder, "ada", **own)
    hand_in(folder, "bob")
    one = Task("bridges", seed_of("bridges", "cyd"))["names"].given
    half = f'lab.container("{one.two}")\nlab.container("{one.one}", links={{"{one.two}": "{one.two}"}})'
    hand_in(folder, "cyd", names=half, address="lab.cow()", gate="this is no Python")
    (folder / "dan").mkdir()
    (folder / "dan" / "bridges.ipynb").write_text("I could not open it")
    made = hand_in(folder, "eve", names=names, names_checked="2", set_up="lab = None")
    made["cells"] = [raw for raw in made["cells"] if not raw["metadata"]["nbgrader"]["grade_id"].startswith("gate")]
    (folder / "eve" / "bridges.ipynb").write_text(json.dumps(made))
    hand_in(folder, "fay", names=f"{names}\nwhile True: pass", address=own["address"])
    hand_in(folder, "gus", names=f"{names}\n{FILLS}", address=f"{own['address']}\n{PRINTS}")
    hand_in(folder, "hal", names=f"{names}\n{FORKS}", address=own["address"])
    hand_in(folder, "ivy", names=names, address=KILLS, gate=own["gate"], vault=f"{own['vault']}\n{LIES}")
    places = [str(secret), str(SOURCES), str(Path(__file__)), "/etc/shadow", str(Path.home() / ".bashrc")]
    looks = LOOKS % (places, ["/usr", "/dev", "/run", "/etc", "/run/warden", str(Path(course.__file__).parent)])
    hand_in(folder, "joe", names=f"{names}\n{CHEATS}", address=looks, gate=LEAVES, vault=own["vault"])
    rules, before = course.Rules(seconds=200, cell_seconds=10), groups()
    outcomes = course.grade(folder, sources=SOURCES, rules=rules, workers=3)
    patch.undo()
    yield Class(folder, rules, {each.student: each for each in outcomes}, before)


def test_the_points(graded: Class) -> None:
    """Everybody gets the points for what they did, and the line that tells the instructor why not more."""
    assert report.table(list(graded.outcomes.values())) == (
        "student,assignment,points,of,names,address,gate,alias,vault,notes\n"
        "ada,bridges,10,10,2,2,2,2,2,\n"
        "bob,bridges,0,10,0,0,0,0,0,\n"
        "cyd,bridges,1,10,1,0,0,0,0,"
        "address: AttributeError: 'Lab' object has no attribute 'cow'; gate: SyntaxError: invalid syntax (line 1)\n"
        "dan,bridges,0,10,0,0,0,0,0,bridges.ipynb is not a notebook: it is no JSON.\n"
        "eve,bridges,2,10,2,0,0,0,0,"
        "changed the cell set-up: the original was run; changed the cell names-checked: the original was run; "
        "misses the cell gate-asked; misses the cell gate; misses the cell gate-checked\n"
        "fay,bridges,4,10,2,2,0,0,0,names: it did not end within 10 s\n"
        "gus,bridges,4,10,2,2,0,0,0,names: OSError: [Errno 28] No space left on device\n"
        "hal,bridges,4,10,2,2,0,0,0,the kernel had ended: started anew; names: it did not end within 10 s\n"
        "ivy,bridges,4,10,2,0,2,0,0,the testbed had ended: started anew\n"
        "joe,bridges,4,10,2,0,0,0,2,\n"
    )


def test_why_not_more(graded: Class) -> None:
    """Each check tells, part by part, what it saw."""
    said = {each.name: "\n".join(each.said) for each in graded.outcomes["cyd"].exercises}
    assert said["names"].splitlines()[0] == "names: 1 of 2 points"
    assert "0/1" in said["names"] and "the name is not known" in said["names"]
    assert said["vault"].count("no container is called") == 2
    lied = next(each for each in graded.outcomes["ivy"].exercises if each.name == "vault")
    assert lied.said == ("The testbed's own tools were changed: /usr/bin/ping.",)


def test_nothing_is_left(graded: Class) -> None:
    """No process, control group or file of a cell is left, whatever ran in it."""
    users = {confined.OUTSIDE + number for number in range(8)}
    running = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                running += [folder.name] if folder.stat().st_uid in users else []
            except FileNotFoundError:
                continue
    assert running == []
    assert groups() <= graded.groups_before
    kept = {path.name for path in graded.folder.iterdir()}
    assert kept == {course.KEPT, *graded.outcomes}


def test_a_run_goes_on(graded: Class) -> None:
    """What was graded is not graded again, and one that was lost or is new is."""
    (graded.folder / course.KEPT / "dan" / "bridges.json").unlink()
    said: list[str] = []
    again = course.grade(graded.folder, sources=SOURCES, rules=graded.rules, progress=said.append)
    assert {each.student: each for each in again} == graded.outcomes
    assert sum("kept from an earlier run" in line for line in said) == len(graded.outcomes) - 1
    assert any(line.endswith("dan, bridges: 0 of 10 points") for line in said)


def test_a_submission_ends_in_time(bed: Testbed, tmp_path: Path) -> None:
    """One that takes longer than it may is ended, and earns nothing more."""
    assert bed.alive()
    hand_in(tmp_path, "kim", names="import time\ntime.sleep(100)")
    (found,) = course.grade(tmp_path, sources=SOURCES, rules=course.Rules(seconds=8), workers=1)
    assert found.notes == ("ended after 8 s: what was earned until then counts",)
    assert [each.points for each in found.exercises] == [0, 0, 0, 0, 0]
    assert groups() == set()


def test_no_limits_no_run(bed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has no control groups to limit it, a submission is not run."""
    assert bed.alive()
    monkeypatch.setattr(keeper, "hierarchies", list)
    hand_in(tmp_path, "lea")
    with pytest.raises(LessonError, match="cannot limit memory and pids"):
        course.grade(tmp_path, sources=SOURCES, workers=1)


def test_links_are_not_followed(bed: Testbed, tmp_path: Path) -> None:
    """A submission that is a link, or lies behind one, is not read; `dockernet grade` writes both reports."""
    assert bed.alive()
    made = hand_in(tmp_path / "elsewhere", "max")
    (tmp_path / "class" / "max").mkdir(parents=True)
    (tmp_path / "class" / "max" / "bridges.ipynb").symlink_to(tmp_path / "elsewhere" / "max" / "bridges.ipynb")
    assert made["cells"]
    (tmp_path / "class" / "mia").symlink_to(tmp_path / "elsewhere" / "max")
    done = CliRunner().invoke(app, ["grade", str(tmp_path / "class")])
    assert done.exit_code == 0, done.output
    table = (tmp_path / "class" / "grades.csv").read_text().splitlines()
    assert table[1:] == [f"{who},bridges,0,10,0,0,0,0,0,it is a link to another file." for who in ("max", "mia")]
    assert "it is a link to another file." in (tmp_path / "class" / "grades.html").read_text()


def test_a_run_that_is_broken_off(bed: Testbed, tmp_path: Path) -> None:
    """Ctrl-C ends what is being graded at once, and leaves neither a cell nor an outcome of half a submission."""
    assert bed.alive()
    hand_in(tmp_path, "kim", names="import time\ntime.sleep(100)")
    hand_in(tmp_path, "max")
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "bridges.ipynb").write_text("no notebook")

    def ctrl_c(line: str) -> None:
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        course.grade(tmp_path, sources=SOURCES, workers=2, progress=ctrl_c)
    assert time.monotonic() - begun < 60
    assert groups() == set()
    assert {path.parent.name for path in (tmp_path / course.KEPT).rglob("*.json")} == {"ann"}


@pytest.mark.parametrize("outer", ["/tmp", "/run", "/dev/shm"])  # noqa: S108  # they are the subject
def test_a_cell_sees_our_programs_wherever_they_lie(outer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A course may have been cloned into a folder of which a cell has its own; nothing else of that is seen."""
    with tempfile.TemporaryDirectory(dir=outer) as seen, tempfile.TemporaryDirectory(dir=outer) as unseen:
        for folder in map(Path, (seen, unseen)):
            folder.chmod(0o755)
            (folder / "said").write_text(f"here is {folder}\n")
        system = confined._visible
        monkeypatch.setattr(confined, "_visible", lambda tree: [*system(tree), Path(seen)])
        command = ["cat", f"{seen}/said", f"{unseen}/said"]
        with confined.cell(command, tree.build(), slot=99, limits=confined.Limits(), given=b"") as running:
            assert running.output.read().decode() == f"here is {seen}\n"
            assert f"{unseen}/said: No such file" in running.last_words()
