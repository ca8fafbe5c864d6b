"""The one door to the system: run a command, get its text, or raise ``CommandFailed``.

Knows nothing of testbeds or Docker.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dockernet_lessons.errors import CommandFailed

NO_END = 124
"""The exit code of a command that took too long. Source: timeout(1)."""

NOT_INSTALLED = 127
"""The exit code of a command that is not there, as shells give it."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed, and how it ended."""

    command: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str


def run(
    command: Sequence[str],
    *,
    check: bool = True,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
) -> Output:
    r"""Run a command to its end and give what it printed.

    ``timeout`` is in seconds; a command that takes longer is killed and counts as failed. With ``check=False`` an
    exit code other than 0 is a result and not an error.

    >>> run(["echo", "hello"]).stdout
    'hello\n'

    Raises ``CommandFailed``.
    """
    try:
        done = subprocess.run(
            list(command),
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=env,
            check=False,
        )
    except FileNotFoundError as error:
        raise CommandFailed(command, NOT_INSTALLED, f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(command, NO_END, f"it did not end within {timeout:g} s") from error
    if check and done.returncode != 0:
        raise CommandFailed(command, done.returncode, done.stderr)
    return Output(tuple(command), done.returncode, done.stdout, done.stderr)


def foreground(command: Sequence[str], *, patience: float = 10) -> int:
    """Run a command on this terminal until it ends, and give its exit code.

    It does not outlive us: where something ends the wait it is asked to end, and killed after ``patience`` seconds.
    On a terminal, Ctrl-C is the command's own to answer, as it is in a shell.

    >>> foreground(["true"])
    0
    """
    child = subprocess.Popen(list(command))
    before = signal.signal(signal.SIGINT, lambda *_: None) if sys.stdin.isatty() else None
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(patience)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if before is not None:
            signal.signal(signal.SIGINT, before)
