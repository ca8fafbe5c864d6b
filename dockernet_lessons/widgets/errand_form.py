"""The fields of the path explorer: from where, to whom, what kind of packet; each says what it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dockernet_lessons.errors import LessonError
from dockernet_lessons.tracing.packets import ProbeKind
from dockernet_lessons.tracing.probes import SIZES
from dockernet_lessons.widgets.errand import OTHER, PORTS, Asked, Place
from dockernet_lessons.widgets.fields import Field, group, menu, text
from dockernet_lessons.widgets.panel import show

KINDS: dict[str, ProbeKind] = dict(
    zip(
        ("ping: an echo request", "tcp: open a connection", "udp: one datagram", "dns: ask for a name", "http: a page"),
        ("ping", "tcp", "udp", "dns", "http"),
        strict=True,
    )
)


class ErrandForm:
    """All fields together; ``asked`` is what they hold, ``places`` who may send and get packets."""

    def __init__(self, first: Asked, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._quiet = False
        self.places: Mapping[str, Place] = {}
        self.fields = {
            "source": Field(menu("From", ())),
            "target": Field(menu("To", ())),
            "typed": Field(text("Name or address", "db, or 192.0.2.3")),
            "kind": Field(menu("Kind of packet", tuple(KINDS))),
            "port": Field(text("Port", "1 to 65535")),
            "size": Field(text("Size, in bytes", f"left out, or {SIZES[0]} to {SIZES[-1]}")),
        }
        self.box = group(list(self.fields.values()))
        self._first = first
        self._set("kind", next(words for words, kind in KINDS.items() if kind == first.kind))
        for name in ("typed", "port", "size"):
            self._set(name, getattr(first, name))
        for name, field in self.fields.items():
            act = self._kind_changed if name in ("kind", "target") else self._tell
            field.control.observe(lambda _, act=act: act(), "value")

    @property
    def asked(self) -> Asked:
        """What the fields hold."""
        return Asked(
            source=self._holds("source"),
            target=self._holds("target"),
            typed=self._holds("typed"),
            kind=self._kind(),
            port=self._holds("port"),
            size=self._holds("size"),
        )

    def update(self, places: Mapping[str, Place]) -> None:
        """Offer who is there now, and keep what was chosen where it still is; who has gone is not replaced."""
        first_time, self.places = not self.places, places
        names = list(places)
        wanted = {"source": self._holds("source"), "target": self._holds("target")}
        if first_time:
            source = self._first.source or next(iter(names), "")
            other = next((name for name in names if name != source), OTHER)
            target = self._first.target if self._first.target in names else OTHER
            wanted = {"source": source, "target": target if self._first.target else other}
        for field, options in (("source", names), ("target", [*names, OTHER])):
            self._quiet = True
            self.fields[field].control.options = options
            self.fields[field].control.value = wanted[field] if wanted[field] in options else None
            self._quiet = False
        self._kind_changed()

    def complain(self, problems: Mapping[str, LessonError]) -> None:
        """Put each complaint at its field."""
        for name, each in self.fields.items():
            each.complain(problems.get(name))

    def _kind_changed(self) -> None:
        kind = self._kind()
        show(self.fields["target"].box, when=kind != "dns")
        self.fields["typed"].control.description = "Name to ask for" if kind == "dns" else "Name or address"
        show(self.fields["typed"].box, when=kind == "dns" or self._holds("target") == OTHER)
        show(self.fields["port"].box, when=kind in PORTS)
        show(self.fields["size"].box, when=kind == "ping")
        self._tell()

    def _kind(self) -> ProbeKind:
        return KINDS[self._holds("kind")]

    def _holds(self, name: str) -> str:
        return str(self.fields[name].control.value or "").strip()

    def _set(self, name: str, value: str) -> None:
        self.fields[name].control.value = value

    def _tell(self) -> None:
        if not self._quiet:
            self._changed()
