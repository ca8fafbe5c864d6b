"""The capstone: five broken networks to repair, each one of the misconceptions that the lessons settle."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from dockernet_lessons.grading.looks import (
    HOST1,
    NEIGHBOUR,
    first,
    no_answer,
    no_page,
    unreached,
)
from dockernet_lessons.grading.problems import Part, Problem
from dockernet_lessons.grading.seeds import Draw
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run

REPAIRS = 5


def problems(draw: Draw) -> tuple[Problem, ...]:
    """Draw five of the broken networks, in any order."""
    chosen = draw.some(REPAIRS, BROKEN)
    return tuple(broken(f"repair_{number}", draw) for number, broken in enumerate(chosen, 1))


def deaf(name: str, draw: Draw) -> Problem:
    """Leave a program that listens to nobody but its own container (M1)."""
    shop, port = draw.name(), draw.port()
    url = f"http://{HOST1}:{port}"

    def prepare(lab: Lab) -> None:
        lab.container(shop, publish={port: 80}, env={"BIND": "127.0.0.1"})

    return Problem(
        name,
        f"The port of `{shop}` is published, and yet the neighbour gets nothing at `{url}`. Let it get the page of "
        f"`{shop}`; port 80 of host1 stays closed. You may start `{shop}` anew.",
        (
            Part(1, f"the neighbour gets the page of {shop}", lambda: no_page("neighbour", url, shop)),
            Part(
                1,
                "and nothing at port 80 of host1",
                lambda: first(no_page("neighbour", url, shop), no_answer("neighbour", f"http://{HOST1}")),
            ),
        ),
        SimpleNamespace(kind="deaf", name=shop, port=port),
        prepare,
    )


def nameless(name: str, draw: Draw) -> Problem:
    """Leave two containers on the default bridge, which knows no names (M2)."""
    app, db = draw.name(), draw.name()
    return Problem(
        name,
        f"`{app}` looks for `{db}` by name, and does not find it. Let each reach the other by name; start neither "
        "anew.",
        (
            Part(1, f"{app} reaches {db} by name", lambda: unreached(app, db)),
            Part(1, f"{db} reaches {app} by name", lambda: unreached(db, app)),
        ),
        SimpleNamespace(kind="nameless", app=app, db=db, subnet=draw.subnet()),
        lambda lab: _start(lab, app, db),
        (app, db),
    )


def _start(lab: Lab, *names: str) -> None:
    lab.containers(*names)


def wrong_port(name: str, draw: Draw) -> Problem:
    """Leave a port that leads to one at which nobody listens (M3)."""
    web, port = draw.name(), draw.port()
    url = f"http://{HOST1}:{port}"

    def prepare(lab: Lab) -> None:
        lab.container(web, publish={port: 8080})

    return Problem(
        name,
        f"At `{url}` the neighbour is refused. Let it get the page of `{web}`, which has to see the neighbour's own "
        f"address. You may start `{web}` anew.",
        (
            Part(1, f"the neighbour gets the page of {web}", lambda: no_page("neighbour", url, web)),
            Part(1, f"{web} sees {NEIGHBOUR}", lambda: no_page("neighbour", url, web, sees=NEIGHBOUR)),
        ),
        SimpleNamespace(kind="wrong_port", name=web, port=port),
        prepare,
    )


def locked_in(name: str, draw: Draw) -> Problem:
    """Leave a container that is on an internal network only (M10)."""
    api, db, net, subnet = draw.name(), draw.name(), draw.name(), draw.subnet()

    def prepare(lab: Lab) -> None:
        lab.containers(api, db, on=lab.network(net, subnet=subnet, internal=True))

    def still_in() -> str | None:
        if problem := first(unreached(api, "neighbour"), unreached(db, api)):
            return problem
        return f"{db} reached {NEIGHBOUR}." if unreached(db, "neighbour") is None else None

    return Problem(
        name,
        f"`{api}` does not reach the neighbour, `{NEIGHBOUR}`. Let it; `{db}` must not get out, and still reaches "
        f"`{api}` by name. Start neither anew.",
        (
            Part(1, f"{api} reaches the neighbour", lambda: unreached(api, "neighbour")),
            Part(1, f"{db} reaches {api}, and still not the neighbour", still_in),
        ),
        SimpleNamespace(kind="locked_in", api=api, db=db, network=net, subnet=draw.subnet()),
        prepare,
        (api, db),
    )


def barred(name: str, draw: Draw) -> Problem:
    """Leave a rule that keeps everybody out (M4)."""
    web, port, net, subnet = draw.name(), draw.port(), draw.name(), draw.subnet()
    url, at = f"http://{HOST1}:{port}", draw.address(subnet)

    def prepare(lab: Lab) -> None:
        lab.container(web, on=lab.network(net, subnet=subnet), ip=at, publish={port: 80})
        run("host1", f"iptables -I DOCKER-USER -d {at} -p tcp --dport 80 -j DROP")

    return Problem(
        name,
        f"Nobody gets the page of `{web}` at `{url}`. Let the neighbour, `{NEIGHBOUR}`, get it; the router, "
        f"`192.0.2.254`, must still not. `{web}` stays as it is.",
        (
            Part(1, f"the neighbour gets the page of {web}", lambda: no_page("neighbour", url, web)),
            Part(
                1,
                "and the router does not",
                lambda: first(no_page("neighbour", url, web), unreached("router", "host1"), no_answer("router", url)),
            ),
        ),
        SimpleNamespace(kind="barred", name=web, port=port, address=at),
        prepare,
        (web,),
    )


def strangers(name: str, draw: Draw) -> Problem:
    """Leave a network whose containers are kept apart (M17)."""
    one, two, net, subnet = draw.name(), draw.name(), draw.name(), draw.subnet()

    def prepare(lab: Lab) -> None:
        lab.containers(one, two, on=lab.network(net, subnet=subnet, icc=False))

    return Problem(
        name,
        f"`{one}` finds the name `{two}`, and does not reach it. Let each reach the other by name; start neither anew.",
        (
            Part(1, f"{one} reaches {two} by name", lambda: unreached(one, two)),
            Part(1, f"{two} reaches {one} by name", lambda: unreached(two, one)),
        ),
        SimpleNamespace(kind="strangers", one=one, two=two, network=net, subnet=draw.subnet()),
        prepare,
        (one, two),
    )


def lost(name: str, draw: Draw) -> Problem:
    """Leave a container that knows no way out (M9)."""
    app, web, net, subnet = draw.name(), draw.name(), draw.name(), draw.subnet()
    gateway = f"{subnet.rpartition('.')[0]}.1"

    def prepare(lab: Lab) -> None:
        lab.containers(app, web, on=lab.network(net, subnet=subnet))
        run("host1", f"nsenter -n -t $(docker inspect -f '{{{{.State.Pid}}}}' {app}) ip route delete default")

    return Problem(
        name,
        f"`{web}` reaches the neighbour, `{NEIGHBOUR}`, and `{app}`, which is on the same network, does not. Let it, "
        f"and let it still reach `{web}` by name; start neither anew.",
        (
            Part(1, f"{app} reaches the neighbour", lambda: unreached(app, "neighbour")),
            Part(1, f"{app} reaches the neighbour and {web}", lambda: unreached(app, "neighbour", web)),
        ),
        SimpleNamespace(kind="lost", app=app, web=web, network=net, gateway=gateway),
        prepare,
        (app, web),
    )


BROKEN: tuple[Callable[[str, Draw], Problem], ...] = (deaf, nameless, wrong_port, locked_in, barred, strangers, lost)
