"""The saved virtual machine: a testbed whose engine is up and holds the lesson image, ready to be gone on with.

The first boot is saved as two files, the machine's memory and the state of its devices. To restore it, QEMU maps the
memory copy-on-write: nothing is read that is not needed, and learners on one machine share what they do not change.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockernet_lessons.errors import CommandFailed, NoTestbed
from dockernet_lessons.testbed import disk, emulator, image, made
from dockernet_lessons.testbed.commands import Output, run
from dockernet_lessons.testbed.engine import Engine
from dockernet_lessons.testbed.keeper import DIE_WITH_KEEPER
from dockernet_lessons.testbed.tree import Tree
from dockernet_lessons.testbed.vm_keeper import ONLY_OURS

BOOT_SECONDS = 180.0
SAVE_SECONDS = 60.0
PAGE = 4096
NO_END = 124
"""The exit code of a command that took too long."""

FILES = ("memory", "state")
FORGET = "sync; echo 3 > /proc/sys/vm/drop_caches"
CLEAN = """
mount -t tmpfs -o size=100% zeros /mnt
free=$(sed -n 's/^MemFree: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
fallocate -l "$((free - 12000))KiB" /mnt/zeros
umount /mnt
"""
"""Fill free memory with zeros, which take no room in the saved file."""

RECIPE = (emulator.arguments_key(), FORGET, CLEAN, "format 2")


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved machine, and what it runs on."""

    folder: Path
    qemu: emulator.Emulator
    kernel: Path
    accel: str

    def restore(self, sockets: Path) -> list[str]:
        """Give the command that goes on where the saved machine was."""
        command = emulator.machine(self.qemu, self.accel, self.kernel, saving=False, memory=self.folder / "memory")
        console = ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
        return [*command, *emulator.network(sockets), *console, "-incoming", f"file:{self.folder / 'state'}"]


def make(tree: Tree, progress: made.Progress = print, *, again: bool = False) -> Saved:
    """Give the saved machine of a tree, making all of it that the cache does not hold; ``again`` saves it anew.

    Raises ``BuildFailed``, ``NoTestbed``.
    """
    qemu = emulator.fetch(progress)
    kernel = disk.make(tree, qemu, progress)
    accel = emulator.accelerator(qemu, kernel)
    key = hashlib.sha256(repr((RECIPE, qemu.version, accel, kernel.name)).encode()).hexdigest()[:12]
    folder = kernel.with_name(f"{kernel.name}-{accel}-{key}")
    saved = Saved(folder, qemu, kernel, accel)
    if again:
        (folder / "manifest.json").unlink(missing_ok=True)

    def save(half_made: Path) -> None:
        progress("Starting the virtual machine for the first time, to save it (about half a minute)")
        _boot_and_save(Saved(half_made, qemu, kernel, accel), tree)
        for name in FILES:
            (half_made / name).chmod(0o644)  # nothing of a learner is in them: others may restore them, too
        (half_made / "manifest.json").write_text(json.dumps({"qemu": qemu.version, "files": _look(half_made)}))

    made.once(folder, save, sound=_is_sound, progress=progress)
    return saved


def _is_sound(folder: Path) -> bool:
    """Tell whether the files are those that were saved: the state by checksum, the large memory by size and time."""
    try:
        return bool(json.loads((folder / "manifest.json").read_text())["files"] == _look(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _look(folder: Path) -> dict[str, Any]:
    sizes = {name: [(folder / name).stat().st_size, (folder / name).stat().st_mtime_ns] for name in FILES}
    return {**sizes, "checksum": hashlib.sha256((folder / "state").read_bytes()).hexdigest()}


def _boot_and_save(saved: Saved, tree: Tree) -> None:
    sockets = Path(tempfile.mkdtemp(prefix="dn-"))
    live = os.memfd_create("machine")  # a file that goes with us, however we end
    memory = Path(f"/proc/self/fd/{live}")
    command = emulator.machine(saved.qemu, saved.accel, saved.kernel, saving=True, memory=memory)
    monitor = ["-qmp", f"unix:{sockets / 'monitor'},server=on,wait=off", "-serial", f"file:{sockets / 'console'}"]
    with (sockets / "log").open("w") as log:
        qemu = subprocess.Popen(
            [*DIE_WITH_KEEPER, *command, *emulator.network(sockets), *monitor],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            umask=ONLY_OURS,
            pass_fds=[live],
            start_new_session=True,
        )
    try:
        _await_boot(sockets, qemu)
        engine = Engine("host1", f"unix://{sockets / 'host1.sock'}")
        engine.load_image(tree.image)
        run(client(sockets / "agent.sock", ["sh", "-ec", FORGET]), timeout=60)
        _warm(engine)
        engine.close()
        run(client(sockets / "agent.sock", ["sh", "-ec", CLEAN]), timeout=60)
        _save(sockets / "monitor", saved.folder / "state")
        _copy_without_zeros(memory, saved.folder / "memory")
    except BaseException as error:
        error.add_note((sockets / "console").read_text(errors="replace")[-2000:] if qemu.poll() else "")
        raise
    finally:
        qemu.kill()
        qemu.wait()
        os.close(live)
        shutil.rmtree(sockets)


def _warm(engine: Engine) -> None:
    """Have in memory what starting a container reads, so that a learner's first one does not wait for the disk."""
    engine.create_network("warm", driver="bridge", subnet=None, options={}, internal=False, labels={})
    made = engine.create_container(
        "warm", image=image.TAG, network="warm", command=None, publish={}, links={}, labels={}
    )
    engine.start_container(made)
    engine.remove_container(made)
    engine.remove_network("warm")


def client(address: Path, command: list[str]) -> list[str]:
    """Give the command of this machine that runs a command inside a virtual machine."""
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("vm_client.py")), str(address), *command]


def say_the_time(address: Path, *, timeout: float) -> Output:
    """Set the clock of a machine that was just restored; wait until it has answered.

    What is sent before the machine runs is lost, and QEMU sends it again only after six seconds: ask again sooner.

    Raises ``CommandFailed``.
    """
    patience = 0.6
    deadline = time.monotonic() + timeout
    while True:
        try:
            return run(client(address, ["date", "-u", "-s", f"@{time.time():.0f}"]), timeout=patience)
        except CommandFailed as error:
            if error.exit_code != NO_END or time.monotonic() > deadline:
                raise
        patience *= 1.5


def _await_boot(sockets: Path, qemu: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and qemu.poll() is None:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            try:
                line.connect(str(sockets / "host1.sock"))
                line.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                if b"200 OK" in line.recv(64):
                    return
            except OSError:
                pass
        time.sleep(0.1)
    said = ((sockets / "log").read_text() + (sockets / "console").read_text(errors="replace")).strip()
    raise NoTestbed(
        f"The virtual machine did not come up. The last it said: {said.splitlines()[-1] if said else 'nothing'}",
        hint="`dockernet doctor` tells what else can run here.",
    )


def _save(monitor: Path, state: Path) -> None:
    """Have QEMU write the state of the devices into a file; the memory is in one already."""
    with socket.socket(socket.AF_UNIX) as line, line.makefile("rw") as talk:
        line.settimeout(SAVE_SECONDS)
        line.connect(str(monitor))

        def ask(command: str, **arguments: object) -> dict[str, Any]:
            talk.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            talk.flush()
            for text in talk:
                answer: dict[str, Any] = json.loads(text)
                if "error" in answer:
                    raise NoTestbed(
                        f"QEMU does not save its machine: {answer['error']['desc']}",
                        hint="report it with the version that `dockernet doctor` shows.",
                    )
                if "return" in answer:
                    return answer
            raise NoTestbed("QEMU ended while its machine was saved.", hint="check that the disk has 1 GB free.")

        ask("qmp_capabilities")
        ask("migrate", uri=f"file:{state}")
        deadline = time.monotonic() + SAVE_SECONDS
        while (status := ask("query-migrate")["return"].get("status")) != "completed":
            if status == "failed" or time.monotonic() > deadline:
                raise NoTestbed("QEMU could not save its machine.", hint="check that the disk has 1 GB free.")
            time.sleep(0.05)


def _copy_without_zeros(source: Path, target: Path) -> None:
    """Copy a file, leaving holes where pages are empty."""
    empty = bytes(PAGE)
    with source.open("rb") as old, target.open("wb") as new:
        while chunk := old.read(256 * PAGE):
            for start in range(0, len(chunk), PAGE):
                page = chunk[start : start + PAGE]
                if page == empty:
                    new.seek(PAGE, 1)
                else:
                    new.write(page)
        new.truncate(source.stat().st_size)
