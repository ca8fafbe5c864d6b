"""Exercises of lesson 02 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exercise_states import Attempt, check_wrong, pid

from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import stacks
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run
from dockernet_lessons.testbed import Testbed

MAY_ROUTE = ["NET_ADMIN"]


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 02 begin."""
    lab = Lab("test_exercises_stacks").start()
    lab.containers("web", "db")
    yield lab
    lab.close()


def in_a_stack_of_its_own(lab: Lab) -> None:
    """Serve at the right port of the wrong stack."""
    lab.container("twin", env={"PORT": "8085"})


def at_another_port(lab: Lab) -> None:
    """Share the stack, and serve elsewhere."""
    lab.container("twin", on=lab.container("web"), env={"PORT": "8086"})


def in_the_other_stack(lab: Lab) -> None:
    """Share the stack of db."""
    lab.container("twin", on=lab.container("db"), env={"PORT": "8085"})


def beside_a_forwarder(lab: Lab) -> None:
    """Solve the first exercise in another way: two programs in the new container, one passes on to the other."""
    serve = "PORT=8099 /usr/lib/testbed/serve & exec socat TCP-LISTEN:8085,fork,reuseaddr TCP:127.0.0.1:8099"
    lab.container("twin", on=lab.container("web"), command=["sh", "-c", serve])


def serving_after_all(lab: Lab) -> None:
    """Start an ordinary container."""
    lab.container("door")


def silent_instead(lab: Lab) -> None:
    """Have the host throw away what is for port 80."""
    lab.container("door", env={"PORT": "8080"})
    run("host1", "iptables -I OUTPUT -p tcp --dport 80 -d 172.17.0.4 -j DROP")


def deaf(lab: Lab) -> None:
    """Throw away everything that is for the container."""
    lab.container("door", env={"PORT": "8080"})
    run("host1", "iptables -I OUTPUT -d 172.17.0.4 -j DROP")


def asleep(lab: Lab) -> None:
    """Solve the second exercise in another way: a program that serves nothing."""
    lab.container("door", command="sleep 1d")


def no_network(lab: Lab) -> None:
    """Take everything from db."""
    db = lab.container("db", capabilities=MAY_ROUTE)
    run(db, "ip link set eth0 down")


def wrong_gateway(lab: Lab) -> None:
    """Send what is for others to nobody, so that it is lost in silence."""
    db = lab.container("db", capabilities=MAY_ROUTE)
    run(db, "ip route replace default via 172.17.0.99")


def both_broken(lab: Lab) -> None:
    """Take the way out from web, too."""
    stacks.no_route.solve(lab)
    web = lab.container("web", capabilities=MAY_ROUTE)
    run(web, "ip route delete default")


def from_the_host(lab: Lab) -> None:
    """Solve the third exercise in another way: the host enters the stack of db, as it is."""
    run("host1", "nsenter -n -t $(docker inspect -f '{{.State.Pid}}' db) ip route delete default")


def web_says_it_is_twin(lab: Lab) -> None:
    """Let twin sleep in the stack of web, and web itself serve a second page, in the name of twin."""
    lab.container("twin", on=lab.container("web"), command="sleep 1d")
    run("web", "ANSWERS_AS=twin PORT=8085 /usr/lib/testbed/serve >/dev/null 2>&1 &")
    run("web", "until wget -qO- http://127.0.0.1:8085; do :; done")


def twin_hands_on(lab: Lab) -> None:
    """Let twin hand on the page of web."""
    hand_on = "socat TCP-LISTEN:8085,fork,reuseaddr TCP:127.0.0.1:80"
    lab.container("twin", on=lab.container("web"), command=hand_on)
    run("web", "until wget -qO- http://127.0.0.1:8085; do :; done")


def refused_by_the_host(lab: Lab) -> None:
    """Start an ordinary container, and let a rule of host1 refuse in its place."""
    lab.container("door")
    run("host1", "iptables -I OUTPUT -d 172.17.0.4 -p tcp --dport 80 -j REJECT --reject-with tcp-reset")


def host1_is_the_door(lab: Lab) -> None:
    """Cut an ordinary container off, and put its address on host1, which answers and refuses itself."""
    lab.container("door")
    run("host1", f"nsenter -n -t {pid('door')} ip link set eth0 down")
    run("host1", "iptables -t raw -F PREROUTING; ip address add 172.17.0.4/32 dev lo")


def alone_with_the_address_of_web(lab: Lab) -> None:
    """Cut db off from everything, and put web's address on its own lo."""
    run(lab.container("db", on="none", capabilities=MAY_ROUTE), "ip address add 172.17.0.2/32 dev lo")


def beside_another_web(lab: Lab) -> None:
    """Join db by hand to another container with web's address, and to nobody else."""
    lab.containers("db", "dog", on="none")
    run("host1", f"ip link add eth0 netns {pid('db')} type veth peer name eth0 netns {pid('dog')}")
    for name, address in (("db", "172.17.0.3/16"), ("dog", "172.17.0.2/16")):
        run("host1", f"nsenter -n -t {pid(name)} sh -c 'ip link set eth0 up; ip address add {address} dev eth0'")


@pytest.mark.testbed
@pytest.mark.parametrize(
    "exercise", [stacks.twin, stacks.refused, stacks.no_route], ids=lambda each: each.statement[:9]
)
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    assert exercise.check(lab).state == "Not attempted yet"


@pytest.mark.testbed
@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (stacks.twin, in_a_stack_of_its_own, "twin has a stack of its own"),
        (stacks.twin, in_the_other_stack, "it has to share the one of web"),
        (stacks.twin, at_another_port, "http://127.0.0.1:8085: connection refused"),
        (stacks.refused, serving_after_all, "I am door"),
        (stacks.refused, silent_instead, "no answer within 3 s"),
        (stacks.refused, deaf, "host1 did not reach 172.17.0.4"),
        (stacks.no_route, no_network, "db did not reach 172.17.0.2"),
        (stacks.no_route, wrong_gateway, "db did not reach 192.0.2.3: no answer"),
        (stacks.no_route, both_broken, "web did not reach 192.0.2.3"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    attempt(lab)
    result = exercise.check(lab)
    assert result.state == "Not yet"
    assert evidence.lower() in repr(result).lower()
    assert result.next


@pytest.mark.testbed
@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (stacks.twin, web_says_it_is_twin, "http://127.0.0.1:8085: I am another that says it is twin."),
        (stacks.twin, twin_hands_on, "http://127.0.0.1:8085: I am web."),
        (stacks.refused, refused_by_the_host, "door <- http://172.17.0.4: I am door."),
        (stacks.refused, host1_is_the_door, "door <- http://172.17.0.4: "),
        (stacks.no_route, alone_with_the_address_of_web, "it is not web that db reaches as 172.17.0.2"),
        (stacks.no_route, beside_another_web, "it is not web that db reaches as 172.17.0.2"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_sly(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """What only looks like the answer is not taken for it."""
    check_wrong(lab, exercise, attempt, evidence)


@pytest.mark.testbed
@pytest.mark.parametrize(("exercise", "name"), [(stacks.twin, "twin"), (stacks.refused, "door")])
def test_a_container_that_was_stopped_does_not_count(lab: Lab, exercise: Exercise, name: str) -> None:
    """The right container in the right place is no answer once it has ended."""
    exercise.solve(lab)
    lab.stop(name)
    assert exercise.check(lab).state == "Not attempted yet"


@pytest.mark.testbed
@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        (stacks.twin, stacks.twin.solve),
        (stacks.twin, beside_a_forwarder),
        (stacks.refused, stacks.refused.solve),
        (stacks.refused, asleep),
        (stacks.no_route, stacks.no_route.solve),
        (stacks.no_route, from_the_host),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    attempt(lab)
    assert exercise.check(lab).state == "Correct"


@pytest.mark.testbed
def test_without_the_lesson_s_containers_nothing_is_judged(bed: Testbed) -> None:
    """A check before the lesson has begun says what to do."""
    begun = Lab("test_exercises_stacks").start()
    assert stacks.twin.check(begun).state == "Cannot check here"
    assert stacks.no_route.check(begun).state == "Cannot check here"
    begun.close()
