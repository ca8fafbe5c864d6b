"""Exercises of lesson 08, ipvlan."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from dockernet_lessons.checks import Exercise, Result, not_running, page_of, why_not_itself
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import links, routes
from dockernet_lessons.probe import run

HILL = ip_network("198.51.102.0/24")


def _judge_kite(lab: Lab) -> Result:
    if not_running(lab, "kite"):
        return Result("Not attempted yet", "no container is called kite.")
    way_out = [route.interface for route in routes("kite") if route.destination is None]
    child = next((link for link in links("kite") if link.kind == "ipvlan" and link.name in way_out), None)
    if child is None or child.mode not in ("l3", "l3s"):
        how = "is no ipvlan" if child is None else f"is an ipvlan of mode {child.mode}"
        return Result("Not yet", f"kite's interface {how}.", "mode= of lab.network says how an ipvlan works.")
    address = child.addresses[0].ip
    if address not in HILL:
        return Result("Not yet", f"kite has the address {address}.", f"Give its network the subnet {HILL}.")
    answer = page_of("kite", "neighbour", f"http://{address}")
    if not answer.text.startswith("I am kite."):
        return Result("Not yet", f"{answer}.", "Whom does the neighbour ask for the way, and does that one know it?")
    return Result("Correct", f"the neighbour gets kite's page at {address}.")


def _solve_kite(lab: Lab) -> None:
    lab.remove(lab.container("ash", on="lane"))
    lab.remove(lab.network("lane", driver="ipvlan", parent="eth0", subnet="192.0.2.0/24", ip_range="192.0.2.64/28"))
    sky = lab.network("sky", driver="ipvlan", mode="l3", parent="eth0", subnet=str(HILL))
    lab.container("kite", on=sky)
    lab.bed.run("router", ["ip", "route", "replace", str(HILL), "via", "192.0.2.11"])


kite = Exercise(
    f"Start a container, kite, in the subnet {HILL} on an ipvlan of mode l3, so that the neighbour gets its page.",
    _judge_kite,
    _solve_kite,
    (
        "eth0 carries one ipvlan network. Remove what is there: its container first, then the network.",
        'lab.network(..., driver="ipvlan", mode="l3", parent="eth0", subnet=...) makes the new one.',
        'why("neighbour", "http://...") tells who has no route; run("router", "ip route add ...") gives one.',
    ),
)

FERN, NEIGHBOUR = ip_address("198.51.101.20"), ip_address("198.51.101.3")


def _judge_fern(lab: Lab) -> Result:
    if not_running(lab, "fern"):
        return Result("Not attempted yet", "no container is called fern.")
    tagged = [link for link in links("neighbour") if link.kind == "vlan" and link.number == 20]
    if NEIGHBOUR not in [address.ip for link in tagged for address in link.addresses]:
        return Result(
            "Not yet", f"the neighbour has no address {NEIGHBOUR} on VLAN 20.", "The lesson did it for VLAN 10."
        )
    if problem := why_not_itself("neighbour", "fern", called=str(FERN)):
        return Result("Not yet", problem, f'parent="eth0.20" puts a network on VLAN 20, and ip= gives fern {FERN}.')
    way = run("neighbour", f"ip route get {FERN}").text.split()
    if not any(link.name in way for link in tagged):
        return Result("Not yet", "the neighbour does not reach fern by VLAN 20.", 'Its network needs parent="eth0.20".')
    return Result("Correct", "the neighbour and fern reach each other on VLAN 20.")


def _solve_fern(lab: Lab) -> None:
    link = "ip link add link eth0 name eth0.20 type vlan id 20; ip link set eth0.20 up"
    lab.bed.run("neighbour", ["sh", "-c", f"{link}; ip address add {NEIGHBOUR}/24 dev eth0.20"])
    wood = lab.network("wood", driver="ipvlan", parent="eth0.20", subnet="198.51.101.0/24")
    lab.container("fern", on=wood, ip=str(FERN))


fern = Exercise(
    f"Give the neighbour the address {NEIGHBOUR} on VLAN 20, and start fern, a container that it reaches at {FERN}.",
    _judge_fern,
    _solve_fern,
    (
        "The lesson has done both for VLAN 10.",
        'run("neighbour", "ip link add link eth0 name eth0.20 type vlan id 20; ...") makes the neighbour\'s part.',
        'lab.network("wood", driver="ipvlan", parent="eth0.20", subnet=...), and ip= of lab.container.',
    ),
)
