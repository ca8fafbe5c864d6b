"""The exercises of lesson 08 in three states, on the virtual machine: its kernel has ipvlan and VLANs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from exercise_states import check_solved, check_untouched, check_wrong

from dockernet_lessons.exercises import ipvlan
from dockernet_lessons.lab import Lab

pytestmark = pytest.mark.testbed


@pytest.fixture
def lab(vm_runtime: Path) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 08 begin."""
    assert vm_runtime.exists()
    lab = Lab("test_exercises_ipvlan", needs=("ipvlan", "vlan")).start()
    lane = lab.network("lane", driver="ipvlan", parent="eth0", subnet="192.0.2.0/24", ip_range="192.0.2.64/28")
    lab.container("ash", on=lane)
    yield lab
    lab.close()


def kite_on_the_lane(lab: Lab) -> None:
    """Start kite where the other containers are, in mode l2."""
    lab.container("kite", on="lane")


def kite_without_a_route(lab: Lab) -> None:
    """Do everything but tell the router."""
    lab.remove(lab.container("kite", on="lane"))
    ipvlan.kite.solve(lab)
    lab.bed.run("router", ["ip", "route", "delete", str(ipvlan.HILL)])


def fern_without_the_neighbour(lab: Lab) -> None:
    """Start fern, and leave the neighbour as it is."""
    wood = lab.network("wood", driver="ipvlan", parent="eth0.20", subnet="198.51.101.0/24")
    lab.container("fern", on=wood, ip=str(ipvlan.FERN))


def fern_on_another_vlan(lab: Lab) -> None:
    """Put the neighbour on VLAN 20, and fern on VLAN 21."""
    lab.remove(lab.container("fern", on="wood", ip=str(ipvlan.FERN)))
    ipvlan.fern.solve(lab)
    lab.remove(lab.container("fern", on="wood", ip=str(ipvlan.FERN)))
    lab.bed.run("host1", ["docker", "network", "rm", "wood"])
    other = lab.network("other", driver="ipvlan", parent="eth0.21", subnet="198.51.101.0/24")
    lab.container("fern", on=other, ip=str(ipvlan.FERN))


def neighbour_is_kite(lab: Lab) -> None:
    """Leave kite without a server, and put its address on the neighbour, which gets its own page."""
    lab.container("kite", on="sky", command="sleep 1d")
    lab.bed.run("neighbour", ["ip", "address", "add", "198.51.102.1/32", "dev", "lo"])


def gull_is_kite(lab: Lab) -> None:
    """Lead the neighbour to another container, which says that it is kite."""
    lab.bed.run("neighbour", ["ip", "address", "delete", "198.51.102.1/32", "dev", "lo"])
    gull = lab.container("gull", on="sky", hostname="kite", ip="198.51.102.9")
    led = [
        "iptables",
        "-t",
        "nat",
        "-A",
        "OUTPUT",
        "-d",
        "198.51.102.1",
        "-j",
        "DNAT",
        "--to-destination",
        "198.51.102.9",
    ]
    lab.bed.run("neighbour", led)
    assert gull.name in lab.running()


def kite_has_ended(lab: Lab) -> None:
    """Stop what has been right."""
    lab.stop("kite")


def neighbour_is_fern(lab: Lab) -> None:
    """Start fern where the other containers are, and put its address on the neighbour, which reaches itself."""
    lab.container("fern", on="lane")
    lab.bed.run("neighbour", ["ip", "address", "add", f"{ipvlan.FERN}/32", "dev", "lo"])


def moss_is_fern(lab: Lab) -> None:
    """Start another container on VLAN 20 at the address of fern, which stays where it is."""
    lab.bed.run("neighbour", ["ip", "address", "delete", f"{ipvlan.FERN}/32", "dev", "lo"])
    lab.container("moss", on="wood", ip=str(ipvlan.FERN))


def fern_beside_the_vlan(lab: Lab) -> None:
    """Put fern on the LAN itself, and lead the neighbour there."""
    lab.remove(*lab.running().values())
    lab.remove(*(network for network in lab.networks() if network.driver == "ipvlan"))
    clearing = lab.network("clearing", driver="ipvlan", parent="eth0", subnet="198.51.101.0/24")
    lab.container("fern", on=clearing, ip=str(ipvlan.FERN))
    lab.bed.run("neighbour", ["ip", "route", "add", str(ipvlan.FERN), "dev", "eth0", "src", str(ipvlan.NEIGHBOUR)])


def kite_with_the_route(lab: Lab) -> None:
    """Tell the router."""
    lab.bed.run("router", ["ip", "route", "add", str(ipvlan.HILL), "via", "192.0.2.11"])


def fern_on_the_same_vlan(lab: Lab) -> None:
    """Move fern to the neighbour's VLAN."""
    lab.remove(lab.container("fern", on="other", ip=str(ipvlan.FERN)))
    lab.bed.run("host1", ["docker", "network", "rm", "other"])
    fern_without_the_neighbour(lab)


def test_kite(lab: Lab) -> None:
    """Untouched, in the wrong mode, without a route, solved, and what only looks so: each is told from the others."""
    check_untouched(lab, ipvlan.kite)
    check_wrong(lab, ipvlan.kite, kite_on_the_lane, "kite's interface is an ipvlan of mode l2")
    check_wrong(lab, ipvlan.kite, kite_without_a_route, "neighbour <- http://198.51.102.")
    check_solved(lab, ipvlan.kite, kite_with_the_route)
    kite_has_ended(lab)
    check_untouched(lab, ipvlan.kite)
    check_wrong(lab, ipvlan.kite, neighbour_is_kite, "http://198.51.102.1: I am neighbour.")
    check_wrong(lab, ipvlan.kite, gull_is_kite, "http://198.51.102.1: I am another that says it is kite.")


def test_fern(lab: Lab) -> None:
    """Untouched, half done, on two VLANs, solved, and what only looks so: each is told from the others."""
    check_untouched(lab, ipvlan.fern)
    check_wrong(lab, ipvlan.fern, fern_without_the_neighbour, "the neighbour has no address 198.51.101.3 on VLAN 20")
    check_wrong(lab, ipvlan.fern, fern_on_another_vlan, "neighbour did not reach 198.51.101.20")
    check_solved(lab, ipvlan.fern, fern_on_the_same_vlan)
    check_wrong(lab, ipvlan.fern, neighbour_is_fern, "it is not fern that neighbour reaches as 198.51.101.20")
    check_wrong(lab, ipvlan.fern, moss_is_fern, "it is not fern that neighbour reaches as 198.51.101.20")
    check_wrong(lab, ipvlan.fern, fern_beside_the_vlan, "the neighbour does not reach fern by VLAN 20")
