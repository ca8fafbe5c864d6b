"""What is drawn of live engines: the very topologies that they made, before and after a change."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import drawn_scenes
import pytest
import test_topology

from dockernet_lessons.difference import Difference
from dockernet_lessons.facts import Topology
from dockernet_lessons.testbed import Testbed

GOLDEN = Path(__file__).parent / "golden" / "drawn"


def observed_by(carrier: str, name: str) -> list[Topology]:
    """Set a scene on a testbed of that carrier, and give what was observed before and after the change."""
    program = [sys.executable, drawn_scenes.__file__, name]
    env = {**os.environ, "DOCKERNET_CARRIER": carrier}
    ran = subprocess.run(program, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    _, packed = json.loads(ran.stdout.splitlines()[-1])
    return pickle.loads(b64decode(packed))  # noqa: S301 - our own process wrote it


def check(name: str, before: Topology, after: Topology) -> None:
    """Hold the text of the later one and of the difference against the golden ones, and the page against its rules."""
    said = f"{after!r}\n\n{Difference(before, after)!r}\n"
    assert said == (GOLDEN / f"{name}.txt").read_text(), said
    for topology in (before, after):
        test_topology.test_every_place_and_every_interface_is_on_the_page(topology)
        test_topology.test_nothing_on_the_page_overlaps(topology)
        test_topology.test_words_keep_clear_of_borders(topology)
        test_topology.test_cables_end_where_they_should_and_cross_nothing_else(topology)


@pytest.mark.testbed
@pytest.mark.parametrize("name", ["one-host", "overlay"])
def test_what_engines_made_is_drawn(bed: Testbed, name: str) -> None:
    """The drivers bridge, host, none, macvlan and overlay, seen on this machine's own kernel, are all on the page."""
    check(name, *drawn_scenes.SCENES[name]())


@pytest.mark.testbed
def test_what_engines_made_of_ipvlan_is_drawn() -> None:
    """So are ipvlan in both modes and a VLAN, on the kernel of the virtual machine."""
    check("ipvlan", *observed_by("vm", "ipvlan"))
