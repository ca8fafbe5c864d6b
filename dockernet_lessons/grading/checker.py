"""Judges a learner's testbed from beside it: ``python -m dockernet_lessons.grading.checker ASSIGNMENT SEED SUITE``.

Runs as the warden of a cell, and so out of the learner's reach. Each line that it reads is the source of a cell of the
grader's own, or asks to note who has to stay; each is answered by one line. See ``session``.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from typing import Any

from dockernet_lessons import observe, probe
from dockernet_lessons.errors import LessonError
from dockernet_lessons.grading.task import Task
from dockernet_lessons.testbed import tree, warden
from dockernet_lessons.testbed.testbed import Testbed, adopt

MANY = 4000
"""How many letters of what a check printed are kept."""


def main(assignment: str, seed: str, suite: str) -> None:
    """Answer until there are no more questions."""
    task = Task(assignment, seed)
    built = tree.cached(suite)
    for line in sys.stdin:
        asked = json.loads(line)
        adopt(Testbed(warden.LearnersCarrier(), warden.RUNTIME, suite, host_names=_hosts()))
        if "note" in asked:
            answer = _noted(task)
        elif built is not None and (changed := warden.changed_tools(built)):
            answer = {"points": 0, "said": [f"The testbed's own tools were changed: {', '.join(changed[:5])}."]}
        else:
            answer = judged(task, asked["source"], asked["points"])
        print(json.dumps(answer), flush=True)


def _hosts() -> tuple[str, ...]:
    """Tell which hosts the learner's testbed has by now."""
    return tuple(host for host in ("host1", "host2") if (warden.RUNTIME / "sockets" / f"{host}.sock").exists())


def _noted(task: Task) -> dict[str, Any]:
    try:
        task.note()
    except LessonError as error:
        return {"said": [error.message]}
    return {"said": []}


def judged(task: Task, source: str, of: float) -> dict[str, Any]:
    r"""Run a check: a number at its end is what it gives; without one, all the points; where it raises, none.

    >>> judged(Task("bridges", "example"), "print('seen')\n1.5", of=2)
    {'points': 1.5, 'said': ['seen']}
    >>> judged(Task("bridges", "example"), "assert 1 > 2, 'too small'", of=2)
    {'points': 0, 'said': ['AssertionError: too small']}
    """
    said = io.StringIO()
    points: float = 0
    problem = []
    with contextlib.redirect_stdout(said), task.looking_once():
        try:
            value = _value(source, {"task": task, **_offered()})
            points = min(max(value, 0), of) if isinstance(value, int | float) else of
        except Exception as error:  # noqa: BLE001  # whatever it is, the check did not pass
            problem = [f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'it raised'}"]
    return {"points": points, "said": [*said.getvalue()[:MANY].splitlines(), *problem]}


def _offered() -> dict[str, Any]:
    """Give what a check may use beside ``task``: all that the package offers."""
    looks = {name: getattr(observe, name) for name in observe.__all__}
    return {**looks, "fetch": probe.fetch, "ping": probe.ping, "resolve": probe.resolve, "run": probe.run}


def _value(source: str, names: dict[str, Any]) -> object:
    """Run a cell as a kernel does, and give the value that it ends with."""
    parsed = ast.parse(source, "check")
    last = parsed.body[-1] if parsed.body else None
    end = ast.Expression(parsed.body.pop().value) if isinstance(last, ast.Expr) else None  # type: ignore[attr-defined]
    exec(compile(parsed, "check", "exec"), names)  # noqa: S102  # of the grader's own notebook
    return eval(compile(end, "check", "eval"), names) if end else None  # noqa: S307


if __name__ == "__main__":
    main(*sys.argv[1:])
