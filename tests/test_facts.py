"""Facts read well and stay the same: what a lesson prints is compared with what it printed before."""

from __future__ import annotations

import html
import re
from dataclasses import FrozenInstanceError, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from dockernet_lessons.display import Table, show
from dockernet_lessons.errors import BuildFailed, CommandFailed, LessonError, NoTestbed
from dockernet_lessons.facts import (
    Answer,
    Cable,
    Container,
    End,
    Link,
    Ping,
    Place,
    Printed,
    Resolution,
    Route,
    Topology,
)

WEB = Container("web", "host1", "3b1c" * 16)


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (WEB, "<container web on host1>"),
        (
            Ping("web", "db", 1, 1, 64, None, "docker exec web ping -c 1 db"),
            "web reached db: 1 of 1 answered, TTL 64",
        ),
        (
            Ping("web", "192.0.2.3", 3, 2, 63, None, "..."),
            "web reached 192.0.2.3: 2 of 3 answered, TTL 63",
        ),
        (
            Ping("web", "172.30.0.2", 1, 0, None, "no answer", "..."),
            "web did not reach 172.30.0.2: no answer",
        ),
        (
            Answer("web", "http://db", "I am db. You are 172.17.0.2.", None, "..."),
            "web <- http://db: I am db. You are 172.17.0.2.",
        ),
        (
            Answer("web", "http://db", "", "the name is not known", "..."),
            "web <- http://db: the name is not known",
        ),
        (Resolution("web", "db", (IPv4Address("172.30.0.3"),), "..."), "web finds db at 172.30.0.3"),
        (
            Resolution("web", "db", (IPv4Address("172.17.0.3"), IPv4Address("172.30.0.3")), "..."),
            "web finds db at 172.17.0.3, 172.30.0.3",
        ),
        (Resolution("web", "db", (), "..."), "web knows no address of db"),
        (Printed("ip route", "default via 172.17.0.1\nlast line\n\n"), "default via 172.17.0.1\nlast line"),
    ],
)
def test_text_of_a_fact(fact: object, text: str) -> None:
    """The text form is a sentence, without ids, timings or the command."""
    assert repr(fact) == text


def test_reached_says_whether_an_answer_came() -> None:
    """A ping reached its target exactly when there was no problem."""
    assert Ping("web", "db", 1, 1, 64, None, "...").reached
    assert not Ping("web", "db", 1, 0, None, "no answer", "...").reached


def test_a_container_is_called_by_its_name() -> None:
    """A container stands for its name in a sentence."""
    assert f"{WEB} answers" == "web answers"


def test_facts_cannot_be_changed_and_compare_by_value() -> None:
    """What was observed stays as it was observed."""
    route = Route(IPv4Network("192.0.2.0/24"), "eth0")
    assert route == Route(IPv4Network("192.0.2.0/24"), "eth0")
    assert len({route, Route(IPv4Network("192.0.2.0/24"), "eth0"), Route(None, "eth0")}) == 2
    with pytest.raises(FrozenInstanceError):
        route.interface = "eth1"  # type: ignore[misc]


# ---- tables ------------------------------------------------------------------------------------------------


def table(*rows: tuple[object, ...]) -> Table[tuple[object, ...]]:
    """Give a table with two columns."""
    columns = {"to": lambda row: row[0], "through": lambda row: row[1]}
    return Table(rows, columns=columns, command="ip route", at="host1")


def test_text_of_a_table() -> None:
    """Under the command, columns are as wide as their widest cell, no line ends in a space, None is empty."""
    assert repr(table(("172.17.0.0/16", "docker0"), (None, "eth0"), ("x", None))).splitlines() == [
        "host1$ ip route",
        "to             through",
        "172.17.0.0/16  docker0",
        "               eth0",
        "x",
    ]


def test_a_cell_that_is_zero_is_shown() -> None:
    """Only None is empty: a counter of 0 is an observation."""
    assert repr(table((0, False))).splitlines()[2] == "0   False"


def test_a_column_without_any_cell_is_left_out() -> None:
    """Where no row has anything in a column its heading is not shown either."""
    assert repr(table(("a", None), ("b", ""))).splitlines()[1:] == ["to", "a", "b"]


def test_an_empty_table_says_so() -> None:
    """No rows is an answer too, in text and on a page."""
    assert repr(table()) == "host1$ ip route\n(nothing)"
    assert re.sub("<[^>]*>", "", table()._repr_html_()) == "host1$ ip route(nothing)"
    assert len(table()) == 0


def test_a_table_is_a_sequence_of_its_rows() -> None:
    """Rows are counted, indexed and looped over."""
    found = table(("a", 1), ("b", 2))
    assert (len(found), found[0], found[-1], list(found)) == (2, ("a", 1), ("b", 2), [("a", 1), ("b", 2)])
    assert found[:1] == (("a", 1),)
    assert ("b", 2) in found
    assert (found.command, found.at) == ("ip route", "host1")


def test_page_of_a_table_shows_the_same_cells() -> None:
    """The page has the command, every heading and every cell of the text, once."""
    page = table(("172.17.0.0/16", "docker0"))._repr_html_()
    shown = [text for text in re.split("<[^>]*>", page) if text]
    assert shown == ["host1$ ip route", "to", "through", "172.17.0.0/16", "docker0"]
    assert (page.count("<tr>"), page.count('scope="col"')) == (2, 2)


def test_page_of_a_table_escapes_what_it_shows() -> None:
    """What somebody called a container cannot become part of the page."""
    rude = "<script>alert('&')</script>"
    page = Table([rude], columns={rude: str}, command=rude, at=rude)._repr_html_()
    assert "<script>" not in page
    assert html.unescape(page).count(rude) == 4


def test_a_command_with_dollar_signs_is_no_formula() -> None:
    """Jupyter sets what stands between two dollar signs as mathematics, but not in a code element."""
    typed = "nsenter -n -t $(docker inspect web) tcpdump"
    page = Table(["row"], columns={"a": str}, command=typed, at="host1")._repr_html_()
    assert re.search(r"<code[^>]*>host1\$ nsenter [^<]* tcpdump</code>", page)


def test_several_answers_are_shown_one_below_the_other() -> None:
    """Sentences follow each other line by line, a table stands apart; a page has the same and is escaped."""
    shown = show(Resolution("web", "<db>", (), "..."), table(("a", 1)), WEB)
    assert repr(shown).splitlines() == [
        "web knows no address of <db>",
        "",
        "host1$ ip route",
        "to  through",
        "a   1",
        "",
        "<container web on host1>",
    ]
    page = shown._repr_html_()
    assert "web knows no address of &lt;db&gt;" in page
    assert table(("a", 1))._repr_html_() in page


# ---- topologies --------------------------------------------------------------------------------------------


def topology(*, veth: str = "veth1234567", mac: str = "02:42:ac:11:00:02", index: int = 5) -> Topology:
    """Give a host with one bridge and one container on it; the arguments are what differs at each start."""
    bridge = Link("docker0", "bridge", 3, mac, 1500, True, addresses=(IPv4Interface("172.17.0.1/16"),))
    port = Link(veth, "veth", index, mac, 1500, True, master="docker0", peer=2, peer_place="web")
    eth0 = Link(
        "eth0",
        "veth",
        2,
        mac,
        1500,
        True,
        peer=index,
        peer_place="host1",
        addresses=(IPv4Interface("172.17.0.2/16"),),
    )
    loopback = Link("lo", "loopback", 1, "", 65536, True, addresses=(IPv4Interface("127.0.0.1/8"),))
    return Topology(
        (
            Place("host1", "host", "host1", 4026531840 + index, (loopback, bridge, port)),
            Place("web", "container", "host1", 4026531940 + index, (loopback, eth0)),
        ),
        (Cable(End("host1", veth), End("web", "eth0")),),
    )


def test_text_of_a_topology() -> None:
    """A cable is told by what a learner knows: the container's interface and the host's bridge."""
    assert repr(topology()).splitlines() == [
        "host1 (host)",
        "  docker0 (bridge) 172.17.0.1/16",
        "    port -- web eth0",
        "web (container on host1)",
        "  eth0 172.17.0.2/16 -- host1 docker0",
    ]


def test_text_of_a_topology_hides_what_differs_at_each_start() -> None:
    """Veth names, MAC addresses, indexes and inodes make topologies unequal, and their text no different."""
    one, other = topology(), topology(veth="vethabcdef0", mac="9a:83:a9:24:ed:f4", index=77)
    assert one != other
    assert repr(one) == repr(other)
    for hidden in ("veth", "02:42", "402653"):
        assert hidden not in repr(one)


def test_text_of_a_topology_shows_what_a_learner_compares() -> None:
    """Another address, another bridge name or a link set down does change the text."""
    host, web = topology().places
    loopback, eth0 = web.links
    changed = [
        replace(eth0, addresses=(IPv4Interface("172.17.0.9/16"),)),
        replace(eth0, up=False),
        replace(eth0, kind="macvlan"),
    ]
    texts = {repr(replace(topology(), places=(host, replace(web, links=(loopback, each))))) for each in changed}
    assert len(texts | {repr(topology())}) == len(changed) + 1


def test_place_of_a_topology() -> None:
    """A place is found by its name; one that is not there is a KeyError."""
    assert topology().place("web").kind == "container"
    with pytest.raises(KeyError):
        topology().place("db")


# ---- errors ------------------------------------------------------------------------------------------------


def test_an_error_says_what_and_the_next_step() -> None:
    """A learner sees the message and the next step, and no traceback."""
    error = NoTestbed("No testbed runs.", hint="run the cell with `lab.start()` first.")
    assert str(error) == "No testbed runs.\n  Next: run the cell with `lab.start()` first."
    assert error._render_traceback_() == [f"NoTestbed: {error}"]


def test_every_error_of_ours_is_a_lesson_error() -> None:
    """One base class catches all that a learner can act on."""
    assert all(issubclass(kind, LessonError) for kind in (NoTestbed, BuildFailed, CommandFailed))


def test_a_failed_command_keeps_its_evidence() -> None:
    """The message names the command, its exit code and the last line of what it said; all of that is kept."""
    error = CommandFailed(["ip", "link", "show", "x"], 1, "warning\nDevice does not exist.\n")
    assert error.message == "`ip link show x` ended with exit code 1: Device does not exist."
    assert (error.command, error.exit_code) == (("ip", "link", "show", "x"), 1)
    assert error.stderr == "warning\nDevice does not exist."
    assert CommandFailed(["true"], 1, "").message == "`true` ended with exit code 1: it printed nothing"
