"""The running testbed: start it, attach to it, run commands in its places, reach its engines, end it.

One testbed runs per user and runtime folder; every notebook of that user attaches to the same one.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path

from dockernet_lessons.errors import CommandFailed, NoTestbed
from dockernet_lessons.testbed import image, paths, tree
from dockernet_lessons.testbed.carriers import Carrier
from dockernet_lessons.testbed.carriers.container import ContainerCarrier
from dockernet_lessons.testbed.carriers.namespace import NamespaceCarrier
from dockernet_lessons.testbed.carriers.vm import VirtualMachineCarrier
from dockernet_lessons.testbed.commands import Output, run
from dockernet_lessons.testbed.engine import Engine

READY_SECONDS = 60.0
LOOK_SECONDS = 2.0
HOSTS = {"host1": ("192.0.2.11", "02:00:00:00:02:0b"), "host2": ("192.0.2.12", "02:00:00:00:02:0c")}
"""Every host's address and MAC address on the LAN."""

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
"""What commands inside see: nothing of the learner's own environment, proxies and languages above all."""

PLACES = ("internet", "router", "neighbour")
"""The places that are not hosts; the hosts and their containers come on top."""

CARRIERS: tuple[Carrier, ...] = (NamespaceCarrier(), VirtualMachineCarrier(), ContainerCarrier())
Progress = Callable[[str], None]


class Testbed:
    """A testbed that runs.

    >>> attach().run("neighbour", ["ip", "route", "get", "203.0.113.10"]).stdout.split(" uid")[0]
    '203.0.113.10 via 192.0.2.254 dev eth0 src 192.0.2.3'
    """

    __test__ = False  # pytest: the name is our term, not a test class

    def __init__(self, carrier: Carrier, runtime: Path, suite: str, *, host_names: Sequence[str] = ("host1",)) -> None:
        self.carrier = carrier
        self.runtime = runtime
        self.suite = suite
        self._host_names = list(host_names)

    @cached_property
    def _engines(self) -> dict[str, Engine]:
        return {host: Engine(host, self.carrier.endpoint(self.runtime, host)) for host in HOSTS}

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that run: ``host1``, and ``host2`` once a lesson needed it."""
        return tuple(self._host_names)

    def alive(self) -> bool:
        """Tell whether this testbed still runs."""
        return self.carrier.alive(self.runtime)

    def engine(self, host: str = "host1") -> Engine:
        """Give a host's Docker Engine."""
        return self._engines[host]

    def engines(self) -> Iterator[Engine]:
        """Give the engines of all hosts that run."""
        return (self.engine(host) for host in self.hosts)

    def close(self) -> None:
        """Close the connections to the engines; the testbed itself runs on, and they open again when needed."""
        for engine in self._engines.values():
            engine.close()

    def need(self, host: str) -> None:
        """Start a host that does not run yet, and wait until its engine answers.

        Raises ``NoTestbed`` where it does not come up within a minute.
        """
        if host in self._host_names:
            return
        address, mac = HOSTS[host]
        self.run("testbed", ["sh", "-c", f"echo {host} {address} {mac} > /run/wanted"])
        _await_engine(self, host)
        self.engine(host).copy_image(image.TAG, self.engine())
        self._host_names.append(host)
        _record(self)

    def run(
        self, place: str, command: Sequence[str], *, check: bool = True, timeout: float = 10, stdin: str = ""
    ) -> Output:
        """Run a command in a place of the testbed and give what it printed.

        A place is ``router``, ``neighbour``, ``internet``, a host, ``testbed`` itself, or ``pid:N`` for the network
        namespace of a container's process. ``timeout`` is in seconds.

        Raises ``CommandFailed``, and ``NoTestbed`` where the testbed has gone.
        """
        inside = ["/usr/lib/testbed/inside", place, f"{timeout:g}", *command]
        begun = time.monotonic()
        try:
            done = run(
                self.carrier.command(self.runtime, inside),
                check=False,
                timeout=timeout + 5,
                stdin=stdin,
                env=ENVIRONMENT,
            )
        except CommandFailed as error:
            raise CommandFailed(command, error.exit_code, error.stderr) from error
        if done.exit_code != 0 and not self.alive():
            raise NoTestbed("The testbed has gone.", hint="run `lab.start()` again: it starts a new one.")
        if time.monotonic() - begun >= timeout:  # ended by `inside`; some commands then claim success
            raise CommandFailed(command, 124, f"it did not end within {timeout:g} s")
        if check and done.exit_code != 0:
            raise CommandFailed(command, done.exit_code, done.stderr)
        return Output(tuple(command), done.exit_code, done.stdout, done.stderr)

    def snapshot(self, containers: Mapping[str, int]) -> str:
        """Observe every place at once, containers given as key and process id; see ``files/snapshot`` for the form."""
        pairs = [f"{key}={pid}" for key, pid in containers.items()]
        command = ["unshare", "--mount", "--propagation", "private", "/usr/lib/testbed/snapshot", *pairs]
        return self.run("testbed", command, timeout=60).stdout


def attach() -> Testbed | None:
    """Give the testbed that runs for this user, or ``None``."""
    runtime = paths.runtime()
    try:
        text = (runtime / "testbed.json").read_text()
        record = json.loads(text)
    except (FileNotFoundError, ValueError):
        return None
    carrier = next((carrier for carrier in CARRIERS if carrier.name == record["carrier"]), None)
    if carrier is None or not carrier.alive(runtime):
        return None
    if _attached is None or _attached[0] != text:
        _remember(text, Testbed(carrier, runtime, record["suite"], host_names=record["hosts"]))
    return _attached[1] if _attached else None


_attached: tuple[str, Testbed] | None = None


def _remember(text: str, bed: Testbed) -> None:
    """Keep a testbed as the one we are attached to, and close what was open to another before it."""
    global _attached  # noqa: PLW0603  # one testbed a user, so one open connection to it a kernel
    if _attached is not None and _attached[1] is not bed:
        _attached[1].close()
    _attached = text, bed


def running() -> Testbed:
    """Give the testbed that runs for this user.

    Raises ``NoTestbed`` where none does.
    """
    bed = attach()
    if bed is None:
        raise NoTestbed("No testbed runs.", hint="run the cell with `lab.start()` first: it starts one.")
    return bed


def up(
    *,
    suite: str | None = None,
    owner: int | None = None,
    progress: Progress = print,
    why: Progress = lambda _: None,
) -> Testbed:
    """Give the running testbed, starting one where none runs: its first engine answers and holds the lesson image.

    ``suite`` is the Debian suite to run, by default what ``DOCKERNET_SUITE`` says, else forky; a testbed that runs
    already is taken as it is unless it is of another suite than the one asked for. The testbed ends when the process
    ``owner`` does. ``progress`` is told about steps that take long, ``why`` in one line which carrier was chosen.

    Raises ``NoTestbed``, ``BuildFailed``.
    """
    asked = suite or os.environ.get("DOCKERNET_SUITE")
    runtime = paths.runtime()
    with _one_at_a_time(runtime):
        found = attach()
        if found and any(_refuses(found, host) for host in found.hosts):
            progress("A Docker Engine of the testbed has ended: starting a new testbed")
            found.carrier.stop(runtime)
            found = None
        if found and asked in (None, found.suite):
            return found
        if found:
            raise NoTestbed(
                f"A testbed of the suite {found.suite} runs already, and {asked} was asked for.",
                hint="end it first: `dockernet down`.",
            )
        carrier = choose(why)
        built = tree.cached(asked or tree.DEFAULT_SUITE) or tree.build(asked or tree.DEFAULT_SUITE, progress=progress)
        bed = Testbed(carrier, runtime, built.suite)
        carrier.prepare(built, progress)
        try:
            carrier.start(built, runtime, owner=owner)
            threading.Thread(target=import_module, args=("docker",)).start()  # takes as long as the engine does
            _await_engine(bed, "host1")
            if not bed.engine().has_image(image.TAG):
                bed.engine().load_image(built.image)
            _record(bed)
        except BaseException:
            bed.close()
            carrier.stop(runtime)
            raise
        return bed


def down() -> bool:
    """End this user's testbed and remove every trace of it; tell whether one ran."""
    runtime = paths.runtime()
    with _one_at_a_time(runtime):
        if _attached is not None:
            _attached[1].close()
        ran = any(carrier.alive(runtime) for carrier in CARRIERS)
        for carrier in CARRIERS:
            carrier.stop(runtime)
        return ran


def choose(why: Progress = lambda _: None) -> Carrier:
    """Give the first carrier that works here, or the one that ``DOCKERNET_CARRIER`` names.

    Raises ``NoTestbed`` where none works, with each one's reason.
    """
    wanted = os.environ.get("DOCKERNET_CARRIER", "auto")
    names = [carrier.name for carrier in CARRIERS]
    if wanted not in ("auto", *names):
        raise NoTestbed(f"DOCKERNET_CARRIER is {wanted!r}.", hint=f"set it to auto or one of: {', '.join(names)}.")
    passed_over: list[str] = []
    for carrier in CARRIERS:
        if wanted not in ("auto", carrier.name):
            continue
        verdict = carrier.verdict()
        if verdict.usable:
            why("; ".join([f"Carrier: {carrier.name} ({verdict.reason})", *passed_over]))
            return carrier
        passed_over.append(f"{carrier.name} passed over: {verdict.reason}")
    raise NoTestbed(
        f"No testbed can run on this machine ({'; '.join(passed_over)}).",
        hint="run as root on Linux, for example `sudo make lab`; `dockernet doctor` tells more.",
    )


def _await_engine(bed: Testbed, host: str) -> None:
    """Wait until a host's engine answers, as briefly as can be; say what its log says where it does not."""
    address = bed.carrier.endpoint(bed.runtime, host).removeprefix("unix://")
    started = time.monotonic()
    look_again = started + LOOK_SECONDS
    while time.monotonic() - started < READY_SECONDS:
        asked = time.monotonic()
        if answers(address):
            Path(address).chmod(0o600)
            return
        cost = time.monotonic() - asked
        if time.monotonic() > look_again:
            if not bed.alive() or _engine_has_ended(bed, host):
                break
            look_again = time.monotonic() + LOOK_SECONDS
        time.sleep(max(0.01, 3 * cost))  # where asking is dear, leave the time to the engine that starts
    raise NoTestbed(
        f"The Docker Engine on {host} did not come up. The last it said: {_last_words(bed, host)}",
        hint=f"`dockernet doctor` tells what can run here; the whole log is {bed.runtime / 'log'}.",
    )


def answers(address: str) -> bool:
    """Tell whether a Docker Engine answers on this unix socket."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(2)
        try:
            line.connect(address)
            line.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b"200 OK" in line.recv(64)
        except OSError:
            return False


def _engine_has_ended(bed: Testbed, host: str) -> bool:
    """Tell whether a host's engine was started and runs no longer."""
    script = f"pid=$(cat /run/engines/{host}.pid) && ! kill -0 $pid"
    return bed.run("testbed", ["sh", "-c", script], check=False).exit_code == 0


def _refuses(bed: Testbed, host: str) -> bool:
    """Tell whether a host's engine has ended: nobody is behind its socket. One that is only slow does not refuse."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(2)
        try:
            line.connect(bed.carrier.endpoint(bed.runtime, host).removeprefix("unix://"))
            line.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return not line.recv(1)
        except TimeoutError:
            return False
        except OSError:
            return True


def _last_words(bed: Testbed, host: str) -> str:
    texts = [(bed.runtime / "log").read_text()]
    if bed.alive():
        texts.append(bed.run("testbed", ["tail", "-n", "3", f"/run/engines/{host}.log"], check=False).stdout)
    return " / ".join(line for text in texts for line in text.splitlines()[-3:]) or "nothing"


def _record(bed: Testbed) -> None:
    record = {"carrier": bed.carrier.name, "suite": bed.suite, "hosts": bed.hosts, "started": time.time()}
    part = bed.runtime / "testbed.json.part"
    text = json.dumps(record)
    part.write_text(text)
    part.rename(bed.runtime / "testbed.json")
    _remember(text, bed)


@contextmanager
def _one_at_a_time(runtime: Path) -> Iterator[None]:
    """Hold the lock of the runtime folder, so that two notebooks do not start the same testbed twice."""
    with (runtime / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
