"""Ways into a place of the testbed for somebody who types: the command of this machine that runs one there.

Makes commands, runs none. What a place is called, and which container is meant, is found out by others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dockernet_lessons.testbed.testbed import Testbed

INSIDE = "/usr/lib/testbed/inside"
A_DAY = "86400"
"""How long, in seconds, a command may run that somebody watches."""
MARK = "DOCKERNET_SHELL"
"""The variable by which everything that a shell started is known again, in whichever container it runs."""
TERMINALS = "/run/shells"
"""Where a shell notes its terminal, where that is one made inside the testbed."""

SHELL = f"""
mark=$1 name=$2 inside=$3 host=$4 terminal=$5 session=$6
mkdir -p {TERMINALS}
tty > {TERMINALS}/"$mark" || rm -f {TERMINALS}/"$mark"
if [ -n "$host" ]; then
    nsenter --target "${{inside#pid:}}" --mount --root sh -c : 2>/dev/null
    case $? in
    126 | 127)
        echo "$name has no shell. This one is the testbed's, in the network namespace of $name:"
        echo "the network is the one that $name has, the files and programs are not."
        ;;
    *)
        exec {INSIDE} "$host" {A_DAY} $session \\
            docker exec "$terminal" --env {MARK}="$mark" --env PS1="$name # " "$name" sh
        ;;
    esac
fi
exec {INSIDE} "$inside" {A_DAY} $session env PS1="$name # " sh
"""
"""A shell in a place; ``session`` makes the terminal its own, so that it has job control."""

END = f"""
rm -f {TERMINALS}/"$1"
quiet=0
while [ $quiet -lt 3 ]; do
    quiet=$((quiet + 1))
    for each in $(grep -lsxz "{MARK}=$1" /proc/[0-9]*/environ); do
        each=${{each#/proc/}}
        kill -KILL "${{each%/environ}}" 2>/dev/null
        quiet=0
    done
    sleep 0.1
done
"""
"""Ends all that carries a mark. Docker leaves running what `docker exec` began when that itself is killed."""

RESIZE = f"""
terminal=$(cat {TERMINALS}/"$1") && exec stty -F "$terminal" cols "$2" rows "$3"
"""


@dataclass(frozen=True, slots=True)
class Door:
    """A way into a place: its name, and what the testbed calls it; for a container, the host that it runs on.

    ``inside`` is a place as ``Testbed.run`` takes it: ``"router"``, or ``"pid:4711"``.
    """

    name: str
    inside: str
    host: str = ""


def command(bed: Testbed, door: Door, words: Sequence[str], *, terminal: bool, kind: str) -> list[str]:
    """Give the command that runs another in a place, with our input; ``kind`` is what ``TERM`` shall be."""
    place = door.inside
    if door.host:
        place, words = door.host, ["docker", "exec", _terminal(terminal), door.name, *words]
    return _clean(bed, [INSIDE, place, A_DAY, *words], kind=kind)


def shell(bed: Testbed, door: Door, mark: str, *, terminal: bool, kind: str, session: bool) -> list[str]:
    """Give the command that opens a shell in a place.

    For a container without one it is a shell of the testbed's, in the container's network namespace. With ``session``
    the terminal becomes the shell's own: only for one that no other session has.
    """
    how = "setsid --ctty --wait" if session else ""
    words = ["sh", "-c", SHELL, "shell", mark, door.name, door.inside, door.host, _terminal(terminal), how]
    return _clean(bed, words, kind=kind, mark=mark)


def end(bed: Testbed, mark: str) -> list[str]:
    """Give the command that ends a shell, and all that was started from it."""
    return _clean(bed, ["sh", "-c", END, "end", mark])


def resize(mark: str, columns: int, rows: int) -> list[str]:
    """Give what to run in the place ``testbed`` when the terminal of a shell has another size."""
    return ["sh", "-c", RESIZE, "resize", mark, str(columns), str(rows)]


def _clean(bed: Testbed, words: Sequence[str], *, kind: str = "dumb", mark: str = "") -> list[str]:
    variables = ["PATH=/usr/sbin:/usr/bin", "HOME=/root", f"TERM={kind}", *([f"{MARK}={mark}"] if mark else [])]
    return bed.carrier.command(bed.runtime, ["env", "-i", *variables, *words])


def _terminal(there: bool) -> str:
    return "-it" if there else "-i"
