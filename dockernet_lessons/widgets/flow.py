"""What a shell has written, and how far pages have shown it: keeps the last of it, and says when to wait.

Knows neither shells nor widgets. Offsets count bytes from the shell's first one on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

KEPT = 200_000
"""How many bytes are kept, about: what a page gets that is opened later."""
AHEAD = 64_000
"""How many bytes may be on their way to pages that have not told that they have shown them."""
DRIP_SECONDS = 1.0
"""Where no page answers (none is open, or a cell keeps the kernel busy), a shell may write a piece this often."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of what was written, and at which offset."""

    at: int
    data: bytes


class Flow:
    """The output of one shell.

    >>> flow = Flow()
    >>> flow.take(b"one"), flow.take(b"two"), flow.kept
    (Piece(at=0, data=b'one'), Piece(at=3, data=b'two'), Piece(at=0, data=b'onetwo'))
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._data = bytearray()
        self._start = 0
        self._shown = 0
        self._taken = clock()
        self.behind = False

    @property
    def end(self) -> int:
        """The offset of what will be written next."""
        return self._start + len(self._data)

    def room(self) -> bool:
        """Tell whether the shell may write on."""
        with self._lock:
            return self.end - self._shown < AHEAD or self._clock() - self._taken >= DRIP_SECONDS

    def take(self, data: bytes) -> Piece | None:
        """Take what was written; give it, or ``None`` where pages are too far behind for it: they get all anew then."""
        with self._lock:
            self.behind = self.behind or self.end - self._shown >= AHEAD
            piece = Piece(self.end, data)
            self._data += data
            self._taken = self._clock()
            if len(self._data) > 2 * KEPT:
                self._forget()
            return None if self.behind else piece

    def shown(self, upto: int) -> bool:
        """Note that a page has shown all up to an offset; tell whether pages need all anew."""
        with self._lock:
            self._shown = max(self._shown, min(upto, self.end))
            return self.behind

    @property
    def kept(self) -> Piece:
        """All that is kept."""
        with self._lock:
            return Piece(self._start, bytes(self._data))

    def anew(self) -> Piece:
        """Give all that is kept, to be shown anew. It counts as shown: pages go on from there."""
        with self._lock:
            self.behind = False
            self._shown = self.end
        return self.kept

    def _forget(self) -> None:
        """Forget the oldest, up to the end of a line: no character and no colour is cut in two."""
        cut = len(self._data) - KEPT
        line = self._data.find(b"\n", cut, cut + 10_000)
        cut = line + 1 if line >= 0 else cut
        del self._data[:cut]
        self._start += cut
