"""What differs between students: names, subnets, ports and addresses, drawn from a seed.

The same seed always draws the same. Knows nothing of exercises or testbeds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

NAMES = (
    *("ant", "ape", "asp", "auk", "bat", "bee", "boa", "bug", "cat", "cod", "cow", "cub", "doe", "dog", "eel", "elk"),
    *("emu", "ewe", "fly", "fox", "gnu", "hen", "hog", "jay", "kid", "koi", "lark", "lynx", "mole", "moth", "newt"),
    *("owl", "pig", "pug", "ram", "rat", "ray", "roc", "seal", "swan", "toad", "tuna", "wasp", "wolf", "wren", "yak"),
)
EXAMPLE = "example"
"""The seed of the source notebooks."""


def seed_of(assignment: str, student: str) -> str:
    """Give the seed of a student's version: it depends on both names and nothing else, so a grader finds it again.

    >>> seed_of("bridges", "ada")
    '8155d7c97420'
    """
    return hashlib.sha256(f"{assignment}/{student}".encode()).hexdigest()[:12]


class Draw:
    """A source of parameters; what it gave once it does not give again.

    >>> draw = Draw("example")
    >>> draw.name() != draw.name()
    True
    """

    def __init__(self, seed: str) -> None:
        self._random = Random(f"dockernet {seed}")  # noqa: S311  # to tell students apart, not to keep secrets
        self._names = list(NAMES)
        self._random.shuffle(self._names)
        self._subnets = [f"172.30.{number}.0/24" for number in range(20, 250)]
        self._random.shuffle(self._subnets)
        self._ports = self._random.sample(range(8100, 9000), 40)
        self._guests = self._random.sample(range(100, 200), 20)

    def name(self) -> str:
        """Give a name for a container or a network."""
        return self._names.pop()

    def subnet(self) -> str:
        """Give a subnet of 256 addresses, such as ``"172.30.77.0/24"``; lessons use none of these."""
        return self._subnets.pop()

    def address(self, subnet: str, *, above: int = 9) -> str:
        """Give an address of a subnet whose last number is greater than ``above``, so that Docker has not given it."""
        return f"{subnet.rpartition('.')[0]}.{self._random.randint(above + 1, 250)}"

    def port(self) -> int:
        """Give a port of a host."""
        return self._ports.pop()

    def guest(self) -> str:
        """Give an address of the LAN that nobody has."""
        return f"192.0.2.{self._guests.pop()}"

    def some(self, number: int, things: Sequence[T]) -> tuple[T, ...]:
        """Give so many of some things, in any order."""
        return tuple(self._random.sample(things, number))
