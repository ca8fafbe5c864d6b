"""An extension of Jupyter's server: the testbed is restored while the page loads, and ends with the server.

Switched on where nobody has started a testbed before the server, as on Binder or a JupyterHub: see ``binder/``. Knows
nothing of lessons. A lab that is started meanwhile waits for it; one that finds none tries for itself, and tells why
there is none. JupyterLab asks here, too, and says it above the lessons before a cell is run: see ``labextensions/``.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import asdict, dataclass
from typing import Any, Literal

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from dockernet_lessons.errors import LIVE, RECORDED, LessonError


@dataclass(frozen=True)
class Outcome:
    """What a server has: a testbed that is being started, one that runs, or none, and then what learners are told."""

    state: Literal["starting", "live", "recorded"]
    recorded: str = ""
    why: str = ""
    next: str = ""
    live: str = ""


class Start:
    """The testbed of one server: started on a thread of its own, as the server answers meanwhile."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._lock = threading.Lock()
        self.outcome = Outcome("recorded")

    def begin(self) -> threading.Thread | None:
        """Have a testbed that ends with this process; one that is being started already is waited for."""
        with self._lock:
            if self.outcome.state == "starting":
                return None
            self.outcome = Outcome("starting")
        thread = threading.Thread(target=self._run, daemon=True, name="testbed")
        thread.start()
        return thread

    def _run(self) -> None:
        outcome = Outcome("recorded", RECORDED, "the start broke off; the server's log tells more.", "try again.", LIVE)
        try:
            outcome = self._up()
        finally:
            self.outcome = outcome

    def _up(self) -> Outcome:
        """Start it; a server without one serves lessons all the same."""
        from dockernet_lessons import testbed  # noqa: PLC0415  # while the server goes on

        try:
            bed = testbed.up(owner=os.getpid(), progress=self._log.info, why=self._log.info)
        except LessonError as error:
            self._log.warning("No testbed: %s", error)
            return Outcome("recorded", RECORDED, error.message, error.hint, LIVE)
        self._log.info("The testbed is ready (carrier %s)", bed.carrier.name)
        return Outcome("live", live="the testbed runs now. Run the first cell of the lesson, and go on from there.")


class Testbed(APIHandler):
    """What the page asks: how it stands with the testbed (GET), and that another start be tried (POST)."""

    def initialize(self, start: Start) -> None:
        """Take the server's start, as tornado hands it over."""
        self.start = start

    @web.authenticated
    def get(self) -> None:
        """Answer with the outcome so far."""
        self.finish(asdict(self.start.outcome))

    @web.authenticated
    def post(self) -> None:
        """Try again, and answer that it is being tried."""
        self.start.begin()
        self.get()


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell Jupyter's server where the extension is."""
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Begin, and answer the page."""
    start = Start(server.log)
    start.begin()
    address = url_path_join(server.web_app.settings["base_url"], "dockernet", "testbed")
    server.web_app.add_handlers(".*$", [(address, Testbed, {"start": start})])
