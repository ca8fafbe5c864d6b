"""Exercises of lesson 09, overlay."""

from __future__ import annotations

from dockernet_lessons.checks import Exercise, Result, not_running, why_not
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import links
from dockernet_lessons.probe import resolve


def where_they_run(lab: Lab, first: str, second: str) -> Result | None:
    """Tell what is wrong with where two containers run: the first has to be on host1, the second on host2."""
    missing = not_running(lab, first, second)
    if len(missing) == 2:
        return Result("Not attempted yet", f"no container is called {first} or {second}.")
    if missing:
        return Result("Not yet", f"{missing[0]} does not run.", "Start both.")
    running = lab.running()
    for name, host in ((first, "host1"), (second, "host2")):
        if running[name].host != host:
            return Result("Not yet", f"{name} runs on {running[name].host}.", f"host={host!r} says where.")
    return None


def _judge_across(lab: Lab) -> Result:
    if wrong := where_they_run(lab, "ant", "bee"):
        return wrong
    for source, target in (("ant", "bee"), ("bee", "ant")):
        if problem := why_not(source, target):
            return Result("Not yet", problem, "Which driver makes one network on several hosts?")
    return Result("Correct", "ant on host1 and bee on host2 reach each other by name.")


def _solve_across(lab: Lab) -> None:
    lab.swarm()
    nest = lab.network("nest", driver="overlay", subnet="172.31.1.0/24")
    lab.container("ant", on=nest, host="host1")
    lab.container("bee", on=nest, host="host2")


across = Exercise(
    "Start ant on host1 and bee on host2, on a network of their own, so that they reach each other by name.",
    _judge_across,
    _solve_across,
    (
        'ping("ant", "bee") has to say that it reached bee: look at what it says now.',
        "A bridge network ends at its host, even where another host has one of the same name.",
        "Make a network with driver='overlay', and start each container with on= that network and its host=.",
    ),
)

LINE = 1400
WRAPPING = 50


def _judge_narrow(lab: Lab) -> Result:
    if wrong := where_they_run(lab, "elf", "owl"):
        return wrong
    if problem := why_not("elf", "owl"):
        return Result("Not yet", problem, "Get them to reach each other first.")
    for source, target in (("elf", "owl"), ("owl", "elf")):
        address = resolve(source, target).addresses[0]
        mtu = next(link.mtu for link in links(source) for each in link.addresses if address in each.network)
        wrapped = f"{source} sends packets of up to {mtu} bytes, which are {mtu + WRAPPING} bytes when wrapped."
        if mtu + WRAPPING > LINE:
            return Result("Not yet", wrapped, "That is more than the line takes.")
        if mtu + WRAPPING < LINE:
            return Result("Not yet", wrapped, "That wastes room. Who takes the 50 bytes off: you, or Docker?")
    return Result("Correct", f"the largest packets of elf and owl fill the line's {LINE} bytes when they are wrapped.")


def _solve_narrow(lab: Lab) -> None:
    lab.swarm()
    lane = lab.network("lane", driver="overlay", subnet="172.31.2.0/24", mtu=1400)
    lab.container("elf", on=lane, host="host1")
    lab.container("owl", on=lane, host="host2")


narrow = Exercise(
    "Between some hosts the line takes packets of 1400 bytes only. Start elf on host1 and owl on host2, on a network "
    "made for it: they reach each other, and their largest packets fill the line when they are wrapped, and no more.",
    _judge_narrow,
    _solve_narrow,
    (
        "links(...) tells the MTU of a container's interface.",
        "VXLAN wraps each packet into 50 bytes of its own.",
        "lab.network(..., driver='overlay', mtu=...) makes one for smaller packets: see what links(...) says then.",
    ),
)
