"""The keyboard of a panel: keys go to the control that has the focus, not to JupyterLab's shortcuts for cells.

Source: ``data-lm-suppress-shortcuts`` is Lumino's own mark (CommandRegistry, JupyterLab 4).
"""

from __future__ import annotations

from pathlib import Path

import anywidget


class Keys(anywidget.AnyWidget):
    """Invisible; one in a panel makes its controls usable with the keyboard."""

    _esm = Path(__file__).with_name("keys.js")

    def __repr__(self) -> str:
        return "Keys()"
