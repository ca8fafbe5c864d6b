"""An extension of Jupyter's server: the testbed is restored while the page loads, and ends with the server.

Switched on where nobody has started a testbed before the server, as on Binder or a JupyterHub: see ``binder/``. Knows
nothing of lessons. A lab that is started meanwhile waits for it; one that finds none tries for itself, and tells why
there is none.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from dockernet_lessons.errors import LessonError


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell Jupyter's server where the extension is."""
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Begin, on a thread of its own: the server answers meanwhile."""
    threading.Thread(target=start_testbed, args=(server.log,), daemon=True, name="testbed").start()


def start_testbed(log: logging.Logger) -> None:
    """Have a testbed that ends with this process; a server without one serves lessons all the same."""
    from dockernet_lessons import testbed  # noqa: PLC0415  # while the server goes on

    try:
        bed = testbed.up(owner=os.getpid(), progress=log.info, why=log.info)
    except LessonError as error:
        log.warning("No testbed: %s", error)
    else:
        log.info("The testbed is ready (carrier %s)", bed.carrier.name)
