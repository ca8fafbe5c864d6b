"""The problem set on ways in: published ports, the network of the host, and a container without any."""

from __future__ import annotations

from types import SimpleNamespace

from dockernet_lessons.grading.looks import (
    HOST1,
    NEIGHBOUR,
    first,
    has_address,
    networks_of,
    no_answer,
    no_page,
    shares_with_host,
    unreached,
)
from dockernet_lessons.grading.problems import Part, Problem
from dockernet_lessons.grading.seeds import Draw
from dockernet_lessons.lab import Lab


def problems(draw: Draw) -> tuple[Problem, ...]:
    """Draw the five exercises; the last leaves a rule behind that could bar the others."""
    return door(draw), desk(draw), shared(draw), cable(draw), barred(draw)


def door(draw: Draw) -> Problem:
    """Ask for a page for the whole LAN."""
    name, port = draw.name(), draw.port()
    url = f"http://{HOST1}:{port}"
    return Problem(
        "door",
        f"Start a container `{name}`, so that the neighbour gets its page at `{url}`; the page has to name the "
        "neighbour's own address as that of the caller.",
        (
            Part(1, f"the neighbour gets the page of {name}", lambda: no_page("neighbour", url, name)),
            Part(1, f"{name} sees {NEIGHBOUR}", lambda: no_page("neighbour", url, name, sees=NEIGHBOUR)),
        ),
        SimpleNamespace(name=name, port=port),
    )


def desk(draw: Draw) -> Problem:
    """Ask for a page for nobody but the host."""
    name, port = draw.name(), draw.port()
    here, there = f"http://127.0.0.1:{port}", f"http://{HOST1}:{port}"
    return Problem(
        "desk",
        f"Start a container `{name}`: host1 gets its page at `{here}`, and the neighbour gets nothing at `{there}`.",
        (
            Part(1, f"host1 gets the page of {name} at 127.0.0.1", lambda: no_page("host1", here, name)),
            Part(
                1,
                "the neighbour, who reaches host1, does not get it",
                lambda: first(
                    no_page("host1", here, name), unreached("neighbour", "host1"), no_answer("neighbour", there)
                ),
            ),
        ),
        SimpleNamespace(name=name, port=port),
    )


def barred(draw: Draw) -> Problem:
    """Ask for a page that one machine of the LAN does not get."""
    name, port = draw.name(), draw.port()
    url = f"http://{HOST1}:{port}"

    def prepare(lab: Lab) -> None:
        lab.container(name, publish={port: 80})

    def barred() -> str | None:
        return first(unreached("neighbour", "host1"), no_answer("neighbour", url))

    return Problem(
        "barred",
        f"`{name}` serves its page at `{url}`. Keep the neighbour, `{NEIGHBOUR}`, and nobody else from it; `{name}` "
        "goes on running, and the neighbour still reaches host1 by ping.",
        (
            Part(1, "the neighbour, who reaches host1, does not get the page", barred),
            Part(1, "the router still gets it", lambda: first(barred(), no_page("router", url, name))),
        ),
        SimpleNamespace(name=name, port=port),
        prepare,
        (name,),
    )


def shared(draw: Draw) -> Problem:
    """Ask for a container that has no network of its own."""
    name, port = draw.name(), draw.port()
    url = f"http://{HOST1}:{port}"

    def at_home() -> str | None:
        if problem := no_page("neighbour", url, name):
            return problem
        return None if shares_with_host(name) else f"{name} has a network of its own."

    return Problem(
        "shared",
        f"Start a container `{name}` that shares the network of host1, so that the neighbour gets its page at `{url}`.",
        (
            Part(1, f"the neighbour gets the page of {name}", lambda: no_page("neighbour", url, name)),
            Part(1, f"{name} serves it from the network of host1", at_home),
        ),
        SimpleNamespace(name=name, port=port),
    )


def cable(draw: Draw) -> Problem:
    """Ask for a container that Docker gave no network, connected by hand."""
    name, port, subnet = draw.name(), draw.port(), "198.51.100.0/24"
    at = draw.address(subnet)
    url = f"http://{HOST1}:{port}"

    def by_hand() -> str | None:
        if problem := has_address(name, at):
            return problem
        networks = networks_of(name)
        return None if networks == ("none",) else f"Docker has put {name} on {' and '.join(networks) or 'another one'}."

    return Problem(
        "cable",
        f"Start a container `{name}` on the network `none`, and connect it by hand: host1 reaches it at `{at}` (choose "
        f"another address of `{subnet}` for host1), and the neighbour gets its page at `{url}`.",
        (
            Part(1, f"host1 reaches {name} at {at}", lambda: first(by_hand(), unreached("host1", name, called=at))),
            Part(
                1,
                f"the neighbour gets the page of {name}",
                lambda: first(by_hand(), no_page("neighbour", url, name)),
            ),
        ),
        SimpleNamespace(name=name, port=port, address=at, gateway="198.51.100.1"),
    )
