"""The virtual machine against the namespaces: the same steps on both carriers in one run, memory and disk beside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dockernet_lessons import Lab, testbed
from dockernet_lessons.testbed import emulator, processes, saved, saving, tree

Times = tuple[list[float], list[float]]
ROOT = Path(__file__).parent.parent
BRIDGE = ROOT / "notebooks" / "03_bridge.ipynb"
ROUNDS = 5


@contextmanager
def on(carrier: str) -> Iterator[None]:
    """Start testbeds on one carrier."""
    before = os.environ.get("DOCKERNET_CARRIER", "auto")
    os.environ["DOCKERNET_CARRIER"] = carrier
    try:
        yield
    finally:
        testbed.down()
        os.environ["DOCKERNET_CARRIER"] = before


def seconds(action: Callable[[], object]) -> float:
    """Give how long an action takes, in seconds."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def each(measure: Callable[[], list[float]]) -> Times:
    """Measure the same on the virtual machine and on the namespaces."""
    found = []
    for carrier in ("vm", "namespace"):
        with on(carrier):
            found.append(measure())
    return found[0], found[1]


def starts() -> list[float]:
    """Measure a start until the first engine answers and holds the lesson image."""
    taken = []
    for _ in range(ROUNDS):
        taken.append(seconds(lambda: testbed.up(owner=os.getpid())))
        testbed.down()
    return taken


def containers() -> list[float]:
    """Measure making and starting one container."""
    lab = Lab("bench").start()
    taken = [seconds(lambda name=f"c{number}": lab.container(name)) for number in range(ROUNDS)]
    lab.close()
    return taken


def commands() -> list[float]:
    """Measure a trivial command in a container, through the engine's API."""
    lab = Lab("bench").start()
    lab.container("web")
    api = lab.bed.engine()._api

    def run() -> None:
        api.exec_start(api.exec_create("web", ["true"]))

    taken = [seconds(run) for _ in range(ROUNDS)]
    lab.close()
    return taken


def second_host() -> list[float]:
    """Measure the start of the second host."""
    taken = []
    for _ in range(3):
        lab = Lab("bench").start()
        taken.append(seconds(lambda lab=lab: lab.need("host2")))
        lab.close()
        testbed.down()
    return taken


def lesson() -> list[float]:
    """Measure the whole bridge lesson in nbval, with the start of its testbed."""
    nbval = ["--nbval-lax", f"--nbval-sanitize-with={ROOT / 'tests' / 'sanitise.cfg'}"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *nbval, str(BRIDGE)]
    return [seconds(lambda: subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL))]


ROWS: tuple[tuple[str, str, Callable[[], list[float]]], ...] = (
    ("vm: start until the engine answers", "2 s", starts),
    ("vm: a container, made and started", "1.5 s", containers),
    ("vm: a trivial command in a container", "0.3 s", commands),
    ("vm: the second host", "-", second_host),
    ("vm: lesson 03 in nbval", "ratio 3", lesson),
)


def cold_boot() -> float:
    """Measure a boot without a saved machine, until the engine answers."""
    machine = saved.make(tree.build())

    def command(memory: Path) -> list[str]:
        return emulator.machine(machine.qemu, machine.accel, machine.kernel, memory, saving=True)

    with saving.booted(command) as (sockets, qemu, _):
        return seconds(lambda: saving.await_engine("host1", sockets, qemu))


def sizes() -> Iterator[tuple[str, str, str]]:
    """Give memory and disk, each with its aim, in MB."""
    machine = saved.make(tree.build())
    kept = [file for folder in (machine.folder, machine.kernel) for file in folder.iterdir()]
    disk = sum(file.stat().st_blocks * 512 for file in kept) // 10**6
    yield "vm: disk and saved machine in the cache", f"{disk} MB", "400 MB"
    with on("vm"):
        lab = Lab("bench").start()
        yield "vm: QEMU's memory after a start", resident(lab), "700 MB"
        lab.containers("web", "db", "cache")
        yield "vm: QEMU's memory with three containers", resident(lab), "700 MB"
        lab.need("host2")
        yield "vm: QEMU's memory with host2", resident(lab), "900 MB"
        lab.close()


def resident(lab: Lab) -> str:
    """Give the memory of a testbed's QEMU that is in use now."""
    status = Path(f"/proc/{processes.recorded(lab.bed.runtime / 'qemu')}/status").read_text()
    return f"{int(status.split('VmRSS:')[1].split()[0]) // 1000} MB"
