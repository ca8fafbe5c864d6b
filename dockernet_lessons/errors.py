"""What can go wrong, said to a learner: what happened, the evidence, and the next step.

Knows nothing of Docker, Linux or notebooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

RECORDED = """what stands below the cells was printed on a testbed when the lesson was written; nothing of it
    was measured here. It can be read to its end. A cell that you run shows what happens now, and that is an error."""
CELL = 110
"""How many letters fit into a line of a cell."""
LIVE = 'README.md, "Three ways in": a click, a laptop, a class.'


class LessonError(Exception):
    """Something a learner can act on: a message, and a ``hint`` that names the next step.

    >>> raise LessonError("No network driver is called 'brigde'.", hint="Did you mean 'bridge'?")
    Traceback (most recent call last):
    dockernet_lessons.errors.LessonError: No network driver is called 'brigde'.
      Next: Did you mean 'bridge'?
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  Next: {self.hint}"

    def _render_traceback_(self) -> list[str]:
        """Show a learner the message and the next step; IPython asks for this instead of a traceback."""
        said = f"{type(self).__name__}: {self}"
        return ["\n".join(_wrapped(line) for line in said.splitlines())]


def _wrapped(line: str) -> str:
    """Break a line that is wider than a cell between two words: JupyterLab would do so within one.

    >>> _wrapped("a word " * 20).splitlines()[1]
    '    word a word a word a word a word'
    """
    return fill(line, CELL, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


class NoTestbed(LessonError):
    """No carrier can run a testbed here, or the testbed that ran has gone."""


class NotLive(NoTestbed):
    """A lab found no testbed: says, beside why, what the notebook on the screen is then, and where it would be live.

    >>> print(NotLive(NoTestbed("QEMU was killed.", hint="start again.")))
    QEMU was killed.
      Next: start again.
      Recorded: what stands below the cells was printed on a testbed when the lesson was written; nothing of it
        was measured here. It can be read to its end. A cell that you run shows what happens now, and that is an error.
      Live: README.md, "Three ways in": a click, a laptop, a class.
    """

    def __init__(self, cause: LessonError) -> None:
        super().__init__(cause.message, hint=cause.hint)

    def __str__(self) -> str:
        return f"{super().__str__()}\n  Recorded: {RECORDED}\n  Live: {LIVE}"


class BuildFailed(LessonError):
    """The testbed tree could not be made from Debian's packages."""


class CommandFailed(LessonError):
    """A command of the system ended with an error; keeps the command, its exit code and what it printed.

    >>> CommandFailed(["ip", "link", "show", "nope"], 1, 'Device "nope" does not exist.').exit_code
    1
    """

    def __init__(self, command: Sequence[str], exit_code: int, stderr: str, *, hint: str | None = None) -> None:
        self.command = tuple(command)
        self.exit_code = exit_code
        self.stderr = stderr.strip()
        said = self.stderr.splitlines()[-1] if self.stderr else "it printed nothing"
        super().__init__(
            f"`{' '.join(command)}` ended with exit code {exit_code}: {said}",
            hint=hint or "`dockernet doctor` tells what works on this machine.",
        )
