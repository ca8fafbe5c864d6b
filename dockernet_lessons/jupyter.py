"""How JupyterLab is started for the course: on the first lesson, for this machine alone, asking nobody.

Knows JupyterLab's options; does not start anything.
"""

from __future__ import annotations

import os
from pathlib import Path

FIRST_LESSON = "notebooks/00_start_here.ipynb"
SETTINGS = Path(__file__).with_name("jupyter_settings")
EXTENSIONS = Path(__file__).with_name("labextensions")


def lab_arguments(root: Path, *, port: int | None = None, live: bool = True) -> list[str]:
    """Give the arguments after ``python -m jupyterlab`` that open the course found in ``root``.

    Without ``port`` JupyterLab takes 8888 or the next free one; a given ``port`` is that one or an error. Where no
    testbed is ``live``, the server tries for one, and as long as there is none a banner says what is recorded.
    Source of the options: ``jupyter lab --help-all``, JupyterLab 4.6.

    >>> lab_arguments(Path("/course"), port=8899)[:2]
    ['--ServerApp.root_dir=/course', '--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb']
    """
    arguments = [
        f"--ServerApp.root_dir={root.absolute()}",
        f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}",
        "--ServerApp.ip=127.0.0.1",  # "localhost" may be an IPv6 address that no proxy or tunnel expects
        f"--LabApp.app_settings_dir={SETTINGS}",  # without it a pop-up asks whether one wants Jupyter's news
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",  # the other kind lists extensions from PyPI
    ]
    if port is not None:
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not live:
        arguments.append("--ServerApp.jpserver_extensions={'dockernet_lessons.ready': True}")
        arguments.append(f"--LabApp.extra_labextensions_path={EXTENSIONS}")
    if os.geteuid() == 0:
        arguments.append("--allow-root")  # the namespace carrier may need root; Jupyter refuses root without this
    return arguments
