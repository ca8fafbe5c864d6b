"""Exercises of lesson 05, host."""

from __future__ import annotations

from dockernet_lessons.checks import Exercise, Result, not_running, own_ports, page_of, place_of, why_not_itself
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import fetch, ping

HOST1 = "192.0.2.11"


def _without_own_network(name: str) -> bool:
    """Tell whether a container lives in the network namespace of host1."""
    return place_of(name).name == "host1"


def _on_host1(name: str) -> Result | None:
    """Tell what is wrong with where a container is and what it does, ``None`` where it serves on its host's network."""
    if not _without_own_network(name):
        return Result("Not yet", f"{name} is not on the network of host1.", 'on="host" gives it that of its host.')
    if not own_ports(name):
        return Result("Not yet", f"no program of {name} listens at a port.", f"`docker logs {name}` may tell why.")
    return None


def _judge_two(lab: Lab) -> Result:
    missing = not_running(lab, "cow", "hen")
    if len(missing) == 2:
        return Result("Not attempted yet", "no container is called cow or hen.")
    if missing:
        return Result("Not yet", f"{missing[0]} does not run.", f"`docker logs {missing[0]}` tells what it ran into.")
    for name in ("cow", "hen"):
        if problem := _on_host1(name):
            return problem
        answers = [page_of(name, "neighbour", f"http://{HOST1}:{port}") for port in own_ports(name)]
        if not any(answer.text.startswith(f"I am {name}.") for answer in answers):
            return Result("Not yet", f"{answers[0]}.", f"At which address does {name} listen, and what does it serve?")
    return Result("Correct", "the neighbour gets a page of cow, and one of hen.")


def _solve_two(lab: Lab) -> None:
    lab.container("cow", on="host", env={"PORT": "8001"})
    lab.container("hen", on="host", env={"PORT": "8002"})


two = Exercise(
    "Start two containers, cow and hen, on the network of host1, so that the neighbour gets a page of each.",
    _judge_two,
    _solve_two,
    (
        "All that share a network share its ports, and port 80 is taken.",
        'env={"PORT": "8001"} tells the image lesson where to listen.',
        'lab.container("cow", on="host", env={"PORT": ...}), and the same for hen with another port.',
    ),
)


def _judge_name(lab: Lab) -> Result:
    if missing := not_running(lab, "web", "db"):
        return Result("Cannot check here", f"{missing[0]} does not run.", "Run the lesson's cells from the top first.")
    problem = why_not_itself("web", "db")
    if not _without_own_network("web"):
        return Result("Not yet", "web is not on the network of host1 now.", 'It has to stay on="host".')
    if problem and "not known" in problem:
        return Result("Not attempted yet", problem)
    if problem:
        return Result("Not yet", problem, "The name leads to an address: is it that of db?")
    return Result("Correct", "web reaches db by its name, and has no network of its own.")


def _solve_name(lab: Lab) -> None:
    lab.container("db")
    lab.container("web", on="host", hosts={"db": "172.17.0.2"})


name = Exercise(
    "Let web reach db by its name, and stay on the network of host1.",
    _judge_name,
    _solve_name,
    (
        "Nobody that web asks knows names of containers. Where else does a program look names up?",
        "In its hosts file, which is web's own: files are not shared.",
        'Start web anew with hosts={"db": ...}; that is `docker run --add-host`.',
    ),
)


def _judge_private(lab: Lab) -> Result:
    if not_running(lab, "cat"):
        return Result("Not attempted yet", "no container is called cat.")
    if problem := _on_host1("cat"):
        return problem
    known = fetch("neighbour", f"http://{HOST1}").problem
    if not ping("neighbour", HOST1).reached or known not in (None, "connection refused"):
        return Result("Cannot check here", "the neighbour does not reach host1 at all.", "Undo what keeps them apart.")
    ports = own_ports("cat")
    addresses = [f"http://{address}:{port}" for port in ports for address in ("127.0.0.1", HOST1)]
    inside = [page_of("cat", "host1", address) for address in addresses]
    if not any(answer.text.startswith("I am cat.") for answer in inside):
        return Result("Not yet", f"{inside[0]}.", "host1 has to get the page of cat.")
    if any(fetch("neighbour", f"http://{HOST1}:{port}").text for port in ports):
        return Result("Not yet", "the neighbour gets the page, too.", "At which addresses does cat listen?")
    return Result("Correct", f"host1 gets the page of cat at port {ports[0]}, and the neighbour does not.")


def _solve_private(lab: Lab) -> None:
    lab.container("cat", on="host", env={"PORT": "8003", "BIND": "127.0.0.1"})


private = Exercise(
    "Start a container, cat, on the network of host1: host1 gets its page, and the neighbour does not.",
    _judge_private,
    _solve_private,
    (
        "You have seen one: which container did the neighbour not get a page from?",
        "Where a program listens at 127.0.0.1 only, only its own namespace reaches it.",
        'env={"PORT": "8003", "BIND": "127.0.0.1"} on="host".',
    ),
)
