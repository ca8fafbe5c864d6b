"""Ask the testbed: every answer is observed at that moment, and keeps the command that gives it outside the course.

A place is named by its name (``"host1"``, ``"neighbour"``, ``"router"``, ``"internet"``, a container's name,
``"NETWORK on host1"`` for the sandbox of an overlay network) or by a :class:`~dockernet_lessons.facts.Container`.
"""

from dockernet_lessons.observe.filters import nat, rules, settings
from dockernet_lessons.observe.interfaces import fdb, links, neighbours, routes
from dockernet_lessons.observe.services import listeners, resolver
from dockernet_lessons.places import named, networks, observation, places

__all__ = [
    "fdb",
    "links",
    "listeners",
    "named",
    "nat",
    "neighbours",
    "networks",
    "observation",
    "places",
    "resolver",
    "routes",
    "rules",
    "settings",
]
