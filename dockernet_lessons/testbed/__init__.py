"""The disposable testbed: built from Debian packages, run by a carrier, asked through one door.

This package alone runs commands and talks to Docker's API. Nothing above it knows which carrier runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dockernet_lessons.testbed.testbed import HOSTS, PLACES, Testbed, attach, down, running, up

__all__ = ["HOSTS", "PLACES", "Testbed", "attach", "down", "running", "up"]


def __getattr__(name: str) -> object:
    """Import a name on its first use: the keeper, which every start waits for, needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.testbed"), name)
