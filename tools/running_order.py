"""In which order files of tests are handed out where they run side by side: the longest first.

A file goes to one worker as a whole (``--dist=loadfile``), so a long one that comes last runs alone at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MINUTES = {
    "tests/test_carriers_exercises.py": 24.0,
    "tests/test_binder.py": 21.0,
    "tests/test_careless.py": 12.0,
    "tests/test_browser.py": 11.7,
    "tests/test_engine_bookworm.py": 8.3,
    "tests/test_engine_trixie.py": 6.2,
    "tests/test_trace.py": 5.4,
    "tests/test_vm.py": 4.1,
    "tests/test_widgets_browser.py": 3.1,
    "tests/test_doors.py": 2.0,
    "tests/test_container_faults.py": 2.0,
    "tests/test_nbgrader.py": 1.9,
    "tests/test_exercises_choosing.py": 1.9,
    "notebooks/12_choosing.ipynb": 1.5,
    "tests/test_terminal_browser.py": 1.5,
    "tests/test_vm_faults.py": 1.4,
    "tests/test_grading_states.py": 1.4,
    "tests/test_grading_carriers.py": 1.3,
    "tests/test_mutations.py": 1.0,
    "tests/test_exercises_ipvlan.py": 1.0,
    "tests/test_container_carrier.py": 1.0,
}
"""What a file took in a whole run of 47 minutes with three workers on two cores, on 29 November 2026, by pytest's
``--durations``. All others take less than a minute, and come after these as they are found.
"""


def place(minutes: dict[str, float] = MINUTES, root: Path = ROOT) -> Callable[[Path], float]:
    """Give what files are sorted by: the longest come first, those without a time last."""
    known = {root / name: taken for name, taken in minutes.items()}
    return lambda path: -known.get(path, 0)
