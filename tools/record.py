"""Record what a live testbed really prints, for the tests that need no testbed.

Run as root, ``python tools/record.py [SUITE ...]``: for each Debian suite it starts a testbed of its own with
a small lab, and writes ``tests/recorded/ENGINE/``: ENGINE is the engine's version without its last part.
Recordings are not edited by hand: a change of the lab below means recording every suite again.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from dockernet_lessons import observe, parse, probe, testbed
from dockernet_lessons.facts import Container
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed.commands import Output
from dockernet_lessons.testbed.tree import SUITES

RECORDED = Path(__file__).parent.parent / "tests" / "recorded"


def main(suites: list[str]) -> None:
    """Record every suite named, or all of them."""
    for suite in suites or SUITES:
        with tempfile.TemporaryDirectory(prefix="dockernet-record-") as runtime:
            os.environ["DOCKERNET_RUNTIME"] = runtime
            try:
                testbed.up(suite=suite, owner=os.getpid())
                print(f"{suite}: {record(testbed.running())}")
            finally:
                testbed.down()


def record(bed: testbed.Testbed) -> Path:
    """Write the recordings of one testbed, and tell where they are."""
    folder = RECORDED / ".".join(bed.engine().version.split(".")[:2])
    folder.mkdir(parents=True, exist_ok=True)
    lab = Lab("recording").start()
    try:
        shop = lab.network("shop", subnet="172.30.0.0/24")
        web, db = lab.containers("web", "db")
        front, back = lab.containers("front", "back", on=shop)
        alone = lab.container("alone", on="none")
        lab.container("proxy", publish={8080: 80})
        for name, ask in {
            "ping-reply": partial(probe.ping, web, db),
            "ping-name": partial(probe.ping, front, "back"),
            "ping-outside": partial(probe.ping, web, "192.0.2.3"),
            "ping-no-answer": partial(probe.ping, web, back),
            "ping-nobody-there": partial(probe.ping, "host1", "192.0.2.99"),
            "ping-unknown-name": partial(probe.ping, web, "db"),
            "ping-no-route": partial(probe.ping, alone, "192.0.2.3"),
            "fetch-answer": partial(probe.fetch, front, "http://back"),
            "fetch-refused": partial(probe.fetch, web, "http://172.17.0.3:81"),
            "fetch-no-answer": partial(probe.fetch, web, "http://172.30.0.3"),
            "fetch-unknown-name": partial(probe.fetch, web, "http://db"),
            "fetch-no-route": partial(probe.fetch, alone, "http://172.17.0.3"),
            "getent-found": partial(probe.resolve, front, "back"),
            "getent-missing": partial(probe.resolve, web, "db"),
        }.items():
            with overheard(bed) as outputs:
                ask()
            (folder / f"{name}.json").write_text(json.dumps(asdict(outputs[-1]), indent=1) + "\n")
        _write_snapshot(folder, "", bed, [web, db, front, back, alone])
        (folder / "iptables-save.txt").write_text(bed.run("host1", ["iptables-save", "-c"]).stdout)
        (folder / "bridge-fdb.json").write_text(bed.run("host1", ["bridge", "-json", "fdb", "show"]).stdout)
    finally:
        lab.close()
    _record_wide(folder, bed)
    return folder


def _record_wide(folder: Path, bed: testbed.Testbed) -> None:
    """Write one more snapshot: two hosts, an overlay, a macvlan, shared namespaces, both versions, rules by hand."""
    lab = Lab("recording").start()
    try:
        lab.swarm()
        mesh = lab.network("mesh", driver="overlay", subnet="10.9.0.0/24")
        one, two = lab.container("one", on=mesh), lab.container("two", on=mesh, host="host2")
        wall = lab.network(
            "wall", driver="macvlan", subnet="192.0.2.0/24", ip_range="192.0.2.64/27", parent="eth0", mode="private"
        )
        box = lab.container("box", on=wall, mac="02:00:00:00:00:2a")
        side = lab.container("side", on=box, env={"PORT": "81"})
        plain = lab.container("plain", on="host", env={"PORT": "8090"})
        dual = lab.network("dual", subnet=["172.30.0.0/24", "2001:db8:1::/64"])
        six = lab.container("six", on=dual, publish={"127.0.0.1:8081": 80, "8053/udp": 53})
        probe.ping(one, "two")
        probe.ping("neighbour", "192.0.2.64")
        probe.run("router", "iptables -A FORWARD -s 198.51.100.0/24 -j DROP; ip route add blackhole 198.51.100.0/24")
        probe.run("neighbour", "nft 'add table inet wall; add chain inet wall door; add rule inet wall door counter'")
        _write_snapshot(folder, "-wide", bed, [one, two, box, side, plain, six])
    finally:
        lab.close()


@contextmanager
def overheard(bed: testbed.Testbed) -> Iterator[list[Output]]:
    """Listen to what the library runs in a testbed: gives the outputs, oldest first."""
    heard: list[Output] = []
    run = bed.run

    def listening(place: str, command: list[str], **options: object) -> Output:
        heard.append(run(place, command, **options))  # type: ignore[arg-type]
        return heard[-1]

    bed.run = listening  # type: ignore[method-assign]
    try:
        yield heard
    finally:
        del bed.run


def _write_snapshot(folder: Path, suffix: str, bed: testbed.Testbed, containers: list[Container]) -> None:
    """Write a snapshot and the names that go with its keys, for all containers but one that nobody is to know."""
    text = bed.snapshot()
    known = {f"{each.host}:{each.id}" for each in containers}
    named = {
        key: name
        for key, name in observe.named(bed, parse.keys(text)).items()
        if name.kind != "container" or key in known
    }
    (folder / f"names{suffix}.json").write_text(
        json.dumps({key: asdict(name) for key, name in named.items()}, indent=1) + "\n"
    )
    (folder / f"snapshot{suffix}.txt").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
