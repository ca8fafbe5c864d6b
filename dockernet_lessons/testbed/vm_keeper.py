"""The keeper of a testbed on the ``vm`` carrier: starts QEMU, waits for its end, and removes every trace.

Runs as a process of its own, ``python -m dockernet_lessons.testbed.vm_keeper RUNTIME OWNER QEMU ...``. QEMU ends when
asked to (SIGTERM), when OWNER ends, and with the keeper itself, however that ends.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from dockernet_lessons.testbed import lost, processes, relay
from dockernet_lessons.testbed.keeper import DIE_WITH_KEEPER

FORWARDED = ("agent", "host1", "host2")
"""The sockets on this machine, in the order of the guest's ports from 1: see ``files/vm``."""

BEHIND = "behind"
"""The folder of QEMU's own sockets; ours, in front of them, are where every carrier has them."""


def main(runtime: str, owner: int, command: Sequence[str]) -> None:
    """Run one virtual machine from its start to its end."""
    folder = Path(runtime)
    asked, ask = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(ask, b"x"))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        qemu = subprocess.Popen([*DIE_WITH_KEEPER, *command], stdin=subprocess.DEVNULL, umask=relay.ONLY_OURS, cwd="/")
        try:
            part = folder / "qemu.part"
            part.write_text(processes.identity(qemu.pid))
            part.rename(folder / "qemu")
            threading.Thread(target=_open_doors, args=(folder,), daemon=True).start()
            with suppress(ProcessLookupError):  # the owner, or QEMU itself, has ended already
                ends = [os.pidfd_open(pid) for pid in (qemu.pid, owner) if pid]
                select.select([asked, *ends], [], [])
            if ended := qemu.poll():
                print(lost.how_it_ended(ended), end="", flush=True)
        finally:
            qemu.kill()
            qemu.wait()
    finally:
        clear_after(folder)


def _open_doors(folder: Path) -> None:
    """Lead to QEMU's sockets, as soon as it has made them."""
    names = [f"{name}.sock" for name in FORWARDED]
    while not all((folder / BEHIND / name).exists() for name in names):
        time.sleep(0.002)
    for name in names:
        relay.listen(folder / "sockets" / name, partial(relay.lead_to, folder / BEHIND / name))


def clear_after(folder: Path) -> None:
    """Remove what a virtual machine left in its runtime folder, all but the log."""
    for sockets in ("sockets", BEHIND):
        for socket in (folder / sockets).glob("*"):
            socket.unlink(missing_ok=True)
    with suppress(OSError):
        (folder / BEHIND).rmdir()
    for name in ("qemu", "qemu.part", "vm-keeper", "testbed.json"):
        (folder / name).unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
