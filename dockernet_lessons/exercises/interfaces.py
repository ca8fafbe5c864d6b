"""Exercises of lesson 01, network drivers and interfaces."""

from __future__ import annotations

from dockernet_lessons.checks import Exercise, Result, not_running, why_not
from dockernet_lessons.facts import Link
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import links
from dockernet_lessons.probe import ping, run

SIGNAL = "cat /sys/class/net/eth0/carrier 2>&1 || true"
BEGIN = "Run the lesson's cells from the top first."


def _judge_plug(lab: Lab) -> Result:
    if missing := not_running(lab, "web", "home"):
        return Result("Cannot check here", f"{missing[0]} does not run.", BEGIN)
    signal = run("web", SIGNAL).text.strip()
    if signal == "1":
        return Result("Not attempted yet", "eth0 of web has a signal.")
    if signal != "0":
        return Result("Not yet", "web has no eth0 that is switched on.", "Its own end has to stay; look at the other.")
    if problem := why_not("home", "192.0.2.3"):
        return Result("Not yet", problem, "Nobody but web may lose a signal.")
    return Result("Correct", "eth0 of web is there, and has no signal.")


def _solve_plug(lab: Lab) -> None:
    end = next(link for link in links("host1") if link.peer_place == "web")
    run("host1", f"ip link set {end.name} down")


plug = Exercise(
    "Pull the plug of web once more, and of nobody else: its eth0 is on, but has no signal.",
    _judge_plug,
    _solve_plug,
    (
        "A cable has two ends. Where is the other end of the cable of web?",
        'links("host1") tells of each interface what is at its other end.',
        'run("host1", "ip link set NAME down") switches off the interface of that name.',
    ),
)


def _judge_cable(lab: Lab) -> Result:
    if missing := not_running(lab, "bench"):
        return Result("Cannot check here", f"{missing[0]} does not run.", BEGIN)
    found = {link.name: link for link in links("bench")}
    salt, pepper = found.get("salt"), found.get("pepper")
    if not (salt or pepper):
        return Result("Not attempted yet", "bench has no interface called salt or pepper.")
    if not (salt and pepper and _are_twins(salt, pepper)):
        return Result("Not yet", "salt and pepper are not the two ends of one cable.", "Make them by one command.")
    if not (salt.up and pepper.up):
        return Result("Not yet", "an end is switched off.", "A new interface is off until somebody switches it on.")
    return Result("Correct", "salt and pepper are the ends of one cable, and both have a signal.")


def _are_twins(one: Link, other: Link) -> bool:
    return one.kind == other.kind == "veth" and (one.peer, other.peer) == (other.index, one.index)


def _solve_cable(lab: Lab) -> None:
    bench = lab.container("bench", on="none", capabilities=["NET_ADMIN"])
    run(bench, "ip link add salt type veth peer name pepper; ip link set salt up; ip link set pepper up")


cable = Exercise(
    "Lay a cable in bench: its ends are called salt and pepper, and both are up.",
    _judge_cable,
    _solve_cable,
    (
        "Which kind of interface comes as a pair? You have made one on the workbench.",
        "`ip link add NAME type veth peer name OTHER` makes both ends.",
        "`ip link set NAME up` switches one end on. The signal is there when both are.",
    ),
)


def _judge_own(lab: Lab) -> Result:
    if not_running(lab, "cab"):
        return Result("Not attempted yet", "no container is called cab.")
    mine = {link.mac for link in links("cab") if link.kind != "loopback"}
    if not mine:
        return Result(
            "Not yet", "cab has no interface but lo.", "Which of the four drivers puts a container on the LAN?"
        )
    if mine & {link.mac for link in links("host1")}:
        return Result("Not yet", "cab uses the interface of host1.", "It has to have a MAC address of its own.")
    reached = ping("neighbour", "192.0.2.70")
    if not reached.reached:
        return Result("Not yet", f"{reached}.", "Is that the address of cab?")
    if not any(str(address.ip) == "192.0.2.70" for link in links("cab") for address in link.addresses):
        return Result("Not yet", "somebody else has 192.0.2.70.", "It has to be an address of cab.")
    return Result("Correct", "the neighbour reaches cab at 192.0.2.70, its own address on the LAN.")


def _solve_own(lab: Lab) -> None:
    lab.container("cab", on="street", ip="192.0.2.70")


own = Exercise(
    "Start a container cab with a MAC address of its own on the LAN, which the neighbour reaches at 192.0.2.70.",
    _judge_own,
    _solve_own,
    (
        "Look at the first picture: which of the four containers is on the LAN?",
        "The network street is there already: start cab on it.",
        'lab.container(...) takes ip="192.0.2.70" on a network with a subnet of its own.',
    ),
)
