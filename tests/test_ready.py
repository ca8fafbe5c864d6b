"""What a server does for its testbed, and what is said of one that is being started, or has gone."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyter_server.extension.manager import ExtensionPackage
from jupyter_server.serverapp import ServerApp
from jupyterlab.labapp import LabApp

from dockernet_lessons import Lab, ready, testbed
from dockernet_lessons.errors import LIVE, RECORDED, BuildFailed, NoTestbed, NotLive
from dockernet_lessons.testbed import lost, turns

ROOT = Path(__file__).parent.parent
CONFIGURATION = {
    name: options
    for file in ("jupyter_server_config.json", "jupyter_lab_config.json")
    for name, options in json.loads((ROOT / "binder" / file).read_text()).items()
}


def test_who_waits_hears_what_is_being_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that waits for another one's says so, with each step of it, and goes on when that is done."""
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.0)
    heard: list[str] = []
    waits, goes_on = threading.Event(), threading.Event()

    def hear(text: str) -> None:
        heard.append(text)
        waits.set()

    def wait() -> None:
        with turns.one_at_a_time(tmp_path, hear):
            goes_on.set()

    with turns.one_at_a_time(tmp_path) as step:
        step("Fetching QEMU")
        other = threading.Thread(target=wait)
        other.start()
        assert waits.wait(10)
        waits.clear()
        step("Making a disk")
        assert waits.wait(10)
        assert not goes_on.is_set()
    other.join(10)
    assert goes_on.is_set()
    assert heard == [
        "The testbed is being started already: Fetching QEMU",
        "The testbed is being started already: Making a disk",
    ]
    assert (tmp_path / "lock").read_text() == ""


def test_who_need_not_wait_long_hears_nothing(tmp_path: Path) -> None:
    """A lesson's first cell prints the same, whether the server was still at it or not."""
    heard: list[str] = []

    def wait() -> None:
        with turns.one_at_a_time(tmp_path, heard.append):
            pass

    with turns.one_at_a_time(tmp_path) as step:
        step("Restoring")
        other = threading.Thread(target=wait)
        other.start()
    other.join(10)
    assert heard == []


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("memory.max", "2147483648\n", " (the limit here is 2048 MB)"),
        ("memory.max", "max\n", ""),
        ("memory/memory.limit_in_bytes", "536870912\n", " (the limit here is 512 MB)"),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", ""),
        ("nothing", "", ""),
    ],
)
def test_a_killed_machine_is_told_with_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, said: str
) -> None:
    """What a control group allows is named where there is a limit, of either version of control groups."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    monkeypatch.setattr(lost, "GROUPS", tmp_path)
    told = lost.how_it_ended(-signal.SIGKILL)
    assert told == f"QEMU was killed, as happens where memory runs out{said}."
    (tmp_path / "log").write_text(f"restored\n{told}")
    assert lost.gone(tmp_path).message == f"The testbed has gone: {told}"


def test_a_testbed_that_ended_otherwise_is_told_without_a_reason(tmp_path: Path) -> None:
    """No reason is made up, and what the log says for experts is not shown to learners."""
    assert lost.how_it_ended(-signal.SIGTERM) == ""
    assert lost.gone(tmp_path).message == "The testbed has gone."
    (tmp_path / "log").write_text("qemu: something about a device")
    assert lost.gone(tmp_path).message == "The testbed has gone."


def test_the_server_finds_the_extension() -> None:
    """The image's configuration names a module that Jupyter's server takes for an extension."""
    (name,) = CONFIGURATION["ServerApp"]["jpserver_extensions"]
    assert name == ready.__name__
    assert ExtensionPackage(name=name).validate()


def test_the_image_sets_options_that_jupyter_has() -> None:
    """A renamed option would be passed over without a word."""
    assert set(CONFIGURATION["ServerApp"]) <= set(ServerApp.class_trait_names(config=True))
    assert set(CONFIGURATION["LabApp"]) <= set(LabApp.class_trait_names(config=True))


def started(start: ready.Start) -> ready.Outcome:
    """Begin, and wait for what comes of it."""
    thread = start.begin()
    assert thread
    thread.join(10)
    return start.outcome


def test_a_server_goes_on_without_a_testbed(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The reason is in its log and on the page; nothing is raised, so the lessons are served."""

    def up(**_: object) -> None:
        raise NoTestbed("Nothing runs here.", hint="go elsewhere.")

    monkeypatch.setattr(testbed, "up", up, raising=False)
    outcome = started(ready.Start(logging.getLogger("server")))
    assert "No testbed: Nothing runs here.\n  Next: go elsewhere." in caplog.text
    assert outcome == ready.Outcome("recorded", RECORDED, "Nothing runs here.", "go elsewhere.", LIVE)


def test_the_testbed_is_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the server's process, and with no other."""
    owners: list[object] = []

    def up(*, owner: int, **_: object) -> None:
        owners.append(owner)
        raise NoTestbed("That was all.", hint="none.")

    monkeypatch.setattr(testbed, "up", up, raising=False)
    started(ready.Start(logging.getLogger("server")))
    assert owners == [os.getpid()]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the server's log shows it
def test_a_start_that_breaks_off_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong, the page is not left waiting; a second try that succeeds is told as live."""
    results: list[object] = [OSError("out of luck"), SimpleNamespace(carrier=SimpleNamespace(name="vm"))]

    def up(**_: object) -> object:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(testbed, "up", up, raising=False)
    start = ready.Start(logging.getLogger("server"))
    broken_off = started(start)
    assert (broken_off.state, broken_off.next) == ("recorded", "try again.")
    assert started(start).state == "live"


def test_a_start_that_is_under_way_is_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pages that ask at once have one start."""
    goes_on = threading.Event()

    def up(**_: object) -> None:
        assert goes_on.wait(10)
        raise NoTestbed("That was all.", hint="none.")

    monkeypatch.setattr(testbed, "up", up, raising=False)
    start = ready.Start(logging.getLogger("server"))
    first = start.begin()
    assert first
    assert start.outcome.state == "starting"
    assert start.begin() is None
    goes_on.set()
    first.join(10)
    assert start.outcome.state == "recorded"


@pytest.mark.parametrize("kind", [NoTestbed, BuildFailed])
def test_a_lab_without_a_testbed_says_what_is_recorded(monkeypatch: pytest.MonkeyPatch, kind: type[NoTestbed]) -> None:
    """Beside why there is none, a learner reads what the outputs on the screen are, and where they would be live."""

    def up(**_: object) -> None:
        raise kind("QEMU was killed.", hint="start again.")

    monkeypatch.setattr(testbed, "up", up, raising=False)
    with pytest.raises(NotLive) as caught:
        Lab("00_start_here").start()
    shown = "\n".join(caught.value._render_traceback_())
    assert shown.startswith("NotLive: QEMU was killed.\n  Next: start again.\n  Recorded: ")
    assert "Three ways in" in shown
    assert "## Three ways in" in (ROOT / "README.md").read_text()


def test_the_image_has_the_versions_that_lessons_are_proved_with() -> None:
    """What both locks name is the same, file for file."""
    proved, image = (pins(ROOT / name) for name in ("requirements.lock", "binder/requirements.lock"))
    shared = proved.keys() & image.keys()
    assert {"jupyterlab", "ipykernel", "docker", "matplotlib", "nbval"} <= shared
    assert {name: image[name] for name in shared} == {name: proved[name] for name in shared}


def pins(lock: Path) -> dict[str, str]:
    """Give the version of each package in a lock."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", lock.read_text(), flags=re.M))
