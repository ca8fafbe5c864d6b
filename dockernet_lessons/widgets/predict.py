"""A prediction: answer first, then see. The answer is locked, kept in the notebook, never graded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets

from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container
from dockernet_lessons.matrix import Reach, reach
from dockernet_lessons.widgets.jobs import Job
from dockernet_lessons.widgets.keeper import Keeper
from dockernet_lessons.widgets.panel import Panel, button, hide, html, row, show
from dockernet_lessons.widgets.prediction import (
    AS_PREDICTED,
    OTHERWISE,
    Choices,
    Matrix,
    Question,
    key_of,
    packed,
    read_choices,
    unpacked,
)

OPEN = "?"
YES_NO = {"yes": True, "no": False}
Place = Container | str


class Prediction(Panel):
    """A question to answer before it is measured. ``answer`` is ``None`` until then."""

    def __init__(self, question: Question, measure: Callable[[], object]) -> None:
        super().__init__(f"Predict: {question.question}")
        self.question = question
        self.answer: Any = None
        self.measured: object = None
        self._seen = False
        self._measure = measure
        self._keeper = Keeper(key=key_of(question))
        self._asked = _Chooser(question) if isinstance(question, Choices) else _Grid(question)
        self._lock = button("Lock in my prediction", self.lock, primary=True)
        self._why_not = html("")
        self._again = button("Measure again", self.measure)
        self._outcome = html("")
        self._controls = row(self._lock, self._why_not)
        self._body.children = [self._asked.box, self._controls, self._outcome, self._again, self._keeper]
        hide(self._again, self._outcome)
        self._asked.listen(self.enable)
        self._keeper.observe(lambda _: self._remember(), "text")
        self.enable()

    def __repr__(self) -> str:
        return f"Predict: {self.question!r}"

    def lock(self) -> None:
        """Take the answer that is chosen as the learner's own, for good, and measure."""
        if self.answer is None and not self._asked.missing():
            self._take(self._asked.answer())
            self._keeper.text = packed(self.answer)

    def forget(self) -> None:
        """Forget the answer, here and in the notebook: the question can be answered anew."""
        self.answer = self.measured = None
        self._seen = False
        self._keeper.text = ""
        hide(self._again, self._outcome)
        show(self._asked.box, self._controls)
        self.enable()
        self.keep()

    def measure(self) -> None:
        """Measure, now that the answer is locked, and show both."""
        if self.answer is not None:
            self.work("Measuring", self._compare, steps=2)

    def again(self, job: Job) -> None:
        """Leave the new testbed alone: what is to be measured is made by the lesson's own cells."""
        show(self._again)

    def enable(self) -> None:
        """Allow to lock what is complete, once."""
        missing = self._asked.missing()
        self._lock.disabled = bool(missing) or self.answer is not None
        self._why_not.value = f'<span class="soft">{escape(missing)}</span>'
        self._again.disabled = self.busy

    def fallback(self) -> str:
        """Give the question; with an answer also that, and what was measured."""
        asked = f"<p><b>{escape(self.question.question)}</b></p>"
        if self.answer is None:
            return f"{asked}<p>Run this cell to answer: {escape(self._asked.offered())}.</p>"
        return asked + self._comparison()

    def _comparison(self) -> str:
        if not self._seen:
            return self.question.said(self.answer)
        agrees = self.question.agrees(self.answer, self.measured)  # type: ignore[arg-type]  # each kind its own
        verdict = f'<p class="{"good" if agrees else "bad"}">{AS_PREDICTED if agrees else OTHERWISE}</p>'
        return self.question.compared(self.answer, self.measured) + verdict  # type: ignore[arg-type]

    def _remember(self) -> None:
        """Take over the answer that the notebook has kept from an earlier time."""
        if self.answer is None and self._keeper.text:
            answer = unpacked(self.question, self._keeper.text)
            if answer is not None:
                self._take(answer)

    def _take(self, answer: object) -> None:
        self.answer = answer
        hide(self._asked.box, self._controls)
        self._outcome.value = self._comparison()
        show(self._outcome)
        self.enable()
        self.measure()

    def _compare(self, job: Job) -> None:
        job.step("asking the testbed")
        show(self._again)  # until it has worked: what is measured may not be there any more
        measured = self._measure()
        job.step("comparing")
        self.measured = measured
        self._seen = True
        self._outcome.value = self._comparison()
        hide(self._again)


class _Chooser:
    """One answer out of a few."""

    def __init__(self, question: Choices) -> None:
        self._radio = ipywidgets.RadioButtons(
            options=question.labels, value=None, description=question.question, layout={"width": "auto"}
        )
        self._radio.add_class("dockernet-hidden-label")
        self.box = self._radio
        self._labels = question.labels

    def listen(self, act: Callable[[], None]) -> None:
        self._radio.observe(lambda _: act(), "value")

    def missing(self) -> str:
        return "" if self._radio.value else "Choose an answer first."

    def answer(self) -> str:
        return str(self._radio.value)

    def offered(self) -> str:
        return " or ".join(self._labels)


class _Grid:
    """A matrix with a choice in each cell."""

    def __init__(self, question: Matrix) -> None:
        self._question = question
        self._cells = {pair: self._cell(*pair) for pair in question.pairs}
        heads = [_cell_text(f"to {name}") for name in question.targets]
        rows = [[_cell_text(""), *heads]]
        for source in question.sources:
            line = [self._cells.get((source, target)) or _cell_text("·") for target in question.targets]
            rows.append([_cell_text(f"from {source}"), *line])
        width = 1 + len(question.targets)
        self.box = ipywidgets.GridBox(
            [cell for line in rows for cell in line],
            layout={"grid_template_columns": f"max-content repeat({width - 1}, 7em)", "grid_gap": "4px 12px"},
        )

    @staticmethod
    def _cell(source: str, target: str) -> ipywidgets.Dropdown:
        made = ipywidgets.Dropdown(
            options=[OPEN, *YES_NO], description=f"{source} reaches {target}", layout={"width": "6em", "margin": "0"}
        )
        made.add_class("dockernet-hidden-label")
        return made

    def listen(self, act: Callable[[], None]) -> None:
        for cell in self._cells.values():
            cell.observe(lambda _: act(), "value")

    def missing(self) -> str:
        still = sum(cell.value == OPEN for cell in self._cells.values())
        return f"{still} of {len(self._cells)} cells are still open." if still else ""

    def answer(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for (source, target), cell in self._cells.items():
            found.setdefault(source, {})[target] = str(cell.value)
        return found

    def offered(self) -> str:
        return f"yes or no, from each of {', '.join(self._question.sources)} to {', '.join(self._question.targets)}"


def _cell_text(text: str) -> ipywidgets.HTML:
    return html(f"<b>{escape(text)}</b>")


def predict(
    question: str,
    choices: Mapping[str, object] | Sequence[str] = YES_NO,
    *,
    measure: Callable[[], object],
) -> Prediction:
    """Ask for a prediction, lock it in, and only then measure and show both. Nothing is graded.

    >>> predict("Does web reach db by its name?", measure=lambda: True)
    Predict: Does web reach db by its name? (yes / no)

    ``choices`` are labels, each with the value that ``measure`` gives where it is right; labels alone stand for
    themselves. ``measure`` is called when the answer is locked, never before, and on another thread; what ``ping``,
    ``fetch``, ``resolve``, ``why`` and ``trace`` give counts as true where it worked, and is shown. The notebook keeps
    the answer in its own metadata: opened again, it still shows it.

    Raises ``LessonError`` where there is nothing to choose from.
    """
    return Prediction(read_choices(question, choices), measure)


def predict_reach(
    question: str,
    *places: Place,
    to: Sequence[Place] = (),
    measure: Callable[[], Reach] | None = None,
) -> Prediction:
    """Have the matrix of who reaches whom predicted, cell by cell, then measure it.

    >>> predict_reach("Who reaches whom?", "web", "db", "neighbour", to=("web", "db"))
    Predict: Who reaches whom? (a matrix: web, db, neighbour to web, db)

    Measured is by ``reach(*places, to=to)``, pings to addresses, unless ``measure`` asks otherwise:
    ``measure=lambda: reach(web, db, by="name")``, with the same places.

    Raises ``LessonError`` where nobody is asked about.
    """
    sources, targets = tuple(map(_name, places)), tuple(map(_name, to or places))
    matrix = Matrix(question, sources, targets)
    if not matrix.pairs:
        raise LessonError(
            "There is nothing to predict: who shall reach whom?",
            hint='name two places or more, for example predict_reach("Who reaches whom?", web, db, "neighbour").',
        )
    return Prediction(matrix, measure or (lambda: reach(*places, to=to)))


def _name(place: Place) -> str:
    return place.name if isinstance(place, Container) else place
