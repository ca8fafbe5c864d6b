"""The saved virtual machine: a testbed whose engines are up and hold the lesson image, ready to be gone on with.

The first boot is saved as two files, the machine's memory and the state of its devices. To restore it, QEMU maps the
memory copy-on-write: nothing is read that is not needed, and learners on one machine share what they do not change.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dockernet_lessons.testbed import disk, emulator, made, saving
from dockernet_lessons.testbed.tree import Tree

FILES = ("memory", "state")
ROOM_MB = 400
RECIPE = (emulator.arguments_key(), saving.FORGET, saving.CLEAN, "format 5")


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved machine, and what it runs on."""

    folder: Path
    qemu: emulator.Emulator
    kernel: Path
    accel: str

    def restore(self, sockets: Path) -> list[str]:
        """Give the command that goes on where the saved machine was."""
        command = emulator.machine(self.qemu, self.accel, self.kernel, self.folder / "memory", saving=False)
        console = ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
        return [*command, *emulator.network(sockets), *console, "-incoming", f"file:{self.folder / 'state'}"]


def make(tree: Tree, progress: made.Progress = print, *, again: bool = False) -> Saved:
    """Give the saved machine of a tree, making all of it that the cache does not hold; ``again`` saves it anew.

    Raises ``BuildFailed``, ``NoTestbed``.
    """
    qemu = emulator.fetch(progress)
    kernel = disk.make(tree, qemu, progress)
    accel = emulator.accelerator(qemu, kernel, progress)
    key = hashlib.sha256(repr((RECIPE, qemu.version, accel, kernel.name)).encode()).hexdigest()[:12]
    folder = kernel.with_name(f"{kernel.name}-{accel}-{key}")
    saved = Saved(folder, qemu, kernel, accel)
    if again:
        (folder / "manifest.json").unlink(missing_ok=True)

    def save(half_made: Path) -> None:
        progress("Starting the virtual machine for the first time, to save it (about half a minute)")
        saving.boot_and_save(partial(emulator.machine, qemu, accel, kernel, saving=True), tree, half_made)
        for name in FILES:
            (half_made / name).chmod(0o644)  # nothing of a learner is in them: others may restore them, too
        (half_made / "manifest.json").write_text(json.dumps({"qemu": qemu.version, "files": _look(half_made)}))

    made.once(folder, save, sound=_is_sound, progress=progress, room_mb=ROOM_MB)
    return saved


def _is_sound(folder: Path) -> bool:
    """Tell whether the files are those that were saved: the state by checksum, the large memory by size and time."""
    try:
        return bool(json.loads((folder / "manifest.json").read_text())["files"] == _look(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _look(folder: Path) -> dict[str, Any]:
    found = {name: (folder / name).stat() for name in FILES}
    looks = {name: [file.st_size, int(file.st_mtime)] for name, file in found.items()}  # layers of images keep seconds
    return {**looks, "checksum": hashlib.sha256((folder / "state").read_bytes()).hexdigest()}
