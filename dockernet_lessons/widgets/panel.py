"""What all widgets of the course have in common: a frame, a job at a time, what to do when a testbed has gone.

A cell shows a panel twice: once as plain HTML, which stays in the notebook for readers without a kernel, and once as
live controls. Where the controls live, a rule of style hides the HTML.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from html import escape
from pathlib import Path
from uuid import uuid4

import ipywidgets
from IPython.display import display, update_display

from dockernet_lessons import testbed
from dockernet_lessons.errors import LessonError, NoTestbed
from dockernet_lessons.widgets.jobs import Cancelled, Desk, Job, Progress, Work
from dockernet_lessons.widgets.keys import Keys

STYLE = f"<style>{Path(__file__).with_name('panel.css').read_text()}</style>"
GONE = ".jp-OutputArea:has(.dockernet-fallback) .jp-OutputArea-output.jupyter-widgets:not(:has(*)) { display: none }"
"""Hides what JupyterLab writes where the controls were, in a notebook that is opened without its kernel."""
READABLE = ".dockernet-fallback table :is(caption, th, td) { text-align: left !important }"
"""JupyterLab and nbconvert set tables to the right, as for numbers."""


class Panel(ABC):
    """Controls in a frame. ``box`` is the ipywidget that holds them, for whoever wants to put it elsewhere."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.trouble: LessonError | None = None
        self.desk = Desk(self._told, self._failed)
        self._shown: str | None = None
        self._heading = html(f'<p class="title" role="heading" aria-level="3">{escape(title)}</p>')
        self._progress = html("")
        self._message = html("")
        self._cancel = button("Cancel", self.desk.cancel, tip="Stop after the step that is under way")
        self._restart = button("Restart the testbed", self.restart, primary=True)
        self._body = column()
        self._after = column()
        self._busy = row(self._progress, self._cancel)
        self.box = column(
            html(STYLE), self._heading, self._body, self._busy, self._message, self._restart, self._after, Keys()
        )
        self.box.add_class("dockernet-panel")
        hide(self._busy, self._restart)

    # ---- what each panel says of itself

    @abstractmethod
    def fallback(self) -> str:
        """Give what is true at this moment, as HTML that needs no kernel."""

    def plain(self) -> str:
        """Give the same as text: what never changes, unless a panel has more to say."""
        return repr(self)

    @abstractmethod
    def enable(self) -> None:
        """Enable the controls that make sense now; called whenever a job starts, ends or fails."""

    @abstractmethod
    def again(self, job: Job) -> None:
        """Take up the work on a new testbed; not cancelled any more."""

    # ---- work

    @property
    def busy(self) -> bool:
        """Whether a job of this panel runs."""
        return self.desk.progress.running

    def work(self, title: str, work: Work, *, steps: int) -> None:
        """Do a job off the main thread; nothing happens while another one of this panel runs."""

        def whole(job: Job) -> None:
            try:
                work(job)
            except Cancelled:
                self.cancelled(title)
            else:
                if job.stopping and not self._message.value:
                    self.say(f"{escape(title)} was done before it could be cancelled.")

        if not self.busy:
            self.say("")
        self.desk.start(title, whole, steps=steps)

    def cancelled(self, title: str) -> None:
        """Tell that a job was cancelled; a panel that shows what is there looks again."""
        self.say(f"{escape(title)} was cancelled.")

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Tell the learner something, below the controls; without text, take the last thing away."""
        kind = "message wrong" if wrong else "message"
        self._message.value = f'<div class="{kind}" role="status">{text}</div>' if text else ""
        self._message.layout.display = None if text else "none"

    def complain(self, error: LessonError) -> None:
        """Tell what went wrong and what to do next; where the testbed has gone, offer a new one."""
        self.trouble = error if isinstance(error, NoTestbed) or testbed.attach() is None else None
        self.say(f"<p><b>{escape(error.message)}</b></p><p>Next: {escape(error.hint)}</p>", wrong=True)
        show(self._restart, when=self.trouble is not None)
        self.enable()

    def restart(self) -> None:
        """Start a new testbed where the old one has gone."""
        self.work("Starting the testbed", self._start_again, steps=2)

    def _start_again(self, job: Job) -> None:
        job.step("waiting for its engine")
        start(job.halt)
        job.say("looking at it")  # from here on it is done
        self.again(job)
        self.trouble = None
        hide(self._restart)
        self.say("The testbed runs again. What was on the old one is gone: run the cells that made it.")

    def _told(self, progress: Progress) -> None:
        share = round(100 * max(progress.done - 1, 0) / max(progress.steps, 1))
        bar = f'<div class="bar"><span style="width:{share}%"></span></div>'
        self._progress.value = f'<div role="status">{escape(str(progress))}</div>{bar}' if progress.running else ""
        self._cancel.disabled = progress.stopping
        show(self._busy, when=progress.running)
        self._restart.disabled = progress.running
        self.enable()
        if not progress.running:
            self.keep()

    def _failed(self, error: LessonError) -> None:
        self.complain(error)

    # ---- in the notebook

    def __repr__(self) -> str:
        return self.title

    def keep(self) -> None:
        """Bring up to date what stays in the notebook."""
        if self._shown is not None:
            update_display(self._static(), raw=True, display_id=self._shown)  # type: ignore[no-untyped-call]

    def _static(self) -> dict[str, str]:
        rule = f"<style>{GONE}\n{READABLE}</style>"
        return {
            "text/plain": self.plain(),
            "text/html": f'{rule}<div class="dockernet-fallback">{self.fallback()}</div>',
        }

    def _ipython_display_(self) -> None:
        self._shown = str(uuid4())
        live = {**self.box._repr_mimebundle_(), "text/plain": repr(self)}
        display(self._static(), raw=True, display_id=self._shown)  # type: ignore[no-untyped-call]
        display(live, raw=True)  # type: ignore[no-untyped-call]


def start(progress: Callable[[str], None]) -> testbed.Testbed:
    """Give the testbed, a new one where none runs; it lives as long as the Jupyter server."""
    return testbed.up(owner=int(os.environ.get("JPY_PARENT_PID", "0")) or None, progress=progress)


# ---- small parts -------------------------------------------------------------------------------------------


def html(text: str) -> ipywidgets.HTML:
    """Give a piece of HTML."""
    return ipywidgets.HTML(text)


def column(*parts: ipywidgets.Widget) -> ipywidgets.VBox:
    """Put parts below each other."""
    return ipywidgets.VBox(parts)


def row(*parts: ipywidgets.Widget) -> ipywidgets.HBox:
    """Put parts beside each other; they wrap where a window is narrow."""
    made = ipywidgets.HBox(parts)
    made.add_class("dockernet-row")
    return made


def button(text: str, act: Callable[[], None], *, tip: str = "", primary: bool = False) -> ipywidgets.Button:
    """Give a button that acts when it is pressed."""
    made = ipywidgets.Button(description=text, tooltip=tip, button_style="primary" if primary else "")
    made.on_click(lambda _: act())
    return made


def show(*parts: ipywidgets.DOMWidget, when: bool = True) -> None:
    """Show parts, or hide them: as a whole they come and go, so the keyboard does not meet what is not there."""
    for part in parts:
        part.layout.display = None if when else "none"


def hide(*parts: ipywidgets.DOMWidget) -> None:
    """Hide parts."""
    show(*parts, when=False)
