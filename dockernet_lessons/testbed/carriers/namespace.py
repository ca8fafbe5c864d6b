"""The ``namespace`` carrier: the tree in new mount, pid, network and cgroup namespaces of this machine's kernel.

Needs Linux and root. A keeper process holds the testbed and removes every trace of it, however it ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dockernet_lessons.errors import NoTestbed
from dockernet_lessons.testbed import processes
from dockernet_lessons.testbed.carriers import Verdict
from dockernet_lessons.testbed.tree import Tree

STOP_SECONDS = 10.0


class NamespaceCarrier:
    """Runs the tree natively, as root."""

    name = "namespace"

    def verdict(self) -> Verdict:
        """Tell whether this carrier can run on this machine, and why."""
        if sys.platform != "linux":
            return Verdict(False, "it needs a Linux kernel")
        if missing := [tool for tool in ("unshare", "nsenter") if shutil.which(tool) is None]:
            return Verdict(False, f"{' and '.join(missing)} of util-linux is not installed")
        if os.geteuid() != 0:
            return Verdict(False, "it needs root")
        probe = ["unshare", "--mount", "--pid", "--net", "--cgroup", "--fork", "--kill-child", "true"]
        tried = subprocess.run(probe, capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            return Verdict(False, f"the kernel refuses new namespaces here: {tried.stderr.strip()}")
        return Verdict(True, "Linux, root, and the kernel allows new namespaces")

    def start(self, tree: Tree, runtime: Path, *, owner: int | None) -> None:
        """Start the testbed in the background; it ends when the process ``owner`` does. Returns before it is ready."""
        for folder in ("root", "sockets"):
            (runtime / folder).mkdir(mode=0o700, exist_ok=True)
        with (runtime / "log").open("w") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "dockernet_lessons.testbed.keeper", str(tree.root), str(runtime), str(owner or 0)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
            )
        processes.reap_later(keeper)
        (runtime / "keeper").write_text(processes.identity(keeper.pid))

    def stop(self, runtime: Path) -> None:
        """End the testbed and remove every trace of it. Nothing happens where none runs."""
        keeper = processes.recorded(runtime / "keeper")
        if keeper is None:
            return
        os.kill(keeper, signal.SIGTERM)
        if not processes.wait(keeper, STOP_SECONDS):
            raise NoTestbed(
                f"The testbed's keeper (process {keeper}) does not end.",
                hint=f"look at {runtime / 'log'}, then end it with `kill -9 {keeper}`.",
            )

    def alive(self, runtime: Path) -> bool:
        """Tell whether the testbed of this runtime folder runs."""
        return processes.recorded(runtime / "keeper") is not None and processes.recorded(runtime / "init") is not None

    def command(self, runtime: Path, command: Sequence[str]) -> list[str]:
        """Give the command of this machine that runs ``command`` inside the testbed."""
        init = processes.recorded(runtime / "init")
        if init is None:
            raise NoTestbed("The testbed has gone.", hint="run `lab.start()` again: it starts a new one.")
        return ["nsenter", "--target", str(init), "--mount", "--pid", "--uts", "--ipc", "--net", "--root", "--wd", *command]

    def endpoint(self, runtime: Path, host: str) -> str:
        """Give the address of a host's Docker API."""
        return f"unix://{runtime / 'sockets' / host}.sock"


def wait_for_init(runtime: Path, seconds: float) -> bool:
    """Wait until the keeper has told which process is PID 1 of the testbed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if processes.recorded(runtime / "init") is not None:
            return True
        time.sleep(0.01)
    return False
