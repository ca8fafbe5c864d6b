"""The testbed tree: a root filesystem made from Debian's packages, cached, with a manifest of what is in it.

The packages are fetched and unpacked by mmdebstrap, without running any of their scripts; the few things that scripts
would have done are done here, so the same packages always give the same tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dockernet_lessons.errors import BuildFailed, CommandFailed
from dockernet_lessons.testbed import image, packages, paths
from dockernet_lessons.testbed.commands import NOT_INSTALLED, run

SUITES = ("forky", "trixie", "bookworm")
DEFAULT_SUITE = "forky"

PRUNED = (
    "dev",
    "etc/apt",
    "usr/bin/ctr",
    "usr/lib/cni",
    "usr/lib/containerd",
    "usr/lib/systemd",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/x86_64-linux-gnu/libcrun.a",
    "usr/lib/x86_64-linux-gnu/perl-base/auto",
    "usr/lib/x86_64-linux-gnu/perl-base/unicore",
    "usr/lib/x86_64-linux-gnu/systemd",
    "usr/sbin/fs-idmap",
    "usr/sbin/pidfd-kill",
    "usr/sbin/recvtty",
    "usr/sbin/remap-rootfs",
    "usr/sbin/sd-helper",
    "usr/sbin/seccompagent",
    "usr/share",
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/log",
)
"""What no lesson needs: documentation, translations, systemd, tools for debugging container runtimes; and what would
tell one build from another: where its packages came from."""

FOLDERS = (
    "dev/pts",
    "dev/shm",
    "mnt",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "usr/lib/modules",
    "var/lib/docker",
    "var/lib/engines",
)

DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
"""Empty files, for the machine's own devices to be bound over."""

FILES = {
    **{f"dev/{device}": "" for device in DEVICES},
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hostname": "testbed\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/resolv.conf": "nameserver 192.0.2.254\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tree:
    """A built tree: where it is, and what it was made from."""

    suite: str
    folder: Path
    engine: str
    packages: tuple[packages.Package, ...]
    content: str

    @property
    def root(self) -> Path:
        """The root filesystem."""
        return self.folder / "root"

    @property
    def image(self) -> Path:
        """The image that lessons launch, as an archive for ``docker load``."""
        return self.folder / "image.tar"

    @property
    def manifest(self) -> Path:
        """What the tree was made from: package versions and checksums, and the checksum of the content."""
        return self.folder / "manifest.json"


def build(
    suite: str = DEFAULT_SUITE,
    *,
    manifest: Path | None = None,
    again: bool = False,
    progress: Progress = print,
) -> Tree:
    """Give the tree of a Debian suite, building it where the cache does not hold it.

    With ``manifest`` the tree is made from exactly the packages recorded there and must come out with the same
    content; with ``again`` a cached tree is not used.

    Raises ``BuildFailed``.
    """
    wanted = read_manifest(manifest) if manifest else None
    if wanted:
        suite = wanted.suite
    if suite not in SUITES:
        raise BuildFailed(
            f"No testbed tree is known for the suite {suite!r}.", hint=f"choose one of {', '.join(SUITES)}."
        )
    folder = paths.cache() / "trees" / f"{suite}-{recipe()}"
    if wanted:
        folder = folder.with_name(f"{folder.name}-{wanted.content[:12]}")
    with _one_at_a_time(folder, progress):
        if not again and (built := _cached(folder)):
            return built
        shutil.rmtree(folder, ignore_errors=True)
        half_made = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent))
        try:
            built = _build(suite, half_made, wanted, progress)
            if wanted and built.content != wanted.content:
                raise BuildFailed(
                    f"The tree built from {manifest} differs from the recorded one (content {built.content[:12]}, not"
                    f" {wanted.content[:12]}).",
                    hint="the manifest was made by another version of dockernet-lessons: build it with that version.",
                )
            half_made.chmod(0o755)
            half_made.rename(folder)
        except CommandFailed as error:
            raise BuildFailed(_what_failed(error), hint=_build_hint(error)) from error
        finally:
            shutil.rmtree(half_made, ignore_errors=True)
    found = _cached(folder)
    assert found is not None, folder  # noqa: S101  # we have just written it
    return found


def cached(suite: str = DEFAULT_SUITE) -> Tree | None:
    """Give the tree of a suite if it is built already."""
    return _cached(paths.cache() / "trees" / f"{suite}-{recipe()}")


def _build(suite: str, folder: Path, wanted: Tree | None, progress: Progress) -> Tree:
    root = folder / "root"
    progress(f"Fetching and unpacking Debian {suite}'s packages (about 20 s, 100 MB)")
    used = packages.unpack(suite, root, exactly=wanted.packages if wanted else ())
    progress(f"Finishing the tree from {len(used)} packages")
    _finish(root)
    image.build(root, folder / "image.tar")
    engine = next(package.version for package in used if package.name == "docker.io")
    tree = Tree(suite, folder, engine.split("+")[0].split("-")[0], used, content_of(root))
    record = {
        "suite": tree.suite,
        "engine": tree.engine,
        "content": tree.content,
        "packages": [asdict(package) for package in used],
    }
    tree.manifest.write_text(json.dumps(record, indent=1) + "\n")
    return tree


def _finish(root: Path) -> None:
    """Do by hand what the packages' own scripts would have done, as far as the testbed needs it."""
    for name in PRUNED:
        doomed = root / name
        if doomed.is_dir() and not doomed.is_symlink():
            shutil.rmtree(doomed)
        else:
            doomed.unlink(missing_ok=True)
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    run_link = root / "var/run"
    if not run_link.is_symlink():
        shutil.rmtree(run_link, ignore_errors=True)
        run_link.symlink_to("/run")
    for name, text in FILES.items():
        (root / name).unlink(missing_ok=True)  # mmdebstrap copies some of this machine's own, modes and all
        (root / name).write_text(text)
        (root / name).chmod(0o644)
    _link(root, "dev/fd", "/proc/self/fd")
    _link(root, "dev/ptmx", "pts/ptmx")
    _link(root, "usr/bin/sh", "dash")
    for tool in ("iptables", "ip6tables"):
        for action in ("", "-save", "-restore"):
            _link(root, f"usr/sbin/{tool}{action}", "xtables-nft-multi")
    busybox = [str(root / "usr/bin/busybox"), "--list"]
    for applet in run(image.loaded_from(root, busybox)).stdout.split():
        if not any(os.path.lexists(root / folder / applet) for folder in ("usr/bin", "usr/sbin")):
            _link(root, f"usr/bin/{applet}", "busybox")
    scripts = root / "usr/lib/testbed"
    shutil.rmtree(scripts, ignore_errors=True)
    scripts.mkdir()
    for script in sorted(paths.FILES.iterdir()):
        target = scripts / script.name
        shutil.copyfile(script, target)
        target.chmod(0o755)


def _link(root: Path, name: str, target: str) -> None:
    (root / name).unlink(missing_ok=True)
    (root / name).symlink_to(target)


def content_of(root: Path) -> str:
    """Give the checksum of a tree's content: every path with its type, mode, link target and bytes; not the times."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        found = path.lstat()
        digest.update(f"{path.relative_to(root)}\0{found.st_mode:o}\0".encode())
        if path.is_symlink():
            digest.update(os.fsencode(path.readlink()))
        elif path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def recipe() -> str:
    """Give a short checksum of everything that decides what a build does, except what Debian holds today."""
    digest = hashlib.sha256(repr((packages.WANTED, PRUNED, FOLDERS, FILES, image.RECIPE)).encode())
    for script in sorted(paths.FILES.iterdir()):
        digest.update(script.name.encode() + script.read_bytes())
    return digest.hexdigest()[:12]


def _cached(folder: Path) -> Tree | None:
    manifest = folder / "manifest.json"
    return read_manifest(manifest) if manifest.exists() else None


def read_manifest(manifest: Path) -> Tree:
    """Give the tree that a manifest describes, as the one that lies beside it. Raises ``BuildFailed``."""
    try:
        record = json.loads(manifest.read_text())
        used = tuple(packages.Package(**package) for package in record["packages"])
        return Tree(record["suite"], manifest.parent, record["engine"], used, record["content"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildFailed(
            f"{manifest} is not a manifest of a testbed tree: {error!r}.",
            hint="a manifest is the manifest.json beside a built tree; `dockernet build` prints where it is.",
        ) from error


def _what_failed(error: CommandFailed) -> str:
    """Say in a line what failed: of mmdebstrap's errors the first tells the cause, the last only that there was one."""
    if error.exit_code == NOT_INSTALLED:
        return f"The tree cannot be built: {error.command[0]} is not installed."
    said = next((line.removeprefix("E: ") for line in error.stderr.splitlines() if line.startswith("E: ")), None)
    return f"{error.command[0]} could not make the tree: {said}" if said else error.message


def _build_hint(error: CommandFailed) -> str:
    if error.exit_code == NOT_INSTALLED:
        return f"install the tool: apt-get install {packages.TOOLS}"
    return "check that apt works here (`apt-get update`) and that the disk has 1 GB free, then build again."


@contextmanager
def _one_at_a_time(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the build lock of a tree, so that two sessions do not build the same one twice."""
    import fcntl  # noqa: PLC0415  # POSIX only, and only needed to build

    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Another session is building this tree: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
