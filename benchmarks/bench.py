"""How quick the testbed is, as ratios measured side by side in one run: ``make bench``.

Absolute times say more about the machine than about us, so each figure is set against what anyone could do by hand.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from ipaddress import ip_interface
from pathlib import Path
from threading import Event, Thread

import carriers
import docker
import hub
from rich.console import Console
from rich.table import Table

from dockernet_lessons import Lab, draw, launcher, observe, testbed, trace
from dockernet_lessons.facts import Link, Place, Topology
from dockernet_lessons.testbed import paths, running, tree
from dockernet_lessons.testbed.engine import ContainerRecord
from dockernet_lessons.testbed.places import answers
from dockernet_lessons.topology import connect

ROUNDS = 7
BARE_DOCKERD = """
set -e
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/new"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/new"
mount -t proc proc "$2/new/proc"
mount -t sysfs sysfs "$2/new/sys"
mount --rbind /sys/fs/cgroup "$2/new/sys/fs/cgroup"
mount --rbind /dev "$2/new/dev"
mount -t tmpfs tmpfs "$2/new/run"
mount -t tmpfs tmpfs "$2/new/var/lib/docker"
mkdir "$2/new/run/bare"
mount --bind "$3" "$2/new/run/bare"
ip link set lo up
exec chroot "$2/new" /usr/sbin/dockerd --host unix:///run/bare/docker.sock --log-level error
"""


def seconds(action: Callable[[], object]) -> float:
    """Give how long an action takes, in seconds."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


@contextmanager
def bare_dockerd(root: Path) -> Iterator[Callable[[], None]]:
    """Prepare to start the tree's dockerd with nothing around it; give the function that starts it and waits for it."""
    with tempfile.TemporaryDirectory() as layer, tempfile.TemporaryDirectory() as sockets:
        started: list[subprocess.Popen[bytes]] = []

        def start() -> None:
            unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private"]
            script = ["sh", "-c", BARE_DOCKERD, "bare", str(root), layer, sockets]
            started.append(subprocess.Popen([*unshare, *script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            while not answers(f"{sockets}/docker.sock"):
                time.sleep(0.01)

        try:
            yield start
        finally:
            for process in started:
                process.kill()
                process.wait()


def start_up(ready: Callable[[], object]) -> tuple[list[float], list[float]]:
    """Measure the testbed's start, until ``ready`` returns, against that of a bare dockerd, in turn."""
    root = tree.build().root
    ours, bare = [], []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        starting = Thread(target=partial(testbed.up, owner=os.getpid()))
        starting.start()
        ready()
        ours.append(time.perf_counter() - begun)
        starting.join()
        testbed.down()
        with bare_dockerd(root) as start:
            bare.append(seconds(start))
    return ours, bare


def first_answer() -> None:
    """Wait until the engine of the testbed that is starting answers."""
    while not answers(str(paths.runtime() / "sockets" / "host1.sock")):
        time.sleep(0.01)


def first_container() -> None:
    """Wait until the testbed that is starting is there, and start a container on it."""
    lab = Lab("bench").start()
    lab.container("first")
    lab.close()


def six_containers() -> tuple[list[float], list[float]]:
    """Measure a lab of six containers on two networks against the docker commands that make the same, in turn."""
    lab = Lab("bench").start()

    def build() -> None:
        front = lab.network("front", subnet="172.30.0.0/24")
        back = lab.network("back", subnet="172.30.1.0/24")
        lab.containers("web1", "web2", "web3", on=front)
        lab.containers("app", "db", "cache", on=back)

    ours, theirs = [], []
    for _ in range(ROUNDS):
        lab.start()
        ours.append(seconds(build))
        script = "set -e\n" + "\n".join(f"{line} >/dev/null" for line in lab.script)
        lab.start()
        theirs.append(seconds(lambda commands=script: running().run("host1", ["sh", "-c", commands], timeout=60)))
        running().run("host1", ["sh", "-c", "docker rm -f web1 web2 web3 app db cache; docker network rm front back"])
    lab.close()
    return ours, theirs


def snapshot_of(containers: int) -> tuple[list[float], list[float]]:
    """Measure one look at everything, against ``docker exec`` of three commands in each container, in turn."""
    lab = Lab("bench").start()
    names = [f"box{number:03}" for number in range(containers)]
    lab.containers(*names, on=lab.network("wide", subnet="172.28.0.0/16"))
    script = "\n".join(
        f"docker exec {name} {command} >/dev/null"
        for name in names
        for command in ("ip address", "ip route", "ip neighbour")
    )
    ours, theirs = [], []
    for _ in range(3):
        ours += [seconds(observe.places) for _ in range(3)]
        theirs.append(seconds(lambda: running().run("host1", ["sh", "-c", script], timeout=120)))
    lab.close()
    return ours, theirs


def traced(target: str) -> tuple[list[float], list[float]]:
    """Measure a trace against the ping that it sends, as anyone would send it, in turn."""
    lab = Lab("bench").start()
    lab.network("shop", subnet="172.30.0.0/24")
    lab.containers("web", "db", on="shop")
    ping = ["docker", "exec", "web", "ping", "-c", "1", "-W", "1", target]
    trace("web", target)  # the first loads what all others use
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: trace("web", target)))
        theirs.append(seconds(lambda: running().run("host1", ping, check=False)))
    lab.close()
    return ours, theirs


def many(containers: int) -> Topology:
    """Make a topology of so many containers on four networks of one host."""
    places, ports = [], []
    for n in range(containers):
        link = Link("eth0", "veth", 2, "", 1500, True, peer=n + 10, peer_place="host1")
        address = ip_interface(f"172.{20 + n % 4}.0.{2 + n // 4}/16")
        places.append(Place(f"c{n}", "container", "host1", n, (replace(link, addresses=(address,)),)))
        ports.append(Link(f"veth{n:07x}", "veth", n + 10, "", 1500, True, f"br{n % 4}", 2, f"c{n}"))
    bridges = [Link(f"br{n}", "bridge", n + 2, "", 1500, True) for n in range(4)]
    return connect([*places, Place("host1", "host", "host1", containers, (*bridges, *ports))])


def drawing(containers: int) -> tuple[list[float], list[float]]:
    """Measure the drawing of many containers, image and all, against that of two, in turn."""
    large, small = many(containers), many(2)
    draw(small)._repr_mimebundle_()  # the first loads what all others use
    ours = [seconds(lambda: draw(large)._repr_mimebundle_()) for _ in range(ROUNDS)]
    return ours, [seconds(lambda: draw(small)._repr_mimebundle_()) for _ in range(ROUNDS)]


def importing() -> tuple[list[float], list[float]]:
    """Measure the import of the package against the start of Python itself, each in a process of its own."""

    def python(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    ours = [seconds(python("import dockernet_lessons")) for _ in range(ROUNDS)]
    return ours, [seconds(python("pass")) for _ in range(ROUNDS)]


def clicked() -> tuple[list[float], list[float]]:
    """Measure a click on the launcher until the row of its container is shown, against the SDK's own call."""
    lab = Lab("bench").start()
    sdk = docker.DockerClient(base_url=running().engine().endpoint)
    panel = launcher(lab)
    shown = Event()
    update = panel._rows.update

    def show(records: Sequence[ContainerRecord]) -> None:
        update(records)
        if records:
            shown.set()

    panel._rows.update = show  # type: ignore[method-assign]

    def click() -> None:
        panel._launch_button.click()
        shown.wait(60)

    ours, theirs = [], []
    for _ in range(ROUNDS):
        panel.look_again()
        panel.desk.wait()
        shown.clear()
        ours.append(seconds(click))
        panel.desk.wait()
        lab.remove(*lab.running().values())
        theirs.append(seconds(lambda: sdk.containers.run("lesson", name="web", hostname="web", detach=True)))
        sdk.containers.get("web").remove(force=True)
    sdk.close()
    lab.close()
    return ours, theirs


def main() -> None:
    """Measure everything and print one table."""
    with tempfile.TemporaryDirectory(prefix="dockernet-bench-") as runtime:
        os.environ |= {"DOCKERNET_RUNTIME": runtime, "JPY_PARENT_PID": str(os.getpid())}  # it ends with us
        table = Table(
            "what", "ours, s", "against", "theirs, s", "ratio", "aim", title=f"medians of {ROUNDS} rounds, in turn"
        )
        for what, against, aim, measure in (
            ("import dockernet_lessons", "python -c pass", "0.3 s", importing),
            ("testbed's engine answering", "bare dockerd answering", "1.5", partial(start_up, first_answer)),
            (
                "first container of a lesson, from nothing",
                "bare dockerd answering",
                "-",
                partial(start_up, first_container),
            ),
            ("six containers, two networks", "the docker command line", "1.0, better 0.5", six_containers),
            ("everything of 25 containers", "docker exec, 3 facts each", "0.1", partial(snapshot_of, 25)),
            (
                "everything of 100 containers",
                "docker exec, 3 facts each",
                "0.1, and 1 s",
                partial(snapshot_of, 100),
            ),
            ("a picture of 200 containers", "a picture of two", "1 s", partial(drawing, 200)),
            ("a trace that arrives", "the ping alone", "1.5 s", partial(traced, "192.0.2.3")),
            ("a click until its container is shown", "the SDK's call", "1.2", clicked),
            ("a trace that is lost", "the ping alone", "1.5 s", partial(traced, "192.0.2.99")),
        ):
            ours, theirs = measure()
            mine, other = statistics.median(ours), statistics.median(theirs)
            table.add_row(what, f"{mine:.2f}", against, f"{other:.2f}", f"{mine / other:.2f}", aim)
        testbed.down()
        for what, aim, step in carriers.ROWS:
            ours, theirs = carriers.each(step)
            mine, other = statistics.median(ours), statistics.median(theirs)
            table.add_row(what, f"{mine:.2f}", "the same on namespace", f"{other:.2f}", f"{mine / other:.1f}", aim)
        table.add_row("vm: boot without a saved machine", f"{carriers.cold_boot():.1f}", "-", "-", "-", "15 s")
        sizes = Table("what", "measured", "aim")
        for row in (*carriers.sizes(), *(hub.rows() if os.geteuid() == 0 else ())):
            sizes.add_row(*row)
    Console(width=130).print(table, sizes)


if __name__ == "__main__":
    main()
