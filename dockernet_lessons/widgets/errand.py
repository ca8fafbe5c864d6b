"""What a learner chose in the path explorer: a packet to send, or what is wrong with which field. Asks nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container
from dockernet_lessons.inputs import check_target
from dockernet_lessons.tracing.packets import ProbeKind
from dockernet_lessons.tracing.probes import settle
from dockernet_lessons.widgets.choice import Reader

OTHER = "a name or an address"
"""In the menu of targets: something to type."""

PORTS = ("tcp", "udp", "http")
"""The kinds that are sent to a port."""

Place = Container | str


@dataclass(frozen=True, slots=True)
class Asked:
    """What is in the fields, as it was chosen. ``target`` is a place, or ``OTHER`` for what is in ``typed``."""

    source: str = ""
    target: str = ""
    typed: str = ""
    kind: ProbeKind = "ping"
    port: str = ""
    size: str = ""


@dataclass(frozen=True, slots=True)
class Errand:
    """A packet to send: the arguments for ``trace``, and the call to type for the same."""

    source: Place
    target: Place
    kind: ProbeKind
    port: int | None
    size: int | None
    python: str

    def __str__(self) -> str:
        name = self.target.name if isinstance(self.target, Container) else self.target
        return f"{self.kind} from {self.source} to {name}"


def read(asked: Asked, places: Mapping[str, Place]) -> tuple[Errand | None, dict[str, LessonError]]:
    """Read what was chosen: the packet to send where all is well, and what is wrong, by the name of the field.

    >>> places = {"web": Container("web", "host1", "1"), "db": Container("db", "host1", "2")}
    >>> errand, problems = read(Asked("web", "db", kind="tcp", port="80"), places)
    >>> errand.python
    'trace("web", lab.running()["db"], "tcp", port=80)'

    A container is sent to at its address; what is typed is a name to look up, or an address.
    """
    reader = Reader()
    types = asked.kind == "dns" or asked.target == OTHER
    if asked.source not in places:
        reader.problems["source"] = _nobody("sends the packet")
    if types:
        reader.read("typed", lambda: _check_typed(asked.typed, asked.kind))
    elif asked.target not in places:
        reader.problems["target"] = _nobody("is to get it")
    port = _number(asked.port) if asked.kind in PORTS else None
    size = _number(asked.size) if asked.kind == "ping" else None
    reader.read("port", lambda: settle("db", asked.kind, port, None))  # type: ignore[arg-type]  # a word is refused
    reader.read("size", lambda: settle("db", "ping", None, size))  # type: ignore[arg-type]
    if reader.problems:
        return None, reader.problems
    target = asked.typed if types else places[asked.target]
    named = f"lab.running()[{_quoted(asked.target)}]" if isinstance(target, Container) else _quoted(target)
    words = [_quoted(asked.source), named]
    words += [_quoted(asked.kind)] if asked.kind != "ping" else []
    words += [f"{name}={value}" for name, value in (("port", port), ("size", size)) if value is not None]
    settled = settle(target, asked.kind, port, size)  # type: ignore[arg-type]  # numbers: they were let pass above
    call = f"trace({', '.join(words)})"
    return Errand(places[asked.source], target, asked.kind, settled.port, settled.size, call), {}


def _check_typed(text: str, kind: ProbeKind) -> None:
    """Refuse what is neither a name nor an address, and the address of a page: its port has a field of its own."""
    check_target(text)
    if "://" in text:
        raise LessonError(f"{text!r} is a page's address.", hint="write the name or the address in it alone.")
    settle(text, kind, 80 if kind in PORTS else None, None)


def _nobody(does: str) -> LessonError:
    return LessonError(f"It is not said who {does}.", hint='choose one; "Look again" finds what was made since.')


def _number(text: str) -> int | str | None:
    return int(text) if text.isdecimal() else text or None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
