"""The ``namespace`` carrier: the tree in new mount, pid, network and cgroup namespaces of this machine's kernel.

Needs Linux, and root or a user namespace. A keeper process holds the testbed and removes every trace of it, however it
ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dockernet_lessons.errors import NoTestbed
from dockernet_lessons.testbed import keeper, processes
from dockernet_lessons.testbed.carriers import Verdict
from dockernet_lessons.testbed.tree import Tree, build

STOP_SECONDS = 10.0
PROBE = "mount -t tmpfs tmpfs /tmp && mount -t proc proc /proc && ip link add type veth"


class NamespaceCarrier:
    """Runs the tree natively: as root, or as root of a user namespace, where containers have no limits of their own."""

    name = "namespace"
    patience = 1.0
    makes_terminals = False

    def verdict(self) -> Verdict:
        """Tell whether this carrier can run on this machine, and why."""
        if sys.platform != "linux":
            return Verdict(False, "it needs a Linux kernel", "use the carrier container, on a Docker Engine of yours")
        if missing := [tool for tool in ("unshare", "nsenter", "setpriv", "ip") if shutil.which(tool) is None]:
            return Verdict(
                False,
                f"{' and '.join(missing)} is not installed (util-linux, iproute2)",
                "install what is missing: `apt-get install util-linux iproute2`",
            )
        tried = subprocess.run([*keeper.unshare(), "sh", "-c", PROBE], capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            said = tried.stderr.strip().splitlines()[-1]
            return Verdict(
                False,
                f"the kernel refuses new namespaces here: {said}",
                "run as root, or let users have namespaces (`sysctl user.max_user_namespaces`); vm needs neither",
            )
        if os.geteuid() != 0:
            return Verdict(True, "Linux, and the kernel allows user namespaces; containers have no memory limits")
        return Verdict(True, "Linux, root, and the kernel allows new namespaces")

    def tree(self, suite: str, progress: Callable[[str], None]) -> Tree:
        """Build it all the same: there is no other way here, and the error names the tool that is missing."""
        return build(suite, progress=lambda _: None)

    def prepare(self, tree: Tree, progress: Callable[[str], None]) -> None:
        """Make nothing: the tree is all that a start needs."""

    def start(self, tree: Tree, runtime: Path, *, owner: int | None) -> None:
        """Start the testbed in the background; it ends when the process ``owner`` does. Returns before it is ready."""
        keeper.clear_after(runtime)
        for folder in ("root", "sockets"):
            (runtime / folder).mkdir(mode=0o700, exist_ok=True)
        arguments = [str(tree.root), str(runtime), str(owner or 0)]
        processes.start_keeper(
            keeper.__name__, arguments, log=runtime / "log", record=runtime / "keeper", using=[tree.folder]
        )

    def stop(self, runtime: Path) -> None:
        """End the testbed and remove every trace of it. Nothing happens where none runs."""
        process = processes.recorded(runtime / "keeper")
        if process is None:
            keeper.clear_after(runtime)
            return
        if not processes.end(process, STOP_SECONDS):
            raise NoTestbed(
                f"The testbed's keeper (process {process}) does not end.",
                hint=f"look at {runtime / 'log'}, then end it with `kill -9 {process}`.",
            )

    def alive(self, runtime: Path) -> bool:
        """Tell whether the testbed of this runtime folder runs."""
        return processes.recorded(runtime / "keeper") is not None and processes.recorded(runtime / "init") is not None

    def command(self, runtime: Path, command: Sequence[str]) -> list[str]:
        """Give the command of this machine that runs ``command`` inside the testbed."""
        init = processes.recorded(runtime / "init")
        if init is None:
            raise NoTestbed("The testbed has gone.", hint="run `lab.start()` again: it starts a new one.")
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return [
            "nsenter",
            "--target",
            str(init),
            *user,
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--net",
            "--root",
            "--wd",
            *command,
        ]

    def endpoint(self, runtime: Path, host: str) -> str:
        """Give the address of a host's Docker API."""
        return f"unix://{runtime / 'sockets' / host}.sock"
