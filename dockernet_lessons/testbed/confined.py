"""A cell for programs that nobody trusts: namespaces of its own, a read-only view, limits, and nothing of this machine.

Needs root, which it uses to make the cell and for nothing in it. Whoever is in the cell is one of two users who own
nothing outside: the warden, root of a user namespace that holds the cell, and the learner, an ordinary user in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dockernet_lessons.errors import LessonError
from dockernet_lessons.testbed import keeper, made, paths
from dockernet_lessons.testbed.tree import Tree

WARDEN, LEARNER = 0, 1000
"""User numbers inside the cell."""
OUTSIDE = 1_879_048_192
"""The first of the user numbers that the two have outside: far above those that systems give, see login.defs(5)."""
HOME = "/home/learner"
MB = 1024 * 1024
PERIOD = 100_000
"""The time by which processors are shared, in microseconds. Source: the kernel's documents of control groups."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What all in a cell may use together: memory, and as a part of it files, in MB; processes; processors."""

    memory: int = 1500
    processes: int = 1000
    scratch: int = 200
    processors: float = 1.0


MAKE_CELL = f"""
set -eu
root=$1 warden=$2 scratch=$3
shift 3
exec 3<&0 # a program in the background has no input but one that is named
mount -t tmpfs -o mode=0755,size=16m,nosuid tmpfs "$root"
cd "$root"
mkdir -p proc sys dev/pts dev/shm etc tmp run home {HOME.removeprefix("/")} old
limits="size=${{scratch}}m,nr_inodes=20k,nosuid,nodev"
for folder in dev/shm tmp; do mount -t tmpfs -o "mode=1777,$limits" tmpfs $folder; done
mount -t tmpfs -o mode=0755,size=64m,nr_inodes=20k,nosuid,nodev tmpfs run
mount -t tmpfs -o "mode=0755,$limits" tmpfs .{HOME}
while [ "$1" != -- ]; do # what is to be seen may lie in one of these folders, so it comes after them
    if [ -L "$1" ]; then
        [ -e ".$1" ] || ln -s "$(readlink "$1")" ".$1"
    else
        mkdir -p ".$1"
        mount --bind "$1" ".$1"
        mount -o remount,bind,ro,nosuid,nodev ".$1"
    fi
    shift
done
shift
for file in ld.so.cache nsswitch.conf localtime; do [ ! -e "/etc/$file" ] || cp -L "/etc/$file" etc; done
echo 'root:x:0:0::/root:/bin/sh' > etc/passwd
echo 'learner:x:{LEARNER}:{LEARNER}::{HOME}:/bin/sh' >> etc/passwd
printf 'root:x:0:\\nlearner:x:{LEARNER}:\\n' > etc/group
echo '127.0.0.1 localhost' > etc/hosts
for device in null zero full random urandom tty; do : > dev/$device; mount --bind /dev/$device dev/$device; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t proc proc proc
mount -t sysfs sysfs sys
pivot_root . old
umount -l /old
rmdir /old
cd /

learner=$((warden + 1))
mkdir /run/warden /run/learner
chown "$warden:$warden" /run/warden
chmod 0711 /run/warden
chown "$learner:$learner" /run/learner {HOME}
chmod 0700 /run/learner
# Something has to live in the warden's user namespace until its users are known to the kernel.
unshare --user sleep 60 </dev/null >/dev/null 2>&1 &
child=$!
until [ "$(readlink /proc/$child/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
for map in uid_map gid_map; do
    printf '{WARDEN} %d 1\n{LEARNER} %d 1\n' "$warden" "$learner" > /proc/$child/$map
done
nsenter --target $child --user --setuid {WARDEN} --setgid {WARDEN} setpriv --no-new-privs --clear-groups "$@" <&3 3<&- &
warden=$!
exec </dev/null >/dev/null 3<&-
until [ "$(readlink /proc/$warden/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
kill $child
wait $warden
"""
"""Runs as root in new namespaces: the view, the users, then the command as the warden. It lives as long as the cell."""


class Cell:
    """A cell that runs; what its command prints is read from ``output``, line by line."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        self.output: BinaryIO = process.stdout  # type: ignore[assignment]
        self.log = log
        self._process = process

    def end(self) -> None:
        """End everything in it. Ending twice is fine."""
        with suppress(ProcessLookupError):
            self._process.kill()  # unshare; the kernel then kills the cell's first process, and so all of them

    @property
    def ended(self) -> bool:
        """Tell whether nothing runs in it any more."""
        return self._process.poll() is not None

    def last_words(self) -> str:
        """Give the last line that was written to its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "nothing"


def check_possible() -> None:
    """Refuse where no cell can be made.

    Raises ``LessonError``.
    """
    if sys.platform != "linux":
        raise LessonError(
            "Programs that nobody trusts are run in a cell, and only Linux can make one.",
            hint="grade on a Linux machine, or in a virtual machine that runs Linux.",
        )
    if os.geteuid() != 0:
        raise LessonError(
            "Programs that nobody trusts are run in a cell, and only root can make one: it has limits, and two users "
            "who own nothing outside.",
            hint="run it as root: `sudo .venv/bin/dockernet grade ...`. What it grades never runs as root. "
            "Without sudo, grade in a virtual machine that is yours.",
        )
    if missing := [tool for tool in ("unshare", "nsenter", "setpriv", "prlimit") if shutil.which(tool) is None]:
        raise LessonError(
            f"{' and '.join(missing)} is not installed.", hint="install it: `apt-get install util-linux`."
        )


@contextmanager
def cell(command: Sequence[str], tree: Tree, *, slot: int, limits: Limits, given: bytes) -> Iterator[Cell]:
    """Run a command of ours as the warden of a new cell; in the end nothing of the cell is left.

    It sees this Python with its packages, the system's programs and the testbed's ``tree``, all of them read-only, and
    gets ``given`` as its input. Cells that run at once have a ``slot`` each.
    """
    name = f"dockernet-cell-{os.getpid()}-{slot}"
    with (
        tempfile.TemporaryDirectory(prefix="dockernet-cell-") as folder,
        keeper.control_groups(name),
        made.marked([tree.folder]),
    ):
        _limit(name, limits)
        root, log, told = Path(folder, "root"), Path(folder, "log"), Path(folder, "given")
        root.mkdir()
        told.write_bytes(given)
        words = [str(root), str(OUTSIDE + 2 * slot), str(limits.scratch), *map(str, _visible(tree)), "--", *command]

        groups = [str(group) for top in keeper.hierarchies() if (group := top / name / "cgroup.procs").exists()]
        with log.open("wb") as said, told.open("rb") as input_:
            process = subprocess.Popen(
                [
                    *DIE_WITH_US,
                    "sh",
                    "-c",
                    JOIN,
                    "join",
                    *groups,
                    "--",
                    *NAMESPACES,
                    "sh",
                    "-c",
                    MAKE_CELL,
                    "cell",
                    *words,
                ],
                stdin=input_,
                stdout=subprocess.PIPE,
                stderr=said,
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
        running = Cell(process, log)
        try:
            yield running
        finally:
            running.end()
            process.wait()
            running.output.close()


JOIN = """
ulimit -c 0
while [ "$1" != -- ]; do echo 0 > "$1"; shift; done
shift
exec "$@"
"""
"""Joins control groups, then runs a command: in a shell, because more than one thread starts cells."""
DIE_WITH_US = ["setpriv", "--pdeathsig", "KILL"]
"""So that a grader that is killed leaves no cell behind; the thread that starts a cell waits for its end."""
NAMESPACES = [
    *("unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"),
    *("--fork", "--kill-child", "--propagation", "private"),
]


def _environment() -> dict[str, str]:
    """Give what is known in a cell: nothing of the grader's own environment."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "DOCKERNET_CACHE": str(paths.cache()),
        "DOCKERNET_CARRIER": "namespace",
        "DOCKERNET_RUNTIME": "/run/learner",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",  # nothing is imported from the folder it is run in
    }


def _visible(tree: Tree) -> list[Path]:
    """List the folders that a cell may read: programs, this Python and what it imports, the tree; outer ones first."""
    package = Path(__file__).resolve().parent.parent
    system = [Path("/", name) for name in ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")]
    python = [Path(path) for path in (sys.base_prefix, sys.prefix)]
    imported = [Path(path) for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    wanted = [*system, Path("/etc/alternatives"), *python, *imported, package, tree.folder]
    found = dict.fromkeys(each for path in wanted if path.exists() for each in (path, path.resolve()))
    kept: list[Path] = []
    for path in sorted(found, key=lambda path: len(path.parts)):
        if not path.is_symlink() and any(path.is_relative_to(other) for other in kept if not other.is_symlink()):
            continue
        kept.append(path)
    return kept


def _limit(name: str, limits: Limits) -> None:
    """Limit a control group, whichever version this machine has.

    Raises ``LessonError`` where it has no limits to give.
    """
    wanted = {
        "memory.limit_in_bytes": limits.memory * MB,
        "memory.memsw.limit_in_bytes": limits.memory * MB,
        "memory.max": limits.memory * MB,
        "memory.swap.max": 0,
        "pids.max": limits.processes,
        "cpu.cfs_quota_us": round(limits.processors * PERIOD),
        "cpu.max": f"{round(limits.processors * PERIOD)} {PERIOD}",
    }
    limited = set()
    for top in keeper.hierarchies():
        for controller in ("memory", "pids", "cpu"):
            with suppress(OSError):
                (top / "cgroup.subtree_control").write_text(f"+{controller}")
        for file, value in wanted.items():
            path = top / name / file
            if path.exists():
                path.write_text(str(value))
                limited.add(file.partition(".")[0])
    if lacking := {"memory", "pids"} - limited:
        raise LessonError(
            f"This machine cannot limit {' and '.join(sorted(lacking))} of programs that nobody trusts.",
            hint="mount control groups with these controllers: `dockernet doctor` tells what is there.",
        )
