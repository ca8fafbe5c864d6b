"""QEMU: fetched as Debian packages into the cache and run from there, so that every user has the same one.

Nothing is installed on the machine: each program is run by the loader and the libraries that came with it. One version
for everybody matters, because a saved machine is restored only by the QEMU that saved it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dockernet_lessons.errors import BuildFailed, CommandFailed
from dockernet_lessons.testbed import image, made, packages, paths
from dockernet_lessons.testbed.vm_keeper import FORWARDED

SUITE = "forky"
"""Where QEMU comes from, whatever suite runs in it: newer ones emulate twice as fast, and forward unix sockets."""

WANTED = ("erofs-utils", "qemu-system-x86", "qemu-utils")
PROGRAMS = ("mkfs.erofs", "qemu-img", "qemu-system-x86_64")
KEPT = ("usr/lib/x86_64-linux-gnu", "usr/share/qemu", "usr/share/seabios")
PRUNED = ("usr/lib/x86_64-linux-gnu/gconv", "usr/lib/x86_64-linux-gnu/perl-base", "usr/lib/x86_64-linux-gnu/systemd")
ROOM_MB = 500
MEMORY_MB = 640
KVM = Path("/dev/kvm")
TRANSLATIONS_MB = 256

KERNEL_ARGUMENTS = (
    "console=ttyS0 quiet loglevel=3 mitigations=off tsc=reliable no_timer_check panic=-1"
    " transparent_hugepage=never damon_stat.enabled=N"
)
"""The last two spare an emulated processor work: flushing whole tables for one huge page, and watching idle memory."""
PROBE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Emulator:
    """A QEMU in the cache."""

    folder: Path
    version: str

    def program(self, name: str) -> list[str]:
        """Give the command that runs one of its programs."""
        return image.loaded_from(self.folder, [str(self.folder / "usr/bin" / name)])


def fetch(progress: made.Progress = print) -> Emulator:
    """Give QEMU, fetching it where the cache does not hold it.

    Raises ``BuildFailed``.
    """
    folder = _folder()

    def make(half_made: Path) -> None:
        progress("Fetching QEMU (about 20 s, 40 MB)")
        used = unpacked(SUITE, WANTED, half_made / "all")
        for name in PRUNED:
            shutil.rmtree(half_made / "all" / name, ignore_errors=True)
        for name in (*KEPT, *(f"usr/bin/{program}" for program in PROGRAMS)):
            (half_made / name).parent.mkdir(parents=True, exist_ok=True)
            (half_made / "all" / name).rename(half_made / name)
        shutil.rmtree(half_made / "all")
        version = next(package.version for package in used if package.name == "qemu-system-x86")
        (half_made / "manifest.json").write_text(json.dumps({"version": version}))

    made.once(folder, make, sound=lambda path: (path / "manifest.json").exists(), progress=progress, room_mb=ROOM_MB)
    return Emulator(folder, json.loads((folder / "manifest.json").read_text())["version"])


def is_here() -> bool:
    """Tell whether the cache holds QEMU."""
    return (_folder() / "manifest.json").exists()


def _folder() -> Path:
    recipe = hashlib.sha256(repr((SUITE, WANTED, PROGRAMS, KEPT, PRUNED)).encode()).hexdigest()[:12]
    return paths.cache() / "vm" / f"qemu-{recipe}"


def unpacked(suite: str, names: Sequence[str], root: Path) -> tuple[packages.Package, ...]:
    """Unpack packages and what they need; nothing of them is run.

    Raises ``BuildFailed``.
    """
    try:
        return packages.unpack_named(suite, root, names)
    except CommandFailed as error:
        raise BuildFailed(
            f"{' and '.join(names)} could not be fetched: {error.message}",
            hint=f"check that apt works here (`apt-get update`) and that {packages.TOOLS} are installed.",
        ) from error


def machine(emulator: Emulator, accel: str, kernel: Path, memory: Path, *, saving: bool) -> list[str]:
    """Give the command of the machine, but for what is this run's own.

    Its memory is a file: shared by the run that saves it, a copy-on-write view of it for every run that restores it.
    """
    backing = "share=on" if saving else "share=off,readonly=on,rom=off"
    tuning = f"tcg,thread=multi,tb-size={TRANSLATIONS_MB}" if accel == "tcg" else accel
    return [
        *emulator.program("qemu-system-x86_64"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-L", str(emulator.folder / "usr/share/qemu"), "-L", str(emulator.folder / "usr/share/seabios")),
        *("-machine", "pc,hpet=off,vmport=off,smm=off,usb=off,memory-backend=memory"),
        *("-accel", tuning, "-cpu", "qemu64,+rdrand" if accel == "tcg" else "host", "-smp", "1"),
        *("-m", str(MEMORY_MB)),
        *("-object", f"memory-backend-file,id=memory,size={MEMORY_MB}M,mem-path={memory},{backing}"),
        *("-kernel", str(kernel / "vmlinuz"), "-initrd", str(kernel / "initramfs")),
        *("-append", KERNEL_ARGUMENTS),
        *("-drive", f"if=none,id=disk,format=qcow2,read-only=on,file={kernel / 'disk.qcow2'}"),
        *("-device", "virtio-blk-pci,drive=disk"),
        *("-device", "virtio-net-pci,netdev=user,romfile=,mac=02:00:00:00:00:0f"),
        *("-device", "vmgenid,guid=auto"),
        *("-rtc", "base=utc,clock=host"),
        *("-global", "migration.x-ignore-shared=on"),
    ]


def network(sockets: Path) -> list[str]:
    """Give the arguments for a user network that leads nowhere, but for sockets that only this user can open."""
    doors = ",".join(f"hostfwd=unix:{sockets / name}.sock-:{port}" for port, name in enumerate(FORWARDED, start=1))
    return ["-netdev", f"user,id=user,restrict=on,{doors}"]


def arguments_key() -> str:
    """Give a checksum of what a saved machine depends on beside QEMU's version, its disk and what accelerates it."""
    shown = machine(Emulator(Path("qemu"), ""), "tcg", Path("kernel"), Path("memory"), saving=True)
    return hashlib.sha256(repr((shown, FORWARDED)).encode()).hexdigest()[:12]


def accelerator(emulator: Emulator, kernel: Path, progress: made.Progress = print) -> str:
    """Give ``kvm`` where a throw-away machine has just run with it, else ``tcg``; tried and told once for each boot."""
    if not os.access(KVM, os.R_OK | os.W_OK):
        return "tcg"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = kernel.parent / f"{emulator.folder.name}-kvm-{boot}"
    if known.exists():
        return known.read_text()
    found = "kvm" if _boots_with_kvm(emulator, kernel) else "tcg"
    if found == "tcg":
        progress(f"{KVM} is here, but no machine runs with it: the testbed is emulated")
    with suppress(OSError):  # somebody else's cache, which we only read
        known.write_text(found)
    return found


def _boots_with_kvm(emulator: Emulator, kernel: Path) -> bool:
    """Start a machine that says a word and ends. On some machines it aborts, on some it stands still, saying why."""
    command = [
        *emulator.program("qemu-system-x86_64"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "256"),
        *("-L", str(emulator.folder / "usr/share/qemu"), "-L", str(emulator.folder / "usr/share/seabios")),
        *("-machine", "pc,hpet=off", "-accel", "kvm", "-cpu", "host", "-serial", "stdio"),
        *("-kernel", str(kernel / "vmlinuz"), "-initrd", str(kernel / "initramfs")),
        *("-append", f"{KERNEL_ARGUMENTS} testbed.probe"),
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as tried:
        deadline = threading.Timer(PROBE_SECONDS, tried.kill)
        deadline.start()
        try:
            assert tried.stdout is not None  # noqa: S101  # it is a pipe
            for line in tried.stdout:
                if b"the probe runs" in line:
                    return True
                if b"KVM internal error" in line:
                    return False
            return False
        finally:
            deadline.cancel()
            tried.kill()
