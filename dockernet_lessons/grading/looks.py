"""What checks ask of the live testbed: each answer is ``None`` where it is as it should be, else what is wrong.

A page counts only with a word in it that was put into the very container a moment ago. That somebody does not reach
another counts only where the same one reaches a third.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from dockernet_lessons import testbed
from dockernet_lessons.checks import page_of, why_not_itself
from dockernet_lessons.observe import links
from dockernet_lessons.places import places
from dockernet_lessons.probe import fetch, ping, run
from dockernet_lessons.testbed.engine import ContainerRecord

HOST1, NEIGHBOUR = "192.0.2.11", "192.0.2.3"
PLACES = {"host1": HOST1, "neighbour": NEIGHBOUR, "router": "192.0.2.254"}
P = ParamSpec("P")
R = TypeVar("R")
_memory: dict[object, Any] | None = None


@contextmanager
def at_one_moment() -> Iterator[None]:
    """Ask each question once only, however many parts of an exercise want its answer."""
    global _memory  # noqa: PLW0603  # one judge at a time
    before, _memory = _memory, {}
    try:
        yield
    finally:
        _memory = before


def _once(look: Callable[P, R]) -> Callable[P, R]:
    @wraps(look)
    def remembered(*args: P.args, **named: P.kwargs) -> R:
        if _memory is None:
            return look(*args, **named)
        key = look.__name__, args, tuple(named.items())
        if key not in _memory:
            _memory[key] = look(*args, **named)
        found: R = _memory[key]
        return found

    return remembered


@_once
def found(name: str) -> ContainerRecord | None:
    """Give the container of this name on whichever host, however it was started."""
    return next((record for engine in testbed.running().engines() if (record := engine.container(name))), None)


def not_running(*names: str) -> str | None:
    """Tell which container does not run."""
    for name in names:
        record = found(name)
        if record is None:
            return f"no container is called {name}."
        if not record.pid:
            return f"{name} does not run."
    return None


@_once
def identity(name: str) -> str:
    """Give what changes when a container is made or started anew: its id, and when it was started."""
    record = found(name)
    if record is None:
        return ""
    return run(record.host, f"docker inspect -f '{{{{.Id}}}} {{{{.State.StartedAt}}}}' {record.id}").text.strip()


@_once
def unreached(source: str, *targets: str, called: str = "") -> str | None:
    """Tell which of several places themselves a place does not reach, by name; those of the testbed's by address.

    One target may be ``called`` by another name or an address.
    """
    if missing := not_running(*(name for name in (source, *targets) if name not in PLACES)):
        return missing
    reasons = (why_not_itself(source, name, called=called or PLACES.get(name, "")) for name in targets)
    return next((reason for reason in reasons if reason), None)


@_once
def kept_from(source: str, target: str, *, but_reaches: str) -> str | None:
    """Tell why it cannot be said that a place does not reach a container, at whichever address."""
    if problem := not_running(target) or unreached(source, but_reaches):
        return problem
    for address in addresses(target):
        answer = ping(source, address)
        if answer.reached:
            return f"{answer}."
    return None


@_once
def addresses(name: str) -> list[str]:
    """Give the IPv4 addresses that a container has, but for the one at which it reaches itself."""
    found = [address for link in links(name) if link.kind != "loopback" for address in link.addresses]
    return [str(address.ip) for address in found if address.version == 4]


def has_address(name: str, address: str) -> str | None:
    """Tell what addresses a container has instead of this one."""
    if missing := not_running(name):
        return missing
    has = addresses(name)
    return None if address in has else f"{name} has {' and '.join(has) or 'no address'}."


@_once
def no_page(source: str, url: str, name: str, *, sees: str = "") -> str | None:
    """Tell why a place does not get the page of this very container, in which it ``sees`` the caller's address."""
    if missing := not_running(name):
        return missing
    answer = page_of(name, source, url)
    if not answer.text:
        return f"{answer}."
    if f"I am {name}." not in answer.text:
        return f"{source} <- {url}: {first_line(answer.text)} This is not the page of {name}."
    if sees and f"You are {sees}." not in answer.text:
        return f"{name} sees another caller: {answer.text.rpartition('You are ')[2]}"
    return None


@_once
def no_answer(source: str, url: str) -> str | None:
    """Tell what a place gets that is to get nothing; ``None`` counts only beside a page that it or another gets."""
    answer = fetch(source, url)
    return f"{source} <- {url}: {first_line(answer.text)}" if answer.text else None


def first_line(text: str) -> str:
    """Give the start of a text."""
    return text.splitlines()[0][:100] if text else ""


def shares_with_host(name: str) -> bool:
    """Tell whether a container lives in the network namespace of its host."""
    return any(place.kind == "host" and name in place.containers for place in places())


def networks_of(name: str) -> tuple[str, ...]:
    """Give the networks that Docker knows a container to be on."""
    record = found(name)
    return tuple(sorted(record.addresses)) if record else ()


def first(*problems: str | None) -> str | None:
    """Give the first problem of several that were looked for."""
    return next((problem for problem in problems if problem), None)


def each_way(one: str, other: str) -> Iterator[tuple[str, str]]:
    """Give both directions."""
    yield from ((one, other), (other, one))
