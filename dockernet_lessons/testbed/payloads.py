"""Plans, as the engine's API wants to be asked. Asks nothing itself."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from dockernet_lessons.facts import Subnet
from dockernet_lessons.plans import ContainerPlan, NetworkPlan

MAC_OF_ENDPOINT = (1, 44)
"""Since this version of the API a MAC address belongs to an endpoint. Source: Docker Engine API version history."""


def network(plan: NetworkPlan) -> dict[str, Any]:
    """Give the arguments that make a network."""
    from docker.types import IPAMConfig, IPAMPool  # noqa: PLC0415  # only where an engine is asked

    pools = [
        IPAMPool(
            subnet=str(subnet),
            iprange=str(plan.ip_range) if plan.ip_range and within(plan.ip_range, subnet) else None,
            gateway=next((str(gateway) for gateway in plan.gateways if gateway in subnet), None),
        )
        for subnet in plan.subnets
    ]
    return {
        "driver": plan.driver,
        "options": dict(plan.options),
        "ipam": IPAMConfig(pool_configs=pools) if pools else None,
        "internal": plan.internal,
        "enable_ipv6": plan.ipv6,
        "attachable": plan.attachable or None,
    }


def port_bindings(plan: ContainerPlan) -> dict[str, list[dict[str, str]]]:
    """Give the ports that a container publishes, as its host's configuration has them.

    They are no argument of the SDK's: it refuses them on the network ``host``, where the engine ignores them.

    >>> from dockernet_lessons.plans import Port, Published
    >>> port_bindings(ContainerPlan(network="host", publish=(Published(8080, Port(80)),)))
    {'80/tcp': [{'HostIp': '', 'HostPort': '8080'}]}
    """
    bindings: dict[str, list[dict[str, str]]] = {}
    for each in plan.publish:
        binding = {"HostIp": str(each.address or ""), "HostPort": str(each.outer)}
        bindings.setdefault(f"{each.inner.number}/{each.inner.protocol}", []).append(binding)
    return bindings


def host_config(plan: ContainerPlan) -> dict[str, Any]:
    """Give the arguments of what a container gets from its host, but for its ports."""
    return {
        "network_mode": plan.network,
        "publish_all_ports": plan.publish_all,
        "links": dict(plan.links),
        "extra_hosts": dict(plan.hosts),
        "dns": [str(address) for address in plan.dns],
        "cap_add": list(plan.capabilities),
        "sysctls": dict(plan.sysctls),
    }


def container(plan: ContainerPlan, version: tuple[int, ...]) -> dict[str, Any]:
    """Give the arguments of the container itself; ``version`` is that of the API."""
    ports = {(port.number, port.protocol): None for port in (*(each.inner for each in plan.publish), *plan.expose)}
    return {
        "image": plan.image,
        "hostname": plan.hostname,
        "command": list(plan.command) if plan.command else None,
        "environment": dict(plan.env) or None,
        "ports": list(ports) or None,
        "mac_address": plan.mac if version < MAC_OF_ENDPOINT else None,
    }


def endpoint(plan: ContainerPlan, version: tuple[int, ...]) -> dict[str, Any]:
    """Give the arguments of a container's end of its network."""
    found = {
        "aliases": list(plan.aliases),
        "ipv4_address": str(plan.ip) if plan.ip else None,
        "ipv6_address": str(plan.ip6) if plan.ip6 else None,
        "mac_address": plan.mac if version >= MAC_OF_ENDPOINT else None,
    }
    return {key: value for key, value in found.items() if value}


def within(part: Subnet, whole: Subnet) -> bool:
    """Tell whether a subnet is part of another.

    >>> from ipaddress import ip_network
    >>> within(ip_network("192.0.2.64/27"), ip_network("192.0.2.0/24"))
    True
    """
    if isinstance(part, IPv4Network):
        return isinstance(whole, IPv4Network) and part.subnet_of(whole)
    return not isinstance(whole, IPv4Network) and part.subnet_of(whole)
