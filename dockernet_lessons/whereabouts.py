"""Which place a learner means: one of the testbed's own, or a container, by its name or as a lab gave it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from dockernet_lessons import testbed
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container
from dockernet_lessons.testbed.engine import ContainerRecord


def containers(bed: testbed.Testbed) -> Iterator[ContainerRecord]:
    """Give the containers of every host."""
    for engine in bed.engines():
        yield from engine.containers()


def record_of(place: Container | str) -> ContainerRecord | None:
    """Give the record of a container, or ``None`` where the name is a place of the testbed's own."""
    bed = testbed.running()
    if not isinstance(place, (Container, str)):
        raise LessonError(f"{place!r} is no place.", hint='name one as text, such as "host1", or give a container.')
    if isinstance(place, Container):
        record = bed.engine(place.host).container(place.id)
        if record is None:
            raise LessonError(
                f"The container {place.name} is no longer there.", hint="run the cell that starts it again."
            )
        return record
    if place in (*testbed.PLACES, *bed.hosts):
        return None
    found = [record for engine in bed.engines() if place and (record := engine.container(place))]
    if not found:
        names = ", ".join([*testbed.PLACES, *bed.hosts, *(record.name for record in containers(bed))])
        raise LessonError(f"No place of the testbed is called {place!r}.", hint=f"there are {names}.")
    return found[0]


def check_runs(record: ContainerRecord) -> None:
    """Refuse a container that does not run."""
    if not record.pid:
        raise LessonError(
            f"The container {record.name} does not run (it is {record.state}).", hint="start it again first."
        )


def enter(place: Container | str) -> tuple[str, str]:
    """Give a place's name, and what the testbed calls it."""
    record = record_of(place)
    if record is None:
        return str(place), str(place)
    check_runs(record)
    return record.name, f"pid:{record.pid}"


def typed_in(place: Container | str, line: str) -> str:
    """Give what to type, outside the course, for a command line in this place."""
    record = record_of(place)
    if record is None:
        return line
    plain = shlex.split(line)
    return (
        f"docker exec {record.name} {line}"
        if shlex.join(plain) == line
        else f"docker exec {record.name} sh -c {shlex.quote(line)}"
    )
