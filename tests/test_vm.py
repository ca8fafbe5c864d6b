"""The testbed in a virtual machine: the same real engine, without root, and what its kernel has more than others."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal_round import go_round
from test_without_root import BECOME_USER, LESSON, SAYS

from dockernet_lessons import testbed
from dockernet_lessons.errors import NoTestbed
from dockernet_lessons.testbed import Testbed, needs, paths, processes, saved, tree

pytestmark = [
    pytest.mark.testbed,
    # The Docker SDK leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

COMMAND_SECONDS = 1.0
USER = 21001  # nobody else's on this machine
SAID_BY_A_LESSON = SAYS.replace(
    "Carrier: namespace (Linux, and the kernel allows user namespaces; containers have no memory limits)",
    "Carrier: vm (QEMU is in the cache; it needs neither root nor KVM)",
)
BRIDGE = Path(__file__).parent.parent / "notebooks" / "03_bridge.ipynb"


@pytest.fixture
def runtime(vm_runtime: Path) -> Path:
    """Give a runtime folder of this test's own on the carrier `vm`."""
    return vm_runtime


def start() -> Testbed:
    """Start a testbed that ends with the tests."""
    return testbed.up(owner=os.getpid())


def docker(bed: Testbed, line: str) -> str:
    """Run the docker command on host1 as a learner does."""
    return bed.run("host1", ["sh", "-ec", line], timeout=60).stdout


def qemu_of(runtime: Path) -> int:
    """Give the process of this testbed's QEMU."""
    pid = processes.recorded(runtime / "qemu")
    assert pid is not None
    return pid


def test_a_start_restores_a_ready_engine(runtime: Path) -> None:
    """A real engine answers and holds the lesson image, the clock is right, the memory small."""
    bed = start()
    assert bed.carrier.name == "vm"
    assert bed.engine().has_image("lesson:latest")
    assert bed.engine().version == tree.build().engine or bed.engine().version.startswith(tree.build().engine)
    assert abs(float(bed.run("host1", ["date", "+%s"]).stdout) - time.time()) < 3
    status = Path(f"/proc/{qemu_of(runtime)}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) < 700_000


def test_only_the_owner_can_open_the_doors(runtime: Path) -> None:
    """Sockets that nobody else can open, in a folder that nobody else can enter, and no port at all."""
    start()
    doors = sorted((runtime / "sockets").iterdir())
    assert [door.name for door in doors] == ["agent.sock", "host1.sock", "host2.sock"]
    assert {stat.S_IMODE(door.stat().st_mode) for door in doors} == {0o600}
    assert stat.S_IMODE((runtime / "sockets").stat().st_mode) == 0o700
    own = {str(link.readlink()) for link in Path(f"/proc/{qemu_of(runtime)}/fd").iterdir() if link.is_symlink()}
    listening = [
        line for name in ("tcp", "tcp6", "udp") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    assert not [line for line in listening if f"socket:[{line.split()[9]}]" in own]


def test_commands_are_as_if_they_ran_here(runtime: Path) -> None:
    """Input, output, errors and exit code pass unchanged, many at once, quickly."""
    bed = start()
    data = bytes(range(256)) * 1000
    command = bed.carrier.command(runtime, ["cat"])
    assert subprocess.run(command, input=data, capture_output=True, check=True, timeout=30).stdout == data
    odd = bed.run(
        "testbed", ["sh", "-c", 'printf "%s|" "$@"; echo bad >&2; exit 7', "-", "a b", "c\nd", "'", ""], check=False
    )
    assert (odd.exit_code, odd.stdout, odd.stderr) == (7, "a b|c\nd|'||", "bad\n")
    assert bed.run("testbed", ["no-such-command"], check=False).exit_code == 127
    began = time.monotonic()
    bed.run("testbed", ["true"])
    assert time.monotonic() - began < COMMAND_SECONDS
    answers: list[str] = []

    def ask(number: int) -> None:
        answers.append(bed.run("router", ["sh", "-c", f"sleep 0.2; echo {number}"], timeout=30).stdout.strip())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [str(number) for number in range(8)]


@pytest.mark.usefixtures("runtime")
def test_a_terminal_in_a_cell() -> None:
    """It does here all that it does elsewhere: type, resize, tell an exit code, end with all that it started."""
    go_round(start())


@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_ipvlan(runtime: Path, mode: str) -> None:
    """Containers on an ipvlan network have addresses of their own on one MAC address, and reach each other."""
    bed = start()
    subnet = "192.0.2.0/24" if mode == "l2" else "198.51.100.0/24"
    first, second = ("192.0.2.61", "192.0.2.62") if mode == "l2" else ("198.51.100.61", "198.51.100.62")
    docker(bed, f"docker network create -d ipvlan --subnet {subnet} -o parent=eth0 -o ipvlan_mode={mode} ip")
    for name, address in (("web", first), ("db", second)):
        docker(bed, f"docker run -d --name {name} --network ip --ip {address} lesson")
    assert "0% packet loss" in docker(bed, f"docker exec web ping -c 1 -W 5 {second}")
    assert f"ipvlan mode {mode} " in " ".join(docker(bed, "docker exec web ip -details link show eth0").split())
    if mode == "l2":
        said = bed.run("neighbour", ["curl", "-s", "-m", "10", f"http://{first}"], timeout=20).stdout
        assert said == "I am " + docker(bed, "docker exec web hostname").strip() + ". You are 192.0.2.3.\n"


def test_a_vlan_interface(runtime: Path) -> None:
    """An engine makes the VLAN sub-interface that a macvlan network names as its parent."""
    bed = start()
    docker(bed, "docker network create -d macvlan --subnet 198.51.100.0/24 -o parent=eth0.30 blue")
    docker(bed, "docker run -d --name web --network blue lesson; docker run -d --name db --network blue lesson")
    assert "vlan protocol 802.1Q id 30" in docker(bed, "ip -details link show eth0.30")
    assert "0% packet loss" in docker(bed, "docker exec web ping -c 1 -W 5 198.51.100.3")


def test_every_need_is_met(runtime: Path) -> None:
    """Debian's kernel in the virtual machine has all that a lesson may ask for, and the second host starts."""
    bed = start()
    assert bed.lacks(needs.KNOWN) == []
    assert bed.hosts == ("host1", "host2")


def test_two_hosts(runtime: Path) -> None:
    """The second engine comes when it is needed, and an overlay carries a ping between the two."""
    bed = start()
    bed.need("host2")
    assert bed.hosts == ("host1", "host2")
    docker(bed, "docker swarm init --advertise-addr 192.0.2.11 >/dev/null")
    token = docker(bed, "docker swarm join-token -q worker").strip()
    bed.run("host2", ["docker", "swarm", "join", "--token", token, "192.0.2.11:2377"], timeout=60)
    docker(bed, "docker network create -d overlay --attachable --subnet 10.9.0.0/24 far")
    docker(bed, "docker run -d --name web --network far lesson")
    bed.run("host2", ["docker", "run", "-d", "--name", "db", "--network", "far", "lesson"], timeout=60)
    assert "0% packet loss" in docker(bed, "docker exec web ping -c 1 -W 10 db")


def test_a_killed_machine_is_noticed_and_started_anew(runtime: Path) -> None:
    """Nothing of a killed QEMU is taken for a testbed: commands say so, the next start restores a pristine one."""
    bed = start()
    docker(bed, "docker run -d --name mine lesson; docker network create ours; echo dirt > /etc/dirt")
    os.kill(qemu_of(runtime), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while bed.alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not bed.alive()
    assert testbed.attach() is None
    with pytest.raises(NoTestbed, match="has gone"):
        bed.run("host1", ["true"])
    again = start()
    assert [record.name for record in again.engine().containers()] == []
    assert [network.name for network in again.engine().networks()] == ["bridge", "host", "none"]
    assert again.run("testbed", ["test", "-e", "/etc/dirt"], check=False).exit_code == 1


def test_the_machine_ends_with_its_keeper_and_its_owner(runtime: Path) -> None:
    """However keeper or owner end, no QEMU stays."""
    start()
    qemu, keeper = qemu_of(runtime), processes.recorded(runtime / "vm-keeper")
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    assert processes.wait(qemu, 10)
    owner = subprocess.Popen(["sleep", "60"])
    testbed.up(owner=owner.pid)
    qemu = qemu_of(runtime)
    owner.kill()
    owner.wait()
    assert processes.wait(qemu, 10)


def test_two_learners_at_once(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines restored from the same files do not see each other, and have random numbers of their own."""
    first = start()
    docker(first, "docker network create mine")
    other = Path(tempfile.mkdtemp(prefix="vm-"))
    with monkeypatch.context() as patch:
        patch.setenv("DOCKERNET_RUNTIME", str(other))
        second = start()
        assert "mine" not in [network.name for network in second.engine().networks()]
        ids = {bed.run("testbed", ["cat", "/proc/sys/kernel/random/uuid"]).stdout for bed in (first, second)}
        assert len(ids) == 2
        testbed.down()
    shutil.rmtree(other)
    assert first.alive()


@pytest.fixture
def copy(machine: saved.Saved, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a copy of the saved machine in a cache of its own, to be damaged."""
    cache = Path(tempfile.mkdtemp(prefix="vm-cache-", dir=paths.cache()))
    (cache / "vm").mkdir()
    for shared in (machine.qemu.folder, machine.kernel):
        (cache / "vm" / shared.name).symlink_to(shared)
    (cache / "trees").symlink_to(paths.cache() / "trees")
    for known in machine.kernel.parent.glob("*-kvm-*"):
        shutil.copy(known, cache / "vm")
    folder = cache / "vm" / machine.folder.name
    folder.mkdir()
    for file in machine.folder.iterdir():
        subprocess.run(["cp", "--preserve=all", "--sparse=always", file, folder], check=True)
    monkeypatch.setenv("DOCKERNET_CACHE", str(cache))
    yield folder
    testbed.down()
    shutil.rmtree(cache)


@pytest.mark.parametrize("damage", ["state", "memory", "manifest.json", "old"])
def test_damage_is_seen_by_looking(copy: Path, damage: str) -> None:
    """A file that is shorter, changed or missing is noticed before anything is restored."""
    assert saved._is_sound(copy)
    if damage == "old":
        os.utime(copy / "memory")
    else:
        with (copy / damage).open("r+b") as file:
            file.truncate(100)
    assert not saved._is_sound(copy)


def test_a_damaged_saved_machine_is_made_anew(runtime: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where looking does not show the damage, a machine that does not go on does: a new one is saved, and runs."""
    before = (copy / "manifest.json").read_text()
    (copy / "state").write_bytes(b"nonsense" * 1000)
    monkeypatch.setattr(saved, "_is_sound", lambda folder: (folder / "manifest.json").exists())
    assert start().engine().version
    assert (copy / "manifest.json").read_text() != before


def test_a_lesson_prints_the_same(runtime: Path) -> None:
    """The bridge lesson's stored outputs come out of the virtual machine, cell by cell."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--require-testbed"]
    sanitise = ["--nbval-sanitize-with", str(BRIDGE.parent.parent / "tests" / "sanitise.cfg")]
    done = subprocess.run(
        [*command, *sanitise, "--nbval-lax", str(BRIDGE)],
        cwd=BRIDGE.parent.parent,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "strictly compared" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="run without root, every test is this test")
def test_an_ordinary_user_has_the_same_testbed(machine: saved.Saved) -> None:
    """A lesson on two hosts says the same for a user without any rights, and leaves no process and no file behind."""
    home = Path(tempfile.mkdtemp(prefix="dn-user-"))
    try:
        (home / "cache" / "trees").mkdir(parents=True)
        (home / "cache" / "vm").mkdir()
        for path in (home, home / "cache", home / "cache" / "trees", home / "cache" / "vm"):
            os.chown(path, USER, USER)
        env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "USER_ID": str(USER),
            "PYTHON": sys.base_prefix,
            "TREES": str(tree.build().folder.parent),
            "MACHINES": str(machine.folder.parent),
            "DOCKERNET_CACHE": str(home / "cache"),
            "DOCKERNET_CARRIER": "vm",
            "DOCKERNET_RUNTIME": str(home / "runtime"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MPLCONFIGDIR": str(home),
        }
        become = 'set -e; mount --bind "$MACHINES" "$DOCKERNET_CACHE/vm"' + BECOME_USER
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", become, "become"]
        lesson = [*enter, sys.executable, "-W", "error::ResourceWarning", "-c", LESSON]
        done = subprocess.run(lesson, env=env, cwd="/", capture_output=True, text=True, timeout=240, check=False)
        assert (done.stdout, done.returncode) == (SAID_BY_A_LESSON, 0), done.stderr
        of_user = subprocess.run(["pgrep", "--uid", str(USER)], capture_output=True, text=True, check=False)
        assert of_user.stdout == ""
        assert {path.name for path in (home / "runtime").iterdir()} == {"lock", "log", "sockets"}
        assert not any((home / "runtime" / "sockets").iterdir())
    finally:
        shutil.rmtree(home)
