"""What can go wrong with a testbed on the learner's engine, done for real: one message, and the next start works."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import struct
import time
from pathlib import Path

import pytest
from learners_machine import learners_engine
from test_container_carrier import address, learner, on_an_engine, ours, until

from dockernet_lessons import Lab, LessonError, ping, testbed
from dockernet_lessons.errors import NoTestbed
from dockernet_lessons.testbed import bridge, processes
from dockernet_lessons.testbed.learners_engine import LearnersEngine

__all__ = ["address", "learner"]
pytestmark = on_an_engine

AT_ONCE = 10.0


@pytest.fixture
def lab(learner: LearnersEngine, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Have a lab on the learner's engine, with one container."""
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    lab = Lab("faults").start()
    assert lab.bed.carrier.name == "container"
    lab.container("web")
    return lab


def home(lab: Lab) -> bridge.Home:
    """Tell where a lab's testbed lives."""
    found = bridge.Home.read(lab.bed.runtime)
    assert found is not None
    return found


def works(lab: Lab) -> bool:
    """Tell whether a lab can do what labs do."""
    lab.containers("web", "db")
    return ping("web", "192.0.2.3").reached


def all_say(lab: Lab, hint: str) -> None:
    """Ask three ways; each is one error of ours with its next step, and none waits for what never comes."""
    began = time.monotonic()
    for ask in (lambda: lab.container("more"), lab.networks, lambda: ping("web", "192.0.2.3")):
        with pytest.raises(NoTestbed) as caught:
            ask()
        assert hint in caught.value.hint
    assert time.monotonic() - began < AT_ONCE


@pytest.mark.parametrize("what", ["kill", "stop", "restart"])
def test_a_container_that_was_ended_from_outside(lab: Lab, learner: LearnersEngine, what: str) -> None:
    """However it was ended: told with the next step, which heals; one container and one volume are left, then none."""
    learner.request("POST", f"/containers/{home(lab).name}/{what}", query={} if what == "kill" else {"t": "1"})
    until(lambda: not lab.bed.alive())
    all_say(lab, "`lab.start()`")
    lab.start()
    assert works(lab)
    assert ours(learner) == (1, 1)
    lab.close()
    assert testbed.down()
    assert ours(learner) == (0, 0)


def test_a_paused_container(lab: Lab, learner: LearnersEngine) -> None:
    """Nobody waits for its answers: told with the next step, which heals."""
    learner.request("POST", f"/containers/{home(lab).name}/pause")
    all_say(lab, "`lab.start()`")
    lab.start()
    assert works(lab)
    assert ours(learner) == (1, 1)
    lab.close()


def test_a_suspended_bridge(lab: Lab, learner: LearnersEngine) -> None:
    """A bridge that was stopped by a signal is told like one that has gone, and makes way for the next."""
    process = processes.recorded(lab.bed.runtime / "bridge")
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    until(lambda: processes.suspended(process))
    all_say(lab, "`lab.start()`")
    lab.start()
    assert processes.started(process) is None
    assert works(lab)
    assert ours(learner) == (1, 1)
    lab.close()


def test_an_engine_that_is_suspended(learner: LearnersEngine) -> None:
    """A start gives up after a minute and says who does not answer; once the engine goes on, the next start works."""
    testbed.up(owner=os.getpid())
    with learner.connect() as line:
        process, _, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    os.kill(process, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(NoTestbed, match=f"no Docker Engine answers at {learner.address}"):
            testbed.up(owner=os.getpid())
        assert time.monotonic() - began < 150
    finally:
        os.kill(process, signal.SIGCONT)
    assert testbed.up(owner=os.getpid()).run("router", ["ip", "route"]).exit_code == 0
    assert ours(learner) == (1, 1)


def test_an_engine_that_goes_in_the_middle(
    learner: LearnersEngine, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told; a start says that no engine answers, and works once one does."""
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    with learners_engine() as going:
        monkeypatch.setenv("DOCKER_HOST", going)
        lab = Lab("faults").start()
        lab.container("web")
    until(lambda: not lab.bed.alive())
    all_say(lab, "`lab.start()`")
    with pytest.raises(NoTestbed, match=f"no Docker Engine answers at {going}") as caught:
        lab.start()
    assert "start Docker" in caught.value.hint
    monkeypatch.setenv("DOCKER_HOST", address)
    lab.start()
    assert works(lab)
    lab.close()
    assert testbed.down()
    assert ours(learner) == (0, 0)
    assert not Path(os.environ["DOCKERNET_RUNTIME"], "container.json").exists()


def test_another_carrier_does_not_wait_for_the_engine_that_has_gone(
    learner: LearnersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where any carrier will do, the next one takes over, and what could not be removed is said."""
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    with learners_engine() as going:
        monkeypatch.setenv("DOCKER_HOST", going)
        bed = testbed.up(owner=os.getpid())
    until(lambda: not bed.alive())
    monkeypatch.setenv("DOCKERNET_CARRIER", "auto")
    said: list[str] = []
    assert testbed.up(owner=os.getpid(), progress=said.append).carrier.name == "namespace"
    assert len([line for line in said if f"could not be removed from {going}" in line]) == 1
    with pytest.raises(NoTestbed, match=f"could not be removed from {going}") as caught:
        testbed.down()
    assert "start that Docker Engine" in caught.value.hint
    assert testbed.attach() is None
    (bed.runtime / "container.json").unlink()  # this engine never comes back


def test_a_volume_that_was_left(learner: LearnersEngine) -> None:
    """One of ours is not taken over, whatever is in it: the next start has a new one."""
    bed = testbed.up(owner=os.getpid())
    found = bridge.Home.read(bed.runtime)
    assert found is not None
    testbed.down()
    label = dict([found.label.split("=")])
    learner.request("POST", "/volumes/create", {"Name": found.name, "Labels": label})
    write = {"Image": found.image, "Entrypoint": ["sh", "-c", "echo old > /old/file"]}
    write["HostConfig"] = {"Binds": [f"{found.name}:/old"], "NetworkMode": "none"}  # type: ignore[assignment]
    done = learner.request("POST", "/containers/create", {**write, "Labels": label})["Id"]
    learner.request("POST", f"/containers/{done}/start")
    assert learner.request("POST", f"/containers/{done}/wait")["StatusCode"] == 0
    assert ours(learner) == (1, 1)
    again = testbed.up(owner=os.getpid())
    assert "file" not in again.run("testbed", ["ls", "/var/lib/engines"]).stdout.split()
    assert ours(learner) == (1, 1)


def test_a_strangers_volume_of_our_name(learner: LearnersEngine) -> None:
    """It is neither used nor removed; the error names it, and the next start works once it has gone."""
    bed = testbed.up(owner=os.getpid())
    found = bridge.Home.read(bed.runtime)
    assert found is not None
    testbed.down()
    learner.request("POST", "/volumes/create", {"Name": found.name})
    try:
        with pytest.raises(LessonError, match=f"volume .*{found.name}"):
            testbed.up(owner=os.getpid())
        assert learner.request("GET", f"/volumes/{found.name}")["Name"] == found.name
    finally:
        learner.request("DELETE", f"/volumes/{found.name}")
    assert ours(learner) == (0, 0)
    assert testbed.up(owner=os.getpid()).alive()


def test_the_testbed_of_another_user_on_the_same_engine(learner: LearnersEngine, tmp_path: Path) -> None:
    """What carries another testbed's label stays through start, end and sweep of ours."""
    image = testbed.up(owner=os.getpid()) and learner.ids("images", "dockernet.tree")[0]
    testbed.down()
    other = {"dockernet.testbed": "somebody-elses"}
    learner.request("POST", "/volumes/create", {"Name": "theirs", "Labels": other})
    learner.request("POST", "/containers/create", {"Image": image, "Cmd": ["sh"], "Labels": other})
    try:
        testbed.up(owner=os.getpid())
        assert ours(learner) == (2, 2)
        testbed.down()
        assert ours(learner) == (1, 1)
    finally:
        for kind in ("containers", "volumes"):
            learner.remove(kind, "dockernet.testbed=somebody-elses")


def test_a_runtime_folder_of_another_user(
    learner: LearnersEngine, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told whose it is, nothing starts, and with a folder of one's own the start works."""
    mine, nobody = os.environ["DOCKERNET_RUNTIME"], pwd.getpwnam("nobody").pw_uid
    theirs = Path(mine) / "theirs"
    theirs.mkdir()
    os.chown(theirs, nobody, -1)
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(theirs))
    with pytest.raises(LessonError, match=f"belongs to user {nobody}, not to you") as caught:
        testbed.up(owner=os.getpid())
    assert "DOCKERNET_RUNTIME" in caught.value.hint
    assert ours(learner) == (0, 0)
    monkeypatch.setenv("DOCKERNET_RUNTIME", mine)
    assert testbed.up(owner=os.getpid()).alive()
