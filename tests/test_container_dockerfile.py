"""The testbed's image built by a Docker Engine from our Dockerfile, where no tree can be built on this machine.

The base image, which a registry would give, is made from Debian's packages under the name that the Dockerfile says;
the engine is in this machine's own network, so what the build installs comes from Debian's archive.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_image import debian_with_apt
from learners_machine import learners_engine

from dockernet_lessons import Lab, fetch, ping, testbed
from dockernet_lessons.errors import BuildFailed
from dockernet_lessons.testbed import dockerfile, packages, paths, tree
from dockernet_lessons.testbed.carriers import container
from dockernet_lessons.testbed.doctor import examine
from dockernet_lessons.testbed.learners_engine import LearnersEngine

pytestmark = [
    pytest.mark.testbed,
    pytest.mark.skipif(os.geteuid() != 0, reason="the learner's engine of this test needs root"),
    # The Docker SDK leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

PATH = os.environ["PATH"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Run the learner's engine, which reaches what this machine reaches."""
    with learners_engine(online=True) as found:
        yield found


@pytest.fixture(scope="module")
def offline() -> Iterator[str]:
    """Run an engine that reaches nothing, so no registry either."""
    with learners_engine() as found:
        yield found


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    """Give a cache folder with nothing in it, for all tests of this file."""
    with tempfile.TemporaryDirectory(prefix="dn-cache-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def without_mmdebstrap() -> Iterator[Path]:
    """Give a folder with every program of this machine but one, to be all of PATH; /tmp is hidden from a probe."""
    with tempfile.TemporaryDirectory(prefix="dn-bin-", dir="/var/tmp") as name:
        folder = Path(name)
        for program in (program for each in PATH.split(":") for program in Path(each).glob("*")):
            if program.name != "mmdebstrap" and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
        yield folder


@pytest.fixture
def learner(
    address: str, offline: str, kept: Path, without_mmdebstrap: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LearnersEngine]:
    """Be a learner whose machine has an engine, and neither mmdebstrap nor a tree; leave no testbed."""
    folder = Path(tempfile.mkdtemp(prefix="dn-"))
    monkeypatch.setenv("DOCKERNET_CACHE", str(kept))
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(folder))
    monkeypatch.setenv("DOCKERNET_CARRIER", "auto")
    monkeypatch.setenv("DOCKER_HOST", address)
    monkeypatch.setenv("PATH", str(without_mmdebstrap))
    yield LearnersEngine(address)
    testbed.down()
    shutil.rmtree(folder)


def images(engine: LearnersEngine) -> set[str]:
    """Name all images of an engine, those that have no name by their ids; not the layers that they stand on."""
    found = engine.request("GET", "/images/json")
    return {name for each in found for name in each["RepoTags"] or [each["Id"]]}


def test_without_the_base_image_the_error_names_it(
    learner: LearnersEngine, offline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's own words, what to give it or to install, and nothing that is left of the attempt."""
    monkeypatch.setenv("DOCKER_HOST", offline)
    with pytest.raises(BuildFailed, match=r"could not build the testbed's image: Get .*: dial tcp") as caught:
        testbed.up(owner=os.getpid())
    assert f"`docker pull {dockerfile.base()}`" in caught.value.hint
    assert packages.TOOLS in caught.value.hint
    assert images(LearnersEngine(offline)) == set()
    assert list((paths.cache() / "trees").glob("*.part")) == []


def test_the_engine_builds_the_very_tree_that_is_built_here(
    learner: LearnersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says which way was taken and why; a lab runs on it; the content is that of a tree built here."""
    name, _, tag = dockerfile.base().partition(":")
    with monkeypatch.context() as usual:
        usual.setenv("PATH", PATH)
        usual.delenv("DOCKERNET_CACHE")
        learner.import_tree(debian_with_apt("trixie", ["debian-archive-keyring"]), name, tag, ["CMD sh"])
    assert examine().carrier == "container"
    before = images(learner)
    said: list[str] = []
    bed = testbed.up(owner=os.getpid(), progress=said.append, why=said.append)
    building, chosen = said
    assert (
        building == "Building the testbed's image on the Docker Engine, as mmdebstrap is missing here (a few minutes)"
    )
    assert chosen.startswith("Carrier: container (Docker Engine ")
    assert "namespace passed over: The tree cannot be built: mmdebstrap is not installed." in chosen
    assert bed.carrier.name == "container"
    assert images(learner) - before == {f"{container.IMAGE}:{tree.DEFAULT_SUITE}"}
    lab = Lab("built_by_an_engine").start()
    web, _ = lab.containers("web", "db", on=lab.network("shop", subnet="172.30.0.0/24"))
    assert ping(web, "db").reached
    assert "You are 192.0.2.11." in str(fetch(web, "http://192.0.2.3"))
    lab.close()

    (manifest,) = (paths.cache() / "trees").glob("*/manifest.json")
    with monkeypatch.context() as usual:
        usual.setenv("PATH", PATH)
        usual.delenv("DOCKERNET_CACHE")
        here = tree.build(manifest=manifest)  # from these very packages, and an error where the content differs
    assert here.content == tree.read_manifest(manifest).content


def test_a_second_start_builds_nothing(learner: LearnersEngine) -> None:
    """The image on the engine, and what the cache has of it, are found again; nothing is said about building."""
    said: list[str] = []
    assert testbed.up(owner=os.getpid(), progress=said.append).carrier.name == "container"
    assert said == []
    assert len(learner.ids("images", "dockernet.recipe")) == 1


def test_a_tree_on_another_engine_is_worth_nothing(
    learner: LearnersEngine, offline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that does not hold the image is asked to build it, whatever the cache knows of the tree."""
    monkeypatch.setenv("DOCKER_HOST", offline)
    with pytest.raises(BuildFailed, match=f"{offline} could not build the testbed's image"):
        testbed.up(owner=os.getpid())
