"""What a trace gives: the way of a packet and of its answer, in text, as a table, and on the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from dockernet_lessons.display import Table, aligned
from dockernet_lessons.facts import PacketPath, Step, Topology
from dockernet_lessons.picture import Picture, draw
from dockernet_lessons.tracing.headers import Header
from dockernet_lessons.tracing.journey import Journey
from dockernet_lessons.tracing.opened import opened
from dockernet_lessons.tracing.packets import Hop, Leg, Packet, Probe, Verdict, with_port

COLUMNS = ("", "heard at", "frame to", "packet", "TTL", "changed")
LAST = len(COLUMNS) - 1


@dataclass(frozen=True, slots=True)
class Trace:
    """One packet's way, hop by hop, its answer's way back, and the verdict; with all packets heard meanwhile.

    ``topology`` is what the testbed was like just before the packet was sent.
    """

    probe: Probe
    verdict: Verdict
    journey: Journey
    topology: Topology
    packets: tuple[Packet, ...] = ()

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The hops of the way out, in order."""
        return self.journey.hops

    @property
    def answer(self) -> tuple[Hop, ...]:
        """The hops of the way back, in order."""
        return tuple(hop for leg in self.journey.back for hop in leg.hops)

    def headers(self, hop: int = 1) -> Table[Header]:
        """Take a frame apart, as it was at a hop: the headers that each layer put in front of the one above.

        It is the first frame at that interface, on the way out, in which the program says something; else the one that
        the hop shows.

        >>> from dockernet_lessons import trace
        >>> [header.size for header in trace(web, "http://172.30.0.3").headers(1)]
        [14, 20, 32, 74]

        Raises ``LessonError`` for a hop that there is none of.
        """
        return opened(hop, self.hops, self.packets, self.topology.places)

    @property
    def path(self) -> PacketPath:
        """The way as it is drawn on the topology; the answer's, where that is what was lost."""
        back = self.verdict.on_the_way_back and self.answer
        hops = self.answer if back else self.hops
        states = ["reply" if back else "passed"] * len(hops)
        lost = self.verdict.reached is not True
        if lost and states:
            states[-1] = "last"
        steps = tuple(
            Step(hop.end, str(number), state)  # type: ignore[arg-type]  # one of the three words
            for number, (hop, state) in enumerate(zip(hops, states, strict=True), start=1)
        )
        return PacketPath(steps, (self.verdict.short or "lost") if lost else None)

    def draw(self, *, title: str | None = None) -> Picture:
        """Draw the way on the picture of the testbed."""
        return draw(self.topology, title=title, path=self.path)

    def __repr__(self) -> str:
        return "\n".join([repr(self.probe), *self._lines(), repr(self.verdict)])

    def _lines(self) -> Iterator[str]:
        for heading, legs in self._parts():
            yield from [heading] if heading else []
            for leg in legs:
                yield from aligned([COLUMNS, *(row for row, _ in _rows(leg))])
                yield from _rules(leg)

    def _parts(self) -> Iterator[tuple[str, Sequence[Leg]]]:
        """Give what is shown one below the other: sentences, and the tables that follow them."""
        for leg in self.journey.out:
            how = f"{leg.relay} reads it, and sends a packet of its own:" if leg.relay else ""
            yield how, [leg]
        answers = [leg for leg in self.journey.back if leg.hops]
        refused = answers and answers[0].hops[0].packet.innermost.kind.startswith("RST")
        what = "The refusal" if refused else "The answer"
        if answers and self._came_the_same_way():
            yield f"{what} came back the same way.", []
        elif answers:
            yield f"{what}:", answers

    def _came_the_same_way(self) -> bool:
        """Tell whether each leg's answer was heard at the same interfaces, in the opposite order."""
        pairs = zip(self.journey.out, reversed(self.journey.back), strict=True)
        return all([hop.label for hop in reversed(back.hops)] == [hop.label for hop in leg.hops] for leg, back in pairs)

    def _repr_html_(self) -> str:
        picture = self.draw().html if self.hops else ""
        tables = "".join(
            f"{f'<p>{escape(heading)}</p>' if heading else ''}{''.join(map(_table, legs))}"
            for heading, legs in self._parts()
        )
        return f"<p><b>{escape(repr(self.probe))}</b></p>{picture}{tables}{self.verdict._repr_html_()}"


def _rows(leg: Leg) -> Iterator[tuple[list[str], list[bool]]]:
    """Give a leg's rows as text, each with which of its cells differ from the row above."""
    above: list[str] = []
    for hop in leg.hops:
        inner = hop.packet.innermost
        to = with_port(inner.target, inner.target_port)
        ttl = "" if inner.ttl is None else str(inner.ttl)
        row = [
            str(hop.number),
            hop.label,
            hop.frame_to,
            f"{inner.source} -> {to}",
            ttl,
            "; ".join(map(str, hop.changes)),
        ]
        yield row, [bool(above) and i in (2, 3, 4) and row[i] != above[i] for i in range(len(row))]
        above = row


def _rules(leg: Leg) -> Iterator[str]:
    """Give the rules that rewrote addresses on a leg, in full."""
    for hop in leg.hops:
        for rule in (change.rule for change in hop.changes if change.rule):
            yield f"{hop.number}: {rule.table} {rule.chain} of {hop.place}: {rule.rule}"


def _table(leg: Leg) -> str:
    left, whole = "text-align:left;font-family:monospace", ";white-space:nowrap"
    named = (f'<th scope="col" style="text-align:left">{escape(name)}</th>' for name in COLUMNS if name)
    head = f"<td></td>{''.join(named)}"  # a heading has to say something: the first column is that of the numbers
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{left}{whole if number < LAST else ""}">{_marked(cell, new)}</td>'
            for number, (cell, new) in enumerate(zip(row, changed, strict=True))
        )
        + "</tr>"
        for row, changed in _rows(leg)
    )
    rules = "".join(f"<br><code>{escape(line)}</code>" for line in _rules(leg)).removeprefix("<br>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{f'<p>{rules}</p>' if rules else ''}"


def _marked(cell: str, new: bool) -> str:  # a cell and its mark
    return f"<mark><b>{escape(cell)}</b></mark>" if new else escape(cell)
