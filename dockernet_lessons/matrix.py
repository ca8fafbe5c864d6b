"""Who reaches whom, measured by a real probe for every pair, as one matrix."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from typing import Literal, get_args

from dockernet_lessons import observe, testbed
from dockernet_lessons.display import aligned
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container, Place
from dockernet_lessons.inputs import check_port, listed
from dockernet_lessons.probe import afresh
from dockernet_lessons.tracing.probes import address_of, place_of
from dockernet_lessons.whereabouts import enter

By = Literal["address", "name"]
WAIT_SECONDS = 1
WORDS = {True: "yes", False: "no", None: "?"}
SYMBOLS = {True: ("✓", "#0072B2", "#FFFFFF"), False: ("✗", "#FFFFFF", "#1F2933"), None: ("?", "#D3DAE1", "#1F2933")}
"""A sign, what is behind it and its colour: told apart by the sign, whatever colours one sees."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Who reached whom, a row for each source. A cell is ``None`` where a failure would prove nothing.

    A probe that fails counts only if the same probe works from that source to somewhere, and from somewhere to that
    target: everyone is asked to reach itself, too.

    >>> Reach("by ping", ("web", "db"), ("web", "db"), ((True, False), (None, True)))
    reach by ping: rows to columns
         web  db
    web  yes  no
    db   ?    yes
    """

    how: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    cells: tuple[tuple[bool | None, ...], ...]

    def __call__(self, source: str, target: str) -> bool | None:
        """Tell whether one reached the other."""
        return self.cells[self.sources.index(source)][self.targets.index(target)]

    def __repr__(self) -> str:
        rows = [[name, *(WORDS[cell] for cell in row)] for name, row in zip(self.sources, self.cells, strict=True)]
        return "\n".join([f"reach {self.how}: rows to columns", *aligned([["", *self.targets], *rows])])

    def _repr_html_(self) -> str:
        heads = "".join(f'<th scope="col" style="text-align:center">{escape(name)}</th>' for name in self.targets)
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>{"".join(map(_cell, row))}</tr>'
            for name, row in zip(self.sources, self.cells, strict=True)
        )
        caption = f'<caption style="text-align:left">reach {escape(self.how)}: rows to columns</caption>'
        return f"<table>{caption}<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(reached: bool | None) -> str:
    sign, paper, ink = SYMBOLS[reached]
    style = f"text-align:center;background-color:{paper};color:{ink};border:1px solid #7B8794"
    return f'<td style="{style}" aria-label="{WORDS[reached]}">{sign}</td>'


def reach(
    *places: Container | str, to: Sequence[Container | str] = (), by: By = "address", port: int | None = None
) -> Reach:
    """Measure who reaches whom: from every place to every other, or ``to`` others, all at once.

    By ping, or with ``port`` by a TCP connection to it; to addresses, or with ``by="name"`` to names as typed there. A
    place of the testbed has no name to type, and is reached by its address in either case.

    >>> reach(web, db, "neighbour")
    reach by ping to the address: rows to columns
               web  db   neighbour
    web        yes  yes  yes
    db         yes  yes  yes
    neighbour  no   no   yes

    Raises ``LessonError``: fewer than one place, a place that does not exist or run, a port out of range.
    """
    if not places:
        raise LessonError("Nobody was named.", hint='name places, for example reach(web, db, "neighbour").')
    if by not in get_args(By):
        raise LessonError(f"by={by!r} is no way to reach somebody.", hint=f"choose one of {listed(get_args(By))}.")
    if port is not None:
        check_port(port)
    seen = observe.places()
    sources, targets = [enter(place) for place in places], [enter(place) for place in to or places]
    everybody = list(dict.fromkeys([*sources, *targets]))
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = dict(
            zip(
                [name for name, _ in everybody],
                pool.map(lambda who: _probe(who, [name for name, _ in everybody], seen, by, port), everybody),
                strict=True,
            )
        )
    works_from = {name for name, row in found.items() if any(row.values())}
    works_to = {target for row in found.values() for target, reached in row.items() if reached}
    cells = tuple(
        tuple(
            True if found[source][target] else False if source in works_from and target in works_to else None
            for target, _ in targets
        )
        for source, _ in sources
    )
    how = f"{'by ping' if port is None else f'port {port} by TCP'} to the {by}"
    return Reach(how, tuple(name for name, _ in sources), tuple(name for name, _ in targets), cells)


def _probe(
    who: tuple[str, str], targets: Sequence[str], seen: Sequence[Place], by: By, port: int | None
) -> dict[str, bool]:
    """Send one probe to every target at the same time."""
    name, inside = who
    here = place_of(name, seen)
    lines = [_line(number, _typed(target, name, here, seen, by), port) for number, target in enumerate(targets)]
    script = "\n".join([*lines, "wait"])
    done = testbed.running().run(inside, afresh("sh", "-c", script), timeout=WAIT_SECONDS + 20)
    reached = {int(line) for line in done.stdout.split()}
    return {target: number in reached for number, target in enumerate(targets)}


def _typed(target: str, source: str, here: Place, seen: Sequence[Place], by: By) -> str | None:
    """Give what is typed to reach a target; itself is reached at its loopback address where it has no other.

    A container that lives in its host's namespace is reached where the host is.
    """
    place = place_of(target, seen)
    if by == "name" and place.kind == "container":
        return target
    try:
        return str(address_of(place.name if place.kind == "host" else target, place, here))
    except LessonError:
        return "127.0.0.1" if target == source else None


def _line(number: int, target: str | None, port: int | None) -> str:
    """Give the shell's line for one probe, which prints its number where it succeeds."""
    if target is None:
        return ":"
    to = shlex.quote(target)
    probe = (
        f"ping -c 1 -W {WAIT_SECONDS} {to}"
        if port is None
        else f"socat -u /dev/null TCP:{to}:{port},connect-timeout={WAIT_SECONDS}"
    )
    return f"{{ {probe} >/dev/null 2>&1 && echo {number}; }} &"
