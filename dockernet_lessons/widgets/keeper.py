"""A text that the notebook itself keeps: it is in the saved file, and outlives page, kernel and server.

Only the page can write into a notebook that is open in it, so this is the one part of a prediction with code of its own
there (``keeper.js``). Where no JupyterLab shows it, the text lives as long as the kernel.
"""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class Keeper(anywidget.AnyWidget):
    """Keeps ``text`` under ``key`` in the metadata of the notebook.

    ``where`` is ``"notebook"`` once a page keeps it; until then it is empty, and nothing but the kernel does.
    """

    _esm = Path(__file__).with_name("keeper.js")

    key = traitlets.Unicode().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)
    where = traitlets.Unicode().tag(sync=True)

    def __repr__(self) -> str:
        return f"Keeper({self.key!r})"
