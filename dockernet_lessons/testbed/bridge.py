"""The bridge to a testbed on the ``container`` carrier: starts the container, leads to what is in it, removes it.

Runs as a process of its own, ``python -m dockernet_lessons.testbed.bridge RUNTIME OWNER``. It listens on the sockets
of the runtime folder, and for each connection runs a command in the container through the engine's API, because the
files of an engine in a virtual machine (Docker Desktop's) cannot be shared. Ends when asked to (SIGTERM), when OWNER
ends, or when the container does; removes container, volume and sockets then.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dockernet_lessons.testbed import relay
from dockernet_lessons.testbed.learners_engine import LearnersEngine, Refused, Stream
from dockernet_lessons.testbed.through_bridge import EXIT, GONE, HEADER, OUTPUT

HOSTS = ("host1", "host2")
COMMANDS = "commands.sock"
START_SECONDS = 30.0
SWEEP_SECONDS = 15.0

BECOME_INIT = """
set -e
umount /etc/hosts /etc/hostname /etc/resolv.conf
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,rw /proc/sys/net
mkdir /run/testbed
exec /usr/lib/testbed/init </dev/null
"""
"""What makes a container the testbed: the tree's own names instead of Docker's, and the machine's settings kept."""

JOIN_WITH = """
{ socat -t 86400 'STDIN!!STDOUT,shut-close' "$1" <&3 2>/dev/null & } 3<&0 | cat
"""
"""Socat keeps one way open for a day after the other has ended; with cat, the far end of a connection ends all."""

ENGINE = "UNIX-CONNECT:/run/testbed/{}.sock,retry=200,interval=0.01"

UNTIL_ENDED = """
pid=$(cat "/run/engines/$1.pid")
tail --pid="$pid" --sleep-interval=0.2 -f /dev/null 2>/dev/null || while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
"""

ENVIRONMENT = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")


@dataclass(frozen=True, slots=True)
class Home:
    """Where a testbed's container lives: the engine's address, the image it is made from, and the testbed's own id."""

    engine: str
    image: str
    testbed: str

    @property
    def name(self) -> str:
        """The name of the container and of its volume; what is ours is told by the label alone."""
        return f"dockernet-{self.testbed}"

    @property
    def label(self) -> str:
        """The label of all that belongs to this testbed."""
        return f"dockernet.testbed={self.testbed}"

    def write(self, runtime: Path) -> None:
        """Keep this in the runtime folder, for the bridge and for whoever clears away after it."""
        (runtime / "container.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, runtime: Path) -> Home | None:
        """Give what is kept in the runtime folder, if anything."""
        try:
            return cls(**json.loads((runtime / "container.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def sweep(self) -> None:
        """Remove the container and the volume, by label. Raises ``Refused`` and ``OSError``."""
        engine = LearnersEngine(self.engine)
        deadline = time.monotonic() + SWEEP_SECONDS
        for kind in ("containers", "volumes"):
            while True:
                try:
                    engine.remove(kind, self.label)
                    break
                except Refused as refused:  # somebody else may be removing it just now
                    if refused.status != http.client.CONFLICT or time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)


def main(runtime: str, owner: int) -> None:
    """Run one testbed from its start to its end."""
    folder = Path(runtime)
    home = Home.read(folder)
    assert home is not None, folder  # noqa: S101  # the carrier has just written it
    asked, ask = os.pipe()
    os.set_blocking(ask, False)
    signal.set_wakeup_fd(ask)  # not by a handler: that waits for this thread, and any thread may be given the signal
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with _cleared_away(folder, home):
        bridge = Bridge(home, folder / "sockets")
        try:
            bridge.start()
        except Refused as refused:
            print(refused, flush=True)
            return
        for waits in (bridge.await_end, bridge.await_pause):
            threading.Thread(target=waits, args=(lambda: os.write(ask, b"x"),), daemon=True).start()
        with suppress(ProcessLookupError):  # the owner has ended already
            select.select([asked, *([os.pidfd_open(owner)] if owner else [])], [], [])


@contextmanager
def _cleared_away(folder: Path, home: Home) -> Iterator[None]:
    """Remove in the end what the testbed left, all but the log; what cannot be removed now is kept on record."""
    try:
        yield
    finally:
        clear_files(folder)
        try:
            home.sweep()
        except (OSError, Refused) as error:
            print(f"{home.name} could not be removed: {error}", flush=True)
        else:
            (folder / "container.json").unlink(missing_ok=True)
        (folder / "bridge").unlink(missing_ok=True)


def clear_files(folder: Path) -> None:
    """Remove the sockets and what is known of the running testbed."""
    for path in [*(folder / "sockets").glob("*"), folder / "testbed.json"]:
        path.unlink(missing_ok=True)


class Bridge:
    """The ways into one testbed's container."""

    def __init__(self, home: Home, sockets: Path) -> None:
        self.home = home
        self.engine = LearnersEngine(home.engine)
        self.sockets = sockets
        self._started = threading.Event()
        self._watched: set[str] = set()
        self._listening: dict[str, socket.socket] = {}

    def start(self) -> None:
        """Listen, and start the container. Raises ``Refused`` and ``OSError``."""
        for host in HOSTS:
            self._listen(f"{host}.sock", partial(self._lead_to_engine, host))
        self._listen(COMMANDS, self._run_command)
        labels = {"dockernet.testbed": self.home.testbed}
        volume = self.engine.request("POST", "/volumes/create", {"Name": self.home.name, "Labels": labels})
        if (volume["Labels"] or {}).get("dockernet.testbed") != self.home.testbed:  # what is there is given as it is
            raise Refused(http.client.CONFLICT, f"a volume called {self.home.name} exists, and it is not a testbed's")
        self.engine.request("POST", "/containers/create", self._description(labels), query={"name": self.home.name})
        self.engine.request("POST", f"/containers/{self.home.name}/start")
        self._started.set()

    def _description(self, labels: dict[str, str]) -> dict[str, object]:
        return {
            "Image": self.home.image,
            "Entrypoint": ["/bin/sh", "-c", BECOME_INIT],
            "Env": ENVIRONMENT,
            "Hostname": "testbed",
            "Labels": labels,
            "HostConfig": {
                "Privileged": True,
                "NetworkMode": "none",
                "CgroupnsMode": "private",
                "IpcMode": "private",
                "Mounts": [{"Type": "volume", "Source": self.home.name, "Target": "/var/lib/engines"}],
                "Tmpfs": {"/run": "mode=0755,exec", "/tmp": "mode=1777,exec"},  # noqa: S108  # the container's own
            },
        }

    def await_end(self, then: Callable[[], object]) -> None:
        """Wait until the container ends, keep its last words, and tell."""
        with suppress(OSError, Refused):
            self.engine.request("POST", f"/containers/{self.home.name}/wait", timeout=None)
            print(
                self.engine.request("GET", f"/containers/{self.home.name}/logs", query={"stderr": "1", "tail": "5"}),
                flush=True,
            )
        then()

    def await_pause(self, then: Callable[[], object]) -> None:
        """Wait until somebody pauses the container, and tell: who asks it then would wait for ever."""
        with suppress(OSError, Refused):
            if self.engine.await_event({"container": [self.home.name], "event": ["pause"]}):
                print(f"the container {self.home.name} was paused", flush=True)
                then()

    def _listen(self, name: str, serve: Callable[[socket.socket], None]) -> None:
        def attend(client: socket.socket) -> None:
            with suppress(Refused):
                if self._started.wait(START_SECONDS):
                    serve(client)

        self._listening[name] = relay.listen(self.sockets / name, attend)

    def _lead_to_engine(self, host: str, client: socket.socket) -> None:
        """Join a client and the engine of a host, waiting a little for one that is only starting."""
        _, stream = self.engine.open_command(self.home.name, ["sh", "-c", JOIN_WITH, "with", ENGINE.format(host)])

        def pass_on(kind: int, data: bytes) -> None:
            if kind == OUTPUT:
                if host not in self._watched:
                    self._watched.add(host)
                    threading.Thread(target=self._watch, args=(host,), daemon=True).start()
                client.sendall(data)

        _join(client, stream, pass_on)

    def _watch(self, host: str) -> None:
        """Wait until a host's engine ends; from then on its socket refuses, as the engine's own would."""
        with suppress(OSError, Refused):
            _, (line, stream) = self.engine.open_command(self.home.name, ["sh", "-c", UNTIL_ENDED, "until", host])
            with line, stream:
                stream.read()
        (self.sockets / f"{host}.sock").unlink(missing_ok=True)
        with suppress(OSError):
            self._listening[f"{host}.sock"].shutdown(socket.SHUT_RDWR)

    def _run_command(self, client: socket.socket) -> None:
        """Run the command that a client names in its first line; end with the command's exit code."""
        line = b""
        while not line.endswith(b"\n"):
            got = client.recv(1)
            if not got:
                return
            line += got
        wanted: dict[str, Any] = json.loads(line)
        terminal = "terminal" in wanted
        more = {"Env": [f"TERM={wanted['terminal']}"]} if terminal else {}

        def pass_on(kind: int, data: bytes) -> None:
            client.sendall(HEADER.pack(kind, len(data)) + data)

        code, size = GONE, wanted.get("size")
        try:
            command, stream = self.engine.open_command(self.home.name, wanted["command"], terminal=terminal, **more)
            if size:
                with suppress(Refused):
                    self.engine.request("POST", f"/exec/{command}/resize", query={"w": str(size[0]), "h": str(size[1])})
            _join(client, stream, pass_on, framed=not terminal)
            code = self.engine.exit_code(command)
        except Refused as refused:
            pass_on(2, f"{refused}\n".encode())
        pass_on(EXIT, str(code).encode())


def _join(client: socket.socket, stream: Stream, pass_on: Callable[[int, bytes], None], *, framed: bool = True) -> None:
    """Carry bytes both ways until the far side has ended; an end of one way is passed on as such."""
    line, answers = stream
    with line, answers, _unread(client):
        threading.Thread(target=relay.send, args=(client, line), daemon=True).start()
        if not framed:
            while data := answers.read1(relay.CHUNK):  # type: ignore[attr-defined]
                pass_on(OUTPUT, data)
            return
        while len(header := answers.read(HEADER.size)) == HEADER.size:
            kind, size = HEADER.unpack(header)
            while size > 0 and (data := answers.read1(min(size, relay.CHUNK))):  # type: ignore[attr-defined]
                pass_on(kind, data)
                size -= len(data)


@contextmanager
def _unread(client: socket.socket) -> Iterator[None]:
    """Read nothing more of a client in the end: a thread that waits for it is woken, and lets the connection go."""
    try:
        yield
    finally:
        with suppress(OSError):
            client.shutdown(socket.SHUT_RD)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
