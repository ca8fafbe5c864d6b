"""The exercises of lesson 05 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exercise_states import Attempt, check_solved, check_untouched, check_wrong, pid

from dockernet_lessons import probe
from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import host
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 05 begin."""
    assert bed.alive()
    lab = Lab("test_exercises_host").start()
    lab.container("web", on="host")
    lab.container("db")
    lab.container("inner", on="host", env={"PORT": "8081", "BIND": "127.0.0.1"})
    yield lab
    lab.close()


def cow_alone(lab: Lab) -> None:
    """Start only one of the two."""
    lab.container("cow", on="host", env={"PORT": "8001"})


def at_one_port(lab: Lab) -> None:
    """Start both at the same port: the second ends at once."""
    lab.containers("cow", "hen", on="host", env={"PORT": "8001"})
    lab.bed.run("host1", ["docker", "wait", "hen"])


def with_networks_of_their_own(lab: Lab) -> None:
    """Publish instead."""
    lab.container("cow", publish={8001: 80})
    lab.container("hen", publish={8002: 80})


def hen_behind_loopback(lab: Lab) -> None:
    """Let one of the two listen where only its host is."""
    cow_alone(lab)
    lab.container("hen", on="host", env={"PORT": "8002", "BIND": "127.0.0.1"})


def hen_listens_to_nobody(lab: Lab) -> None:
    """Let one of the two run without a server; what web serves on the same network does not count for it."""
    cow_alone(lab)
    lab.container("hen", on="host", command="sleep 1000")


def web_moved(lab: Lab) -> None:
    """Give web a network with names, and so one of its own."""
    shop = lab.network("shop", subnet="172.30.0.0/24")
    lab.container("web", on=shop)
    lab.container("db", on=shop)


def wrong_address(lab: Lab) -> None:
    """Write the name beside an address that nobody has."""
    lab.container("web", on="host", hosts={"db": "172.17.0.99"})


def open_to_all(lab: Lab) -> None:
    """Let cat listen everywhere."""
    lab.container("cat", on="host", env={"PORT": "8003"})


def cat_on_the_bridge(lab: Lab) -> None:
    """Give cat a network of its own: host1 gets its page, and the neighbour does not."""
    lab.container("cat")


def cat_behind_the_firewall(lab: Lab) -> None:
    """Solve the third exercise in another way: by a rule of the host's firewall."""
    open_to_all(lab)
    probe.run("host1", "iptables -I INPUT -i eth0 -p tcp --dport 8003 -j DROP")


def name_by_the_hosts_file(lab: Lab) -> None:
    """Solve the second exercise in another way: write the line into the hosts file of web."""
    assert lab.running()
    probe.run("web", "echo 172.17.0.2 db >> /etc/hosts")


def hen_beside_docker(lab: Lab) -> None:
    """Solve the first exercise in another way: each listens at an address of its own, at the same port."""
    lab.container("cow", on="host", env={"PORT": "8001", "BIND": "192.0.2.11"})
    lab.container("hen", on="host", env={"PORT": "8002", "BIND": "192.0.2.11"})


def cow_hands_on(lab: Lab) -> None:
    """Let cow hand on the page of web."""
    lab.container("cow", on="host", command="socat TCP-LISTEN:8001,fork,reuseaddr TCP:127.0.0.1:80")
    lab.container("hen", on="host", env={"PORT": "8002"})
    probe.run("host1", "until curl -s http://127.0.0.1:8001; do :; done")


def dog_says_it_is_cow(lab: Lab) -> None:
    """Let another container answer in the name of cow, which listens where nobody comes."""
    lab.container("cow", on="host", env={"PORT": "8001", "BIND": "127.0.0.1"})
    lab.container("dog", on="host", env={"PORT": "8001", "BIND": "192.0.2.11", "ANSWERS_AS": "cow"})
    lab.container("hen", on="host", env={"PORT": "8002"})


def cow_on_the_other_host(lab: Lab) -> None:
    """Start cow on the network of host2, and hand on what host1 gets."""
    lab.need("host2")
    lab.container("cow", on="host", host="host2", env={"PORT": "8001"})
    lab.container("dog", on="host", command="socat TCP-LISTEN:8001,fork,reuseaddr TCP:192.0.2.12:8001")
    lab.container("hen", on="host", env={"PORT": "8002"})


def db_is_itself(lab: Lab) -> None:
    """Write the name of db beside an address of web itself."""
    lab.container("web", on="host", hosts={"db": "127.0.0.1"})


def db_is_the_neighbour(lab: Lab) -> None:
    """Write the name of db beside somebody else's address."""
    lab.container("web", on="host", hosts={"db": "192.0.2.3"})


def host1_has_the_address_of_db(lab: Lab) -> None:
    """Put the address on host1 while db is cut off."""
    host.name.solve(lab)
    probe.run("host1", f"nsenter -n -t {pid('db')} ip link set eth0 down")
    probe.run("host1", "iptables -t raw -F PREROUTING; ip address add 172.17.0.2/32 dev lo")


def cat_with_a_back_door(lab: Lab) -> None:
    """Let cat serve twice: for host1 only, and for everybody at the port after it."""
    both = "PORT=8003 BIND=127.0.0.1 /usr/lib/testbed/serve & PORT=8004 exec /usr/lib/testbed/serve"
    lab.container("cat", on="host", command=["sh", "-c", both])
    probe.run("host1", "for port in 8003 8004; do until curl -s http://127.0.0.1:$port; do :; done; done")


def cat_hands_on(lab: Lab) -> None:
    """Let cat hand on the page of web, for host1 only."""
    lab.container("cat", on="host", command="socat TCP-LISTEN:8003,bind=127.0.0.1,fork,reuseaddr TCP:127.0.0.1:80")
    probe.run("host1", "until curl -s http://127.0.0.1:8003; do :; done")


@pytest.mark.parametrize("exercise", [host.two, host.name, host.private], ids=["two", "name", "private"])
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    check_untouched(lab, exercise)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (host.two, cow_alone, "hen does not run"),
        (host.two, at_one_port, "hen does not run"),
        (host.two, with_networks_of_their_own, "cow is not on the network of host1"),
        (host.two, hen_behind_loopback, "neighbour <- http://192.0.2.11:8002: connection refused"),
        (host.two, hen_listens_to_nobody, "no program of hen listens"),
        (host.name, web_moved, "web is not on the network of host1"),
        (host.name, wrong_address, "web did not reach db: no answer"),
        (host.private, open_to_all, "the neighbour gets the page, too"),
        (host.private, cat_on_the_bridge, "cat is not on the network of host1"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    check_wrong(lab, exercise, attempt, evidence)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (host.two, cow_hands_on, "http://192.0.2.11:8001: I am host1."),
        (host.two, dog_says_it_is_cow, "I am another that says it is cow."),
        (host.two, cow_on_the_other_host, "cow is not on the network of host1"),
        (host.name, db_is_itself, "it is not db that web reaches as db"),
        (host.name, db_is_the_neighbour, "it is not db that web reaches as db"),
        (host.name, host1_has_the_address_of_db, "it is not db that web reaches as db"),
        (host.private, cat_with_a_back_door, "the neighbour gets the page, too"),
        (host.private, cat_hands_on, "http://127.0.0.1:8003: I am host1."),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_sly(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """What only looks like the answer is not taken for it."""
    check_wrong(lab, exercise, attempt, evidence)


def test_a_neighbour_that_gets_nothing_proves_nothing(lab: Lab) -> None:
    """Where the neighbour itself sends nothing to any port, its not getting a page is no evidence."""
    open_to_all(lab)
    probe.run("neighbour", "iptables -I OUTPUT -p tcp -j DROP")
    assert host.private.check(lab).evidence == "the neighbour does not reach host1 at all."


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        (host.two, host.two.solve),
        (host.two, hen_beside_docker),
        (host.name, host.name.solve),
        (host.name, name_by_the_hosts_file),
        (host.private, host.private.solve),
        (host.private, cat_behind_the_firewall),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    check_solved(lab, exercise, attempt)
