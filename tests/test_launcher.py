"""The launcher: what is chosen is read by the library's own readers, launched off the main thread, and shown."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest
from ipywidgets import Dropdown

from dockernet_lessons import Lab, LessonError, launcher
from dockernet_lessons.facts import Listener, Network
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.testbed.engine import Engine
from dockernet_lessons.widgets.choice import NEW, Choice, World, read
from dockernet_lessons.widgets.launcher import Launcher

# The Docker SDK leaves a socket open that could not connect: that is so where an engine has died.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

SHOP = Network("shop", "bridge", "host1", (ip_network("172.30.0.0/24"),))
WORLD = World(
    networks=(
        Network("bridge", "bridge", "host1", (ip_network("172.17.0.0/16"),)),
        Network("host", "host", "host1"),
        Network("none", "none", "host1"),
        SHOP,
    ),
    containers={"db": "in this lab"},
    listeners=(Listener("tcp", ip_address("127.0.0.1"), 8080, "docker-proxy"),),
    addresses={"172.30.0.2": "db", "192.0.2.254": "the router"},
    unusable={"ipvlan": LessonError("The kernel of this testbed has no ipvlan.", hint="find one that has it.")},
)
NEW_SHOP = Choice(network=NEW, new_name="back", subnet="172.31.0.0/24")


# ---- what is chosen, without a testbed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "docker", "python"),
    [
        (Choice(), "docker run --detach --name web --hostname web lesson", 'lab.container("web")'),
        (
            Choice(network="shop", ip="172.30.0.9", publish="8081:80, 127.0.0.1:8082:80, 8053:53/udp"),
            "docker run --detach --name web --hostname web --network shop --ip 172.30.0.9 --publish 8081:80"
            " --publish 127.0.0.1:8082:80 --publish 8053:53/udp lesson",
            'lab.container("web", on="shop", ip="172.30.0.9",'
            ' publish={8081: 80, "127.0.0.1:8082": 80, "8053/udp": 53})',
        ),
        (
            NEW_SHOP,
            "docker network create --driver bridge --subnet 172.31.0.0/24"
            " --opt com.docker.network.bridge.name=br-back back\n"
            "docker run --detach --name web --hostname web --network back lesson",
            'lab.network("back", subnet="172.31.0.0/24")\nlab.container("web", on="back")',
        ),
        (
            Choice("macvlan", NEW, "lan", "192.0.2.0/24", "eth0", "bridge", "192.0.2.64/27"),
            "docker network create --driver macvlan --subnet 192.0.2.0/24 --ip-range 192.0.2.64/27"
            " --gateway 192.0.2.254 --opt macvlan_mode=bridge --opt parent=eth0 lan\n"
            "docker run --detach --name web --hostname web --network lan lesson",
            'lab.network("lan", driver="macvlan", parent="eth0", mode="bridge", subnet="192.0.2.0/24",'
            ' ip_range="192.0.2.64/27")\nlab.container("web", on="lan")',
        ),
        (
            Choice("host", "host"),
            "docker run --detach --name web --network host lesson",
            'lab.container("web", on="host")',
        ),
    ],
)
def test_what_is_chosen_is_shown_as_commands_and_calls(choice: Choice, docker: str, python: str) -> None:
    """Both are what one would type for the same."""
    order, problems = read(choice, WORLD)
    assert problems == {}
    assert order is not None
    assert "\n".join(order.docker) == docker
    assert "\n".join(order.python) == python


@pytest.mark.parametrize(
    ("choice", "field", "said"),
    [
        (Choice(name=""), "name", "'' cannot name a container."),
        (Choice(name="web shop"), "name", "cannot name a container"),
        (Choice(name="host1"), "name", "is a place of the testbed already"),
        (Choice(name="db"), "name", "A container called db exists already, in this lab."),
        (Choice(image="nginx"), "image", "host1 has no image called 'nginx'."),
        (Choice(driver="ipvlan", network=""), "driver", "no ipvlan"),
        (Choice(publish="80"), "publish", "'80' does not say what leads to what."),
        (Choice(publish="0:80"), "publish", "0 is not a port."),
        (Choice(publish="70000:80"), "publish", "70000 is not a port."),
        (Choice(publish="8081:70000"), "publish", "70000 is not a port."),
        (Choice(publish="8081:80/icmp"), "publish", "names no protocol that has ports"),
        (Choice(publish="1:80, 1:81"), "publish", "The port 1 is published twice."),
        (Choice(publish="8080:80"), "publish", "The port 8080 of host1 is in use by docker-proxy."),
        (Choice(network="shop", ip="172.30.0.2"), "ip", "172.30.0.2 is the address of db."),
        (Choice(network="shop", ip="172.31.0.2"), "ip", "in no subnet of the network shop"),
        (Choice(network="shop", ip="172.30.0"), "ip", "is not an address"),
        (Choice(network=NEW, new_name="shop"), "new_name", "A network called shop exists on host1 already."),
        (Choice(network=NEW, new_name="a b"), "new_name", "cannot name a network"),
        (Choice(network=NEW, new_name="back", subnet="172.30.0.0/16"), "subnet", "which is the network shop's"),
        (Choice(network=NEW, new_name="back", subnet="192.0.2.0/25"), "subnet", "which is the LAN's"),
        (Choice(network=NEW, new_name="back", subnet="172.31.0.1/24"), "subnet", "its first address is 172.31.0.0/24"),
        (Choice(network=NEW, new_name="back", subnet="x"), "subnet", "is not a subnet"),
        (Choice("macvlan", NEW, "lan", "192.0.2.0/24", "eth9"), "parent", "host1 has no interface called 'eth9'."),
        (Choice("macvlan", NEW, "lan", "192.0.2.0/24", "eth0"), "ip_range", "Docker would hand out addresses"),
        (
            Choice("macvlan", NEW, "lan", "192.0.2.0/24", "eth0", "", "192.0.2.0/28"),
            "ip_range",
            "which is the neighbour's address",
        ),
    ],
)
def test_a_field_says_what_is_wrong_and_what_is_allowed(choice: Choice, field: str, said: str) -> None:
    """The complaint is at the field that it is about, and no other field complains."""
    order, problems = read(choice, WORLD)
    assert order is None
    assert list(problems) == [field]
    assert said in f"{problems[field].message} {problems[field].hint}"
    assert problems[field].hint


def test_a_port_is_free_at_another_address() -> None:
    """Something that listens at one address of the host takes the port there only."""
    assert read(Choice(publish="192.0.2.11:8080:80"), WORLD)[1] == {}
    assert "publish" in read(Choice(publish="127.0.0.1:8080:80"), WORLD)[1]
    assert read(Choice(publish="8080:80/udp"), WORLD)[1] == {}


def test_every_complaint_is_made_at_once() -> None:
    """A learner is not led from one mistake to the next."""
    _, problems = read(Choice(name="db", image="nginx", publish="0:0", network=NEW, new_name="", subnet="x"), WORLD)
    assert set(problems) == {"name", "image", "publish", "new_name", "subnet"}


def test_what_is_proposed_is_free() -> None:
    """Names, networks and subnets that clash with nothing."""
    assert WORLD.free_name() == "web"
    assert WORLD.free_network_name() == "front"
    assert WORLD.free_subnet() == "172.30.1.0/24"


# ---- on a testbed ------------------------------------------------------------------------------------------


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab that is closed in the end."""
    lab = Lab("launcher").start()
    yield lab
    lab.close()


def chosen(panel: Launcher, **values: object) -> Launcher:
    """Fill in fields, the driver and the network first."""
    for name, value in values.items():
        control = panel.form.fields[name].control
        assert not isinstance(control, Dropdown) or value in control.options
        control.value = value
    return panel


def launched(panel: Launcher, **values: object) -> Launcher:
    """Fill in fields, press Launch and wait."""
    chosen(panel, **values)
    assert not panel._launch_button.disabled, panel._why_not.value
    panel._launch_button.click()
    panel.desk.wait()
    return panel


def texts(panel: Launcher) -> str:
    """Give what the rows of containers say."""
    return " ".join(each._text.value for each in panel._rows._rows.values())


@pytest.mark.testbed
def test_a_click_launches_what_was_chosen(lab: Lab) -> None:
    """The engine has it, the row shows it, and the commands shown are the ones that were run."""
    panel = launcher(lab)
    chosen(panel, network=NEW, new_name="shop", subnet="172.30.7.0/24", name="web", publish="8087:80")
    shown, typed = panel._docker.text, panel._python.text
    launched(panel)
    record = lab.bed.engine().container("web")
    assert record is not None
    assert (record.state, dict(record.addresses), record.published) == ("running", {"shop": "172.30.7.2"}, ("8087:80",))
    assert "\n".join(lab.script) == shown == panel._docker.text
    assert "web was launched." in panel._why_not.value
    for part in ("web", "running", "shop 172.30.7.2", "8087:80"):
        assert part in texts(panel)
    assert 'alt="New: web and ' in panel._picture.value
    before = record.labels
    lab.close()
    lab.start()
    exec(typed, {"lab": lab})  # noqa: S102  # our own text: what a learner would paste into a cell
    after = lab.bed.engine().container("web")
    assert after is not None
    assert after.labels == before


@pytest.mark.testbed
def test_a_double_click_launches_once(lab: Lab) -> None:
    """The second click finds a job, and later one finds the name taken."""
    panel = launcher(lab)
    for _ in range(3):
        panel._launch_button.click()
    panel.desk.wait()
    panel._launch_button.click()
    panel.desk.wait()
    assert list(lab.running()) == ["web"]
    assert len(lab.script) == 1
    assert panel._launch_button.disabled
    assert "exists already" in panel.form.fields["name"]._note.value


@pytest.mark.testbed
def test_rows_look_into_stop_start_and_remove(lab: Lab) -> None:
    """Each button does what it says, in the engine and in the row."""
    web = lab.container("web", command=["sh", "-c", "echo '<hello>'; sleep 1000"])
    panel = launcher(lab)
    (row,) = panel._rows._rows.values()
    row._logs.click()
    panel.desk.wait()
    assert "&lt;hello&gt;" in panel._logs.value
    row._stop.click()
    panel.desk.wait()
    assert lab.running() == {}
    assert "exited" in texts(panel)
    row._start.click()
    panel.desk.wait()
    assert list(lab.running()) == ["web"]
    assert list(panel._rows._rows.values()) == [row]
    row._remove.click()
    panel.desk.wait()
    assert lab.bed.engine().container(web.id) is None
    assert "no containers yet" in panel._rows._more.value


@pytest.mark.testbed
def test_what_others_made_is_seen_when_looked_at_again(lab: Lab) -> None:
    """A name that is taken meanwhile is refused, and a container of another cell has a row."""
    panel = launcher(lab)
    assert not panel._launch_button.disabled
    lab.container("web")
    panel._look_button.click()
    panel.desk.wait()
    assert panel._launch_button.disabled
    assert "web" in texts(panel)


@pytest.mark.testbed
def test_a_refusal_of_docker_is_said_and_leaves_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network that was made for the container is gone again, and the panel can be used."""
    panel = chosen(launcher(lab), network=NEW, new_name="shop", subnet="172.30.7.0/24")

    def refuse(engine: Engine, container: str) -> None:
        raise LessonError("Docker on host1 refused: <no>.", hint="change it.")

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "start_container", refuse)
        launched(panel)
    assert "Docker on host1 refused: &lt;no&gt;." in panel._message.value
    assert "change it." in panel._message.value
    assert "shop" not in {each.name for each in lab.bed.engine().networks()}
    assert panel._restart.layout.display == "none"
    launched(panel)
    assert list(lab.running()) == ["web"]
    assert panel._message.value == ""


@pytest.mark.testbed
def test_a_cancelled_launch_leaves_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network and container are taken back, and that is said."""
    panel = chosen(launcher(lab), network=NEW, new_name="shop", subnet="172.30.7.0/24")
    reached, door, start = threading.Event(), threading.Event(), Engine.start_container

    def wait(engine: Engine, container: str) -> None:
        reached.set()
        door.wait(20)
        start(engine, container)

    monkeypatch.setattr(Engine, "start_container", wait)
    panel._launch_button.click()
    assert reached.wait(20)
    assert panel._launch_button.disabled
    assert panel._busy.layout.display is None
    panel._cancel.click()
    door.set()
    panel.desk.wait()
    assert "Launching web was cancelled" in panel._message.value
    assert lab.running() == {}
    assert "shop" not in {each.name for each in lab.bed.engine().networks()}
    assert not panel._launch_button.disabled


@pytest.mark.testbed
def test_a_container_is_shown_as_soon_as_it_runs(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row says what the engine says while its page is still waited for; cancelled then, it is taken back."""
    panel = launcher(lab)
    reached, door = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        reached.set()
        door.wait(20)

    monkeypatch.setattr("dockernet_lessons.lab.await_pages", wait)
    panel._launch_button.click()
    assert reached.wait(20)
    record = lab.bed.engine().container("web")
    assert record is not None
    assert record.state == "running"
    for part in ("web", "● running", f"bridge {record.addresses['bridge']}"):
        assert part in texts(panel)
    assert "waiting for its page" in panel._progress.value
    (row,) = panel._rows._rows.values()
    assert row._stop.disabled
    panel._cancel.click()
    door.set()
    panel.desk.wait()
    assert "Launching web was cancelled" in panel._message.value
    assert lab.running() == panel._rows._rows == {}


@pytest.mark.testbed
def test_what_was_done_before_it_could_be_cancelled_is_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's call cannot be broken off: its row goes with the container, and nobody is told that it was cancelled."""
    web = lab.container("web")
    panel = launcher(lab)
    reached, door, remove = threading.Event(), threading.Event(), Engine.remove_container

    def wait(engine: Engine, container: str) -> None:
        reached.set()
        door.wait(20)
        remove(engine, container)

    monkeypatch.setattr(Engine, "remove_container", wait)
    (row,) = panel._rows._rows.values()
    row._remove.click()
    assert reached.wait(20)
    panel._cancel.click()
    door.set()
    panel.desk.wait()
    assert lab.bed.engine().container(web.id) is None
    assert panel._rows._rows == {}
    assert "Removing web was done before it could be cancelled." in panel._message.value


@pytest.mark.testbed
def test_a_second_host_has_a_launcher_of_its_own(bed: Testbed) -> None:
    """What it makes is there, on a network of that host, and what is typed for it says where."""
    lab = Lab("launcher", needs=("host2",)).start()
    panel = launched(launcher(lab, host="host2"), network=NEW, new_name="shop", subnet="172.30.7.0/24")
    record = bed.engine("host2").container("web")
    assert record is not None
    assert (record.state, dict(record.addresses)) == ("running", {"shop": "172.30.7.2"})
    assert "shop 172.30.7.2" in texts(panel)
    assert 'lab.container("web", on="shop", host="host2")' in panel._python.text
    assert lab.script == panel._docker.text.splitlines()
    lab.close()


@pytest.mark.testbed
def test_a_lab_that_is_closed_is_said(lab: Lab) -> None:
    """A panel whose lab is gone tells so, and works again when it is started."""
    panel = launcher(lab)
    lab.close()
    panel._launch_button.click()
    panel.desk.wait()
    assert "Lab launcher is not started." in panel._message.value
    lab.start()
    panel._look_button.click()
    panel.desk.wait()
    assert panel._message.value == ""
    launched(panel)
    assert list(lab.running()) == ["web"]


@pytest.mark.testbed
def test_the_static_form_is_true(lab: Lab) -> None:
    """It shows the containers and the picture as they are; its text never changes."""
    lab.network("shop", subnet="172.30.7.0/24")
    lab.container("web", on="shop", publish={8087: 80})
    panel = launcher(lab)
    for part in ("web", "● running", "shop 172.30.7.2", "8087:80", "<img ", 'alt="'):
        assert part in panel.fallback()
    assert repr(panel) == "Launcher of lab launcher"
    launched(panel, name="db")
    assert "172.30.7.2" in panel.fallback()
    assert ">db<" in panel.fallback()
    assert repr(panel) == "Launcher of lab launcher"


@pytest.mark.testbed
def test_an_overlay_tells_what_it_needs(lab: Lab) -> None:
    """A driver that cannot be used is told with what to do, before anything is tried."""
    panel = chosen(launcher(lab), driver="overlay")
    assert "is in no swarm" in panel.form.fields["driver"]._note.value
    assert panel._launch_button.disabled


def test_what_is_no_lab_is_refused() -> None:
    """The learner is told what to write."""
    with pytest.raises(LessonError, match="is no lab"):
        launcher("03_bridge")  # type: ignore[arg-type]


@pytest.mark.testbed
@pytest.mark.usefixtures("empty_runtime")
def test_an_engine_that_dies_in_a_job_is_replaced_by_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel becomes a message with a Restart button; that starts a new testbed, and the launcher works on it."""
    lab = Lab("launcher").start()
    panel = launcher(lab)
    create = Engine.create_container

    def die_first(*arguments: object) -> str:
        lab.bed.run("testbed", ["sh", "-c", "kill -9 $(cat /run/engines/host1.pid)"])
        return create(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "create_container", die_first)
        panel._launch_button.click()
        panel.desk.wait()
    assert "does not answer any more" in panel._message.value
    assert panel._launch_button.disabled
    assert panel._restart.layout.display is None
    panel._restart.click()
    panel.desk.wait(300)
    assert "The testbed runs again." in panel._message.value
    assert panel._restart.layout.display == "none"
    launched(panel)
    assert list(lab.running()) == ["web"]
    lab.close()
    gc.collect()
