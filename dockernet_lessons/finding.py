"""What a lab is asked for by name: its containers, the networks of its hosts, and where a container is to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from dockernet_lessons.container_inputs import Where
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container, Network
from dockernet_lessons.inputs import listed, similar
from dockernet_lessons.making import LESSON
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.testbed.engine import Engine

On: TypeAlias = Network | Container | str | Sequence[Network | str]
"""Where a container can be: on a network, on several, or in the network namespace of another container."""


def engine_of(bed: Testbed, host: str) -> Engine:
    """Give the engine of a host that runs."""
    if host not in bed.hosts:
        raise LessonError(f"{host} does not run in this testbed.", hint=f"`lab.need({host!r})` starts it.")
    return bed.engine(host)


def find_container(bed: Testbed, lesson: str, container: Container | str) -> Container:
    """Give the container of a lesson that is called so, on whichever host it is."""
    if isinstance(container, Container):
        return container
    label = f"{LESSON}={lesson}"
    mine = {record.name: record for engine in bed.engines() for record in engine.containers(label)}
    if container not in mine:
        raise LessonError(f"No container of this lab is called {container!r}.", hint=f"there are {listed(mine)}.")
    record = mine[container]
    return Container(record.name, record.host, record.id)


def find_network(bed: Testbed, network: Network | str, host: str | None = None) -> Network:
    """Give the network that is called so, on one host or on any: where several have one, host1's."""
    if isinstance(network, Network):
        return network
    hosts = [host] if host else reversed(bed.hosts)  # host1's come last, and win
    known = {each.name: each for name in hosts for each in bed.engine(name).networks()}
    if network not in known and host:  # a worker of a swarm learns of an overlay when a container joins it
        known |= {each.name: each for each in bed.engine().networks() if each.driver == "overlay"}
    if network not in known:
        raise LessonError(
            f"No network is called {network!r}.", hint=f"there are {listed(known)}.{similar(str(network), known)}"
        )
    return known[network]


def find_where(bed: Testbed, lesson: str, on: On, host: str | None) -> tuple[Where, str]:
    """Find where containers are to be, and on which host."""
    if host is not None:
        engine_of(bed, host)
    if isinstance(on, Container) or (isinstance(on, str) and on.startswith("container:")):
        shared = find_container(bed, lesson, on.removeprefix("container:") if isinstance(on, str) else on)
        if host not in (None, shared.host):
            raise LessonError(f"{shared.name} is on {shared.host}, not on {host}.", hint="leave `host` out.")
        return Where(None, shared=shared), shared.host
    wanted: list[Network | str] = [on] if isinstance(on, Network | str) or on is None else list(on)
    if not wanted:
        raise LessonError("No network was named.", hint="name one, or 'none' for a container without.")
    networks = [find_network(bed, each, host) for each in wanted]
    at = host or networks[0].host
    for network in networks:
        if network.host != at and network.driver != "overlay":
            raise LessonError(
                f"The network {network.name} is on {network.host}, not on {at}.",
                hint=f"make one on {at}: lab.network(..., host={at!r}).",
            )
        if len(networks) > 1 and network.driver in ("host", "none"):
            raise LessonError(
                f"A container on {network.name!r} cannot be on another network, too.",
                hint=f"leave {network.name!r} out, or name nothing else.",
            )
    first, *further = networks
    return Where(first, tuple(further)), at
