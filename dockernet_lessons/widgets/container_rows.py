"""The containers of a lab as rows: what they are, and buttons that look into, stop and remove each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from dockernet_lessons.testbed.engine import ContainerRecord
from dockernet_lessons.widgets.panel import button, column, html, row, show

MOST = 30
Act = Callable[[ContainerRecord], None]


class Rows:
    """A row for each container; those that stay keep their buttons, so the keyboard does not lose its place."""

    def __init__(self, *, logs: Act, stop: Act, start: Act, remove: Act) -> None:
        self._acts = (logs, stop, start, remove)
        self._usable = True
        self._spare: list[_Row] = []
        self._rows: dict[str, _Row] = {}
        self._more = html("")
        self._list = column()
        self.box = column(self._list, self._more)

    def update(self, records: Sequence[ContainerRecord]) -> None:
        """Show these containers."""
        shown = list(records)[:MOST]
        rows = {each.id: self._rows.get(each.id) or self._new() for each in shown}
        for each in shown:
            rows[each.id].update(each)
            rows[each.id].enable(when=self._usable)
        if list(rows) != list(self._rows):
            self._list.children = [each.box for each in rows.values()]
        self._rows = rows
        self._more.value = summary(records)

    def prepare(self) -> None:
        """Make the row of the next container now: its buttons are not to be waited for when it runs."""
        if not self._spare:
            self._spare.append(_Row(*self._acts))

    def _new(self) -> _Row:
        return self._spare.pop() if self._spare else _Row(*self._acts)

    def enable(self, *, when: bool) -> None:
        """Take clicks, or not."""
        self._usable = when
        for each in self._rows.values():
            each.enable(when=when)


class _Row:
    def __init__(self, logs: Act, stop: Act, start: Act, remove: Act) -> None:
        self._record: ContainerRecord | None = None
        self._text = html("")
        self._text.layout.flex = "1 1 24rem"
        self._logs = button("Logs", lambda: self._do(logs))
        self._stop = button("Stop", lambda: self._do(stop))
        self._start = button("Start", lambda: self._do(start))
        self._remove = button("Remove", lambda: self._do(remove))
        self.box = row(self._text, self._logs, self._stop, self._start, self._remove)
        self.box.add_class("dockernet-container")

    def update(self, record: ContainerRecord) -> None:
        self._record = record
        self._text.value = described(record)
        show(self._stop, when=bool(record.pid))
        show(self._start, when=not record.pid)
        for each in (self._logs, self._stop, self._start, self._remove):
            each.tooltip = f"{each.description} {record.name}"

    def enable(self, *, when: bool) -> None:
        for each in (self._logs, self._stop, self._start, self._remove):
            each.disabled = not when

    def _do(self, act: Act) -> None:
        if self._record is not None:
            act(self._record)


def summary(records: Sequence[ContainerRecord]) -> str:
    """Say what the rows do not."""
    if not records:
        return '<p class="soft">This lab has no containers yet.</p>'
    more = len(records) - MOST
    return f'<p class="soft">and {more} more: <code>lab.running()</code> lists them all</p>' if more > 0 else ""


def state(record: ContainerRecord) -> str:
    """Give the state of a container with a sign, so that it is not told by colour."""
    return f"{'●' if record.pid else '○'} {record.state}"


def where(record: ContainerRecord) -> str:
    """Give the networks and addresses of a container."""
    return ", ".join(f"{network} {ip}".strip() for network, ip in record.addresses.items()) or "no network"


def described(record: ContainerRecord) -> str:
    """Give what a row says."""
    cells = (f"<b>{escape(record.name)}</b>", state(record), escape(where(record)), escape(", ".join(record.published)))
    return f'<div class="cells">{"".join(f"<span>{cell}</span>" for cell in cells)}</div>'


def table(records: Sequence[ContainerRecord]) -> str:
    """Give the containers as a table that needs no kernel."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("container", "state", "network", "published"))
    rows = "".join(
        f'<tr><th scope="row">{escape(each.name)}</th><td>{state(each)}</td><td>{escape(where(each))}</td>'
        f"<td>{escape(', '.join(each.published))}</td></tr>"
        for each in list(records)[:MOST]
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if records else summary(records)


def logs_of(record: ContainerRecord, text: str) -> str:
    """Give what a container wrote, to read and to scroll with the keyboard."""
    said = escape(text.rstrip()) or "(it wrote nothing)"
    name = escape(record.name)
    return (
        f"<p>The last that {name} wrote, as <code>docker logs {name}</code> prints it:</p>"
        f'<pre tabindex="0" role="group" aria-label="logs of {name}">{said}</pre>'
    )
