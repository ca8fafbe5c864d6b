"""JupyterLab's arguments: understood by the JupyterLab installed here, and quiet."""

import json
import os
from pathlib import Path

import pytest
from jupyterlab.labapp import LabApp

from dockernet_lessons.jupyter import SETTINGS, lab_arguments


def options(root: Path, *, port: int | None = None) -> dict[str, str]:
    """Split ``--Class.option=value`` arguments into names and values; a flag has an empty value."""
    return {name: value for name, _, value in (argument.partition("=") for argument in lab_arguments(root, port=port))}


def test_opens_on_the_first_lesson(tmp_path: Path) -> None:
    """The browser lands on lesson 00 of the folder that was asked for."""
    given = options(tmp_path)
    assert given["--ServerApp.root_dir"] == str(tmp_path)
    assert given["--LabApp.default_url"] == "/lab/tree/notebooks/00_start_here.ipynb"


def test_listens_on_this_machine_only(tmp_path: Path) -> None:
    """Nobody else on the learner's network can reach the server."""
    assert options(tmp_path)["--ServerApp.ip"] == "127.0.0.1"


def test_a_given_port_is_that_one_or_an_error(tmp_path: Path) -> None:
    """JupyterLab does not move on to another port than the one that was asked for."""
    given = options(tmp_path, port=8899)
    assert (given["--ServerApp.port"], given["--ServerApp.port_retries"]) == ("8899", "0")
    assert "--ServerApp.port" not in options(tmp_path)


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_is_allowed_for_root_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, allowed: bool
) -> None:
    """An ordinary user's JupyterLab is started without the flag that only root needs."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert ("--allow-root" in lab_arguments(tmp_path)) is allowed


def test_jupyterlab_knows_every_option_of_its_own(tmp_path: Path) -> None:
    """An option that JupyterLab has renamed or dropped is noticed here, not by a pop-up in a lesson."""
    ours = {name.removeprefix("--LabApp.") for name in options(tmp_path) if name.startswith("--LabApp.")}
    assert ours <= set(LabApp.class_trait_names(config=True))


def test_asks_nobody_for_news_updates_or_extensions(tmp_path: Path) -> None:
    """A course for closed networks starts without a single request to the outside."""
    app = LabApp()
    app.parse_command_line([argument for argument in lab_arguments(tmp_path) if argument.startswith("--LabApp.")])
    assert app.news_url is None
    assert app.check_for_updates_class.__name__ == "NeverCheckForUpdate"
    assert app.extension_manager == "readonly"


def test_the_settings_are_ones_that_jupyterlab_has() -> None:
    """A renamed setting would bring the news pop-up back without an error."""
    overrides = json.loads((SETTINGS / "overrides.json").read_text())
    for plugin, settings in overrides.items():
        package, _, name = plugin.partition(":")
        schema = json.loads(Path(LabApp().schemas_dir, package, f"{name}.json").read_text())
        assert set(settings) <= set(schema["properties"])
