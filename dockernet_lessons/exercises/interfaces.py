"""Exercises of lesson 01, network drivers and interfaces."""

from __future__ import annotations

from dockernet_lessons.checks import Exercise, Result, kernel_says, not_running, place_of, why_not
from dockernet_lessons.facts import Link
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import links, neighbours
from dockernet_lessons.probe import ping, run
from dockernet_lessons.whereabouts import record_of

SIGNAL = "/sys/class/net/eth0/carrier"
CAB = "192.0.2.70"
BEGIN = "Run the lesson's cells from the top first."


def _laid_by_docker(name: str) -> bool:
    """Tell whether the eth0 of a container is an end of the cable that Docker has laid to host1."""
    record = record_of(name)
    ends = {link.index for link in links("host1") if link.peer_place == name}
    own = {link.peer for link in links(name) if link.name == "eth0"}
    return record is not None and any(record.addresses.values()) and bool(ends & own)


def _judge_plug(lab: Lab) -> Result:
    if missing := not_running(lab, "web", "home"):
        return Result("Cannot check here", f"{missing[0]} does not run.", BEGIN)
    signal = kernel_says("web", SIGNAL).strip()
    if signal == "1":
        return Result("Not attempted yet", "eth0 of web has a signal.")
    if signal != "0":
        return Result("Not yet", "web has no eth0 that is switched on.", "Its own end has to stay; look at the other.")
    if not _laid_by_docker("web"):
        return Result("Not yet", "eth0 of web is not at the cable that Docker laid.", "Start web as the lesson does.")
    silent = (link.peer_place for link in links("host1") if link.kind == "veth" and link.master and not link.up)
    lost = [f"{name} has no signal, too." for name in silent if name not in (None, "web")]
    if problem := lost[0] if lost else why_not("home", "192.0.2.3"):
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
    if place_of("bench").name != "bench":
        return Result("Not yet", "bench has no network of its own.", 'Start it with on="none", as the lesson does.')
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
    here = one.peer_place == other.peer_place == "bench"
    return here and one.kind == other.kind == "veth" and (one.peer, other.peer) == (other.index, one.index)


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
    own = [link for link in links("cab") if link.kind != "loopback"]
    if not own:
        return Result(
            "Not yet", "cab has no interface but lo.", "Which of the four drivers puts a container on the LAN?"
        )
    if {link.mac for link in own} & {link.mac for link in links("host1")}:
        return Result("Not yet", "cab uses the interface of host1.", "It has to have a MAC address of its own.")
    run("neighbour", f"ip neighbour flush to {CAB}")  # whoever had it a moment ago, in another attempt
    reached = ping("neighbour", CAB)
    if not reached.reached:
        return Result("Not yet", f"{reached}.", "Is that the address of cab?")
    found = {entry.mac for entry in neighbours("neighbour") if str(entry.address) == CAB}
    if not any(link.mac in found and str(address.ip) == CAB for link in own for address in link.addresses):
        return Result(
            "Not yet", f"somebody else has {CAB} on the LAN.", "It has to be an address of cab, at its own MAC."
        )
    return Result("Correct", f"the neighbour reaches cab at {CAB}, its own address on the LAN.")


def _solve_own(lab: Lab) -> None:
    lab.container("cab", on="street", ip="192.0.2.70")


own = Exercise(
    f"Start a container cab with a MAC address of its own on the LAN, which the neighbour reaches at {CAB}.",
    _judge_own,
    _solve_own,
    (
        "Look at the first picture: which of the four containers is on the LAN?",
        "The network street is there already: start cab on it.",
        'lab.container(...) takes ip="192.0.2.70" on a network with a subnet of its own.',
    ),
)
