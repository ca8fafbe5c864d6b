"""The assignments as an instructor on nbgrader has them: released and graded by its own commands, unchanged."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from dockernet_lessons.grading import ASSIGNMENTS
from dockernet_lessons.testbed import Testbed

ROOT = Path(__file__).parent.parent
LOCK = Path(__file__).parent / "nbgrader.lock"
SECONDS = 600
pytestmark = pytest.mark.testbed


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Give a Python that has nbgrader over what ours has: in ours its pages would be in every learner's JupyterLab."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    found = home / "bin" / "python"
    here = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    (here / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    install = [found, "-m", "pip", "install", "--quiet", "--no-input", "--require-hashes", "--requirement", LOCK]
    done = subprocess.run(install, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return found


def test_nbgrader_itself_releases_and_grades_them(bed: Testbed, python: Path, tmp_path: Path) -> None:
    """Of every assignment the source earns all points, and what nbgrader made of it for students none."""
    assert bed.alive()
    env = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "IPYTHONDIR": str(tmp_path / "ipython")}
    done = subprocess.run(
        [python, ROOT / "tools" / "nbgrader_round.py"],
        env=env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout.splitlines() == [
        f"{name}: who {student} got {points} of 10"
        for name in ASSIGNMENTS
        for student, points in (("knows", 10), ("learns", 0))
    ], done.stderr
    assert done.returncode == 0


def test_nothing_of_ours_is_another_version_there() -> None:
    """What nbgrader is tried with is what the lessons run with: both locks pin the same."""
    ours, theirs = (_pinned(file) for file in (ROOT / "requirements.lock", LOCK))
    assert {name for name in ours.keys() & theirs if ours[name] != theirs[name]} == set()
    assert "nbgrader" in theirs and "nbgrader" not in ours


def _pinned(file: Path) -> dict[str, str]:
    lines = (line.split()[0] for line in file.read_text().splitlines() if "==" in line and line[0].isalpha())
    return dict(line.split("==") for line in lines)
