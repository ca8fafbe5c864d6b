"""The exercises of lesson 12 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exercise_states import Attempt, check_solved, check_untouched, check_wrong

from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import choosing
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed
STREET = {"driver": "macvlan", "parent": "eth0", "subnet": "192.0.2.0/24"}


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab with those networks of lesson 12 that its exercises are solved on."""
    assert bed.alive()
    lab = Lab("test_exercises_choosing", needs=("vxlan", "host2")).start()
    lab.swarm()
    lab.network("mesh", driver="overlay", subnet="172.31.1.0/24")
    lab.network("street", ip_range="192.0.2.64/28", **STREET)  # type: ignore[arg-type]
    lab.container("on_bridge", on=lab.network("inside", subnet="172.31.0.0/24"))
    yield lab
    lab.close()


def post_published(lab: Lab) -> None:
    """Give the address to the host, and publish a port of it."""
    run("host1", f"ip address add {choosing.POST}/24 dev eth0")
    lab.container("post", on="inside", publish={f"{choosing.POST}:80": 80})


def post_anywhere(lab: Lab) -> None:
    """Take the address that Docker chooses."""
    lab.container("post", on="street")


def post_silent(lab: Lab) -> None:
    """Have the address, and serve nothing."""
    lab.container("post", on="street", ip=choosing.POST, command="sleep 1000")


def post_by_another(lab: Lab) -> None:
    """Have another serve a page that says "I am post"."""
    lab.container("double", on="street", ip=choosing.POST, hostname="post")
    lab.container("post", on="container:double", command="sleep 1000")


def post_on_host2(lab: Lab) -> None:
    """Solve the first exercise on the other host."""
    yard = lab.network("yard", host="host2", ip_range="192.0.2.80/28", **STREET)  # type: ignore[arg-type]
    lab.container("post", on=yard, ip=choosing.POST, host="host2")


def till_alone(lab: Lab) -> None:
    """Start only one of the two."""
    lab.container("till", on="mesh")


def both_at_home(lab: Lab) -> None:
    """Start both on one host."""
    lab.containers("till", "store", on="inside")


def both_on_the_lan(lab: Lab) -> None:
    """Join them by the LAN, where nobody knows their names."""
    lab.container("till", on="street")
    yard = lab.network("yard", host="host2", ip_range="192.0.2.80/28", **STREET)  # type: ignore[arg-type]
    lab.container("store", on=yard, host="host2")


def open_to_the_lan(lab: Lab) -> None:
    """Solve the second exercise, and put one of the two on the LAN as well."""
    choosing.across.solve(lab)
    lab.connect("till", "street")


def across_by_connecting(lab: Lab) -> None:
    """Solve the second exercise in another way: start both on the default bridge, then connect them."""
    for name, host in (("till", "host1"), ("store", "host2")):
        lab.connect(lab.container(name, host=host), "mesh")


def scale_beside(lab: Lab) -> None:
    """Put it on the same network, where its localhost is its own."""
    lab.container("scale", on="inside", env={"PORT": "81"})


def scale_by_another(lab: Lab) -> None:
    """Have another serve the page, under the same name."""
    lab.container("double", on="container:on_bridge", command="sleep 1000")
    run("double", "sh -c \"while :; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\nI am scale.' | nc -l -p 81; done\" &")
    lab.container("scale", on="inside", command="sleep 1000")


def scale_by_a_relay(lab: Lab) -> None:
    """Solve the third exercise in another way: on_bridge hands its port on."""
    lab.container("scale", on="inside")
    where = "nsenter -n -t $(docker inspect -f '{{.State.Pid}}' on_bridge)"
    address = "$(docker inspect -f '{{.NetworkSettings.Networks.inside.IPAddress}}' scale)"
    run("host1", f"setsid {where} socat TCP-LISTEN:81,bind=127.0.0.1,fork TCP:{address}:80 >/dev/null 2>&1 &")
    run("host1", f"until {where} curl -s http://127.0.0.1:81; do sleep 0.1; done")


@pytest.mark.parametrize("exercise", [choosing.post, choosing.across, choosing.scale], ids=["post", "across", "scale"])
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    check_untouched(lab, exercise)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (choosing.post, post_published, "post has 172.31.0.3, not 192.0.2.70"),
        (choosing.post, post_anywhere, "post has 192.0.2.64, not 192.0.2.70"),
        (choosing.post, post_silent, "connection refused"),
        (choosing.post, post_by_another, "another that says it is post"),
        (choosing.across, till_alone, "store does not run"),
        (choosing.across, both_at_home, "store runs on host1"),
        (choosing.across, both_on_the_lan, "till <- http://store: the name is not known"),
        (choosing.across, open_to_the_lan, "the neighbour gets the page of till"),
        (choosing.scale, scale_beside, "connection refused"),
        (choosing.scale, scale_by_another, "another that says it is scale"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    check_wrong(lab, exercise, attempt, evidence)


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        (choosing.post, choosing.post.solve),
        (choosing.post, post_on_host2),
        (choosing.across, choosing.across.solve),
        (choosing.across, across_by_connecting),
        (choosing.scale, choosing.scale.solve),
        (choosing.scale, scale_by_a_relay),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    check_solved(lab, exercise, attempt)
