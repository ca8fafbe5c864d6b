"""The path explorer: what is chosen is what is sent, each stop shows what was heard, and what goes wrong is said."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import dpkt
import pytest
from test_tracing import DB, PROBE, WEB, echo, frame, ip, read

from dockernet_lessons import Lab, LessonError, path_explorer, trace
from dockernet_lessons.facts import Container, End, PacketPath, Step, Topology
from dockernet_lessons.layout import layout, with_path
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.tracing.journey import Journey
from dockernet_lessons.tracing.packets import Hop, Leg, Packet, ProbeKind, Verdict
from dockernet_lessons.tracing.traced import Trace
from dockernet_lessons.widgets import explorer
from dockernet_lessons.widgets.errand import OTHER, Asked
from dockernet_lessons.widgets.errand import read as read_errand
from dockernet_lessons.widgets.errand_form import KINDS
from dockernet_lessons.widgets.explorer import Explorer
from dockernet_lessons.widgets.reel import Reel
from dockernet_lessons.widgets.stops import Stop, Walk, told, walk

# The Docker SDK leaves a socket open that could not connect: that is so where an engine has died.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

PLACES = {"web": Container("web", "host1", "1"), "db": Container("db", "host1", "2"), "neighbour": "neighbour"}


# ---- what is chosen, without a testbed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "python"),
    [
        (Asked("web", "db"), 'trace("web", lab.running()["db"])'),
        (Asked("web", "web", kind="tcp", port="80"), 'trace("web", lab.running()["web"], "tcp", port=80)'),
        (Asked("web", "neighbour", kind="ping", size="1400"), 'trace("web", "neighbour", size=1400)'),
        (Asked("web", OTHER, "db", "udp", "53"), 'trace("web", "db", "udp", port=53)'),
        (
            Asked("neighbour", OTHER, "192.0.2.11", "http", "8080"),
            'trace("neighbour", "192.0.2.11", "http", port=8080)',
        ),
        (Asked("web", "neighbour", "db", "dns", "x", "y"), 'trace("web", "db", "dns")'),
    ],
)
def test_what_is_chosen_is_shown_as_a_call(asked: Asked, python: str) -> None:
    """Only the fields that this kind of packet has count."""
    errand, problems = read_errand(asked, PLACES)
    assert problems == {}
    assert errand is not None
    assert errand.python == python


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        (Asked("", "db"), "source", "It is not said who sends the packet."),
        (Asked("web", ""), "target", "It is not said who is to get it."),
        (Asked("web", "db", kind="tcp"), "port", "tcp needs a port."),
        (
            Asked("web", "db", kind="tcp", port="0"),
            "port",
            "0 is not a port. ports are the whole numbers from 1 to 65535",
        ),
        (Asked("web", "db", kind="http", port="65536"), "port", "65536 is not a port."),
        (Asked("web", "db", kind="udp", port="http"), "port", "'http' is not a port."),
        (Asked("web", "db", kind="udp", port="²"), "port", "'²' is not a port."),
        (Asked("web", "db", size="15"), "size", "a whole number, 16 to 65507"),
        (Asked("web", "db", size="65508"), "size", "size=65508 cannot be sent."),
        (Asked("web", "db", size="-1"), "size", "size='-1' cannot be sent."),
        (Asked("web", OTHER), "typed", "'' is neither a name nor an address."),
        (Asked("web", OTHER, "-f"), "typed", "'-f' is neither a name nor an address."),
        (Asked("web", OTHER, "a b"), "typed", "'a b' is neither a name nor an address."),
        (Asked("web", OTHER, "http://db:80", "http", "80"), "typed", "write the name or the address in it alone"),
        (Asked("web", "db", f"{'a' * 64}.example", "dns"), "typed", "1 to 63 letters"),
        (Asked("web", "db", "a..b", "dns"), "typed", "'a..b' cannot be asked for."),
    ],
)
def test_a_field_says_what_is_wrong_and_what_is_allowed(asked: Asked, field: str, said: str) -> None:
    """The complaint is at the field that it is about, and no other field complains."""
    errand, problems = read_errand(asked, PLACES)
    assert errand is None
    assert list(problems) == [field]
    assert said in f"{problems[field].message} {problems[field].hint}"


# ---- stops, without a testbed ------------------------------------------------------------------------------


def walked(*packets: Packet) -> tuple[Stop, ...]:
    """Give the stops of a way on which these packets were heard, one after the other."""
    hops = tuple(
        Hop(number, each.at.place, each.at.interface, each, str(each.at)) for number, each in enumerate(packets, 1)
    )
    topology = Topology((WEB, DB))
    return walk(Trace(PROBE, Verdict(True, "web reached db."), Journey((Leg(hops),), ()), topology)).stops


def heard(place: str, data: bytes) -> Packet:
    """Give a frame as it was heard in a place."""
    (packet,) = read(data)
    return replace(packet, at=End(place, "eth0"))


PING = frame(ip(echo(), dpkt.ip.IP_PROTO_ICMP))


def test_only_what_changed_is_marked_with_what_it_was() -> None:
    """A field that differs from the stop before has the old value beside it; the first stop marks nothing."""
    first, second = walked(heard("web", PING), heard("db", frame(ip(echo(), dpkt.ip.IP_PROTO_ICMP, ttl=63))))
    marked = [entry for part in second.headers for entry in part.entries if entry.before is not None]
    assert [(entry.name, entry.before, entry.value) for entry in marked] == [("TTL", "64", "63")]
    assert not first.marked


def test_a_header_put_around_is_new_and_what_is_inside_is_compared_with_itself() -> None:
    """A frame in a VXLAN packet: four headers are new, its own two are unchanged, also when it is taken out again."""
    outer = dpkt.udp.UDP(sport=40000, dport=4789, data=b"\x08\0\0\0" + (4097).to_bytes(3) + b"\0" + PING)
    outer.ulen = 16 + len(PING)
    wrapped = frame(ip(outer, dpkt.ip.IP_PROTO_UDP))
    _, around, out = walked(heard("web", PING), heard("web", wrapped), heard("db", PING))
    assert [(each.header.protocol, each.new) for each in around.headers] == [
        ("Ethernet", True),
        ("IPv4", True),
        ("UDP", True),
        ("VXLAN", True),
        ("Ethernet", False),
        ("IPv4", False),
    ]
    assert [entry.before for part in around.headers[4:] for entry in part.entries] == [None] * 7
    assert not out.marked


def test_a_vlan_is_shown_at_the_frame_that_has_it() -> None:
    """A tag appears as a field of the link header that was not there before."""
    tagged = PING[:12] + b"\x81\x00\x00\x32" + PING[12:]
    _, stop = walked(heard("web", PING), heard("db", tagged))
    assert [(entry.name, entry.value, entry.before) for entry in stop.headers[0].entries][2] == ("VLAN", "50", "")


def test_what_is_shown_is_escaped() -> None:
    """What came over the wire is text, whatever it looks like."""
    page = dpkt.tcp.TCP(sport=50001, dport=80, data=b"GET /<script> HTTP/1.1\r\n\r\n")
    way = (heard("web", frame(ip(page, dpkt.ip.IP_PROTO_TCP))),)
    hops = tuple(Hop(1, "web", "eth0", each, "web eth0") for each in way)
    trace_ = Trace(PROBE, Verdict(True, ""), Journey((Leg(hops),), ()), Topology((WEB, DB)))
    assert "GET /&lt;script&gt; HTTP/1.1" in told(walk(trace_), 1)


def test_one_mark_is_the_one_to_look_at() -> None:
    """The step that is marked as here is so on the page, and no other; the words say which."""
    end = End("web", "eth0")
    steps = (Step(end, "1"), Step(End("db", "eth0"), "2", "last", here=True))
    page = with_path(layout(Topology((WEB, DB))), Topology((WEB, DB)), PacketPath(steps))
    assert [(mark.text, mark.here) for mark in page.marks] == [("1", False), ("2", True)]


# ---- pictures drawn ahead ----------------------------------------------------------------------------------


def test_what_is_looked_at_is_drawn_first_and_shown_alone() -> None:
    """After the one that is wanted come those behind it, then the rest; none but the wanted one is ever shown."""
    drawn: list[int] = []
    shown: list[str] = []
    go = threading.Event()

    def draw(number: int) -> str:
        go.wait(20)
        drawn.append(number)
        return str(number)

    reel = Reel(5, draw, shown.append)
    reel.want(3)
    reel.want(3)
    go.set()
    reel.wait()
    assert (drawn, shown) == ([3, 4, 5, 1, 2], ["3"])
    reel.want(1)
    assert (drawn, shown) == ([3, 4, 5, 1, 2], ["3", "1"])


def test_a_reel_that_is_stopped_shows_nothing_more() -> None:
    """The pictures of a trace never replace those of the next one."""
    shown: list[str] = []
    go = threading.Event()

    def draw(number: int) -> str:
        go.wait(20)
        return str(number)

    reel = Reel(3, draw, shown.append)
    reel.ahead()
    reel.stop()
    go.set()
    reel.wait()
    assert shown == []


ENDING = """
import time
from dockernet_lessons.widgets.reel import Reel

def draw(number):
    print("begun", flush=True)
    time.sleep(0.3)
    print("ended", flush=True)

Reel(1000, draw, print).ahead()
time.sleep(0.1)
"""


def test_a_program_that_ends_waits_for_one_picture_only() -> None:
    """What is being drawn is not cut off, for that would abort the program; the rest is not drawn."""
    ran = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.split().count("begun") == ran.stdout.split().count("ended") < 50


# ---- on a testbed ------------------------------------------------------------------------------------------


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab with web and db on shop, and mail on back; it is closed in the end."""
    lab = Lab("explorer").start()
    lab.containers("web", "db", on=lab.network("shop", subnet="172.30.7.0/24"))
    lab.container("mail", on=lab.network("back", subnet="172.30.8.0/24"))
    yield lab
    lab.close()


def chosen(panel: Explorer, **values: str) -> Explorer:
    """Fill in fields."""
    for name, value in values.items():
        words = next(words for words, kind in KINDS.items() if kind == value) if name == "kind" else value
        panel.form.fields[name].control.value = words
    return panel


def traced(panel: Explorer, **values: str) -> Walk:
    """Fill in fields, press Trace and wait; give the walk that is shown."""
    chosen(panel, **values)
    assert not panel._trace_button.disabled, panel._why_not.value
    panel._trace_button.click()
    panel.desk.wait()
    assert panel._message.value == ""
    assert panel._walk is not None
    return panel._walk


def at(panel: Explorer, number: int) -> str:
    """Step to a stop, and give all that is shown there, once it is drawn."""
    panel.stepper.value = number
    if panel._reel is not None:
        panel._reel.wait()
    return panel._picture.value + panel._verdict.value + panel._beside.value


@pytest.mark.testbed
def test_a_packet_is_sent_and_followed_there_and_back(lab: Lab) -> None:
    """Each stop shows its place on the picture, its headers, and what changed; the verdict is the end of it."""
    panel = path_explorer(lab)
    assert panel.form.places.keys() == {"web", "db", "mail", "neighbour", *lab.bed.hosts, "router", "internet"}
    shown = traced(panel, source="web", target="neighbour", kind="http", port="80")
    assert len(shown.stops) == len(panel.stepper.stops) == 14
    assert panel.stepper.stops[3] == "heard at host1 eth0, on the way there"
    assert "Marked: web eth0 (1)." in at(panel, 1)
    assert "<mark>" not in at(panel, 1)
    fourth = at(panel, 4)
    for part in (
        "Marked: host1 eth0 (4).",
        "<mark><b>63</b></mark>",
        "was 64",
        "<mark><b>192.0.2.11</b></mark>",
        "was 172.30.7.2",
        "(MASQUERADE)",
        "nat POSTROUTING of host1: -s 172.30.7.0/24 ! -o br-shop -j MASQUERADE",
        "GET / HTTP/1.1",
        "host1$ tcpdump -n -e -X -i eth0",
    ):
        assert part in fourth
    assert "web reached" not in fourth
    assert "neighbour sends an answer: a packet of its own." in at(panel, 8)
    assert "Marked: web eth0 (14)." in at(panel, 14)
    assert "✓</span><p><b>web reached neighbour, port 80.</b>" in at(panel, 14)
    assert at(panel, 4) == fourth
    assert panel.traced is shown.trace


@pytest.mark.testbed
def test_a_step_waits_for_no_drawing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all pictures are drawn, which happens by itself, stepping draws nothing."""
    panel = path_explorer(lab)
    shown = traced(panel, source="web", target="db")
    assert panel._reel is not None
    panel._reel.wait()
    monkeypatch.setattr(Walk, "picture", None)
    pictures = set()
    for stop in shown.stops:
        panel.stepper.value = stop.number
        assert f"({stop.number})." in panel._picture.value
        pictures.add(panel._picture.value)
    assert len(pictures) == len(shown.stops)


@pytest.mark.testbed
def test_a_packet_that_dies_tells_why_where_it_died(lab: Lab) -> None:
    """Before the last hop there is neither verdict nor cross; there are both at it."""
    panel = path_explorer(lab)
    shown = traced(panel, source="web", target="mail")
    assert [stop.back for stop in shown.stops] == [False, False]
    assert "did not reach" not in at(panel, 1)
    assert "died" not in at(panel, 1)
    assert "✗</span><p><b>web did not reach mail: dropped in" in at(panel, 2)
    assert "It died there: dropped in" in at(panel, 2)


@pytest.mark.testbed
def test_an_answer_that_is_lost_dies_on_the_way_back(lab: Lab) -> None:
    """The way there is whole; the verdict comes at the last hop of the way back."""
    lab.container("bare", on=lab.network("bare", subnet="172.30.9.0/24", masquerade=False))
    panel = path_explorer(lab)
    shown = traced(panel, source="bare", target="neighbour")
    assert shown.end == len(shown.stops) == 10
    assert "did not reach" not in at(panel, 9)
    assert "the answer was lost, router has no route" in at(panel, 10)
    assert "It died there" in at(panel, 10)


@pytest.mark.testbed
def test_a_refusal_is_followed_back(lab: Lab) -> None:
    """The verdict stands from the hop at which the packet was refused, and the refusal goes home."""
    panel = path_explorer(lab)
    shown = traced(panel, source="web", target="db", kind="tcp", port="81")
    assert (shown.end, len(shown.stops)) == (4, 8)
    assert "did not reach" not in at(panel, 3)
    assert "It died there" in at(panel, 4)
    assert "web did not reach db port 81" in at(panel, 4)
    assert "db sends a refusal: a packet of its own." in at(panel, 5)
    assert "It died" not in at(panel, 8)
    assert "web did not reach db port 81" in at(panel, 8)


@pytest.mark.testbed
def test_a_relay_is_told_where_it_takes_over(lab: Lab) -> None:
    """What docker-proxy sends on is a packet of its own: nothing of it counts as changed."""
    lab.container("api", publish={8087: 80})
    panel = path_explorer(lab)
    shown = traced(panel, source="host1", target=OTHER, typed="127.0.0.1", kind="tcp", port="8087")
    relayed = next(stop for stop in shown.stops if "docker-proxy reads it, and sends a packet" in stop.news)
    assert relayed.number > 1
    assert not relayed.marked
    assert "docker-proxy reads it" in at(panel, relayed.number)


@pytest.mark.testbed
def test_a_packet_that_never_left_has_a_verdict_and_no_stops(lab: Lab) -> None:
    """There is nothing to step through, and the picture shows who is there."""
    lab.container("lone", on="none")
    panel = path_explorer(lab)
    shown = traced(panel, source="lone", target="neighbour")
    assert shown.stops == ()
    assert "lone has no route to 192.0.2.3" in panel._verdict.value
    assert panel.stepper.layout.display == "none"
    assert "<img " in panel._picture.value
    traced(panel, source="web", target="neighbour")
    assert panel.stepper.layout.display is None


@pytest.mark.testbed
@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("ping", {"target": "web", "size": "100"}, "web reached web."),
        ("dns", {"typed": "db"}, "web was told by dockerd: 172.30.7.3."),
        ("udp", {"target": "db", "port": "9"}, "web did not reach db port 9"),
        ("tcp", {"target": OTHER, "typed": "nobody", "port": "80"}, "web does not know the name nobody"),
    ],
)
def test_each_kind_of_packet_can_be_sent(lab: Lab, kind: ProbeKind, values: dict[str, str], said: str) -> None:
    """To oneself, to a name server, to a closed port, to a name that nobody has."""
    panel = path_explorer(lab)
    shown = traced(panel, source="web", kind=kind, **values)
    assert said in at(panel, max(len(shown.stops), 1))


@pytest.mark.testbed
def test_fields_are_those_of_the_kind(lab: Lab) -> None:
    """A port for those that have one, a size for pings, a name for questions; what is not shown does not count."""
    panel = path_explorer(lab)

    def fields() -> set[str]:
        return {name for name, field in panel.form.fields.items() if field.box.layout.display is None}

    everywhere = {"source", "kind"}
    assert fields() == everywhere | {"target", "size"}
    assert not panel._trace_button.disabled
    chosen(panel, size="5")
    assert panel._trace_button.disabled
    assert "Not yet: size=5 cannot be sent." in panel._why_not.value
    chosen(panel, kind="tcp")
    assert fields() == everywhere | {"target", "port"}
    assert not panel._trace_button.disabled
    chosen(panel, target=OTHER)
    assert fields() == everywhere | {"target", "typed", "port"}
    assert panel._python.text == ""
    chosen(panel, kind="dns", typed="db")
    assert fields() == everywhere | {"typed"}
    assert panel._python.text == 'trace("web", "db", "dns")'


@pytest.mark.testbed
def test_a_double_click_sends_one_packet(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second click finds a job."""
    sent: list[object] = []

    def count(*arguments: object, **more: object) -> Trace:
        sent.append(arguments)
        return trace(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(explorer, "trace", count)
    panel = path_explorer(lab, "web", "db")
    for _ in range(3):
        panel._trace_button.click()
    assert panel._trace_button.disabled
    panel.desk.wait()
    assert len(sent) == 1


@pytest.mark.testbed
def test_a_cancelled_trace_is_not_shown(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was shown before stays, that it was cancelled is said, and the next click works."""
    panel = path_explorer(lab)
    before = traced(panel, source="web", target="db")
    reached, door = threading.Event(), threading.Event()

    def wait(*arguments: object, **more: object) -> Trace:
        reached.set()
        door.wait(20)
        return trace(*arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(explorer, "trace", wait)
        chosen(panel, target="mail")
        panel._trace_button.click()
        assert reached.wait(20)
        panel._cancel.click()
        door.set()
        panel.desk.wait()
    assert "Tracing ping from web to mail was cancelled." in panel._message.value
    assert panel._walk is before
    assert traced(panel).trace.probe.target == "mail"


@pytest.mark.testbed
def test_a_container_that_has_gone_is_said_and_no_other_takes_its_place(lab: Lab) -> None:
    """The old trace is no more shown, the field is empty and says so; made again, it can be chosen again."""
    panel = path_explorer(lab)
    traced(panel, source="db", target="web")
    lab.remove(lab.running()["db"])
    panel._trace_button.click()
    panel.desk.wait()
    assert "The container db is no longer there." in panel._message.value
    assert "run the cell that starts it again" in panel._message.value
    assert panel.stepper.layout.display == "none"
    assert panel._picture.value == panel._verdict.value == ""
    assert panel.traced is None
    assert panel._trace_button.disabled
    assert "It is not said who sends the packet." in panel._why_not.value
    assert panel._restart.layout.display == "none"
    lab.container("db", on="shop")
    panel._look_button.click()
    panel.desk.wait()
    assert traced(panel, source="db").trace.verdict.reached


@pytest.mark.testbed
def test_a_container_made_anew_is_the_one_that_is_meant(lab: Lab) -> None:
    """Its name is what was chosen; another cell may have made another container of that name since."""
    panel = path_explorer(lab, "web", "db")
    lab.remove(lab.running()["db"])
    lab.container("db", on="shop")
    assert traced(panel).trace.verdict.reached


@pytest.mark.testbed
def test_a_container_that_was_stopped_is_said(lab: Lab) -> None:
    """It is there, and does not run: that is something else than gone."""
    panel = path_explorer(lab, "web", "db")
    lab.stop("web")
    panel._trace_button.click()
    panel.desk.wait()
    assert "The container web does not run (it is exited)." in panel._message.value


@pytest.mark.testbed
def test_a_lab_that_is_closed_is_said(lab: Lab) -> None:
    """A panel whose lab is gone tells so, and works again when it is started and has its containers."""
    panel = path_explorer(lab, "web", "db")
    lab.close()
    panel._trace_button.click()
    panel.desk.wait()
    assert "Lab explorer is not started." in panel._message.value
    assert "Lab explorer is not started." in path_explorer(lab, "web")._message.value
    lab.start()
    lab.containers("web", "db")
    panel._look_button.click()
    panel.desk.wait()
    assert traced(panel, source="web", target="db").trace.verdict.reached


@pytest.mark.testbed
def test_the_static_form_is_the_trace(lab: Lab) -> None:
    """Before there is one it says what this is for; after, it is the trace in full, as text and as HTML."""
    panel = path_explorer(lab)
    assert repr(panel) == panel.plain() == "Path explorer of lab explorer"
    assert "run this cell" in panel.fallback()
    assert "<img " not in panel.fallback()
    shown = traced(panel, source="web", target="mail").trace
    assert panel.plain() == f"Path explorer of lab explorer\n{shown!r}"
    assert shown._repr_html_() in panel.fallback()
    assert repr(panel) == "Path explorer of lab explorer"
    given = path_explorer(lab, traced=shown)
    assert given.plain() == panel.plain()
    assert given.form.asked == Asked("web", "mail", "mail", "ping", "80")
    assert "Marked: web eth0 (1)." in at(given, 1)


@pytest.mark.testbed
def test_what_is_given_is_chosen(lab: Lab) -> None:
    """A call takes the words of ``trace``; what fits nothing is refused there and then."""
    db = lab.running()["db"]
    assert path_explorer(lab, "neighbour", db, port=80).form.asked == Asked("neighbour", "db", "db", "tcp", "80")
    assert path_explorer(lab, db, "http://192.0.2.3:8080").form.asked == Asked("db", OTHER, "192.0.2.3", "http", "8080")
    assert path_explorer(lab, "web", "db", size=1400).form.asked == Asked("web", "db", "db", "ping", "80", "1400")
    for refused, act in {
        "is no lab": lambda: path_explorer("explorer"),  # type: ignore[arg-type]
        "is no trace": lambda: path_explorer(lab, traced="web"),  # type: ignore[arg-type]
        "Nobody of lab explorer is called 'wbe'": lambda: path_explorer(lab, "wbe"),
        "No kind of packet is called 'icmp'": lambda: path_explorer(lab, "web", "db", "icmp"),  # type: ignore[arg-type]
        "0 is not a port": lambda: path_explorer(lab, "web", "db", port=0),
        "size=5 cannot be sent": lambda: path_explorer(lab, "web", "db", size=5),
    }.items():
        with pytest.raises(LessonError, match=refused):
            act()


@pytest.mark.testbed
@pytest.mark.usefixtures("empty_runtime")
def test_an_engine_that_dies_in_a_trace_is_replaced_by_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel becomes a message with a Restart button; that starts a new testbed, on which packets are sent."""
    lab = Lab("explorer").start()
    lab.containers("web", "db")
    panel = path_explorer(lab, "web", "db")

    def die_first(*arguments: object, **more: object) -> Trace:
        lab.bed.run("testbed", ["sh", "-c", "kill -9 $(cat /run/engines/host1.pid)"])
        return trace(*arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(explorer, "trace", die_first)
        panel._trace_button.click()
        panel.desk.wait()
    assert "does not answer any more" in panel._message.value
    assert panel._trace_button.disabled
    assert panel._restart.layout.display is None
    panel._restart.click()
    panel.desk.wait(300)
    assert "The testbed runs again." in panel._message.value
    assert panel._restart.layout.display == "none"
    assert "It is not said" in panel._why_not.value
    lab.container("web")
    panel._look_button.click()
    panel.desk.wait()
    assert traced(panel, source="web", target="neighbour").trace.verdict.reached
    lab.close()
    gc.collect()
