"""The running testbed: attach to it, run commands in its places, reach its engines, ask what its kernel has.

One testbed runs per user and runtime folder; every notebook of that user attaches to the same one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from dockernet_lessons.errors import CommandFailed, NoTestbed
from dockernet_lessons.testbed import image, needs, paths, processes
from dockernet_lessons.testbed.carriers import Carrier
from dockernet_lessons.testbed.carriers.container import ContainerCarrier
from dockernet_lessons.testbed.carriers.namespace import NamespaceCarrier
from dockernet_lessons.testbed.carriers.vm import VirtualMachineCarrier
from dockernet_lessons.testbed.commands import NO_END, Output, run
from dockernet_lessons.testbed.engine import ANSWER_SECONDS, Engine
from dockernet_lessons.testbed.lost import gone
from dockernet_lessons.testbed.places import HOSTS, answers

READY_SECONDS = 60.0
LOOK_SECONDS = 2.0
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
"""What commands inside see: nothing of the learner's own environment, proxies and languages above all."""

CARRIERS: tuple[Carrier, ...] = (NamespaceCarrier(), VirtualMachineCarrier(), ContainerCarrier())
Progress = Callable[[str], None]


class Testbed:
    """A testbed that runs.

    >>> attach().run("neighbour", ["ip", "route", "get", "203.0.113.10"]).stdout.split(" uid")[0]
    '203.0.113.10 via 192.0.2.254 dev eth0 src 192.0.2.3'
    """

    __test__ = False  # pytest: the name is our term, not a test class

    def __init__(
        self,
        carrier: Carrier,
        runtime: Path,
        suite: str,
        *,
        host_names: Sequence[str] = ("host1",),
        tried: Mapping[str, bool] | None = None,
        owner: str = "",
    ) -> None:
        self.carrier = carrier
        self.runtime = runtime
        self.suite = suite
        self._host_names = list(host_names)
        self._tried = dict(tried or {})
        self._owner = owner

    @cached_property
    def _engines(self) -> dict[str, Engine]:
        patient = ANSWER_SECONDS * self.carrier.patience
        return {host: Engine(host, self.carrier.endpoint(self.runtime, host), seconds=patient) for host in HOSTS}

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that run: ``host1``, and ``host2`` once a lesson needed it, in this notebook or in another."""
        _, known = _written(self.runtime)
        return tuple(dict.fromkeys((*self._host_names, *known.get("hosts", ()))))

    def alive(self) -> bool:
        """Tell whether this testbed still runs."""
        return self.carrier.alive(self.runtime)

    def engine(self, host: str = "host1") -> Engine:
        """Give a host's Docker Engine.

        Raises ``NoTestbed`` where the testbed has gone: no question waits for an answer that never comes.
        """
        if not self.alive():
            raise gone(self.runtime)
        return self._engines[host]

    def engines(self) -> Iterator[Engine]:
        """Give the engines of all hosts that run."""
        return (self.engine(host) for host in self.hosts)

    def close(self) -> None:
        """Close the connections to the engines; the testbed itself runs on, and they open again when needed."""
        for engine in self.__dict__.get("_engines", {}).values():
            engine.close()

    def need(self, host: str) -> None:
        """Start a host that does not run yet, and wait until its engine answers.

        Raises ``NoTestbed`` where it does not come up within a minute.
        """
        if host in self.hosts:
            return
        address, mac = HOSTS[host]
        ask = f"echo {host} {address} {mac} > /run/wanted"
        wait = f"until [ -e /run/engines/{host}.is-on-the-lan ]; do sleep 0.05; done"
        try:
            self.run("testbed", ["sh", "-c", f"{ask}; {wait}"], timeout=READY_SECONDS)
        except CommandFailed as error:
            raise NoTestbed(
                f"{host} could not be added to the testbed.",
                hint=f"`dockernet down`, then start again; the log is {self.runtime / 'log'}.",
            ) from error
        await_engine(self, host)
        if not self.engine(host).has_image(image.TAG):
            self.engine(host).copy_image(image.TAG, self.engine())
        self._host_names.append(host)
        record(self)

    def lacks(self, needed: Sequence[str]) -> list[str]:
        """Give those of some needs (see ``needs``) that this testbed does not meet, having tried each once.

        A host that is needed is started, where the kernel has all that is needed beside.
        """
        untried = [need for need in needed if need in needs.KERNEL and need not in self._tried]
        for need in untried:
            tried = self.run("testbed", needs.attempt(need), check=False)
            self._tried[need] = tried.exit_code == 0
        if untried:
            record(self)
        lacking = [need for need in needed if self._tried.get(need) is False]
        for need in needed:
            if need in needs.HOSTS and not lacking:
                try:
                    self.need(need)
                except NoTestbed:
                    lacking.append(need)
        return lacking

    def command(self, place: str, command: Sequence[str], *, seconds: float) -> list[str]:
        """Give the command of this machine that runs another in a place of the testbed, for so long at most."""
        return self.carrier.command(self.runtime, ["/usr/lib/testbed/inside", place, f"{seconds:g}", *command])

    def run(
        self, place: str, command: Sequence[str], *, check: bool = True, timeout: float = 10, stdin: str = ""
    ) -> Output:
        """Run a command in a place of the testbed and give what it printed.

        A place is ``router``, ``neighbour``, ``internet``, a host, ``testbed`` itself, or ``pid:N`` for the network
        namespace of a container's process. ``timeout`` is in seconds, and longer where the carrier is slow.

        Raises ``CommandFailed``, and ``NoTestbed`` where the testbed has gone.
        """
        timeout *= self.carrier.patience
        begun = time.monotonic()
        try:
            done = run(
                self.command(place, command, seconds=timeout),
                check=False,
                timeout=timeout + 5,
                stdin=stdin,
                env=ENVIRONMENT,
            )
        except CommandFailed as error:
            raise CommandFailed(command, error.exit_code, error.stderr) from error
        if done.exit_code != 0 and not self.alive():
            raise gone(self.runtime)
        if time.monotonic() - begun >= timeout:  # ended by `inside`; some commands then claim success
            raise CommandFailed(command, NO_END, f"it did not end within {timeout:g} s")
        if check and done.exit_code != 0:
            raise CommandFailed(command, done.exit_code, done.stderr)
        return Output(tuple(command), done.exit_code, done.stdout, done.stderr)

    def run_in(self, host: str, container: str, command: Sequence[str], *, timeout: float = 10) -> Output:
        """Run a command in a container of a host, as ``docker exec`` does there, and give what it printed.

        ``timeout`` is as for ``run``; it raises the same.
        """
        return self.engine(host).execute(container, command, seconds=timeout * self.carrier.patience)

    def snapshot(self) -> str:
        """Observe every network namespace at once; see ``files/snapshot`` for the form of the text."""
        return self.run("testbed", ["/usr/lib/testbed/snapshot"], timeout=60).stdout


def attach() -> Testbed | None:
    """Give the testbed that runs for this user, or ``None``."""
    if _adopted is not None:
        return _adopted if _adopted.alive() else None
    runtime = paths.runtime()
    text, known = _written(runtime)
    carrier = next((carrier for carrier in CARRIERS if carrier.name == known.get("carrier")), None)
    owner = known.get("owner", "")
    if carrier is None or not carrier.alive(runtime) or (owner and not processes.runs(owner)):
        return None  # one whose owner has ended is about to end, too
    if _attached is None or _attached[0] != text:
        hosts, tried = known["hosts"], known["tried"]
        _remember(text, Testbed(carrier, runtime, known["suite"], host_names=hosts, tried=tried, owner=owner))
    return _attached[1] if _attached else None


def _written(runtime: Path) -> tuple[str, dict[str, Any]]:
    """Read what is known of the testbed in a runtime folder, as text and taken apart: both are empty where none is."""
    try:
        text = (runtime / "testbed.json").read_text()
        return text, json.loads(text)
    except (FileNotFoundError, ValueError):
        return "", {}


_attached: tuple[str, Testbed] | None = None
_adopted: Testbed | None = None


def adopt(bed: Testbed) -> None:
    """Be attached to a testbed of somebody else's, for as long as this process runs."""
    global _adopted  # noqa: PLW0603  # as below
    _adopted = bed


def _remember(text: str, bed: Testbed) -> None:
    """Keep a testbed as the one we are attached to, and close what was open to another before it."""
    global _attached  # noqa: PLW0603  # one testbed a user, so one open connection to it a kernel
    if _attached is not None and _attached[1] is not bed:
        _attached[1].close()
    _attached = text, bed


def close_attached() -> None:
    """Close the connections to the testbed that we are attached to, if any."""
    if _attached is not None:
        _attached[1].close()


def running() -> Testbed:
    """Give the testbed that runs for this user.

    Raises ``NoTestbed`` where none does.
    """
    bed = attach()
    if bed is None:
        raise NoTestbed("No testbed runs.", hint="run the cell with `lab.start()` first: it starts one.")
    return bed


def await_engine(bed: Testbed, host: str) -> None:
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


def _engine_has_ended(bed: Testbed, host: str) -> bool:
    """Tell whether a host's engine was started and runs no longer."""
    script = f"pid=$(cat /run/engines/{host}.pid) && ! kill -0 $pid"
    return bed.run("testbed", ["sh", "-c", script], check=False).exit_code == 0


def _last_words(bed: Testbed, host: str) -> str:
    texts = [(bed.runtime / "log").read_text()]
    if bed.alive():
        texts.append(bed.run("testbed", ["tail", "-n", "3", f"/run/engines/{host}.log"], check=False).stdout)
    return " / ".join(line for text in texts for line in text.splitlines()[-3:]) or "nothing"


def record(bed: Testbed) -> None:
    """Write down what is known of a testbed, for whoever attaches to it; be attached to it ourselves."""
    known = {
        "carrier": bed.carrier.name,
        "suite": bed.suite,
        "hosts": bed.hosts,
        "tried": bed._tried,
        "owner": bed._owner,
        "started": time.time(),
    }
    part = bed.runtime / "testbed.json.part"
    text = json.dumps(known)
    part.write_text(text)
    part.rename(bed.runtime / "testbed.json")
    _remember(text, bed)
