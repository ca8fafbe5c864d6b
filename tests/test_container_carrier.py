"""The testbed as a container on a Docker Engine that the learner already has; the test runs such an engine itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from learners_machine import learners_engine
from terminal_round import go_round

from dockernet_lessons import Lab, draw, fetch, observe, ping, resolve, testbed
from dockernet_lessons.errors import LessonError, NoTestbed
from dockernet_lessons.testbed import processes
from dockernet_lessons.testbed.carriers.container import ContainerCarrier, _unfit
from dockernet_lessons.testbed.learners_engine import LearnersEngine

on_an_engine = [
    pytest.mark.testbed,
    pytest.mark.skipif(os.geteuid() != 0, reason="the learner's engine of this test needs root"),
    # The Docker SDK leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Run the learner's engine."""
    with learners_engine() as found:
        yield found


@pytest.fixture
def learner(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LearnersEngine]:
    """Be a learner with an engine, and with no testbed on it; leave none."""
    folder = Path(tempfile.mkdtemp(prefix="dockernet-ct-"))
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(folder))
    monkeypatch.setenv("DOCKERNET_CARRIER", "container")
    monkeypatch.setenv("DOCKER_HOST", address)
    yield LearnersEngine(address)
    testbed.down()
    shutil.rmtree(folder)


def ours(engine: LearnersEngine) -> tuple[int, int]:
    """Count the labelled containers and volumes of an engine."""
    return len(engine.ids("containers", "dockernet.testbed")), len(engine.ids("volumes", "dockernet.testbed"))


def everything(engine: LearnersEngine) -> tuple[int, int, int]:
    """Count all containers, volumes and networks of an engine."""
    containers = engine.request("GET", "/containers/json", query={"all": "1"})
    volumes = engine.request("GET", "/volumes")["Volumes"] or []
    return len(containers), len(volumes), len(engine.request("GET", "/networks"))


def drawn() -> str:
    """Give the picture's text of a lab of six containers on two networks."""
    lab = Lab("six").start()
    front = lab.network("front", subnet="172.30.0.0/24")
    back = lab.network("back", subnet="172.30.1.0/24")
    web, *_ = lab.containers("web", "web2", "web3", on=front)
    app, *_ = lab.containers("app", "db", "cache", on=back)
    assert "1 of 1 answered" in str(ping(web, "web2"))
    assert "no answer" in str(ping(web, app))
    assert "172.30.1.3" in str(resolve(app, "db"))
    assert "I am neighbour. You are 192.0.2.11." in str(fetch(web, "http://192.0.2.3"))
    text = str(draw(lab).topology)
    lab.close()
    return text


class TestOnAnEngine:
    """With a Docker Engine."""

    pytestmark = on_an_engine

    def test_a_lab_looks_the_same_as_on_the_namespace_carrier(
        self, learner: LearnersEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Six containers on two networks: pings, names, a fetch from the neighbour, and the same picture."""
        before = everything(learner)
        bed = testbed.up(owner=os.getpid())
        assert bed.carrier.name == "container"
        assert ours(learner) == (1, 1)
        here = drawn()
        bed.need("host2")
        assert "1 of 1 answered" in str(ping("host2", "192.0.2.11"))
        assert testbed.down()
        assert everything(learner) == before
        monkeypatch.setenv("DOCKERNET_CARRIER", "namespace")
        assert testbed.up(owner=os.getpid()).carrier.name == "namespace"
        assert drawn() == here

    def test_an_overlay_carries_a_ping_between_two_hosts(self, learner: LearnersEngine) -> None:
        """The second engine comes when it is needed, and what is on one network of both reaches each other by name."""
        lab = Lab("far").start()
        assert lab.bed.carrier.name == "container"
        lab.need("host2")
        assert lab.swarm() == "host1 manages a swarm of host1 and host2"
        lab.network("mesh", driver="overlay", subnet="10.9.0.0/24")
        lab.container("web", on="mesh")
        lab.container("db", on="mesh", host="host2")
        assert repr(ping("web", "db")) == "web reached db: 1 of 1 answered, TTL 64"
        assert "I am web." in str(fetch("db", "http://web"))
        lab.close()

    def test_the_image_is_imported_once(self, learner: LearnersEngine) -> None:
        """A second start finds the image that the first one made."""
        for _ in range(2):
            testbed.up(owner=os.getpid())
            testbed.down()
        assert len(learner.ids("images", "dockernet.tree")) == 1

    def test_only_this_user_can_open_the_sockets(self, learner: LearnersEngine) -> None:
        """The folder and everything in it are closed to others."""
        bed = testbed.up(owner=os.getpid())
        folder = bed.runtime / "sockets"
        modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in [folder, *folder.iterdir()]}
        assert modes == {"sockets": "0o700", **dict.fromkeys(("commands.sock", "host1.sock", "host2.sock"), "0o600")}

    def test_a_command_is_as_a_command_of_this_machine(self, learner: LearnersEngine) -> None:
        """Input, both outputs, the exit code and a missing program come through, also for many at once."""
        bed = testbed.up(owner=os.getpid())
        assert bed.run("testbed", ["wc", "-c"], stdin="x" * 300_000).stdout.strip() == "300000"
        done = bed.run("host1", ["sh", "-c", "echo out; echo err >&2; exit 7"], check=False)
        assert (done.stdout, done.stderr, done.exit_code) == ("out\n", "err\n", 7)
        command = bed.carrier.command(bed.runtime, ["no-such-program"])
        missing = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert missing.returncode in (125, 126, 127)
        assert "no-such-program" in missing.stdout + missing.stderr
        many = [
            subprocess.Popen(bed.carrier.command(bed.runtime, ["echo", str(n)]), stdout=-1, stdin=-3) for n in range(20)
        ]
        assert [process.communicate()[0] for process in many] == [f"{n}\n".encode() for n in range(20)]

    @pytest.mark.usefixtures("learner")
    def test_a_terminal_in_a_cell(self) -> None:
        """It does here all that it does elsewhere: type, resize, tell an exit code, end with all that it started."""
        go_round(testbed.up(owner=os.getpid()))

    def test_either_end_of_a_connection_may_close_first(self, learner: LearnersEngine) -> None:
        """An engine's end reaches the client, a client's end the engine, and no process is left over."""
        bed = testbed.up(owner=os.getpid())
        before = _ways_in(bed)
        for half_closed in (False, True):
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(10)
                line.connect(str(bed.runtime / "sockets" / "host1.sock"))
                line.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                if half_closed:
                    line.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda line=line: line.recv(4096), b""))  # type: ignore[misc]
                assert half_closed or answer.endswith(b"OK")
        until(lambda: _ways_in(bed) <= before)

    def test_settings_of_the_machine_cannot_be_changed(self, learner: LearnersEngine) -> None:
        """Of /proc/sys only the network's own part can be written."""
        bed = testbed.up(owner=os.getpid())
        done = bed.run("testbed", ["sh", "-c", "cat /proc/sys/kernel/sem > /proc/sys/kernel/sem"], check=False)
        assert "Read-only" in done.stderr
        bed.run("testbed", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])

    def test_a_killed_bridge_is_healed_by_the_next_start(self, learner: LearnersEngine) -> None:
        """What it left is swept by label, and a new testbed runs."""
        bed = testbed.up(owner=os.getpid())
        _kill_bridge(bed.runtime)
        assert not bed.alive()
        with pytest.raises(NoTestbed):
            observe.links("router")
        assert ours(learner) == (1, 1)
        assert drawn_once(testbed.up(owner=os.getpid()))
        assert ours(learner) == (1, 1)
        _kill_bridge(bed.runtime)
        testbed.down()
        assert ours(learner) == (0, 0)

    def test_a_removed_container_ends_the_testbed(self, learner: LearnersEngine) -> None:
        """Bridge, volume and sockets go with it, and the next start is a new one."""
        bed = testbed.up(owner=os.getpid())
        learner.remove("containers", "dockernet.testbed")
        until(lambda: not bed.alive())
        assert list((bed.runtime / "sockets").iterdir()) == []
        assert ours(learner) == (0, 0)
        assert drawn_once(testbed.up(owner=os.getpid()))

    def test_the_testbed_ends_with_its_owner(self, learner: LearnersEngine) -> None:
        """Once the owner has gone, so have container and volume."""
        with subprocess.Popen(["sleep", "600"]) as owner:
            bed = testbed.up(owner=owner.pid)
            owner.kill()
        until(lambda: not bed.alive())
        assert ours(learner) == (0, 0)

    def test_an_engine_that_ended_inside_is_noticed(self, learner: LearnersEngine) -> None:
        """Its socket refuses, and the next start is a new testbed."""
        bed = testbed.up(owner=os.getpid())
        bed.run("testbed", ["sh", "-c", "kill -9 $(cat /run/engines/host1.pid)"])
        until(lambda: not (bed.runtime / "sockets" / "host1.sock").exists())
        said: list[str] = []
        assert drawn_once(testbed.up(owner=os.getpid(), progress=said.append))
        assert said == ["A Docker Engine of the testbed has ended: starting a new testbed"]

    def test_a_strangers_container_of_our_name_is_left_alone(self, learner: LearnersEngine) -> None:
        """Without our label it is an error that names it, never a removal."""
        bed = testbed.up(owner=os.getpid())
        home = json.loads((bed.runtime / "container.json").read_text())
        testbed.down()
        name = f"dockernet-{home['testbed']}"
        learner.request("POST", "/containers/create", {"Image": home["image"], "Cmd": ["sh"]}, query={"name": name})
        try:
            with pytest.raises(LessonError, match=name):
                testbed.up(owner=os.getpid())
            assert learner.request("GET", f"/containers/{name}/json")["Name"] == f"/{name}"
        finally:
            learner.request("DELETE", f"/containers/{name}")
        assert ours(learner) == (0, 0)


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("unix:///nowhere/docker.sock", "no Docker Engine answers at unix:///nowhere/docker.sock"),
        ("ssh://somebody@somewhere", "is reached over ssh, which it cannot do"),
        ("tcp://127.0.0.1:1", "no Docker Engine answers at tcp://127.0.0.1:1"),
    ],
)
def test_the_verdict_says_why_not(host: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no engine can be used, the reason is one sentence that names the address."""
    monkeypatch.setenv("DOCKER_HOST", host)
    verdict = ContainerCarrier().verdict()
    assert not verdict.usable
    assert says in verdict.reason
    assert "DOCKER_HOST" in verdict.next_step


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}, "runs without root"),
        ({"SecurityOptions": ["name=userns"]}, "remaps users"),
        ({"OSType": "windows", "Architecture": "x86_64"}, "runs windows on x86_64"),
        ({"OSType": "linux", "Architecture": "aarch64"}, "runs linux on aarch64"),
    ],
)
def test_an_unfit_engine_is_told(found: dict[str, object], says: str) -> None:
    """Rootless engines, remapped users and other machines are no home for a testbed."""
    assert says in str(_unfit(found))


def test_a_fit_engine_is_not_complained_about() -> None:
    """The usual engine on Linux will do."""
    assert _unfit({"OSType": "linux", "Architecture": "x86_64", "SecurityOptions": ["name=seccomp"]}) is None


def drawn_once(bed: testbed.Testbed) -> bool:
    """Tell whether a testbed works, by a look at its router."""
    return bed.run("router", ["ip", "route"]).exit_code == 0


def _ways_in(bed: testbed.Testbed) -> int:
    return int(bed.run("testbed", ["sh", "-c", "ps | grep -c '[s]ocat -t'"], check=False).stdout)


def _kill_bridge(runtime: Path) -> None:
    process = processes.recorded(runtime / "bridge")
    assert process is not None
    os.kill(process, signal.SIGKILL)
    assert processes.wait(process, 10)
    until(lambda: processes.recorded(runtime / "bridge") is None)


def until(true: object, seconds: float = 20) -> None:
    """Wait until something is true, but not for ever."""
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)
