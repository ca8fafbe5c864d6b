"""Published ports on this machine: a browser here reads what a container there serves, on every carrier."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from learners_machine import learners_engine

from dockernet_lessons import Lab, LessonError, testbed
from dockernet_lessons.testbed import OpenPort, doors

pytestmark = [
    pytest.mark.testbed,
    # The Docker SDK leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module", params=["namespace", "vm", "container"])
def carrier(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have a testbed on each carrier in turn."""
    folder = Path(tempfile.mkdtemp(prefix="dn-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKERNET_RUNTIME", str(folder))
        patch.setenv("DOCKERNET_CARRIER", request.param)
        patch.setenv("JPY_PARENT_PID", str(os.getpid()))
        if request.param == "container":
            if os.geteuid() != 0:
                pytest.skip("the learner's engine of this test needs root")
            with learners_engine() as address:
                patch.setenv("DOCKER_HOST", address)
                yield request.param
                testbed.down()
        else:
            if request.param == "vm":
                request.getfixturevalue("machine")
            yield request.param
            testbed.down()
    shutil.rmtree(folder)


@pytest.fixture
def lab(carrier: str) -> Iterator[Lab]:
    """Have a lab with a web server whose port 8080 is published."""
    lab = Lab("doors").start()
    lab.container("web", publish={8080: 80})
    yield lab
    lab.close()


def read(url: str) -> str:
    """Fetch a page as a browser of this machine does, whatever proxies are set."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer:
        return answer.read().decode()


def test_a_published_port_is_read_from_here(lab: Lab) -> None:
    """Many connections at once each get the whole page, and none stays behind."""
    door = lab.open_port(8080)
    assert read(door.url).startswith("I am web. You are ")
    pages: list[str] = []
    threads = [threading.Thread(target=lambda: pages.append(read(door.url))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [page.startswith("I am web.") for page in pages] == [True] * 8
    deadline = time.monotonic() + 10
    while door._children and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not door._children


def test_bytes_pass_both_ways_unchanged(lab: Lab) -> None:
    """A client that says when it has done gets back all that it sent."""
    lab.container("echo", publish={8088: 7}, command="socat TCP-LISTEN:7,fork EXEC:cat")
    data = bytes(range(256)) * 4000
    door = lab.open_port(8088)
    with socket.create_connection(("127.0.0.1", int(door.url.rpartition(":")[2])), timeout=60) as line:
        sending = threading.Thread(target=lambda: (line.sendall(data), line.shutdown(socket.SHUT_WR)))
        sending.start()
        got = b"".join(iter(lambda: line.recv(65536), b""))
        sending.join()
    assert got == data


def test_it_is_closed_with_the_lab(lab: Lab) -> None:
    """Nobody listens any more, and the port can be taken again at once."""
    door = lab.open_port(8080)
    assert lab.open_port(8080) is door
    port = int(door.url.rpartition(":")[2])
    lab.close()
    assert repr(door) == "port 8080 of host1: closed"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    lab.start()
    lab.container("web", publish={8080: 80})
    again = lab.open_port(8080, at=port)
    assert read(again.url).startswith("I am web.")


def test_a_port_where_nobody_listens_is_told(lab: Lab) -> None:
    """A door that leads nowhere is not opened."""
    with pytest.raises(LessonError) as caught:
        lab.open_port(8081)
    assert str(caught.value) == (
        "Nothing listens on port 8081 of host1.\n"
        "  Next: publish a container's port there first: `lab.container(..., publish={8081: 80})`."
    )


def test_a_port_of_the_host_alone_is_reached(lab: Lab) -> None:
    """What listens on 127.0.0.1 of the host, and so not for its LAN, is seen as the host sees it."""
    quiet = "setsid env PORT=8090 BIND=127.0.0.1 ANSWERS_AS=inner /usr/lib/testbed/serve >/dev/null 2>&1 &"
    testbed.running().run("host1", ["sh", "-c", f"{quiet} sleep 1"])
    assert read(lab.open_port(8090).url) == "I am inner. You are 127.0.0.1.\n"


def test_only_this_machine_is_listened_to(lab: Lab) -> None:
    """The door is on 127.0.0.1 and on no other address."""
    door = lab.open_port(8080)
    assert door._listener.getsockname()[0] == "127.0.0.1"


def test_a_taken_port_is_told_or_avoided(lab: Lab) -> None:
    """The number that is asked for is had or refused; without one, another is found."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LessonError) as caught:
            lab.open_port(8080, at=port)
        assert str(caught.value) == (
            f"Port {port} of this machine is in use.\n  Next: leave `at` out: a free port is found."
        )
        lab.container("other", publish={port: 80})
        door = lab.open_port(port)
        assert not door.url.endswith(f":{port}")
        assert read(door.url).startswith("I am other.")


def test_no_free_port_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine gives none at all, that is the error."""

    class Exhausted(socket.socket):
        def bind(self, address: object) -> None:
            raise OSError(98, "Address already in use")

    monkeypatch.setattr(doors.socket, "socket", Exhausted)
    with pytest.raises(LessonError, match="This machine has no free port"):
        doors._listen(8080, None)


def test_a_door_outlives_no_container(lab: Lab) -> None:
    """When what it leads to has gone, a client is let go and not kept waiting."""
    door = lab.open_port(8080)
    lab.remove(*lab.running().values())
    with pytest.raises(OSError, match=r"closed|reset|refused|Remote end"):
        read(door.url)


def test_the_command_opens_and_closes(lab: Lab) -> None:
    """`dockernet open` says where, and Ctrl-C ends it without a word."""
    command = [sys.executable, "-m", "dockernet_lessons.cli", "open", "8080"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as opened:
        assert opened.stdout is not None
        line = opened.stdout.readline()
        assert line.startswith("port 8080 of host1: http://127.0.0.1:")
        assert read(line.split()[4]).startswith("I am web.")
        opened.send_signal(signal.SIGINT)
        rest, errors = opened.communicate(timeout=30)
    assert (rest, errors, opened.returncode) == ("", "", 0)


def test_an_open_port_is_a_link(lab: Lab) -> None:
    """Jupyter shows it as something to click."""
    door = lab.open_port(8080)
    assert isinstance(door, OpenPort)
    assert f'href="{door.url}"' in door._repr_html_()
