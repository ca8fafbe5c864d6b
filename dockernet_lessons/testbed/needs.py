"""What a lesson may need that not every testbed has: drivers of the kernel that runs it, or the second host.

Each need of the kernel is tried, never looked up: module lists and configurations are missing or wrong on many
machines, and a Docker Engine takes an ipvlan network on any kernel and fails only when a container starts.
"""

from __future__ import annotations

from collections.abc import Iterable

from dockernet_lessons.errors import LessonError

UNDER = "ip link add under0 type veth peer name under1 && ip link add link under0 name probe0 type"
KERNEL = {
    "dummy": "ip link add probe0 type dummy",
    "ipvlan": f"{UNDER} ipvlan mode l2",
    "ipvs": "cat /proc/net/ip_vs || { modprobe ip_vs; cat /proc/net/ip_vs; }",
    "macvlan": f"{UNDER} macvlan mode bridge",
    "vlan": f"{UNDER} vlan id 5",
    "vxlan": "ip link add probe0 type vxlan id 256 dstport 4789",
}
"""What a lesson may need of the kernel, and the script that succeeds, in a new network namespace, where it has it."""

HOSTS = ("host2",)
"""What a lesson may need beside: hosts that are started on demand."""

KNOWN = (*KERNEL, *HOSTS)


def read(needs: Iterable[str] | str) -> tuple[str, ...]:
    """Give the needs of a lesson, each once, the kernel's before those that take time to start.

    >>> read(("host2", "ipvlan"))
    ('ipvlan', 'host2')

    Raises ``LessonError`` where one is unknown.
    """
    wanted = {needs} if isinstance(needs, str) else set(needs)
    if unknown := sorted(repr(need) for need in wanted - set(KNOWN)):
        raise LessonError(
            f"No testbed can be asked for {' and '.join(unknown)}.", hint=f"a lesson may need {', '.join(KNOWN)}."
        )
    return tuple(need for need in KNOWN if need in wanted)


def attempt(need: str) -> list[str]:
    """Give the command that tries a need of the kernel in a network namespace of its own, and leaves nothing."""
    return ["unshare", "--net", "sh", "-c", KERNEL[need]]


def lacking(need: str) -> str:
    """Say that a need is not met.

    >>> lacking("ipvlan")
    'its kernel has no ipvlan'
    """
    return f"its {need} does not start" if need in HOSTS else f"its kernel has no {need}"
