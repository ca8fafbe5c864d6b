"""Which place a learner means: one of the testbed's own, or a container, by its name or as a lab gave it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from dockernet_lessons import testbed
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container, Place
from dockernet_lessons.places import places
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
    if place in (*testbed.PLACES, *bed.hosts) or sandbox(place):
        return None
    found = [record for engine in bed.engines() if place and (record := engine.container(place))]
    if not found:
        names = ", ".join([*testbed.PLACES, *bed.hosts, *(record.name for record in containers(bed))])
        raise LessonError(f"No place of the testbed is called {place!r}.", hint=f"there are {names}.")
    return found[0]


def sandbox(name: Container | str) -> Place | None:
    """Give the sandbox of an overlay network that is called so, such as ``"mesh on host1"``, or ``None``."""
    if isinstance(name, Container) or " on " not in name:
        return None
    return next((place for place in places() if place.kind == "sandbox" and place.name == name), None)


def check_runs(record: ContainerRecord) -> None:
    """Refuse a container that does not run."""
    if not record.pid:
        raise LessonError(
            f"The container {record.name} does not run (it is {record.state}).", hint="start it again first."
        )


def enter(place: Container | str) -> tuple[str, str]:
    """Give a place's name, and what the testbed calls it."""
    found = door(place)
    return found.name, found.inside


def door(place: Container | str) -> testbed.Door:
    """Give the way into a place.

    Raises ``LessonError`` where there is no such place or it does not run, ``NoTestbed`` where no testbed does.
    """
    record = record_of(place)
    if record is None:
        inside = sandbox(place)
        return testbed.Door(str(place), inside.door if inside else str(place))
    check_runs(record)
    return testbed.Door(record.name, f"pid:{record.pid}", record.host)


def typed_in(place: Container | str, line: str) -> str:
    """Give what to type, outside the course, for a command line in this place."""
    record = record_of(place)
    if record is None:
        inside = sandbox(place)
        return typed_in_sandbox(inside, line) if inside else line
    plain = shlex.split(line)
    return (
        f"docker exec {record.name} {line}"
        if shlex.join(plain) == line
        else f"docker exec {record.name} sh -c {shlex.quote(line)}"
    )


IN_THE_IMAGE = ("cat", "ip", "sysctl")
"""Those of our commands that the lesson image has; the others are a host's, and look at the container from there."""


def typed_in_container(name: str, line: str) -> str:
    """Give what to type on a host for one of our commands to tell of a container.

    >>> typed_in_container("web", "ip route")
    'docker exec web ip route'
    >>> typed_in_container("web", "ss -tulnp")
    "nsenter -n -t $(docker inspect -f '{{.State.Pid}}' web) ss -tulnp"
    """
    if line.split(maxsplit=1)[0] in IN_THE_IMAGE:
        return f"docker exec {name} {line}"
    return f"nsenter -n -t $(docker inspect -f '{{{{.State.Pid}}}}' {name}) {line}"


def typed_in_sandbox(place: Place, line: str) -> str:
    """Give what to type on a host for a command line in the sandbox of one of its overlay networks.

    Its engine names the sandbox's file after the start of the network's id, which is another each time.

    >>> mesh = Place("mesh on host1", "sandbox", "host1", 1, door="file:/proc/38/root/run/docker/netns/1-0c6bf9a3f1")
    >>> print(typed_in_sandbox(mesh, "bridge fdb"))
    nsenter --net=/run/docker/netns/1-$(docker network inspect -f '{{printf "%.10s" .Id}}' mesh) bridge fdb
    """
    network = place.name.removesuffix(f" on {place.machine}").removesuffix(" balancer")
    file = place.door.rpartition("/")[2]
    before, cut, number = file.partition("_" if file.startswith("lb_") else "-")
    if cut:
        inspect = f"docker network inspect -f '{{{{printf \"%.{len(number)}s\" .Id}}}}' {network}"
        file = f"{before}{cut}$({inspect})"
    return f"nsenter --net=/run/docker/netns/{file} {line}"
