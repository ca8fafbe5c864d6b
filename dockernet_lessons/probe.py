"""Send something and see what comes back: every answer keeps the command that asks the same outside the course.

Places are named as in :mod:`dockernet_lessons.observe`.
"""

from __future__ import annotations

import re
from typing import Literal

from dockernet_lessons import parse, testbed
from dockernet_lessons.errors import CommandFailed, LessonError
from dockernet_lessons.facts import Answer, Container, Ping, Printed, Resolution
from dockernet_lessons.inputs import check_target
from dockernet_lessons.whereabouts import check_runs, enter, record_of, typed_in

FETCH_SECONDS = 3
PAGE = re.compile(r"https?://[^\s/]+(/\S*)?")
UNKNOWN_NAME = "the name is not known"
WHY_NOT_FETCHED = {
    6: UNKNOWN_NAME,
    7: "no connection",
    28: f"no answer within {FETCH_SECONDS} s",
    52: "an empty answer",
}
"""Meaning of curl's exit codes. Source: curl(1), EXIT CODES."""


def afresh(*command: str) -> list[str]:
    """Give a command that sends something, freed from what was asked before it.

    While nobody answers who has an address, the kernel keeps what is sent there, and after three seconds drops all of
    it: what is sent in the third second would be lost although somebody might answer by now. So questions that are
    still open are let go first, and asked again. Source: arp(7), ``mcast_solicit`` and ``retrans_time``.

    >>> afresh("ping", "192.0.2.3")[-2:]
    ['ping', '192.0.2.3']
    """
    return ["sh", "-c", 'ip neighbour flush nud incomplete; exec "$@"', "sh", *command]


def ping(source: Container | str, target: Container | str, *, count: int = 1) -> Ping:
    """Send echo requests from one place to another, by name or address; a container as target means its address.

    >>> ping(web, "db")
    web reached db: 1 of 1 answered, TTL 64

    ``count`` is the number of requests, 1 to 10; each is waited for at most a second. The reply's TTL starts at 64 on
    Linux, and every router on the way takes 1 off.

    Raises ``LessonError`` where the source does not exist or does not run.
    """
    if not isinstance(count, int) or not 1 <= count <= 10:
        raise LessonError(f"{count!r} echo requests cannot be sent.", hint="choose a whole number, 1 to 10.")
    name, inside = enter(source)
    to = _target(target)
    command = ["ping", "-c", str(count), "-i", "0.2", "-W", "1", to]
    done = testbed.running().run(inside, afresh(*command), check=False, timeout=count + 10)
    echoes = parse.ping(done.stdout)
    if echoes is None:
        problem = parse.why_no_ping(done.stderr)
        if problem is None:
            raise CommandFailed(command, done.exit_code, done.stderr)
        return Ping(name, to, 0, 0, None, problem, typed_in(source, f"ping -c {count} {to}"))
    problem = None if echoes.back else "no answer"
    return Ping(name, to, echoes.sent, echoes.back, echoes.ttl, problem, typed_in(source, f"ping -c {count} {to}"))


def fetch(source: Container | str, url: str) -> Answer:
    """Fetch a web page from a place and give what the server said, or why there was no answer within 3 seconds.

    >>> fetch(web, "http://192.0.2.3")
    web <- http://192.0.2.3: I am neighbour. You are 192.0.2.11.
    """
    if not isinstance(url, str) or not PAGE.fullmatch(url):
        raise LessonError(f"{url!r} is not the address of a page.", hint="write it as http://NAME-OR-ADDRESS[:PORT].")
    name, inside = enter(source)
    command = ["curl", "--silent", "--verbose", "--max-time", str(FETCH_SECONDS), url]
    done = testbed.running().run(inside, afresh(*command), check=False)
    problem = None
    if done.exit_code:
        problem = parse.why_no_connection(done.stderr) or WHY_NOT_FETCHED.get(done.exit_code)
        if problem is None:
            raise CommandFailed(command, done.exit_code, done.stderr)
    return Answer(name, url, done.stdout.strip(), problem, typed_in(source, f"wget -qO- {url}"))


def resolve(source: Container | str, name: str, *, version: Literal[4, 6] = 4) -> Resolution:
    """Look a name up as a program in that place would: in its hosts file, then by its name server.

    >>> resolve(web, "db")
    web finds db at 172.30.0.3

    ``version=6`` asks for addresses of IPv6.
    """
    check_target(name)
    here, inside = enter(source)
    ask = f"getent ahostsv{6 if version == 6 else 4} {name}"
    done = testbed.running().run(inside, ask.split(), check=False, timeout=20)
    if done.exit_code not in (0, 2):  # 2: not found; source: getent(1)
        raise CommandFailed(done.command, done.exit_code, done.stderr)
    return Resolution(here, name, parse.resolved(done.stdout), typed_in(source, ask))


def run(place: Container | str, line: str, *, seconds: float = 10) -> Printed:
    """Run a command line in a place, by its own shell, and show what it prints; in a container by ``docker exec``.

    It may take ``seconds``.

    >>> run("host1", "iptables -t nat -S POSTROUTING")
    -P POSTROUTING ACCEPT
    -A POSTROUTING -s 172.30.0.0/24 ! -o br-shop -j MASQUERADE
    -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE

    Raises ``CommandFailed`` where it ends with an error.
    """
    bed, record, command = testbed.running(), record_of(place), ["sh", "-c", line]
    if record is None:
        done = bed.run(enter(place)[1], command, check=False, timeout=seconds)
    else:
        check_runs(record)
        done = bed.run_in(record.host, record.id, command, timeout=seconds)
    if done.exit_code:
        raise CommandFailed(
            [line], done.exit_code, done.stderr or done.stdout, hint="correct the command, and run the cell again."
        )
    return Printed(typed_in(place, line), done.stdout)


def _target(target: Container | str) -> str:
    if not isinstance(target, Container):
        check_target(target)
        return target
    record = record_of(target)
    addresses = [address for address in (record.addresses.values() if record else ()) if address]
    if not addresses:
        raise LessonError(f"The container {target.name} has no address of its own.", hint="name an address instead.")
    return addresses[0]
