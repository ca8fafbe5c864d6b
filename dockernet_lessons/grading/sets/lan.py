"""The problem set on the LAN and beyond: macvlan, several networks, overlay."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from types import SimpleNamespace

from dockernet_lessons.grading.looks import (
    HOST1,
    NEIGHBOUR,
    addresses,
    each_way,
    first,
    found,
    has_address,
    kept_from,
    no_page,
    not_running,
    unreached,
)
from dockernet_lessons.grading.problems import Part, Problem
from dockernet_lessons.grading.seeds import Draw
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import links, routes


def problems(draw: Draw) -> tuple[Problem, ...]:
    """Draw the five exercises; the second goes on where the first ends."""
    name, at = draw.name(), draw.guest()
    return guest(name, at), shim(name, at, draw), apart(draw), way_out(draw), far(draw)


def guest(name: str, at: str) -> Problem:
    """Ask for a container that is a machine of the LAN."""
    url = f"http://{at}"

    def own_card() -> str | None:
        if problem := first(has_address(name, at), no_page("neighbour", url, name)):
            return problem
        macs = {link.mac for link in links(name) if any(str(address.ip) == at for address in link.addresses)}
        return "it uses the MAC address of host1." if macs & {link.mac for link in links("host1")} else None

    return Problem(
        "guest",
        f"Start a container `{name}` that is on the LAN itself: the neighbour gets its page at `{url}`, an address of "
        f"`{name}`'s own, with a MAC address of its own.",
        (
            Part(1, f"the neighbour gets the page of {name}", lambda: no_page("neighbour", url, name)),
            Part(1, f"{at} is an address of {name}, at a MAC address of its own", own_card),
        ),
        SimpleNamespace(name=name, address=at),
    )


def shim(name: str, at: str, draw: Draw) -> Problem:
    """Ask that the host reaches its guest."""
    url = f"http://{at}"

    def host_in_place() -> str | None:
        own = {str(address.ip) for link in links("host1") if link.name == "eth0" for address in link.addresses}
        if HOST1 not in own:
            return f"eth0 of host1 has lost its address {HOST1}."
        return first(unreached("host1", "neighbour"), unreached("neighbour", "host1"))

    return Problem(
        "shim",
        f"Let host1 get the page of `{name}` at `{url}`, too; eth0 of host1 keeps its address, and the neighbour still "
        "gets the page.",
        (
            Part(1, f"host1 gets the page of {name}", lambda: no_page("host1", url, name)),
            Part(
                1,
                "the neighbour gets it, too, and host1 has kept its place on the LAN",
                lambda: first(no_page("host1", url, name), no_page("neighbour", url, name), host_in_place()),
            ),
        ),
        SimpleNamespace(name=name, address=at, shim=draw.guest()),
    )


def apart(draw: Draw) -> Problem:
    """Ask for two containers that get out, and not to each other."""
    one, two = draw.name(), draw.name()
    return Problem(
        "apart",
        f"Start `{one}` and `{two}`. Both reach the neighbour, `{NEIGHBOUR}`; neither reaches the other.",
        tuple(
            Part(
                1,
                f"{source} reaches the neighbour, and not {target}",
                lambda source=source, target=target: first(  # type: ignore[misc]  # both are bound now
                    kept_from(source, target, but_reaches="neighbour"), unreached(target, "neighbour")
                ),
            )
            for source, target in each_way(one, two)
        ),
        SimpleNamespace(one=one, two=two, subnet=draw.subnet(), other=draw.subnet()),
    )


def way_out(draw: Draw) -> Problem:
    """Ask which of its networks leads a container out."""
    app, web, net = draw.name(), draw.name(), draw.name()
    subnet, new = draw.subnet(), draw.subnet()
    gateway = f"{new.rpartition('.')[0]}.1"

    def prepare(lab: Lab) -> None:
        lab.containers(app, web, on=lab.network(net, subnet=subnet))

    def leaves() -> str | None:
        if missing := not_running(app):
            return missing
        via = [str(route.via) for route in routes(app) if route.destination is None]
        if via != [gateway]:
            return f"{app} sends it via {' and '.join(via)}." if via else f"{app} has no way out."
        return unreached(app, "neighbour")

    return Problem(
        "way_out",
        f"`{app}` and `{web}` are on the network `{net}`. Let `{app}` send what is for the world via `{gateway}`, the "
        f"gateway of a new network with the subnet `{new}`, and still reach `{web}` by name. Start neither anew.",
        (
            Part(1, f"{app} reaches the neighbour via {gateway}", leaves),
            Part(1, f"{app} still reaches {web} by name", lambda: first(leaves(), unreached(app, web))),
        ),
        SimpleNamespace(app=app, web=web, network=net, subnet=new, gateway=gateway),
        prepare,
        (app, web),
    )


def far(draw: Draw) -> Problem:
    """Ask for one network on two hosts."""
    near, far = draw.name(), draw.name()

    def placed() -> str | None:
        if missing := not_running(near, far):
            return missing
        for name, host in ((near, "host1"), (far, "host2")):
            record = found(name)
            if record is None or record.host != host:
                return f"{name} is not on {host}."
        return None

    def one_network() -> str | None:
        if problem := first(placed(), unreached(near, far), unreached(far, near)):
            return problem
        subnets = [{each.network for link in links(name) for each in link.addresses} for name in (near, far)]
        shared = [each for each in subnets[0] & subnets[1] if each.version == 4 and not each.is_loopback]
        seen = [address for address in addresses(far) if any(_within(address, str(each)) for each in shared)]
        return None if seen else f"{near} and {far} have no network in common."

    return Problem(
        "far",
        f"Start `{near}` on host1 and `{far}` on host2, so that they reach each other by name on a network of "
        "their own.",
        (
            Part(
                1,
                f"{near} on host1 reaches {far} on host2 by name",
                lambda: first(placed(), unreached(near, far)),
            ),
            Part(1, f"{far} reaches {near} by name, on a network that both are on", one_network),
        ),
        SimpleNamespace(near=near, far=far, subnet=draw.subnet()),
    )


def _within(address: str, subnet: str) -> bool:
    return ip_address(address) in ip_network(subnet)
