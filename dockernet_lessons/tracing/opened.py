"""A frame taken apart, as a table: the headers that each layer put in front of what the one above gave it."""

from __future__ import annotations

from collections.abc import Sequence

from dockernet_lessons.display import Table
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Place
from dockernet_lessons.tracing.headers import Header, headers
from dockernet_lessons.tracing.journey import names_of_macs
from dockernet_lessons.tracing.packets import Hop, Packet
from dockernet_lessons.tracing.seen import typed


def opened(number: int, hops: Sequence[Hop], heard: Sequence[Packet], places: Sequence[Place]) -> Table[Header]:
    """Take apart the frame of a hop: the first one there in which the program says something, else the hop's own."""
    if not isinstance(number, int) or not 1 <= number <= len(hops):
        has = f"it has hops 1 to {len(hops)}." if hops else "nothing of it was heard anywhere."
        raise LessonError(f"This way has no hop {number!r}.", hint=has)
    hop = hops[number - 1]
    said = (packet for packet in heard if packet.at == hop.end and _says_more(packet, hop.packet))
    whose = names_of_macs(places)

    def who(address: str) -> str:
        return f"{address} ({whose[address]})" if address in whose else address

    here = next(place for place in places if place.name == hop.place)
    at, command = typed(here, f"tcpdump -n -e -X -i {hop.interface}")
    return Table(
        headers(next(said, hop.packet).frame),
        columns={
            "layer": lambda header: header.layer,
            "OSI": lambda header: header.osi,
            "header": lambda header: header.protocol,
            "bytes": lambda header: header.size,
            "from": lambda header: who(header.source),
            "to": lambda header: who(header.target),
            "what is inside": lambda header: header.inside,
        },
        command=command,
        at=at,
    )


def _says_more(packet: Packet, first: Packet) -> bool:
    """Tell whether a packet is of the same conversation as another, in the same sense, and carries words."""
    one, other = packet.innermost, first.innermost
    conversation = (one.protocol, one.source, one.target, one.source_port, one.target_port)
    same = conversation == (other.protocol, other.source, other.target, other.source_port, other.target_port)
    return bool(same and one.data and one.time >= other.time)
