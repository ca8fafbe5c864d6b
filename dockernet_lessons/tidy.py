"""What a lesson changed by hand in the testbed, undone when its lab ends: rules, routes, links and the like.

The testbed is remembered as it was before the first lab, and compared with that whenever no lab has anything on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dockernet_lessons import parse
from dockernet_lessons.errors import CommandFailed, LessonError
from dockernet_lessons.testbed import Testbed

PREDEFINED = {"bridge", "host", "none"}
REMEMBERED = "/run/remembered"
"""A folder inside the testbed, and so gone with it: a snapshot for each set of hosts, and a mark while all is tidy."""

REMEMBER = f"""
test -e {REMEMBERED}/$1 || {{
    /usr/lib/testbed/snapshot > {REMEMBERED}.part
    mkdir -p {REMEMBERED}
    mv {REMEMBERED}.part {REMEMBERED}/$1
}}
"""
JOINED = f"""
test -d {REMEMBERED} || exit 0
{REMEMBER}
"""
COMPARE = f"""
test -d {REMEMBERED} || exit 0
for file in {REMEMBERED}/host*; do
    echo "% ${{file##*/}}"
    cat "$file"
done
echo '% now'
/usr/lib/testbed/snapshot
"""


def begin(bed: Testbed) -> None:
    """Have the testbed remembered as it is before the first lab; undo first what a lab that was killed left changed."""
    was_tidy = bed.run("testbed", ["rm", f"{REMEMBERED}/tidy"], check=False).exit_code == 0
    if was_tidy or not _is_empty(bed):
        joined(bed)  # the lab may have asked for it as it started
    else:
        put_back(bed)
        _script(bed, REMEMBER, "-".join(bed.hosts))


def joined(bed: Testbed) -> None:
    """Remember a host that has just joined, where the others are remembered."""
    _script(bed, JOINED, "-".join(bed.hosts))


def end(bed: Testbed) -> None:
    """Undo what was changed by hand, where no lab has anything on the testbed any more.

    Raises ``LessonError`` where something cannot be undone.
    """
    if _is_empty(bed):
        put_back(bed)
        bed.run("testbed", ["sh", "-c", f"mkdir -p {REMEMBERED} && : > {REMEMBERED}/tidy"])


def put_back(bed: Testbed) -> dict[str, tuple[str, ...]]:
    """Undo what is not as it is remembered; tell what was done, by place."""
    remembered, now = _compared(bed)
    done = undoing(remembered, now)
    for place, commands in done.items():
        try:
            bed.run(place, ["sh", "-ec", "\n".join(commands)])
        except CommandFailed as error:
            raise LessonError(
                f"What was changed by hand on {place} could not be undone: {error.stderr.strip()}",
                hint="`dockernet down` ends the testbed; the next one is as new.",
            ) from error
    return done


def undoing(remembered: Iterable[str], now: str) -> dict[str, tuple[str, ...]]:
    """Give what undoes the changes of each place since it was first remembered; nothing for one without changes."""
    found: dict[str, tuple[str, ...]] = {}
    for text in remembered:
        found = parse.undo(text, now) | found
    return {place: commands for place, commands in found.items() if commands}


def _compared(bed: Testbed) -> tuple[list[str], str]:
    """Give the snapshots that are remembered, those of the fewest hosts first, and one of now."""
    texts = re.split(r"(?m)^% (\S+)\n", _script(bed, COMPARE))[1:]
    by_name = dict(zip(texts[::2], texts[1::2], strict=True))
    now = by_name.pop("now", "")
    return [by_name[name] for name in sorted(by_name, key=len)], now


def _script(bed: Testbed, script: str, *words: str) -> str:
    return bed.run("testbed", ["sh", "-ec", script, "tidy", *words], timeout=60).stdout


def _is_empty(bed: Testbed) -> bool:
    return not any(engine.containers() or set(engine.network_ids().values()) - PREDEFINED for engine in bed.engines())
