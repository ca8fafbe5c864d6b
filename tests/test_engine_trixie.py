"""The lessons on the Engine of trixie: what they say is what stays the same from one version to the next."""

import os

import engine_lessons
import pytest
from terminal_round import go_round

from dockernet_lessons import testbed


@pytest.mark.testbed
def test_every_lesson_holds_on_this_engine() -> None:
    """Each stored output, or the one kept for this Engine, is what the Engine of this older Debian prints."""
    engine_lessons.hold_on("trixie")


@pytest.mark.testbed
@pytest.mark.usefixtures("empty_runtime")
def test_a_terminal_on_this_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed, resized, left and closed: `docker exec` of an older Engine carries all of it, too."""
    monkeypatch.setenv("DOCKERNET_SUITE", "trixie")
    bed = testbed.up(owner=os.getpid())
    assert bed.suite == "trixie"
    go_round(bed)
