"""Exercises of lesson 09, overlay."""

from __future__ import annotations

from collections.abc import Iterator

from dockernet_lessons.checks import Exercise, Result, not_running, why_not_itself
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import links
from dockernet_lessons.places import networks
from dockernet_lessons.whereabouts import record_of


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


def _shared_overlays(first: str, second: str) -> list[tuple[str, str]]:
    """Give what two containers have as their addresses on each overlay network that both are on."""
    overlays = {network.name for network in networks() if network.driver == "overlay"}
    records = [record for name in (first, second) if (record := record_of(name))]
    common = overlays.intersection(*(record.addresses for record in records))
    return [(records[0].addresses[name], records[1].addresses[name]) for name in sorted(common)]


def _reach_each_other(first: str, second: str, hint: str) -> Result | None:
    """Tell what keeps two containers from reaching each other by name on an overlay, ``None`` where nothing does."""
    for source, target in ((first, second), (second, first)):
        if problem := why_not_itself(source, target):
            return Result("Not yet", problem, hint)
    if not _shared_overlays(first, second):
        return Result("Not yet", f"{first} and {second} have no network of their own in common.", hint)
    return None


def _judge_across(lab: Lab) -> Result:
    if wrong := where_they_run(lab, "ant", "bee"):
        return wrong
    if wrong := _reach_each_other("ant", "bee", "Which driver makes one network on several hosts?"):
        return wrong
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


def _largest(first: str, second: str) -> Iterator[tuple[str, int]]:
    """Give the largest packet that each of two containers sends, in bytes, on each overlay network that both are on."""
    for ends in _shared_overlays(first, second):
        for name, address in zip((first, second), ends, strict=True):
            yield from (
                (name, link.mtu) for link in links(name) if address in [str(each.ip) for each in link.addresses]
            )


def _judge_narrow(lab: Lab) -> Result:
    if wrong := where_they_run(lab, "elf", "owl"):
        return wrong
    if wrong := _reach_each_other("elf", "owl", "Get them to reach each other by an overlay first."):
        return wrong
    for name, mtu in _largest("elf", "owl"):
        wrapped = f"{name} sends packets of up to {mtu} bytes, which are {mtu + WRAPPING} bytes when wrapped."
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
