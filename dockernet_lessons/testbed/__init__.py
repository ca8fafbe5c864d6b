"""The disposable testbed: built from Debian packages, run by a carrier, asked through one door.

This package alone runs commands and talks to Docker's API. Nothing above it knows which carrier runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dockernet_lessons.testbed.doors import OpenPort
    from dockernet_lessons.testbed.entering import Door
    from dockernet_lessons.testbed.needs import read as read_needs
    from dockernet_lessons.testbed.places import HOSTS, PLACES
    from dockernet_lessons.testbed.shells import Listener, Shell
    from dockernet_lessons.testbed.start import down, up
    from dockernet_lessons.testbed.testbed import Testbed, attach, running

__all__ = [
    "HOSTS",
    "PLACES",
    "Door",
    "Listener",
    "OpenPort",
    "Shell",
    "Testbed",
    "attach",
    "down",
    "read_needs",
    "running",
    "up",
]

_HOME = {
    "Door": "entering",
    "HOSTS": "places",
    "Listener": "shells",
    "OpenPort": "doors",
    "PLACES": "places",
    "Shell": "shells",
    "down": "start",
    "up": "start",
}


def __getattr__(name: str) -> object:
    """Import a name on its first use: the keeper, which every start waits for, needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "read_needs":
        return import_module(f"{__name__}.needs").read
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'testbed')}"), name)
