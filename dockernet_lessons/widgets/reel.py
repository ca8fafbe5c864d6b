"""Pictures drawn ahead, on a thread of their own, so that a step from one to the next shows at once."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Reel:
    """Pictures 1 to ``count``, of which one is looked at: ``shown`` hears of that one, as soon as it is drawn.

    A program that ends waits for the picture that is being drawn, and for no other.

    >>> reel = Reel(3, lambda number: f"picture {number}", print)
    >>> reel.draw(1)
    picture 1
    >>> reel.ahead()
    >>> reel.wait()
    >>> reel.want(3)
    picture 3
    """

    def __init__(self, count: int, draw: Callable[[int], str], shown: Callable[[str], None]) -> None:
        self._count = count
        self._draw = draw
        self._shown = shown
        self._pictures: dict[int, str] = {}
        self._wanted = 1
        self._stopped = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def want(self, number: int) -> None:
        """Look at a picture: it is shown now where it is there, and drawn next where it is not."""
        with self._lock:
            self._wanted = number
            there = self._pictures.get(number)
            if there is not None:
                self._shown(there)
        if there is None:
            self.ahead()

    def draw(self, number: int) -> None:
        """Draw a picture, and show it if it is the one that is looked at."""
        picture = self._draw(number)
        with self._lock:
            self._pictures[number] = picture
            if number == self._wanted and not self._stopped:
                self._shown(picture)

    def ahead(self) -> None:
        """Begin to draw all that are not there yet."""
        with self._lock:
            if self._stopped or (self._thread is not None and self._thread.is_alive()):
                return
            # No daemon: a program that ends in the middle of matplotlib's C++ code is aborted (seen with Python 3.11).
            self._thread = threading.Thread(target=self._all, name="drawing ahead", daemon=False)
            self._thread.start()

    def stop(self) -> None:
        """Draw no more, and show none."""
        with self._lock:
            self._stopped = True

    def wait(self, seconds: float = 60) -> None:
        """Wait until all are drawn. Raises ``TimeoutError``."""
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                raise TimeoutError(f"{self._count - len(self._pictures)} pictures were not drawn within {seconds:g} s")

    def _all(self) -> None:
        while not self._stopped and threading.main_thread().is_alive() and (number := self._next()):
            self.draw(number)

    def _next(self) -> int | None:
        """Choose what to draw: what is wanted, then what comes after it, then the rest."""
        order = (*range(self._wanted, self._count + 1), *range(1, self._wanted))
        return next((number for number in order if number not in self._pictures), None)
