"""A lab: the networks and containers of one lesson, made on the testbed and gone again when the lesson ends.

What belongs to a lab is told by a label, never by a name: nothing else is ever reused or removed.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence

from dockernet_lessons import docker_commands, testbed, tidy
from dockernet_lessons.container_inputs import Where, read_container
from dockernet_lessons.display import Table
from dockernet_lessons.errors import BuildFailed, LessonError, NoTestbed, NotLive
from dockernet_lessons.facts import Container, Driver, Network
from dockernet_lessons.finding import On, engine_of, find_container, find_network, find_where
from dockernet_lessons.inputs import check_name, check_port, listed
from dockernet_lessons.making import (
    LESSON,
    await_names,
    await_pages,
    join_swarm,
    make_containers,
    make_network,
    refuse_in_use,
    sweep,
)
from dockernet_lessons.network_inputs import check_parent, read_network
from dockernet_lessons.plans import ContainerPlan
from dockernet_lessons.testbed.engine import ContainerRecord

LESSON_NAME = re.compile(r"[a-z0-9_]+")


class Lab:
    """The networks and containers of one lesson.

    >>> lab = Lab("my_lab").start()
    >>> shop = lab.network("shop", subnet="172.30.0.0/24")
    >>> web, db = lab.containers("web", "db", on=shop)
    >>> lab.close()
    Lab my_lab is closed: 2 containers and 1 network removed, nothing of it is left.

    ``start()`` removes what an earlier run of the same lesson left behind, so "restart and run all" always works.

    ``needs`` names what the lesson cannot do without and not every testbed has: ``"ipvlan"``, ``"vlan"``, ``"host2"``
    and the like. Where the kernel of this machine lacks it, the lab starts on a testbed that has a kernel of its own.
    """

    def __init__(self, lesson: str, *, needs: Sequence[str] = ()) -> None:
        if not isinstance(lesson, str) or not LESSON_NAME.fullmatch(lesson):
            raise LessonError(
                f"{lesson!r} cannot name a lesson.",
                hint="use small letters, digits and _, for example '03_bridge'.",
            )
        self.lesson = lesson
        self.needs = testbed.read_needs(needs)
        self.script: list[str] = []
        self._bed: testbed.Testbed | None = None
        self._doors: dict[tuple[str, int], testbed.OpenPort] = {}

    def __repr__(self) -> str:
        if self._bed is None:
            return f"Lab {self.lesson}, not started"
        hosts = ("host1", *(need for need in self.needs if need in self._bed.hosts))
        return f"Lab {self.lesson} is ready on {' and '.join(hosts)}"

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

        A testbed that this starts lives as long as the Jupyter server, or else until ``dockernet down``. One that runs
        and lacks what the lab needs is ended, where nothing but this lab's is on it, and one that has it is started; a
        line says so.

        Raises ``NoTestbed`` where no testbed can run here, or none that has what the lab needs.
        """
        owner = int(os.environ.get("JPY_PARENT_PID", "0")) or None
        why = print if self.needs else lambda _: None
        try:
            self._bed = testbed.up(owner=owner, needed=self.needs, may_end=self._refuse_to_end, why=why)
        except (NoTestbed, BuildFailed) as error:
            raise NotLive(error) from error
        self._close_doors()
        self._sweep()
        tidy.begin(self._bed)
        self.script.clear()
        return self

    def need(self, need: str) -> None:
        """Have one thing more: ``lab.need("host2")`` starts a second machine with an engine of its own.

        Raises ``LessonError`` where the testbed does not have it, and cannot be changed under a lab that runs.
        """
        if self.bed.lacks(testbed.read_needs(need)):
            raise LessonError(
                f"The testbed has no {need} (it runs on the carrier {self.bed.carrier.name}).",
                hint=f"name it before the start: `Lab({self.lesson!r}, needs=({need!r},)).start()`.",
            )
        self.needs = testbed.read_needs((*self.needs, need))
        tidy.joined(self.bed)

    def _refuse_to_end(self, bed: testbed.Testbed) -> None:
        """Refuse to end a testbed that holds anything but what is this lab's."""
        records = [record for engine in bed.engines() for record in engine.containers()]
        others = [record for record in records if record.labels.get(LESSON) != self.lesson]
        if others:
            who = {record.labels.get(LESSON) for record in others}
            whose = listed(sorted(lesson for lesson in who if lesson)) if who != {None} else "somebody"
            raise LessonError(
                f"Lab {self.lesson} needs {listed(self.needs)}, which the testbed that runs lacks; another could be"
                f" started, but on this one is still {listed([record.name for record in others])} of {whose}.",
                hint="close the other lab (`lab.close()` there, or `dockernet clean`), then start this one again.",
            )

    def network(
        self,
        name: str,
        *,
        driver: Driver = "bridge",
        subnet: str | Sequence[str] | None = None,
        gateway: str | Sequence[str] | None = None,
        ip_range: str | None = None,
        ipv6: bool | None = None,
        internal: bool = False,
        attachable: bool | None = None,
        parent: str | None = None,
        mode: str | None = None,
        mtu: int | None = None,
        icc: bool | None = None,
        masquerade: bool | None = None,
        published_at: str | None = None,
        options: Mapping[str, str] | None = None,
        host: str = "host1",
    ) -> Network:
        """Make a Docker network, as ``docker network create`` does; the same call again gives the same network.

        A bridge network's interface is called ``br-`` and the network's name, where that fits into the 15 letters of an
        interface name (Docker's own choice is ``br-`` and the start of the network's id).

        >>> lab.network("shop", subnet="172.30.0.0/24").bridge
        'br-shop'

        ``subnet`` is one, or one of IPv4 and one of IPv6; ``ip_range`` the part that Docker hands out. A macvlan or
        ipvlan hangs on the ``parent``, an interface of the host such as ``"eth0"`` or its VLAN ``"eth0.50"``, in a
        ``mode`` of its driver; on the LAN, 192.0.2.0/24, its gateway is the router unless it is given. An overlay needs
        ``lab.swarm()`` first; containers can be attached to it unless ``attachable=False``. On a bridge ``icc=False``
        keeps containers apart, ``masquerade=False`` leaves their addresses as they are, and ``published_at`` is the
        host's address to publish ports at. ``mtu`` is in bytes; ``options`` are further ones of the driver, by their
        full names.

        Raises ``LessonError``: an unknown driver, a subnet that is none or overlaps another, a name that is taken.
        """
        plan = read_network(
            name,
            driver=driver,
            subnet=subnet,
            gateway=gateway,
            ip_range=ip_range,
            ipv6=ipv6,
            internal=internal,
            attachable=attachable,
            parent=parent,
            mode=mode,
            mtu=mtu,
            icc=icc,
            masquerade=masquerade,
            published_at=published_at,
            options=options,
        )
        engine = engine_of(self.bed, host)
        if parent is not None:
            check_parent(parent, host, self.bed.run(host, ["ip", "-json", "-details", "address", "show"]).stdout)
        if driver == "overlay" and not engine.manages_swarm():
            raise LessonError(
                f"{host} is in no swarm that it manages: an overlay network needs one.",
                hint="run `lab.swarm()` first: it joins host1 and host2 into one.",
            )
        network, made = make_network(engine, self.lesson, plan)
        if made:
            self._note(host, docker_commands.create_network(plan))
        return network

    def swarm(self, *hosts: str) -> str:
        """Join hosts into one swarm until the lab is closed, as ``docker swarm init`` and ``join`` do: by default both.

        The first host manages it. Called again it changes nothing.

        >>> lab.swarm()
        'host1 manages a swarm of host1 and host2'

        Raises ``LessonError`` where a host is in a swarm that is not this lab's.
        """
        hosts = hosts or ("host1", "host2")
        for host in hosts:
            if host not in ("host1", *self.needs):
                self.need(host)
        manager, *workers = (engine_of(self.bed, host) for host in hosts)
        for host, line in join_swarm(manager, workers, self.lesson):
            self._note(host, line)
        return f"{manager.host} manages a swarm of {' and '.join(each.host for each in (manager, *workers))}"

    def container(
        self,
        name: str,
        *,
        on: On = "bridge",
        ip: str | None = None,
        ip6: str | None = None,
        mac: str | None = None,
        aliases: Sequence[str] = (),
        hostname: str | None = None,
        publish: Mapping[int | str, int | str] | None = None,
        publish_all: bool = False,
        expose: Sequence[int | str] = (),
        links: Mapping[str, str] | None = None,
        hosts: Mapping[str, str] | None = None,
        dns: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        capabilities: Sequence[str] = (),
        sysctls: Mapping[str, str] | None = None,
        command: Sequence[str] | str | None = None,
        image: str = "lesson",
        host: str | None = None,
    ) -> Container:
        """Start one container; see :meth:`containers` for what several can have, too.

        ``ip``, ``ip6`` and ``mac`` are the container's own addresses, ``aliases`` further names, on the network.
        ``hostname`` is what it calls itself, its name unless given. ``publish_all`` publishes all ports that it or its
        image exposes, at ports that Docker chooses. ``hosts`` are further lines of its hosts file, name to address,
        ``dns`` the name servers to ask, ``sysctls`` settings of its network namespace.
        """
        where, at = find_where(self.bed, self.lesson, on, host)
        plan = read_container(
            name,
            where,
            ip=ip,
            ip6=ip6,
            mac=mac,
            aliases=aliases,
            hostname=hostname,
            publish=publish,
            publish_all=publish_all,
            expose=expose,
            links=links,
            hosts=hosts,
            dns=dns,
            env=env,
            capabilities=capabilities,
            sysctls=sysctls,
            command=command,
            image=image,
        )
        return self.make(where, at, {name: plan})[0]

    def containers(
        self,
        *names: str,
        on: On = "bridge",
        publish: Mapping[int | str, int | str] | None = None,
        links: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        capabilities: Sequence[str] = (),
        command: Sequence[str] | str | None = None,
        image: str = "lesson",
        host: str | None = None,
    ) -> tuple[Container, ...]:
        """Start containers, as ``docker run --detach`` does; they get their addresses in the order of their names here.

        ``on`` is a network or its name, a list of several, or another container, whose network they share. ``publish``
        maps a port of the host to a port of the container: ``{8080: 80, "127.0.0.1:8081": 80, "8053/udp": 53}``.
        ``links`` maps another container's name to what it shall be called, ``env`` names to values; a capability is
        such as ``"NET_ADMIN"``. ``host`` is the host to start them on, where a network is on several. Without
        ``command`` the container serves a web page on port 80 that says its own name and the caller's address.

        Called again with the same arguments it gives the containers that run; called with others it replaces them.
        Where one container cannot be started, none of this call is left.

        Raises ``LessonError``: a name that is taken, a network or image that does not exist, a port in use.
        """
        where, at = find_where(self.bed, self.lesson, on, host)
        plans = {
            name: read_container(
                name,
                where,
                publish=publish,
                links=links,
                env=env,
                capabilities=capabilities,
                command=command,
                image=image,
            )
            for name in names
        }
        return self.make(where, at, plans)

    def make(
        self,
        where: Where,
        host: str,
        plans: dict[str, ContainerPlan],
        *,
        started: Callable[[Sequence[ContainerRecord]], object] = lambda _: None,
    ) -> tuple[Container, ...]:
        """Start containers of plans that were read already: what ``container`` and ``containers`` have in common.

        ``started`` hears of those that were made as soon as they run, before their pages and names are waited for.
        """
        for name in plans:
            check_name(name, "container")
            for other in self.bed.engines():
                if other.host != host and other.container(name):
                    raise LessonError(
                        f"A container called {name} exists on {other.host} already.",
                        hint="choose another name: in a lab every container is told by its name.",
                    )
        engine = engine_of(self.bed, host)
        kept, made = make_containers(engine, self.lesson, plans)
        for name in made:
            for line in docker_commands.run(name, plans[name]):
                self._note(host, line)
        records = [record for identity in made.values() if (record := engine.container(identity))]
        started(records)
        await_pages(self.bed, plans, records)
        for network in (where.network, *where.further):
            if made and network is not None and network.driver == "overlay":
                await_names(self.bed, network.name, made)
        found = {**kept, **made}
        return tuple(Container(name, host, found[name]) for name in plans)

    def stop(self, container: Container | str) -> None:
        """Stop a container, as ``docker stop`` does: its network namespace ends with it."""
        self._do("stop", container)

    def start_again(self, container: Container | str) -> None:
        """Start a container that was stopped, as ``docker start`` does."""
        self._do("start", container)

    def restart(self, container: Container | str) -> None:
        """Stop a container and start it, as ``docker restart`` does."""
        self._do("restart", container)

    def _do(self, what: str, container: Container | str) -> None:
        who = find_container(self.bed, self.lesson, container)
        engine = engine_of(self.bed, who.host)
        {"stop": engine.stop_container, "start": engine.start_container, "restart": engine.restart_container}[what](
            who.id
        )
        self._note(who.host, f"docker {what} {who.name}")

    def connect(self, container: Container | str, network: Network | str, *, aliases: Sequence[str] = ()) -> None:
        """Connect a container to one more network, as ``docker network connect`` does; nothing happens where it is."""
        who, where = find_container(self.bed, self.lesson, container), find_network(self.bed, network)
        engine = engine_of(self.bed, who.host)
        record = engine.container(who.id)
        if record and where.name in record.addresses:
            return
        engine.connect(who.id, where.name, aliases=aliases)
        flags = "".join(f"--alias {alias} " for alias in aliases)
        self._note(who.host, f"docker network connect {flags}{where.name} {who.name}")
        if where.driver == "overlay":
            await_names(self.bed, where.name, [who.name])

    def disconnect(self, container: Container | str, network: Network | str) -> None:
        """Disconnect a container from a network, as ``docker network disconnect`` does."""
        who, where = find_container(self.bed, self.lesson, container), find_network(self.bed, network)
        engine_of(self.bed, who.host).disconnect(who.id, where.name)
        self._note(who.host, f"docker network disconnect {where.name} {who.name}")

    def remove(self, *things: Container | Network) -> None:
        """Remove containers or networks of this lab."""
        for thing in things:
            if not isinstance(thing, Container | Network):
                raise LessonError(f"{thing!r} cannot be removed.", hint="give what lab.container or lab.network gave.")
            engine = engine_of(self.bed, thing.host)
            if isinstance(thing, Container):
                engine.remove_container(thing.id)
            else:
                refuse_in_use(engine, thing.name)
                engine.remove_network(thing.name)
            what = "rm --force" if isinstance(thing, Container) else "network rm"
            self._note(thing.host, f"docker {what} {thing.name}")

    def running(self) -> dict[str, Container]:
        """Give the containers of this lab that run, by name."""
        label = f"{LESSON}={self.lesson}"
        found = [record for engine in self.bed.engines() for record in engine.containers(label) if record.pid]
        return {record.name: Container(record.name, record.host, record.id) for record in found}

    def networks(self, host: str = "host1") -> Table[Network]:
        """Give the Docker networks of a host, the predefined ones included."""
        return Table(
            engine_of(self.bed, host).networks(),
            columns={
                "network": lambda network: network.name,
                "driver": lambda network: network.driver,
                "subnet": lambda network: " ".join(str(subnet) for subnet in network.subnets),
                "interface": lambda network: network.bridge,
            },
            command="docker network ls",
            at=host,
        )

    def open_port(self, port: int, *, host: str = "host1", at: int | None = None) -> testbed.OpenPort:
        """Make a published port of a host reachable from this machine, on 127.0.0.1 only, until the lab is closed.

        It has the same number here where that is free, else another; ``at`` asks for one and no other.

        >>> lab.container("page", publish={8081: 80})
        <container page on host1>
        >>> lab.open_port(8081, at=48081)
        port 8081 of host1: http://127.0.0.1:48081

        Raises ``LessonError``: nothing listens on that port inside, or the port here is in use.
        """
        check_port(port)
        if at is not None:
            check_port(at)
        engine_of(self.bed, host)
        door = self._doors.get((host, port))
        if door is None or (at is not None and not door.url.endswith(f":{at}")):
            opened = testbed.OpenPort(self.bed, host, port, at=at)
            if door is not None:
                door.close()
            door = self._doors[host, port] = opened
        return door

    def _close_doors(self) -> None:
        while self._doors:
            self._doors.popitem()[1].close()

    def close(self) -> Closed:
        """Remove everything of this lab, and make sure that nothing is left. Closing twice is fine.

        Raises ``LessonError`` where something could not be removed.
        """
        self._close_doors()
        if self._bed is None:
            return Closed(self.lesson, "nothing was left of it.")
        if not self._bed.alive():
            self._bed = None
            return Closed(self.lesson, "its testbed has gone, and everything with it.")
        containers, networks = self._sweep()
        if any(self._sweep()):
            raise LessonError(f"Something made more for lab {self.lesson} while it was closed.", hint="close it again.")
        tidy.end(self._bed)
        self._bed = None
        removed = f"{_count(containers, 'container')} and {_count(networks, 'network')}"
        return Closed(self.lesson, f"{removed} removed, nothing of it is left.")

    def _sweep(self) -> tuple[int, int]:
        return sweep(tuple(self.bed.engines()), self.lesson)

    def _note(self, host: str, line: str) -> None:
        """Put a docker command into the script, as it is typed on host1."""
        self.script.append(docker_commands.on_host(host, line))


class Closed:
    """What became of a lab that was closed."""

    def __init__(self, lesson: str, outcome: str) -> None:
        self.lesson = lesson
        self.outcome = outcome

    def __repr__(self) -> str:
        return f"Lab {self.lesson} is closed: {self.outcome}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
