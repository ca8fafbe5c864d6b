"""Exercises of lesson 07, macvlan."""

from __future__ import annotations

from dockernet_lessons.checks import Exercise, Result, addresses, not_running, page_of, why_not, why_not_itself
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import links, routes
from dockernet_lessons.probe import ping, run

GUEST = "192.0.2.100"
FIRST = "Run the lesson's cells from the top first."


def _on_the_lan(name: str) -> str | None:
    """Tell what is wrong with how a container is joined to the LAN, ``None`` where it is there with a macvlan."""
    if any(link.kind == "macvlan" for link in links(name)):
        return None
    return f"{name} has no interface of kind macvlan."


def _judge_guest(lab: Lab) -> Result:
    if not_running(lab, "guest"):
        return Result("Not attempted yet", "no container is called guest.")
    if problem := _on_the_lan("guest"):
        return Result("Not yet", problem, "Which network of this lesson hangs on the LAN?")
    answer = page_of("guest", "neighbour", f"http://{GUEST}")
    if "I am guest." not in answer.text:
        return Result("Not yet", f"{answer}.", "`links('guest')` shows which address it has.")
    return Result("Correct", f"the neighbour gets the page of guest at {GUEST}, and no port is published.")


def _solve_guest(lab: Lab) -> None:
    lab.container("guest", on="street", ip=GUEST)


guest = Exercise(
    f"Start a container, guest, so that the neighbour gets its page at http://{GUEST}.",
    _judge_guest,
    _solve_guest,
    (
        "It has to be on the LAN itself, as home and shed are.",
        "Docker chooses from the range 192.0.2.64/28. You may choose any address of the subnet.",
        f'lab.container("guest", on=street, ip="{GUEST}")',
    ),
)


def _judge_from_host(lab: Lab) -> Result:
    if not_running(lab, "guest", "home"):
        return Result("Cannot check here", "home or guest does not run.", "Do the exercise before this one first.")
    if why_not("neighbour", GUEST):
        return Result("Cannot check here", "guest is not on the LAN.", "Do the exercise before this one first.")
    own = {str(address.ip) for link in links("host1") if link.name == "eth0" for address in link.addresses}
    if "192.0.2.11" not in own or not ping("host1", "192.0.2.3").reached:
        return Result("Not yet", "host1 has lost its own place on the LAN.", "Leave eth0 and its address as they were.")
    if problem := why_not_itself("host1", "guest", called=GUEST):
        routed = any(str(route.destination) == f"{GUEST}/32" for route in routes("host1"))
        tried = routed or not why_not("host1", GUEST)
        hint = "Through which interface does host1 send? `ip route get` tells."
        return Result("Not yet", problem, hint) if tried else Result("Not attempted yet", problem)
    return Result("Correct", "host1 reaches guest, and eth0 is as it was.")


def _solve_from_host(lab: Lab) -> None:
    at = lab.bed.hosts[0]
    if not any(link.kind == "macvlan" for link in links(at)):
        run(at, "ip link add shim link eth0 type macvlan mode bridge && ip link set shim up")
        run(at, "ip address add 192.0.2.90/32 dev shim")
    run(at, f"ip route add {GUEST}/32 dev shim")


from_host = Exercise(
    f"Let host1 reach guest at {GUEST}, too, and leave its eth0 as it is.",
    _judge_from_host,
    _solve_from_host,
    (
        'host1 reaches home. Compare run("host1", "ip route get 192.0.2.64") with the same for guest.',
        "The shim is there. What is not is a route that leads through it to guest.",
        f'run("host1", "ip route add {GUEST}/32 dev shim")',
    ),
)


def _judge_apart(lab: Lab) -> Result:
    missing = not_running(lab, "cow", "hen")
    if len(missing) == 2:
        return Result("Not attempted yet", "no container is called cow or hen.")
    if missing:
        return Result("Not yet", f"{missing[0]} does not run.", "Start both.")
    for name in ("cow", "hen"):
        if problem := _on_the_lan(name):
            return Result("Not yet", problem, "Both have to hang on the LAN.")
        if problem := why_not(name, "192.0.2.3"):
            return Result("Not yet", problem, "Each of the two has to reach the neighbour.")
    reached = [address for address in addresses("hen", kind="macvlan") if not why_not("cow", address)]
    if reached:
        return Result("Not yet", f"cow reaches hen at {reached[0]}.", "Which mode does links('cow') show?")
    return Result("Correct", "cow and hen reach the neighbour, and not each other.")


def _solve_apart(lab: Lab) -> None:
    for each in lab.containers("cow", "hen", on="street"):
        pid = f"$(docker inspect -f '{{{{.State.Pid}}}}' {each.name})"
        run(each.host, f"nsenter -n -t {pid} ip link set eth0 type macvlan mode private")


apart = Exercise(
    "Start two containers, cow and hen, on the LAN: both reach the neighbour, and they do not reach each other.",
    _judge_apart,
    _solve_apart,
    (
        "Siblings are kept apart by a mode.",
        'Docker\'s way is a network with mode="private"; Engines before 27 allow one macvlan network for each parent.',
        "By hand you did it to home and shed, while they ran.",
    ),
)
