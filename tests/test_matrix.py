"""Who reaches whom, as a matrix: measured for every pair, and no failure counted that the probe itself may have had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dockernet_lessons import Lab, LessonError
from dockernet_lessons.matrix import Reach, reach
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed

BY_ADDRESS = """\
reach by ping to the address: rows to columns
           web  db   far  alone  host1  neighbour
web        yes  yes  no   no     yes    yes
db         yes  yes  no   no     yes    yes
far        no   no   yes  no     yes    yes
alone      no   no   no   yes    no     no
host1      yes  yes  yes  no     yes    yes
neighbour  no   no   no   no     yes    yes"""


@pytest.fixture(scope="module")
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give two containers on one network, one on the default bridge, one without any."""
    assert bed.alive()
    made = Lab("test_reach").start()
    made.network("shop", subnet="172.30.0.0/24")
    made.containers("web", "db", on="shop")
    made.container("far")
    made.container("alone", on="none")
    made.container("guest", on="host")
    yield made
    made.close()


def test_every_pair_is_measured(lab: Lab) -> None:
    """The matrix has what each pair does; one without an address is reached by itself alone, which proves its probe."""
    assert lab.running()
    assert repr(reach("web", "db", "far", "alone", "host1", "neighbour")) == BY_ADDRESS


def test_names_and_ports(lab: Lab) -> None:
    """By name only the network's own containers are reached; by a port, who listens there."""
    assert lab.running()
    by_name = reach("web", "far", to=["web", "db"], by="name")
    assert (by_name("web", "db"), by_name("far", "db")) == (True, False)
    by_port = reach("web", to=["db", "neighbour"], port=80)
    assert by_port.cells == ((True, True),)


def test_a_guest_of_its_host_is_reached_where_the_host_is(lab: Lab) -> None:
    """A container on `host` has no address of its own, and is not called unreachable for that."""
    assert lab.running()
    assert reach("web", "neighbour", "guest", to=["guest"], port=80).cells == ((True,), (True,), (True,))


def test_a_failure_proves_nothing_where_nobody_succeeds(lab: Lab) -> None:
    """A port on which nobody listens anywhere is not said to be unreachable for one of them."""
    assert lab.running()
    assert reach("web", "db", port=4).cells == ((None, None), (None, None))


def test_the_matrix_is_told_apart_without_colours() -> None:
    """Each cell has a sign of its own, with a word for those who do not see it."""
    html = Reach("by ping", ("a",), ("a", "b", "c"), ((True, False, None),))._repr_html_()
    assert [sign in html for sign in ("✓", "✗", "?")] == [True] * 3
    assert 'aria-label="no"' in html


def test_what_is_not_there_is_refused(lab: Lab) -> None:
    """Nobody, an unknown place, an unknown way and no port are refused before anything is sent."""
    assert lab.running()
    for arguments, options in (((), {}), (("nobody",), {}), (("web",), {"by": "smell"}), (("web",), {"port": 0})):
        with pytest.raises(LessonError):
            reach(*arguments, **options)
