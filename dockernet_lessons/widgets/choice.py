"""What a learner chose in the launcher, read against what is there: an order to carry out, or what is wrong where.

Each field is read by the very readers that the library uses, so it refuses in the same words. Asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dockernet_lessons import docker_commands
from dockernet_lessons.container_inputs import Where, read_container
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Listener, Network
from dockernet_lessons.inputs import check_name, listed, read_subnet, similar
from dockernet_lessons.network_inputs import MODES, check_free, check_interface, read_network
from dockernet_lessons.plans import Published
from dockernet_lessons.port_inputs import read_publish

NEW = "a new network"
NAMES = ("web", "db", "cache", "mail", "shop", "blog", "queue", "search")
"""Names of containers to propose."""


@dataclass(frozen=True, slots=True)
class World:
    """What is on a host, as far as a new container may clash with it.

    ``containers`` are the names of all hosts' containers, each with what it is to this lab; ``addresses`` tells whose
    an address is; ``unusable`` tells of drivers what keeps them from being used.
    """

    host: str = "host1"
    networks: tuple[Network, ...] = ()
    containers: Mapping[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ("lesson",)
    listeners: tuple[Listener, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    interfaces: tuple[str, ...] = ("eth0",)
    unusable: Mapping[str, LessonError] = field(default_factory=dict)

    def of_driver(self, driver: str) -> list[str]:
        """Name the networks of a driver that a container can be on."""
        hidden = ("docker_gwbridge", "ingress")
        return [each.name for each in self.networks if each.driver == driver and each.name not in hidden]

    def free_name(self) -> str:
        """Propose a name that no container has."""
        more = (f"web{number}" for number in range(2, 1000))
        return next(name for name in (*NAMES, *more) if name not in self.containers)

    def free_network_name(self) -> str:
        """Propose a name that no network has."""
        taken = {network.name for network in self.networks}
        more = (f"net{number}" for number in range(2, 1000))
        return next(name for name in ("shop", "front", "back", *more) if name not in taken)

    def free_subnet(self) -> str:
        """Propose a subnet that overlaps no other network's."""
        used = [subnet for network in self.networks for subnet in network.subnets if subnet.version == 4]
        wanted = (read_subnet(f"172.30.{number}.0/24") for number in range(256))
        return str(next((each for each in wanted if not any(each.overlaps(other) for other in used)), ""))


@dataclass(frozen=True, slots=True)
class Choice:
    """What is in the fields of the launcher, as it was typed. ``network`` is a name, or ``NEW``."""

    driver: str = "bridge"
    network: str = "bridge"
    new_name: str = ""
    subnet: str = ""
    parent: str = ""
    mode: str = ""
    ip_range: str = ""
    internal: bool = False
    name: str = "web"
    image: str = "lesson"
    ip: str = ""
    publish: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What to make: the arguments for ``lab.network``, where one is new, and for ``lab.container``.

    ``docker`` and ``python`` are the lines to type for the same.
    """

    network: Mapping[str, Any] | None
    container: Mapping[str, Any]
    docker: tuple[str, ...]
    python: tuple[str, ...]


class Reader:
    """Collects what is wrong, by field: the first complaint of each."""

    def __init__(self) -> None:
        self.problems: dict[str, LessonError] = {}

    def read(self, name: str, act: Callable[[], Any]) -> Any:
        """Read something for a field; ``None`` where it cannot be."""
        try:
            return act()
        except LessonError as error:
            self.problems.setdefault(name, error)
            return None


def read(choice: Choice, world: World) -> tuple[Order | None, dict[str, LessonError]]:
    r"""Read a choice: the order where all is well, and what is wrong, by the name of the field.

    >>> order, problems = read(Choice(publish="8080:80"), World(networks=(Network("bridge", "bridge", "host1"),)))
    >>> print(*order.docker, *order.python, sep="\n")
    docker run --detach --name web --hostname web --publish 8080:80 lesson
    lab.container("web", publish={8080: 80})
    """
    reader = Reader()
    if choice.driver in world.unusable:
        reader.problems["driver"] = world.unusable[choice.driver]
    asked, plan = _network(choice, world, reader) if choice.network == NEW else (None, None)
    where = Where(_where(choice, world, plan))
    reader.read("name", lambda: _check_container(choice.name, world))
    reader.read("image", lambda: _check_image(choice.image, world))
    wanted: dict[str, Any] = {"image": choice.image}
    if choice.ip:
        wanted["ip"] = choice.ip
        reader.read("ip", lambda: read_container("web", where, ip=choice.ip))
        reader.read("ip", lambda: _check_address(choice.ip, world))
    if choice.publish:
        wanted["publish"] = reader.read("publish", lambda: read_ports(choice.publish))
        reader.read("publish", lambda: _check_ports(read_publish(wanted["publish"]), world))
    if reader.problems:
        return None, reader.problems
    made = read_container(choice.name, where, **wanted)
    lines = [docker_commands.create_network(plan)] if plan else []
    lines += docker_commands.run(choice.name, made)
    on = where.network.name if where.network else "bridge"
    there = {"host": world.host} if world.host != "host1" else {}
    container = {"name": choice.name, "on": on, **wanted, **there}
    network = {**asked, **there} if asked else None
    typed = [_typed("lab.network", network, {"driver": "bridge"})] if network else []
    typed.append(_typed("lab.container", container, {"on": "bridge", "image": "lesson"}))
    docker = tuple(docker_commands.on_host(world.host, line) for line in lines)
    return Order(network, container, docker, tuple(typed)), {}


def _network(choice: Choice, world: World, reader: Reader) -> tuple[dict[str, Any], Any]:
    """Read the fields of a new network one after the other, so that each complaint is its own field's."""
    asked: dict[str, Any] = {"name": choice.new_name or " ", "driver": choice.driver}
    reader.read("new_name", lambda: _check_network_name(choice.new_name, world))
    more: dict[str, Any] = {}
    if choice.driver in MODES:
        parent = choice.parent or "eth0"
        reader.read("parent", lambda: check_interface(parent, world.host, world.interfaces))
        more |= {"parent": parent} | ({"mode": choice.mode} if choice.mode else {})
    if choice.subnet:
        reader.read("subnet", lambda: read_subnet(choice.subnet))
        more["subnet"] = choice.subnet
    if choice.ip_range and choice.driver in MODES:
        reader.read("ip_range", lambda: read_subnet(choice.ip_range))
        more["ip_range"] = choice.ip_range
    if choice.internal:
        more["internal"] = True
    if reader.problems.keys() - {"driver"}:
        return asked, None
    plan = reader.read("ip_range" if choice.driver in MODES else "subnet", lambda: _plan({**asked, **more}))
    if plan:
        reader.read("subnet", lambda: check_free(plan, world.networks))
    return {**asked, **more}, plan


def _plan(asked: Mapping[str, Any]) -> Any:
    options = ("subnet", "gateway", "ip_range", "ipv6", "attachable", "parent", "mode", "mtu", "icc", "masquerade")
    nothing = dict.fromkeys((*options, "published_at", "options"))
    return read_network(**{**nothing, "internal": False, **asked})


def _where(choice: Choice, world: World, plan: Any) -> Network | None:
    if plan is not None:
        return Network(plan.name, plan.driver, world.host, plan.subnets)
    return next((each for each in world.networks if each.name == choice.network), None)


def _check_network_name(name: str, world: World) -> None:
    check_name(name, "network")
    if any(each.name == name for each in world.networks):
        raise LessonError(f"A network called {name} exists on {world.host} already.", hint="choose another name.")


def _check_container(name: str, world: World) -> None:
    check_name(name, "container")
    if name in world.containers:
        raise LessonError(
            f"A container called {name} exists already, {world.containers[name]}.",
            hint=f"choose another name, for example {world.free_name()}.",
        )


def _check_image(image: str, world: World) -> None:
    if image.removesuffix(":latest") not in world.images:
        known = listed(world.images)
        raise LessonError(
            f"{world.host} has no image called {image!r}.",
            hint=f"it has {known}; the testbed reaches no registry.{similar(image, world.images)}",
        )


def _check_address(ip: str, world: World) -> None:
    if ip in world.addresses:
        raise LessonError(
            f"{ip} is the address of {world.addresses[ip]}.", hint="choose another, or leave it to Docker."
        )


def read_ports(text: str) -> dict[int | str, int | str]:
    """Read published ports as ``docker run --publish`` takes them, separated by commas.

    >>> read_ports("8080:80, 8053:53/udp, 127.0.0.1:8081:80")
    {8080: 80, '8053/udp': 53, '127.0.0.1:8081': 80}

    Raises ``LessonError`` where one does not say what leads to what.
    """
    found: dict[int | str, int | str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        outer, colon, inner = part.rpartition(":")
        if not colon or not outer:
            raise LessonError(
                f"{part!r} does not say what leads to what.",
                hint="write the host's port, a colon and the container's, for example 8080:80; separate by commas.",
            )
        number, _, protocol = inner.partition("/")
        key = f"{outer}/{protocol}" if protocol not in ("", "tcp") else outer
        if (_number(key)) in found:
            raise LessonError(f"The port {outer} is published twice.", hint="choose another for one of the two.")
        found[_number(key)] = _number(number)
    read_publish(found)
    return found


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _check_ports(wanted: tuple[Published, ...], world: World) -> None:
    """Refuse a port of the host at which something listens already, or another container is published."""
    for each in wanted:
        for other in world.listeners:
            same = (other.port, other.protocol) == (each.outer, each.inner.protocol)
            if same and (each.address is None or other.address.is_unspecified or other.address == each.address):
                raise LessonError(
                    f"The port {each.outer} of {world.host} is in use by {other.process or 'a program'}.",
                    hint="choose another, 1 to 65535: the host's port is the one before the colon.",
                )


def _typed(call: str, arguments: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    """Give a call as one would type it, without what is usual."""
    name, *rest = arguments.items()
    words = [_text(name[1]), *(f"{key}={_text(value)}" for key, value in rest if usual.get(key) != value)]
    return f"{call}({', '.join(words)})"


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)}: {_text(entry)}" for key, entry in value.items()) + "}"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(value, str) else repr(value)
