"""The testbed that tests and lessons share: started when the first of them needs it, gone when they are done.

Stands beside ``notebooks/`` and ``tests/`` so that pytest finds it for either; nbval's kernels use that testbed
too.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell

from dockernet_lessons import testbed
from dockernet_lessons.errors import LessonError
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed
from dockernet_lessons.testbed.testbed import choose

CHROMIUM = Path("/usr/bin/chromium")


@dataclass
class Shared:
    """One testbed for a whole run of pytest, in a runtime folder of its own."""

    folder: Path
    compulsory: bool
    why_not: str | None = field(default=None)
    compared: int = field(default=0)

    def bed(self) -> Testbed:
        """Give the testbed, started where need be; skip or fail, with the reason, where it cannot run."""
        if self.why_not is None:
            try:
                choose()
            except LessonError as error:
                self.why_not = error.message
        if self.why_not is not None:
            self.give_up(self.why_not)
        return testbed.attach() or testbed.up(owner=os.getpid())

    def give_up(self, reason: str) -> None:
        """Skip what needs something that is not here, or fail where it was said to be here."""
        if self.compulsory:
            pytest.fail(f"{reason} (it is compulsory: --require-testbed)", pytrace=False)
        pytest.skip(reason)


SHARED = pytest.StashKey[Shared]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes a testbed compulsory."""
    parser.addoption(
        "--require-testbed",
        action="store_true",
        help="fail, instead of skipping, where a testbed or the browser is missing",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep away from the testbed of whoever runs the tests: kernels and commands inherit this folder."""
    folder = Path(tempfile.mkdtemp(prefix="dockernet-tests-"))
    os.environ["DOCKERNET_RUNTIME"] = str(folder)
    config.stash[SHARED] = Shared(folder, compulsory=config.getoption("--require-testbed"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the testbed."""
    shared = config.stash.get(SHARED, None)
    if shared is not None:
        os.environ["DOCKERNET_RUNTIME"] = str(shared.folder)
        testbed.down()
        shutil.rmtree(shared.folder, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Bring what a test is marked to need. Comes before nbval starts the kernel of a lesson."""
    shared = item.config.stash[SHARED]
    if item.get_closest_marker("browser") and not CHROMIUM.exists():
        shared.give_up(f"{CHROMIUM} is missing: `apt-get install chromium`")
    if item.get_closest_marker("testbed") or isinstance(item, IPyNbCell):
        shared.bed()


LIVE_EXAMPLES = {
    "dockernet_lessons": False,
    "dockernet_lessons.lab": False,
    "dockernet_lessons.observe": True,
    "dockernet_lessons.probe": True,
    "dockernet_lessons.testbed.testbed": False,
    "dockernet_lessons.topology": True,
}
"""The modules whose examples run on the testbed, and whether they find a shop with web and db on it."""


@pytest.fixture(autouse=True)
def live_examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, object]) -> Iterator[None]:
    """Give the examples in docstrings the lab that they speak of."""
    module = request.node.dtest.globs["__name__"] if isinstance(request.node, pytest.DoctestItem) else ""
    if module not in LIVE_EXAMPLES:
        yield
        return
    request.getfixturevalue("bed")
    lab = Lab("examples").start()
    doctest_namespace["lab"] = lab
    if LIVE_EXAMPLES[module]:
        shop = lab.network("shop", subnet="172.30.0.0/24")
        doctest_namespace["web"], doctest_namespace["db"] = lab.containers("web", "db", on=shop)
    yield
    doctest_namespace.clear()
    lab.close()


@pytest.fixture(scope="session")
def bed(pytestconfig: pytest.Config) -> Iterator[Testbed]:
    """Give the testbed that this run shares."""
    yield pytestconfig.stash[SHARED].bed()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Count the cells whose stored output was compared and found the same."""
    report = yield
    if report.when == "call" and report.passed and isinstance(item, IPyNbCell):
        item.config.stash[SHARED].compared += bool(item.options["check"] and item.cell.outputs)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many cells were strictly compared."""
    if compared := config.stash[SHARED].compared:
        terminalreporter.write_line(
            f"nbval: {compared} cells strictly compared with what they printed when they were stored"
        )
