"""A lab makes what a lesson asks for, the same each time, and takes all of it away again."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from dockernet_lessons import observe, probe, testbed
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container
from dockernet_lessons.lab import Lab
from dockernet_lessons.making import LESSON
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.testbed.engine import Engine

pytestmark = pytest.mark.testbed

PREDEFINED = ["bridge", "host", "none"]


@pytest.fixture
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab that is started, with nothing in it; it is closed afterwards."""
    assert bed.alive()
    lab = Lab("test_lab").start()
    yield lab
    lab.close()


@pytest.fixture
def other(bed: Testbed) -> Iterator[Lab]:
    """Give the lab of another lesson."""
    assert bed.alive()
    other = Lab("test_other").start()
    yield other
    other.close()


@pytest.fixture
def unlabelled(bed: Testbed) -> Iterator[Engine]:
    """Give an engine with a container and a network that are no lab's, both called stranger."""
    bed.run("host1", ["docker", "network", "create", "stranger"])
    bed.run("host1", ["docker", "create", "--name", "stranger", "lesson"])
    yield bed.engine()
    bed.run("host1", ["docker", "rm", "stranger"])
    bed.run("host1", ["docker", "network", "rm", "stranger"])


def addresses(*containers: Container) -> list[str]:
    """Give each container's IPv4 address on its first network."""
    return [
        str(next(each for each in observe.links(container) if each.name == "eth0").addresses[0].ip)
        for container in containers
    ]


def left(engine: Engine, lesson: str) -> tuple[list[str], list[str]]:
    """Give the names of a lesson's containers and networks."""
    label = f"{LESSON}={lesson}"
    return [each.name for each in engine.containers(label)], [each.name for each in engine.networks(label)]


def plan() -> dict[str, object]:
    """Describe what is in the testbed by what a learner sees of it: no ids, no MAC addresses, no veth names."""
    found: dict[str, object] = {f"network {each.name}": each for each in observe.networks()}
    for place in observe.places():
        links = sorted(
            (
                "veth" if each.kind == "veth" and each.master else each.name,
                each.kind,
                each.master,
                each.peer_place,
                *map(str, each.addresses),
            )
            for each in place.links
        )
        rules = [
            (rule.version, rule.table, rule.chain, re.sub(r"127\.0\.0\.11:\d+|--sport \d+", "DNS", rule.rule))
            for rule in place.rules
        ]
        found[place.name] = (place.kind, links, place.routes, rules)
    return found


# ---- making --------------------------------------------------------------------------------------------------


def test_addresses_come_in_the_order_of_names(lab: Lab) -> None:
    """However fast they start, the first container gets the first address."""
    shop = lab.network("shop", subnet="172.30.0.0/24")
    assert addresses(*lab.containers("zoe", "adam", "mia", "bob", "eve", "kim", on=shop)) == [
        f"172.30.0.{last}" for last in range(2, 8)
    ]
    assert addresses(*lab.containers("web", "db")) == ["172.17.0.2", "172.17.0.3"]


def test_a_network_is_as_asked(lab: Lab) -> None:
    """Name, driver, subnet, interface and internal are what was asked for."""
    shop = lab.network("shop", subnet="172.30.0.0/24")
    assert (shop.name, shop.driver, shop.host, shop.bridge, shop.internal) == (
        "shop",
        "bridge",
        "host1",
        "br-shop",
        False,
    )
    assert [str(subnet) for subnet in shop.subnets] == ["172.30.0.0/24"]
    vault = lab.network("vault", subnet="172.31.0.0/24", internal=True)
    assert vault.internal
    inside = lab.container("inside", on=vault)
    assert probe.ping(inside, "172.31.0.1").reached
    assert probe.ping(inside, "192.0.2.3").problem == "it has no route there"
    assert [each.name for each in lab.networks()] == [*PREDEFINED, "shop", "vault"]


def test_a_long_name_gets_dockers_own_interface(lab: Lab) -> None:
    """A name that does not fit into an interface name is no obstacle: Docker then chooses one."""
    long = lab.network("warehouse-north")
    assert re.fullmatch(r"br-[0-9a-f]{12}", long.bridge or "")
    assert lab.network("twelve-chars").bridge == "br-twelve-chars"


def test_the_same_call_gives_the_same_things(lab: Lab) -> None:
    """A cell that is run twice makes nothing twice."""

    def cell() -> tuple[object, ...]:
        shop = lab.network("shop", subnet="172.30.0.0/24")
        return (shop, *lab.containers("web", "db", on=shop, publish={}), lab.container("proxy", publish={8080: 80}))

    first = cell()
    script = list(lab.script)
    assert cell() == first
    assert lab.script == script
    assert sorted(lab.running()) == ["db", "proxy", "web"]


def test_another_call_replaces(lab: Lab) -> None:
    """A cell that was edited and is run again gives what it now says, under the same names."""
    old = lab.container("web")
    new = lab.container("web", publish={8080: 80})
    assert old.id != new.id
    assert probe.fetch("neighbour", "http://192.0.2.11:8080").text.startswith("I am web.")
    lab.network("shop", subnet="172.30.0.0/24")
    assert [str(each) for each in lab.network("shop", subnet="172.31.0.0/24").subnets] == ["172.31.0.0/24"]
    assert list(lab.running().values()) == [new]


def test_a_container_that_ended_is_started_again(lab: Lab) -> None:
    """The same call gives a container that runs, even if the one it made has ended meanwhile."""
    old = lab.container("web")
    lab.bed.run("host1", ["docker", "kill", "web"])
    assert lab.running() == {}
    assert lab.container("web").id != old.id
    assert probe.ping("web", "172.17.0.1").reached


def test_the_start_of_an_id_is_no_name(lab: Lab) -> None:
    """Docker finds a container by the start of its id, too: one to be called so takes nobody's place."""
    web = lab.container("web")
    name = web.id[:2]
    assert lab.bed.engine().container(name) is None
    assert sorted([lab.container(name).name, *lab.running()]) == sorted([name, name, "web"])
    assert lab.running()["web"] == web


def test_only_what_is_missing_is_made(lab: Lab) -> None:
    """One more name in the call leaves the containers that run alone."""
    (web,) = lab.containers("web")
    again, _ = lab.containers("web", "db")
    assert again == web
    assert addresses(*lab.containers("web", "db")) == ["172.17.0.2", "172.17.0.3"]


def test_links_and_commands(lab: Lab) -> None:
    """`--link` gives a name on the default bridge, and a command replaces the web server."""
    db, _ = lab.containers("db", "cache")
    web = lab.container("web", links={"db": "database"})
    assert [str(each) for each in probe.resolve(web, "database").addresses] == addresses(db)
    assert probe.resolve(web, "cache").addresses == ()
    idle = lab.container("idle", command=["sleep", "600"])
    assert probe.fetch("host1", f"http://{addresses(web)[0]}").problem is None
    assert probe.fetch("host1", f"http://{addresses(idle)[0]}").problem == "connection refused"


def test_connect_and_disconnect(lab: Lab) -> None:
    """A container can be on two networks; connecting it once more changes nothing."""
    shop = lab.network("shop", subnet="172.30.0.0/24")
    web, db = lab.container("web"), lab.container("db", on=shop)
    assert not probe.ping(web, "172.30.0.2").reached
    lab.connect(web, shop, aliases=["front"])
    lab.connect(web, shop, aliases=["front"])
    assert probe.ping(web, db).reached
    assert [str(each) for each in probe.resolve(db, "front").addresses] == ["172.30.0.3"]
    lab.disconnect(web, shop)
    assert not probe.ping(web, "172.30.0.2").reached
    assert [line for line in lab.script if "connect" in line] == [
        "docker network connect --alias front shop web",
        "docker network disconnect shop web",
    ]


def test_remove(lab: Lab) -> None:
    """What is removed is gone, and its name is free."""
    shop = lab.network("shop", subnet="172.30.0.0/24")
    web = lab.container("web", on=shop)
    with pytest.raises(LessonError, match="The network shop is in use by web"):
        lab.remove(shop)
    lab.remove(web, shop)
    assert left(lab.bed.engine(), lab.lesson) == ([], [])
    assert lab.network("shop", subnet="172.30.0.0/24").bridge == "br-shop"


# ---- unmaking ------------------------------------------------------------------------------------------------


def test_close_tells_what_it_removed(bed: Testbed) -> None:
    """Closing counts what was there; closing twice is fine; the second time there was nothing."""
    lab = Lab("test_lab").start()
    assert repr(lab) == "Lab test_lab is ready on host1"
    shop = lab.network("shop", subnet="172.30.0.0/24")
    lab.containers("web", "db", on=shop)
    assert repr(lab.close()) == ("Lab test_lab is closed: 2 containers and 1 network removed, nothing of it is left.")
    assert left(bed.engine(), "test_lab") == ([], [])
    assert repr(lab.close()) == "Lab test_lab is closed: nothing was left of it."
    assert repr(lab) == "Lab test_lab, not started"


def test_nothing_of_a_lab_stays_on_the_host(bed: Testbed) -> None:
    """After a lab the host has the links, routes and NAT rules it had before."""
    before = plan()
    lab = Lab("test_lab").start()
    shop = lab.network("shop", subnet="172.30.0.0/24")
    lab.containers("web", "db", on=shop, publish={})
    lab.container("proxy", publish={8080: 80})
    assert plan() != before
    lab.close()
    assert plan() == before
    assert bed.alive()


def test_start_sweeps_what_a_killed_run_left(bed: Testbed, other: Lab) -> None:
    """A run that was killed leaves its things; the next start of that lesson removes them, and no other's."""
    other.network("kept", subnet="172.29.0.0/24")
    kept = other.container("keeper", on="kept")
    script = """
import os, signal
from dockernet_lessons.lab import Lab
lab = Lab("test_killed").start()
shop = lab.network("shop", subnet="172.30.0.0/24")
lab.containers("web", "db", on=shop, publish={})
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert done.returncode == -9
    assert left(bed.engine(), "test_killed") == (["db", "web"], ["shop"])
    swept = Lab("test_killed").start()
    assert left(bed.engine(), "test_killed") == ([], [])
    assert other.running() == {"keeper": kept}
    assert left(bed.engine(), other.lesson) == (["keeper"], ["kept"])
    swept.close()


def test_a_failed_call_leaves_nothing(lab: Lab) -> None:
    """Where the second container cannot start, the first one of the call is gone too; earlier ones stay."""
    proxy = lab.container("proxy", publish={8080: 80})
    with pytest.raises(LessonError) as caught:
        lab.containers("one", "two", publish={8081: 80})
    assert re.search(r"8081 failed: port is already allocated", caught.value.message)
    assert caught.value.hint == "publish another port, or close the lab that uses this one."
    assert lab.running() == {"proxy": proxy}
    assert left(lab.bed.engine(), lab.lesson) == (["proxy"], [])
    assert not any("one" in line or "two" in line for line in lab.script)


def test_an_unclosed_lab_warns(bed: Testbed) -> None:
    """A lab that is forgotten without being closed says so; one that was closed does not."""
    assert bed.alive()
    lab = Lab("test_lab").start()
    with pytest.warns(ResourceWarning, match=r"Lab test_lab was not closed: call lab\.close\(\)"):
        del lab
        gc.collect()
    lab = Lab("test_lab").start()
    lab.close()
    del lab
    gc.collect()


# ---- the script ----------------------------------------------------------------------------------------------


def test_the_script_makes_the_same_by_hand(lab: Lab) -> None:
    """The commands that a lab shows, typed into the real docker command, make the same world."""
    shop = lab.network("shop", subnet="172.30.0.0/24")
    lab.network("vault", subnet="172.31.0.0/24", internal=True)
    web, _ = lab.containers("web", "db", on=shop)
    lab.container("proxy", publish={8080: 80}, links={})
    lab.container("linked", links={"proxy": "front-door"})
    lab.container("alone", on="none", command=["sh", "-c", "sleep 600; echo 'done'"])
    lab.connect(web, lab.network("vault", subnet="172.31.0.0/24", internal=True), aliases=["safe"])
    lab.remove(lab.container("gone"))
    by_lab, script, bed = plan(), list(lab.script), lab.bed
    lab.close()
    assert plan() != by_lab
    try:
        for line in script:
            bed.run("host1", ["sh", "-c", line])
        assert plan() == by_lab
        assert probe.fetch("neighbour", "http://192.0.2.11:8080").text.startswith("I am proxy.")
        assert [str(each) for each in probe.resolve("web", "db").addresses] == ["172.30.0.3"]
    finally:
        for name in ("web", "db", "proxy", "linked", "alone", "gone"):
            bed.engine().remove_container(name)
        for name in ("shop", "vault"):
            bed.engine().remove_network(name)


# ---- bad input -----------------------------------------------------------------------------------------------

DRIVERS = "the drivers are bridge, host, none, overlay, ipvlan, macvlan."
ANOTHER_SUBNET = "choose another, for example one of 172.30.0.0/24 to 172.30.255.0/24."
NAME_RULE = "use two or more of letters, digits, _, . and -, beginning with a letter or a digit."

BAD: dict[str, tuple[Callable[[Lab], object], str, str]] = {
    "unknown driver": (
        lambda lab: lab.network("shop", driver="brigde"),  # type: ignore[arg-type]
        "No network driver is called 'brigde'.",
        f"{DRIVERS} Did you mean 'bridge'?",
    ),
    "unlike any driver": (
        lambda lab: lab.network("shop", driver="xyz"),  # type: ignore[arg-type]
        "No network driver is called 'xyz'.",
        DRIVERS,
    ),
    "second host network": (
        lambda lab: lab.network("shop", driver="host"),
        "Docker allows one network of the driver host, and it is there already.",
        "use it by its name: lab.containers(..., on='host').",
    ),
    "no subnet": (
        lambda lab: lab.network("shop", subnet="nonsense"),
        "'nonsense' is not a subnet: 'nonsense' does not appear to be an IPv4 or IPv6 network.",
        "write it as address/length, for example 172.30.0.0/24.",
    ),
    "host bits": (
        lambda lab: lab.network("shop", subnet="172.30.0.1/24"),
        "'172.30.0.1/24' is not a subnet: 172.30.0.1/24 has host bits set.",
        "its first address is 172.30.0.0/24: write that.",
    ),
    "overlaps docker0": (
        lambda lab: lab.network("shop", subnet="172.17.3.0/24"),
        "The subnet 172.17.3.0/24 overlaps 172.17.0.0/16, which is the network bridge's.",
        ANOTHER_SUBNET,
    ),
    "overlaps the LAN": (
        lambda lab: lab.network("shop", subnet="192.0.2.128/25"),
        "The subnet 192.0.2.128/25 overlaps 192.0.2.0/24, which is the LAN's.",
        ANOTHER_SUBNET,
    ),
    "overlaps the internet": (
        lambda lab: lab.network("shop", subnet="203.0.0.0/16"),
        "The subnet 203.0.0.0/16 overlaps 203.0.113.0/24, which is the internet's.",
        ANOTHER_SUBNET,
    ),
    "no network name": (
        lambda lab: lab.network("my shop"),
        "'my shop' cannot name a network.",
        NAME_RULE,
    ),
    "no container name": (
        lambda lab: lab.containers("web", "-db"),
        "'-db' cannot name a container.",
        NAME_RULE,
    ),
    "a place's name": (
        lambda lab: lab.container("router"),
        "'router' is a place of the testbed already.",
        "choose another name for the container.",
    ),
    "port 0": (
        lambda lab: lab.container("web", publish={0: 80}),
        "0 is not a port.",
        "ports are the whole numbers from 1 to 65535.",
    ),
    "port 65536": (
        lambda lab: lab.container("web", publish={8080: 65536}),
        "65536 is not a port.",
        "ports are the whole numbers from 1 to 65535.",
    ),
    "no such image": (
        lambda lab: lab.container("web", image="nginx"),
        "host1 has no image called 'nginx'.",
        "leave `image` out: lessons use the image 'lesson', and the testbed reaches no registry.",
    ),
    "no such network": (
        lambda lab: lab.container("web", on="brigde"),
        "No network is called 'brigde'.",
        "there are bridge, host, none. Did you mean 'bridge'?",
    ),
    "no such host": (
        lambda lab: lab.need("host9"),
        "No testbed can be asked for 'host9'.",
        "a lesson may need dummy, ipvlan, ipvs, macvlan, vlan, vxlan, host2.",
    ),
    "a lesson's name": (
        lambda lab: Lab("My Lesson"),
        "'My Lesson' cannot name a lesson.",
        "use small letters, digits and _, for example '03_bridge'.",
    ),
    "not started": (
        lambda lab: Lab("test_idle").container("web"),
        "Lab test_idle is not started.",
        "run the cell with `lab.start()` first.",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_and_leaves_nothing(lab: Lab, case: str) -> None:
    """Each mistake gets a message that says what is wrong and what to do next, and nothing half made stays."""
    make, message, hint = BAD[case]
    with pytest.raises(LessonError) as caught:
        make(lab)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert left(lab.bed.engine(), lab.lesson) == ([], [])
    assert lab.script == []


def test_an_overlap_with_a_network_names_it(lab: Lab) -> None:
    """A subnet that another network of the lab has is refused with that network's name."""
    lab.network("shop", subnet="172.30.0.0/24")
    with pytest.raises(LessonError) as caught:
        lab.network("store", subnet="172.30.0.0/16")
    assert caught.value.message == ("The subnet 172.30.0.0/16 overlaps 172.30.0.0/24, which is the network shop's.")
    assert [each.name for each in lab.networks()] == [*PREDEFINED, "shop"]


def test_a_name_that_is_nobodys_is_never_taken(lab: Lab, unlabelled: Engine) -> None:
    """A container or network without a label is an error that names it, and stays as it is."""
    before = unlabelled.container("stranger")
    with pytest.raises(LessonError) as caught:
        lab.container("stranger")
    assert caught.value.message == ("A container called stranger exists on host1 already, and it is not a lab's.")
    with pytest.raises(LessonError) as caught:
        lab.network("stranger")
    assert caught.value.message == ("A network called stranger exists on host1 already, and it is not this lab's.")
    assert unlabelled.container("stranger") == before


def test_a_name_of_another_lab_is_never_taken(lab: Lab, other: Lab) -> None:
    """What another lesson made is an error that names that lesson, and stays as it is."""
    kept = other.container("web")
    other.network("shop", subnet="172.30.0.0/24")
    with pytest.raises(LessonError) as caught:
        lab.container("web")
    assert str(caught.value) == (
        "A container called web exists on host1 already, made by lab test_other.\n"
        "  Next: choose another name, or close the lab that made it: `lab.close()` in its notebook;"
        " `dockernet clean` closes all."
    )
    with pytest.raises(LessonError, match="A network called shop exists on host1 already"):
        lab.network("shop", subnet="172.30.0.0/24")
    lab.close()
    assert other.running() == {"web": kept}


def test_a_port_in_use_is_told(lab: Lab) -> None:
    """A port that another container publishes is refused in Docker's words, with the next step."""
    lab.container("one", publish={8080: 80})
    with pytest.raises(LessonError) as caught:
        lab.container("two", publish={8080: 80})
    assert caught.value.message.startswith("Docker on host1 refused: ")
    assert re.search(r"Bind for (0\.0\.0\.0|::):8080 failed: port is already allocated$", caught.value.message)
    assert caught.value.hint == "publish another port, or close the lab that uses this one."
    assert sorted(lab.running()) == ["one"]


def test_a_port_of_a_program_on_the_host_is_told(lab: Lab) -> None:
    """A port that a program of the host listens on is refused too."""
    squatter = lab.container("squatter", on="host", command=["env", "PORT=8080", "/usr/lib/testbed/serve"])
    assert _until(lambda: probe.fetch("host1", "http://127.0.0.1:8080").problem is None)
    with pytest.raises(LessonError, match="address already in use") as caught:
        lab.container("web", publish={8080: 80})
    assert caught.value.hint == "publish another port, or stop the program that listens on this one."
    assert lab.running() == {"squatter": squatter}


def _until(true: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def test_a_network_in_use_is_not_replaced(lab: Lab) -> None:
    """A network with containers on it is not replaced by one with other settings: they are named."""
    shop = lab.network("shop", subnet="172.30.0.0/24")
    lab.containers("web", "db", on=shop)
    with pytest.raises(LessonError) as caught:
        lab.network("shop", subnet="172.31.0.0/24")
    assert str(caught.value) == (
        "The network shop is in use by db, web.\n  Next: remove or disconnect its containers first."
    )
    assert sorted(lab.running()) == ["db", "web"]


def test_all_that_is_left_is_what_was_there_before(bed: Testbed) -> None:
    """After all of these tests the testbed holds no container, and Docker's own networks only."""
    assert bed.engine().containers() == []
    assert [each.name for each in bed.engine().networks()] == PREDEFINED
    assert testbed.running().alive()


def test_a_page_is_served_when_the_call_returns(lab: Lab) -> None:
    """Who asks at a published port at once gets the page, also where docker-proxy takes every caller on."""
    for turn in range(5):
        lab.container("page", publish={"127.0.0.1:8098": 80}, env={"TURN": str(turn)})
        assert probe.fetch("host1", "http://127.0.0.1:8098").text.startswith("I am page.")
