"""The problem set on bridges and names."""

from __future__ import annotations

from types import SimpleNamespace

from dockernet_lessons.grading.looks import (
    NEIGHBOUR,
    addresses,
    first,
    has_address,
    kept_from,
    unreached,
)
from dockernet_lessons.grading.problems import Part, Problem
from dockernet_lessons.grading.seeds import Draw
from dockernet_lessons.lab import Lab


def problems(draw: Draw) -> tuple[Problem, ...]:
    """Draw the five exercises."""
    return names(draw), address(draw), gate(draw), alias(draw), vault(draw)


def names(draw: Draw) -> Problem:
    """Ask for two containers that know each other's names."""
    one, two = draw.name(), draw.name()
    return Problem(
        "names",
        f"Start two containers, `{one}` and `{two}`, that reach each other by name.",
        (
            Part(1, f"{one} reaches {two} by name", lambda: unreached(one, two)),
            Part(1, f"{two} reaches {one} by name", lambda: unreached(two, one)),
        ),
        SimpleNamespace(one=one, two=two, subnet=draw.subnet()),
    )


def address(draw: Draw) -> Problem:
    """Ask for a container at an address of a subnet of one's own choice."""
    name, subnet = draw.name(), draw.subnet()
    at = draw.address(subnet)

    def alone() -> str | None:
        if problem := first(has_address(name, at), unreached(name, "neighbour")):
            return problem
        others = [other for other in addresses(name) if other != at]
        return f"{name} also has {others[0]}." if others else None

    return Problem(
        "address",
        f"Start a container `{name}` at the address `{at}`, on a network with the subnet `{subnet}`. It has no other "
        f"address, and reaches the neighbour, `{NEIGHBOUR}`.",
        (
            Part(
                1,
                f"host1 reaches {name} at {at}",
                lambda: first(has_address(name, at), unreached("host1", name, called=at)),
            ),
            Part(1, f"{name} reaches the neighbour, and has no other address", alone),
        ),
        SimpleNamespace(name=name, subnet=subnet, address=at),
    )


def gate(draw: Draw) -> Problem:
    """Ask for a container on two networks, whose neighbours do not meet."""
    left, middle, right = draw.name(), draw.name(), draw.name()
    return Problem(
        "gate",
        f"Start three containers: `{left}` and `{right}` both reach `{middle}` by name, and do not reach each other.",
        (
            Part(
                1,
                f"{left} and {right} reach {middle} by name",
                lambda: first(unreached(left, middle), unreached(right, middle)),
            ),
            Part(
                1,
                f"{left} and {right} do not reach each other",
                lambda: first(
                    kept_from(left, right, but_reaches=middle),
                    kept_from(right, left, but_reaches=middle),
                ),
            ),
        ),
        SimpleNamespace(left=left, middle=middle, right=right, one=draw.subnet(), other=draw.subnet()),
    )


def alias(draw: Draw) -> Problem:
    """Ask for a container that gets one more name, while it runs."""
    old, peer, called, net = draw.name(), draw.name(), draw.name(), draw.name()

    def prepare(lab: Lab) -> None:
        lab.container(old)
        lab.container(peer, on=lab.network(net, subnet=subnet))

    subnet = draw.subnet()
    return Problem(
        "alias",
        f"`{old}` runs on the default bridge, and `{peer}` on the network `{net}`. Let `{peer}` reach `{old}` under "
        f"the name `{called}`, and `{old}` reach `{peer}` by its name, without starting either of them anew.",
        (
            Part(1, f"{peer} reaches {old} as {called}", lambda: unreached(peer, old, called=called)),
            Part(1, f"{old} reaches {peer} by name", lambda: unreached(old, peer)),
        ),
        SimpleNamespace(old=old, peer=peer, called=called, network=net),
        prepare,
        (old, peer),
    )


def vault(draw: Draw) -> Problem:
    """Ask for a container that has no way out, beside one that has."""
    clerk, vault = draw.name(), draw.name()

    def shut_in() -> str | None:
        if problem := first(unreached(vault, clerk), unreached(clerk, "neighbour")):
            return problem
        return f"{vault} reached {NEIGHBOUR}." if unreached(vault, "neighbour") is None else None

    return Problem(
        "vault",
        f"Start `{clerk}` and `{vault}`. They reach each other by name; `{clerk}` reaches the neighbour, "
        f"`{NEIGHBOUR}`, and `{vault}` does not.",
        (
            Part(
                1,
                f"{clerk} reaches {vault} by name, and the neighbour",
                lambda: unreached(clerk, vault, "neighbour"),
            ),
            Part(1, f"{vault} reaches {clerk} by name, and not the neighbour", shut_in),
        ),
        SimpleNamespace(clerk=clerk, vault=vault, inside=draw.subnet(), outside=draw.subnet()),
    )
