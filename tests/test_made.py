"""The cache: each thing made once, whole or not at all; what is used stays, and what is old makes way."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dockernet_lessons.errors import BuildFailed, CommandFailed
from dockernet_lessons.testbed import made


def write(folder: Path) -> None:
    """Make a folder of the cache, as small as can be."""
    (folder / "manifest.json").write_text("{}")


def is_there(folder: Path) -> bool:
    """Tell whether a folder of the cache is whole."""
    return (folder / "manifest.json").exists()


def once(folder: Path, make: Callable[[Path], None] = write, *, room_mb: int = 0) -> list[str]:
    """Make a folder, and give what was said."""
    said: list[str] = []
    made.once(folder, make, sound=is_there, progress=said.append, room_mb=room_mb)
    return said


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    """A sound folder is given as it is."""
    once(tmp_path / "thing")
    (tmp_path / "thing" / "mark").touch()
    once(tmp_path / "thing")
    assert (tmp_path / "thing" / "mark").exists()


@pytest.mark.parametrize(
    "fault",
    [OSError(errno.ENOSPC, "No space left on device"), CommandFailed(["cp"], 1, "cp: No space left on device")],
)
def test_a_disk_that_fills_up_is_told_and_leaves_nothing(tmp_path: Path, fault: Exception) -> None:
    """Whether we or a command of ours met the end of the disk: a next step, and no half of a folder."""

    def fill(folder: Path) -> None:
        (folder / "half").touch()
        raise fault

    with pytest.raises(BuildFailed) as caught:
        once(tmp_path / "thing", fill)
    assert str(caught.value) == (
        f"The disk of {tmp_path} is full.\n"
        "  Next: free some room, or set DOCKERNET_CACHE to a folder of yours with 1 GB free."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thing.lock"]


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    """A command that fails for another reason keeps its own words."""

    def fail(_: Path) -> None:
        raise CommandFailed(["cp"], 1, "cp: broken")

    with pytest.raises(CommandFailed, match="broken"):
        once(tmp_path / "thing", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["thing.lock"]


def test_what_is_old_makes_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder used longest ago goes first, and no more go than must; one in use and QEMU stay."""
    for age, name in enumerate(("qemu-1", "used", "oldest", "older", "young")):
        once(tmp_path / name)
        os.utime(tmp_path / name, (age, age))
    monkeypatch.setattr(made, "_free_mb", lambda folder: 100 * (6 - len(list(folder.glob("*/")))))
    with made.marked([tmp_path / "used"]):
        assert once(tmp_path / "new", room_mb=200) == ["Removed oldest to make room on the disk"]
    assert {path.name for path in tmp_path.glob("*/")} == {"qemu-1", "used", "older", "young", "new"}


def test_too_small_a_disk_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched or booted for what cannot be kept."""
    monkeypatch.setattr(made, "_free_mb", lambda _: 7)
    with pytest.raises(BuildFailed, match=r"is full \(7 MB are free, 400 MB? ?are needed\)|7 MB are free, 400 are"):
        once(tmp_path / "thing", room_mb=400)
    assert not is_there(tmp_path / "thing")


def test_a_folder_in_use_is_not_removed(tmp_path: Path) -> None:
    """The mark of another process counts, and goes with that process."""
    once(tmp_path / "thing")
    code = (
        "import sys, time; from pathlib import Path; from dockernet_lessons.testbed import made\n"
        "with made.marked([Path(sys.argv[1])]): print('marked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "thing")], stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == b"marked\n"
        assert made.in_use(tmp_path / "thing")
        assert not made.remove(tmp_path / "thing")
        user.kill()
        user.wait()
    assert made.remove(tmp_path / "thing")
    assert not (tmp_path / "thing").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is made with mount")
def test_a_small_disk_for_real(tmp_path: Path) -> None:
    """On a disk of 2 MB what does not fit is told in one message, and the disk is empty again."""
    code = (
        "import json, os, sys; from pathlib import Path\n"
        "from dockernet_lessons.testbed import made; from dockernet_lessons.errors import BuildFailed\n"
        "top = Path(sys.argv[1])\n"
        "try:\n"
        "    made.once(top / 'thing', lambda folder: (folder / 'big').write_bytes(bytes(1 << 23)) and None,\n"
        "              sound=lambda _: False, progress=print)\n"
        "except BuildFailed as error:\n"
        "    print(json.dumps([error.message, sorted(os.listdir(top))]))"
    )
    script = 'mount -t tmpfs -o size=2M small "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "small"]
    done = subprocess.run([*command, str(tmp_path), sys.executable, code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [f"The disk of {tmp_path} is full.", ["thing.lock"]]
