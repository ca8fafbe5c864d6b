"""What a trace says of each experiment, on three Engines and on the virtual machine: hop by hop, and why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trace_cases
from trace_cases import CASES, IPVLAN_CASES, L3_CASES, MUST_SAY, OVERLAY_CASES

from dockernet_lessons.testbed import tree

SAME_ON_A_VM = ("sibling", "published", "other-bridge", "macvlan-to-its-host", "name-of-the-world", "overlay")
"""Of the cases that any carrier can do, one of each mechanism."""


Done = dict[str, tuple[str, str]]
"""For each case the Engine that it was done on, and what was said."""


def do(suite: str, carrier: str, names: list[str]) -> Done:
    """Do cases on a testbed of their own."""
    env = {**os.environ, "DOCKERNET_SUITE": suite, "DOCKERNET_CARRIER": carrier}
    program = [sys.executable, trace_cases.__file__, *names]
    ran = subprocess.run(program, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    lines = (json.loads(line) for line in ran.stdout.splitlines())
    return {name: (engine, said) for name, engine, said in lines}


@pytest.fixture(scope="module")
def done(request: pytest.FixtureRequest) -> Callable[[str, str], Done]:
    """Do all cases that this run asks for, one Engine after another: files of tests run side by side already.

    A virtual machine that has to share its processor with three others takes minutes for what it does in seconds.
    """
    wanted: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item in request.session.items:
        if item.path == Path(__file__) and isinstance(item, pytest.Function) and "carrier" in item.fixturenames:
            asked = item.callspec.params
            wanted[asked["suite"], asked["carrier"]].append(asked["name"])
    pool = ThreadPoolExecutor(max_workers=1)
    jobs = {key: pool.submit(do, *key, names) for key, names in wanted.items()}
    request.addfinalizer(pool.shutdown)
    return lambda suite, carrier: jobs[suite, carrier].result()


def check(name: str, engine: str, said: str) -> None:
    """Hold what was said against what must be said."""
    assert said == trace_cases.must_say(name, engine).read_text(), said


@pytest.mark.testbed
@pytest.mark.parametrize("carrier", [os.environ.get("DOCKERNET_CARRIER", "auto")])
@pytest.mark.parametrize("suite", tree.SUITES)
@pytest.mark.parametrize("name", [*CASES, *OVERLAY_CASES])
def test_a_trace_tells_the_way_and_the_cause(
    name: str, suite: str, carrier: str, done: Callable[[str, str], Done]
) -> None:
    """Each experiment reads hop by hop as it must, with the cause of every loss, on every Engine."""
    check(name, *done(suite, carrier)[name])


@pytest.mark.testbed
@pytest.mark.parametrize("carrier", ["vm"])
@pytest.mark.parametrize("suite", [tree.DEFAULT_SUITE])
@pytest.mark.parametrize("name", [*IPVLAN_CASES, *L3_CASES, *SAME_ON_A_VM])
def test_a_trace_tells_the_same_on_a_virtual_machine(
    name: str, suite: str, carrier: str, done: Callable[[str, str], Done]
) -> None:
    """Ipvlan and VLANs, which this kernel may lack, are traced on the virtual machine, where the rest reads alike."""
    check(name, *done(suite, carrier)[name])


def test_every_file_belongs_to_a_case() -> None:
    """Nothing in ``tests/traces`` is left over from a case that is no more."""
    known = {*CASES, *OVERLAY_CASES, *IPVLAN_CASES, *L3_CASES}
    assert {path.name.split(".")[0] for path in MUST_SAY.iterdir()} == known


@pytest.mark.parametrize("path", sorted(MUST_SAY.iterdir()), ids=lambda path: path.stem)
def test_nothing_that_changes_by_chance_is_in_a_trace(path: Path) -> None:
    """No MAC address, no veth's name, no time and no port that the kernel draws by lot is in what a trace must say."""
    said = path.read_text()
    assert not trace_cases.BY_CHANCE.search(said), trace_cases.BY_CHANCE.search(said)
