"""A terminal in a cell: a shell in any place of the testbed, that ends with the widget, the testbed or the kernel."""

from __future__ import annotations

import shlex
import time
from html import escape

from dockernet_lessons import testbed, whereabouts
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container
from dockernet_lessons.testbed import Listener, Shell
from dockernet_lessons.widgets.jobs import Job
from dockernet_lessons.widgets.panel import Panel, button, show
from dockernet_lessons.widgets.screen import Hands, Screen

FEWEST, MOST = 4, 60
GOING_SECONDS = 2.0
KILLED = 128
"""An exit code above it, or below 0, is that of a program that was killed."""
_newest: dict[str, Terminal] = {}
"""The newest terminal of each place."""


class Terminal(Panel):
    """A shell in a place, and a screen for it. ``close`` ends the shell with all that was started from it."""

    def __init__(self, place: Container | str, *, rows: int) -> None:
        self.place = whereabouts.door(place).name
        super().__init__(f"Shell in {self.place}")
        self._which = place
        self._shell: Shell | None = None
        hands = Hands(typed=self._typed, resized=self._resized, shown=self._look, left=self._left)
        self.screen = Screen(hands, label=self.title, rows=rows)
        self._again = button("Start the shell again", self.start_again, primary=True)
        self._again.layout.align_self = "flex-start"
        self._body.children = [self.screen]
        self._after.children = [self._again]
        self._start()
        self._older = _newest.get(self.place)
        _newest[self.place] = self
        if self._older is not None:
            self._older._left()

    @property
    def running(self) -> bool:
        """Whether its shell runs."""
        return self._shell is not None and self._shell.runs

    def type(self, text: str) -> None:
        r"""Type a text, as if it came from the keyboard; ``"\n"`` is the Enter key."""
        self._typed(text.encode())

    def text(self) -> str:
        """Give what the shell has written, with its control characters; of much of it, the last."""
        return self.screen.text()

    def start_again(self) -> None:
        """Start a shell where the last one has ended."""
        self.work("Starting the shell", self.again, steps=1)

    def close(self, *, wait: float = 0) -> bool:
        """End the shell, and all that was started from it; tell whether it is gone, after ``wait`` seconds at most."""
        shell = self._shell
        if shell is None:
            return True
        shell.close()
        self._show_end("The shell was ended.")
        return shell.wait(wait)

    def again(self, job: Job) -> None:
        """Start a shell."""
        job.say("looking for the place")
        if not self.running:
            self._start()
            self.say("")

    def enable(self) -> None:
        """Offer another shell where the last one has ended."""
        if not hasattr(self, "_again"):
            return  # a panel that is being made
        show(self._again, when=not self.running and self.trouble is None)
        self._again.disabled = self.busy

    def fallback(self) -> str:
        """Tell what is here while the kernel runs, and how to have the same elsewhere."""
        typed = f"dockernet shell {shlex.quote(self.place)}"
        return (
            f"<p><b>{escape(self.title)}</b>: run this cell to have it here.</p>"
            f"<p>In a terminal of your own, type <code>{escape(typed)}</code> for the same.</p>"
        )

    def _start(self) -> None:
        door = whereabouts.door(self._which)
        self.screen.begin()
        listener = Listener(self.screen.write, self._ended, self._room)
        size = {"columns": self.screen.columns, "rows": self.screen.rows}
        self._shell = Shell(testbed.running(), door, listener, **size)
        self.enable()

    def _typed(self, data: bytes) -> None:
        if self._shell is not None and self._shell.runs:
            self._shell.type(data)

    def _resized(self, columns: int, rows: int) -> None:
        if self._shell is not None:
            self._shell.resize(columns, rows)

    def _room(self) -> bool:
        return self.screen.flow.room()

    def _look(self) -> None:
        if self._shell is not None:
            self._shell.look()

    def _left(self) -> None:
        """End a shell that no page shows any more, where the same cell, run again, has made another."""
        if self.screen.deserted and _newest.get(self.place) is not self:
            self.close()

    def _ended(self, code: int) -> None:
        """Tell why the shell has ended; called on a thread of its own."""
        gone = self._gone()
        deadline = time.monotonic() + GOING_SECONDS
        while gone is None and not 0 <= code <= KILLED and time.monotonic() < deadline:
            time.sleep(0.1)  # it was killed, maybe with the place: that takes a moment
            gone = self._gone()
        self.screen.live = False
        if gone is not None:
            self.complain(gone)
        else:
            self._show_end(f"The shell has ended (exit code {code}).")

    def _gone(self) -> LessonError | None:
        """Give what is wrong with the place, or ``None`` where a shell can be started there."""
        try:
            whereabouts.door(self._which)
        except LessonError as error:
            return error
        return None

    def _show_end(self, text: str) -> None:
        self.screen.live = False
        self.say(f"<p>{escape(text)}</p>")
        self.enable()


def terminal(place: Container | str, *, rows: int = 16) -> Terminal:
    """Give a terminal in the cell: a shell in a place of the testbed, such as ``"router"``, or in a container.

    >>> shell = terminal("router")
    >>> shell
    Shell in router
    >>> shell.close(wait=10)
    True

    Outside the notebook ``dockernet shell router`` does the same. ``rows`` is how many lines are seen at first.

    Raises ``LessonError`` where there is no such place or it does not run, ``NoTestbed`` where no testbed does.
    """
    if not isinstance(rows, int) or not FEWEST <= rows <= MOST:
        raise LessonError(f"A terminal cannot have {rows!r} rows.", hint=f"choose a number from {FEWEST} to {MOST}.")
    return Terminal(place, rows=rows)
