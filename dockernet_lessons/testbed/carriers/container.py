"""The ``container`` carrier: the tree as one privileged container on a Docker Engine that the learner already has.

That engine gets an image made from the tree, one container and one volume, all labelled, and nothing else. The image
comes from the tree that was built here, so that no registry is asked; where none can be built here, the engine builds
it from a Dockerfile, on Debian's own image. A bridge process leads to what is inside through the engine's own API, and
removes container and volume.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dockernet_lessons.errors import BuildFailed, NoTestbed
from dockernet_lessons.testbed import bridge, dockerfile, learners_engine, packages, paths, processes, through_bridge
from dockernet_lessons.testbed.carriers import Verdict
from dockernet_lessons.testbed.learners_engine import LearnersEngine, Refused
from dockernet_lessons.testbed.tree import Tree

STOP_SECONDS = 30.0
IMAGE = "dockernet-testbed"
MACHINES = ("x86_64", "amd64")
SOCKET = "set DOCKER_HOST to the engine's unix socket, or to tcp:// on a machine that you trust"
JOIN = "join the group that owns the socket (usually `docker`), and log in again"
START = "start Docker, or set DOCKER_HOST to where your engine listens"
OTHER = "set DOCKER_HOST to an engine that runs as root on Linux x86_64 and allows privileged containers"
NO_SUCH_IMAGE = f"{IMAGE}:that-is-nowhere"


class ContainerCarrier:
    """Runs the tree on the engine that ``DOCKER_HOST`` names, or on this machine's own."""

    name = "container"
    patience = 1.0
    makes_terminals = True

    def verdict(self) -> Verdict:
        """Tell whether this carrier can run on this machine, and why."""
        address = learners_engine.address()
        if (kind := urlsplit(address).scheme) not in ("unix", "tcp") or os.environ.get("DOCKER_TLS_VERIFY"):
            how = "TLS" if kind in ("unix", "tcp", "https") else kind
            return Verdict(False, f"the Docker Engine at {address} is reached over {how}, which it cannot do", SOCKET)
        engine = LearnersEngine(address)
        try:
            found = engine.request("GET", "/info", timeout=10)
        except PermissionError:
            return Verdict(False, f"you may not use the Docker Engine at {address}: only its group may", JOIN)
        except (OSError, Refused) as error:
            return Verdict(False, f"no Docker Engine answers at {address} ({error})", START)
        if fault := _unfit(found) or _refuses_privileged(engine):
            return Verdict(False, f"the Docker Engine at {address} {fault}", OTHER)
        return Verdict(True, f"Docker Engine {found.get('ServerVersion')} at {address}")

    def tree(self, suite: str, progress: Callable[[str], None]) -> Tree:
        """Have the engine build an image from our Dockerfile, and give what is known of the tree that it holds."""
        engine = LearnersEngine(learners_engine.address())
        owner = f"dockernet.testbed={_testbed_id(paths.runtime())}"
        try:
            return dockerfile.build(engine, suite, IMAGE, owner, progress)
        except (OSError, Refused) as error:
            base = dockerfile.base()
            raise BuildFailed(
                f"The Docker Engine at {engine.address} could not build the testbed's image: {error}",
                hint=f"give that engine the image {base} (`docker pull {base}`) and a way to Debian's archive, or"
                f" install {packages.TOOLS} here.",
            ) from error

    def prepare(self, tree: Tree, progress: Callable[[str], None]) -> None:
        """Make what a start needs, where it is not there: the tree as an image on that engine."""
        engine = LearnersEngine(learners_engine.address())
        with suppress(OSError, Refused):  # the start says what is wrong
            if not engine.ids("images", _label(tree)):
                progress("Giving the testbed's tree to the Docker Engine as an image (about 10 s)")
                _image(engine, tree)

    def start(self, tree: Tree, runtime: Path, *, owner: int | None) -> None:
        """Start the testbed in the background; it ends when the process ``owner`` does. Returns before it is ready."""
        with suppress(NoTestbed):  # the engine of an earlier testbed may have gone
            self.stop(runtime)
        (runtime / "sockets").mkdir(mode=0o700, exist_ok=True)
        address = learners_engine.address()
        try:
            home = bridge.Home(address, _image(LearnersEngine(address), tree), _testbed_id(runtime))
            home.sweep()
        except (OSError, Refused) as error:
            raise NoTestbed(
                f"The Docker Engine at {address} does not take the testbed: {error}",
                hint="look at `docker info`; `dockernet doctor` tells which other carriers work here.",
            ) from error
        home.write(runtime)
        arguments = [str(runtime), str(owner or 0)]
        processes.start_keeper(bridge.__name__, arguments, log=runtime / "log", record=runtime / "bridge")

    def stop(self, runtime: Path) -> None:
        """End the testbed and remove every trace of it. Nothing happens where none runs."""
        process = processes.recorded(runtime / "bridge")
        if process is not None and not processes.end(process, STOP_SECONDS):
            raise NoTestbed(
                f"The testbed's bridge (process {process}) does not end.",
                hint=f"look at {runtime / 'log'}, then end it with `kill -9 {process}` and run `dockernet down`.",
            )
        home = bridge.Home.read(runtime)
        if home is None:
            return
        bridge.clear_files(runtime)
        (runtime / "bridge").unlink(missing_ok=True)
        try:
            home.sweep()
        except (OSError, Refused) as error:
            raise NoTestbed(
                f"The testbed's container {home.name} could not be removed from {home.engine}: {error}",
                hint="start that Docker Engine, and run `dockernet down` again.",
            ) from error
        (runtime / "container.json").unlink(missing_ok=True)

    def alive(self, runtime: Path) -> bool:
        """Tell whether the testbed of this runtime folder runs."""
        process = processes.recorded(runtime / "bridge")
        return process is not None and not processes.suspended(process) and (runtime / "container.json").exists()

    def command(self, runtime: Path, command: Sequence[str]) -> list[str]:
        """Give the command of this machine that runs ``command`` inside the testbed."""
        if not self.alive(runtime):
            raise NoTestbed("The testbed has gone.", hint="run `lab.start()` again: it starts a new one.")
        line = runtime / "sockets" / bridge.COMMANDS
        return [sys.executable, "-I", "-S", through_bridge.__file__, str(line), *command]

    def endpoint(self, runtime: Path, host: str) -> str:
        """Give the address of a host's Docker API."""
        return f"unix://{runtime / 'sockets' / host}.sock"


def _unfit(found: Mapping[str, Any]) -> str | None:
    """Tell by what an engine says of itself why it cannot run a testbed, if so."""
    security = {part for option in found.get("SecurityOptions") or () for part in option.split(",")}
    if "name=rootless" in security:
        return "runs without root, where a privileged container cannot run an engine"
    if "name=userns" in security:
        return "remaps users, and so runs no privileged containers"
    if found.get("OSType") != "linux" or found.get("Architecture") not in MACHINES:
        return f"runs {found.get('OSType')} on {found.get('Architecture')}, and the tree is for linux on x86_64"
    return None


def _refuses_privileged(engine: LearnersEngine) -> str | None:
    """Ask for a privileged container of an image that is nowhere: anything but 'no such image' is a refusal."""
    try:
        engine.request("POST", "/containers/create", {"Image": NO_SUCH_IMAGE, "HostConfig": {"Privileged": True}})
    except Refused as refused:
        missing = refused.status == http.client.NOT_FOUND
        return None if missing else f"refuses privileged containers: {refused}"
    except OSError as error:
        return f"does not answer any more: {error}"
    return "makes containers of images that do not exist"


def _label(tree: Tree) -> str:
    """Give the label of the image of a tree: of this very one, or of one that is only on the engine that built it."""
    return f"dockernet.tree={tree.content}" if tree.root.exists() else dockerfile.label(tree.suite)


def _image(engine: LearnersEngine, tree: Tree) -> str:
    """Give the id of the image of this tree, importing it where the engine does not hold it."""
    label = _label(tree)
    if tree.root.exists() and not engine.ids("images", label):
        engine.import_tree(tree.root, IMAGE, f"{tree.suite}-{tree.content[:12]}", [f"LABEL {label}"])
    if not (found := engine.ids("images", label)):
        raise Refused(http.client.NOT_FOUND, f"its image with the label {label} has gone")
    return found[0]


def _testbed_id(runtime: Path) -> str:
    """Tell this runtime folder from every other that may use the same engine: the same one each time."""
    machine = Path("/etc/machine-id")
    known = machine.read_text().strip() if machine.exists() else ""
    whose = f"{known} {socket.gethostname()} {os.getuid()} {runtime}"
    return hashlib.sha256(whose.encode()).hexdigest()[:12]
