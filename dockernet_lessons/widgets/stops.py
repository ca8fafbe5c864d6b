"""A trace as a row of stops to step through: the hops there, and those of the answer; what each shows and marks.

Knows neither widgets nor testbeds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from dockernet_lessons.facts import PacketPath, Step
from dockernet_lessons.picture import Picture, draw
from dockernet_lessons.tracing.headers import Header
from dockernet_lessons.tracing.journey import names_of_macs
from dockernet_lessons.tracing.opened import opened
from dockernet_lessons.tracing.packets import Hop, Leg, Verdict
from dockernet_lessons.tracing.traced import Trace


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a header. ``before`` is what it was at the stop before, where that is something else."""

    name: str
    value: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """One header with its fields; ``new`` is one that was put in front since the stop before."""

    header: Header
    entries: tuple[Entry, ...]
    new: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """One hop, there or back, with its headers. ``news`` tells who sent this packet, where that is somebody new."""

    number: int
    hop: Hop
    headers: tuple[Opened, ...]
    command: str
    back: bool = False
    news: str = ""

    @property
    def marked(self) -> bool:
        """Whether a field is marked."""
        return any(each.new or any(entry.before is not None for entry in each.entries) for each in self.headers)


@dataclass(frozen=True, slots=True)
class Walk:
    """All stops of a trace, in order, and at which of them it ends: from there on the verdict is known."""

    trace: Trace
    stops: tuple[Stop, ...]
    end: int

    def path(self, number: int) -> PacketPath:
        """Give the way up to a stop, that one marked."""
        lost = self.trace.verdict.reached is not True
        steps = []
        for stop in self.stops[:number]:
            last = lost and stop.number == self.end and not stop.back
            state = "reply" if stop.back else "last" if last else "passed"
            here = stop.number == number
            steps.append(Step(stop.hop.end, str(stop.number), state, here))  # type: ignore[arg-type]
        died = (self.trace.verdict.short or "lost") if lost and number == self.end else None
        return PacketPath(tuple(steps), died)

    def picture(self, number: int) -> Picture:
        """Draw the way up to a stop."""
        return draw(self.trace.topology, path=self.path(number))

    def named(self, number: int) -> str:
        """Name a stop in a few words, for a control."""
        stop = self.stops[number - 1]
        return f"heard at {stop.hop.label}, {'on the way back' if stop.back else 'on the way there'}"

    def verdict_at(self, number: int) -> Verdict | None:
        """Give the verdict, from the stop on at which it is known."""
        return self.trace.verdict if number >= self.end else None


def walk(trace: Trace) -> Walk:
    """Take a trace apart into its stops."""
    stops = [
        *_stops(trace, trace.journey.out, trace.hops, after=0),
        *_stops(trace, trace.journey.back, trace.answer, after=len(trace.hops), back=True),
    ]
    died_there = trace.verdict.reached is not True and not trace.verdict.on_the_way_back
    return Walk(trace, tuple(stops), len(trace.hops) if died_there else len(stops))


def _stops(trace: Trace, legs: Sequence[Leg], hops: Sequence[Hop], *, after: int, back: bool = False) -> Iterator[Stop]:
    position, whose = 0, names_of_macs(trace.topology.places)
    for leg in legs:
        before: Stop | None = None
        for hop in leg.hops:
            position += 1
            table = opened(position, hops, trace.packets, trace.topology.places)
            headers = tuple(_opened(header, hop, whose) for header in table)
            news = "" if before else _news(leg, back=back)
            stop = Stop(after + position, hop, headers, f"{table.at}$ {table.command}", back, news)
            before = _compared(stop, before) if before else stop
            yield before


def _news(leg: Leg, *, back: bool) -> str:
    if back:
        refused = leg.hops[0].packet.innermost.kind.startswith("RST")
        return f"{leg.hops[0].place} sends {'a refusal' if refused else 'an answer'}: a packet of its own."
    return f"{leg.relay} reads it, and sends a packet of its own." if leg.relay else ""


def _opened(header: Header, hop: Hop, whose: Mapping[str, str]) -> Opened:
    def who(address: str) -> str:
        return f"{address} ({whose[address]})" if address in whose else address

    vlan = hop.packet.vlan if header.layer == "link" else None
    found = (
        ("from", who(header.source)),
        ("to", who(header.target)),
        ("VLAN", vlan),
        ("TTL", header.ttl),
        ("says" if header.layer == "application" else "carries", header.inside),
    )
    return Opened(header, tuple(Entry(name, str(value)) for name, value in found if value not in ("", None)))


def _compared(stop: Stop, before: Stop) -> Stop:
    """Mark what differs from the stop before: headers are matched from the innermost out."""
    old = dict(_from_inside(before.headers))
    marked: list[Opened] = []
    for key, header in _from_inside(stop.headers):
        was = {entry.name: entry.value for entry in old[key].entries} if key in old else {}
        entries = tuple(
            replace(each, before=was.get(each.name, "") if was.get(each.name) != each.value else None)
            for each in header.entries
        )
        marked.insert(0, replace(header, entries=entries) if key in old else replace(header, new=True))
    return replace(stop, headers=tuple(marked))


def _from_inside(headers: Sequence[Opened]) -> Iterator[tuple[tuple[str, int], Opened]]:
    """Give headers from the inside out, each with its name and how many of that name are inside it."""
    seen: Counter[str] = Counter()
    for each in reversed(headers):
        yield (each.header.protocol, seen[each.header.protocol]), each
        seen[each.header.protocol] += 1


# ---- as HTML -----------------------------------------------------------------------------------------------


def told(walked: Walk, number: int) -> str:
    """Give what is to be read beside the picture of a stop."""
    stop = walked.stops[number - 1]
    news = f"<p>{escape(stop.news)}</p>" if stop.news else ""
    return f"{news}{_changes(stop)}{_table(stop)}{_command(stop)}"


def _changes(stop: Stop) -> str:
    """Tell what has changed since the stop before; of the first one, what kind of packet it is."""
    if stop.hop.changes:
        items = "".join(f"<li>{escape(str(each))}{_rule(stop, each.rule)}</li>" for each in stop.hop.changes)
        return f'<p>Changed{_since(stop)}:</p><ul class="changes">{items}</ul>'
    if stop.marked:
        return f"<p>Changed{_since(stop)}: what is marked.</p>"
    if stop.hop.number == 1 or stop.news:
        return f"<p>It is {escape(_kind(stop.hop))}.</p>"
    return f'<p class="soft">Nothing has changed{_since(stop)}.</p>'


def _since(stop: Stop) -> str:
    return f" since hop {stop.number - 1}" if stop.hop.number > 1 and not stop.news else ""


def _kind(hop: Hop) -> str:
    kind = hop.packet.innermost.kind
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"


def _rule(stop: Stop, rule: object) -> str:
    if rule is None:
        return ""
    text = f"{rule.table} {rule.chain} of {stop.hop.place}: {rule.rule}"  # type: ignore[attr-defined]
    return f"<br><code>{escape(text)}</code>"


def _table(stop: Stop) -> str:
    parts = "".join(_part(each) for each in stop.headers)
    caption = "Headers, from the outside in"
    return f'<table class="headers"><caption>{caption}</caption>{parts}</table>' if parts else ""


def _part(opened_header: Opened) -> str:
    header = opened_header.header
    size = f"layer {header.osi}, {header.size} bytes"
    title = f'{escape(header.protocol)} <span class="soft">{size}</span>'
    new = " <mark>new</mark>" if opened_header.new else ""
    head = f'<tr><th colspan="2" scope="rowgroup">{title}{new}</th></tr>'
    return f"<tbody>{head}{''.join(map(_line, opened_header.entries))}</tbody>"


def _line(entry: Entry) -> str:
    value = _unbroken(entry.value)
    if entry.before is not None:
        was = f'<br><span class="soft">was {_unbroken(entry.before) or "not there"}</span>'
        value = f"<mark><b>{value}</b></mark>{was}"
    return f'<tr><th scope="row">{entry.name}</th><td>{value}</td></tr>'


def _unbroken(text: str) -> str:
    """Keep what is in brackets on one line."""
    return re.sub(r"(\(.*\))", r'<span class="whole">\1</span>', escape(text))


def _command(stop: Stop) -> str:
    return f'<p class="soft typed">To see it yourself: <code>{escape(stop.command)}</code></p>'


def judged(verdict: Verdict) -> str:
    """Give a verdict with its evidence, and with a sign, so that it is not told by colour."""
    sign, kind = {True: ("✓", ""), False: ("✗", " wrong"), None: ("?", " wrong")}[verdict.reached]
    return f'<div class="message{kind}" role="status"><span class="sign">{sign}</span>{verdict._repr_html_()}</div>'
