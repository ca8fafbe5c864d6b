"""The testbed that tests and lessons share: started when the first of them needs it, gone when they are done.

Stands beside ``notebooks/`` and ``tests/`` so that pytest finds it for either; nbval's kernels use that testbed
too.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import other_engines
import pytest
import running_order
from nbval.plugin import IPyNbCell

from dockernet_lessons import testbed
from dockernet_lessons.errors import LessonError
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed, saved, tree
from dockernet_lessons.testbed.carriers.vm import VirtualMachineCarrier
from dockernet_lessons.testbed.start import choose

CHROMIUM = Path("/usr/bin/chromium")


@dataclass
class Shared:
    """One testbed for a whole run of pytest, in a runtime folder of its own."""

    folder: Path
    compulsory: bool
    first: str | None = field(default=None)
    why_not: str | None = field(default=None)

    def bed(self) -> Testbed:
        """Give the testbed, started where need be; skip or fail, with the reason, where it cannot run."""
        if self.why_not is None:
            try:
                choose()
            except LessonError as error:
                self.why_not = error.message
        if self.why_not is not None:
            self.give_up(self.why_not)
        running = testbed.attach() or testbed.up(owner=os.getpid())
        self.first = self.first or running.carrier.name
        return running

    def leave_a_better_one(self) -> None:
        """End a testbed that one lesson needed and the next would only be slower on."""
        running = testbed.attach()
        if running and self.first not in (None, running.carrier.name):
            testbed.down()

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Give one worker more than there are cores: a lesson waits more than it works, half of a core is busy with it."""
    return len(os.sched_getaffinity(0)) + 1


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first: workers are given whole files, in this order."""
    place = running_order.place()
    items.sort(key=lambda item: place(item.path))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Bring what a test is marked to need. Comes before nbval starts the kernel of a lesson."""
    shared = item.config.stash[SHARED]
    if item.get_closest_marker("browser") and not CHROMIUM.exists():
        shared.give_up(f"{CHROMIUM} is missing: `apt-get install chromium`")
    if item.get_closest_marker("testbed") or isinstance(item, IPyNbCell):
        if not isinstance(item, IPyNbCell) or item.cell_num == 0:
            shared.leave_a_better_one()
        shared.bed()
    suite = os.environ.get("DOCKERNET_SUITE")
    if isinstance(item, IPyNbCell) and suite and other_engines.is_other(suite):
        differing = other_engines.expected(Path(item.parent.path), suite)
        item.cell.outputs = differing.get(item.cell.get("id"), item.cell.outputs)
        if "text/html" not in item.parent.skip_compare:  # the text form says the same; HTML is compared on the newest
            item.parent.skip_compare = (*item.parent.skip_compare, "text/html")


LIVE_EXAMPLES = {
    "dockernet_lessons": False,
    "dockernet_lessons.grading.task": False,
    "dockernet_lessons.lab": False,
    "dockernet_lessons.observe.filters": True,
    "dockernet_lessons.observe.interfaces": True,
    "dockernet_lessons.observe.services": True,
    "dockernet_lessons.places": False,
    "dockernet_lessons.probe": True,
    "dockernet_lessons.matrix": True,
    "dockernet_lessons.testbed.testbed": False,
    "dockernet_lessons.topology": True,
    "dockernet_lessons.tracing.trace": True,
    "dockernet_lessons.widgets.explorer": False,
    "dockernet_lessons.widgets.launcher": False,
    "dockernet_lessons.widgets.terminal": False,
    "dockernet_lessons.widgets.testbed_panel": False,
    "dockernet_lessons.tracing.traced": True,
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


@pytest.fixture(scope="session")
def machine() -> saved.Saved:
    """Give the saved virtual machine; the first time on a machine it is made here, in a minute or two."""
    verdict = VirtualMachineCarrier().verdict()
    if not verdict.usable:
        pytest.skip(verdict.reason)
    return saved.make(tree.build())


@pytest.fixture
def empty_runtime(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a runtime folder of one test's own, with no testbed in it; whatever is started there is ended."""
    assert bed.alive()  # noqa: S101  # what a test that uses it relies on
    folder = Path(tempfile.mkdtemp(prefix="dn-"))
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(folder))
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    yield folder
    testbed.down()
    shutil.rmtree(folder)
    gc.collect()  # connections to an engine that has died


@pytest.fixture
def vm_runtime(machine: saved.Saved, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a runtime folder of one test's own on the carrier `vm`; whatever runs there is ended without a trace."""
    folder = Path(tempfile.mkdtemp(prefix="vm-"))
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(folder))
    monkeypatch.setenv("DOCKERNET_CARRIER", "vm")
    yield folder
    testbed.down()
    left = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    shutil.rmtree(folder)
    if left - {"lock", "log", "sockets"}:
        pytest.fail(f"left in the runtime folder: {sorted(left)}", pytrace=False)


COMPARED = ("compared with what is stored", True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Mark the cells whose stored output was compared and found the same."""
    report = yield
    if report.when == "call" and isinstance(item, IPyNbCell) and item.options["check"] and item.cell.outputs:
        report.user_properties.append(COMPARED)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many cells were strictly compared, in whatever process."""
    compared = sum(COMPARED in report.user_properties for report in terminalreporter.stats.get("passed", ()))
    if compared:
        terminalreporter.write_line(
            f"nbval: {compared} cells strictly compared with what they printed when they were stored"
        )
