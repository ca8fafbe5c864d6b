"""The testbed comes up as drawn, leaves the machine alone, goes without a trace, and outlives kills."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dockernet_lessons import observe, probe, testbed
from dockernet_lessons.errors import LessonError, NoTestbed
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed, processes, tree

pytestmark = [
    pytest.mark.testbed,
    # The Docker SDK leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

END_SECONDS = 20.0
SEEN_FROM_HERE = ("/proc/self/net/route", "/proc/self/net/fib_trie", "/proc/self/net/ip_tables_names")
MOVING = re.compile(
    r"fs/(aio-nr|dentry-state|file-nr|inode-nr|inode-state|quota/.*|pipe-.*)|fs/binfmt_misc/.*"
    r"|kernel/(ns_last_pid|pty/nr|random/.*|threads-max|sched_domain/.*)"
    r"|net/netfilter/nf_conntrack_count|net/ipv[46]/neigh/.*|vm/stat_refresh"
)
"""Settings under /proc/sys that are counters, or that the kernel changes by itself."""


# ---- what is true of this machine ----------------------------------------------------------------------------


def machine() -> dict[str, object]:
    """Describe all of this machine that a testbed must not change."""
    return {
        "links": {
            link.name: [_read(link / name) for name in ("address", "flags", "mtu", "operstate", "ifindex")]
            for link in Path("/sys/class/net").iterdir()
        },
        "addresses and routes": {name: _read(Path(name)) for name in SEEN_FROM_HERE},
        "IPv6": sorted(line.split()[0] for line in _read(Path("/proc/self/net/if_inet6")).splitlines()),
        "rules": {" ".join(save): _output(*save) for save in RULES if shutil.which(save[0])},
        "settings": settings(),
        "control groups": control_groups(),
        "mounts": _read(Path("/proc/self/mountinfo")),
        "its own Docker": [_identity(Path(name)) for name in ("/run/docker.sock", "/var/run/docker.sock")],
        "its name": os.uname().nodename,
        "network namespaces": sorted(path.name for path in Path("/run/netns").iterdir())
        if Path("/run/netns").is_dir()
        else [],
    }


RULES = (
    ("iptables-save",),
    ("ip6tables-save",),
    ("nft", "list", "ruleset"),
    ("ip", "rule"),
    ("ip", "route", "show", "table", "all"),
)


def settings() -> dict[str, str]:
    """Give every setting of the kernel that can be read, but for those that move by themselves."""
    top = Path("/proc/sys")
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            file = Path(folder, name)
            key = str(file.relative_to(top))
            if not MOVING.fullmatch(key):
                found[key] = _read(file)
    return found


def control_groups() -> list[str]:
    """Give the folders of every control group hierarchy, without what belongs to testbeds: other ones may run."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    tops = [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]
    return sorted(folder for top in tops for folder, _, _ in os.walk(top) if "dockernet-" not in folder)


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError as error:
        return f"({error.strerror})"


def _output(*command: str) -> str:
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return re.sub(r"(?m)^#.*\n|\[\d+:\d+\]| expires \d+sec", "", text)


def _identity(file: Path) -> tuple[int, int] | None:
    return (file.stat().st_ino, file.stat().st_mode) if file.exists() else None


# ---- what belongs to a testbed -------------------------------------------------------------------------------


class Traces:
    """What a running testbed has on this machine: remembered, so that it can be looked for afterwards."""

    def __init__(self, runtime: Path) -> None:
        self.runtime = runtime
        keeper, init = processes.recorded(runtime / "keeper"), processes.recorded(runtime / "init")
        assert keeper is not None
        assert init is not None
        self.keeper, self.init = keeper, init
        held = os.open(f"/proc/{init}/ns/pid", os.O_RDONLY)  # its number is not given to another, such as a container
        weakref.finalize(self, os.close, held)
        self.namespace = _pid_namespace(init)
        self.outside = {pid: processes.started(pid) for pid in (keeper, _parent(init))}

    def processes(self, *, zombies: bool = True) -> list[str]:
        """Give what still runs in the testbed, or holds it from outside."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            pid = int(process.name)
            try:
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
                inside = _pid_namespace(pid) == self.namespace and (zombies or state != "Z")
                holds = pid in self.outside and processes.started(pid) == self.outside[pid]
                if inside or holds:
                    found.append(f"{pid} {state} {(process / 'cmdline').read_text()}")
            except OSError:
                continue
        return found

    def groups(self) -> list[Path]:
        """Give the control groups of the testbed."""
        top, name = Path("/sys/fs/cgroup"), f"dockernet-{self.keeper}"
        return [*top.glob(name), *top.glob(f"*/{name}")]

    def files(self) -> list[str]:
        """Give what lies in the runtime folder, but for its lock, its log and two empty folders."""
        found = {str(path.relative_to(self.runtime)) for path in self.runtime.rglob("*")}
        return sorted(found - {"lock", "log", "root", "sockets"})

    def pid_of(self, name: str) -> int:
        """Give the id of the testbed's process of that name."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                inside = _pid_namespace(int(process.name)) == self.namespace
                if inside and (process / "comm").read_text() == f"{name}\n":
                    return int(process.name)
            except OSError:
                continue
        raise AssertionError(f"no {name} runs in the testbed")

    def are_gone(self) -> bool:
        """Tell whether nothing of the testbed is left."""
        return not (self.processes() or self.groups() or self.files())


def _pid_namespace(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/pid").readlink())


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def wait_until(true: Callable[[], object], seconds: float = END_SECONDS) -> bool:
    """Look until something is true, at most so long; tell whether it is."""
    deadline = time.monotonic() + seconds
    while not (found := bool(true())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


@pytest.fixture
def runtime(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a runtime folder of this test's own, with no testbed in it; whatever runs there is ended."""
    assert bed.alive()
    folder = Path(tempfile.mkdtemp(prefix="bed-"))
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(folder))
    yield folder
    testbed.down()
    shutil.rmtree(folder)
    gc.collect()


def start(runtime: Path, *, owner: int | None = None) -> tuple[Testbed, Traces]:
    """Start a testbed of this test's own."""
    found = testbed.up(owner=owner or os.getpid())
    assert found.runtime == runtime
    return found, Traces(runtime)


def python(script: str) -> subprocess.Popen[str]:
    """Start a Python process with some of our names at hand."""
    preface = "import os, signal, sys\nfrom dockernet_lessons import testbed\nfrom dockernet_lessons.lab import Lab\n"
    return subprocess.Popen([sys.executable, "-c", preface + script], stdout=subprocess.PIPE, text=True)


# ---- as drawn ------------------------------------------------------------------------------------------------


def test_the_engine_answers(bed: Testbed) -> None:
    """Engine 28.5 answers on host1 and holds the lesson image."""
    assert bed.hosts[0] == "host1"
    assert re.match(r"28\.5\.\d+", bed.engine().version)
    assert bed.engine().has_image("lesson")


def test_only_this_user_can_reach_the_engine(bed: Testbed) -> None:
    """The API socket has mode 0600, in folders of mode 0700, and belongs to this user."""
    socket = Path(bed.carrier.endpoint(bed.runtime, "host1").removeprefix("unix://"))
    assert socket.is_socket()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (socket, socket.parent, bed.runtime)] == [
        0o600,
        0o700,
        0o700,
    ]
    assert {path.stat().st_uid for path in (socket, socket.parent, bed.runtime)} == {os.getuid()}


@pytest.mark.parametrize(
    ("source", "target", "ttl"),
    [
        ("host1", "192.0.2.254", 64),
        ("host1", "192.0.2.3", 64),
        ("host1", "203.0.113.10", 63),
        ("neighbour", "192.0.2.11", 64),
        ("neighbour", "203.0.113.10", 63),
        ("router", "192.0.2.11", 64),
        ("router", "203.0.113.10", 64),
        ("internet", "192.0.2.3", 63),
        ("internet", "192.0.2.11", 63),
    ],
)
def test_places_reach_each_other_as_drawn(bed: Testbed, source: str, target: str, ttl: int) -> None:
    """On the LAN nothing is between two places; the internet is one router away."""
    assert bed.alive()
    found = probe.ping(source, target)
    assert (found.reached, found.ttl) == (True, ttl)


def test_an_address_nobody_has_is_not_reached(bed: Testbed) -> None:
    """The same ping to an address of the LAN that nobody has is not answered."""
    assert bed.alive()
    assert probe.ping("host1", "192.0.2.3").reached
    assert probe.ping("host1", "192.0.2.77").problem == "no answer"


@pytest.mark.parametrize("place", ["host1", "neighbour"])
def test_names_of_the_internet(bed: Testbed, place: str) -> None:
    """The router's name server knows the testbed's own names, and no others."""
    assert bed.alive()
    found = {name: [str(each) for each in probe.resolve(place, name).addresses] for name in NAMES}
    assert found == NAMES


NAMES = {
    "www.example.com": ["203.0.113.10"],
    "neighbour.example.com": ["192.0.2.3"],
    "nobody.example.com": [],
}


def test_the_internet_and_the_neighbour_serve_a_page(bed: Testbed) -> None:
    """Each says its own name and who asked, so address translation shows."""
    assert bed.alive()
    assert probe.fetch("host1", "http://www.example.com").text == "I am internet. You are 192.0.2.11."
    assert probe.fetch("internet", "http://192.0.2.3").text == "I am neighbour. You are 203.0.113.10."


def test_the_machine_itself_is_out_of_reach(bed: Testbed) -> None:
    """No place of the testbed has a route to anything but the testbed."""
    for place in ("host1", "router"):
        assert probe.ping(place, "192.0.2.3").reached
    assert probe.ping("router", "198.51.100.1").problem == "it has no route there"
    assert bed.run("router", ["ip", "route", "show", "default"]).stdout == ""


def test_containers_have_only_so_many_processes(bed: Testbed) -> None:
    """One that starts them without end leaves the engines theirs."""
    groups = "/sys/fs/cgroup/docker/pids.max", "/sys/fs/cgroup/pids/docker/pids.max"
    found = bed.run("testbed", ["sh", "-c", f"cat {' '.join(groups)} 2>/dev/null"], check=False).stdout.split()
    assert found == (["1000"] if os.geteuid() == 0 else [])  # without root there are no such groups


def test_settings_of_the_kernel_cannot_be_written_inside(bed: Testbed) -> None:
    """Only network settings, which every namespace has of its own, can be changed within the testbed."""
    write = bed.run("host1", ["sh", "-c", "echo 1 > /proc/sys/kernel/panic"], check=False)
    assert write.exit_code != 0
    assert "Read-only file system" in write.stderr
    bed.run("host1", ["sh", "-c", "cat /proc/sys/net/ipv4/ip_forward > /proc/sys/net/ipv4/ip_forward"])


# ---- from its start to its end -------------------------------------------------------------------------------


def test_up_and_down_leave_the_machine_as_it_was(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a testbed with two hosts and a lab runs, and after it, all of the machine's is as before."""
    gc.collect()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = machine()
    _, traces = start(runtime)
    lab = Lab("traces").start()
    lab.need("host2")
    shop = lab.network("shop", subnet="172.30.0.0/24")
    lab.containers("web", "db", on=shop)
    lab.container("shown", publish={8080: 80})
    assert probe.ping("host2", "192.0.2.11").reached
    assert {key: value for key, value in machine().items() if value != before[key]} == {}
    assert traces.processes()
    assert bool(traces.groups()) is (os.geteuid() == 0)  # without root there are none to be had
    lab.close()
    assert testbed.down()
    assert (traces.processes(), traces.groups(), traces.files()) == ([], [], [])
    assert {key: value for key, value in machine().items() if value != before[key]} == {}
    assert [*tmp_path.iterdir()] == []
    assert not testbed.down()


def test_a_second_host_comes_on_demand(runtime: Path) -> None:
    """The second host does not run until it is needed; then its engine answers, and both hosts reach each other."""
    found, _ = start(runtime)
    other = Testbed(found.carrier, runtime, found.suite)  # as a notebook that was opened earlier has it
    assert found.hosts == other.hosts == ("host1",)
    with pytest.raises(LessonError, match="No place of the testbed is called 'host2'"):
        probe.ping("host2", "192.0.2.11")
    found.need("host2")
    found.need("host2")
    assert found.hosts == testbed.running().hosts == ("host1", "host2")
    other.lacks(["macvlan"])  # writes down what it found
    assert other.hosts == testbed.running().hosts == ("host1", "host2")
    other.close()
    assert found.engine("host2").version == found.engine("host1").version
    assert found.engine("host2").containers() == []
    assert probe.ping("host2", "192.0.2.11").ttl == 64
    assert probe.ping("host1", "192.0.2.12").ttl == 64
    socket = Path(found.carrier.endpoint(runtime, "host2").removeprefix("unix://"))
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


def test_two_starts_at_once_give_one_testbed(runtime: Path) -> None:
    """Two processes that start a testbed in the same moment get the same one."""
    starts = [python("testbed.up(); print(testbed.running().runtime, flush=True)") for _ in range(2)]
    said = [each.communicate(timeout=60)[0] for each in starts]
    assert [each.returncode for each in starts] == [0, 0]
    assert said == [f"{runtime}\n"] * 2
    lines = [_read(process / "cmdline") for process in Path("/proc").glob("[0-9]*")]
    assert len([line for line in lines if "testbed.keeper" in line and str(runtime) in line]) == 1


def test_a_failed_start_says_why_and_leaves_nothing(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that ends at once is noticed; its last words are told, and nothing of the testbed stays."""
    whole = tree.cached()
    assert whole is not None
    broken = tmp_path / "tree"
    shutil.copytree(whole.folder, broken, symlinks=True, copy_function=_link)
    dockerd = broken / "root" / "usr/sbin/dockerd"
    dockerd.unlink()
    dockerd.write_text("#!/bin/sh\necho 'the disk is full of eels' >&2\nexit 1\n")
    dockerd.chmod(0o755)
    groups = set(Path("/sys/fs/cgroup").glob("*/dockernet-*"))
    monkeypatch.setattr(tree, "cached", lambda *_: replace(whole, folder=broken))
    monkeypatch.setenv("DOCKERNET_CARRIER", "namespace")  # the next carrier would have the same broken tree
    began = time.monotonic()
    with pytest.raises(NoTestbed) as caught:
        testbed.up()
    assert time.monotonic() - began < END_SECONDS
    assert caught.value.message == (
        "The Docker Engine on host1 did not come up. The last it said: the disk is full of eels"
    )
    assert str(runtime / "log") in caught.value.hint
    assert {path.name for path in runtime.iterdir()} == {"lock", "log", "root", "sockets"}
    assert not [path for path in groups ^ set(Path("/sys/fs/cgroup").glob("*/dockernet-*")) if _is_ours(path)]
    assert testbed.attach() is None


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another disk
        shutil.copy2(source, target, follow_symlinks=False)


def _is_ours(group: Path) -> bool:
    """Tell whether a control group's keeper has ended: other testbeds may come and go meanwhile."""
    return group.exists() and not Path("/proc", group.name.removeprefix("dockernet-")).exists()


def test_another_suite_is_refused_while_one_runs(bed: Testbed) -> None:
    """A testbed that runs is never replaced by one of another suite unasked."""
    assert testbed.up(suite="forky") is testbed.up()
    with pytest.raises(NoTestbed) as caught:
        testbed.up(suite="trixie")
    assert str(caught.value) == (
        "A testbed of the suite forky runs already, and trixie was asked for.\n  Next: end it first: `dockernet down`."
    )
    assert bed.alive()


def test_an_unknown_carrier_is_refused(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A carrier that does not exist is an error that lists those that do."""
    monkeypatch.setenv("DOCKERNET_CARRIER", "pigeon")
    with pytest.raises(NoTestbed, match="DOCKERNET_CARRIER is 'pigeon'") as caught:
        testbed.up()
    assert "namespace" in caught.value.hint
    assert not (runtime / "keeper").exists()


def test_without_a_testbed_each_question_says_so(runtime: Path) -> None:
    """Before any start there is a LessonError with the next step, and nothing is started."""
    with pytest.raises(NoTestbed) as caught:
        observe.links("host1")
    assert str(caught.value) == ("No testbed runs.\n  Next: run the cell with `lab.start()` first: it starts one.")
    assert testbed.attach() is None
    assert not testbed.down()
    assert not (runtime / "keeper").exists()


# ---- killed --------------------------------------------------------------------------------------------------


def test_the_owners_end_ends_the_testbed(runtime: Path) -> None:
    """When the process it was started for is killed, a testbed goes without a trace."""
    owner = python("testbed.up(owner=os.getpid()); print('up', flush=True); signal.pause()")
    assert owner.stdout is not None
    assert owner.stdout.readline() == "up\n"
    traces = Traces(runtime)
    owner.kill()
    owner.communicate()
    assert wait_until(traces.are_gone), (traces.processes(), traces.groups(), traces.files())


def test_a_start_right_after_the_owners_end_is_whole(runtime: Path) -> None:
    """What still clears away after a testbed whose owner was killed takes nothing of the next one with it."""
    for _ in range(3):
        owner = python("testbed.up(owner=os.getpid()); print('up', flush=True); signal.pause()")
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        keepers = [pid for name in ("keeper", "vm-keeper") if (pid := processes.recorded(runtime / name))]
        owner.kill()
        owner.communicate()
        bed = testbed.up(owner=os.getpid())
        try:
            assert all(processes.wait(pid, END_SECONDS) for pid in keepers)
            assert bed.engine().version
            assert (runtime / "testbed.json").exists()
        finally:
            testbed.down()


def test_sigterm_during_a_start_leaves_nothing(runtime: Path) -> None:
    """A start that is broken off, by closing a notebook say, takes what it had started with it."""
    starting = python(
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)); print('go', flush=True); testbed.up(owner=os.getpid())"
    )
    assert wait_until(lambda: processes.recorded(runtime / "init"))
    traces = Traces(runtime)
    assert not (runtime / "testbed.json").exists()
    starting.terminate()
    starting.communicate(timeout=END_SECONDS)
    assert starting.returncode == 3
    assert wait_until(traces.are_gone), (traces.processes(), traces.groups(), traces.files())


KILLED = {
    "keeper": lambda traces: traces.keeper,
    "init": lambda traces: traces.init,
    "dockerd": lambda traces: traces.pid_of("dockerd"),
}


@pytest.mark.parametrize("who", KILLED)
def test_a_killed_part_is_told_and_healed(runtime: Path, who: str) -> None:
    """Whatever is killed, a learner is told the next step; that step heals, and the old testbed is gone."""
    _, traces = start(runtime)
    lab = Lab("killed").start()
    lab.containers("web", "db")
    victim = KILLED[who](traces)
    os.kill(victim, signal.SIGKILL)
    assert processes.wait(victim, END_SECONDS)
    if who != "dockerd":
        assert wait_until(lambda: not traces.processes(zombies=False)), traces.processes()
    for ask in (lambda: lab.container("more"), lambda: observe.links("web"), lab.networks):
        with pytest.raises(NoTestbed) as caught:
            ask()
        assert "`lab.start()`" in caught.value.hint
    if who != "dockerd":
        assert repr(lab.close()) == "Lab killed is closed: its testbed has gone, and everything with it."

    lab.start()
    assert [name.name for name in lab.containers("web", "db")] == ["web", "db"]
    assert probe.ping("web", "172.17.0.3").reached
    assert wait_until(lambda: not traces.processes(zombies=False)), traces.processes()
    assert not traces.groups()
    lab.close()
    renewed = Traces(runtime)
    assert testbed.down()
    assert renewed.are_gone()


def test_down_after_a_killed_keeper_leaves_nothing(runtime: Path) -> None:
    """Where the keeper was killed nothing runs any more, and `down` removes what the keeper could not."""
    _, traces = start(runtime)
    os.kill(traces.keeper, signal.SIGKILL)
    assert wait_until(lambda: not traces.processes(zombies=False)), traces.processes()
    testbed.down()
    assert (traces.groups(), traces.files()) == ([], [])


def test_a_stale_record_is_not_a_testbed(runtime: Path) -> None:
    """A process that merely has the number of a former keeper is left alone, and no testbed is seen."""
    _, traces = start(runtime)
    record = (runtime / "testbed.json").read_text()
    assert testbed.down()
    other = subprocess.Popen(["sleep", "60"])
    try:
        (runtime / "testbed.json").write_text(record)
        for name in ("keeper", "init"):
            (runtime / name).write_text(f"{other.pid} 1")
        assert testbed.attach() is None
        assert not testbed.down()
        assert other.poll() is None
        assert traces.files() == []
    finally:
        other.kill()
        other.wait()


def test_a_long_path_of_the_runtime_folder(bed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the sockets' path is too long for a unix socket, the error says so before anything starts."""
    assert bed.alive()
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(tmp_path / ("long" * 30)))
    with pytest.raises(LessonError, match="too long") as caught:
        testbed.up()
    assert "DOCKERNET_RUNTIME" in caught.value.hint
