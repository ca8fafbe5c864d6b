"""Save a virtual machine: boot it, have both engines up and ready, and write down its memory and its devices."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from dockernet_lessons.errors import NoTestbed
from dockernet_lessons.plans import ContainerPlan, NetworkPlan
from dockernet_lessons.testbed import emulator, image
from dockernet_lessons.testbed.agent import client
from dockernet_lessons.testbed.commands import run
from dockernet_lessons.testbed.engine import Engine
from dockernet_lessons.testbed.keeper import DIE_WITH_KEEPER
from dockernet_lessons.testbed.places import HOSTS, answers
from dockernet_lessons.testbed.relay import ONLY_OURS
from dockernet_lessons.testbed.tree import Tree

BOOT_SECONDS = 600.0
"""On a machine with ten others' work a boot took ten times as long; one that ends is noticed at once."""

SAVE_SECONDS = 60.0
PAGE = 4096

FORGET = "sync; echo 3 > /proc/sys/vm/drop_caches; echo 64 > /sys/block/vda/queue/read_ahead_kb"
"""Read no more at once than a cluster of the compressed disk: what is read is saved with the memory."""

CLEAN = """
echo 48M > /sys/fs/cgroup/memory.reclaim || :
mount -t tmpfs -o size=100% zeros /mnt
free=$(sed -n 's/^MemFree: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
fallocate -l "$((free - 12000))KiB" /mnt/zeros
umount /mnt
"""
"""Let go of what was read longest ago, then fill free memory with zeros, which take no room in the saved file."""


def boot_and_save(machine: Callable[[Path], list[str]], tree: Tree, folder: Path) -> None:
    """Boot a machine and save it in a folder; ``machine`` gives the command that boots it with this file as its memory.

    The engine of every host runs and holds the lesson image. All but the first wait beside the LAN, as if they did not
    run, until they are asked for.

    Raises ``NoTestbed``, ``CommandFailed``.
    """
    with booted(machine) as (sockets, qemu, memory):

        def inside(*command: str) -> None:
            run(client(sockets / "agent.sock", list(command)), timeout=BOOT_SECONDS)

        for host, (address, _) in HOSTS.items():
            if host != "host1":
                inside("/usr/lib/testbed/spare", host, address)
            await_engine(host, sockets, qemu)
            engine = Engine(host, f"unix://{sockets / host}.sock")
            engine.load_image(tree.image)
            engine.close()
        inside("sh", "-ec", FORGET)
        engine = Engine("host1", f"unix://{sockets / 'host1.sock'}")
        _warm(engine)
        engine.close()
        inside("sh", "-ec", CLEAN)
        _save(sockets / "monitor", folder / "state")
        _copy_without_zeros(memory, folder / "memory")


@contextmanager
def booted(machine: Callable[[Path], list[str]]) -> Iterator[tuple[Path, subprocess.Popen[bytes], Path]]:
    """Boot a machine; give the folder of its sockets, its process and its memory. In the end nothing of it is left."""
    sockets = Path(tempfile.mkdtemp(prefix="dn-"))
    live = os.memfd_create("machine")  # a file that goes with us, however we end
    memory = Path(f"/proc/self/fd/{live}")
    monitor = ["-qmp", f"unix:{sockets / 'monitor'},server=on,wait=off", "-serial", f"file:{sockets / 'console'}"]
    with (sockets / "log").open("w") as log:
        qemu = subprocess.Popen(
            [*DIE_WITH_KEEPER, *machine(memory), *emulator.network(sockets), *monitor],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            umask=ONLY_OURS,
            pass_fds=[live],
            start_new_session=True,
        )
    try:
        yield sockets, qemu, memory
    except BaseException as error:
        error.add_note((sockets / "console").read_text(errors="replace")[-2000:] if qemu.poll() else "")
        raise
    finally:
        qemu.kill()
        qemu.wait()
        os.close(live)
        shutil.rmtree(sockets)


WARM = IPv4Network("198.18.0.0/24")
"""None that Docker would choose: Engines before 27 choose the one after the last, and a lesson's is to be the first."""


def _warm(engine: Engine) -> None:
    """Have in memory what starting a container reads, so that a learner's first one does not wait for the disk."""
    engine.create_network(NetworkPlan("warm", subnets=(WARM,)), labels={})
    made = engine.create_container("warm", ContainerPlan(network="warm", image=image.TAG), labels={})
    engine.start_container(made)
    engine.remove_container(made)
    engine.remove_network("warm")


def await_engine(host: str, sockets: Path, qemu: subprocess.Popen[bytes]) -> None:
    """Wait until a host's engine answers. Raises ``NoTestbed`` where it does not."""
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and qemu.poll() is None:
        if answers(f"{sockets / host}.sock"):
            return
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
