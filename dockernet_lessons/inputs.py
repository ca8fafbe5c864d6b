"""What a learner may ask a lab for: each check says what is wrong, why, and what is allowed instead.

Knows the rules of Docker and of the testbed, and asks neither.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import get_args

from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Address, Driver, Subnet
from dockernet_lessons.testbed import HOSTS, PLACES

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
TARGET = re.compile(r"[^\s-]\S*")
TESTBED_SUBNETS = {ip_network("192.0.2.0/24"): "the LAN", ip_network("203.0.113.0/24"): "the internet"}


def listed(names: Iterable[str]) -> str:
    """Give names as a list to read: "bridge, host, none"."""
    return ", ".join(names)


def similar(name: str, known: Iterable[str]) -> str:
    """Give the question whether one of the known names was meant, or nothing where none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def check_target(name: str) -> None:
    """Refuse what is neither a name nor an address: other than text, empty, with spaces, or an option in disguise."""
    if not isinstance(name, str) or not TARGET.fullmatch(name):
        raise LessonError(
            f"{name!r} is neither a name nor an address.", hint='write it as text, for example "db" or "172.17.0.3".'
        )


def check_name(name: str, thing: str) -> None:
    """Refuse what Docker takes for no name, and what names a place of the testbed already."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise LessonError(
            f"{name!r} cannot name a {thing}.",
            hint="use two or more of letters, digits, _, . and -, beginning with a letter or a digit.",
        )
    if thing == "container" and name in (*HOSTS, *PLACES, "testbed"):
        raise LessonError(f"{name!r} is a place of the testbed already.", hint="choose another name for the container.")


def check_driver(driver: str) -> None:
    """Refuse a driver that does not exist, or of which Docker allows no further network."""
    allowed = get_args(Driver)
    if driver not in allowed:
        raise LessonError(
            f"No network driver is called {driver!r}.",
            hint=f"the drivers are {listed(allowed)}.{similar(str(driver), allowed)}",
        )
    if driver in ("host", "none"):
        raise LessonError(
            f"Docker allows one network of the driver {driver}, and it is there already.",
            hint=f"use it by its name: lab.containers(..., on={driver!r}).",
        )


def check_port(port: int) -> None:
    """Refuse what is not a port, 1 to 65535."""
    if not isinstance(port, int) or not 1 <= port <= 65535:
        raise LessonError(f"{port!r} is not a port.", hint="ports are the whole numbers from 1 to 65535.")


def check_mapping(value: object, option: str, example: str) -> None:
    """Refuse an option that has to say what leads to what, and does not."""
    if not isinstance(value, Mapping):
        raise LessonError(f"{option}={value!r} does not say what leads to what.", hint=f"write {option}={example}.")


def read_subnet(text: str) -> Subnet:
    """Read a subnet such as ``172.30.0.0/24``; one with host bits set is refused, with the address it should have."""
    try:
        return ip_network(text)
    except ValueError as error:
        hint = "write it as address/length, for example 172.30.0.0/24."
        with suppress(ValueError):
            hint = f"its first address is {ip_network(text, strict=False)}: write that."
        raise LessonError(f"{text!r} is not a subnet: {error}.", hint=hint) from error


def read_address(text: object, option: str) -> Address:
    """Read an address, given for an option."""
    try:
        return ip_address(str(text))
    except ValueError as error:
        raise LessonError(f"{text!r} is not an address.", hint=f'write {option} like "172.30.0.3".') from error
