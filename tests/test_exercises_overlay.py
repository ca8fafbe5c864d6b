"""The exercises of lesson 09 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exercise_states import Attempt, check_solved, check_untouched, check_wrong, pid

from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import overlay
from dockernet_lessons.facts import Network
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 09 begin."""
    assert bed.alive()
    lab = Lab("test_exercises_overlay", needs=("vxlan", "host2")).start()
    lab.swarm()
    yield lab
    lab.close()


def wide(lab: Lab, mtu: int | None = None) -> Network:
    """Make an overlay network."""
    return lab.network("wide", driver="overlay", subnet="172.31.5.0/24", mtu=mtu)


def ant_alone(lab: Lab) -> None:
    """Start only one of the two."""
    lab.container("ant", on=wide(lab))


def both_on_one_host(lab: Lab) -> None:
    """Let them reach each other where that is no art."""
    lab.containers("ant", "bee", on=wide(lab))


def a_bridge_on_each(lab: Lab) -> None:
    """Give each host a bridge network of the same name and subnet."""
    for name, host in (("ant", "host1"), ("bee", "host2")):
        lab.container(name, on=lab.network("farm", subnet="172.31.6.0/24", host=host), host=host)


def across_by_connecting(lab: Lab) -> None:
    """Solve the first exercise in another way: start both on the default bridge, then connect them."""
    for name, host in (("ant", "host1"), ("bee", "host2")):
        lab.connect(lab.container(name, host=host), wide(lab))


def elf_and_owl(lab: Lab, mtu: int | None) -> None:
    """Start both on an overlay of some MTU."""
    lab.container("elf", on=wide(lab, mtu))
    lab.container("owl", on="wide", host="host2")


def as_docker_does(lab: Lab) -> None:
    """Leave the MTU as it is."""
    elf_and_owl(lab, None)


def wrapping_forgotten(lab: Lab) -> None:
    """Give 50 bytes less than usual only."""
    elf_and_owl(lab, 1450)


def taken_off_twice(lab: Lab) -> None:
    """Take off by hand what Docker takes off, too."""
    elf_and_owl(lab, 1350)


def each_is_the_other(lab: Lab) -> None:
    """Write the name of each into the hosts file of the other, beside an address of that one itself."""
    lab.container("ant", hosts={"bee": "127.0.0.1"})
    lab.container("bee", host="host2", hosts={"ant": "127.0.0.1"})


def on_the_lan(lab: Lab, first: str, second: str) -> None:
    """Put both on the LAN of everybody, at addresses that they know by their hosts files."""
    ends = (
        ("host1", first, "192.0.2.65", {second: "192.0.2.66"}),
        ("host2", second, "192.0.2.66", {first: "192.0.2.65"}),
    )
    lan = {"driver": "macvlan", "parent": "eth0", "subnet": "192.0.2.0/24", "ip_range": "192.0.2.64/28"}
    for host, name, ip, hosts in ends:
        street = lab.network("street", host=host, **lan)  # type: ignore[arg-type]
        lab.container(name, on=street, ip=ip, hosts=hosts, host=host)


def ant_and_bee_on_the_lan(lab: Lab) -> None:
    """Leave out the network of their own."""
    on_the_lan(lab, "ant", "bee")


def elf_and_owl_on_the_lan(lab: Lab) -> None:
    """Give both the right MTU where nothing is wrapped."""
    on_the_lan(lab, "elf", "owl")
    for host, name in (("host1", "elf"), ("host2", "owl")):
        run(host, f"nsenter -n -t {pid(name)} ip link set eth0 mtu 1350")


def the_hosts_answer(lab: Lab) -> None:
    """Write the name of each beside the address of the other's host."""
    lab.container("elf", hosts={"owl": "192.0.2.12"})
    lab.container("owl", host="host2", hosts={"elf": "192.0.2.11"})


def ant_has_ended(lab: Lab) -> None:
    """Solve the first exercise, and stop one of the two."""
    overlay.across.solve(lab)
    lab.stop("ant")


@pytest.mark.parametrize("exercise", [overlay.across, overlay.narrow], ids=["across", "narrow"])
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    check_untouched(lab, exercise)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (overlay.across, ant_alone, "bee does not run"),
        (overlay.across, both_on_one_host, "bee runs on host1"),
        (overlay.across, a_bridge_on_each, "ant did not reach bee"),
        (overlay.narrow, as_docker_does, "elf sends packets of up to 1450 bytes, which are 1500 bytes when wrapped"),
        (
            overlay.narrow,
            wrapping_forgotten,
            "elf sends packets of up to 1400 bytes, which are 1450 bytes when wrapped",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    check_wrong(lab, exercise, attempt, evidence)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (overlay.across, each_is_the_other, "it is not bee that ant reaches as bee"),
        (overlay.across, ant_and_bee_on_the_lan, "ant and bee have no network of their own in common"),
        (overlay.across, ant_has_ended, "ant does not run"),
        (overlay.narrow, elf_and_owl_on_the_lan, "elf and owl have no network of their own in common"),
        (overlay.narrow, the_hosts_answer, "it is not owl that elf reaches as owl"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_sly(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """What only looks like the answer is not taken for it."""
    check_wrong(lab, exercise, attempt, evidence)


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        (overlay.across, overlay.across.solve),
        (overlay.across, across_by_connecting),
        (overlay.narrow, overlay.narrow.solve),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    check_solved(lab, exercise, attempt)
