"""A prediction: locked once, measured only then, remembered by the notebook, never graded."""

from __future__ import annotations

import re
import threading

import pytest

from dockernet_lessons import Lab, LessonError, predict, predict_reach
from dockernet_lessons.facts import Answer, Container
from dockernet_lessons.matrix import Reach
from dockernet_lessons.widgets.predict import Prediction
from dockernet_lessons.widgets.prediction import AS_PREDICTED, OTHERWISE, Choices, Matrix, key_of, packed, unpacked

# The Docker SDK leaves a socket open that could not connect: that is so where an engine has died.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

GRADING = re.compile(r"\b(correct|wrong|right|score|points?|grade|fail(ed)?|well done)\b|%", re.IGNORECASE)
PLACES = ("web", "db", "neighbour")
MEASURED = Reach(
    "by ping to the address", PLACES, PLACES, ((True, False, None), (True, True, True), (False, False, True))
)


def answered(panel: Prediction, label: str) -> Prediction:
    """Choose an answer and lock it in by clicks, and wait until it is measured."""
    panel._asked._radio.value = label
    panel._lock.click()
    panel.desk.wait()
    return panel


def filled(panel: Prediction, word: str) -> Prediction:
    """Fill a matrix with one word and lock it in."""
    for cell in panel._asked._cells.values():
        cell.value = word
    panel._lock.click()
    panel.desk.wait()
    return panel


def everything(panel: Prediction) -> str:
    """Give all that a panel shows: its parts, and what stays in the notebook."""
    return " ".join([panel.fallback(), panel._outcome.value, panel._message.value, panel._why_not.value, repr(panel)])


@pytest.mark.parametrize(("label", "verdict"), [("yes", AS_PREDICTED), ("no", OTHERWISE)])
def test_the_answer_and_the_measurement_are_put_side_by_side(label: str, verdict: str) -> None:
    """Both are shown, whether they agree is said, and nothing is graded."""
    panel = answered(predict("Does web reach db?", measure=lambda: True), label)
    assert f"You predicted: <b>{label}</b>" in panel.fallback()
    assert "Measured: <b>yes</b>" in panel.fallback()
    assert verdict in panel._outcome.value
    assert not GRADING.search(everything(panel))


def test_nothing_is_measured_or_shown_before_the_answer() -> None:
    """What is measured is not even asked for, and no text of the panel holds it."""
    asked: list[bool] = []
    panel = predict("How many?", {"one": 41, "two": 42}, measure=lambda: asked.append(True) or 42)
    panel._asked._radio.value = "one"
    assert asked == []
    assert "42" not in everything(panel) + panel._static()["text/html"]
    panel._lock.click()
    panel.desk.wait()
    assert asked == [True]


def test_an_answer_is_locked() -> None:
    """Neither another click nor another choice changes it."""
    panel = answered(predict("Does web reach db?", measure=lambda: True), "no")
    panel._asked._radio.value = "yes"
    panel._lock.click()
    panel.lock()
    panel.desk.wait()
    assert panel.answer == "no"
    assert panel._lock.disabled
    assert panel._asked.box.layout.display == "none"


def test_a_double_click_measures_once() -> None:
    """The second click of two finds the answer locked."""
    asked: list[bool] = []
    panel = predict("Does web reach db?", measure=lambda: asked.append(True) or True)
    panel._asked._radio.value = "yes"
    panel._lock.click()
    panel._lock.click()
    panel.desk.wait()
    assert asked == [True]


def test_the_button_tells_what_is_missing() -> None:
    """It is disabled, with the reason beside it, until the answer is complete."""
    panel = predict_reach("Who reaches whom?", *PLACES, measure=lambda: MEASURED)
    assert panel._lock.disabled
    assert "6 of 6 cells are still open." in panel._why_not.value
    panel._asked._cells["web", "db"].value = "yes"
    assert "5 of 6 cells are still open." in panel._why_not.value
    panel.lock()
    assert panel.answer is None
    filled(panel, "yes")
    assert panel.answer["db"] == {"web": "yes", "neighbour": "yes"}


def test_a_matrix_marks_where_prediction_and_measurement_differ() -> None:
    """A cell in which a failure would prove nothing is no difference."""
    panel = filled(predict_reach("Who reaches whom?", *PLACES, measure=lambda: MEASURED), "yes")
    assert panel._outcome.value.count("you: yes") == 3
    assert "? ?" in panel._outcome.value
    assert OTHERWISE in panel._outcome.value
    agreeing = Reach("by ping", PLACES, PLACES, ((True,) * 3,) * 3)
    panel = filled(predict_reach("Who reaches whom?", *PLACES, measure=lambda: agreeing), "yes")
    assert "you:" not in panel._outcome.value
    assert AS_PREDICTED in panel._outcome.value


def test_a_matrix_can_have_other_targets_than_sources() -> None:
    """Containers are named by their names; nobody is asked whether it reaches itself."""
    web = Container("web", "host1", "0" * 64)
    panel = predict_reach("Who reaches web?", web, "neighbour", to=(web,))
    assert panel.question.pairs == (("neighbour", "web"),)


def test_an_answer_of_the_web_counts_by_whether_it_came() -> None:
    """What fetch gives is evidence: it is shown, and compared with yes and no."""
    lost = Answer("web", "http://db", "", "no connection", "wget -qO- http://db")
    panel = answered(predict("Is there an answer?", measure=lambda: lost), "no")
    assert AS_PREDICTED in panel.fallback()
    assert "no connection" in panel.fallback()


def test_what_is_none_of_the_choices_is_said() -> None:
    """Nobody is told to have predicted what was not offered."""
    panel = answered(predict("Which?", ("a", "b"), measure=lambda: "<c>"), "a")
    assert "none of the choices" in panel.fallback()
    assert "&lt;c&gt;" in panel.fallback()
    assert OTHERWISE in panel.fallback()


def test_the_notebook_remembers() -> None:
    """A new kernel's question takes over what the notebook has kept: locked, and measured anew."""
    first = answered(predict("Does web reach db?", measure=lambda: True), "no")
    second = predict("Does web reach db?", measure=lambda: True)
    assert second._keeper.key == first._keeper.key
    second._keeper.text = first._keeper.text  # what the page does
    second.desk.wait()
    assert second.answer == "no"
    assert second.fallback() == first.fallback()


@pytest.mark.parametrize("kept", ["", "no", '"maybe"', "[]", "{}", "null", '{"web": {"db": "yes"}}'])
def test_what_is_no_answer_to_this_question_is_not_taken(kept: str) -> None:
    """A notebook may hold the answer to an older form of the question, or nonsense."""
    for panel in (predict("Does it?", measure=lambda: True), predict_reach("Who?", "web", "db")):
        panel._keeper.text = kept
        assert panel.answer is None


def test_an_answer_that_is_forgotten_can_be_given_anew() -> None:
    """The question is open again, here and in the notebook, and shows nothing of before."""
    panel = answered(predict("Does web reach db?", measure=lambda: True), "no")
    panel.forget()
    assert panel._keeper.text == ""
    assert "Measured" not in panel.fallback()
    assert answered(panel, "yes").answer == "yes"
    assert AS_PREDICTED in panel.fallback()


def test_a_measurement_that_fails_can_be_made_again() -> None:
    """The answer stays locked, what is wrong is said with the next step, and a button measures again."""
    broken = threading.Event()

    def measure() -> bool:
        if not broken.is_set():
            raise LessonError("There is no container called web.", hint="run the cells above.")
        return True

    panel = answered(predict("Does web reach db?", measure=measure), "yes")
    assert "There is no container called web." in panel._message.value
    assert "run the cells above." in panel._message.value
    assert panel._again.layout.display is None
    broken.set()
    panel._again.click()
    panel.desk.wait()
    assert AS_PREDICTED in panel._outcome.value
    assert panel._message.value == ""
    assert panel._again.layout.display == "none"


def test_a_cancelled_measurement_is_not_shown() -> None:
    """The answer stays locked, that it was cancelled is said, and a button measures again."""
    reached, door = threading.Event(), threading.Event()

    def measure() -> bool:
        reached.set()
        return door.wait(20)

    panel = predict("Does web reach db?", measure=measure)
    panel._asked._radio.value = "yes"
    panel._lock.click()
    assert reached.wait(20)
    panel._cancel.click()
    door.set()
    panel.desk.wait()
    assert panel.answer == "yes"
    assert "Measuring was cancelled." in panel._message.value
    assert "Measured" not in panel.fallback()
    assert panel._again.layout.display is None
    panel._again.click()
    panel.desk.wait()
    assert AS_PREDICTED in panel._outcome.value


@pytest.mark.testbed
@pytest.mark.usefixtures("empty_runtime")
def test_an_engine_that_dies_in_a_measurement_is_replaced_by_a_click() -> None:
    """The panel becomes a message with a Restart button; on the new testbed it is measured."""
    lab = Lab("predict").start()
    lab.container("web")

    def measure() -> bool:
        if not died:
            died.append(lab.bed.run("testbed", ["sh", "-c", "kill -9 $(cat /run/engines/host1.pid)"]))
        return bool(lab.running())

    died: list[object] = []
    panel = answered(predict("Does web run?", measure=measure), "no")
    assert "does not answer any more" in panel._message.value
    assert panel._restart.layout.display is None
    panel._restart.click()
    panel.desk.wait(300)
    assert "The testbed runs again." in panel._message.value
    lab.start()
    panel._again.click()
    panel.desk.wait()
    assert AS_PREDICTED in panel._outcome.value
    lab.close()


def test_the_question_is_the_constant_text_of_a_prediction() -> None:
    """What nbval compares is the same before and after the answer."""
    panel = predict("Does web reach db?", ("yes", "no"), measure=lambda: "no")
    before = repr(panel)
    assert before == "Predict: Does web reach db? (yes / no)"
    assert repr(answered(panel, "yes")) == before


@pytest.mark.parametrize("choices", [(), ("yes",), ("a", "a"), "yes", {"yes": True}])
def test_a_question_without_a_choice_is_refused(choices: object) -> None:
    """The author is told what to write."""
    with pytest.raises(LessonError, match="two labels or more"):
        predict("Does it?", choices, measure=lambda: True)  # type: ignore[arg-type]


@pytest.mark.parametrize("places", [(), ("web",)])
def test_a_matrix_without_a_cell_is_refused(places: tuple[str, ...]) -> None:
    """The author is told what to write."""
    with pytest.raises(LessonError, match="nothing to predict"):
        predict_reach("Who?", *places)


def test_another_question_is_kept_under_another_key() -> None:
    """Nor does an answer survive a change of the choices."""
    questions = [
        Choices("Who?", (("web", 1), ("db", 2))),
        Choices("Who?", (("web", 1), ("dns", 2))),
        Choices("Who else?", (("web", 1), ("db", 2))),
        Matrix("Who?", ("web", "db"), ("web", "db")),
    ]
    assert len({key_of(question) for question in questions}) == len(questions)
    assert unpacked(questions[0], packed("db")) == "db"
