"""The testbed's panel tells the truth about what runs, asks before it removes anything, and starts a testbed anew."""

from __future__ import annotations

import threading

import pytest

from dockernet_lessons import Lab, testbed
from dockernet_lessons import testbed_panel as panel_of_testbed
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.testbed.carriers import Verdict
from dockernet_lessons.testbed.engine import Engine
from dockernet_lessons.testbed.start import choose
from dockernet_lessons.widgets.testbed_panel import Seen, facts

# The Docker SDK leaves a socket open that could not connect: that is so where an engine has died.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

VERDICTS = {
    "namespace": Verdict(True, "this is root"),
    "vm": Verdict(True, "emulated"),
    "container": Verdict(False, "no Docker <here>", "install one"),
}
SEEN = Seen("namespace", "forky", {"host1": "28.5.2"}, {"03_bridge": ("web", "db")}, ("ipvlan", "vlan"))


def visible(part: object) -> bool:
    """Tell whether a part is shown."""
    return part.layout.display is None  # type: ignore[attr-defined]


def test_what_is_missing_is_told_with_why_and_what_to_do() -> None:
    """Carriers that cannot run, and what the kernel lacks, each with the next step."""
    told = facts(SEEN, VERDICTS)
    for part in (
        "namespace (this is root)",
        "Docker Engine 28.5.2, of Debian forky",
        "web, db of lab 03_bridge",
        "ipvlan, vlan: a lab that names them as its needs starts on the carrier vm",
        "cannot run here: no Docker &lt;here&gt;. To have it: install one",
    ):
        assert part in told
    assert "no other carrier" in facts(SEEN, {"vm": Verdict(False, "no QEMU", "bring one")})
    assert "no testbed" in facts(None, VERDICTS)


@pytest.mark.testbed
def test_the_panel_tells_what_runs(bed: Testbed) -> None:
    """Carrier, engine and containers are those of the testbed; its text is constant."""
    lab = Lab("panel").start()
    lab.containers("web", "db")
    panel = panel_of_testbed()
    for part in (bed.carrier.name, bed.engine().version, "db, web of lab panel"):
        assert part in panel._facts.value
        assert part in panel.fallback()
    assert repr(panel) == "Testbed"
    lab.close()
    panel._look.click()
    panel.desk.wait()
    assert "lab panel" not in panel._facts.value


@pytest.mark.testbed
def test_cleaning_asks_first(bed: Testbed) -> None:
    """What would go is named; No leaves it, Yes removes it."""
    lab = Lab("panel").start()
    lab.containers("web", "db")
    panel = panel_of_testbed()
    panel._clean.click()
    assert "This removes db, web of lab panel." in panel._question.value
    assert [visible(each) for each in (panel._buttons, panel._really_clean, panel._really_anew)] == [False, True, False]
    panel._no.click()
    assert visible(panel._buttons)
    assert set(lab.running()) == {"web", "db"}
    panel._clean.click()
    panel._really_clean.click()
    panel.desk.wait()
    assert lab.running() == {}
    assert "Removed: containers 2, networks 0." in panel._message.value
    lab.close()


@pytest.mark.testbed
@pytest.mark.usefixtures("empty_runtime")
def test_a_testbed_is_started_started_anew_and_replaced_when_it_dies() -> None:
    """By clicks, from none to one, to another, and to a third after the engine was killed."""
    panel = panel_of_testbed()
    assert "no testbed" in panel._facts.value
    assert [visible(each) for each in (panel._start, panel._clean, panel._anew)] == [True, False, False]
    panel._start.click()
    panel._start.click()
    panel.desk.wait(300)
    first = testbed.running()
    assert "Docker Engine" in panel._facts.value
    assert [visible(each) for each in (panel._start, panel._clean, panel._anew)] == [False, True, True]

    panel._anew.click()
    assert "Nothing runs on it." in panel._question.value
    panel._really_anew.click()
    panel.desk.wait(300)
    second = testbed.running()
    assert second is not first

    second.run("testbed", ["sh", "-c", "kill -9 $(cat /run/engines/host1.pid)"])
    panel._look.click()
    panel.desk.wait(300)
    assert "does not answer any more" in panel._message.value
    assert visible(panel._restart)
    panel._restart.click()
    panel.desk.wait(300)
    assert "The testbed runs again." in panel._message.value
    assert testbed.running().engine().version
    assert not visible(panel._restart)
    assert visible(panel._clean)


@pytest.mark.testbed
@pytest.mark.usefixtures("empty_runtime")
def test_a_start_that_is_cancelled_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops where it has more to tell, the panel says what is there then, and the next click starts one."""
    panel = panel_of_testbed()
    reached, door, carrier = threading.Event(), threading.Event(), type(choose())
    prepare = carrier.prepare

    def wait(*arguments: object) -> None:
        reached.set()
        door.wait(20)
        arguments[-1]("Making something (about an hour)")  # type: ignore[operator]
        prepare(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(carrier, "prepare", wait)
        panel._start.click()
        assert reached.wait(20)
        panel._cancel.click()
        door.set()
        panel.desk.wait(300)
    assert "Starting the testbed was cancelled." in panel._message.value
    assert "no testbed" in panel._facts.value
    assert testbed.attach() is None
    assert visible(panel._start)
    panel._start.click()
    panel.desk.wait(300)
    assert testbed.running().engine().version in panel._facts.value


@pytest.mark.testbed
@pytest.mark.usefixtures("empty_runtime")
def test_an_engine_that_dies_while_it_is_cleaned_is_replaced_by_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel becomes a message with a Restart button; that starts a new testbed, of which it then tells."""
    lab = Lab("panel").start()
    lab.container("web")
    panel = panel_of_testbed()
    remove = Engine.remove_container

    def die_first(engine: Engine, container: str) -> None:
        lab.bed.run("testbed", ["sh", "-c", "kill -9 $(cat /run/engines/host1.pid)"])
        remove(engine, container)

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "remove_container", die_first)
        panel._clean.click()
        panel._really_clean.click()
        panel.desk.wait()
    assert "does not answer any more" in panel._message.value
    assert [visible(each) for each in (panel._restart, panel._clean)] == [True, False]
    panel._restart.click()
    panel.desk.wait(300)
    assert "The testbed runs again." in panel._message.value
    assert "nothing of any lab" in panel._facts.value
    lab.close()
