"""Every lesson on one of the other Engines, in a testbed of its own: a file of tests for each, as they take longest."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
LESSONS = [
    "-m",
    "pytest",
    "-q",
    "--nbval",
    "--nbval-sanitize-with=tests/sanitise.cfg",
    "--require-testbed",
    "notebooks",
]


def hold_on(suite: str) -> None:
    """Run every lesson on the Engine of a Debian suite; each stored output has to be what that Engine prints."""
    with tempfile.TemporaryDirectory(prefix="dn-") as runtime:
        env = {**os.environ, "DOCKERNET_SUITE": suite, "DOCKERNET_RUNTIME": runtime}
        done = subprocess.run(
            [sys.executable, *LESSONS], cwd=ROOT, env=env, capture_output=True, text=True, timeout=1800, check=False
        )
    assert done.returncode == 0, done.stdout[-4000:]
