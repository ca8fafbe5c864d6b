"""The testbed in a panel: what carries it, what runs on it, what it lacks and why; cleaned and started anew there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from dockernet_lessons import testbed
from dockernet_lessons.errors import LessonError
from dockernet_lessons.inputs import listed
from dockernet_lessons.making import LESSON, sweep
from dockernet_lessons.testbed import needs
from dockernet_lessons.testbed.carriers import Verdict
from dockernet_lessons.testbed.testbed import CARRIERS
from dockernet_lessons.widgets.jobs import Job
from dockernet_lessons.widgets.panel import Panel, button, hide, html, row, show, start

SOMEBODY = "somebody"
"""Whose a container is that no lab made."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a testbed is and holds: ``running`` are names of containers by lab, ``lacks`` the needs it does not meet."""

    carrier: str
    suite: str
    engines: Mapping[str, str]
    running: Mapping[str, tuple[str, ...]]
    lacks: tuple[str, ...]


def look() -> Seen | None:
    """Look at the testbed that runs; ``None`` where none does.

    Raises ``NoTestbed`` where it stops answering meanwhile.
    """
    bed = testbed.attach()
    if bed is None:
        return None
    running: dict[str, list[str]] = {}
    for engine in bed.engines():
        for record in engine.containers():
            running.setdefault(record.labels.get(LESSON, SOMEBODY), []).append(record.name)
    return Seen(
        carrier=bed.carrier.name,
        suite=bed.suite,
        engines={engine.host: engine.version for engine in bed.engines()},
        running={lab: tuple(names) for lab, names in sorted(running.items())},
        lacks=tuple(bed.lacks(tuple(needs.KERNEL))),
    )


class TestbedPanel(Panel):
    """What runs, and buttons to look again, to clean and to start anew; the latter two ask first."""

    __test__ = False  # pytest: the name is our term, not a test class

    def __init__(self) -> None:
        super().__init__("Testbed")
        self.seen: Seen | None = None
        self._verdicts = {carrier.name: carrier.verdict() for carrier in CARRIERS}
        self._facts = html("")
        self._look = button("Look again", self.look_again)
        self._start = button("Start the testbed", self.start_one, primary=True)
        self._clean = button("Clean", lambda: self._ask(self._really_clean))
        self._anew = button("Start anew", lambda: self._ask(self._really_anew))
        self._really_clean = button("Yes, remove them", self.clean)
        self._really_anew = button("Yes, start anew", self.start_anew)
        self._no = button("No, leave all as it is", self._leave)
        self._buttons = row(self._start, self._look, self._clean, self._anew)
        self._question = html("")
        self._answers = row(self._question, self._really_clean, self._really_anew, self._no)
        self._body.children = [self._facts, self._buttons, self._answers]
        self._leave()
        try:
            self._show()
        except LessonError as error:
            self.complain(error)

    def look_again(self) -> None:
        """See what runs now."""
        self.work("Looking", self.again, steps=1)

    def start_one(self) -> None:
        """Start a testbed where none runs."""
        self.work("Starting the testbed", lambda job: self._renew(job, anew=False), steps=2)

    def start_anew(self) -> None:
        """End the testbed, and start another; everything on it is gone."""
        self._leave()
        self.work("Starting the testbed anew", lambda job: self._renew(job, anew=True), steps=3)

    def clean(self) -> None:
        """Remove what all labs have on the testbed."""
        self._leave()
        self.work("Cleaning", self._sweep, steps=2)

    def again(self, job: Job) -> None:
        """Look at the testbed that runs now."""
        job.say("looking at it")
        self._show()

    def cancelled(self, title: str) -> None:
        """Tell so, and what is there now: a step of it may have been done."""
        self._show()
        super().cancelled(title)

    def _ask(self, yes: object) -> None:
        """Ask before something is removed that cannot be had back."""
        what = "Nothing runs on it."
        if self.seen and self.seen.running:
            what = f"This removes {_running(self.seen)}."
        self._question.value = f'<span role="status"><b>{escape(what)}</b> Go on?</span>'
        show(self._really_clean, when=yes is self._really_clean)
        show(self._really_anew, when=yes is self._really_anew)
        show(self._answers)
        hide(self._buttons)

    def _leave(self) -> None:
        hide(self._answers)
        show(self._buttons)

    def _renew(self, job: Job, *, anew: bool) -> None:
        if anew:
            job.step("ending the one that runs")
            testbed.down()
        job.step("waiting for its engine")
        start(job.halt)
        self.again(job)
        self.say("The testbed runs. Labs start on it with <code>lab.start()</code>.")

    def _sweep(self, job: Job) -> None:
        job.step("removing what labs made")
        containers, networks = sweep(tuple(testbed.running().engines()), lesson=None)
        self.again(job)
        self.say(f"Removed: containers {containers}, networks {networks}.")

    def _show(self) -> None:
        self.seen = look()
        self._facts.value = facts(self.seen, self._verdicts)
        self.enable()

    def enable(self) -> None:
        """Offer what makes sense: to start one where none runs, else to clean it or to start anew."""
        if not hasattr(self, "_no"):
            return  # a panel that is being made
        show(self._start, when=self.seen is None and self.trouble is None)
        show(self._clean, self._anew, when=self.seen is not None and self.trouble is None)
        for each in (self._start, self._look, self._clean, self._anew, self._really_clean, self._really_anew, self._no):
            each.disabled = self.busy

    def fallback(self) -> str:
        """Give what was last seen of the testbed."""
        return f"<p><b>Testbed</b>, as it was when this cell was run:</p>{self._facts.value}"


def facts(seen: Seen | None, verdicts: Mapping[str, Verdict]) -> str:
    """Tell all that is known as a table: what runs, and for what is missing why, and what to do about it."""
    rows: list[tuple[str, str]] = []
    if seen is None:
        rows.append(("runs", "no testbed"))
    else:
        why = f" ({verdicts[seen.carrier].reason})" if seen.carrier in verdicts else ""
        rows.append(("carrier", f"{seen.carrier}{why}"))
        rows += [(host, f"Docker Engine {version}, of Debian {seen.suite}") for host, version in seen.engines.items()]
        rows.append(("on it", _running(seen) or "nothing of any lab"))
        rows.append(("it lacks", f"{listed(seen.lacks)}: {_where_to_have(verdicts)}" if seen.lacks else "nothing"))
    for name, verdict in verdicts.items():
        if not verdict.usable:
            rows.append((f"carrier {name}", f"cannot run here: {verdict.reason}. To have it: {verdict.next_step}"))
    cells = "".join(f'<tr><th scope="row">{escape(what)}</th><td>{escape(said)}</td></tr>' for what, said in rows)
    return f"<table><tbody>{cells}</tbody></table>"


def _running(seen: Seen) -> str:
    return "; ".join(f"{listed(names)} of {_lab(lab)}" for lab, names in seen.running.items())


def _lab(lab: str) -> str:
    return lab if lab == SOMEBODY else f"lab {lab}"


def _where_to_have(verdicts: Mapping[str, Verdict]) -> str:
    """Tell how a lesson gets what this testbed does not have."""
    if "vm" in verdicts and verdicts["vm"].usable:
        return "a lab that names them as its needs starts on the carrier vm, which has them all"
    return "no other carrier can run here that has them"


def testbed_panel() -> TestbedPanel:
    """Give a panel that tells what runs: the carrier, the engines, the containers, and what is missing here and why.

    >>> testbed_panel()
    Testbed
    """
    return TestbedPanel()


testbed_panel.__test__ = False  # type: ignore[attr-defined]  # pytest: as above
