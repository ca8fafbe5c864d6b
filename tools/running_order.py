"""In which order files of tests are handed out where they run side by side: the longest first.

A file goes to one worker as a whole (``--dist=loadfile``), so a long one that comes last runs alone at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MINUTES = {
    "tests/test_binder.py": 14.0,
    "tests/test_browser.py": 11.3,
    "tests/test_carriers_exercises.py": 11.0,
    "tests/test_careless.py": 8.0,
    "tests/test_engine_bookworm.py": 7.6,
    "tests/test_engine_trixie.py": 7.0,
    "tests/test_trace.py": 6.8,
    "tests/test_vm.py": 5.6,
    "tests/test_widgets_browser.py": 2.3,
    "notebooks/12_choosing.ipynb": 2.3,
    "tests/test_container_faults.py": 2.2,
    "tests/test_vm_faults.py": 1.5,
    "tests/test_grading_states.py": 1.5,
    "tests/test_container_dockerfile.py": 1.1,
    "tests/test_grading_class.py": 1.0,
    "tests/test_exercises_ipvlan.py": 0.9,
    "tests/test_terminal_browser.py": 0.9,
}
"""What a file took in a whole run of 50 minutes on two cores, on 28 November 2026: its tests above 11 s, by pytest's
``--durations``. All others take less, and come after these as they are found.
"""


def place(minutes: dict[str, float] = MINUTES, root: Path = ROOT) -> Callable[[Path], float]:
    """Give what files are sorted by: the longest come first, those without a time last."""
    known = {root / name: taken for name, taken in minutes.items()}
    return lambda path: -known.get(path, 0)
