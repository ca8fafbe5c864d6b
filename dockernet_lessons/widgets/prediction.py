"""A question, what a learner answered, and what was measured, put side by side. Nothing is counted or graded.

Knows neither widgets nor testbeds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Answer, Ping, Resolution
from dockernet_lessons.matrix import SYMBOLS, WORDS, Reach
from dockernet_lessons.tracing.packets import Verdict
from dockernet_lessons.tracing.traced import Trace

AS_PREDICTED = "As you predicted."
OTHERWISE = "Not what you predicted. Read on: the lesson tells why."
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Choices:
    """A question with an answer to choose: the labels that a learner reads, each with the value that it stands for.

    >>> Choices("Does web reach db?", (("yes", True), ("no", False)))
    Does web reach db? (yes / no)
    """

    question: str
    choices: tuple[tuple[str, Any], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What a learner chooses from."""
        return tuple(label for label, _ in self.choices)

    def __repr__(self) -> str:
        return f"{self.question} ({' / '.join(self.labels)})"

    def takes(self, answer: object) -> bool:
        """Tell whether this is an answer to the question: what an older form of it was given is none."""
        return answer in self.labels

    def said(self, answer: str) -> str:
        """Give an answer as HTML."""
        return f"<p>You predicted: <b>{escape(answer)}</b></p>"

    def agrees(self, answer: str, measured: object) -> bool:
        """Tell whether what was measured is what was predicted."""
        return self.label(measured) == answer

    def label(self, measured: object) -> str | None:
        """Give the label of what was measured, ``None`` where it is none of the choices.

        What the library's own probes give counts by :func:`worked`.
        """
        found = [label for label, value in self.choices if value in (measured, worked(measured))]
        return found[0] if found else None

    def compared(self, answer: str, measured: object) -> str:
        """Give prediction and measurement as HTML."""
        label = self.label(measured)
        seen = f"<b>{escape(label)}</b>" if label else "none of the choices"
        evidence = (
            "" if label == str(measured) or isinstance(measured, bool) else f"<pre>{escape(repr(measured))}</pre>"
        )
        return f"{self.said(answer)}<p>Measured: {seen}</p>{evidence}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix to fill in: who reaches whom, from each source to each other target.

    >>> Matrix("Who reaches whom?", ("web", "db"), ("web", "db")).pairs
    (('web', 'db'), ('db', 'web'))
    """

    question: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The cells to fill in: nobody is asked whether somebody reaches itself."""
        return tuple((source, target) for source in self.sources for target in self.targets if source != target)

    def __repr__(self) -> str:
        return f"{self.question} (a matrix: {', '.join(self.sources)} to {', '.join(self.targets)})"

    def takes(self, answer: object) -> bool:
        """Tell whether this is an answer to the question: one with every cell filled in."""
        return isinstance(answer, Mapping) and {
            (source, target) for source, row in answer.items() for target, word in row.items() if word in ("yes", "no")
        } == set(self.pairs)

    def said(self, answer: Mapping[str, Mapping[str, str]]) -> str:
        """Give an answer as HTML."""
        return self._table("You predicted, rows to columns:", lambda one, other: _sign(answer[one][other] == "yes"))

    def agrees(self, answer: Mapping[str, Mapping[str, str]], measured: Reach) -> bool:
        """Tell whether what was measured is what was predicted, wherever something was."""
        return not any(self._differs(answer, measured, *pair) for pair in self.pairs)

    def compared(self, answer: Mapping[str, Mapping[str, str]], measured: Reach) -> str:
        """Give prediction and measurement in one table, marked where they differ."""

        def cell(source: str, target: str) -> str:
            shown = _sign(measured(source, target))
            other = f" <b class='bad'>≠ you: {answer[source][target]}</b>"
            return shown + (other if self._differs(answer, measured, source, target) else "")

        return self._table(f"Measured {measured.how}, rows to columns:", cell)

    @staticmethod
    def _differs(answer: Mapping[str, Mapping[str, str]], measured: Reach, source: str, target: str) -> bool:
        return measured(source, target) is not None and answer[source][target] != WORDS[measured(source, target)]

    def _table(self, caption: str, cell: Any) -> str:
        heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.targets)
        rows = "".join(
            f'<tr><th scope="row">{escape(one)}</th>'
            + "".join(f"<td>{cell(one, other) if one != other else '·'}</td>" for other in self.targets)
            + "</tr>"
            for one in self.sources
        )
        return (
            f'<table><caption style="text-align:left">{escape(caption)}</caption>'
            f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )


Question = Choices | Matrix


def worked(measured: object) -> object:
    """Give what was asked of the testbed as whether it worked; anything else as it is.

    >>> worked(Ping("web", "db", 1, 0, None, "no answer", "ping db")), worked(42)
    (False, 42)
    """
    if isinstance(measured, Trace):
        measured = measured.verdict
    if isinstance(measured, Ping | Verdict):
        return measured.reached
    if isinstance(measured, Answer):
        return measured.problem is None
    return bool(measured.addresses) if isinstance(measured, Resolution) else measured


def _sign(reached: bool | None) -> str:
    return f"{SYMBOLS[reached][0]} {WORDS[reached]}"


def key_of(question: Question) -> str:
    """Give the key that an answer is kept under: another one where the question or its choices change.

    >>> key_of(Choices("Who?", (("web", 1),))) == key_of(Choices("Who?", (("web", 2),)))
    True
    """
    return hashlib.sha256(repr(question).encode()).hexdigest()[:12]


def packed(answer: object) -> str:
    """Give an answer as the notebook keeps it."""
    return json.dumps(answer)


def unpacked(question: Question, text: str) -> Any:
    """Read what the notebook kept; ``None`` where it is no answer to this question."""
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    return answer if question.takes(answer) else None


def read_choices(question: str, choices: Mapping[str, object] | Sequence[str]) -> Choices:
    """Read a question with its choices.

    Raises ``LessonError`` where there are fewer than two, or two of one name.
    """
    pairs = tuple(choices.items()) if isinstance(choices, Mapping) else tuple((each, each) for each in choices)
    if isinstance(choices, str) or len({label for label, _ in pairs}) < max(2, len(pairs)):
        raise LessonError(
            f"{choices!r} is no choice: it takes two labels or more, each another.",
            hint='write choices=("yes", "no"), or {"yes": True, "no": False} with the values that are measured.',
        )
    return Choices(question, pairs)
