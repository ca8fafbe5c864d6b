"""What to send, from where and to whom: from a learner's words to a command and a packet that is known again."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import get_args
from urllib.parse import urlsplit

from dockernet_lessons import testbed
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Address, Container, Place
from dockernet_lessons.inputs import check_port, check_target, listed
from dockernet_lessons.probe import resolve
from dockernet_lessons.tracing.packets import Probe, ProbeKind
from dockernet_lessons.whereabouts import containers, enter

WAIT_SECONDS = 1
"""How long an answer is waited for."""

SIZES = range(16, 65508)
"""What a ping can carry, in bytes: at least our mark, at most what one IP packet holds. Source: RFC 791, RFC 792."""


LONGEST_LABEL = 63

OWN_PORTS = range(50000, 60000)
"""Where a connection of ours may come from, as if the kernel had chosen. Source: ip_local_port_range in ip(7)."""

PORT_IS_TAKEN = re.compile(r"^curl: \(45\)|bind\(.*Address already in use", re.MULTILINE)
"""What curl and socat say where another has that port. Source: curl(1), EXIT CODES; EADDRINUSE in ip(7)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a learner asked for, settled: whatever was left out is filled in."""

    kind: ProbeKind
    target: Container | str
    port: int | None
    size: int | None


def settle(target: Container | str, kind: ProbeKind | None, port: int | None, size: int | None) -> Wanted:
    """Fill in what was left out.

    >>> settle("http://192.0.2.11:8080", None, None, None)
    Wanted(kind='http', target='192.0.2.11', port=8080, size=None)
    >>> settle("db", None, 80, None).kind
    'tcp'

    Raises ``LessonError`` where the parts do not fit together.
    """
    if isinstance(target, str) and target.startswith("http://"):
        target, kind, port = _of_page(target, kind, port)
    kind = kind or ("ping" if port is None else "tcp")
    if kind not in get_args(ProbeKind):
        raise LessonError(f"No kind of packet is called {kind!r}.", hint=f"there are {listed(get_args(ProbeKind))}.")
    if kind in ("ping", "dns") and port is not None:
        raise LessonError(f"{kind} takes no port.", hint="leave the port out, or choose the kind tcp, udp or http.")
    if kind in ("tcp", "udp") and port is None:
        raise LessonError(f"{kind} needs a port.", hint=f'write it as trace(..., "{kind}", port=80).')
    if kind == "http" and port is None:
        port = 80
    if port is not None:
        check_port(port)
    if size is not None and (kind != "ping" or size not in SIZES):
        raise LessonError(
            f"size={size!r} cannot be sent.", hint=f"it is for pings: a whole number, {SIZES[0]} to {SIZES[-1]}."
        )
    if not isinstance(target, Container):
        check_target(target)
    if kind == "dns":
        _check_labels(str(target))
    return Wanted(kind, target, port, size)


def _check_labels(name: str) -> None:
    """Refuse what no question to a name server can hold. Source: RFC 1035, section 2.3.4."""
    if not all(1 <= len(label.encode()) <= LONGEST_LABEL for label in name.split(".")):
        raise LessonError(
            f"{name!r} cannot be asked for.",
            hint=f"the parts of a name, between its dots, have 1 to {LONGEST_LABEL} letters.",
        )


def _of_page(page: str, kind: ProbeKind | None, port: int | None) -> tuple[str, ProbeKind, int]:
    parts = urlsplit(page)
    if kind not in (None, "http") or port is not None or not parts.hostname:
        raise LessonError(
            f"{page!r} says all by itself.", hint='write it as trace(..., "http://NAME-OR-ADDRESS:PORT").'
        )
    return parts.hostname, "http", parts.port or 80


def place_of(name: str, places: Collection[Place]) -> Place:
    """Give the place in which somebody lives: a container's own, or the one that it shares."""
    return next(place for place in places if place.name == name or name in place.containers)


def address_of(name: str, place: Place, near: Place) -> Address:
    """Give somebody's address in a network that ``near`` is on too, else the first one.

    Raises ``LessonError`` for one that has none, or that has only its host's.
    """
    found = [each for link in place.links if link.kind != "loopback" for each in link.addresses if each.version == 4]
    if not found or (place.name != name and place.kind == "host"):
        raise LessonError(f"The container {name} has no address of its own.", hint="name an address instead.")
    networks = {each.network for link in near.links for each in link.addresses}
    return next((each.ip for each in found if each.network in networks), found[0].ip)


def whereto(
    source: Container | str, wanted: Wanted, here: Place, places: Mapping[str, Place]
) -> tuple[str, Address | None]:
    """Give the target as it is shown, and its address; ``None`` where it is a name that the source does not know.

    Raises ``LessonError``: a container that is not there, a name that containers on two hosts have.
    """
    target = wanted.target
    if wanted.kind == "dns":
        server = here.resolver.servers[0] if here.resolver and here.resolver.servers else None
        if server is None:
            raise LessonError(f"{here.name} has no name server.", hint="look at its /etc/resolv.conf.")
        return str(target), server
    if isinstance(target, Container) or (target in places and places[target].kind != "container"):
        name, _ = enter(target)
        return name, address_of(name, place_of(name, places.values()), here)
    try:
        return target, ip_address(target)
    except ValueError:
        _refuse_ambiguous(target)
        found = resolve(source, target).addresses
        return target, found[0] if found else None


def _refuse_ambiguous(name: str) -> None:
    """Refuse a name that containers on two hosts have: nobody could say which one an answer is about."""
    having = [record.host for record in containers(testbed.running()) if record.name == name]
    if len(having) > 1:
        raise LessonError(
            f"Containers on {' and '.join(having)} are called {name}.",
            hint="give the container itself, or its address.",
        )


def make(wanted: Wanted, name: str, place: str, shown: str, address: Address) -> tuple[Probe, list[str], str]:
    """Give the probe, the command that sends it, and what that command reads."""
    kind, port = wanted.kind, wanted.port
    token = secrets.token_hex(8)
    wait, to = str(WAIT_SECONDS), f"[{address}]" if address.version == 6 else str(address)
    own_port = secrets.choice(OWN_PORTS)
    options = f"sourceport={own_port},connect-timeout={wait}"
    whole = ["-M", "do", "-s", str(wanted.size)] if wanted.size is not None else []
    commands = {
        "ping": ["ping", "-n", "-c", "1", "-W", wait, "-p", token, *whole, str(address)],
        "dns": ["getent", "ahostsv4", shown],
        "http": ["curl", "-sS", "--max-time", wait, "--local-port", str(own_port), f"http://{to}:{port}/"],
        "tcp": ["socat", "-u", "/dev/null", f"TCP{address.version}:{to}:{port},{options}"],
        "udp": ["socat", "-t", wait, "-", f"UDP{address.version}:{to}:{port}"],
    }
    mark = {"dns": _in_a_question(shown), "udp": token.encode()}.get(kind, bytes.fromhex(token))
    probe = Probe(kind, name, place, shown, address, port, mark, own_port, wanted.size)
    return probe, commands[kind], token if kind == "udp" else ""


def _in_a_question(name: str) -> bytes:
    r"""Give a name as it stands in a question to a name server. Source: RFC 1035, section 3.1.

    >>> _in_a_question("db")
    b'\x02db\x00'
    """
    return b"".join(bytes([len(label)]) + label.encode() for label in name.lower().split(".")) + b"\0"
