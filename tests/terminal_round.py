"""What a terminal in a cell has to do on whichever carrier and Engine: one round through all of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from dockernet_lessons import Lab, terminal
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.testbed.entering import MARK
from dockernet_lessons.widgets.terminal import Terminal

SECONDS = 60
LEFT = ("sleep 4321 ", "sleep 4322 ", "sleep 4324 ")


def until(true: Callable[[], bool], what: object = "it did not become true") -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.05)


def says(shell: Terminal, text: str) -> None:
    """Wait until a text is on the screen."""
    until(lambda: text in shell.text(), lambda: f"{text!r} is not in {shell.text()!r}, {shell._message.value!r}")


def processes(bed: Testbed, needle: str) -> list[str]:
    """Give the command lines in the testbed that hold a text."""
    script = "for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $each; echo; done 2>/dev/null"
    told = bed.run("testbed", ["sh", "-c", script], check=False).stdout
    return [line for line in told.splitlines() if needle in line]


def marked(bed: Testbed) -> list[str]:
    """Give all that runs in the testbed because somebody typed it in some shell."""
    return bed.run("testbed", ["sh", "-c", f"grep -lsz ^{MARK}= /proc/[0-9]*/environ"], check=False).stdout.split()


def go_round(bed: Testbed) -> None:
    """Type, resize, leave with an exit code, start again and close, in a place and in a container."""
    lab = Lab("terminal").start()
    lab.container("web")
    record = bed.engine().container("web")
    assert record is not None
    for place, inside in (("router", "router"), ("web", f"pid:{record.pid}")):
        _go_round(bed, place, bed.run(inside, ["readlink", "/proc/self/ns/net"]).stdout.strip())
    lab.close()


def _go_round(bed: Testbed, place: str, namespace: str) -> None:
    shell = terminal(place)
    says(shell, f"{place} # ")
    shell.type("readlink /proc/self/ns/net; echo $((6 * 7)) ü\n")
    says(shell, "\r\n42 ü\r\n")
    assert namespace in shell.text().splitlines()
    for kind, columns, rows in (("hello", 100, 30), ("size", 123, 45)):
        shell.screen.told({"kind": kind, "view": "one", "columns": columns, "rows": rows})
        wanted = f"{rows} {columns}"
        shell.type(f"until [ \"$(stty size)\" = '{wanted}' ]; do sleep 0.1; done; echo it is $(stty size)\n")
        says(shell, f"it is {wanted}\r\n")
    shell.type("exit 5\n")
    until(lambda: bool(shell._message.value))
    assert "The shell has ended (exit code 5)." in shell._message.value
    assert not shell.running
    shell._again.click()
    shell.desk.wait()
    says(shell, f"{place} # ")
    shell.type("sleep 4321 & (trap '' HUP TERM INT; sleep 4322; sleep 4323) & sh -c 'sleep 4324; true'\n")
    until(lambda: set(LEFT) <= set(processes(bed, "sleep 432")), shell.text)
    assert shell.close(wait=SECONDS)
    assert processes(bed, "sleep 432") == marked(bed) == []
