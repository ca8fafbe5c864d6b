"""How quick a session is that begins in the image of ``binder/``, without any rights and on one processor.

``python benchmarks/hub.py`` builds the image as ``tests/test_binder.py`` does, on a Docker Engine of its own, and
begins sessions on it one after another. It needs root, for that engine only.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from hub_image import Hub, hub

ROUNDS = 3
SERVER = ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"]
FIRST = """
from pathlib import Path
from dockernet_lessons import Lab
lab = Lab("first").start()
lab.container("web")
Path("/tmp/first").write_text("runs")
"""
"""What lesson 00 does until its first container runs, for a kernel that is begun as soon as the server answers."""

RESTORE = """
import time
from dockernet_lessons import testbed
testbed.down()
begun = time.monotonic()
testbed.up()
print(time.monotonic() - begun)
"""
PATIENCE_SECONDS = 120.0


def until(here: Hub, *look: str) -> None:
    """Wait until a command in the session, one that costs next to nothing, ends well."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while here.inside("timed", *look, check=False).returncode:
        if time.monotonic() > deadline:
            raise SystemExit(here.docker("logs", "timed").stderr)
        time.sleep(0.1)


def one_session(here: Hub) -> tuple[float, float, float]:
    """Give when the server listens and the first container runs, and how long it takes to restore the testbed."""
    begun = time.monotonic()
    here.begin("timed", command=SERVER)
    try:
        until(here, "grep", "-q", ":22B8 00000000:0000 0A", "/proc/net/tcp")  # port 8888 listens
        answers = time.monotonic() - begun
        kernel = ["python", "-m", "ipykernel_launcher", "-f", "/tmp/kernel.json", "-c", FIRST]  # noqa: S108  # its own
        here.docker("exec", "--detach", "timed", *kernel)
        until(here, "grep", "-q", "runs", "/tmp/first")  # noqa: S108
        first = time.monotonic() - begun
        return answers, first, float(here.inside("timed", "python", "-c", RESTORE).stdout)
    finally:
        here.docker("rm", "--force", "timed")


def rows() -> Iterator[tuple[str, str, str]]:
    """Give what was measured, each with its aim, in seconds."""
    with hub() as here:
        measured = [one_session(here) for _ in range(ROUNDS)]
    whats = ("its server listens", "the first container of lesson 00 runs", "the testbed restored")
    for what, aim, times in zip(whats, ("-", "15 s", "3 s"), zip(*measured, strict=True), strict=True):
        yield f"session: {what}", f"{statistics.median(times):.1f} s", aim


if __name__ == "__main__":
    for row in rows():
        print(*row, sep="   ")
