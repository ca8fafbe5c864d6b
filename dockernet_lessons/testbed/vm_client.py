"""Run a command inside the virtual machine as if it ran here: the same input, output, errors and exit code.

Runs as a process of its own, ``python vm_client.py SOCKET COMMAND ...``, and needs nothing but Python's own library,
so that it starts at once. See ``files/agent`` for the other end.
"""

from __future__ import annotations

import os
import select
import shlex
import socket
import sys
from collections.abc import Sequence

GONE = 255
AT_ONCE = 1 << 16


def main(address: str, command: Sequence[str]) -> int:
    """Run a command, pass everything through, and give its exit code."""
    mark = os.urandom(16).hex().encode()  # `secrets` would take as long to import as all the rest
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(address)
            line.sendall(_request(mark, command))
            return _pass_through(line, mark)
        except OSError as error:
            print(f"the virtual machine does not answer: {error}", file=sys.stderr)
            return GONE


def _request(mark: bytes, command: Sequence[str]) -> bytes:
    words = shlex.join(command) + "\n"
    kind = "plain"
    if os.isatty(0) and os.isatty(1):
        kind = "tty"
        size = os.get_terminal_size()
        terminal = shlex.quote(os.environ.get("TERM", "dumb"))
        words = f"stty rows {size.lines} cols {size.columns}\nexport TERM={terminal}\n{words}"
    return mark + f"\n{kind}\n{words.count(chr(10))}\n".encode() + os.fsencode(words)


def _pass_through(line: socket.socket, mark: bytes) -> int:
    """Copy both ways until the command's end has come through."""
    sources = [line.fileno(), 0]
    held = b""
    parts = 0
    with _RawTerminal():
        while True:
            ready = select.select(sources, [], [])[0]
            if 0 in ready:
                data = os.read(0, AT_ONCE)
                if data:
                    line.sendall(data)
                else:
                    sources.remove(0)
                    line.shutdown(socket.SHUT_WR)
            if line.fileno() in ready:
                data = line.recv(AT_ONCE)
                if not data:
                    raise ConnectionResetError("it ended the connection")
                held += data
                while parts < 2 and mark in held:
                    part, _, held = held.partition(mark)
                    _write(1 + parts, part)
                    parts += 1
                if parts == 2 and held.endswith(b"\n"):
                    return int(held)
                if parts < 2:
                    done = len(held) - _begun(held, mark)
                    _write(1 + parts, held[:done])
                    held = held[done:]


def _begun(held: bytes, mark: bytes) -> int:
    """Tell how many bytes at the end may be the beginning of a mark: all else is shown at once, a prompt above all.

    >>> _begun(b"web # ", b"abc"), _begun(b"web a", b"abc"), _begun(b"web ab", b"abc")
    (0, 1, 2)
    """
    return next(size for size in range(min(len(held), len(mark) - 1), -1, -1) if held.endswith(mark[:size]))


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


class _RawTerminal:
    """Give every key to the command inside while it runs, where there is a terminal."""

    def __enter__(self) -> None:
        self.before = None
        if os.isatty(0) and os.isatty(1):
            import termios  # noqa: PLC0415  # only where there is a terminal
            import tty  # noqa: PLC0415

            self.before = termios.tcgetattr(0)
            tty.setraw(0)

    def __exit__(self, *_: object) -> None:
        if self.before is not None:
            import termios  # noqa: PLC0415

            termios.tcsetattr(0, termios.TCSADRAIN, self.before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
