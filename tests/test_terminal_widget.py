"""The terminal's shell is real, ends with all it started, waits where nobody reads, and is one shell in many pages."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from terminal_round import go_round, marked, processes, says, until

from dockernet_lessons import Lab, LessonError, terminal, testbed
from dockernet_lessons.errors import NoTestbed
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.testbed.shells import AT_ONCE
from dockernet_lessons.widgets.flow import AHEAD, DRIP_SECONDS, KEPT, Flow, Piece
from dockernet_lessons.widgets.screen import VENDORED, Screen
from dockernet_lessons.widgets.terminal import Terminal

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab with the container web."""
    made = Lab("terminal").start()
    made.container("web")
    yield made
    made.close()


@pytest.fixture
def router(bed: Testbed) -> Iterator[Terminal]:
    """Give a shell in the router that has shown its prompt."""
    made = terminal("router")
    says(made, "router # ")
    yield made
    assert made.close(wait=30)


@pytest.mark.testbed
def test_a_whole_round(bed: Testbed) -> None:
    """Typed, resized, left and closed: the same that each carrier and each Engine has to do."""
    go_round(bed)


# ---- a shell -------------------------------------------------------------------------------------------------


@pytest.mark.testbed
def test_what_is_typed_is_done_in_the_place(router: Terminal, bed: Testbed) -> None:
    """The answer is that of the place's own network namespace, on a terminal of the size that was asked for."""
    router.type("readlink /proc/self/ns/net; stty size; echo $((6 * 7)) ü\n")
    says(router, "\r\n42 ü\r\n")
    lines = router.text().splitlines()
    assert bed.run("router", ["readlink", "/proc/self/ns/net"]).stdout.strip() in lines
    assert "16 80" in lines
    assert repr(router) == "Shell in router"


@pytest.mark.testbed
def test_a_container_is_entered_as_docker_exec_does(lab: Lab, bed: Testbed) -> None:
    """Its own files and its own terminal; Ctrl-C and Ctrl-Z are for the program there."""
    shell = terminal("web")
    says(shell, "web # ")
    shell.type("hostname; tty; sleep 3210\n")
    until(lambda: bool(processes(bed, "sleep 3210")))
    assert "\r\nweb\r\n" in shell.text()
    assert "/dev/pts/" in shell.text()
    shell.type("\x1a")
    says(shell, "Stopped")
    shell.type("fg\n")
    time.sleep(0.2)
    shell.type("\x03")
    until(lambda: not processes(bed, "sleep 3210"))
    assert shell.close(wait=30)


@pytest.mark.testbed
def test_a_container_without_a_shell_is_entered_by_its_network(lab: Lab, bed: Testbed) -> None:
    """A line tells that the files are not the container's; the network is."""
    record = bed.engine().container("web")
    assert record is not None
    for name in ("sh", "ash"):
        bed.run("host1", ["docker", "exec", "web", "rm", "-f", f"/bin/{name}"])
    shell = terminal("web")
    says(shell, "web has no shell. This one is the testbed's, in the network namespace of web")
    shell.type("readlink /proc/self/ns/net\n")
    says(shell, bed.run(f"pid:{record.pid}", ["readlink", "/proc/self/ns/net"]).stdout.strip())
    assert shell.close(wait=30)


@pytest.mark.testbed
def test_the_window_follows(router: Terminal, lab: Lab) -> None:
    """What a page asks for is what programs see, in the router and behind `docker exec`; nonsense is not."""
    web = terminal("web")
    says(web, "web # ")
    for shell in (router, web):
        shell.screen.told({"kind": "hello", "view": "one", "columns": 100, "rows": 30})
        shell.screen.told({"kind": "size", "view": "other", "columns": 7, "rows": 7})
        shell.screen.told({"kind": "size", "view": "one", "columns": 61, "rows": 0})
        shell.screen.told({"kind": "size", "view": "one", "columns": 123, "rows": 45})
        time.sleep(0.5)
        shell.type("stty size\n")
        says(shell, "\r\n45 123\r\n")
        assert (shell.screen.columns, shell.screen.rows) == (123, 45)
    assert web.close(wait=30)


@pytest.mark.testbed
def test_a_place_that_is_not_there_is_told(bed: Testbed, lab: Lab) -> None:
    """The message names those that are; one that does not run is told, too, and a window without rows."""
    with pytest.raises(LessonError, match=r"No place of the testbed is called 'nowhere'[^ ]*\n.*router"):
        terminal("nowhere")
    lab.stop("web")
    with pytest.raises(LessonError, match="The container web does not run"):
        terminal("web")
    with pytest.raises(LessonError, match="A terminal cannot have 0 rows"):
        terminal("router", rows=0)


def test_without_a_testbed_the_next_step_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is that of every other question."""
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(tmp_path))
    with pytest.raises(NoTestbed, match="No testbed runs"):
        terminal("router")


# ---- its end -------------------------------------------------------------------------------------------------


@pytest.mark.testbed
def test_exit_is_told_and_another_shell_started(router: Terminal) -> None:
    """The exit code, a button; pressed twice, it starts one shell on an empty screen."""
    assert router._again.layout.display == "none"
    router.type("exit 3\n")
    until(lambda: "The shell has ended (exit code 3)." in router._message.value)
    assert not router.running
    assert not router.screen.live
    assert router._again.layout.display is None
    router._again.click()
    router._again.click()
    until(lambda: router.running and not router.busy)
    says(router, "router # ")
    assert "exit 3" not in router.text()
    assert (router._message.layout.display, router._again.layout.display) == ("none", "none")


@pytest.mark.testbed
@pytest.mark.parametrize("place", ["router", "web"])
def test_close_leaves_no_process(lab: Lab, bed: Testbed, place: str) -> None:
    """Nor what runs in the background, ignores a hang-up, or was started by what was started."""
    shell = terminal(place)
    says(shell, f"{place} # ")
    shell.type("sleep 4321 & (trap '' HUP TERM INT; sleep 4322; sleep 4323) & sh -c 'sleep 4324; true'\n")
    until(lambda: {"sleep 4321 ", "sleep 4322 ", "sleep 4324 "} <= set(processes(bed, "sleep 432")))
    assert shell.close(wait=30)
    assert processes(bed, "sleep 432") == []
    assert marked(bed) == []
    assert not shell.running


KERNEL = """
import sys, time
from dockernet_lessons import terminal
shell = terminal(sys.argv[1])
while " # " not in shell.text(): time.sleep(0.05)
shell.type("trap '' HUP; sleep 5432\\n")
print("typed", flush=True)
time.sleep(600)
"""


@pytest.mark.testbed
@pytest.mark.parametrize("place", ["router", "web"])
def test_a_killed_kernel_leaves_no_process(lab: Lab, bed: Testbed, place: str) -> None:
    """Not even a program that ignores that its terminal hung up."""
    kernel = subprocess.Popen([sys.executable, "-c", KERNEL, place], stdout=subprocess.PIPE)
    assert kernel.stdout is not None
    assert kernel.stdout.readline() == b"typed\n"
    until(lambda: bool(processes(bed, "sleep 5432")))
    with suppress(ProcessLookupError):
        os.kill(kernel.pid, signal.SIGKILL)
    kernel.communicate()
    until(lambda: not processes(bed, "sleep 5432") and not marked(bed))


@pytest.mark.testbed
def test_a_container_that_goes_takes_its_shell_along(lab: Lab) -> None:
    """The message says what has gone; there is nothing else to press than to start again."""
    shell = terminal("web")
    says(shell, "web # ")
    lab.close()
    until(lambda: re.search("No place of the testbed|The container web does not run", shell._message.value) is not None)
    assert not shell.running
    assert shell._again.layout.display is None
    shell._again.click()
    shell.desk.wait()
    assert "No place of the testbed is called" in shell._message.value


@pytest.mark.testbed
def test_a_testbed_that_goes_is_replaced(bed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell ends with its testbed; a button starts another, and a shell on it."""
    assert bed.alive()
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    testbed.up(owner=os.getpid())
    try:
        shell = terminal("router")
        says(shell, "router # ")
        testbed.down()
        until(lambda: "No testbed runs." in shell._message.value)
        assert not shell.running
        assert (shell._again.layout.display, shell._restart.layout.display) == ("none", None)
        shell._restart.click()
        shell.desk.wait(300)
        assert "The testbed runs again." in shell._message.value
        says(shell, "router # ")
        assert shell.close(wait=30)
    finally:
        testbed.down()


# ---- pages ---------------------------------------------------------------------------------------------------


class Pages:
    """What pages were sent."""

    def __init__(self, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[tuple[str, int, bytes]] = []
        monkeypatch.setattr(screen, "send", self._send)

    def _send(self, content: dict[str, object], buffers: Sequence[bytes] = ()) -> None:
        if content["kind"] != "taken":
            self.sent.append((str(content["kind"]), int(str(content["at"])), buffers[0]))

    @property
    def size(self) -> int:
        """How many bytes came."""
        return sum(len(data) for _, _, data in self.sent)

    @property
    def upto(self) -> int:
        """Up to which offset they have all."""
        _, at, data = self.sent[-1]
        return at + len(data)


@pytest.mark.testbed
def test_a_page_that_comes_later_gets_what_was_there(router: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """And then what follows; where no page is, nothing is sent."""
    pages = Pages(router.screen, monkeypatch)
    router.type("echo $((40 + 2))\n")
    says(router, "42")
    assert pages.sent == []
    router.screen.told({"kind": "hello", "view": "one"})
    kind, at, data = pages.sent[0]
    assert (kind, at) == ("screen", 0)
    assert b"42" in data
    router.screen.told({"kind": "keys", "view": "one", "first": 0, "pieces": ["echo $((50 + 3))\n"]})
    says(router, "53")
    assert b"".join(piece for _, _, piece in pages.sent) == router.screen.flow.kept.data


@pytest.mark.testbed
def test_only_the_page_that_was_used_last_types(router: Terminal) -> None:
    """Each page answers a program that asks where the cursor is; the shell hears it once."""
    for view in ("one", "two"):
        router.screen.told({"kind": "hello", "view": view})
    router.screen.told({"kind": "focus", "view": "one"})
    for view in ("two", "one"):
        router.screen.told({"kind": "keys", "view": view, "first": 0, "pieces": [f"echo by-{view}\n"]})
    says(router, "\r\nby-one\r\n")
    assert "by-two" not in router.text()
    router.screen.told({"kind": "keys", "view": "two", "first": 1, "pieces": ["echo by-$((1 + 1))\n"], "focused": True})
    says(router, "\r\nby-2\r\n")


@pytest.mark.testbed
def test_what_is_typed_comes_once_and_in_order(router: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though a page's messages overtake each other or get lost; the page hears up to where it is taken."""
    taken: list[int] = []

    def send(content: dict[str, object], **_: object) -> None:
        if content["kind"] == "taken":  # between these, the thread of the shell sends what that writes
            taken.append(int(str(content["upto"])))

    monkeypatch.setattr(router.screen, "send", send)
    router.screen.told({"kind": "hello", "view": "one"})
    pieces = ["echo ", "a", "b", "c\n"]
    for first, last in ((0, 1), (0, 3), (0, 2), (2, 4), (0, 4)):  # the third comes late; (1, 2) never does
        router.screen.told({"kind": "keys", "view": "one", "first": first, "pieces": pieces[first:last]})
    says(router, "\r\nabc\r\n")
    assert router.text().count("echo") == 1
    assert taken == [1, 3, 3, 4, 4]


@pytest.mark.testbed
def test_a_flood_waits_for_the_page(router: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on its way stays small, Ctrl-C gets through, and what is kept does not grow for ever."""
    pages = Pages(router.screen, monkeypatch)
    router.screen.told({"kind": "hello", "view": "one"})
    router.type("yes\n")
    until(lambda: pages.size >= AHEAD)
    reached = router.screen.flow.end
    time.sleep(DRIP_SECONDS / 2)
    assert router.screen.flow.end - reached <= 2 * AT_ONCE
    assert pages.size < 2 * AHEAD + AT_ONCE
    for _ in range(10):
        router.screen.told({"kind": "shown", "view": "one", "upto": pages.upto})
        until(lambda: router.screen.flow.end - router.screen.flow._shown >= AHEAD)
    assert len(router.screen.flow.kept.data) <= 2 * KEPT + AHEAD
    router.type("\x03")
    time.sleep(2 * DRIP_SECONDS)  # nobody shows anything; it comes all the same
    router.type("echo $((60 + 1)) is here\n")
    says(router, "61 is here")
    router.screen.told({"kind": "shown", "view": "one", "upto": pages.upto})
    assert pages.sent[-1][0] == "screen"
    assert b"61 is here" in pages.sent[-1][2]


@pytest.mark.testbed
def test_a_cell_that_is_run_again_ends_its_old_shell(router: Terminal) -> None:
    """Once no page shows the old one; two terminals of one place that are both shown both live."""
    router.screen.told({"kind": "hello", "view": "one"})
    newer = terminal("router")
    says(newer, "router # ")
    newer.screen.told({"kind": "hello", "view": "two"})
    assert router.running
    router.screen.told({"kind": "bye", "view": "one"})
    until(lambda: not router.running)
    newer.screen.told({"kind": "bye", "view": "two"})
    assert newer.running
    assert newer.close(wait=30)


@pytest.mark.testbed
def test_the_static_form_tells_what_to_type(router: Terminal) -> None:
    """It is the same each time, so that it can be compared."""
    assert "<code>dockernet shell router</code>" in router.fallback()
    assert router._static()["text/plain"] == "Shell in router"


def test_flow_lets_a_piece_through_now_and_then() -> None:
    """With nobody there a shell writes on, slowly, and a page that comes back gets all anew."""
    now = 0.0
    flow = Flow(lambda: now)
    assert flow.take(bytes(AHEAD)) == Piece(0, bytes(AHEAD))
    assert not flow.room()
    now += DRIP_SECONDS
    assert flow.room()
    assert flow.take(b"more") is None
    assert not flow.room()
    assert flow.shown(AHEAD)
    assert flow.anew() == Piece(0, bytes(AHEAD) + b"more")
    assert flow.room()
    assert flow.take(b"!") == Piece(AHEAD + 4, b"!")


def test_flow_forgets_whole_lines() -> None:
    """What is kept begins with a line, so that no character is cut in two."""
    flow = Flow()
    line = "ü".encode() * 30 + b"\n"
    for _ in range(3 * KEPT // len(line)):
        flow.take(line)
    kept = flow.kept
    assert KEPT // 2 < len(kept.data) <= 2 * KEPT
    assert kept.at + len(kept.data) == flow.end
    assert kept.data.decode().startswith("ü" * 30)


def test_the_page_gets_one_piece_that_asks_nobody() -> None:
    """xterm.js is in it as text; nothing is imported but what it holds, and its licences lie beside it."""
    front_end = str(Screen._esm)
    assert 'const XTERM = "' in front_end
    assert "import(url)" in front_end
    own = (VENDORED.parent / "screen.js").read_text()
    assert "http" not in own
    for part in ("xterm", "addon-fit"):
        assert "Permission is hereby granted" in (VENDORED / f"LICENSE.{part}").read_text()
