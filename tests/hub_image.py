"""The image of ``binder/Dockerfile``, built on a Docker Engine of the test's own that reaches no registry.

The base image, which a registry would give, is made from Debian's packages under the same name. What the build would
fetch is handed over in its context (``binder/ready``): the wheels, and the testbed that this machine has built and
saved already. With ``DOCKERNET_REHEARSAL=whole`` the testbed is built in the image itself, from Debian's archive.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from learners_machine import learners_engine

from dockernet_lessons.testbed import emulator, image, made, packages, paths, saved, tree
from dockernet_lessons.testbed.commands import run
from dockernet_lessons.testbed.learners_engine import LearnersEngine

ROOT = Path(__file__).resolve().parent.parent
WHOLE = os.environ.get("DOCKERNET_REHEARSAL") == "whole"
BASE = ("python", "3.13-slim-trixie")
NAME = "dockernet-lessons"
IN_CONTEXT = (
    *("LICENSE", "README.md", "conftest.py", "pyproject.toml", ".dockerignore"),
    *("binder", "docs", "dockernet_lessons", "notebooks", "tests/engines", "tests/sanitise.cfg", "tools"),
)
IN_BASE = (
    "bash",
    "ca-certificates",
    "coreutils",
    "dash",
    "findutils",
    "grep",
    "libstdc++6",
    "passwd",
    "procps",
    "python3",
)
IN_BASE += ("python3-venv", "sed", "tar", "util-linux")
PLATFORMS = [f"manylinux{each}_x86_64" for each in ("1", "2010", "2014", "_2_17", "_2_24", "_2_26", "_2_27", "_2_28")]

LIMIT_MB = 2048
NO_RIGHTS = [
    *("--user", "1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--memory", f"{LIMIT_MB}m", "--cpus", "1", "--network", "none"),
]
"""What Binder gives to a session, and no network at all."""


@dataclass(frozen=True)
class Hub:
    """An engine that has the image, and a folder that its containers may share with us as ``/door``."""

    address: str
    door: Path

    def docker(self, *arguments: str, check: bool = True, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run the docker command on this engine."""
        done = subprocess.run(
            [*self.command(), *arguments],
            env={
                "DOCKER_HOST": self.address,
                "HOME": "/nonexistent",
                "PATH": os.environ["PATH"],
                "DOCKER_BUILDKIT": "0",
            },
            cwd="/",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done

    @staticmethod
    def command() -> list[str]:
        """Give the docker command of the testbed's tree."""
        built = tree.build()
        return image.loaded_from(built.root, [str(built.root / "usr/bin/docker")])

    def begin(self, name: str, *options: str, command: Sequence[str] = ()) -> None:
        """Begin a session in a container without any rights."""
        volume = "--volume=/share/door:/door"
        self.docker("run", "--detach", "--name", name, *NO_RIGHTS, volume, *options, NAME, *command)

    def inside(self, name: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in a session."""
        return self.docker("exec", name, *command, check=check)


@contextmanager
def hub() -> Iterator[Hub]:
    """Run an engine, and build the image on it."""
    with tempfile.TemporaryDirectory(prefix="dn-hub-") as folder:
        context, door = Path(folder, "context"), Path(folder, "door")
        door.mkdir()
        os.chown(door, 1000, 1000)
        Path(folder).chmod(0o755)
        _fill(context)
        base = _base()
        with learners_engine({"door": door}, online=WHOLE) as address:
            LearnersEngine(address).import_tree(base, *BASE, ["CMD python3"])
            here = Hub(address, door)
            network = ["--network", "host" if WHOLE else "none"]
            here.docker(
                *("build", *network, "--tag", NAME, "--file", str(context / "binder/Dockerfile"), str(context)),
                seconds=1200,
            )
            shutil.rmtree(context)
            yield here


def _fill(context: Path) -> None:
    """Lay out what the image is built from, as a clone has it, and what the build shall not fetch."""
    for name in IN_CONTEXT:
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "ready")
            shutil.copytree(ROOT / name, context / name, ignore=ignore)
        else:
            shutil.copy2(ROOT / name, context / name)
    ready = context / "binder" / "ready"
    shutil.copytree(_wheels(), ready / "wheels", copy_function=os.link, ignore=shutil.ignore_patterns("manifest.json"))
    if not WHOLE:
        machine = saved.make(tree.build())
        kept = [machine.qemu.folder, machine.kernel, machine.folder, tree.build().folder]
        names = [str(path.relative_to(paths.cache())) for path in kept]
        leave = ["--exclude", f"{names[-1]}/root"]
        command = ["tar", "--sparse", "-C", str(paths.cache()), *leave, "-cf", str(ready / "cache.tar"), *names]
        for _ in range(4):  # a folder changes meanwhile where another testbed starts: that marks what it uses
            if run(command, check=False).exit_code == 0:
                return
        run(command)


def _wheels() -> Path:
    """Give the wheels that the image's lock names, fetched by pip as this machine's configuration has it."""
    lock = ROOT / "binder" / "requirements.lock"
    folder = paths.cache() / "hub" / f"wheels-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"

    def fetch(half_made: Path) -> None:
        platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
        python = ["--python-version", "3.13", "--abi", "cp313", "--abi", "abi3", "--abi", "none", *platforms]
        command = ["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        run([sys.executable, *command, *python, "-r", str(lock), "-d", str(half_made)])
        (half_made / "manifest.json").write_text("{}")

    return made.once(folder, fetch, sound=_is_whole, progress=print)


def _base() -> Path:
    """Give the root filesystem of the base image: Debian with Python, and apt where the build shall use it."""
    if WHOLE:
        return debian_with_apt("trixie", IN_BASE, _with_python)
    digest = hashlib.sha256(repr((IN_BASE, "format 2")).encode()).hexdigest()[:12]

    def make(half_made: Path) -> None:
        root = half_made / "root"
        emulator.unpacked("trixie", IN_BASE, root)
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\n")
        (root / "usr/bin/sh").unlink(missing_ok=True)
        (root / "usr/bin/sh").symlink_to("dash")
        for name in ("tmp", "root", "home", "var/tmp"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "tmp").chmod(0o1777)
        authorities = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))  # pip reads them at its start
        (root / "etc/ssl/certs/ca-certificates.crt").write_text("".join(each.read_text() for each in authorities))
        _with_python(root)
        (half_made / "manifest.json").write_text("{}")

    return made.once(paths.cache() / "hub" / f"base-unpacked-{digest}", make, sound=_is_whole, progress=print) / "root"


def debian_with_apt(suite: str, names: Sequence[str], finish: Callable[[Path], None] = lambda _: None) -> Path:
    """Give the root filesystem of Debian's own image of a suite, with apt and these packages, installed as usual."""
    digest = hashlib.sha256(repr((suite, tuple(names), "format 2")).encode()).hexdigest()[:12]

    def make(half_made: Path) -> None:
        root = half_made / "root"
        mmdebstrap = ["mmdebstrap", "--mode=root", "--variant=apt", "--format=directory"]
        command = [*mmdebstrap, f"--include={','.join(names)}", suite, str(root), "-"]
        run(command, stdin=f"{packages._source(suite)}\n")
        finish(root)
        (half_made / "manifest.json").write_text("{}")

    return made.once(paths.cache() / "hub" / f"base-with-apt-{digest}", make, sound=_is_whole, progress=print) / "root"


def _with_python(root: Path) -> None:
    """Put Python where the base image of the hub's image has it."""
    for name in ("python", "python3"):
        (root / "usr/local/bin").mkdir(parents=True, exist_ok=True)
        (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3")


def _is_whole(folder: Path) -> bool:
    return (folder / "manifest.json").exists()
