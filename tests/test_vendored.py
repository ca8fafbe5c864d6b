"""The front-end code of others is as it was published, with its licence, on record, and in what is installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import vendored

ROOT = Path(__file__).parent.parent


def test_each_file_is_what_its_record_names() -> None:
    """None was changed by hand, is missing, or came without a record; every package brings its licence."""
    assert vendored.complaints() == []
    for files in vendored.FILES.values():
        (licence,) = (vendored.VENDORED / here for here in files.values() if here.startswith("LICENSE"))
        assert "Permission is hereby granted, free of charge" in licence.read_text()


def test_a_changed_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one that is missing, and one that nobody knows."""
    for path in vendored.VENDORED.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(vendored, "VENDORED", tmp_path)
    (tmp_path / "xterm.css").write_text("changed")
    (tmp_path / "xterm.mjs").unlink()
    (tmp_path / "other.js").touch()
    monkeypatch.setattr(vendored, "RECORD", tmp_path / "versions.json")
    assert vendored.complaints() == ["other.js", "xterm.css", "xterm.mjs"]


def test_the_wheel_has_all_that_pages_need(tmp_path: Path) -> None:
    """Front-end code, styles and licences are in it: nothing is fetched when a lesson is opened."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    widgets = ROOT / "dockernet_lessons" / "widgets"
    wanted = [path for path in widgets.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {str(path.relative_to(ROOT)) for path in wanted} <= packed
    licences = {name.rpartition("/")[2] for name in packed if ".dist-info/licenses/" in name}
    assert licences == {"LICENSE", "LICENSE.xterm", "LICENSE.addon-fit"}
