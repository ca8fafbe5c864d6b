"""The way into a virtual machine: one command of this machine for each command inside."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from dockernet_lessons.errors import CommandFailed
from dockernet_lessons.testbed.commands import NO_END, Output, run


def client(address: Path, command: list[str]) -> list[str]:
    """Give the command of this machine that runs a command inside a virtual machine."""
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("vm_client.py")), str(address), *command]


def say_the_time(address: Path, *, timeout: float) -> Output:
    """Set the clock of a machine that was just restored; wait until it has answered.

    What is sent before the machine runs is lost, and QEMU sends it again only after six seconds: ask again sooner.

    Raises ``CommandFailed``.
    """
    patience = 0.6
    deadline = time.monotonic() + timeout
    while True:
        try:
            return run(client(address, ["date", "-u", "-s", f"@{time.time():.0f}"]), timeout=patience)
        except CommandFailed as error:
            if error.exit_code != NO_END or time.monotonic() > deadline:
                raise
        patience *= 1.5
