"""What is there, asked for at once: a lab's containers, what a new one may clash with, and the topology to draw."""

from __future__ import annotations

from collections.abc import Sequence

from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Topology
from dockernet_lessons.lab import Lab
from dockernet_lessons.making import LESSON
from dockernet_lessons.network_inputs import TAKEN_ON_LAN
from dockernet_lessons.testbed.engine import ContainerRecord
from dockernet_lessons.topology import observed
from dockernet_lessons.widgets.choice import World

KERNEL = {"macvlan": "macvlan", "ipvlan": "ipvlan", "overlay": "vxlan"}
"""What a driver needs of the kernel, where that is not a matter of course."""


def containers(lab: Lab) -> list[ContainerRecord]:
    """Give the containers of a lab, running or not."""
    return [each for engine in lab.bed.engines() for each in engine.containers(f"{LESSON}={lab.lesson}")]


def look(lab: Lab, host: str) -> tuple[World, Topology, list[ContainerRecord]]:
    """Look at a host as a lab sees it, and at the lab's containers.

    Raises ``NoTestbed`` where the testbed has gone, ``LessonError`` where the lab is not started.
    """
    engine = lab.bed.engine(host)
    everybody = [each for engine in lab.bed.engines() for each in engine.containers()]
    topology = observed(lab)
    place = topology.place(host)
    addresses = {str(address): whose for address, whose in TAKEN_ON_LAN.items()}
    addresses |= {ip: each.name for each in everybody for ip in each.addresses.values() if ip}
    world = World(
        host=host,
        networks=tuple(engine.networks()),
        containers={each.name: _whose(each, lab) for each in everybody},
        images=tuple(engine.images()),
        listeners=place.listeners,
        addresses=addresses,
        interfaces=tuple(link.name for link in place.links if link.kind != "loopback"),
        unusable=_unusable(lab, host),
    )
    return world, topology, [each for each in everybody if each.labels.get(LESSON) == lab.lesson]


def _whose(record: ContainerRecord, lab: Lab) -> str:
    lesson = record.labels.get(LESSON)
    return "in this lab" if lesson == lab.lesson else f"made by lab {lesson}" if lesson else "and it is not a lab's"


def _unusable(lab: Lab, host: str) -> dict[str, LessonError]:
    lacking: Sequence[str] = lab.bed.lacks(tuple(KERNEL.values()))
    found = {
        driver: LessonError(
            f"The kernel of this testbed has no {need}.",
            hint=f"`Lab({lab.lesson!r}, needs=({need!r},)).start()` finds a testbed that has it.",
        )
        for driver, need in KERNEL.items()
        if need in lacking
    }
    if "overlay" not in found and not lab.bed.engine(host).manages_swarm():
        found["overlay"] = LessonError(
            f"{host} is in no swarm that it manages: an overlay network needs one.",
            hint="run `lab.swarm()` in a cell, then look again.",
        )
    return found
