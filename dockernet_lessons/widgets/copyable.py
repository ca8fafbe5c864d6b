"""A text to copy, under a label: only the page can write to the clipboard, so this has code of its own there."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class Copyable(anywidget.AnyWidget):
    """Shows ``text`` under ``label``, with a button that copies it."""

    _esm = Path(__file__).with_name("copyable.js")

    label = traitlets.Unicode().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)

    def __repr__(self) -> str:
        return f"Copyable({self.label!r})"
