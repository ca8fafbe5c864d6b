"""What works on this machine, what does not, and what to do about it.

Looks and tries, each thing in namespaces of its own; installs, builds and starts nothing.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dockernet_lessons.errors import CommandFailed, LessonError
from dockernet_lessons.testbed import image, needs, packages, paths, tree
from dockernet_lessons.testbed.carriers import Verdict
from dockernet_lessons.testbed.commands import run
from dockernet_lessons.testbed.testbed import CARRIERS, attach

SCHEMA = 1
"""Version of the JSON form; it changes when a key is renamed or removed, not when a check is added."""

BUILDS = "container"
"""The carrier that can do without a tree built here."""

DISK_MB = 1000  # a tree and its packages take 350 MB while they are built
MEMORY_MB = 512  # an engine with a lesson's containers takes about 200 MB

KERNEL = {
    "bridge": "ip link add probe0 type bridge",
    "veth": "ip link add probe0 type veth peer name probe1",
    "nf_tables": "nft add table ip probe",
    "overlayfs": (
        "mount -t tmpfs tmpfs /mnt && mkdir /mnt/lower /mnt/upper /mnt/work /mnt/new"
        " && mount -t overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/new"
    ),
    **needs.KERNEL,
}
"""What lessons ask of the kernel, and the command that succeeds only where the kernel has it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. ``ok`` is ``None`` where it cannot be told; a ``False`` has a ``next_step``."""

    name: str
    ok: bool | None
    finding: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was looked at, and whether a testbed can run here."""

    ready: bool
    carrier: str | None
    checks: tuple[Check, ...]

    def as_json(self) -> dict[str, Any]:
        """Give the report as JSON has it: the version of this form, and everything in the report.

        >>> Report(True, "namespace", (Check("Python", True, "3.11.2"),)).as_json()["checks"]
        [{'name': 'Python', 'ok': True, 'finding': '3.11.2', 'next_step': ''}]
        """
        return {
            "schema": SCHEMA,
            "ready": self.ready,
            "carrier": self.carrier,
            "checks": [asdict(check) for check in self.checks],
        }


def examine() -> Report:
    """Look at this machine."""
    verdicts = {carrier.name: carrier.verdict() for carrier in CARRIERS}
    system, trees = _system(), _trees()
    by_engine = BUILDS in verdicts and verdicts[BUILDS].usable
    tools = _tools(by_engine)
    wanted = os.environ.get("DOCKERNET_CARRIER", "auto")
    usable = [name for name, verdict in verdicts.items() if verdict.usable and wanted in ("auto", name)]
    if not (trees.ok is True or tools.ok is True):
        usable = [name for name in usable if name == BUILDS] or usable
    carrier = usable[0] if usable else None
    own_kernel = "vm" in verdicts and verdicts["vm"].usable
    kernel = list(_kernel(elsewhere="what needs it runs on the carrier vm" if own_kernel else ""))
    checks = [
        _python(),
        system,
        tools,
        *(
            Check(
                f"carrier {name}",
                verdict.usable,
                verdict.reason,
                "" if verdict.usable else verdict.next_step,
            )
            for name, verdict in verdicts.items()
        ),
        *kernel,
        *_offers(verdicts, kernel),
        _control_groups(),
        trees,
        *_room(),
        _running(),
    ]
    ready = carrier is not None and system.ok is True and (trees.ok is True or tools.ok is True or carrier == BUILDS)
    return Report(ready, carrier, tuple(checks))


def _python() -> Check:
    version = platform.python_version()
    fine = sys.version_info >= (3, 11)
    return Check("Python", fine, version, "" if fine else "install Python 3.11 or newer")


def _system() -> Check:
    system, machine = platform.system(), platform.machine()
    fine = system == "Linux" and machine in ("x86_64", "AMD64")
    return Check(
        "system",
        fine,
        f"{system} on {machine}",
        "" if fine else "use Linux on x86_64: no other is supported yet",
    )


def _tools(by_engine: bool) -> Check:
    """Look for what a tree is built with; what a carrier needs beside is in its verdict."""
    if missing := packages.missing():
        found, install = f"missing: {', '.join(missing)}", f"install them: `apt-get install {packages.TOOLS}`"
        if by_engine:
            return Check("tools", None, f"{found}; the carrier {BUILDS} builds with its Docker Engine instead", install)
        return Check("tools", False, found, install)
    return Check("tools", True, "mmdebstrap, debian-archive-keyring, apt and dpkg are installed")


def _found(tool: str) -> str | None:
    """Find a tool of the system, also where an ordinary user's PATH does not look."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _offers(verdicts: Mapping[str, Verdict], kernel: Sequence[Check]) -> Iterator[Check]:
    """Tell which lessons a testbed could take on each carrier, by what this kernel has: a start is what proves it."""
    found = {check.name.removeprefix("kernel "): check.ok for check in kernel}
    for name, verdict in verdicts.items():
        what = f"needs on {name}"
        lacks = [need for need in needs.KERNEL if found[need] is False]
        if not verdict.usable:
            yield Check(what, None, "the carrier does not run here")
        elif name == "vm":
            yield Check(what, True, "all: it brings Debian's kernel")
        elif name == "container":
            yield Check(what, None, "a start tells: the engine may have a kernel of its own")
        elif any(found[need] is None for need in needs.KERNEL):
            yield Check(what, None, "a start tells")
        elif lacks:
            yield Check(
                what, False, f"all but {', '.join(lacks)}", "none: a lesson that needs more starts on the next carrier"
            )
        else:
            yield Check(what, True, "all")


def _kernel(elsewhere: str) -> Iterator[Check]:
    """Try what lessons ask of the kernel, in new namespaces: those of root, or of a user where the kernel allows it."""
    namespaces = [
        "unshare",
        *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]),
        "--net",
        "--mount",
    ]
    try:
        run([*namespaces, "true"], timeout=10)
    except CommandFailed:
        for ability in KERNEL:
            yield Check(f"kernel {ability}", None, "cannot tell without root", "run `dockernet doctor` as root")
        return
    for ability, attempt in KERNEL.items():
        yield _try(ability, attempt, namespaces, elsewhere)


def _try(ability: str, attempt: str, namespaces: list[str], elsewhere: str) -> Check:
    name, tool = f"kernel {ability}", attempt.split(maxsplit=1)[0]
    command = _runnable(tool)
    if command is None:
        return Check(name, None, f"cannot tell without the command {tool}", "run `dockernet build` first: it brings it")
    script = f'{tool}() {{ {command} "$@"; }}; {attempt}' if tool in ("ip", "nft") else attempt
    try:
        run([*namespaces, "--propagation", "private", "sh", "-c", script], timeout=10)
    except CommandFailed as error:
        said = error.stderr.splitlines()[-1] if error.stderr else f"exit code {error.exit_code}"
        return Check(
            name, False, said, elsewhere or f"use a kernel that has {ability}; lessons that need it do not run here"
        )
    return Check(name, True, "works")


def _runnable(tool: str) -> str | None:
    """Give what runs a tool: the machine's own, or that of a built tree."""
    if found := _found(tool):
        return found
    with suppress(LessonError):  # no cache folder is a finding of its own
        programs = ((built, built.root / folder / tool) for built in _built() for folder in ("usr/sbin", "usr/bin"))
        for built, program in programs:
            if program.exists():
                return shlex.join(image.loaded_from(built.root, [str(program)]))
    return None


def _built() -> list[tree.Tree]:
    return [found for suite in tree.SUITES if (found := tree.cached(suite))]


def _control_groups() -> Check:
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return Check("control groups", None, "cannot tell: this is not Linux")
    found = [line.split() for line in mounts.read_text().splitlines()]
    tops = [Path(fields[1]) for fields in found if fields[2] == "cgroup2"]
    if any("pids" in (top / "cgroup.controllers").read_text().split() for top in tops):
        return Check("control groups", True, "version 2")
    if any(fields[2] == "cgroup" for fields in found):
        return Check("control groups", True, "version 1")
    return Check("control groups", False, "none are mounted", "mount them: `mount -t cgroup2 cgroup2 /sys/fs/cgroup`")


def _trees() -> Check:
    try:
        built = _built()
    except LessonError as error:
        return Check("testbed tree", False, error.message, error.hint)
    if not built:
        return Check("testbed tree", False, "none is built yet", "`dockernet build` builds it, in about half a minute")
    return Check("testbed tree", True, ", ".join(f"{found.suite} (Engine {found.engine})" for found in built))


def _room() -> Iterator[Check]:
    try:
        folder = paths.cache()
    except LessonError as error:
        yield Check("disk", False, error.message, error.hint)
    else:
        free = shutil.disk_usage(folder).free // 10**6
        enough = free >= DISK_MB
        more = "" if enough else f"free {DISK_MB} MB, or set DOCKERNET_CACHE to a folder that has them"
        yield Check("disk", enough, f"{free} MB free at {folder}", more)
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        yield Check("memory", None, "cannot tell: this is not Linux")
        return
    sizes = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    free = int(sizes["MemAvailable"].split()[0]) // 1000
    enough = free >= MEMORY_MB
    yield Check("memory", enough, f"{free} MB available", "" if enough else f"close programs until {MEMORY_MB} MB are")


def _running() -> Check:
    try:
        bed = attach()
    except LessonError as error:
        return Check("testbed", False, error.message, error.hint)
    if bed is None:
        return Check("testbed", True, "none runs now")
    hosts = " and ".join(bed.hosts)
    return Check("testbed", True, f"runs on the carrier {bed.carrier.name}, with {hosts} of the suite {bed.suite}")
