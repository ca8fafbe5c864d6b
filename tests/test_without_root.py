"""The testbed of an ordinary user: no root, no capabilities, in a user namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockernet_lessons.testbed import tree

USER = 21000  # nobody else's on this machine
LESSON = """
import os

os.environ["JPY_PARENT_PID"] = str(os.getpid())  # the testbed ends with this process, as with a Jupyter server
from dockernet_lessons import Lab, draw, fetch, ping, testbed
from dockernet_lessons.testbed.start import choose

choose(print)
lab = Lab("without_root").start()
web, db = lab.containers("web", "db")
shop = lab.network("shop", subnet="172.30.0.0/24")
cart, pay = lab.containers("cart", "pay", on=shop)
lab.need("host2")
print(ping(web, db), ping(cart, "pay"), ping(cart, db), sep="\\n")
print(fetch(db, "http://192.0.2.3"), ping("host2", "192.0.2.11"), sep="\\n")
print(draw(lab).topology.place("web").links[1].addresses[0])
print(lab.close())
print(testbed.down())
"""
SAYS = """\
Carrier: namespace (Linux, and the kernel allows user namespaces; containers have no memory limits)
web reached 172.17.0.3: 1 of 1 answered, TTL 64
cart reached pay: 1 of 1 answered, TTL 64
cart did not reach 172.17.0.3: no answer
db <- http://192.0.2.3: I am neighbour. You are 192.0.2.11.
host2 reached 192.0.2.11: 1 of 1 answered, TTL 64
172.17.0.2/16
Lab without_root is closed: 4 containers and 1 network removed, nothing of it is left.
True
"""
WITHOUT_END = """
import os

os.environ["JPY_PARENT_PID"] = str(os.getpid())
from dockernet_lessons import Lab, LessonError, ping, run, testbed

lab = Lab("without_end").start()
web, db = lab.containers("web", "db")
try:
    run("web", "while sleep 600 & do :; done", seconds=60)
except LessonError as error:
    print(error.stderr)
try:
    lab.container("late")
except LessonError as error:
    print(error.hint)
lab.remove(web)
print(ping(lab.container("late"), "172.17.0.3"))
print(lab.close())
print(testbed.down())
"""
IS_STOPPED = """\
sh: 0: Cannot fork
remove the container that has started so many processes.
late reached 172.17.0.3: 1 of 1 answered, TTL 64
Lab without_end is closed: 2 containers and 0 networks removed, nothing of it is left.
True
"""
BECOME_USER = """
set -e
mount --bind "$TREES" "$DOCKERNET_CACHE/trees"
mkdir "$HOME/python"
mount --bind "$PYTHON" "$HOME/python"
if ! setpriv --reuid "$USER_ID" --clear-groups test -x "$PYTHON/bin"; then
    mount -t tmpfs -o mode=0755 tmpfs "/$(echo "$PYTHON" | cut -d/ -f2)"
    mkdir -p "$PYTHON"
    mount --bind "$HOME/python" "$PYTHON"
fi
exec setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --no-new-privs --bounding-set=-all "$@"
"""
"""In a mount namespace of the test's own, built trees are shared, and a Python below a closed home is made visible."""


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a folder of the ordinary user's own."""
    folder = Path(tempfile.mkdtemp(prefix="dn-user-"))
    (folder / "cache" / "trees").mkdir(parents=True)
    for path in (folder, folder / "cache", folder / "cache" / "trees"):
        os.chown(path, USER, USER)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.testbed
@pytest.mark.skipif(os.geteuid() != 0, reason="run without root, every test is this test")
@pytest.mark.parametrize(("script", "says"), [(LESSON, SAYS), (WITHOUT_END, IS_STOPPED)], ids=["lesson", "without end"])
def test_an_ordinary_user_has_the_same_testbed(home: Path, script: str, says: str) -> None:
    """A lesson on two hosts says the same without root; one that forks without end is stopped; nothing is left."""
    built = tree.build()
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "USER_ID": str(USER),
        "PYTHON": sys.base_prefix,
        "TREES": str(built.folder.parent),
        "DOCKERNET_CACHE": str(home / "cache"),
        "DOCKERNET_RUNTIME": str(home / "runtime"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLCONFIGDIR": str(home),
    }
    become = ["unshare", "--mount", "--propagation", "private", "sh", "-c", BECOME_USER, "become"]
    lesson = [*become, sys.executable, "-W", "error::ResourceWarning", "-c", script]
    done = subprocess.run(lesson, env=env, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == (says, 0), done.stderr
    of_user = subprocess.run(["pgrep", "--uid", str(USER)], capture_output=True, text=True, check=False)
    assert of_user.stdout == ""
    left = {path.name for path in (home / "runtime").iterdir()}
    assert left == {"lock", "log", "root", "sockets"}
    assert not any((home / "runtime" / "sockets").iterdir())
