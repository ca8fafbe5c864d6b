"""Docker's network drivers, observed on a live testbed: make a lab, ask it questions, draw it.

>>> from dockernet_lessons import Lab, draw, ping
>>> lab = Lab("my_lab").start()
>>> web, db = lab.containers("web", "db")
>>> ping(web, db)
web reached 172.17.0.3: 1 of 1 answered, TTL 64
>>> draw(lab).topology.place("db").links[1].addresses
(IPv4Interface('172.17.0.3/16'),)
>>> lab.close()
Lab my_lab is closed: 2 containers and 0 networks removed, nothing of it is left.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dockernet_lessons.display import show
    from dockernet_lessons.errors import LessonError
    from dockernet_lessons.lab import Lab
    from dockernet_lessons.matrix import reach
    from dockernet_lessons.observe import fdb, links, listeners, nat, neighbours, resolver, routes, rules, settings
    from dockernet_lessons.picture import draw
    from dockernet_lessons.probe import fetch, ping, resolve, run
    from dockernet_lessons.tracing.trace import trace, why
    from dockernet_lessons.widgets.explorer import path_explorer
    from dockernet_lessons.widgets.launcher import launcher
    from dockernet_lessons.widgets.predict import predict, predict_reach
    from dockernet_lessons.widgets.terminal import terminal
    from dockernet_lessons.widgets.testbed_panel import testbed_panel

__version__ = "0.1.0"
__all__ = [
    "Lab",
    "LessonError",
    "draw",
    "fdb",
    "fetch",
    "launcher",
    "links",
    "listeners",
    "nat",
    "neighbours",
    "path_explorer",
    "ping",
    "predict",
    "predict_reach",
    "reach",
    "resolve",
    "resolver",
    "routes",
    "rules",
    "run",
    "settings",
    "show",
    "terminal",
    "testbed_panel",
    "trace",
    "why",
]

_HOME = {
    "Lab": "lab",
    "LessonError": "errors",
    "draw": "picture",
    "fetch": "probe",
    "launcher": "widgets.launcher",
    "path_explorer": "widgets.explorer",
    "ping": "probe",
    "predict": "widgets.predict",
    "predict_reach": "widgets.predict",
    "reach": "matrix",
    "resolve": "probe",
    "run": "probe",
    "show": "display",
    "terminal": "widgets.terminal",
    "testbed_panel": "widgets.testbed_panel",
    "trace": "tracing.trace",
    "why": "tracing.trace",
}


def __getattr__(name: str) -> object:
    """Import a public name on its first use, so that importing the package itself stays quick."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'observe')}"), name)
