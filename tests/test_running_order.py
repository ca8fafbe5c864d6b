"""Where tests run side by side, the files that take longest are begun first."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import running_order

from dockernet_lessons.cli import SIDE_BY_SIDE

CONFTEST = f"""
import sys
from pathlib import Path
sys.path.append({str(Path(running_order.__file__).parent)!r})
import running_order

def pytest_collection_modifyitems(items):
    place = running_order.place({{"test_long.py": 5}}, Path(__file__).parent)
    items.sort(key=lambda item: place(item.path))
"""
ONE, SIX = "def test_one(): pass\n", "".join(f"def test_{number}(): pass\n" for number in range(6))
ALONE = ["-p", "xdist", "--numprocesses=1", "-p", "no:cacheprovider", "-v"]


def begun(folder: Path, options: Sequence[str]) -> list[str]:
    """Run the tests of a folder with one worker, and give the files in the order in which they were taken."""
    command = [sys.executable, "-m", "pytest", *options, *ALONE]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [line.partition("PASSED ")[2] for line in done.stdout.splitlines() if "PASSED" in line]
    return list(dict.fromkeys(name.partition("::")[0] for name in ran))


def test_a_long_file_comes_before_one_with_many_tests(tmp_path: Path) -> None:
    """The options of `dockernet test` keep our order; xdist's own would put the file with six tests first."""
    for name, text in (("conftest.py", CONFTEST), ("test_long.py", ONE), ("test_many.py", SIX)):
        (tmp_path / name).write_text(text)
    (tmp_path / "pytest.ini").touch()
    assert begun(tmp_path, SIDE_BY_SIDE) == ["test_long.py", "test_many.py"]
    without = [option for option in SIDE_BY_SIDE if "reorder" not in option]
    assert begun(tmp_path, without) == ["test_many.py", "test_long.py"]


def test_every_file_with_a_time_is_there() -> None:
    """A file that was renamed is missed here, and not by a run that takes ten minutes longer."""
    assert [name for name in running_order.MINUTES if not (running_order.ROOT / name).is_file()] == []


def test_files_are_sorted_by_their_minutes() -> None:
    """Those without a time keep their order and come last."""
    paths = [running_order.ROOT / name for name in ("tests/b.py", "tests/a.py", *reversed(running_order.MINUTES))]
    place = running_order.place()
    minutes = [
        running_order.MINUTES.get(str(path.relative_to(running_order.ROOT)), 0) for path in sorted(paths, key=place)
    ]
    assert minutes == sorted(minutes, reverse=True)
    assert [path.name for path in sorted(paths, key=place)][-2:] == ["b.py", "a.py"]
