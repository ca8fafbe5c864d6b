"""Exercises of lesson 02, network stacks."""

from __future__ import annotations

from dockernet_lessons.checks import Exercise, Result, not_running, page_of, place_of, why_not, why_not_itself
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import fetch, ping, run

NO_ROUTE = "it has no route there"


def _judge_twin(lab: Lab) -> Result:
    if missing := not_running(lab, "web"):
        return Result("Cannot check here", f"{missing[0]} does not run.", "Run the lesson's cells from the top first.")
    if not_running(lab, "twin"):
        return Result("Not attempted yet", "no container is called twin, or it has ended.")
    if place_of("twin").name != place_of("web").name:
        return Result("Not yet", "twin has a stack of its own.", "It has to share the one of web.")
    for name, port in (("web", 80), ("twin", 8085)):
        page = page_of(name, "web", f"http://127.0.0.1:{port}")
        if not page.text.startswith(f"I am {name}."):
            return Result("Not yet", f"{page}.", "Both have to serve, each its own page at a port of its own.")
    return Result("Correct", "web and twin share one stack, and serve at its ports 80 and 8085.")


def _solve_twin(lab: Lab) -> None:
    lab.container("twin", on=lab.container("web"), env={"PORT": "8085"})


twin = Exercise(
    "Start a container twin in the stack of web, whose page web finds at http://127.0.0.1:8085.",
    _judge_twin,
    _solve_twin,
    (
        "Two programs that reach each other at 127.0.0.1 are in one network namespace.",
        "lab.container(...) takes another container as on=: the new one then shares its stack.",
        'Port 80 of that stack is taken. The page is served at another one with env={"PORT": "8085"}.',
    ),
)


def _judge_refused(lab: Lab) -> Result:
    if not_running(lab, "door"):
        return Result("Not attempted yet", "no container is called door, or it has ended.")
    echo = ping("host1", lab.running()["door"])
    if not echo.reached:
        return Result("Not yet", f"{echo}.", "It has to answer a ping: the layers below have to work.")
    page = fetch("host1", f"http://{echo.target}")
    if page.problem != "connection refused":
        return Result("Not yet", f"{page}.", "The connection has to be refused: nobody may wait at port 80.")
    own = fetch("door", f"http://{echo.target}")
    if own.problem != "connection refused":
        return Result("Not yet", f"{own}.", "The stack of door itself has to refuse: who does it in its place?")
    return Result("Correct", "door answers a ping, and refuses a connection to port 80.")


def _solve_refused(lab: Lab) -> None:
    lab.container("door", env={"PORT": "8080"})


refused = Exercise(
    "Start a container door that answers a ping of host1, and refuses a connection to port 80.",
    _judge_refused,
    _solve_refused,
    (
        "Who refuses, and when? Not the program: the stack, if no program waits at that port.",
        "A container runs as long as its program. What may that program do instead of serving at port 80?",
        'Let it serve elsewhere, with env={"PORT": "8080"}, or just wait, with command="sleep 1d".',
    ),
)


def _judge_no_route(lab: Lab) -> Result:
    if missing := not_running(lab, "web", "db"):
        return Result("Cannot check here", f"{missing[0]} does not run.", "Run the lesson's cells from the top first.")
    out = ping("db", "192.0.2.3")
    if out.reached:
        return Result("Not attempted yet", f"{out}.")
    if problem := why_not_itself("db", "web", called="172.17.0.2"):
        return Result("Not yet", problem, "Only what leaves the network may be lost.")
    if out.problem != NO_ROUTE:
        return Result("Not yet", f"{out}.", "The stack of db itself has to say that it knows no way.")
    if problem := why_not("web", "192.0.2.3"):
        return Result("Not yet", problem, "The stack of web may not change.")
    return Result("Correct", "db knows no way to 192.0.2.3, and still reaches web at 172.17.0.2.")


def _solve_no_route(lab: Lab) -> None:
    db = lab.container("db", capabilities=["NET_ADMIN"])
    run(db, "ip route delete default")


no_route = Exercise(
    "Break the internet layer of db alone: 192.0.2.3 is unreachable for it, while it still reaches web at 172.17.0.2.",
    _judge_no_route,
    _solve_no_route,
    (
        "Look at routes(db): which line is used for 192.0.2.3, and which for 172.17.0.2?",
        "Without the line for everywhere else, db knows no way out. `ip route delete default` removes it.",
        'A container may change its routes only if it is started with capabilities=["NET_ADMIN"].',
    ),
)
