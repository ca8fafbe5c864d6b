"""Back, forward and a slider: steps through a row of stops, with the keyboard and with a screen reader too.

The slider of ipywidgets has no name that a screen reader could say, and a button of its that is disabled loses the
focus; so this has code of its own in the page (``stepper.js``).
"""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class Stepper(anywidget.AnyWidget):
    """Chooses ``value``, 1 to the number of ``stops``, which are told in words; ``label`` says what they are."""

    _esm = Path(__file__).with_name("stepper.js")

    label = traitlets.Unicode("Hop").tag(sync=True)
    value = traitlets.Int(1).tag(sync=True)
    stops = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __repr__(self) -> str:
        return f"Stepper({self.label!r})"
