"""The testbed tree: the same packages give the same tree, and what cannot be built says why."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockernet_lessons.errors import BuildFailed, LessonError
from dockernet_lessons.testbed import Testbed, image, packages, paths, tree
from dockernet_lessons.testbed.tree import Tree

UNREACHABLE = "file:/nowhere/debian"
"""An archive that is not there: apt says so at once, while it would try a server again and again."""


@pytest.fixture(scope="module")
def first(bed: Testbed) -> Tree:
    """Give the tree that the testbed of these tests runs."""
    built = tree.cached(bed.suite)
    assert built is not None
    return built


@pytest.fixture(scope="module")
def apart(first: Tree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a cache folder of our own with the first tree's packages, and no archive to be reached."""
    kept = paths.cache() / "packages"
    folder = tmp_path_factory.mktemp("cache")
    (folder / "packages").mkdir()
    for package in first.packages:
        try:
            os.link(kept / package.file, folder / "packages" / package.file)
        except OSError:  # another disk
            shutil.copy2(kept / package.file, folder / "packages" / package.file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKERNET_CACHE", str(folder))
        patch.setenv("DOCKERNET_MIRROR", UNREACHABLE)
        yield folder


@pytest.fixture(scope="module")
def second(first: Tree, apart: Path) -> Tree:
    """Give the tree built once more, from the manifest of the first."""
    built = tree.build(manifest=first.manifest, progress=lambda _: None)
    assert built.folder.is_relative_to(apart)
    return built


def quietly(manifest: Path) -> Tree:
    """Build from a manifest, whatever the cache holds."""
    return tree.build(manifest=manifest, again=True, progress=lambda _: None)


def altered(first: Tree, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write the first tree's manifest with one change."""
    record = json.loads(first.manifest.read_text())
    change(record)
    file = folder / "altered.json"
    file.write_text(json.dumps(record))
    return file


@pytest.mark.testbed
def test_a_manifest_gives_the_same_tree_again(first: Tree, second: Tree) -> None:
    """Built offline from the manifest of the first, the second tree has the same content, file by file."""
    assert second.root != first.root
    assert (second.content, second.packages, second.engine) == (first.content, first.packages, first.engine)
    assert tree.content_of(second.root) == tree.content_of(first.root) == first.content


@pytest.mark.testbed
def test_the_same_tree_gives_the_same_image(first: Tree, second: Tree, tmp_path: Path) -> None:
    """The image archive is the same byte for byte: from an equal tree, and from the same tree again."""
    wanted = hashlib.sha256(first.image.read_bytes()).hexdigest()
    image.build(first.root, tmp_path / "again.tar")
    assert hashlib.sha256((tmp_path / "again.tar").read_bytes()).hexdigest() == wanted
    assert hashlib.sha256(second.image.read_bytes()).hexdigest() == wanted


@pytest.mark.testbed
def test_a_built_tree_is_not_built_again(second: Tree, first: Tree) -> None:
    """A tree in the cache is given as it is, without a word of progress."""
    said: list[str] = []
    before = second.root.stat().st_ino
    assert tree.build(manifest=first.manifest, progress=said.append) == second
    assert (said, second.root.stat().st_ino) == ([], before)


@pytest.mark.testbed
def test_content_is_every_path_type_mode_and_byte(tmp_path: Path) -> None:
    """Any change to a tree but of its times changes its content checksum."""
    (tmp_path / "bin").mkdir()
    file = tmp_path / "bin" / "sh"
    file.write_text("one")
    link = tmp_path / "sh"
    link.symlink_to("bin/sh")
    seen = [tree.content_of(tmp_path)]
    os.utime(file, (0, 0))
    assert tree.content_of(tmp_path) == seen[0]
    for change in (
        lambda: file.write_text("two"),
        lambda: file.chmod(0o700),
        lambda: (link.unlink(), link.symlink_to("bin/bash")),
        (tmp_path / "empty").mkdir,
        lambda: file.rename(file.with_name("bash")),
    ):
        change()
        seen.append(tree.content_of(tmp_path))
    assert len(set(seen)) == 6


@pytest.mark.testbed
def test_the_manifest_records_every_package(first: Tree) -> None:
    """Each package is there once, with the version and the checksum of the file in the cache."""
    names = [package.name for package in first.packages]
    assert len(names) == len(set(names))
    assert set(packages.WANTED) <= set(names)
    for package in first.packages:
        file = paths.cache() / "packages" / package.file
        assert hashlib.sha256(file.read_bytes()).hexdigest() == package.sha256
    docker = next(package for package in first.packages if package.name == "docker.io")
    assert docker.version.startswith(first.engine)


@pytest.mark.testbed
def test_an_unknown_version_is_named(first: Tree, apart: Path, tmp_path: Path) -> None:
    """A version that no package has ends the build with its number, and leaves nothing half made."""

    def wish(record: dict[str, Any]) -> None:
        next(each for each in record["packages"] if each["name"] == "busybox")["version"] = "9.9-nope"

    with pytest.raises(BuildFailed) as caught:
        quietly(altered(first, tmp_path, wish))
    assert caught.value.message == (
        "mmdebstrap could not make the tree: Version '9.9-nope' for 'busybox' was not found"
    )
    assert caught.value.hint
    assert not list(apart.glob("trees/*.part"))


@pytest.mark.testbed
def test_an_archive_that_cannot_be_reached_is_named(first: Tree, apart: Path, tmp_path: Path) -> None:
    """A package that the cache lacks is looked for in the archive; the error names its address."""

    def lose(record: dict[str, Any]) -> None:
        record["packages"][0]["sha256"] = "0" * 64

    with pytest.raises(BuildFailed, match=f"The repository '{UNREACHABLE} forky Release'") as caught:
        quietly(altered(first, tmp_path, lose))
    assert "apt-get update" in caught.value.hint
    assert not list(apart.glob("trees/*.part"))


@pytest.mark.testbed
def test_another_content_than_recorded_is_refused(first: Tree, apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree that comes out otherwise than the manifest says is not kept."""
    monkeypatch.setattr(tree, "_build", lambda *_: replace(first, content="f" * 64))
    with pytest.raises(BuildFailed, match=f"content ffffffffffff, not {first.content[:12]}"):
        quietly(first.manifest)
    assert not list(apart.glob("trees/*.part"))


@pytest.mark.parametrize("suite", ["sarge", "", "../../etc"])
def test_an_unknown_suite_lists_the_known_ones(suite: str) -> None:
    """A suite we have no recipe for is refused before anything is fetched."""
    with pytest.raises(BuildFailed) as caught:
        tree.build(suite)
    assert str(caught.value) == (
        f"No testbed tree is known for the suite {suite!r}.\n  Next: choose one of forky, trixie, bookworm."
    )


def test_an_unknown_suite_of_a_manifest_is_refused(tmp_path: Path) -> None:
    """The suite a manifest names is checked like any other: it becomes part of a path."""
    file = tmp_path / "manifest.json"
    record = {"suite": "../../etc", "engine": "28.5.2", "content": "0" * 64, "packages": []}
    file.write_text(json.dumps(record))
    with pytest.raises(BuildFailed, match="No testbed tree is known for the suite"):
        tree.build(manifest=file)


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("", "JSONDecodeError"),
        ('{"suite": "forky", "eng', "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError('packages')"),
        ('{"packages": [{"name": "busybox"}]}', "missing"),
        (None, "FileNotFoundError"),
    ],
)
def test_a_broken_manifest_is_told(text: str | None, evidence: str, tmp_path: Path) -> None:
    """Whatever is wrong with a manifest, the error names the file, the evidence and what a manifest is."""
    file = tmp_path / "manifest.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BuildFailed) as caught:
        tree.build(manifest=file)
    assert caught.value.message.startswith(f"{file} is not a manifest of a testbed tree: ")
    assert evidence in caught.value.message
    assert "manifest.json beside a built tree" in caught.value.hint


def test_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mmdebstrap the next step is the line that installs it."""
    if not packages.KEYRING.exists():
        monkeypatch.setattr(packages, "KEYRING", Path("/"))
    monkeypatch.setenv("DOCKERNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKERNET_MIRROR", UNREACHABLE)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed) as caught:
        tree.build("forky", progress=lambda _: None)
    assert "mmdebstrap is not installed" in caught.value.message
    assert caught.value.hint == "install the tool: apt-get install mmdebstrap debian-archive-keyring"
    assert not list((tmp_path / "cache" / "trees").glob("*.part"))


def test_a_cache_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder that is a file gets an error that names it and how to choose another."""
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("DOCKERNET_CACHE", str(tmp_path / "taken" / "cache"))
    with pytest.raises(LessonError, match=r"The cache folder .*taken/cache cannot be made") as caught:
        tree.cached()
    assert "DOCKERNET_CACHE" in caught.value.hint
