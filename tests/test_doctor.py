"""The doctor: what it looks at, how it says that something is missing, and the form that programs read."""

import json
from pathlib import Path

import pytest

from dockernet_lessons.errors import CommandFailed
from dockernet_lessons.testbed import doctor
from dockernet_lessons.testbed.carriers import Verdict
from dockernet_lessons.testbed.doctor import KERNEL, Check, Report, examine

KERNEL_CHECKS = [f"kernel {ability}" for ability in KERNEL]


class StandIn:
    """A carrier that says what a test wants it to say."""

    def __init__(self, name: str, usable: bool) -> None:
        self.name = name
        self.usable = usable

    def verdict(self) -> Verdict:
        """Tell what was wanted."""
        return Verdict(self.usable, "because the test says so", "" if self.usable else "change the test")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand on a machine where nothing is built, nothing runs and no command is ever run."""
    monkeypatch.setenv("DOCKERNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(tmp_path / "runtime"))
    monkeypatch.delenv("DOCKERNET_CARRIER", raising=False)
    monkeypatch.setattr(doctor, "run", lambda *_, **__: None)
    monkeypatch.setattr(doctor, "CARRIERS", (StandIn("namespace", usable=True),))
    return tmp_path


def find(report: Report, name: str) -> Check:
    """Give the one check of that name."""
    (check,) = (check for check in report.checks if check.name == name)
    return check


def test_everything_is_looked_at_once(bare: Path) -> None:
    """Each part of the machine that a testbed needs has one check, and no name occurs twice."""
    names = [check.name for check in examine().checks]
    assert names == [
        "Python",
        "system",
        "tools",
        "carrier namespace",
        *KERNEL_CHECKS,
        "needs on namespace",
        "control groups",
        "testbed tree",
        "disk",
        "memory",
        "testbed",
    ]


def test_what_is_not_well_has_a_next_step(bare: Path) -> None:
    """Nobody is left with a bare `no`."""
    report = examine()
    assert find(report, "testbed tree") == Check(
        "testbed tree", False, "none is built yet", "`dockernet build` builds it, in about half a minute"
    )
    assert all(check.next_step for check in report.checks if check.ok is False)
    assert not any(check.next_step for check in report.checks if check.ok)


def test_the_json_form_is_stable(bare: Path) -> None:
    """Programs find the same keys at every run, with JSON's own true, false and null."""
    report = json.loads(json.dumps(examine().as_json()))
    assert (set(report), report["schema"]) == ({"schema", "ready", "carrier", "checks"}, 1)
    assert all(list(check) == ["name", "ok", "finding", "next_step"] for check in report["checks"])
    assert {check["ok"] for check in report["checks"]} <= {True, False, None}


def test_missing_tools_are_named_with_the_command_that_brings_them(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line to copy, and no testbed is promised meanwhile."""
    monkeypatch.setattr(doctor.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(doctor.packages, "KEYRING", bare / "no-keyring")
    report = examine()
    assert find(report, "tools").finding == "missing: mmdebstrap, apt-get, dpkg-deb, debian-archive-keyring"
    assert "`apt-get install mmdebstrap debian-archive-keyring`" in find(report, "tools").next_step
    assert not report.ready


def test_an_engine_of_the_learners_builds_where_tools_are_missing(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then that carrier is the one that a lesson would get, whatever else could run a tree that is not there."""
    stand_ins = (StandIn("namespace", usable=True), StandIn("container", usable=True))
    monkeypatch.setattr(doctor, "CARRIERS", stand_ins)
    monkeypatch.setattr(doctor.platform, "system", lambda: "Linux")
    monkeypatch.setattr(doctor.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(doctor.packages, "KEYRING", Path("/"))
    monkeypatch.setattr(doctor.shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    assert examine().carrier == "namespace"
    monkeypatch.setattr(doctor.shutil, "which", lambda name, **_: None if name == "mmdebstrap" else name)
    report = examine()
    assert (report.ready, report.carrier) == (True, "container")
    assert find(report, "tools").ok is None
    assert find(report, "tools").finding.endswith("; the carrier container builds with its Docker Engine instead")


def test_without_namespaces_the_kernel_is_a_question(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be tried is said to be unknown, not to be missing."""

    def refuse(*_: object, **__: object) -> None:
        raise CommandFailed(["unshare"], 1, "Operation not permitted")

    monkeypatch.setattr(doctor, "run", refuse)
    report = examine()
    assert {find(report, name).ok for name in KERNEL_CHECKS} == {None}
    assert {find(report, name).finding for name in KERNEL_CHECKS} == {"cannot tell without root"}


def test_a_kernel_that_lacks_something_says_so(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own words are the finding; the other abilities are tried all the same."""

    def lacks_vlans(command: list[str], **_: object) -> None:
        if "type vlan" in command[-1]:
            raise CommandFailed(command, 2, "Error: Unknown device type.")

    monkeypatch.setattr(doctor, "run", lacks_vlans)
    monkeypatch.setattr(doctor, "_runnable", lambda tool: tool)
    report = examine()
    assert find(report, "kernel vlan").finding == "Error: Unknown device type."
    assert [name for name in KERNEL_CHECKS if not find(report, name).ok] == ["kernel vlan"]


def test_what_each_carrier_offers_is_told(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lessons that this kernel cannot run are told where they run instead; where nowhere, what would help."""

    def lacks_vlans(command: list[str], **_: object) -> None:
        if "type vlan" in command[-1]:
            raise CommandFailed(command, 2, "Error: Unknown device type.")

    monkeypatch.setattr(doctor, "run", lacks_vlans)
    monkeypatch.setattr(doctor, "_runnable", lambda tool: tool)
    for vm_works in (True, False):
        stand_ins = [StandIn(name, usable=fine) for name, fine in (("namespace", True), ("vm", vm_works))]
        monkeypatch.setattr(doctor, "CARRIERS", stand_ins)
        report = examine()
        assert find(report, "needs on namespace").finding == "all but vlan"
        assert find(report, "needs on vm").ok is (True if vm_works else None)
        step = find(report, "kernel vlan").next_step
        assert step == (
            "what needs it runs on the carrier vm"
            if vm_works
            else "use a kernel that has vlan; lessons that need it do not run here"
        )
        assert find(report, "carrier vm").next_step == ("" if vm_works else "change the test")


def test_a_tool_that_is_nowhere_leaves_its_question_open(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `nft`, and without a built tree that holds one, nobody can tell about nf_tables."""
    monkeypatch.setattr(doctor, "_found", lambda tool: None if tool == "nft" else f"/usr/bin/{tool}")
    check = find(examine(), "kernel nf_tables")
    assert (check.ok, check.finding) == (None, "cannot tell without the command nft")


@pytest.mark.parametrize(
    ("usable", "wanted", "carrier"),
    [
        ((True, True), "auto", "one"),
        ((False, True), "auto", "two"),
        ((True, True), "two", "two"),
        ((True, False), "two", None),
        ((False, False), "auto", None),
        ((True, True), "three", None),
    ],
)
def test_the_carrier_is_the_one_that_a_lesson_would_get(
    bare: Path, monkeypatch: pytest.MonkeyPatch, usable: tuple[bool, bool], wanted: str, carrier: str | None
) -> None:
    """The first usable one, or the one that is asked for, or none; only then can a testbed run."""
    stand_ins = tuple(StandIn(name, fine) for name, fine in zip(("one", "two"), usable, strict=True))
    monkeypatch.setattr(doctor, "CARRIERS", stand_ins)
    monkeypatch.setenv("DOCKERNET_CARRIER", wanted)
    report = examine()
    assert report.carrier == carrier
    assert carrier is not None or not report.ready


@pytest.mark.parametrize(
    ("system", "machine", "fine"),
    [("Linux", "x86_64", True), ("Linux", "aarch64", False), ("Darwin", "x86_64", False)],
)
def test_other_systems_are_told_at_once(
    bare: Path, monkeypatch: pytest.MonkeyPatch, system: str, machine: str, fine: bool
) -> None:
    """So far the tree is made for one kind of machine."""
    monkeypatch.setattr(doctor.platform, "system", lambda: system)
    monkeypatch.setattr(doctor.platform, "machine", lambda: machine)
    check = find(examine(), "system")
    assert (check.ok, check.finding) == (fine, f"{system} on {machine}")


def test_too_little_room_is_told(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a `no` with both ways out."""
    monkeypatch.setattr(doctor, "DISK_MB", 10**12)
    assert "or set DOCKERNET_CACHE" in find(examine(), "disk").next_step


def test_a_cache_that_cannot_be_made_is_a_finding(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor reports the trouble instead of having it."""
    (bare / "file").touch()
    monkeypatch.setenv("DOCKERNET_CACHE", str(bare / "file" / "cache"))
    report = examine()
    assert find(report, "disk").ok is False
    assert "cannot be made" in find(report, "testbed tree").finding


@pytest.mark.testbed
def test_a_machine_that_runs_a_testbed_is_ready(bed: object) -> None:
    """What the kernel is really asked for a testbed works where one runs, and the testbed itself is seen."""
    report = examine()
    assert report.ready
    assert {find(report, f"kernel {ability}").ok for ability in ("bridge", "veth", "overlayfs", "nf_tables")} == {True}
    assert find(report, "testbed").finding.startswith("runs on the carrier")


@pytest.mark.testbed
def test_trying_the_kernel_leaves_nothing(bed: object) -> None:
    """All attempts are made in namespaces of their own: the machine has the links and mounts it had."""

    def traces() -> tuple[list[str], int]:
        return sorted(path.name for path in Path("/sys/class/net").iterdir()), len(
            Path("/proc/self/mounts").read_text().splitlines()
        )

    before = traces()
    examine()
    assert traces() == before
