"""The ``vm`` carrier: the tree on a small virtual machine with a Linux kernel of its own, restored from a saved start.

Needs no root, no namespaces and no KVM: QEMU runs as an ordinary program. A keeper process holds it, and removes every
trace of it, however it ends.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dockernet_lessons.errors import CommandFailed, NoTestbed
from dockernet_lessons.testbed import agent, emulator, lost, made, packages, processes, saved, vm_keeper
from dockernet_lessons.testbed.carriers import Verdict
from dockernet_lessons.testbed.tree import Tree, build

RESTORE_SECONDS = 30.0
STOP_SECONDS = 10.0


class VirtualMachineCarrier:
    """Runs the tree in QEMU: with KVM where that has been seen to work, else emulated."""

    name = "vm"
    patience = 4.0
    makes_terminals = True

    def verdict(self) -> Verdict:
        """Tell whether this carrier can run on this machine, and why."""
        if sys.platform != "linux" or platform.machine() != "x86_64":
            return Verdict(
                False, "it is made for Linux on x86_64 so far", "use the carrier container, on a Docker Engine of yours"
            )
        if shutil.which("setpriv") is None:
            return Verdict(False, "setpriv is not installed (util-linux)", "install it: `apt-get install util-linux`")
        if emulator.is_here():
            return Verdict(True, "QEMU is in the cache; it needs neither root nor KVM")
        if shutil.which("mmdebstrap") is None or not packages.KEYRING.exists():
            return Verdict(
                False,
                f"QEMU cannot be fetched: {packages.TOOLS} are not installed",
                f"install them: `apt-get install {packages.TOOLS}`",
            )
        return Verdict(True, "QEMU can be fetched; it needs neither root nor KVM")

    def tree(self, suite: str, progress: made.Progress) -> Tree:
        """Build it all the same: there is no other way here, and the error names the tool that is missing."""
        return build(suite, progress=lambda _: None)

    def prepare(self, tree: Tree, progress: made.Progress) -> None:
        """Make what a start needs, where it is not there: it takes a minute or two, once."""
        saved.make(tree, progress)

    def start(self, tree: Tree, runtime: Path, *, owner: int | None) -> None:
        """Restore the saved testbed; it ends when the process ``owner`` does. One that does not run is saved anew."""
        machine = saved.make(tree)
        try:
            self._restore(machine, runtime, owner)
        except NoTestbed as error:
            self.stop(runtime)
            if lost.KILLED in error.message or not os.access(machine.folder, os.W_OK):
                raise  # another one would do no better, or cannot be kept
            self._restore(saved.make(tree, again=True), runtime, owner)

    def _restore(self, machine: saved.Saved, runtime: Path, owner: int | None) -> None:
        self.stop(runtime)  # a keeper whose QEMU was killed may still be clearing away
        vm_keeper.clear_after(runtime)
        for folder in ("sockets", vm_keeper.BEHIND):
            (runtime / folder).mkdir(mode=0o700, exist_ok=True)
        arguments = [str(runtime), str(owner or 0), *machine.restore(runtime / vm_keeper.BEHIND)]
        keeper = processes.start_keeper(
            vm_keeper.__name__,
            arguments,
            log=runtime / "log",
            record=runtime / "vm-keeper",
            using=[machine.folder, machine.kernel, machine.qemu.folder],
        )
        door = runtime / "sockets" / "agent.sock"
        deadline = time.monotonic() + RESTORE_SECONDS
        while not door.exists() and processes.started(keeper) and time.monotonic() < deadline:
            time.sleep(0.005)
        try:
            agent.say_the_time(door, timeout=RESTORE_SECONDS)
        except CommandFailed as error:
            if not self.alive(runtime):
                processes.wait(keeper, STOP_SECONDS)  # it writes down why
            said = (runtime / "log").read_text(errors="replace").strip() or error.message
            raise NoTestbed(
                f"The saved virtual machine does not go on: {said.splitlines()[-1]}",
                hint=f"`dockernet clean --cache` removes it; the whole log is {runtime / 'log'}.",
            ) from error

    def stop(self, runtime: Path) -> None:
        """End the testbed and remove every trace of it. Nothing happens where none runs."""
        process = processes.recorded(runtime / "vm-keeper")
        if process is None:
            if (runtime / "vm-keeper").exists():
                vm_keeper.clear_after(runtime)
            return
        if not processes.end(process, STOP_SECONDS):
            raise NoTestbed(
                f"The virtual machine's keeper (process {process}) does not end.",
                hint=f"look at {runtime / 'log'}, then end it with `kill -9 {process}`.",
            )

    def alive(self, runtime: Path) -> bool:
        """Tell whether the testbed of this runtime folder runs. One that was suspended by a signal does not."""
        qemu = processes.recorded(runtime / "qemu")
        return processes.recorded(runtime / "vm-keeper") is not None and not (qemu is None or processes.suspended(qemu))

    def command(self, runtime: Path, command: Sequence[str]) -> list[str]:
        """Give the command of this machine that runs ``command`` inside the testbed."""
        if not self.alive(runtime):
            raise lost.gone(runtime)
        return agent.client(runtime / "sockets" / "agent.sock", list(command))

    def endpoint(self, runtime: Path, host: str) -> str:
        """Give the address of a host's Docker API."""
        return f"unix://{runtime / 'sockets' / host}.sock"
