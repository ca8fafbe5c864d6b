"""Exercises of lesson 10, several networks."""

from __future__ import annotations

from ipaddress import ip_address

from dockernet_lessons.checks import Exercise, Result, not_running, page_of, why_not_itself
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import routes
from dockernet_lessons.probe import ping

WAY_OUT = "172.30.9.1"
NEIGHBOUR = "192.0.2.3"
FRONT_DOOR = "http://192.0.2.11:8090"


def _judge_way_out(lab: Lab) -> Result:
    if missing := not_running(lab, "web", "app", "db"):
        return Result("Cannot check here", f"{missing[0]} does not run.", "Run the lesson's cells from the top first.")
    via = [str(route.via) for route in routes("app") if route.destination is None]
    if via != [WAY_OUT]:
        seen = f"app sends it via {via[0]}." if via else "app has no default route."
        tried = any(ip_address(WAY_OUT) in subnet for network in lab.networks() for subnet in network.subnets)
        return Result("Not yet" if tried else "Not attempted yet", seen, "Which network's name comes first?")
    for name, called in (("web", "web"), ("db", "db"), ("neighbour", NEIGHBOUR)):
        if problem := why_not_itself("app", name, called=called):
            return Result("Not yet", problem, "app has to stay on its networks, and the new one has to lead out.")
    return Result("Correct", f"app sends it via {WAY_OUT}, and still reaches web and db.")


def _solve_way_out(lab: Lab) -> None:
    lab.connect("app", lab.network("aisle", subnet="172.30.9.0/24"))


way_out = Exercise(
    f"Let app send what is for the world via {WAY_OUT}, and keep reaching web and db by name.",
    _judge_way_out,
    _solve_way_out,
    (
        "The address is the gateway of a network with the subnet 172.30.9.0/24. Make one, and look at routes(app).",
        "Being on the network is not enough: its name has to come before those of the others.",
        'Any name before "back" will do; then lab.connect("app", ...).',
    ),
)


def _judge_tiers(lab: Lab) -> Result:
    missing = not_running(lab, "front", "store")
    if len(missing) == 2:
        return Result("Not attempted yet", "no container is called front or store.")
    if missing:
        return Result("Not yet", f"{missing[0]} does not run.", "Start both.")
    page = page_of("front", "neighbour", FRONT_DOOR)
    if not page.text.startswith("I am front."):
        return Result("Not yet", f"{page}", "Publish front's port 80 at port 8090, on a network that is not internal.")
    for source, target in (("front", "store"), ("store", "front")):
        if problem := why_not_itself(source, target):
            return Result("Not yet", problem, "They need a network in common that knows names.")
    if ping("store", NEIGHBOUR).reached:
        return Result("Not yet", f"store reached {NEIGHBOUR}.", "Which kind of network has no way out?")
    return Result("Correct", "the neighbour gets front's page, front reaches store, and store does not get out.")


def _solve_tiers(lab: Lab) -> None:
    street = lab.network("street", subnet="172.30.10.0/24")
    cellar = lab.network("cellar", subnet="172.30.11.0/24", internal=True)
    lab.container("front", on=[street, cellar], publish={8090: 80})
    lab.container("store", on=cellar)


tiers = Exercise(
    f"Start front and store. The neighbour gets front's page at {FRONT_DOOR};\n"
    "front and store reach each other by name; store does not reach the neighbour.",
    _judge_tiers,
    _solve_tiers,
    (
        "Two networks: one that leads out, and one that does not.",
        "store is on the internal one only; front is on both.",
        "lab.container(..., on=[one, other], publish={8090: 80}) starts a container on two networks.",
    ),
)
