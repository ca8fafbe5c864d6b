"""The docker commands that make what a lab makes, for use outside the course."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from dockernet_lessons.plans import ContainerPlan, NetworkPlan


def create_network(plan: NetworkPlan) -> str:
    """Give the command that makes a network.

    >>> from ipaddress import ip_network
    >>> create_network(NetworkPlan("shop", subnets=(ip_network("172.30.0.0/24"),)))
    'docker network create --driver bridge --subnet 172.30.0.0/24 shop'
    """
    words = ["docker", "network", "create", "--driver", plan.driver]
    words += ["--ipv6"] if plan.ipv6 else []
    words += _each("--subnet", plan.subnets)
    words += _each("--ip-range", [plan.ip_range] if plan.ip_range else [])
    words += _each("--gateway", plan.gateways)
    words += ["--internal"] if plan.internal else []
    words += ["--attachable"] if plan.attachable else []
    words += _each("--opt", [f"{key}={value}" for key, value in plan.options])
    return shlex.join([*words, plan.name])


def run(name: str, plan: ContainerPlan) -> list[str]:
    """Give the commands that make and start a container, and connect it to its further networks.

    >>> from dockernet_lessons.plans import Port, Published
    >>> run("web", ContainerPlan(network="shop", hostname="web", publish=(Published(8080, Port(80)),)))
    ['docker run --detach --name web --hostname web --network shop --publish 8080:80 lesson']
    """
    words = ["docker", "run", "--detach", "--name", name]
    words += _each("--hostname", [plan.hostname] if plan.hostname else [])
    words += ["--network", plan.network] if plan.network != "bridge" else []
    words += _each("--ip", [plan.ip] if plan.ip else [])
    words += _each("--ip6", [plan.ip6] if plan.ip6 else [])
    words += _each("--mac-address", [plan.mac] if plan.mac else [])
    words += _each("--network-alias", plan.aliases)
    words += _each("--publish", plan.publish)
    words += ["--publish-all"] if plan.publish_all else []
    words += _each("--expose", plan.expose)
    words += _each("--link", [f"{other}:{alias}" for other, alias in plan.links])
    words += _each("--add-host", [f"{host}:{address}" for host, address in plan.hosts])
    words += _each("--dns", plan.dns)
    words += _each("--env", [f"{key}={value}" for key, value in plan.env])
    words += _each("--cap-add", plan.capabilities)
    words += _each("--sysctl", [f"{key}={value}" for key, value in plan.sysctls])
    further = [f"docker network connect {network} {name}" for network in plan.further]
    return [shlex.join([*words, plan.image, *(plan.command or ())]), *further]


def on_host(host: str, line: str) -> str:
    """Give what to type on host1 for a docker command that is another host's.

    >>> on_host("host1", "docker ps"), on_host("host2", "docker ps")
    ('docker ps', 'docker --host unix:///run/testbed/host2.sock ps')
    """
    if host == "host1":
        return line
    return line.replace("docker ", f"docker --host unix:///run/testbed/{host}.sock ", 1)


def _each(option: str, values: Iterable[object]) -> list[str]:
    return [word for value in values for word in (option, str(value))]
