"""A place as a learner names it, and a table of what was seen there, under the command that prints the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dockernet_lessons.display import Row, Table
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container
from dockernet_lessons.places import places
from dockernet_lessons.whereabouts import check_runs, record_of, typed_in_container, typed_in_sandbox


class Here:
    """A place that a learner named, as it was observed, with everything else that was seen at that moment."""

    def __init__(self, place: Container | str) -> None:
        self.seen = places()
        self.name = str(place)
        found = [each for each in self.seen if self.name in (each.name, *each.containers)]
        if isinstance(place, Container) or not found:
            record = record_of(place)
            if record is not None:
                check_runs(record)
                found = [each for each in found if each.machine == record.host]
        if not found:
            raise LessonError(f"{self.name} came or went while it was looked at.", hint="run the cell again.")
        self.place = found[0]

    def table(self, rows: Sequence[Row], *, columns: Mapping[str, Callable[[Row], object]], command: str) -> Table[Row]:
        """Show rows under the command that prints the same in this place."""
        if self.place.kind == "sandbox":
            command = typed_in_sandbox(self.place, command)
        elif self.name in self.place.containers:
            command = typed_in_container(self.name, command)
        return Table(rows, columns=columns, command=command, at=self.place.machine)


def check_version(version: int) -> None:
    """Refuse what is no version of the Internet Protocol."""
    if version not in (4, 6):
        raise LessonError(f"There is no IP version {version!r}.", hint="the versions are 4 and 6.")
