"""One job at a time, told step by step, cancelled between steps, whatever it ends in."""

from __future__ import annotations

import threading

import pytest

from dockernet_lessons.errors import LessonError
from dockernet_lessons.widgets.jobs import Desk, Job, Progress


class Ear:
    """Hears all that a desk tells."""

    def __init__(self) -> None:
        self.told: list[Progress] = []
        self.failed: list[LessonError] = []
        self.desk = Desk(self.told.append, self.failed.append)


def test_a_second_start_does_nothing_while_a_job_runs() -> None:
    """Two clicks start one job, and the next click after its end starts another."""
    ear, door, runs = Ear(), threading.Event(), []

    def work(job: Job) -> None:
        runs.append(job)
        door.wait(10)

    assert ear.desk.start("Waiting", work, steps=1)
    assert not ear.desk.start("Waiting", work, steps=1)
    door.set()
    ear.desk.wait()
    assert len(runs) == 1
    assert ear.desk.start("Waiting", work, steps=1)
    ear.desk.wait()
    assert len(runs) == 2


def test_many_threads_that_start_at_once_start_one() -> None:
    """Callbacks may come on several threads at the same moment."""
    ear, door, started = Ear(), threading.Event(), []
    barrier = threading.Barrier(8)

    def click() -> None:
        barrier.wait()
        started.append(ear.desk.start("Waiting", lambda job: door.wait(10) and None, steps=1))

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    door.set()
    ear.desk.wait()
    assert sorted(started) == [False] * 7 + [True]


def test_a_cancelled_job_stops_at_its_next_step() -> None:
    """The step under way is finished, no other begins, and no error is told."""
    ear, reached, door, done = Ear(), threading.Event(), threading.Event(), []

    def work(job: Job) -> None:
        job.step("one")
        reached.set()
        door.wait(10)
        done.append("one")
        job.step("two")
        done.append("two")

    ear.desk.start("Counting", work, steps=2)
    assert reached.wait(10)
    ear.desk.cancel()
    assert str(ear.desk.progress) == "Counting: stopping after this step (one) …"
    door.set()
    ear.desk.wait()
    assert (done, ear.failed, ear.desk.progress.running) == (["one"], [], False)


def test_cancelling_nothing_does_nothing() -> None:
    """A click on Cancel that comes late does not stop the next job."""
    ear, done = Ear(), []
    ear.desk.cancel()
    ear.desk.start("Counting", lambda job: (job.step("one"), done.append("one"))[1], steps=1)
    ear.desk.wait()
    assert done == ["one"]


def test_an_error_of_the_job_is_told_before_its_end() -> None:
    """Whoever hears that the job has ended knows already why."""
    order: list[str] = []
    desk = Desk(
        lambda progress: order.append("running" if progress.running else "ended"),
        lambda error: order.append(error.message),
    )

    def work(job: Job) -> None:
        raise LessonError("It broke.", hint="mend it.")

    desk.start("Breaking", work, steps=1)
    desk.wait()
    assert order == ["running", "It broke.", "ended"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_course_is_told_and_not_swallowed() -> None:
    """The panel says so, can be used again, and Python's own message is on stderr."""
    ear = Ear()
    ear.desk.start("Dividing", lambda job: 1 / 0 and None, steps=1)
    ear.desk.wait()
    assert "ZeroDivisionError" in ear.failed[0].message
    assert not ear.desk.progress.running


def test_waiting_for_a_job_that_hangs_has_an_end() -> None:
    """A test that waits for a job does not hang with it."""
    ear, door = Ear(), threading.Event()
    ear.desk.start("Waiting", lambda job: door.wait(10) and None, steps=1)
    with pytest.raises(TimeoutError, match="Waiting"):
        ear.desk.wait(0.05)
    door.set()
    ear.desk.wait()
