"""Exercises of lesson 03, bridge."""

from __future__ import annotations

from dockernet_lessons.checks import Exercise, Result, not_running, why_not, why_not_itself
from dockernet_lessons.lab import Lab


def _judge_names(lab: Lab) -> Result:
    missing = not_running(lab, "cow", "hen")
    if len(missing) == 2:
        return Result("Not attempted yet", "no container is called cow or hen.")
    if missing:
        return Result("Not yet", f"{missing[0]} does not run.", "Start both.")
    for source, target in (("cow", "hen"), ("hen", "cow")):
        if problem := why_not_itself(source, target):
            return Result("Not yet", problem, "Which of the two kinds of bridge knows names?")
    return Result("Correct", "cow and hen reach each other by name.")


def _solve_names(lab: Lab) -> None:
    farm = lab.network("farm", subnet="172.31.0.0/24")
    lab.containers("cow", "hen", on=farm)


names = Exercise(
    "Start two containers, cow and hen, that reach each other by name.",
    _judge_names,
    _solve_names,
    (
        'ping("cow", "hen") has to say that it reached hen: look at what it says now.',
        "The default bridge knows no names. A user-defined one does.",
        "Make a network with lab.network(...), and start both containers with on= that network.",
    ),
)


def _judge_both(lab: Lab) -> Result:
    if missing := not_running(lab, "web", "db", "cart"):
        return Result("Cannot check here", f"{missing[0]} does not run.", "Run the lesson's cells from the top first.")
    by_address = why_not_itself("web", "db", called="172.17.0.3")
    if (unknown := why_not("cart", "db")) and not by_address:
        return Result("Not attempted yet", unknown)
    if by_name := unknown or why_not_itself("cart", "db"):
        return Result("Not yet", by_name, "db itself has to be on cart's network.")
    if by_address:
        return Result("Not yet", by_address, "db itself has to stay on the default bridge, too.")
    return Result("Correct", "cart reaches db by name, and web still reaches it at 172.17.0.3.")


def _solve_both(lab: Lab) -> None:
    shop = lab.network("shop", subnet="172.30.0.0/24")
    lab.connect(lab.container("db"), shop)


both = Exercise(
    "Let cart reach db by name, while web still reaches db at 172.17.0.3.",
    _judge_both,
    _solve_both,
    (
        "A container can be on more than one network.",
        "You have seen it done: web is on both bridges.",
        "lab.connect(db, ...) adds a network to a container that runs.",
    ),
)
