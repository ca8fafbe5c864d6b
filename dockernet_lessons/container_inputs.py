"""The containers a learner may ask a lab for, read into a plan: each refusal says what is wrong and what is allowed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Address, Container, Network
from dockernet_lessons.inputs import NAME, check_mapping, listed, read_address, similar
from dockernet_lessons.network_inputs import TAKEN_ON_LAN
from dockernet_lessons.plans import ContainerPlan, Pairs
from dockernet_lessons.port_inputs import read_port, read_publish

PREDEFINED = ("bridge", "host", "none")
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SYSCTL = re.compile(r"net(\.[A-Za-z0-9_-]+)+")
CAPABILITIES = ("NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "SYS_ADMIN")
"""Those that have to do with networks. Source: capabilities(7)."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where a container is to be: on a network, on further ones, or in the namespace of another container."""

    network: Network | None
    further: tuple[Network, ...] = ()
    shared: Container | None = None

    @property
    def mode(self) -> str:
        """What ``docker run --network`` takes."""
        return f"container:{self.shared.name}" if self.shared else self.network.name if self.network else "none"


def read_container(
    name: str,
    where: Where,
    *,
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
) -> ContainerPlan:
    """Read what ``lab.container`` was asked for; see there.

    Raises ``LessonError`` where Docker would not have it.
    """
    plan = ContainerPlan(
        network=where.mode,
        further=tuple(network.name for network in where.further),
        image=image,
        command=_command(command),
        hostname=_hostname(hostname, where, name),
        ip=_ip(ip, 4, where),
        ip6=_ip(ip6, 6, where),
        mac=_mac(mac, where),
        aliases=_aliases(aliases, where),
        publish=read_publish(publish),
        publish_all=bool(publish_all),
        expose=tuple(read_port(each) for each in _listed(expose, "expose", '[80, "53/udp"]')),
        links=_pairs(links, "links", '{"db": "database"}'),
        hosts=tuple(
            (host, str(read_address(at, "hosts"))) for host, at in _pairs(hosts, "hosts", '{"db": "172.30.0.3"}')
        ),
        dns=tuple(read_address(each, "dns") for each in _listed(dns, "dns", '["192.0.2.254"]')),
        env=_env(env),
        capabilities=tuple(_capability(each) for each in _listed(capabilities, "capabilities", '["NET_ADMIN"]')),
        sysctls=_sysctls(sysctls, where),
    )
    _check_shared(plan, where, hostname)
    return plan


def _check_shared(plan: ContainerPlan, where: Where, hostname: str | None) -> None:
    """Refuse what belongs to the namespace, for a container that lives in another one's."""
    if where.shared is None:
        return
    refused = {
        "publish": plan.publish or plan.publish_all,
        "expose": plan.expose,
        "links": plan.links,
        "hosts": plan.hosts,
        "dns": plan.dns,
        "hostname": hostname,
        "sysctls": plan.sysctls,
    }
    for option, given in refused.items():
        if given:
            raise LessonError(
                f"A container in the network of {where.shared.name} cannot have {option} of its own.",
                hint=f"give {option} to {where.shared.name}: it owns the network that both share.",
            )


def _listed(value: object, option: str, example: str) -> tuple[object, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise LessonError(f"{option}={value!r} is no list.", hint=f"write {option}={example}.")
    return tuple(value)


def _pairs(value: Mapping[str, str] | None, option: str, example: str) -> Pairs:
    check_mapping(value or {}, option, example)
    return tuple((str(key), str(entry)) for key, entry in (value or {}).items())


def _command(command: Sequence[str] | str | None) -> tuple[str, ...] | None:
    words = shlex.split(command) if isinstance(command, str) else command
    return tuple(str(word) for word in words) if words else None


def _hostname(hostname: str | None, where: Where, name: str) -> str | None:
    """Give a container its own name as host name, but where it has its host's or another container's."""
    if hostname is not None and (not isinstance(hostname, str) or not NAME.fullmatch(hostname)):
        raise LessonError(f"{hostname!r} cannot be a host name.", hint="use letters, digits, . and -.")
    keeps_the_hosts = where.network is not None and where.network.driver == "host"
    return hostname or (None if where.shared or keeps_the_hosts else name)


def _ip(text: str | None, version: int, where: Where) -> Address | None:
    """Read an address of a container's own: of a subnet of its network, and of nobody else."""
    if text is None:
        return None
    option = "ip" if version == 4 else "ip6"
    address = read_address(text, option)
    if address.version != version:
        raise LessonError(
            f"{address} is an address of IPv{address.version}.", hint=f"write {'ip6' if version == 4 else 'ip'}=..."
        )
    network = _user_defined(where, option)
    inside = [subnet for subnet in network.subnets if subnet.version == version and address in subnet]
    if not inside:
        subnets = listed(str(subnet) for subnet in network.subnets if subnet.version == version)
        raise LessonError(
            f"{address} is in no subnet of the network {network.name}.",
            hint=f"choose one of {subnets}." if subnets else f"make the network with a subnet of IPv{version}.",
        )
    if version == 4 and address in (inside[0].network_address, inside[0].broadcast_address):
        raise LessonError(f"{address} names all of {inside[0]}, nobody in it.", hint="choose one in between.")
    if address in TAKEN_ON_LAN:
        raise LessonError(f"{address} is the address of {TAKEN_ON_LAN[address]}.", hint="choose another.")
    return address


def _user_defined(where: Where, option: str) -> Network:
    """Give the network, where it is one that a learner made: the predefined ones have none of these options."""
    if where.network is None or where.network.name in PREDEFINED:
        raise LessonError(
            f"On {where.mode!r} a container cannot have {option}.",
            hint=f"make a network of your own, lab.network(...): {option} works there.",
        )
    return where.network


def _mac(mac: str | None, where: Where) -> str | None:
    if mac is None:
        return None
    if not isinstance(mac, str) or not MAC.fullmatch(mac.lower()):
        raise LessonError(f"{mac!r} is not a MAC address.", hint='write it like "02:00:00:00:00:2a".')
    if int(mac[:2], 16) & 1:
        raise LessonError(f"{mac} is a MAC address of a group.", hint="its first byte has to be even: 02, for example.")
    if where.shared or (where.network and where.network.driver in ("host", "none", "ipvlan")):
        why = "it has the MAC address of its parent" if where.mode not in ("host", "none") else "it has no interface"
        raise LessonError(f"On {where.mode!r} a container has no MAC address of its own: {why}.", hint="leave it out.")
    return mac.lower()


def _aliases(aliases: Sequence[str], where: Where) -> tuple[str, ...]:
    names = tuple(str(each) for each in _listed(aliases, "aliases", '["db"]'))
    if names:
        _user_defined(where, "aliases")
    for each in names:
        if not NAME.fullmatch(each):
            raise LessonError(f"{each!r} cannot be an alias.", hint="use letters, digits, _, . and -.")
    return names


def _env(env: Mapping[str, str] | None) -> Pairs:
    pairs = _pairs(env, "env", '{"PORT": "81"}')
    for name, _ in pairs:
        if not ENV_NAME.fullmatch(name):
            raise LessonError(
                f"{name!r} cannot name an environment variable.", hint="use letters, digits and _, not a digit first."
            )
    return pairs


def _capability(name: object) -> str:
    wanted = str(name).upper().removeprefix("CAP_")
    if wanted not in CAPABILITIES:
        raise LessonError(
            f"{name!r} is no capability that a lesson needs.",
            hint=f"there are {listed(CAPABILITIES)}.{similar(wanted, CAPABILITIES)}",
        )
    return wanted


def _sysctls(sysctls: Mapping[str, str] | None, where: Where) -> Pairs:
    pairs = _pairs(sysctls, "sysctls", '{"net.ipv4.ip_forward": "0"}')
    for name, _ in pairs:
        if not SYSCTL.fullmatch(name):
            raise LessonError(
                f"A container has no setting {name!r} of its own.", hint="those whose names begin with net. it has."
            )
    if pairs and where.network and where.network.driver == "host":
        raise LessonError(
            "On the network 'host' a container has its host's settings.",
            hint="leave sysctls out, or choose another network.",
        )
    return pairs
