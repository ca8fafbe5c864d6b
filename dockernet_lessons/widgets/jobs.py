"""Long work off the main thread: one job at a time, told step by step, cancelled between steps.

Knows neither widgets nor testbeds. A click may arrive on any thread (JupyterLab has a setting for it), so all of this
may be called from any.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from dockernet_lessons.errors import LessonError


class Cancelled(Exception):
    """The learner wants this job to stop: raised in the job, at its next step."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a desk does: the ``title`` of its job, the step it is at, and how many of ``steps`` are done."""

    title: str = ""
    step: str = ""
    done: int = 0
    steps: int = 0
    running: bool = False
    stopping: bool = False

    def __str__(self) -> str:
        """Give it in a sentence to read.

        >>> str(Progress("Launching web", "making the container", 1, 4, running=True))
        'Launching web: making the container …'
        """
        if not self.running:
            return ""
        if self.stopping:
            return f"{self.title}: stopping after this step ({self.step}) …"
        return f"{self.title}: {self.step} …" if self.step else f"{self.title} …"


Work = Callable[["Job"], None]


class Job:
    """What a piece of work tells its desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __str__(self) -> str:
        return self._desk.progress.title

    def step(self, what: str) -> None:
        """Begin the next step. Raises ``Cancelled`` where the job shall stop here."""
        if self.stopping:
            raise Cancelled
        self._desk.tell(step=what, done=self._desk.progress.done + 1)

    def say(self, what: str) -> None:
        """Tell more of the step that is under way."""
        self._desk.tell(step=what)

    def halt(self, what: str) -> None:
        """Tell more of the step that is under way, where it may stop. Raises ``Cancelled`` where it shall."""
        if self.stopping:
            raise Cancelled
        self.say(what)

    @property
    def stopping(self) -> bool:
        """Whether the learner wants this job to stop."""
        return self._desk.progress.stopping


class Desk:
    """Does one job at a time. ``told`` hears of every step, ``failed`` of a job that ended with an error.

    >>> desk = Desk(lambda progress: print(progress) if progress.step else None, print)
    >>> desk.start("Counting", lambda job: job.step("one"), steps=1)
    True
    >>> desk.wait()
    Counting: one …
    """

    def __init__(self, told: Callable[[Progress], None], failed: Callable[[LessonError], None]) -> None:
        self.progress = Progress()
        self._told = told
        self._failed = failed
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None

    def start(self, title: str, work: Work, *, steps: int) -> bool:
        """Start a job, unless one runs already; tell whether it was started."""
        with self._lock:
            if self.progress.running:
                return False
            self.tell(title=title, step="", done=0, steps=steps, running=True, stopping=False)
            # A daemon: a kernel that is shut down does not wait for an engine that has died.
            self._thread = threading.Thread(target=self._do, args=(work,), name=title, daemon=True)
            self._thread.start()
        return True

    def cancel(self) -> None:
        """Stop the job that runs at its next step; what it made, it takes back itself."""
        with self._lock:
            if self.progress.running:
                self.tell(stopping=True)

    def wait(self, seconds: float = 60) -> None:
        """Wait for the end of the job that runs. Raises ``TimeoutError``."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
            if thread.is_alive():
                raise TimeoutError(f"{self.progress} is still under way after {seconds:g} s")

    def tell(self, **what: object) -> None:
        """Note what changed, and tell it."""
        with self._lock:
            self.progress = replace(self.progress, **what)  # type: ignore[arg-type]  # the names are those of Progress
            self._told(self.progress)

    def _do(self, work: Work) -> None:
        failure: LessonError | None = None
        try:
            work(Job(self))
        except Cancelled:
            pass
        except LessonError as error:
            failure = error
        except BaseException as error:
            failure = LessonError(
                f"This job ended in a fault of the course: {type(error).__name__}: {error}",
                hint="try it again; if it comes back, report it with what is said here.",
            )
            raise
        finally:
            with self._lock:
                if failure is not None:
                    self._failed(failure)
                self.tell(running=False, stopping=False, step="")
