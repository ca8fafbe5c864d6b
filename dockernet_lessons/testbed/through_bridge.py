"""Run a command in the testbed's container, as if it were a command of this machine: the far end is ``bridge.py``.

Run as a file, ``python -I -S through_bridge.py SOCKET COMMAND ...``, so that nothing but this has to be loaded: a
lesson does it for every question it asks. Input, outputs and the exit code are those of the command inside.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
from typing import BinaryIO

HEADER = struct.Struct(">BxxxL")
"""As Docker has it for a stream of several: which one, and how many bytes follow."""

OUTPUT, ERRORS, EXIT = 1, 2, 3
GONE = 125
"""The exit code where the command could not be run, or its end was not heard of. Docker's own, too."""


def main(address: str, command: list[str]) -> int:
    """Run one command and give its exit code."""
    terminal = os.isatty(0) and os.isatty(1)
    wanted: dict[str, object] = {"command": command}
    if terminal:
        wanted |= {"terminal": os.environ.get("TERM", "linux"), "size": list(os.get_terminal_size())}
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(address)
            line.sendall(json.dumps(wanted).encode() + b"\n")
        except OSError as error:
            print(f"the testbed's container cannot be reached: {error.strerror}", file=sys.stderr)
            return GONE
        threading.Thread(target=pass_on_input, args=(line,), daemon=True).start()
        with line.makefile("rb") as answer:
            return in_raw_mode(answer) if terminal else show(answer)


def pass_on_input(line: socket.socket) -> None:
    """Send our input, and its end."""
    try:
        while data := os.read(0, 65536):
            line.sendall(data)
        line.shutdown(socket.SHUT_WR)
    except OSError:  # the command has ended meanwhile
        return


def show(answer: BinaryIO) -> int:
    """Write what the command writes, as it comes; give its exit code."""
    while len(header := answer.read(HEADER.size)) == HEADER.size:
        kind, size = HEADER.unpack(header)
        data = answer.read(size)
        if kind == EXIT:
            return int(data)
        while data:
            data = data[os.write(2 if kind == ERRORS else 1, data) :]
    return GONE


def in_raw_mode(answer: BinaryIO) -> int:
    """Do so while every key goes to the command's own terminal, Ctrl-C too."""
    import termios  # noqa: PLC0415  # only a shell needs them
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        return show(answer)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


if __name__ == "__main__":
    try:
        code = main(sys.argv[1], sys.argv[2:])
    except (BrokenPipeError, KeyboardInterrupt):
        code = 130
    sys.stderr.flush()
    os._exit(code)  # a thread may wait for input that never comes
