"""The lessons on the Engine of bookworm: what they say is what stays the same from one version to the next."""

import engine_lessons
import pytest


@pytest.mark.testbed
def test_every_lesson_holds_on_this_engine() -> None:
    """Each stored output, or the one kept for this Engine, is what the Engine of this older Debian prints."""
    engine_lessons.hold_on("bookworm")
