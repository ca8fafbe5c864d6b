"""What a lesson needs decides where it runs: tried on what runs, said in one line, never at another lab's expense."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockernet_lessons import Lab, LessonError, testbed
from dockernet_lessons.errors import NoTestbed
from dockernet_lessons.testbed import Testbed, needs, processes, saved, start
from dockernet_lessons.testbed import testbed as testbed_module
from dockernet_lessons.testbed.carriers import Verdict
from dockernet_lessons.testbed.carriers.namespace import NamespaceCarrier

pytestmark = [
    pytest.mark.testbed,
    # The Docker SDK leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

OWN_KERNEL = "own-kernel"
"""A need that only the virtual machine meets, whatever this machine's kernel has."""


class Broken:
    """A carrier that should work and does not."""

    name = "broken"

    def verdict(self) -> Verdict:
        """Promise to work."""
        return Verdict(True, "it looks fine")

    def prepare(self, *_: object) -> None:
        """Make nothing."""

    def start(self, *_: object, **__: object) -> None:
        """Break the promise."""
        raise NoTestbed("It broke.", hint="mend it.")

    def stop(self, _: Path) -> None:
        """End nothing."""

    def alive(self, _: Path) -> bool:
        """Never run."""
        return False


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a runtime folder of this test's own, on a machine without an engine of the learner's."""
    folder = Path(tempfile.mkdtemp(prefix="dn-"))
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(folder))
    monkeypatch.setenv("DOCKERNET_CARRIER", "auto")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    monkeypatch.setitem(needs.KERNEL, OWN_KERNEL, "grep -q no_timer_check /proc/cmdline")
    monkeypatch.setitem(needs.KERNEL, "pigeons", "echo asked >> /run/asked; false")
    monkeypatch.setattr(needs, "KNOWN", (*needs.KERNEL, *needs.HOSTS))
    yield folder
    testbed.down()
    shutil.rmtree(folder)


def up(*needed: str) -> tuple[Testbed, list[str]]:
    """Start a testbed that ends with the tests; give it, and what was said about the choice."""
    said: list[str] = []
    return testbed.up(owner=os.getpid(), needed=needed, why=said.append), said


@pytest.fixture
def two_carriers(machine: saved.Saved, runtime: Path) -> None:
    """Skip where the machine cannot run the tree natively: then there is one carrier only."""
    if not (verdict := NamespaceCarrier().verdict()).usable:
        pytest.skip(f"namespace: {verdict.reason}")


def test_an_unknown_need_is_refused() -> None:
    """The error lists what a lesson may need, and nothing is started."""
    with pytest.raises(LessonError) as caught:
        Lab("typo", needs=("ipvlan", "ipvaln"))
    assert str(caught.value) == (
        "No testbed can be asked for 'ipvaln'.\n"
        "  Next: a lesson may need dummy, ipvlan, ipvs, macvlan, vlan, vxlan, host2."
    )


def test_one_need_may_be_given_as_text() -> None:
    """A single name is not taken for its letters."""
    assert Lab("one", needs="vlan").needs == ("vlan",)


def test_a_lab_moves_to_where_its_needs_are_met(
    runtime: Path, two_carriers: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The testbed that lacks a need ends without a trace, the next carrier's has it, and one line tells why."""
    Lab("before").start().close()
    first = testbed.running()
    assert first.carrier.name == "namespace"
    has_ipvlan = not first.lacks(("ipvlan",))
    keeper = processes.recorded(runtime / "keeper")
    lab = Lab("moves", needs=("ipvlan", OWN_KERNEL)).start()
    assert lab.bed.carrier.name == "vm"
    assert capsys.readouterr().out == (
        "Carrier: vm (QEMU is in the cache; it needs neither root nor KVM); namespace passed over:"
        f"{'' if has_ipvlan else ' its kernel has no ipvlan and'} its kernel has no {OWN_KERNEL}\n"
    )
    assert keeper is not None
    assert processes.started(keeper) is None
    lab.container("web")
    lab.close()
    Lab("after").start().close()
    assert testbed.running().carrier.name == "vm"


def test_a_testbed_with_another_labs_container_is_not_ended(runtime: Path, two_carriers: None) -> None:
    """The lab that is refused is told whose container it is, and starts once that is closed."""
    other = Lab("other").start()
    other.container("web")
    lab = Lab("moves", needs=OWN_KERNEL)
    with pytest.raises(LessonError) as caught:
        lab.start()
    assert str(caught.value) == (
        f"Lab moves needs {OWN_KERNEL}, which the testbed that runs lacks; another could be started, but on this one is"
        " still web of other.\n"
        "  Next: close the other lab (`lab.close()` there, or `dockernet clean`), then start this one again."
    )
    assert other.running()
    other.close()
    assert lab.start().bed.carrier.name == "vm"
    lab.close()


def test_a_carrier_that_is_asked_for_is_kept(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ``DOCKERNET_CARRIER`` names one that lacks the need, that is the error, and nothing stays or moves."""
    monkeypatch.setenv("DOCKERNET_CARRIER", "namespace")
    with pytest.raises(NoTestbed) as caught:
        up("pigeons")
    assert caught.value.message == (
        "Nothing here can run what this lesson needs, pigeons (namespace passed over: its kernel has no pigeons)."
    )
    assert caught.value.hint == "set DOCKERNET_CARRIER to auto or vm; it is namespace now."
    assert testbed.attach() is None
    bed, _ = up()
    with pytest.raises(NoTestbed, match="pigeons"):
        up("pigeons")
    assert bed.alive()


def test_what_no_carrier_has_is_said(runtime: Path, two_carriers: None) -> None:
    """Every carrier is named with its reason, and none is left running."""
    with pytest.raises(NoTestbed) as caught:
        up("pigeons")
    assert [part.split(":")[0] for part in caught.value.message.split("; ")] == [
        "Nothing here can run what this lesson needs, pigeons (namespace passed over",
        "vm passed over",
        "container passed over",
    ]
    assert testbed.attach() is None
    assert {path.name for path in runtime.iterdir()} <= {"lock", "log", "root", "sockets"}


def test_a_need_is_tried_once(runtime: Path) -> None:
    """What was found out about a testbed is known to all who attach to it."""
    bed, _ = up()
    assert bed.lacks(("pigeons", "veth-of-old")[:1]) == ["pigeons"]
    testbed_module._attached = None  # as another notebook's kernel sees it
    again = testbed.running()
    assert again is not bed
    assert again.lacks(("pigeons",)) == ["pigeons"]
    assert bed.run("testbed", ["cat", "/run/asked"]).stdout == "asked\n"


def test_trying_leaves_nothing(runtime: Path) -> None:
    """The testbed's own places have the links that they had."""
    bed, _ = up()
    links = ["ip", "-brief", "link", "show"]
    before = [bed.run(place, links).stdout for place in ("testbed", "router", "host1")]
    bed.lacks(tuple(needs.KERNEL))
    assert [bed.run(place, links).stdout for place in ("testbed", "router", "host1")] == before


def test_a_carrier_that_does_not_come_up_is_passed_over(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a carrier promised counts less than what it did."""
    monkeypatch.setattr(testbed_module, "CARRIERS", (Broken(), NamespaceCarrier()))
    bed, said = up()
    assert bed.carrier.name == "namespace"
    assert said[0].endswith("; broken passed over: It broke.")


def test_a_carrier_that_is_asked_for_and_breaks_says_so(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one carrier to try, its own words and next step are the error."""
    monkeypatch.setattr(testbed_module, "CARRIERS", (Broken(), NamespaceCarrier()))
    monkeypatch.setenv("DOCKERNET_CARRIER", "broken")
    with pytest.raises(NoTestbed) as caught:
        up()
    assert str(caught.value) == "It broke.\n  Next: mend it."


def test_a_lab_that_runs_can_need_more(runtime: Path) -> None:
    """A second host is started; what the kernel lacks is an error that tells when to ask for it."""
    lab = Lab("more").start()
    lab.need("host2")
    assert lab.bed.hosts == ("host1", "host2")
    with pytest.raises(LessonError) as caught:
        lab.need("pigeons")
    assert str(caught.value) == (
        "The testbed has no pigeons (it runs on the carrier namespace).\n"
        "  Next: name it before the start: `Lab('more', needs=('pigeons',)).start()`."
    )
    lab.close()


def test_a_second_host_can_be_needed_from_the_start(runtime: Path) -> None:
    """It runs when the lab is there."""
    lab = Lab("two", needs="host2").start()
    assert repr(lab) == "Lab two is ready on host1 and host2"
    lab.close()


def test_the_choice_without_a_start_is_the_same(runtime: Path) -> None:
    """What is told beforehand is the carrier that comes to run."""
    bed, said = up()
    told: list[str] = []
    assert start.choose(told.append).name == bed.carrier.name
    assert told == said
