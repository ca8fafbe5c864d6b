"""The exercises of lesson 10 in three states: untouched, wrong in several ways, and solved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exercise_states import Attempt, check_solved, check_untouched, check_wrong

from dockernet_lessons import probe
from dockernet_lessons.checks import Exercise
from dockernet_lessons.exercises import several
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed
STREET, CELLAR = "172.30.10.0/24", "172.30.11.0/24"
OVERRULE = "nsenter -n -t $(docker inspect -f '{{.State.Pid}}' app) ip route replace default via"


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab in the state in which the exercises of lesson 10 begin."""
    assert bed.alive()
    lab = Lab("test_exercises_several").start()
    shop = lab.network("shop", subnet="172.30.0.0/24")
    back = lab.network("back", subnet="172.30.1.0/24")
    lab.containers("web", "app", on=shop)
    lab.container("db", on=back)
    lab.connect("app", back)
    yield lab
    lab.close()


def last_by_name(lab: Lab) -> None:
    """Connect app to a network whose name comes last."""
    lab.connect("app", lab.network("yard", subnet="172.30.9.0/24"))


def nobody_on_it(lab: Lab) -> None:
    """Make the network only."""
    lab.network("aisle", subnet="172.30.9.0/24")


def moved(lab: Lab) -> None:
    """Leave db's network for the new one."""
    lab.disconnect("app", "back")
    several.way_out.solve(lab)


def no_way_out(lab: Lab) -> None:
    """Make app send it to the gateway of a network that is internal."""
    lab.connect("app", lab.network("aisle", subnet="172.30.9.0/24", internal=True))
    probe.run("host1", f"{OVERRULE} 172.30.9.1")


def db_by_hand(lab: Lab) -> None:
    """Leave the network of db, and lead its name to web, which answers a ping just as well."""
    aisle = lab.network("aisle", subnet="172.30.9.0/24")
    web = lab.running()["web"]
    app = lab.container("app", on=["shop"], hosts={"db": f"{probe.resolve(web, 'web').addresses[0]}"})
    lab.connect(app, aisle)


def the_gateway_is_the_neighbour(lab: Lab) -> None:
    """Make app send it to a network without a way out, and let host1 answer for the neighbour."""
    no_way_out(lab)
    probe.run("host1", f"ip link add own type bridge; ip address add {several.NEIGHBOUR}/32 dev own")
    probe.run("host1", "ip link set own up")


def out_by_hand(lab: Lab) -> None:
    """Solve the first exercise in another way: overrule Docker's choice."""
    last_by_name(lab)
    probe.run("host1", f"{OVERRULE} 172.30.9.1")


def front_alone(lab: Lab) -> None:
    """Start only one of the two."""
    lab.container("front", publish={8090: 80})


def both_on_one_bridge(lab: Lab) -> None:
    """Put both on a network that leads out."""
    street = lab.network("street", subnet=STREET)
    lab.containers("store", on=street)
    lab.container("front", on=street, publish={8090: 80})


def both_inside(lab: Lab) -> None:
    """Put both on an internal network: what is published there is not."""
    cellar = lab.network("cellar", subnet=CELLAR, internal=True)
    lab.container("store", on=cellar)
    lab.container("front", on=cellar, publish={8090: 80})


def apart(lab: Lab) -> None:
    """Give them no network in common."""
    lab.container("store", on=lab.network("cellar", subnet=CELLAR, internal=True))
    lab.container("front", on=lab.network("street", subnet=STREET), publish={8090: 80})


def another_page(lab: Lab) -> None:
    """Let store answer at the port that was asked for."""
    several.tiers.solve(lab)
    lab.container("front", on=["street", "cellar"])
    lab.container("till", on="street", publish={8090: 80})


def says_it_is_front(lab: Lab) -> None:
    """Let another container that calls itself front answer at the port that was asked for."""
    several.tiers.solve(lab)
    lab.container("front", on=["street", "cellar"])
    lab.container("till", on="street", hostname="front", publish={8090: 80})


def tiers_by_connecting(lab: Lab) -> None:
    """Solve the second exercise in another way: on the default bridge first, inside later."""
    cellar = lab.network("cellar", subnet=CELLAR, internal=True)
    lab.container("store", on=cellar)
    lab.connect(lab.container("front", publish={8090: 80}), cellar)


@pytest.mark.parametrize("exercise", [several.way_out, several.tiers], ids=["way_out", "tiers"])
def test_untouched(lab: Lab, exercise: Exercise) -> None:
    """An exercise that nobody has tried says so."""
    check_untouched(lab, exercise)


@pytest.mark.parametrize(
    ("exercise", "attempt", "evidence"),
    [
        (several.way_out, last_by_name, "app sends it via 172.30.1.1"),
        (several.way_out, nobody_on_it, "app sends it via 172.30.1.1"),
        (several.way_out, moved, "app did not reach db: the name is not known"),
        (several.way_out, no_way_out, "app did not reach 192.0.2.3: no answer"),
        (several.way_out, db_by_hand, "it is not db that app reaches as db"),
        (several.way_out, the_gateway_is_the_neighbour, "it is not neighbour that app reaches as 192.0.2.3"),
        (several.tiers, front_alone, "store does not run"),
        (several.tiers, both_on_one_bridge, "store reached 192.0.2.3"),
        (several.tiers, both_inside, "neighbour <- http://192.0.2.11:8090: connection refused"),
        (several.tiers, apart, "front did not reach store: the name is not known"),
        (several.tiers, another_page, "I am till."),
        (several.tiers, says_it_is_front, "I am another that says it is front."),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong(lab: Lab, exercise: Exercise, attempt: Attempt, evidence: str) -> None:
    """A wrong answer is not yet right, with what was seen and what to look at next."""
    check_wrong(lab, exercise, attempt, evidence)


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        (several.way_out, several.way_out.solve),
        (several.way_out, out_by_hand),
        (several.tiers, several.tiers.solve),
        (several.tiers, tiers_by_connecting),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_solved(lab: Lab, exercise: Exercise, attempt: Attempt) -> None:
    """The solution that ships is right, and so is every other way to the same effect."""
    check_solved(lab, exercise, attempt)
