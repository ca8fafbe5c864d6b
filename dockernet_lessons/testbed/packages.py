"""Debian packages: which ones the testbed is made of, from where, and how they are unpacked.

Uses the machine's own apt configuration to find the archive; only the suite is changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dockernet_lessons.errors import BuildFailed
from dockernet_lessons.testbed import paths
from dockernet_lessons.testbed.commands import run

TOOLS = "mmdebstrap debian-archive-keyring"
PROGRAMS = ("mmdebstrap", "apt-get", "dpkg-deb")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MERGED_USR = 'for folder in bin sbin lib lib64; do mkdir -p "$1/usr/$folder" && ln -s "usr/$folder" "$1/$folder"; done'
"""What every Debian since bookworm expects: /bin and the like are links into /usr."""

WANTED = (
    "busybox",
    "conntrack",
    "containerd",
    "crun",
    "curl",
    "dash",
    "dnsmasq-base",
    "docker.io",
    "ethtool",
    "iproute2",
    "iptables",
    "iputils-ping",
    "kmod",
    "libc-bin",
    "mount",
    "nftables",
    "perl-base",
    "socat",
    "tcpdump",
    "usr-is-merged",
    "util-linux",
)
SINCE_TRIXIE = ("docker-cli",)
"""Until bookworm the docker command was part of docker.io."""


@dataclass(frozen=True, slots=True)
class Package:
    """One binary package, exactly: the file of it has this checksum."""

    name: str
    version: str
    architecture: str
    file: str
    sha256: str


def missing() -> tuple[str, ...]:
    """Name the tools of this machine that unpacking needs and that are not here."""
    tools = tuple(tool for tool in PROGRAMS if shutil.which(tool) is None)
    return tools if KEYRING.exists() else (*tools, "debian-archive-keyring")


def unpack(suite: str, root: Path, *, exactly: Iterable[Package] = ()) -> tuple[Package, ...]:
    """Unpack the testbed's packages of a suite into ``root``, and tell which ones they were.

    With ``exactly`` those very packages are used: from the package cache where it has them all, else from the archive.

    Raises ``BuildFailed`` where the archive cannot be found, or no longer has a package in the wanted version.
    """
    kept = paths.cache() / "packages"
    kept.mkdir(exist_ok=True)
    exactly = tuple(exactly)
    if exactly and all(_is(package, kept) for package in exactly):
        names = [f"{package.name}={package.version}" for package in exactly]
        with tempfile.TemporaryDirectory(prefix="dockernet-archive-") as folder:
            archive = _local_archive(Path(folder), kept, exactly)
            fetched = _mmdebstrap(suite, root, names, f"deb [trusted=yes] copy:{archive} ./", kept)
    else:
        names = [f"{package.name}={package.version}" for package in exactly]
        names = names or [*WANTED, *(() if suite == "bookworm" else SINCE_TRIXIE)]
        fetched = _mmdebstrap(suite, root, names, _source(suite), kept)
    if exactly and set(fetched) != set(exactly):
        odd = sorted({package.name for package in set(fetched) ^ set(exactly)})
        raise BuildFailed(
            f"The archive gave other packages than the manifest records: {', '.join(odd)}.",
            hint="put the recorded .deb files into the package cache, or build without a manifest.",
        )
    return fetched


def unpack_named(suite: str, root: Path, names: Iterable[str]) -> tuple[Package, ...]:
    """Unpack packages of a suite and all that they depend on into ``root``, and tell which ones they were."""
    kept = paths.cache() / "packages"
    kept.mkdir(exist_ok=True)
    return _mmdebstrap(suite, root, list(names), _source(suite), kept)


def _mmdebstrap(suite: str, root: Path, names: list[str], source: str, kept: Path) -> tuple[Package, ...]:
    with tempfile.TemporaryDirectory(prefix="dockernet-packages-") as fetched:
        run(
            [
                "mmdebstrap",
                "--mode=chrootless",
                "--variant=extract",
                "--skip=check/chrootless",  # newer ones refuse this mode to root, whose system scripts could damage
                "--format=directory",
                f"--setup-hook={MERGED_USR}",
                f"--include={','.join(names)}",
                f"--extract-hook=cp \"$1\"/var/cache/apt/archives/*.deb '{fetched}'",
                suite,
                str(root),
                "-",
            ],
            stdin=source + "\n",
            env={**os.environ, "SOURCE_DATE_EPOCH": "0", "LC_ALL": "C.UTF-8"},
        )
        files = sorted(Path(fetched).glob("*.deb"))
        for file in files:
            shutil.move(file, kept / file.name)
    return tuple(_describe(kept / file.name) for file in files)


def _describe(file: Path) -> Package:
    fields = run(["dpkg-deb", "--show", "--showformat=${Package} ${Version} ${Architecture}", str(file)]).stdout.split()
    name, version, architecture = fields
    return Package(name, version, architecture, file.name, hashlib.sha256(file.read_bytes()).hexdigest())


def _is(package: Package, kept: Path) -> bool:
    file = kept / package.file
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == package.sha256


def _local_archive(folder: Path, kept: Path, exactly: tuple[Package, ...]) -> Path:
    """Make an archive for apt out of package files we hold: their descriptions in one index."""
    index = []
    for package in exactly:
        file = kept / package.file
        fields = run(["dpkg-deb", "--field", str(file)]).stdout.rstrip("\n")
        index.append(f"{fields}\nFilename: ./{package.file}\nSize: {file.stat().st_size}\nSHA256: {package.sha256}\n")
        (folder / package.file).symlink_to(file)
    (folder / "Packages").write_text("\n".join(index))
    folder.chmod(0o755)
    return folder


def _source(suite: str) -> str:
    """Give the line of sources.list for a suite, at the archive that this machine's apt uses for its own suite.

    An archive copy may be older than the date a testing suite's index is valid to; signatures are checked all the same.
    """
    if not KEYRING.exists():
        raise BuildFailed(f"Debian's archive keys are not here ({KEYRING}).", hint=f"apt-get install {TOOLS}")
    mirror = os.environ.get("DOCKERNET_MIRROR") or _mirror()
    return f"deb [signed-by={KEYRING} check-valid-until=no] {mirror} {suite} main"


def _mirror() -> str:
    codename = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line).get(
        "VERSION_CODENAME", ""
    )
    listing = run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    ).stdout
    for line in listing.splitlines():
        release, component, address = line.split(" ", 2)
        if release == codename.strip('"') and component == "main":
            return address
    raise BuildFailed(
        "This machine's apt does not say where Debian's archive is.",
        hint="set DOCKERNET_MIRROR to the address of a Debian archive, as in a line of sources.list.",
    )
