"""Pure: what became of a packet, told from what was observed; and said honestly where it cannot be told."""

from __future__ import annotations

from collections.abc import Callable

from dockernet_lessons.tracing import causes, decode
from dockernet_lessons.tracing.causes import Cause
from dockernet_lessons.tracing.journey import relay_at
from dockernet_lessons.tracing.packets import Evidence, Hop, Leg, Packet, Verdict
from dockernet_lessons.tracing.seen import Seen, heard_at, typed


def judge(seen: Seen) -> Verdict:
    """Tell what became of a probe."""
    if not seen.journey.out:
        return _never_left(seen)
    for leg, back in zip(seen.journey.out, reversed(seen.journey.back), strict=True):
        last = leg.hops[-1]
        if not back.hops:
            return _reached(seen, leg) if _needs_no_answer(seen, last) else _lost(seen, leg, leg)
        if back.hops[0].packet.innermost.kind.startswith("RST"):
            return _failed(seen, causes.closed(seen, leg, "RST"), last)
        if back.hops[-1].place != leg.hops[0].place:
            return _lost(seen, back, leg)
    return _reached(seen, seen.journey.out[-1])


def _reached(seen: Seen, leg: Leg) -> Verdict:
    last = leg.hops[-1]
    port = last.packet.innermost.target_port
    to = f"{last.place}, port {port}" if seen.probe.kind in ("tcp", "udp", "http") else last.place
    through = f" through {leg.relay}, which opened a connection of its own" if leg.relay == "docker-proxy" else ""
    if seen.probe.kind == "dns":
        return _told(seen, leg)
    return Verdict(True, f"{seen.probe.source} reached {to}{through}.", (heard_at(seen, last),), last.end)


def _told(seen: Seen, leg: Leg) -> Verdict:
    """Say what a name server answered, and who that was."""
    last = leg.hops[-1]
    whom = relay_at(seen.place(last.place), last.packet) or last.place
    asked = f", which {leg.relay} asked" if leg.relay else ""
    answers = decode.addresses(seen.journey.back[-1].hops[-1].packet.innermost.data)
    what = " and ".join(map(str, answers)) or "that nobody has this name"
    sentence = f"{seen.probe.source} was told by {whom}{asked}: {what}."
    return Verdict(True, sentence, (heard_at(seen, last),), last.end)


def _needs_no_answer(seen: Seen, last: Hop) -> bool:
    """Tell whether a datagram came to somebody who listens for it: UDP itself answers nothing."""
    if seen.probe.kind != "udp" or not seen.arrived(last):
        return False
    packet, place = last.packet.innermost, seen.place(last.place)
    refused = any(quoted.target_port == packet.target_port for quoted in _quoted(seen))
    listening = any((each.protocol, each.port) == ("udp", packet.target_port) for each in place.listeners)
    return listening and not refused and not seen.lost_at(place.name)


def _quoted(seen: Seen) -> list[Packet]:
    return [each.innermost.about for each in seen.heard if each.innermost.about is not None]


def _never_left(seen: Seen) -> Verdict:
    """Tell why nothing of a probe was heard at any interface of the place that sends it."""
    place, address = seen.place(seen.probe.place), seen.probe.address
    cause = (
        causes.no_route(place, address)
        or causes.too_big(seen, place)
        or causes.rule(seen, place.name)
        or causes.unanswered(seen, place.name)
    )  # in the order in which the kernel comes to them
    if cause is not None:
        return _failed(seen, cause, None)
    said = seen.stderr.strip().splitlines()[-1:]
    what = f"nothing of it left {place.name}{f' ({said[0]})' if said else ''}"
    return _cannot_tell(seen, what, Evidence("its route", *typed(place, f"ip route get {address}")), None)


def _lost(seen: Seen, leg: Leg, out: Leg) -> Verdict:
    """Tell where and why a packet, or the answer to it, was heard no more; ``out`` is the leg on the way there."""
    last, back = leg.hops[-1], leg is not out
    questions: tuple[Callable[[], Cause | None], ...] = (
        lambda: causes.complaint(seen, leg),
        lambda: causes.rule(seen, last.place),
        lambda: causes.unanswered(seen, last.place),
        lambda: causes.not_forwarded(seen, last),
        lambda: causes.swallowed(seen, last),
    )
    for ask in questions:
        if cause := ask():
            return _failed(seen, cause, last, back=back)
    if not back and (cause := causes.no_way_back(seen, last)):
        return _failed(seen, cause, last, back=True)
    arrived = f"it came to {last.place}, and no answer was heard" if seen.arrived(last) else ""
    what = arrived or f"{'the answer' if back else 'it'} was last heard at {last.label}"
    return _cannot_tell(seen, what, heard_at(seen, last), last, back=back)


def _failed(seen: Seen, cause: Cause, last: Hop | None, *, back: bool = False) -> Verdict:
    if not cause.certain:
        return _cannot_tell(seen, cause.text, cause.evidence[0], last, back=back)
    of_it = f"the answer was lost, {cause.text}" if back else cause.text
    sentence = f"{seen.probe.source} did not reach {_whom(seen)}: {of_it}."
    return Verdict(False, sentence, cause.evidence, last.end if last else None, back, cause.short)


def _cannot_tell(seen: Seen, what: str, shown: Evidence, last: Hop | None, *, back: bool = False) -> Verdict:
    sentence = f"{seen.probe.source} did not reach {_whom(seen)}, and I can't tell why: {what}."
    return Verdict(None, sentence, (shown,), last.end if last else None, back, "last heard here")


def _whom(seen: Seen) -> str:
    port = f" port {seen.probe.port}" if seen.probe.port else ""
    return f"the name server {seen.probe.address}" if seen.probe.kind == "dns" else f"{seen.probe.target}{port}"
