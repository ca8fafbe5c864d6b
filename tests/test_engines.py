"""The lessons on the other Engines: what they say is what stays the same from one version to the next."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dockernet_lessons.testbed import tree

ROOT = Path(__file__).parent.parent


@pytest.mark.testbed
@pytest.mark.parametrize("suite", [suite for suite in tree.SUITES if suite != tree.DEFAULT_SUITE])
def test_every_lesson_holds_on_another_engine(suite: str) -> None:
    """Each stored output is what the Engine of an older Debian prints, too."""
    lessons = [
        "-m",
        "pytest",
        "-q",
        "--nbval",
        "--nbval-sanitize-with=tests/sanitise.cfg",
        "--require-testbed",
        "notebooks",
    ]
    with tempfile.TemporaryDirectory(prefix="dn-") as runtime:
        env = {**os.environ, "DOCKERNET_SUITE": suite, "DOCKERNET_RUNTIME": runtime}
        done = subprocess.run(
            [sys.executable, *lessons], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False
        )
    assert done.returncode == 0, done.stdout[-4000:]
