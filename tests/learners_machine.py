"""A Docker Engine such as learners have, from the testbed's tree, in namespaces and control groups of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dockernet_lessons.testbed import keeper, tree
from dockernet_lessons.testbed.places import answers

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
[ -z "$OPTIONS" ] || cp /etc/resolv.conf etc/resolv.conf
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs var/lib/docker
mkdir run/learner old share
layer=$2 sockets=$3
shift 3
for shared in "$@"; do
    mkdir "share/${shared%%=*}"
    mount --bind "${shared#*=}" "share/${shared%%=*}"
done
set -- "" "$layer" "$sockets"
mount --bind "$3" run/learner
pivot_root . old
export PATH=/usr/sbin:/usr/bin HOME=/root
umount -l /old
exec chroot . sh -c '
    /usr/lib/testbed/cgroups
    ip link set lo up
    exec dockerd --host unix:///run/learner/docker.sock --log-level warn \
        --add-runtime crun=/usr/bin/crun --default-runtime crun $OPTIONS
' </dev/null
"""


HANDS_OFF = "--bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false"
"""What keeps an engine from changing anything of the network that it is in."""


@contextmanager
def learners_engine(shared: Mapping[str, Path] | None = None, *, online: bool = False) -> Iterator[str]:
    """Run an engine that knows nothing of testbeds; give its address. It finds ``shared`` folders below /share.

    An engine that is ``online`` is in the machine's own network, changes nothing of it, and gives its containers none
    but that (``--network host``).
    """
    root = tree.build().root
    unshare = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
    unshare += [] if online else ["--net"]
    options = {"OPTIONS": HANDS_OFF if online else ""}
    with (
        tempfile.TemporaryDirectory() as layer,
        tempfile.TemporaryDirectory() as sockets,
        Path(sockets, "log").open("w") as log,
        keeper.control_groups(f"dockernet-learner-{Path(sockets).name}") as join,
    ):
        command = [*unshare, "--propagation", "private", "sh", "-c", DOCKERD, "learner", str(root), layer, sockets]
        command += [f"{name}={path}" for name, path in (shared or {}).items()]
        environment = {**os.environ, **options}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, preexec_fn=join)  # noqa: PLW1509  # no threads here
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
