"""What can go wrong with the virtual machine, done for real: noticed at the next call, said once, and healed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dockernet_lessons import Lab, LessonError, ping, testbed
from dockernet_lessons.errors import BuildFailed, NoTestbed
from dockernet_lessons.testbed import Testbed, emulator, processes, saved, saving, tree
from dockernet_lessons.testbed.carriers.vm import VirtualMachineCarrier

pytestmark = [
    pytest.mark.testbed,
    # The Docker SDK leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

AT_ONCE = 10.0
MOST_PROCESSES = 1000


@pytest.fixture
def lab(vm_runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Have a lab in a virtual machine, with one container."""
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    lab = Lab("faults").start()
    lab.container("web")
    return lab


def qemu_of(bed: Testbed) -> int:
    """Give the process of a testbed's QEMU."""
    pid = processes.recorded(bed.runtime / "qemu")
    assert pid is not None
    return pid


def seconds_of_processor(pid: int) -> float:
    """Give the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processes_of_containers(bed: Testbed) -> int:
    """Count the processes that the containers of all engines have."""
    return int(bed.run("testbed", ["cat", "/sys/fs/cgroup/docker/pids.current"], timeout=60).stdout)


def works(lab: Lab) -> bool:
    """Tell whether a lab can do what labs do."""
    lab.containers("web", "db")
    return ping("web", "192.0.2.3").reached


def test_a_suspended_machine_is_told_and_healed(lab: Lab) -> None:
    """Nobody waits for an answer that never comes; the next start replaces the machine."""
    qemu = qemu_of(lab.bed)
    os.kill(qemu, signal.SIGSTOP)
    while not processes.suspended(qemu):
        time.sleep(0.01)
    began = time.monotonic()
    for ask in (lambda: lab.container("more"), lab.networks, lambda: ping("web", "192.0.2.3")):
        with pytest.raises(NoTestbed) as caught:
            ask()
        assert "`lab.start()`" in caught.value.hint
    assert time.monotonic() - began < AT_ONCE
    lab.start()
    assert processes.started(qemu) is None
    assert works(lab)
    lab.close()


def test_memory_that_runs_out_inside(lab: Lab) -> None:
    """What eats all memory is ended; the lab goes on, or is told and can be started again."""
    greedy = lab.bed.run("host1", ["tail", "/dev/zero"], check=False, timeout=120)
    assert greedy.exit_code != 0
    try:
        assert works(lab)
    except NoTestbed as error:
        assert "`lab.start()`" in error.hint
        lab.start()
        assert works(lab)
    lab.close()


def test_a_disk_that_is_full_inside(lab: Lab) -> None:
    """A container that fills the disk gets an error, the lab is told what to do, and goes on after that."""
    filling = ["docker", "exec", "web", "dd", "if=/dev/zero", "of=/big", "bs=1M"]
    filled = lab.bed.run("host1", filling, check=False, timeout=180)
    assert "No space left" in filled.stderr
    with pytest.raises(LessonError, match="no space left") as caught:
        lab.containers("db", "more")
    assert "remove what you no longer need" in caught.value.hint
    lab.remove(*lab.running().values())
    assert works(lab)
    lab.close()


def test_a_container_that_starts_processes_without_end(lab: Lab) -> None:
    """It gets no more than all containers may have together; the engine goes on, and removing it is all it takes."""
    forking = ["docker", "exec", "--detach", "web", "sh", "-c", "again() { while :; do again & done; }; again"]
    lab.bed.run("host1", forking, timeout=60)
    deadline = time.monotonic() + 60
    while processes_of_containers(lab.bed) < MOST_PROCESSES - 10:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert lab.container("db").name == "db"
    lab.remove(lab.running()["web"])
    assert processes_of_containers(lab.bed) < 10
    assert ping("db", "192.0.2.3").reached
    lab.close()


def test_a_client_that_goes_leaves_nothing_busy(lab: Lab) -> None:
    """A broken-off command costs nothing once it has ended inside, and an idle machine next to nothing."""
    qemu = qemu_of(lab.bed)
    for line in ("sleep 1; echo late", "cat", "yes | head -c 3000000"):
        command = lab.bed.command("testbed", ["sh", "-c", line], seconds=60)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            time.sleep(0.7)
            client.kill()
    time.sleep(5)
    before = seconds_of_processor(qemu)
    time.sleep(5)
    assert (seconds_of_processor(qemu) - before) / 5 < 0.25
    lab.close()


def test_a_disk_too_small_for_the_machine(
    machine: saved.Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told with its size before anything is booted, and the next carrier is not tried where one was asked for."""
    (tmp_path / "vm").mkdir()
    (tmp_path / "trees").symlink_to(machine_trees())
    for shared in (machine.qemu.folder, machine.kernel):
        (tmp_path / "vm" / shared.name).symlink_to(shared)
    monkeypatch.setenv("DOCKERNET_CACHE", str(tmp_path))
    monkeypatch.setenv("DOCKERNET_CARRIER", "vm")
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(tmp_path / "runtime"))
    monkeypatch.setattr(saved, "ROOM_MB", 10**9)
    with pytest.raises(BuildFailed, match="are free, 1000000000 are needed") as caught:
        testbed.up()
    assert "DOCKERNET_CACHE" in caught.value.hint
    assert not list((tmp_path / "vm").glob("*.part"))
    assert testbed.attach() is None


def machine_trees() -> Path:
    """Give the folder of the built trees."""
    return tree.build().folder.parent


def test_a_machine_saved_by_another_qemu_is_not_restored(
    machine: saved.Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A QEMU of another version has a saved machine of its own, made anew."""
    (tmp_path / "vm").mkdir()
    qemu = tmp_path / "vm" / machine.qemu.folder.name
    qemu.mkdir()
    (qemu / "manifest.json").write_text(json.dumps({"version": "another"}))
    for shared in (machine.kernel, machine.folder):
        (tmp_path / "vm" / shared.name).symlink_to(shared)
    booted: list[Path] = []

    def boot(_: object, __: tree.Tree, folder: Path) -> None:
        booted.append(folder)
        for name in saved.FILES:
            (folder / name).write_text(name)

    monkeypatch.setattr(saving, "boot_and_save", boot)
    monkeypatch.setattr(emulator, "KVM", tmp_path / "no-kvm")
    built = tree.build()
    monkeypatch.setenv("DOCKERNET_CACHE", str(tmp_path))
    other = saved.make(built)
    assert len(booted) == 1
    assert other.folder.name != machine.folder.name
    assert saved.make(built) == other
    assert len(booted) == 1


def test_without_qemu_and_without_the_tools_to_fetch_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict says what to install."""
    monkeypatch.setenv("DOCKERNET_CACHE", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda name, *_, **__: None if name == "mmdebstrap" else f"/usr/bin/{name}")
    verdict = VirtualMachineCarrier().verdict()
    assert not verdict.usable
    assert verdict.reason.startswith("QEMU cannot be fetched: mmdebstrap")
    assert verdict.next_step == "install them: `apt-get install mmdebstrap debian-archive-keyring`"


def test_without_qemu_and_without_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that does not answer is an error with a next step, and leaves nothing in the cache."""
    monkeypatch.setenv("DOCKERNET_CACHE", str(tmp_path))
    monkeypatch.setenv("DOCKERNET_MIRROR", "file:///nowhere")
    with pytest.raises(BuildFailed, match="could not be fetched") as caught:
        emulator.fetch(lambda _: None)
    assert "apt-get update" in caught.value.hint
    assert [path.suffix for path in (tmp_path / "vm").iterdir()] == [".lock"]


def test_a_kvm_that_does_not_work_is_said_once(
    machine: saved.Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the device is there and QEMU aborts, the machine is emulated; the second start neither tries nor tells."""
    device, kernel = tmp_path / "kvm", tmp_path / "vm" / "kernel"
    device.touch()
    kernel.parent.mkdir()
    monkeypatch.setattr(emulator, "KVM", device)
    monkeypatch.setattr(emulator.Emulator, "program", lambda *_: ["sh", "-c", "exit 1", "qemu"])
    said: list[str] = []
    for _ in range(2):
        assert emulator.accelerator(machine.qemu, kernel, said.append) == "tcg"
    assert said == [f"{device} is here, but no machine runs with it: the testbed is emulated"]
