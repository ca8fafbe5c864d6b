"""What became of an exercise, judged on the live testbed and never on what was typed.

A wrong answer is a value with its evidence, not an error.
"""

from __future__ import annotations

import inspect
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from dockernet_lessons import testbed
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Answer, Place
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import links
from dockernet_lessons.places import places
from dockernet_lessons.probe import fetch, ping, run
from dockernet_lessons.whereabouts import check_runs, enter, record_of

State = Literal["Not attempted yet", "Not yet", "Correct", "Cannot check here"]


@dataclass(frozen=True, slots=True)
class Result:
    """The state of an exercise, what was seen, and what to look at next.

    >>> Result("Not yet", "cow does not know the name hen.", "Which kind of bridge has names?")
    Not yet: cow does not know the name hen. Which kind of bridge has names?
    """

    state: State
    evidence: str
    next: str = ""

    def __repr__(self) -> str:
        return f"{self.state}: {self.evidence} {self.next}".rstrip()


@dataclass(slots=True)
class Exercise:
    """One skill to try: what to do, how it is judged, hints one after another, and a solution that is known to work."""

    statement: str
    judge: Callable[[Lab], Result]
    solve: Callable[[Lab], None]
    hints: tuple[str, ...]
    _given: int = field(default=0, init=False, repr=False)

    def __repr__(self) -> str:
        return self.statement

    def check(self, lab: Lab) -> Result:
        """Judge the state of the testbed as it is now."""
        try:
            return self.judge(lab)
        except LessonError as error:
            return Result("Cannot check here", error.message, error.hint)

    def hint(self) -> str:
        """Give the next hint; the last one again when there are no more."""
        self._given = min(self._given + 1, len(self.hints))
        return f"Hint {self._given} of {len(self.hints)}: {self.hints[self._given - 1]}"

    def solution(self) -> str:
        """Give the source of a solution: the very function that is run to prove it."""
        return inspect.getsource(self.solve)


def why_not(source: str, target: str) -> str | None:
    """Tell what keeps ``source`` from reaching ``target`` by ping, ``None`` where it does."""
    found = ping(source, target)
    return None if found.reached else f"{found}."


def not_running(lab: Lab, *names: str) -> list[str]:
    """Give those of the names that are no running container of this lab."""
    running = lab.running()
    return [name for name in names if name not in running]


def place_of(name: str) -> Place:
    """Give the network namespace in which a container lives: its own, its host's, or that of another container."""
    return next(place for place in places() if name in (place.name, *place.containers))


def addresses(name: str, *, kind: str | None = None) -> list[str]:
    """Give the IPv4 addresses of a container, its loopback's left out; those at interfaces of one ``kind`` alone."""
    found = [each for link in links(name) if kind in (None, link.kind) for each in link.addresses]
    return [str(each.ip) for each in found if each.version == 4 and not each.is_loopback]


def kernel_says(name: str, *files: str) -> str:
    """Read files of the kernel in a place with a tool of the testbed's: one of the container's could say anything."""
    return testbed.running().run(enter(name)[1], ["cat", *files], check=False).stdout


ECHOES = re.compile(r"^Icmp6InEchos\s+(\d+)$|^Icmp: (?=\d)(?:\d+ ){8}(\d+)", re.MULTILINE)
"""How many echo requests a network namespace has had. Source: ``net/ipv4/proc.c`` and ``net/ipv6/proc.c`` of Linux."""


def why_not_itself(source: str, name: str, *, called: str = "") -> str | None:
    """Tell what keeps a place from reaching this very one by ping, ``None`` where it does.

    It may be ``called`` by another name, or by an address. The kernel counts echo requests where they arrive, so those
    that another place answers are told apart. Containers that share a network namespace share the counter, too.
    """
    before, target = _echoes(name), called or name
    if problem := why_not(source, target):
        return problem
    return None if _echoes(name) != before else f"it is not {name} that {source} reaches as {target}."


def _echoes(name: str) -> list[tuple[str, str]]:
    return ECHOES.findall(kernel_says(name, "/proc/net/snmp", "/proc/net/snmp6"))


@contextmanager
def called(name: str, word: str) -> Iterator[None]:
    """Have a container call itself by another word for a moment: the lesson image says its host name in every page."""
    record = record_of(name)
    if record is None:
        raise LessonError(f"{name} is no container.", hint="name a container that runs.")
    check_runs(record)
    enter = f"nsenter --uts --target {record.pid} hostname"
    before = run(record.host, enter).text.strip()
    run(record.host, f"{enter} {word}")
    try:
        yield
    finally:
        run(record.host, f"{enter} {before}")


def page_of(name: str, source: str, url: str) -> Answer:
    """Fetch a page that is to be a container's own: one of another that only says the same name is told apart.

    The container says a word in it that nobody can know; the answer has the container's name in the word's place.
    """
    word = f"{name}-{secrets.token_hex(4)}"
    with called(name, word):
        answer = fetch(source, url)
    told = answer.text.replace(f"I am {name}.", f"I am another that says it is {name}.")
    return replace(answer, text=told.replace(f"I am {word}.", f"I am {name}."))


LISTENS, STATE, LOCAL, INODE = "0A", 3, 1, 9
"""A socket that listens, and where ``/proc/net/tcp`` has what. Source: proc_net(5) of the manual pages."""


def own_ports(name: str) -> list[int]:
    """Give the TCP ports at which the programs of a container listen: of its own, though others share its network."""
    said = str(run(name, "ls -l /proc/[0-9]*/fd 2>/dev/null; cat /proc/net/tcp; cat /proc/net/tcp6 || true"))
    own = set(re.findall(r"socket:\[(\d+)\]", said))
    rows = [line.split() for line in said.splitlines()]
    found = {row[LOCAL] for row in rows if len(row) > INODE and row[STATE] == LISTENS and row[INODE] in own}
    return sorted(int(local.rpartition(":")[2], 16) for local in found)
