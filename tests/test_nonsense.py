"""Whatever is typed, the answer is a sentence and a next step, never a traceback from somebody else's code."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dockernet_lessons import Lab, LessonError, draw, fdb, fetch, links, ping, resolve, run
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed

NO_TARGET = "is neither a name nor an address."
NO_PAGE = "is not the address of a page."
NONSENSE: dict[str, tuple[Callable[[Lab], object], str]] = {
    "ping a number": (lambda lab: ping("web", 5), f"5 {NO_TARGET}"),
    "ping nothing": (lambda lab: ping("web", ""), f"'' {NO_TARGET}"),
    "ping an option": (lambda lab: ping("web", "-f"), f"'-f' {NO_TARGET}"),
    "ping two words": (lambda lab: ping("web", "a b"), f"'a b' {NO_TARGET}"),
    "ping from nobody": (lambda lab: ping("nobody", "web"), "No place of the testbed is called 'nobody'."),
    "ping never": (lambda lab: ping("web", "web", count=0), "0 echo requests cannot be sent."),
    "ping many": (lambda lab: ping("web", "web", count="many"), "'many' echo requests cannot be sent."),
    "fetch a name": (lambda lab: fetch("web", "db"), f"'db' {NO_PAGE}"),
    "fetch a file": (lambda lab: fetch("web", "file:///etc/passwd"), f"'file:///etc/passwd' {NO_PAGE}"),
    "fetch an option": (lambda lab: fetch("web", "-h"), f"'-h' {NO_PAGE}"),
    "fetch from no host": (lambda lab: fetch("web", "http://"), f"'http://' {NO_PAGE}"),
    "resolve nothing": (lambda lab: resolve("web", ""), f"'' {NO_TARGET}"),
    "run what fails": (lambda lab: run("web", "false"), "`false` ended with exit code 1: it printed nothing"),
    "run what is not there": (lambda lab: run("host1", "nonsense"), "`nonsense` ended with exit code 127"),
    "run without end": (lambda lab: run("web", "sleep 60"), "it did not end within 10 s"),
    "look at a number": (lambda lab: links(5), "5 is no place."),
    "look at nothing": (lambda lab: links(""), "No place of the testbed is called ''."),
    "look at no bridge": (lambda lab: fdb("docker1"), "host1 has no bridge called 'docker1'."),
    "draw a word": (lambda lab: draw("web"), "'web' cannot be drawn."),
    "name by number": (lambda lab: lab.container(5), "5 cannot name a container."),
    "on nothing": (lambda lab: lab.container("aa", on=None), "No network is called None."),
    "on a typo": (lambda lab: lab.container("aa", on="brigde"), "No network is called 'brigde'."),
    "publish one number": (lambda lab: lab.container("aa", publish=80), "publish=80 does not say what leads to what."),
    "publish a word": (lambda lab: lab.container("aa", publish={"http": 80}), "'http' is not a port."),
    "publish port 0": (lambda lab: lab.container("aa", publish={0: 80}), "0 is not a port."),
    "a subnet that is a number": (lambda lab: lab.network("nn", subnet=5), "'5' is not a subnet:"),
    "a driver that is none": (lambda lab: lab.network("nn", driver=None), "No network driver is called None."),
    "a predefined network": (lambda lab: lab.network("bridge"), "A network called bridge exists on host1 already"),
    "connect to nowhere": (lambda lab: lab.connect("web", "nowhere"), "No network is called 'nowhere'."),
    "connect nobody": (lambda lab: lab.connect("nobody", "bridge"), "No container of this lab is called 'nobody'."),
    "remove a word": (lambda lab: lab.remove("web"), "'web' cannot be removed."),
    "a lesson by number": (lambda lab: Lab(3), "3 cannot name a lesson."),
    "a third host": (lambda lab: lab.need("host3"), "No testbed can be asked for 'host3'."),
}


@pytest.fixture(scope="module")
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab with one container on it, which all of this must leave as it is."""
    lab = Lab("nonsense").start()
    lab.container("web")
    yield lab
    assert list(lab.running()) == ["web"]
    assert [network.name for network in lab.networks()] == ["bridge", "host", "none"]
    lab.close()


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_answered(lab: Lab, what: str) -> None:
    """The message says what is wrong with what was typed, and the hint what to type instead."""
    call, says = NONSENSE[what]
    with pytest.raises(LessonError) as caught:
        call(lab)
    assert says in caught.value.message
    assert caught.value.hint


def test_a_command_may_be_one_line_of_text(lab: Lab) -> None:
    """A command is taken as a shell would split it, as well as word by word."""
    shouting = lab.container("shouting", command="sh -c 'sleep 60'")
    assert (
        run("host1", "docker inspect --format '{{json .Config.Cmd}}' shouting").text.strip() == '["sh","-c","sleep 60"]'
    )
    lab.remove(shouting)
