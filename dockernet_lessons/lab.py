"""A lab: the networks and containers of one lesson, made on the testbed and gone again when the lesson ends.

What belongs to a lab is told by a label, never by a name: nothing else is ever reused or removed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from dockernet_lessons import docker_commands, testbed
from dockernet_lessons.display import Table
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container, Driver, Network
from dockernet_lessons.inputs import (
    check_driver,
    check_free,
    check_mapping,
    check_name,
    check_port,
    listed,
    read_subnet,
    similar,
)
from dockernet_lessons.testbed.engine import ContainerRecord, Engine

LESSON = "dockernet.lesson"
MADE_AS = "dockernet.made-as"
LESSON_NAME = re.compile(r"[a-z0-9_]+")
BRIDGE_NAME_OPTION = "com.docker.network.bridge.name"
LONGEST_INTERFACE_NAME = 15


class Lab:
    """The networks and containers of one lesson.

    >>> lab = Lab("my_lab").start()
    >>> shop = lab.network("shop", subnet="172.30.0.0/24")
    >>> web, db = lab.containers("web", "db", on=shop)
    >>> lab.close()
    Lab my_lab is closed: 2 containers and 1 network removed, nothing of it is left.

    ``start()`` removes what an earlier run of the same lesson left behind, so "restart and run all" always works.
    """

    def __init__(self, lesson: str) -> None:
        if not isinstance(lesson, str) or not LESSON_NAME.fullmatch(lesson):
            raise LessonError(
                f"{lesson!r} cannot name a lesson.",
                hint="use small letters, digits and _, for example '03_bridge'.",
            )
        self.lesson = lesson
        self.script: list[str] = []
        self._bed: testbed.Testbed | None = None

    def __repr__(self) -> str:
        if self._bed is None:
            return f"Lab {self.lesson}, not started"
        return f"Lab {self.lesson} is ready on {' and '.join(self._bed.hosts)}"

    def __del__(self) -> None:
        if getattr(self, "_bed", None) is not None:
            warnings.warn(
                f"Lab {self.lesson} was not closed: call lab.close()",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    @property
    def bed(self) -> testbed.Testbed:
        """The testbed this lab is on. Raises ``LessonError`` before ``start()`` and after ``close()``."""
        if self._bed is None:
            raise LessonError(f"Lab {self.lesson} is not started.", hint="run the cell with `lab.start()` first.")
        return self._bed

    def start(self) -> Lab:
        """Attach to the testbed, starting it where none runs, and sweep what an earlier run of this lesson left.

        A testbed that this starts lives as long as the Jupyter server, or else until ``dockernet down``.

        Raises ``NoTestbed`` where no testbed can run here.
        """
        owner = int(os.environ.get("JPY_PARENT_PID", "0")) or None
        self._bed = testbed.up(owner=owner)
        self._sweep()
        self.script.clear()
        return self

    def need(self, host: str) -> None:
        """Start a further host: ``lab.need("host2")`` gives the lab a second machine with an engine of its own."""
        if host not in testbed.HOSTS:
            raise LessonError(
                f"The testbed has no host {host!r}.", hint=f"its hosts are {' and '.join(testbed.HOSTS)}."
            )
        self.bed.need(host)

    def network(
        self,
        name: str,
        *,
        driver: Driver = "bridge",
        subnet: str | None = None,
        internal: bool = False,
        options: Mapping[str, str] | None = None,
        host: str = "host1",
    ) -> Network:
        """Make a Docker network, as ``docker network create`` does; the same call again gives the same network.

        A bridge network's interface is called ``br-`` and the network's name, where that fits into the 15 letters of an
        interface name (Docker's own choice is ``br-`` and the start of the network's id).

        >>> lab.network("shop", subnet="172.30.0.0/24").bridge
        'br-shop'

        Raises ``LessonError``: an unknown driver, a subnet that is none or overlaps another, a name that is taken.
        """
        check_name(name, "network")
        check_driver(driver)
        wanted = read_subnet(str(subnet)) if subnet else None
        subnet = str(wanted) if wanted else None
        engine = self._engine(host)
        settings = dict(options or {})
        if driver == "bridge" and len(f"br-{name}") <= LONGEST_INTERFACE_NAME:
            settings.setdefault(BRIDGE_NAME_OPTION, f"br-{name}")
        made_as = json.dumps([driver, subnet, internal, sorted(settings.items())])
        mine = {network.name: network for network in engine.networks(f"{LESSON}={self.lesson}")}
        if name in mine:
            if name in {network.name for network in engine.networks(f"{MADE_AS}={made_as}")}:
                return mine[name]
            self._refuse_in_use(engine, name)
            engine.remove_network(name)
        others = engine.networks()
        if any(network.name == name for network in others):
            raise LessonError(
                f"A network called {name} exists on {host} already, and it is not this lab's.",
                hint="choose another name, or close the lab that made it.",
            )
        if wanted:
            check_free(wanted, others)
        labels = {LESSON: self.lesson, MADE_AS: made_as}
        engine.create_network(name, driver=driver, subnet=subnet, options=settings, internal=internal, labels=labels)
        self.script.append(
            docker_commands.create_network(name, driver=driver, subnet=subnet, internal=internal, options=settings)
        )
        return next(network for network in engine.networks() if network.name == name)

    def container(
        self,
        name: str,
        *,
        on: Network | str = "bridge",
        publish: Mapping[int, int] | None = None,
        links: Mapping[str, str] | None = None,
        command: Sequence[str] | str | None = None,
        image: str = "lesson",
    ) -> Container:
        """Start one container; see :meth:`containers`."""
        return self.containers(name, on=on, publish=publish, links=links, command=command, image=image)[0]

    def containers(
        self,
        *names: str,
        on: Network | str = "bridge",
        publish: Mapping[int, int] | None = None,
        links: Mapping[str, str] | None = None,
        command: Sequence[str] | str | None = None,
        image: str = "lesson",
    ) -> tuple[Container, ...]:
        """Start containers, as ``docker run --detach`` does; they get their addresses in the order of their names here.

        ``on`` is a network or its name. ``publish`` maps a port of the host to a port of the container (1 to 65535).
        ``links`` maps another container's name to what it shall be called. Without ``command`` the container serves
        a web page on port 80 that says its own name and the caller's address.

        Called again with the same arguments it gives the containers that run; called with others it replaces them.
        Where one container cannot be started, none of this call is left.

        Raises ``LessonError``: a name that is taken, a network or image that does not exist, a port in use.
        """
        network = self._find_network(on)
        engine = self._engine(network.host)
        publish, links = publish or {}, links or {}
        check_mapping(publish, "publish", "{8080: 80}, the host's port first")
        check_mapping(links, "links", '{"db": "database"}')
        command = shlex.split(command) if isinstance(command, str) else command
        for name in names:
            check_name(name, "container")
        for port in (*publish, *publish.values()):
            check_port(port)
        made_as = json.dumps([network.name, sorted(publish.items()), sorted(links.items()), command, image])
        kept = self._settle(engine, names, made_as)
        missing = [name for name in names if name not in kept]
        if missing and not engine.has_image(image):
            raise LessonError(
                f"{network.host} has no image called {image!r}.",
                hint="leave `image` out: lessons use the image 'lesson', and the testbed reaches no registry.",
            )
        settings: dict[str, Any] = {
            "image": image,
            "network": network.name,
            "command": command,
            "publish": publish,
            "links": links,
        }
        labels = {LESSON: self.lesson, MADE_AS: made_as}
        made = self._start_all(engine, missing, partial(engine.create_container, labels=labels, **settings))
        self.script += [docker_commands.run(name, **settings) for name in missing]
        found = {**kept, **made}
        return tuple(Container(name, network.host, found[name]) for name in names)

    def connect(self, container: Container | str, network: Network | str, *, aliases: Sequence[str] = ()) -> None:
        """Connect a container to one more network, as ``docker network connect`` does; nothing happens where it is."""
        who, where = self._find_container(container), self._find_network(network)
        engine = self._engine(who.host)
        record = engine.container(who.id)
        if record and where.name in record.addresses:
            return
        engine.connect(who.id, where.name, aliases=aliases)
        flags = "".join(f"--alias {alias} " for alias in aliases)
        self.script.append(f"docker network connect {flags}{where.name} {who.name}")

    def disconnect(self, container: Container | str, network: Network | str) -> None:
        """Disconnect a container from a network, as ``docker network disconnect`` does."""
        who, where = self._find_container(container), self._find_network(network)
        self._engine(who.host).disconnect(who.id, where.name)
        self.script.append(f"docker network disconnect {where.name} {who.name}")

    def remove(self, *things: Container | Network) -> None:
        """Remove containers or networks of this lab."""
        for thing in things:
            if not isinstance(thing, Container | Network):
                raise LessonError(f"{thing!r} cannot be removed.", hint="give what lab.container or lab.network gave.")
            engine = self._engine(thing.host)
            if isinstance(thing, Container):
                engine.remove_container(thing.id)
            else:
                self._refuse_in_use(engine, thing.name)
                engine.remove_network(thing.name)
            self.script.append(f"docker {'rm --force' if isinstance(thing, Container) else 'network rm'} {thing.name}")

    def running(self) -> dict[str, Container]:
        """Give the containers of this lab that run, by name."""
        label = f"{LESSON}={self.lesson}"
        found = [record for engine in self.bed.engines() for record in engine.containers(label) if record.pid]
        return {record.name: Container(record.name, record.host, record.id) for record in found}

    def networks(self, host: str = "host1") -> Table[Network]:
        """Give the Docker networks of a host, the predefined ones included."""
        return Table(
            self._engine(host).networks(),
            columns={
                "network": lambda network: network.name,
                "driver": lambda network: network.driver,
                "subnet": lambda network: " ".join(str(subnet) for subnet in network.subnets),
                "interface": lambda network: network.bridge,
            },
            command="docker network ls",
            at=host,
        )

    def close(self) -> Closed:
        """Remove everything of this lab, and make sure that nothing is left. Closing twice is fine.

        Raises ``LessonError`` where something could not be removed.
        """
        if self._bed is None:
            return Closed(self.lesson, "nothing was left of it.")
        if not self._bed.alive():
            self._bed = None
            return Closed(self.lesson, "its testbed has gone, and everything with it.")
        containers, networks = self._sweep()
        if any(self._sweep()):
            raise LessonError(f"Something made more for lab {self.lesson} while it was closed.", hint="close it again.")
        self._bed = None
        removed = f"{_count(containers, 'container')} and {_count(networks, 'network')}"
        return Closed(self.lesson, f"{removed} removed, nothing of it is left.")

    def _sweep(self) -> tuple[int, int]:
        """Remove what carries this lesson's label, containers first; tell how many of each there were.

        One that cannot be removed does not keep the rest from being removed.
        """
        label = f"{LESSON}={self.lesson}"
        failed: list[LessonError] = []
        counts = [0, 0]
        for engine in self.bed.engines():
            containers = [record.id for record in engine.containers(label)]
            networks = [network.name for network in engine.networks(label)]
            with ThreadPoolExecutor(max_workers=8) as pool:
                for gone in [pool.submit(engine.remove_container, each) for each in reversed(containers)]:
                    if isinstance(error := gone.exception(), LessonError):
                        failed.append(error)
            for name in reversed(networks):
                try:
                    engine.remove_network(name)
                except LessonError as error:
                    failed.append(error)
            counts[0] += len(containers)
            counts[1] += len(networks)
        if failed:
            raise failed[0]
        return counts[0], counts[1]

    def _engine(self, host: str) -> Engine:
        if host not in self.bed.hosts:
            raise LessonError(f"{host} does not run in this testbed.", hint=f"`lab.need({host!r})` starts it.")
        return self.bed.engine(host)

    def _find_container(self, container: Container | str) -> Container:
        if isinstance(container, Container):
            return container
        running = self.running()
        if container not in running:
            raise LessonError(
                f"No container of this lab is called {container!r}.", hint=f"there are {listed(running)}."
            )
        return running[container]

    def _find_network(self, network: Network | str) -> Network:
        if isinstance(network, Network):
            return network
        engines = [self.bed.engine(host) for host in reversed(self.bed.hosts)]  # host1's come last, and win
        known = {network.name: network for engine in engines for network in engine.networks()}
        if network not in known:
            raise LessonError(
                f"No network is called {network!r}.", hint=f"there are {listed(known)}.{similar(str(network), known)}"
            )
        return known[network]

    def _settle(self, engine: Engine, names: Sequence[str], made_as: str) -> dict[str, str]:
        """Give the ids of the wanted containers that run already; clear the way for the others."""
        kept = {}
        for name in names:
            record = engine.container(name)
            if record is None:
                continue
            if record.labels.get(LESSON) != self.lesson:
                raise LessonError(
                    f"A container called {name} exists on {engine.host} already, {_owner(record)}.",
                    hint="choose another name, or close the lab that made it.",
                )
            if record.labels.get(MADE_AS) == made_as and record.state == "running":
                kept[name] = record.id
            else:
                engine.remove_container(record.id)
        return kept

    def _start_all(self, engine: Engine, names: Sequence[str], create: partial[str]) -> dict[str, str]:
        """Make containers side by side, and start them in order: addresses are handed out at the start."""
        made: dict[str, str] = {}
        with ThreadPoolExecutor(max_workers=8) as pool:
            jobs = {name: pool.submit(create, name) for name in names}
            try:
                for name, job in jobs.items():
                    made[name] = job.result()
                    engine.start_container(made[name])
            except BaseException:
                for job in jobs.values():
                    with suppress(LessonError):
                        engine.remove_container(job.result())
                raise
        return made

    def _refuse_in_use(self, engine: Engine, name: str) -> None:
        users = [record.name for record in engine.containers() if name in record.addresses]
        if users:
            raise LessonError(
                f"The network {name} is in use by {listed(users)}.",
                hint="remove or disconnect its containers first.",
            )


class Closed:
    """What became of a lab that was closed."""

    def __init__(self, lesson: str, outcome: str) -> None:
        self.lesson = lesson
        self.outcome = outcome

    def __repr__(self) -> str:
        return f"Lab {self.lesson} is closed: {self.outcome}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _owner(record: ContainerRecord) -> str:
    lesson = record.labels.get(LESSON)
    return f"made by lab {lesson}" if lesson else "and it is not a lab's"
