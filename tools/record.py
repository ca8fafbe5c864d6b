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

from dockernet_lessons import probe, testbed
from dockernet_lessons.facts import Container
from dockernet_lessons.lab import Lab
from dockernet_lessons.parse import Named
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
        _write_snapshot(folder, bed, [web, db, front, back, alone])
        (folder / "iptables-save.txt").write_text(bed.run("host1", ["iptables-save", "-c"]).stdout)
        (folder / "bridge-fdb.json").write_text(bed.run("host1", ["bridge", "-json", "fdb", "show"]).stdout)
    finally:
        lab.close()
    return folder


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


def _write_snapshot(folder: Path, bed: testbed.Testbed, containers: list[Container]) -> None:
    """Write a snapshot and the names that go with its keys: container ids would differ at each recording."""
    records = {f"c-{each.name}": bed.engine(each.host).container(each.id) for each in containers}
    named = {place: Named(place, place, place) for place in testbed.PLACES}  # type: ignore[arg-type]
    named |= {host: Named(host, "host", host) for host in bed.hosts}
    named |= {key: Named(known.name, "container", known.host) for key, known in records.items() if known}
    (folder / "names.json").write_text(json.dumps({key: asdict(name) for key, name in named.items()}, indent=1) + "\n")
    (folder / "snapshot.txt").write_text(bed.snapshot({key: known.pid for key, known in records.items() if known}))


if __name__ == "__main__":
    main(sys.argv[1:])
