"""The ports a learner may ask for: those of a container, and those of its host that lead to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast, get_args

from dockernet_lessons.errors import LessonError
from dockernet_lessons.inputs import check_mapping, check_port, listed, read_address
from dockernet_lessons.plans import Port, Protocol, Published


def read_port(value: object) -> Port:
    """Read a port of a container: ``80`` or ``"53/udp"``."""
    number, _, protocol = str(value).partition("/") if isinstance(value, str) else (value, "", "")
    if isinstance(number, str) and number.isdecimal():
        number = int(number)
    check_port(cast(int, number))
    protocol = protocol or "tcp"
    if protocol not in get_args(Protocol):
        raise LessonError(
            f"{value!r} names no protocol that has ports.", hint=f"there are {listed(get_args(Protocol))}."
        )
    return Port(cast(int, number), cast(Protocol, protocol))


PUBLISHED = re.compile(r"(?:(?P<four>[\d.]+):|\[(?P<six>[0-9a-fA-F:.]+)\]:)?(?P<port>\d+)(?:/(?P<protocol>\w+))?")


def read_publish(publish: Mapping[int | str, int | str] | None) -> tuple[Published, ...]:
    """Read what leads to what: ``{8080: 80, "127.0.0.1:8081": 80, "8053/udp": 53}``, the host's port first."""
    check_mapping(publish or {}, "publish", "{8080: 80}, the host's port first")
    found: list[Published] = []
    for outer, inner in (publish or {}).items():
        read = PUBLISHED.fullmatch(str(outer)) if isinstance(outer, int | str) else None
        if read is None or isinstance(outer, bool):
            raise LessonError(f"{outer!r} is not a port.", hint='write 8080, "127.0.0.1:8080" or "8053/udp".')
        check_port(int(read["port"]))
        port = read_port(inner)
        if read["protocol"]:
            if isinstance(inner, str) and "/" in inner and port.protocol != read["protocol"]:
                raise LessonError(f"{outer!r} and {inner!r} are of two protocols.", hint="name one, once.")
            port = read_port(f"{port.number}/{read['protocol']}")
        host = read["four"] or read["six"]
        found.append(Published(int(read["port"]), port, read_address(host, "publish") if host else None))
    for each in found:
        twice = [
            other
            for other in found
            if (other.outer, other.inner.protocol, other.address) == (each.outer, each.inner.protocol, each.address)
        ]
        if len(twice) > 1:
            raise LessonError(f"The port {each.outer} is published twice.", hint="choose another for one of the two.")
    return tuple(found)
