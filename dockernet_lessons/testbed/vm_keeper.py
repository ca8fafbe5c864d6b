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
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dockernet_lessons.testbed import processes
from dockernet_lessons.testbed.keeper import DIE_WITH_KEEPER

ONLY_OURS = 0o177
"""The umask under which QEMU makes its sockets: nobody else may open them."""


def main(runtime: str, owner: int, command: Sequence[str]) -> None:
    """Run one virtual machine from its start to its end."""
    folder = Path(runtime)
    asked, ask = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(ask, b"x"))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        qemu = subprocess.Popen([*DIE_WITH_KEEPER, *command], stdin=subprocess.DEVNULL, umask=ONLY_OURS, cwd="/")
        try:
            part = folder / "qemu.part"
            part.write_text(processes.identity(qemu.pid))
            part.rename(folder / "qemu")
            with suppress(ProcessLookupError):  # the owner, or QEMU itself, has ended already
                ends = [os.pidfd_open(pid) for pid in (qemu.pid, owner) if pid]
                select.select([asked, *ends], [], [])
        finally:
            qemu.kill()
            qemu.wait()
    finally:
        clear_after(folder)


def clear_after(folder: Path) -> None:
    """Remove what a virtual machine left in its runtime folder, all but the log."""
    for socket in (folder / "sockets").glob("*"):
        socket.unlink(missing_ok=True)
    for name in ("qemu", "qemu.part", "vm-keeper", "testbed.json"):
        (folder / name).unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
