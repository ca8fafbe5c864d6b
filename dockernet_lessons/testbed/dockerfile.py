"""The testbed's image built by the learner's own engine, from ``Dockerfile``: for machines that lack mmdebstrap.

The engine makes the tree of this very package, by the same code. What is needed of it here, its manifest and the image
that lessons launch, is fetched and kept in the cache. Nothing but the image stays on the engine.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from dockernet_lessons.testbed import made, packages, paths, tree
from dockernet_lessons.testbed.learners_engine import LearnersEngine, Refused

PACKAGE = paths.FILES.parent.parent
RECIPE = Path(__file__).with_name("Dockerfile")
STAGE = "dockernet.stage=built"
FILES = "/usr/share/testbed"
"""Where the image holds what is fetched: beside everything else, and in no one's way."""

PROXIES = ("http_proxy", "https_proxy", "no_proxy")
MIRROR = "DOCKERNET_MIRROR"
NOT_SENT = ("__pycache__", "widgets", "labextensions")


def base() -> str:
    """Give the name of the image that ours is built on.

    >>> base()
    'debian:trixie-slim'
    """
    found = re.search(r"^ARG BASE=(\S+)$", RECIPE.read_text(), re.MULTILINE)
    assert found is not None, RECIPE  # noqa: S101  # it is our own file
    return found[1]


def label(suite: str) -> str:
    """Give the label of the image that is built of a suite by this version of the package."""
    return f"dockernet.recipe={suite}-{tree.recipe()}"


def build(engine: LearnersEngine, suite: str, name: str, owner: str, progress: Callable[[str], None]) -> tree.Tree:
    """Give the tree that an image of that engine holds, built where it is not there; its root is nowhere here.

    ``name`` is the image's, ``owner`` the label of a container that exists for a moment.

    Raises ``Refused``, ``OSError`` and ``BuildFailed``.
    """

    def make(half_made: Path) -> None:
        lacking = " and ".join(packages.missing())
        progress(f"Building the testbed's image on the Docker Engine, as {lacking} is missing here (a few minutes)")
        _on(engine, suite, name)
        _fetch(engine, suite, owner, half_made)

    def sound(folder: Path) -> bool:
        return (folder / made.MANIFEST).exists() and bool(engine.ids("images", label(suite)))

    folder = paths.cache() / "trees" / f"{suite}-{tree.recipe()}-by-engine"
    return tree.read_manifest(made.once(folder, make, sound=sound, progress=progress) / made.MANIFEST)


def _on(engine: LearnersEngine, suite: str, name: str) -> None:
    """Have the image built; what is only needed meanwhile goes again, the base image where it was not there before."""
    try:
        engine.request("GET", f"/images/{base()}/json")
        fetched = False
    except Refused:
        fetched = True
    arguments = {each: os.environ[each] for each in PROXIES if each in os.environ}
    if os.environ.get(MIRROR, "").startswith("http"):  # any other is a folder of this machine
        arguments[MIRROR] = os.environ[MIRROR]
    key, value = label(suite).split("=")
    query = {
        "dockerfile": str(RECIPE.relative_to(PACKAGE.parent)),
        "buildargs": json.dumps({"SUITE": suite, **arguments}),
        "labels": json.dumps({key: value}),
        "networkmode": "host",  # the engine's machine's own: there is a way to the archive from there, if from anywhere
        "forcerm": "1",
        "t": f"{name}:{suite}",
    }
    try:
        engine.send("/build", list(query.items()), _context)
    finally:
        with suppress(Refused):
            engine.remove("images", STAGE)
        if fetched:
            with suppress(Refused):
                engine.request("DELETE", f"/images/{base()}")


def _context(target: IO[bytes]) -> None:
    """Write what the image is built from, as a tar archive: the package, without what only a notebook needs."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        tar.add(PACKAGE, arcname=PACKAGE.name, filter=lambda entry: None if _unsent(entry.name) else entry)


def _unsent(name: str) -> bool:
    return any(part in NOT_SENT for part in Path(name).parts)


def _fetch(engine: LearnersEngine, suite: str, owner: str, folder: Path) -> None:
    """Fetch from the image what belongs beside a tree, through a container that never starts."""
    key, value = owner.split("=")
    image = engine.ids("images", label(suite))[0]
    wanted = {"Image": image, "Cmd": ["nothing"], "Labels": {key: value}}
    container = engine.request("POST", "/containers/create", wanted)["Id"]
    try:
        archive = engine.fetch(f"/containers/{container}/archive", {"path": FILES})
    finally:
        engine.request("DELETE", f"/containers/{container}", query={"force": "1"})
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for entry in filter(tarfile.TarInfo.isfile, tar):
            found = tar.extractfile(entry)
            assert found is not None, entry  # noqa: S101  # it is a file
            (folder / Path(entry.name).name).write_bytes(found.read())
