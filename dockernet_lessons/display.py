"""How answers look in a cell: tables, and several answers one below the other; as text and as HTML.

Knows nothing of what the answers say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")
PLAIN = "background:none;padding:0;white-space:nowrap"


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Give the rows of a table as lines of text, each column as wide as its widest cell.

    >>> aligned([["to", "via"], ["default", "172.17.0.1"]])
    ['to       via', 'default  172.17.0.1']
    """
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


class Table(Sequence[Row], Generic[Row]):
    """Rows a learner can read, under the command that prints the same, and the place to type it at.

    Columns in which every row is empty are left out.

    >>> from dockernet_lessons.facts import Route
    >>> from ipaddress import IPv4Address
    >>> columns = {"to": lambda r: r.destination or "default", "via": lambda r: r.via, "through": lambda r: r.interface}
    >>> rows = [Route(None, "eth0", IPv4Address("172.17.0.1"))]
    >>> table = Table(rows, columns=columns, command="docker exec web ip route", at="host1")
    >>> table
    host1$ docker exec web ip route
    to       via         through
    default  172.17.0.1  eth0
    >>> table.command
    'docker exec web ip route'
    """

    def __init__(
        self, rows: Sequence[Row], *, columns: Mapping[str, Callable[[Row], object]], command: str, at: str
    ) -> None:
        self._rows = tuple(rows)
        self._columns = columns
        self.command = command
        self.at = at

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # int and slice, as a tuple does it
        """Give one row, or several."""
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def _lines(self) -> list[list[str]]:
        """Give the heading and the rows as text, without the columns that are empty all the way down."""
        heading = list(self._columns)
        cells = [
            ["" if (value := look(row)) is None else str(value) for look in self._columns.values()]
            for row in self._rows
        ]
        filled = [i for i in range(len(heading)) if any(row[i] for row in cells)]
        return [[row[i] for i in filled] for row in (heading, *cells)]

    def __repr__(self) -> str:
        lines = self._lines() if self._rows else [["(nothing)"]]
        return "\n".join([f"{self.at}$ {self.command}", *aligned(lines)])

    def _repr_html_(self) -> str:
        heading, *rows = self._lines() if self._rows else [["(nothing)"]]
        left, mono = 'style="text-align:left"', 'style="text-align:left;font-family:monospace"'
        head = "".join(f'<th scope="col" {left}>{escape(name)}</th>' for name in heading)
        body = "".join(f"<tr>{''.join(f'<td {mono}>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        typed = escape(f"{self.at}$ {self.command}")
        command = f'<code style="{PLAIN}">{typed}</code>' if typed.count("$") > 1 else typed  # no formula
        caption = f'<caption style="text-align:left;white-space:nowrap;font-family:monospace">{command}</caption>'
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class Shown(tuple[object, ...]):
    """Several answers, one below the other."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(f"\n{part!r}\n" if isinstance(part, Table) else repr(part) for part in self).strip("\n")

    def _repr_html_(self) -> str:
        parts = groupby(self, key=lambda part: isinstance(part, Table))
        return "".join(self._html(list(group), tables=tables) for tables, group in parts)

    def _html(self, group: list[Any], *, tables: bool) -> str:
        if tables:
            return "".join(table._repr_html_() for table in group)
        return f'<pre style="margin:0 0 .6em;word-break:normal">{escape(chr(10).join(map(repr, group)))}</pre>'


def show(*answers: object) -> Shown:
    """Put several answers one below the other, so that a cell can show them together.

    >>> show("web", "db")
    'web'
    'db'
    """
    return Shown(answers)
