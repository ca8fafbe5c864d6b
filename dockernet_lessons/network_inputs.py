"""The networks a learner may ask a lab for, read into a plan: each refusal says what is wrong and what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network

from dockernet_lessons import parse
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Address, Network, Subnet
from dockernet_lessons.inputs import (
    TESTBED_SUBNETS,
    check_driver,
    check_mapping,
    check_name,
    listed,
    read_address,
    read_subnet,
    similar,
)
from dockernet_lessons.plans import NetworkPlan
from dockernet_lessons.testbed import HOSTS
from dockernet_lessons.testbed.payloads import within

BRIDGE_NAME = "com.docker.network.bridge.name"
MTU = "com.docker.network.driver.mtu"
ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
PUBLISHED_AT = "com.docker.network.bridge.host_binding_ipv4"
LONGEST_INTERFACE_NAME = 15

MODES = {"macvlan": ("bridge", "private", "vepa", "passthru"), "ipvlan": ("l2", "l3", "l3s")}
"""The modes of the two drivers that hang on a parent. Source: docker network create, ip-link(8)."""

LAN = ip_network("192.0.2.0/24")
ROUTER = ip_address("192.0.2.254")
TAKEN_ON_LAN = {
    ROUTER: "the router",
    ip_address("192.0.2.3"): "the neighbour",
    **{ip_address(address): host for host, (address, _) in HOSTS.items()},
}
INTERFACE = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,14}")


def read_network(
    name: str,
    *,
    driver: str,
    subnet: str | Subnet | Sequence[str] | None,
    gateway: str | Sequence[str] | None,
    ip_range: str | None,
    ipv6: bool | None,
    internal: bool,
    attachable: bool | None,
    parent: str | None,
    mode: str | None,
    mtu: int | None,
    icc: bool | None,
    masquerade: bool | None,
    published_at: str | None,
    options: Mapping[str, str] | None,
) -> NetworkPlan:
    """Read what ``lab.network`` was asked for; see there.

    Raises ``LessonError`` where Docker or the testbed would not have it, or would silently not do it.
    """
    check_name(name, "network")
    check_driver(driver)
    check_mapping(options or {}, "options", '{"com.docker.network.driver.mtu": "1400"}')
    subnets = tuple(read_subnet(str(each)) for each in _several(subnet))
    for version in (4, 6):
        if sum(each.version == version for each in subnets) > 1 and driver not in MODES:
            raise LessonError(
                f"A {driver} network has one subnet of IPv{version}, and several were given.",
                hint="give one of IPv4 and one of IPv6 at most.",
            )
    _only_for("parent", parent, driver, MODES)
    _only_for("mode", mode, driver, MODES)
    for option, value in (("icc", icc), ("masquerade", masquerade), ("published_at", published_at)):
        _only_for(option, value, driver, ("bridge",))
    _only_for("attachable", attachable, driver, ("overlay",))
    gateways = tuple(_inside(each, "gateway", subnets) for each in _several(gateway))
    on_lan = [each for each in subnets if each.overlaps(LAN)] if driver in MODES else []
    if on_lan and not gateways and mode not in ("l3", "l3s"):
        gateways = (ROUTER,)
    extra = {str(key): str(value) for key, value in (options or {}).items()}
    settings = {
        **_bridge_name(name, driver, extra),
        **_given("parent", _interface(parent)),
        **_given(f"{driver}_mode", _mode(mode, driver)),
        **_given(MTU, _mtu(mtu)),
        **_given(ICC, icc),
        **_given(MASQUERADE, masquerade),
        **_given(PUBLISHED_AT, published_at and str(read_address(published_at, "published_at"))),
        **extra,
    }
    return NetworkPlan(
        name=name,
        driver=driver,
        subnets=subnets,
        gateways=gateways,
        ip_range=_range(ip_range, subnets, on_lan),
        ipv6=any(each.version == 6 for each in subnets) if ipv6 is None else bool(ipv6),
        internal=bool(internal),
        attachable=driver == "overlay" if attachable is None else bool(attachable),
        options=tuple(sorted(settings.items())),
    )


def check_free(plan: NetworkPlan, networks: Iterable[Network]) -> None:
    """Refuse a subnet that overlaps another network's or the testbed's own: Docker would take the latter silently.

    Only what hangs on the LAN itself, a macvlan or an ipvlan, may have addresses of the LAN.
    """
    taken: list[tuple[Subnet, str]] = [*TESTBED_SUBNETS.items()]
    if plan.driver in MODES:
        taken = [(subnet, whose) for subnet, whose in taken if subnet != LAN]
    taken += [(subnet, f"the network {network.name}") for network in networks for subnet in network.subnets]
    for wanted in plan.subnets:
        for subnet, whose in taken:
            if subnet.version == wanted.version and wanted.overlaps(subnet):
                raise LessonError(
                    f"The subnet {wanted} overlaps {subnet}, which is {whose}'s.",
                    hint="choose another, for example one of 172.30.0.0/24 to 172.30.255.0/24.",
                )


def check_parent(parent: str, host: str, addresses: str) -> None:
    """Refuse a parent that the host does not have; a VLAN of one that it has is made by Docker.

    ``addresses`` is what ``ip -json -details address show`` prints there.
    """
    check_interface(parent, host, [link.name for link in parse.links(json.loads(addresses)) if link.kind != "loopback"])


def check_interface(parent: str, host: str, present: Sequence[str]) -> None:
    """Refuse a parent that is neither among the interfaces that are present nor a VLAN of one of them."""
    base, _, vlan = parent.partition(".")
    if parent in present or (base in present and vlan.isdecimal() and 1 <= int(vlan) <= 4094):
        return
    raise LessonError(
        f"{host} has no interface called {parent!r}.", hint=f"it has {listed(present)}.{similar(parent, present)}"
    )


def _several(value: object) -> tuple[object, ...]:
    if value is None or value == "":
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _given(key: str, value: object) -> dict[str, str]:
    """Give the option where it has a value; Docker writes yes and no as true and false."""
    if value is None:
        return {}
    return {key: str(value).lower() if isinstance(value, bool) else str(value)}


def _only_for(option: str, value: object, driver: str, drivers: Iterable[str]) -> None:
    if value is not None and driver not in drivers:
        raise LessonError(
            f"A network of the driver {driver} has no {option}.",
            hint=f"leave it out; {option} is for {listed(drivers)}.",
        )


def _bridge_name(name: str, driver: str, options: Mapping[str, str]) -> dict[str, str]:
    fits = driver == "bridge" and len(f"br-{name}") <= LONGEST_INTERFACE_NAME
    return {BRIDGE_NAME: f"br-{name}"} if fits and BRIDGE_NAME not in options else {}


def _inside(text: object, what: str, subnets: Sequence[Subnet]) -> Address:
    address = read_address(text, what)
    if not any(address in subnet for subnet in subnets):
        raise LessonError(
            f"The {what} {address} is in no subnet of this network.",
            hint=f"its subnets are {listed(map(str, subnets))}."
            if subnets
            else f"give the subnet, too: {what} needs it.",
        )
    return address


def _interface(parent: str | None) -> str | None:
    if parent is not None and (not isinstance(parent, str) or not INTERFACE.fullmatch(parent)):
        raise LessonError(
            f"{parent!r} cannot name an interface.",
            hint='name the host\'s interface that the network shall hang on, for example parent="eth0".',
        )
    return parent


def _mode(mode: str | None, driver: str) -> str | None:
    allowed = MODES.get(driver, ())
    if mode is not None and mode not in allowed:
        raise LessonError(
            f"{driver} has no mode called {mode!r}.",
            hint=f"its modes are {listed(allowed)}.{similar(str(mode), allowed)}",
        )
    return mode


def _mtu(mtu: int | None) -> int | None:
    if mtu is not None and (not isinstance(mtu, int) or isinstance(mtu, bool) or not 68 <= mtu <= 65535):
        raise LessonError(f"{mtu!r} is not an MTU.", hint="it is a number of bytes, 68 to 65535; 1500 is usual.")
    return mtu


def _range(text: str | None, subnets: Sequence[Subnet], on_lan: Sequence[Subnet]) -> Subnet | None:
    """Read the part of the subnet that Docker hands addresses out of; on the LAN it keeps clear of those in use."""
    if text is None:
        if on_lan:
            raise LessonError(
                f"Docker would hand out addresses of {on_lan[0]} that others on the LAN have.",
                hint='say which it may hand out, for example ip_range="192.0.2.64/27".',
            )
        return None
    wanted = read_subnet(str(text))
    if not any(wanted.version == each.version and within(wanted, each) for each in subnets):
        raise LessonError(
            f"The range {wanted} is not part of a subnet of this network.",
            hint=f"choose a part of {listed(map(str, subnets)) or 'the subnet that you give'}.",
        )
    for address, whose in TAKEN_ON_LAN.items():
        if on_lan and address in wanted:
            raise LessonError(
                f"The range {wanted} holds {address}, which is {whose}'s address.",
                hint="choose a range that is free, for example 192.0.2.64/27.",
            )
    return wanted
