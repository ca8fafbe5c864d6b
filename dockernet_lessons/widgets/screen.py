"""A terminal's screen in a page: shows what a shell writes, and sends what is typed there.

Knows no testbed. The terminal itself is xterm.js, kept in ``vendored``; ``screen.js`` is ours. Messages go both ways:
``output``, ``screen`` and ``taken`` to the pages, ``hello``, ``bye``, ``focus``, ``size``, ``shown`` and ``keys`` from
them. A message of a page may be overtaken by its next one or be lost: ipykernel 7.4 hands it to the thread that wrote
to the page last, which changes, and may have ended (``BaseComm._reply_subshell_for``).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from dockernet_lessons.widgets.flow import Flow

HERE = Path(__file__).parent
VENDORED = HERE / "vendored"
LARGEST = 500
"""Columns and rows that a page may ask for."""


def _front_end() -> str:
    """Give the page's part in one piece, as anywidget wants it: our module, with xterm.js as texts that it imports."""
    parts = {"XTERM": "xterm.mjs", "FIT": "addon-fit.mjs"}
    texts = [f"const {name} = {json.dumps((VENDORED / file).read_text())};" for name, file in parts.items()]
    return "\n".join([*texts, (HERE / "screen.js").read_text()])


@dataclass(frozen=True, slots=True)
class Hands:
    """Who is told what pages do: ``typed``, ``resized`` to so many columns and rows, ``shown`` more, all ``left``."""

    typed: Callable[[bytes], None]
    resized: Callable[[int, int], None]
    shown: Callable[[], None]
    left: Callable[[], None]


class Screen(anywidget.AnyWidget):
    """A screen of so many ``columns`` and ``rows``, under a ``label``; the same in every page that shows it.

    The page where somebody worked last decides on the size, and it alone types: programs ask a terminal questions
    (where is the cursor?), and one answer is enough.
    """

    _esm = _front_end()
    _css = (VENDORED / "xterm.css").read_text() + (HERE / "screen.css").read_text()

    label = traitlets.Unicode().tag(sync=True)
    columns = traitlets.Int(80).tag(sync=True)
    rows = traitlets.Int(16).tag(sync=True)
    live = traitlets.Bool(False).tag(sync=True)

    def __init__(self, hands: Hands, **traits: object) -> None:
        super().__init__(**traits)
        self.flow = Flow()
        self._hands = hands
        self._views: set[str] = set()
        self._active = ""
        self._sending = threading.RLock()  # so that pages get pieces in their order
        self._taking = threading.Lock()
        self._taken: dict[str, int] = {}
        self.on_msg(lambda _, content, __: self.told(content))

    def __repr__(self) -> str:
        return f"Screen({self.label!r})"

    @property
    def deserted(self) -> bool:
        """Whether pages showed it, and none does any more."""
        return bool(self._active) and not self._views

    def begin(self) -> None:
        """Begin with an empty screen."""
        with self._sending:
            self.flow = Flow()
            self._show_anew()
        self.live = True

    def write(self, data: bytes) -> None:
        """Show what a shell has written."""
        with self._sending:
            piece = self.flow.take(data)
            if piece is not None and self._views:
                self.send({"kind": "output", "at": piece.at}, buffers=[piece.data])

    def text(self) -> str:
        """Give what is kept of all that was written."""
        return self.flow.kept.data.decode(errors="replace")

    def told(self, content: Mapping[str, Any]) -> None:
        """Hear a message of a page."""
        view = str(content.get("view", ""))
        match content.get("kind"):
            case "hello":
                self._views.add(view)
                self._active = view
                self._resize(content)
                self._show_anew(view)
            case "bye":
                self._views.discard(view)
                if not self._views:
                    self._hands.left()
            case "focus":
                self._active = view
                self._resize(content)
            case "size" if view == self._active:
                self._resize(content)
            case "shown":
                if self.flow.shown(int(content["upto"])):
                    self._show_anew()
                self._hands.shown()
            case "keys":
                if content.get("focused"):  # what told of it may be lost
                    self._active = view
                self._take(view, int(content["first"]), content["pieces"])

    def _take(self, view: str, first: int, pieces: Sequence[str]) -> None:
        """Type what is new of the pieces that a page has not heard to be taken; the number of the first is given."""
        with self._taking:
            taken = self._taken.get(view, 0)
            self._taken[view] = max(taken, first + len(pieces))
            if view == self._active:
                self._hands.typed("".join(pieces[max(taken - first, 0) :]).encode())
        self.send({"kind": "taken", "view": view, "upto": self._taken[view]})

    def _resize(self, wanted: Mapping[str, Any]) -> None:
        columns, rows = (min(max(int(wanted.get(each, 0)), 0), LARGEST) for each in ("columns", "rows"))
        if columns and rows:
            self.columns, self.rows = columns, rows
            self._hands.resized(columns, rows)

    def _show_anew(self, view: str = "") -> None:
        """Have a page, or all of them, forget what they show and show all that is kept."""
        with self._sending:
            kept = self.flow.anew()
            self.send({"kind": "screen", "view": view, "at": kept.at}, buffers=[kept.data])
