"""A Docker Engine such as learners have, from the testbed's tree, in namespaces and control groups of its own."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockernet_lessons.testbed import keeper, tree
from dockernet_lessons.testbed.testbed import answers

START_SECONDS = 60.0
DOCKERD = """
set -e
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/new"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/new"
cd "$2/new"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,rw proc/sys/net
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs var/lib/docker
mkdir run/learner old
mount --bind "$3" run/learner
pivot_root . old
export PATH=/usr/sbin:/usr/bin HOME=/root
umount -l /old
exec chroot . sh -c '
    /usr/lib/testbed/cgroups
    ip link set lo up
    exec dockerd --host unix:///run/learner/docker.sock --log-level warn \
        --add-runtime crun=/usr/bin/crun --default-runtime crun
' </dev/null
"""


@contextmanager
def learners_engine() -> Iterator[str]:
    """Run an engine that knows nothing of testbeds; give its address."""
    root = tree.build().root
    unshare = ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
    with (
        tempfile.TemporaryDirectory() as layer,
        tempfile.TemporaryDirectory() as sockets,
        Path(sockets, "log").open("w") as log,
        keeper._control_groups(f"dockernet-learner-{Path(sockets).name}") as join,
    ):
        command = [*unshare, "--propagation", "private", "sh", "-c", DOCKERD, "learner", str(root), layer, sockets]
        process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=join)  # noqa: PLW1509  # no threads here
        try:
            deadline = time.monotonic() + START_SECONDS
            while not answers(f"{sockets}/docker.sock"):
                said = Path(sockets, "log").read_text()
                assert process.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.05)
            yield f"unix://{sockets}/docker.sock"
        finally:
            process.kill()
            process.wait()
