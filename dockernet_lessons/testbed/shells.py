"""A shell in a place of the testbed, on a terminal that a program holds: what it writes is heard, what is typed sent.

Knows nothing of widgets. One thread reads and writes; a guard of its own ends what was started from the shell, also
where this very process is killed.
"""

from __future__ import annotations

import fcntl
import os
import pty
import secrets
import select
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dockernet_lessons.errors import LessonError
from dockernet_lessons.testbed import entering
from dockernet_lessons.testbed.entering import Door
from dockernet_lessons.testbed.testbed import Testbed

KIND = "xterm-256color"
AT_ONCE = 1 << 16
"""How many bytes are heard at once, at most."""
BETWEEN = 0.01
"""Seconds from one piece that is heard to the next, at least: a flood comes in large pieces."""
MUCH = 1 << 11
LOOK_AGAIN = 0.25
"""Seconds until it is asked again whether there is room for more."""
GUARD = ["sh", "-c", 'read -r _; exec "$@"', "guard"]
"""Waits until the other end of its input is closed, by us or by our death."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of a shell, on a thread of the shell's own.

    ``heard`` gets what it writes, ``ended`` its exit code; ``room`` tells whether there is room for more. Where there
    is none, the shell waits with its writing, as with Ctrl-S.
    """

    heard: Callable[[bytes], None]
    ended: Callable[[int], None]
    room: Callable[[], bool] = lambda: True


class Shell:
    """A shell that runs; ``close`` ends it with all that was started from it."""

    def __init__(self, bed: Testbed, door: Door, listener: Listener, *, columns: int = 80, rows: int = 24) -> None:
        self.mark = secrets.token_hex(4)
        self._bed = bed
        self._listener = listener
        self._size = (columns, rows)
        self._typed = bytearray()
        self._lock = threading.Lock()
        self._closing = False
        self._over = False
        # What runs inside sees none of our environment; the carriers' own programs here need it.
        command = entering.shell(bed, door, self.mark, terminal=True, kind=KIND, session=True)
        guard = [*GUARD, *entering.end(bed, self.mark)]
        self._master, theirs = pty.openpty()
        self._set_size()
        os.set_blocking(self._master, False)
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        lives, self._life = os.pipe()
        try:
            self._guard = _start(guard, lives, subprocess.DEVNULL)
            self._process = _start(command, theirs, theirs)
        finally:
            os.close(theirs)
            os.close(lives)
        self._thread = threading.Thread(target=self._serve, daemon=True, name=f"shell-{door.name}")
        self._thread.start()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return not self._over

    def type(self, data: bytes) -> None:
        """Send what is typed; it is written as the shell takes it."""
        with self._lock:
            self._typed += data
        self.look()

    def look(self) -> None:
        """Ask at once whether there is room for more."""
        with self._lock, suppress(BlockingIOError):  # it looks anyway
            if not self._over:
                os.write(self._wake, b"x")

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; programs that fill it are told."""
        with self._lock:
            if self._over or (columns, rows) == self._size:
                return
            self._size = columns, rows
            self._set_size()
        if self._bed.carrier.makes_terminals:
            threading.Thread(target=self._resize_inside, args=(columns, rows), daemon=True).start()

    def close(self) -> None:
        """End it, and all that was started from it, in the background. ``ended`` is not called any more."""
        self._closing = True
        self.look()

    def wait(self, seconds: float = 30) -> bool:
        """Wait until it has ended and nothing of it is left; tell whether that is so within ``seconds``."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _set_size(self) -> None:
        columns, rows = self._size
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _resize_inside(self, columns: int, rows: int) -> None:
        with suppress(LessonError):  # the testbed ends just now
            self._bed.run("testbed", entering.resize(self.mark, columns, rows), check=False)

    def _serve(self) -> None:
        ends = os.pidfd_open(self._process.pid)
        while not self._closing and self._turn(ends):
            pass
        with self._lock:
            self._over = True
            for each in (self._master, self._life, self._woken, self._wake, ends):
                os.close(each)  # of the first, the terminal hangs up; of the second, the guard does its work
        if not self._closing:
            self._listener.ended(self._process.wait())
        self._guard.wait()
        self._process.wait()

    def _turn(self, ends: int) -> bool:
        """Wait until there is something to do, and do it; tell whether the shell goes on."""
        room = self._listener.room()
        writing = [self._master] if self._typed else []
        reading = [self._woken, ends, *([self._master] if room else [])]
        readable, writable, _ = select.select(reading, writing, [], None if room else LOOK_AGAIN)
        if self._woken in readable:
            os.read(self._woken, AT_ONCE)
        if writable:
            with self._lock, suppress(OSError):  # it takes no more for now, or has ended
                del self._typed[: os.write(self._master, self._typed)]
        if ends in readable or self._master in readable:
            self._hear()
        return ends not in readable

    def _hear(self) -> None:
        """Pass on what it has written since; after much of it, or none, wait a moment."""
        heard = bytearray()
        with suppress(OSError):  # nothing more for now, or for ever: its program ends just now
            while len(heard) < AT_ONCE:
                heard += os.read(self._master, AT_ONCE)
        if heard:
            self._listener.heard(bytes(heard))
        if not 0 < len(heard) < MUCH:
            time.sleep(BETWEEN)


def _start(command: Sequence[str], reads: int, writes: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "TERM": KIND}
    return subprocess.Popen(
        list(command), stdin=reads, stdout=writes, stderr=writes, env=environment, start_new_session=True
    )
