"""The lessons on the other Engines: what they say is what stays the same from one version to the next."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from terminal_round import go_round

from dockernet_lessons import testbed
from dockernet_lessons.testbed import tree

ROOT = Path(__file__).parent.parent


OTHERS = [suite for suite in tree.SUITES if suite != tree.DEFAULT_SUITE]
LESSONS = [
    "-m",
    "pytest",
    "-q",
    "--nbval",
    "--nbval-sanitize-with=tests/sanitise.cfg",
    "--require-testbed",
    "notebooks",
]


def run_lessons(suite: str) -> subprocess.CompletedProcess[str]:
    """Run every lesson on another Engine, in a testbed of its own."""
    with tempfile.TemporaryDirectory(prefix="dn-") as runtime:
        env = {**os.environ, "DOCKERNET_SUITE": suite, "DOCKERNET_RUNTIME": runtime}
        return subprocess.run(
            [sys.executable, *LESSONS], cwd=ROOT, env=env, capture_output=True, text=True, timeout=1800, check=False
        )


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """Run the lessons on one Engine after another: files of tests run side by side already."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield {suite: pool.submit(run_lessons, suite) for suite in OTHERS}


@pytest.mark.testbed
@pytest.mark.parametrize("suite", OTHERS)
def test_every_lesson_holds_on_another_engine(
    suite: str, runs: dict[str, Future[subprocess.CompletedProcess[str]]]
) -> None:
    """Each stored output, or the one kept for that Engine, is what the Engine of an older Debian prints."""
    done = runs[suite].result()
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.testbed
@pytest.mark.usefixtures("empty_runtime")
@pytest.mark.parametrize("suite", OTHERS)
def test_a_terminal_on_another_engine(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed, resized, left and closed: `docker exec` of an older Engine carries all of it, too."""
    monkeypatch.setenv("DOCKERNET_SUITE", suite)
    bed = testbed.up(owner=os.getpid())
    assert bed.suite == suite
    go_round(bed)
