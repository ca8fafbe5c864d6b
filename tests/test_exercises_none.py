"""The exercises of lesson 06 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exercise_states import Attempt, check_solved, check_untouched, check_wrong, pid

from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import none
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed


def plugged(name: str, address: str, port: str) -> None:
    """Join a container to hand0 by hand, as the lesson does it."""
    run("host1", f"ip link add {port} type veth peer name eth0 netns {pid(name)}; ip link set {port} master hand0 up")
    inside = f"nsenter -n -t {pid(name)}"
    run("host1", f"{inside} ip link set eth0 up; {inside} ip address add {address} dev eth0")


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 06 begin."""
    assert bed.alive()
    lab = Lab("test_exercises_none").start()
    lab.container("box", on="none")
    run("host1", "ip link add hand0 type bridge; ip address add 198.51.100.1/24 dev hand0; ip link set hand0 up")
    plugged("box", "198.51.100.2/24", "cable")
    run("host1", f"nsenter -n -t {pid('box')} ip route add default via 198.51.100.1")
    run("host1", "iptables -A FORWARD -i hand0 -j ACCEPT; iptables -A FORWARD -o hand0 -p tcp --dport 80 -j ACCEPT")
    app = lab.container("app", on=lab.network("shop", subnet="172.30.0.0/24"))
    lab.container("side", on=app, env={"PORT": "81"})
    yield lab
    lab.close()


def den_without_a_cable(lab: Lab) -> None:
    """Start den, and no more."""
    lab.container("den", on="none")


def den_by_docker(lab: Lab) -> None:
    """Let Docker plug it in, to another bridge."""
    lab.container("den")


def den_without_an_address(lab: Lab) -> None:
    """Join den to the bridge, and leave it at that."""
    lab.container("den", on="none")
    run("host1", f"ip link add cable2 type veth peer name eth0 netns {pid('den')}; ip link set cable2 master hand0 up")


def den_in_another_subnet(lab: Lab) -> None:
    """Give den an address from which 198.51.100.2 is not near."""
    lab.container("den", on="none")
    plugged("den", "198.51.101.3/24", "cable2")


def den_has_the_address_of_box(lab: Lab) -> None:
    """Give den the address itself, at an interface that leads nowhere."""
    lab.container("den", on="none")
    inside = f"nsenter -n -t {pid('den')}"
    run("host1", f"{inside} ip link add own type bridge; {inside} ip address add {none.BOX}/24 dev own")
    run("host1", f"{inside} ip link set own up; {inside} ip link set lo up")


def den_is_translated(lab: Lab) -> None:
    """Plug den in, and lead what it sends to box to host1."""
    none.plug.solve(lab)
    run("host1", f"nsenter -n -t {pid('den')} iptables -t nat -A OUTPUT -d {none.BOX} -j DNAT --to 198.51.100.1")


def den_with_another_name(lab: Lab) -> None:
    """Solve the first exercise in another way: the interface is called otherwise."""
    lab.container("den", on="none")
    run("host1", f"ip link add cable9 type veth peer name way netns {pid('den')}; ip link set cable9 master hand0 up")
    inside = f"nsenter -n -t {pid('den')}"
    run("host1", f"{inside} ip link set way up; {inside} ip address add 198.51.100.77/25 dev way")


def published_by_docker(lab: Lab) -> None:
    """Publish another container at the port."""
    lab.container("other", publish={none.PORT: 80})


def translated_to_nowhere(lab: Lab) -> None:
    """Translate to a port where nobody listens."""
    assert lab.running()
    run("host1", f"iptables -t nat -A PREROUTING -p tcp --dport {none.PORT} -j DNAT --to-destination {none.BOX}:81")


def by_a_proxy(lab: Lab) -> None:
    """Solve the second exercise in another way: a program on host1 hands on what it gets."""
    hand_on = f"socat TCP-LISTEN:{none.PORT},fork,reuseaddr TCP:{none.BOX}:80"
    lab.container("proxy", on="host", command=hand_on)


def bat_on_the_same_network(lab: Lab) -> None:
    """Put bat on the network of app, not into its namespace."""
    lab.container("bat", on="shop", env={"PORT": "8082"})


def bat_ended(lab: Lab) -> None:
    """Start bat at a port that is taken."""
    lab.container("bat", on="container:app")
    lab.bed.run("host1", ["docker", "wait", "bat"])
    assert "bat" not in lab.running()


def bat_without_a_server(lab: Lab) -> None:
    """Start bat without a server; what app serves does not count for it."""
    lab.container("bat", on="container:app", command="sleep 1000")


def bat_behind_loopback(lab: Lab) -> None:
    """Let bat listen where only app and its sharers are."""
    lab.container("bat", on="container:app", env={"PORT": "8082", "BIND": "127.0.0.1"})


def bat_with_side(lab: Lab) -> None:
    """Solve the third exercise in another way: share with side, which shares with app."""
    lab.container("bat", on="container:side", env={"PORT": "8083"})


@pytest.mark.parametrize("exercise", [none.plug, none.inward, none.share], ids=["plug", "inward", "share"])
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    check_untouched(lab, exercise)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (none.plug, den_without_a_cable, "den has no interface but lo"),
        (none.plug, den_by_docker, "Docker has put den on bridge"),
        (none.plug, den_without_an_address, "den did not reach 198.51.100.2"),
        (none.plug, den_in_another_subnet, "den did not reach 198.51.100.2"),
        (none.plug, den_has_the_address_of_box, "it is not box that den reaches as 198.51.100.2"),
        (none.plug, den_is_translated, "it is not box that den reaches as 198.51.100.2"),
        (none.inward, published_by_docker, "I am other"),
        (none.inward, translated_to_nowhere, "neighbour <- http://192.0.2.11:8090"),
        (none.share, bat_on_the_same_network, "two network namespaces"),
        (none.share, bat_without_a_server, "no program of bat listens"),
        (none.share, bat_behind_loopback, "connection refused"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    check_wrong(lab, exercise, attempt, evidence)


def test_a_container_that_ended_is_no_attempt(lab: Lab) -> None:
    """What clashed and ended leaves the exercise as it was, and the check says that it does not run."""
    bat_ended(lab)
    assert none.share.check(lab).evidence == "no container called bat runs."


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        (none.plug, none.plug.solve),
        (none.plug, den_with_another_name),
        (none.inward, none.inward.solve),
        (none.inward, by_a_proxy),
        (none.share, none.share.solve),
        (none.share, bat_with_side),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    check_solved(lab, exercise, attempt)


def test_a_lesson_that_has_not_begun_cannot_be_checked(bed: Testbed) -> None:
    """Without the lesson's containers a check says what to do."""
    assert bed.alive()
    lab = Lab("test_exercises_none").start()
    assert {each.check(lab).state for each in (none.plug, none.inward, none.share)} == {"Cannot check here"}
    lab.close()
