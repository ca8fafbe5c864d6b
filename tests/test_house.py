"""The house itself: nothing leads to a registry, every public name is explained, and importing is quick."""

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import dockernet_lessons

ROOT = Path(__file__).parent.parent
URL = re.compile(r"https?://[\w.-]+")
REGISTRY = re.compile(
    r"\b(?:(?:registry|mirror|index|hub|ftp|deb|files|ghcr|quay|gcr|mcr|pypi)[\w-]*\.)(?:[\w-]+\.)*(?:com|dev|io|net|org)\b"
)
READ_ON = {
    "127.0.0.1",
    "192.0.2.1",
    "codespaces.new",
    "docs.docker.com",
    "docs.kernel.org",
    "github.com",
    "jupyter.org",
    "keepachangelog.com",
    "localhost",
    "man7.org",
    "mybinder.org",
    "nbgitpuller.readthedocs.io",
    "semver.org",
    "tljh.jupyter.org",
    "www.apache.org",
    "www.example.com",
    "www.rfc-editor.org",
    "z2jh.jupyter.org",
}
"""Hosts that a learner may read on at, or that the testbed itself answers for."""
SVG = "www.w3.org"
"""The name of its namespace begins with it: nobody asks there."""
IN_OTHERS_WORDS = {"bellard.org", "www.sourcelair.com", SVG}
"""Hosts that the authors of xterm.js thank in its comments, and that of a namespace: nobody asks them."""


def tracked() -> list[Path]:
    """List the files of the project: those that git knows and those that it would take."""
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip(f"this is not a clone: {listed.stderr.strip()}")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def hosts_elsewhere(text: str) -> set[str]:
    """Find what names a package registry or archive, and every host that nobody agreed to link to."""
    named = {match[0] for match in REGISTRY.finditer(text)}
    linked = {urlsplit(match[0]).hostname or "" for match in URL.finditer(text)}
    single_words = {host for host in linked if "." not in host}  # http://web/ is a container of a lesson
    addresses = {host for host in linked if re.fullmatch(r"[\d.]+", host)}
    return (named | linked) - READ_ON - single_words - addresses


def test_no_file_names_a_registry() -> None:
    """The project takes what it needs from where the machine's own tools are told to; it names no place itself."""
    found = {}
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        others = IN_OTHERS_WORDS if "vendored" in path.parts else {SVG} if path.suffix == ".svg" else set()
        if hosts := hosts_elsewhere(text) - others:
            found[str(path.relative_to(ROOT))] = sorted(hosts)
    assert found == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("deb http://{} forky main", "deb example org"),
        ("docker pull {}/lesson", "registry-1 example io"),
        ("--index-url=https" + "://{}/simple", "packages example com"),
        ("# from {}", "mirror local example net"),
    ],
)
def test_a_planted_registry_is_found(text: str, found: str) -> None:
    """With and without a scheme; the package docker.io is none."""
    host = found.replace(" ", ".")  # in one piece it would be found in this very file
    assert hosts_elsewhere(text.format(host)) == {host}
    assert hosts_elsewhere("docker.io, see https://docs.docker.com/ and http://web:80 and http://172.17.0.2") == set()


@pytest.mark.parametrize("name", dockernet_lessons.__all__)
def test_every_public_name_is_explained(name: str) -> None:
    """What the package offers is there, and tells what it is for."""
    assert (getattr(dockernet_lessons, name).__doc__ or "").strip()


def test_nothing_else_is_offered() -> None:
    """A name that does not exist is an AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = dockernet_lessons.nope  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("dockernet_lessons", ("docker", "ipywidgets", "matplotlib", "requests", "rich", "typer")),
        ("dockernet_lessons.lab", ("docker", "ipywidgets", "matplotlib", "requests", "rich", "typer")),
        (
            "dockernet_lessons.cli",
            ("docker", "IPython", "ipywidgets", "jupyterlab", "matplotlib", "requests"),
        ),
    ],
)
def test_what_takes_long_is_imported_late(module: str, heavy: tuple[str, ...]) -> None:
    """Importing the package, or asking the command for help, does not wait for what only some of it needs."""
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_is_installed() -> None:
    """`dockernet` runs the main function of the command line."""
    (command,) = (point for point in entry_points(group="console_scripts") if point.name == "dockernet")
    assert command.value == "dockernet_lessons.cli:main"
