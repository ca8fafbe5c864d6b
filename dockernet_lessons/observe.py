"""Ask the testbed: every answer is observed at that moment, and keeps the command that gives it outside the course.

A place is named by its name (``"host1"``, ``"neighbour"``, ``"router"``, ``"internet"``, a container's name) or by a
:class:`~dockernet_lessons.facts.Container`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from ipaddress import ip_address

from dockernet_lessons import parse, testbed
from dockernet_lessons.display import Table
from dockernet_lessons.errors import CommandFailed, LessonError
from dockernet_lessons.facts import (
    Answer,
    Container,
    FdbEntry,
    Link,
    NatRule,
    Neighbour,
    Network,
    Ping,
    Place,
    Printed,
    Resolution,
    Route,
)
from dockernet_lessons.parse import Named
from dockernet_lessons.testbed.engine import ContainerRecord

FETCH_SECONDS = 3
UNKNOWN_NAME = "the name is not known"
WHY_NOT_FETCHED = {
    6: UNKNOWN_NAME,
    7: "no connection",
    28: f"no answer within {FETCH_SECONDS} s",
    52: "an empty answer",
}
"""Meaning of curl's exit codes. Source: curl(1), EXIT CODES."""


def places() -> tuple[Place, ...]:
    """Observe every place of the testbed at once: its own, and every container that runs."""
    bed = testbed.running()
    records = {f"c-{record.id[:12]}": record for record in _containers(bed) if record.pid}
    named: dict[str, Named] = {
        "internet": Named("internet", "internet", "internet"),
        "router": Named("router", "router", "router"),
        "neighbour": Named("neighbour", "neighbour", "neighbour"),
        **{host: Named(host, "host", host) for host in bed.hosts},
        **{key: Named(record.name, "container", record.host) for key, record in records.items()},
    }
    return parse.snapshot(bed.snapshot({key: record.pid for key, record in records.items()}), named)


def networks() -> tuple[Network, ...]:
    """Give the Docker networks of every host."""
    return tuple(network for engine in testbed.running().engines() for network in engine.networks())


def links(place: Container | str) -> Table[Link]:
    """Give a place's network interfaces.

    >>> links("neighbour")
    neighbour$ ip address
    interface  kind      state  address       MAC                other end
    lo         loopback  up     127.0.0.1/8
    eth0       veth      up     192.0.2.3/24  02:00:00:00:02:03  router lan-neighbour (port of lan)
    """
    seen = places()
    here = _find(place, seen)
    return Table(
        here.links,
        columns={
            "interface": lambda link: link.name,
            "kind": lambda link: link.kind,
            "state": lambda link: "up" if link.up or link.kind == "loopback" else "down",
            "address": lambda link: ", ".join(str(address) for address in link.addresses if address.version == 4),
            "MAC": lambda link: link.mac if link.kind != "loopback" else "",
            "port of": lambda link: link.master,
            "other end": lambda link: _other_end(link, seen),
        },
        command=_typed(here, "ip address"),
        at=here.machine,
    )


def routes(place: Container | str) -> Table[Route]:
    """Give a place's routing table: where it sends packets, by destination. Source: ip-route(8)."""
    here = _find(place, places())
    return Table(
        here.routes,
        columns={
            "to": lambda route: route.destination or "everywhere else",
            "via": lambda route: route.via or "(directly)",
            "through": lambda route: route.interface,
        },
        command=_typed(here, "ip route"),
        at=here.machine,
    )


def neighbours(place: Container | str) -> Table[Neighbour]:
    """Give a place's neighbour table: the MAC addresses it has learned by ARP, and whose they are."""
    here = _find(place, places())
    return Table(
        [entry for entry in here.neighbours if entry.mac is not None and entry.address.version == 4],
        columns={
            "address": lambda entry: entry.address,
            "MAC": lambda entry: entry.mac,
            "which is": lambda entry: entry.owner,
            "seen on": lambda entry: entry.interface,
        },
        command=_typed(here, "ip neighbour"),
        at=here.machine,
    )


def fdb(bridge: str, *, host: str = "host1") -> Table[FdbEntry]:
    """Give a bridge's forwarding database: behind which of its ports it has seen which MAC address."""
    here = _find(host, places())
    if bridge not in {link.name for link in here.links if link.kind == "bridge"}:
        bridges = ", ".join(link.name for link in here.links if link.kind == "bridge")
        raise LessonError(f"{host} has no bridge called {bridge!r}.", hint=f"it has {bridges or 'no bridge'}.")
    return Table(
        sorted((entry for entry in here.fdb if entry.bridge == bridge), key=lambda entry: entry.owner or ""),
        columns={
            "MAC": lambda entry: entry.mac,
            "which is": lambda entry: entry.owner,
            "behind port": lambda entry: entry.port,
        },
        command=_typed(here, f"bridge fdb show br {bridge}"),
        at=here.machine,
    )


def nat(host: str = "host1") -> Table[NatRule]:
    """Give a host's rules that rewrite addresses, and how many connections each has matched.

    A rule of the nat table sees the first packet of a connection only, so its counter counts connections.
    Source: iptables(8), table nat.
    """
    here = _find(host, places())
    return Table(
        here.nat,
        columns={
            "chain": lambda rule: rule.chain,
            "rule": lambda rule: rule.rule,
            "matched": lambda rule: rule.packets,
        },
        command=_typed(here, "iptables -t nat -v -S"),
        at=here.machine,
    )


def ping(source: Container | str, target: Container | str, *, count: int = 1) -> Ping:
    """Send echo requests from one place to another, by name or address; a container as target means its address.

    >>> ping(web, "db")
    web reached db: 1 of 1 answered, TTL 64

    ``count`` is the number of requests, 1 to 10; each is waited for at most a second. The reply's TTL starts at 64 on
    Linux, and every router on the way takes 1 off.

    Raises ``LessonError`` where the source does not exist or does not run.
    """
    if not 1 <= count <= 10:
        raise LessonError(f"{count} echo requests cannot be sent.", hint="choose 1 to 10.")
    name, inside = _enter(source)
    to = _target(target)
    command = ["ping", "-c", str(count), "-i", "0.2", "-W", "1", to]
    done = testbed.running().run(inside, command, check=False, timeout=count + 10)
    echoes = parse.ping(done.stdout)
    if echoes is None:
        problem = parse.why_no_ping(done.stderr)
        if problem is None:
            raise CommandFailed(done.command, done.exit_code, done.stderr)
        return Ping(name, to, 0, 0, None, problem, _typed_in(source, f"ping -c {count} {to}"))
    problem = None if echoes.back else "no answer"
    return Ping(name, to, echoes.sent, echoes.back, echoes.ttl, problem, _typed_in(source, f"ping -c {count} {to}"))


def fetch(source: Container | str, url: str) -> Answer:
    """Fetch a web page from a place and give what the server said, or why there was no answer within 3 seconds.

    >>> fetch(web, "http://192.0.2.3")
    web <- http://192.0.2.3: I am neighbour. You are 192.0.2.11.
    """
    name, inside = _enter(source)
    command = ["curl", "--silent", "--verbose", "--max-time", str(FETCH_SECONDS), url]
    done = testbed.running().run(inside, command, check=False)
    problem = None
    if done.exit_code:
        problem = parse.why_no_connection(done.stderr) or WHY_NOT_FETCHED.get(done.exit_code)
        if problem is None:
            raise CommandFailed(
                command,
                done.exit_code,
                done.stderr,
                hint="write the address as http://NAME-OR-ADDRESS[:PORT].",
            )
    return Answer(name, url, done.stdout.strip(), problem, _typed_in(source, f"wget -qO- {url}"))


def resolve(source: Container | str, name: str) -> Resolution:
    """Look a name up as a program in that place would: in its hosts file, then by its name server.

    >>> resolve(web, "db")
    web finds db at 172.30.0.3
    """
    here, inside = _enter(source)
    done = testbed.running().run(inside, ["getent", "ahostsv4", name], check=False, timeout=20)
    if done.exit_code not in (0, 2):  # 2: not found; source: getent(1)
        raise CommandFailed(done.command, done.exit_code, done.stderr)
    addresses = tuple(ip_address(address) for address in parse.resolved(done.stdout))
    return Resolution(here, name, addresses, _typed_in(source, f"getent ahostsv4 {name}"))


def run(place: Container | str, line: str) -> Printed:
    """Run a command line in a place, by its own shell, and show what it prints; in a container by ``docker exec``.

    >>> run("host1", "iptables -t nat -S POSTROUTING")
    -P POSTROUTING ACCEPT
    -A POSTROUTING -s 172.30.0.0/24 ! -o br-shop -j MASQUERADE
    -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE

    Raises ``CommandFailed`` where it ends with an error.
    """
    record = _container(place)
    bed = testbed.running()
    if record is None:
        done = bed.run(str(place), ["sh", "-c", line])
    else:
        _check_runs(record)
        done = bed.run(record.host, ["docker", "exec", record.name, "sh", "-c", line])
    return Printed(_typed_in(place, line), done.stdout)


def _containers(bed: testbed.Testbed) -> Iterator[ContainerRecord]:
    for engine in bed.engines():
        yield from engine.containers()


def _container(place: Container | str) -> ContainerRecord | None:
    """Give the record of a container, or ``None`` where the name is a place of the testbed's own."""
    bed = testbed.running()
    if isinstance(place, Container):
        record = bed.engine(place.host).container(place.id)
        if record is None:
            raise LessonError(
                f"The container {place.name} is no longer there.", hint="run the cell that starts it again."
            )
        return record
    if place in (*testbed.PLACES, *bed.hosts):
        return None
    found = [record for engine in bed.engines() if (record := engine.container(place))]
    if not found:
        names = ", ".join([*testbed.PLACES, *bed.hosts, *(record.name for record in _containers(bed))])
        raise LessonError(f"No place of the testbed is called {place!r}.", hint=f"there are {names}.")
    return found[0]


def _check_runs(record: ContainerRecord) -> None:
    if not record.pid:
        raise LessonError(
            f"The container {record.name} does not run (it is {record.state}).", hint="start it again first."
        )


def _enter(place: Container | str) -> tuple[str, str]:
    """Give a place's name, and what the testbed calls it."""
    record = _container(place)
    if record is None:
        return str(place), str(place)
    _check_runs(record)
    return record.name, f"pid:{record.pid}"


def _target(target: Container | str) -> str:
    if isinstance(target, str):
        return target
    record = _container(target)
    addresses = [address for address in (record.addresses.values() if record else ()) if address]
    if not addresses:
        raise LessonError(f"The container {target.name} has no address of its own.", hint="name an address instead.")
    return addresses[0]


def _find(place: Container | str, seen: tuple[Place, ...]) -> Place:
    record = _container(place)
    if record is not None:
        _check_runs(record)
    name = record.name if record else str(place)
    return next(each for each in seen if each.name == name)


def _other_end(link: Link, seen: tuple[Place, ...]) -> str:
    """Name what a link is joined to: the interface there, and the bridge it is a port of."""
    for place in seen:
        if place.name == link.peer_place:
            for other in place.links:
                if other.index == link.peer:
                    return f"{place.name} {other.name}" + (f" (port of {other.master})" if other.master else "")
    return ""


def _typed(here: Place, line: str) -> str:
    return f"docker exec {here.name} {line}" if here.kind == "container" else line


def _typed_in(place: Container | str, line: str) -> str:
    record = _container(place)
    if record is None:
        return line
    plain = shlex.split(line)
    return (
        f"docker exec {record.name} {line}"
        if shlex.join(plain) == line
        else f"docker exec {record.name} sh -c {shlex.quote(line)}"
    )
