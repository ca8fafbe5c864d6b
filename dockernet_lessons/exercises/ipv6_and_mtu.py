"""Exercises of lesson 11, IPv6 and MTU."""

from __future__ import annotations

from ipaddress import ip_interface

from dockernet_lessons.checks import Exercise, Result, not_running, why_not_itself
from dockernet_lessons.facts import Link
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import links

WANTED = ip_interface("2001:db8:30::66/64")
NEIGHBOUR = "192.0.2.3"
SMALLEST = 1280
"""The smallest MTU that a link may have for IPv6, in bytes. Source: RFC 8200, section 5."""


def _judge_address(lab: Lab) -> Result:
    if missing := not_running(lab, "one"):
        return Result("Cannot check here", f"{missing[0]} does not run.", "Run the lesson's cells from the top first.")
    if not_running(lab, "six"):
        return Result("Not attempted yet", "no container is called six.")
    found = [str(address) for link in _cables("six") for address in link.addresses]
    if str(WANTED) not in found:
        return Result("Not yet", f"six has {', '.join(found) or 'no address'}.", "An address can be asked for.")
    if problem := why_not_itself("one", "six", called=str(WANTED.ip)):
        return Result("Not yet", problem, "six has to be on the network of one.")
    return Result("Correct", f"one reaches six at {WANTED.ip}.")


def _solve_address(lab: Lab) -> None:
    lab.container("six", on="dual", ip6="2001:db8:30::66")


address = Exercise(
    f"Start a container six that one reaches at {WANTED.ip}.",
    _judge_address,
    _solve_address,
    (
        "The address is one of the network dual.",
        "Docker gives out the next free address, but a container may have one of its own choice.",
        "lab.container(..., ip6=...) asks for it.",
    ),
)


def _judge_small_packets(lab: Lab) -> Result:
    if not_running(lab, "tim"):
        return Result("Not attempted yet", "no container is called tim.")
    cables = _cables("tim")
    if not cables or any(cable.mtu != SMALLEST for cable in cables):
        seen = " and ".join(f"{cable.name} of tim has an MTU of {cable.mtu}" for cable in cables)
        return Result(
            "Not yet", f"{seen or 'tim has no interface'}.", "It is told to the network, not to the container."
        )
    if {each.ip.version for cable in cables for each in cable.addresses} != {4, 6}:
        return Result("Not yet", "tim has no addresses of both families.", "Give the network two subnets.")
    if problem := why_not_itself("tim", "neighbour", called=NEIGHBOUR):
        return Result("Not yet", problem, "The network has to lead out, to the neighbour itself.")
    return Result("Correct", f"tim is dual stack, takes {SMALLEST} bytes at once, and reaches the neighbour.")


def _solve_small_packets(lab: Lab) -> None:
    tight = lab.network("tight", subnet=["172.30.9.0/24", "2001:db8:39::/64"], mtu=1280)
    lab.container("tim", on=tight)


small_packets = Exercise(
    f"Start a container tim with IPv4 and IPv6 and the smallest MTU that IPv6 allows, {SMALLEST} bytes;\n"
    "it still reaches the neighbour.",
    _judge_small_packets,
    _solve_small_packets,
    (
        "It needs a network of its own: what is told to a network holds for all containers on it.",
        "A subnet of each family, for example 172.30.9.0/24 and 2001:db8:39::/64.",
        "lab.network(..., subnet=[one, other], mtu=...).",
    ),
)


def _cables(name: str) -> list[Link]:
    return [link for link in links(name) if link.kind != "loopback"]
