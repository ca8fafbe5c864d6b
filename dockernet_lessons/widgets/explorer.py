"""The path explorer: a real packet is sent by a click, and its way stepped through, hop by hop, on the picture."""

from __future__ import annotations

from html import escape

from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container
from dockernet_lessons.inputs import listed, similar
from dockernet_lessons.lab import Lab
from dockernet_lessons.picture import Picture, draw
from dockernet_lessons.tracing.packets import ProbeKind
from dockernet_lessons.tracing.probes import settle
from dockernet_lessons.tracing.trace import trace
from dockernet_lessons.tracing.traced import Trace
from dockernet_lessons.widgets.copyable import Copyable
from dockernet_lessons.widgets.errand import Asked, Errand, Place, read
from dockernet_lessons.widgets.errand_form import ErrandForm
from dockernet_lessons.widgets.jobs import Job
from dockernet_lessons.widgets.panel import Panel, button, column, hide, html, row, show
from dockernet_lessons.widgets.reel import Reel
from dockernet_lessons.widgets.stepper import Stepper
from dockernet_lessons.widgets.stops import Walk, judged, told, walk

USUAL_PORT = "80"
BESIDE = 900
"""The widest picture that has the headers beside it, in CSS pixels."""


class Explorer(Panel):
    """Controls that send a packet of a lab and step through its way. ``traced`` is the last trace, if any."""

    def __init__(self, lab: Lab, first: Asked, traced: Trace | None) -> None:
        super().__init__(f"Path explorer of lab {lab.lesson}")
        self.lab = lab
        self.traced: Trace | None = None
        self._walk: Walk | None = None
        self._reel: Reel | None = None
        self._errand: Errand | None = None
        self._said = ""
        self._python = Copyable(label="in a cell")
        self._trace_button = button("Trace", self.trace, primary=True)
        self._look_button = button("Look again", self.look_again, tip="See what other cells have made since")
        self._why_not = html("")
        self._what = html("")
        self._picture = html("")
        self._beside = html("")
        self._verdict = html("")
        self.stepper = Stepper()
        self.stepper.observe(lambda _: self._step(), "value")
        self._stage = row(self._picture, column(self._verdict, self._beside))
        self._stage.add_class("dockernet-stage")
        typed = row(self._python)
        typed.add_class("dockernet-typed")
        self.form = ErrandForm(first, self.enable)
        self._body.children = [
            html('<p class="soft">A packet is really sent, and listened for at every interface on its way.</p>'),
            self.form.box,
            typed,
            row(self._trace_button, self._look_button, self._why_not),
        ]
        self._after.children = [self._what, self.stepper, self._stage]
        hide(self.stepper)
        try:
            self.form.update(places(lab))
        except LessonError as error:
            self.complain(error)
        self.enable()
        if traced is not None:
            self._show(traced)

    # ---- what the buttons do

    def trace(self) -> None:
        """Send the packet that is chosen, and show the first hop of its way."""
        errand = self._errand
        if errand is not None and not self.busy:
            self.work(f"Tracing {errand}", lambda job: self._trace(job, errand), steps=3)

    def look_again(self) -> None:
        """See who is there now."""
        self.work("Looking", self.again, steps=1)

    def again(self, job: Job) -> None:
        """Take up the lab where its testbed is a new one, and look at who is there."""
        if self.trouble is not None:
            self.lab.start()
        job.say("looking who is there")
        self.form.update(places(self.lab))

    # ---- the job

    def _trace(self, job: Job, errand: Errand) -> None:
        try:
            job.step("looking who is there")
            now = places(self.lab)
            self.form.update(now)
            source, target = (_now(place, now) for place in (errand.source, errand.target))
            job.step("sending the packet, and listening")
            traced = trace(source, target, errand.kind, port=errand.port, size=errand.size)
            job.step("drawing its way")
            self._show(traced)
            if self._reel is not None:
                self._reel.ahead()
        except LessonError:
            self._clear()
            raise

    def _show(self, traced: Trace) -> None:
        """Show the first hop of a trace."""
        self._clear()
        walked = walk(traced)
        self.traced, self._walk = traced, walked
        self._what.value = f"<p><b>{escape(repr(traced.probe))}</b></p>"
        show(self.stepper, when=bool(walked.stops))
        self.stepper.stops = [walked.named(stop.number) for stop in walked.stops]
        self.stepper.value = 1
        if walked.stops:
            self._reel = Reel(len(walked.stops), lambda number: self._fitted(walked.picture(number)), self._see)
            self._reel.draw(1)
        else:
            self._see(self._fitted(draw(traced.topology)))
        self._step()
        self._said = traced._repr_html_()

    def _clear(self) -> None:
        """Take the last trace away: what is shown is never that of another packet."""
        if self._reel is not None:
            self._reel.stop()
        self.traced = self._walk = self._reel = None
        self._said = ""
        for part in (self._what, self._picture, self._beside, self._verdict):
            part.value = ""
        hide(self.stepper)

    def _fitted(self, picture: Picture) -> str:
        """Give a picture as HTML, with the headers beside it, or below one that would become too small."""
        if picture.width > BESIDE:
            self._stage.add_class("dockernet-wide")
        else:
            self._stage.remove_class("dockernet-wide")
        return picture.html

    def _see(self, picture: str) -> None:
        self._picture.value = picture

    def _step(self) -> None:
        """Show the stop that the stepper is at."""
        walked, number = self._walk, self.stepper.value
        if walked is None or not 1 <= number <= max(len(walked.stops), 1):
            return
        self._beside.value = told(walked, number) if walked.stops else ""
        verdict = walked.verdict_at(number)
        self._verdict.value = judged(verdict) if verdict else ""
        if self._reel is not None:
            self._reel.want(number)

    # ---- what can be done

    def enable(self) -> None:
        """Read what is chosen, show what to type for it, and allow to send it where nothing is wrong."""
        if not hasattr(self, "form"):
            return  # the form asks while it is made
        self._errand, problems = read(self.form.asked, self.form.places)
        self.form.complain(problems)
        self._python.text = self._errand.python if self._errand else ""
        self._trace_button.disabled = self._errand is None or self.busy or self.trouble is not None
        self._look_button.disabled = self.busy
        first = next(iter(problems.values()), None)
        reason = f"Not yet: {first.message}" if first and not self.busy else ""
        self._why_not.value = f'<span class="soft">{escape(reason)}</span>'

    def fallback(self) -> str:
        """Give the last trace in full; before there is one, what this is for."""
        what = f"<p><b>{escape(self.title)}</b>: run this cell to send packets by clicks and to follow them.</p>"
        return what + self._said

    def plain(self) -> str:
        """Give the last trace as text, below the panel's own."""
        return f"{self!r}\n{self.traced!r}" if self.traced else repr(self)


def places(lab: Lab) -> dict[str, Place]:
    """Name who can send and get packets: the lab's containers that run, and the testbed's own places.

    Raises ``LessonError`` where the lab is not started, ``NoTestbed`` where its testbed has gone.
    """
    mine: dict[str, Place] = dict(reversed(lab.running().items()))
    return mine | {name: name for name in ("neighbour", *lab.bed.hosts, "router", "internet")}


def _now(place: Place, now: dict[str, Place]) -> Place:
    """Give the container that has this one's name now; one that has gone is refused by whoever is asked about it."""
    return now.get(place.name, place) if isinstance(place, Container) else place


def path_explorer(
    lab: Lab,
    source: Place | None = None,
    target: Place | None = None,
    kind: ProbeKind | None = None,
    *,
    port: int | None = None,
    size: int | None = None,
    traced: Trace | None = None,
) -> Explorer:
    """Give controls that send a packet and step through its way: choose from where to whom, press Trace, step.

    >>> path_explorer(lab)
    Path explorer of lab examples

    What is given is chosen to begin with, in the words of ``trace``. ``traced`` is a trace that is shown at once: then
    a reader without a kernel sees it too.

    Raises ``LessonError``: ``lab`` is none, a place that does not exist, parts that do not fit together.
    """
    if not isinstance(lab, Lab):
        raise LessonError(f"{lab!r} is no lab.", hint='give the lab of this lesson: lab = Lab("my_lab").start().')
    if traced is not None and not isinstance(traced, Trace):
        raise LessonError(f"{traced!r} is no trace.", hint='give what trace gave: traced=trace("web", "db").')
    if traced is not None:
        probe = traced.probe
        source, target, kind, port, size = probe.source, probe.target, probe.kind, probe.port, probe.size
    wanted = settle(target or "neighbour", kind, port, size)
    to = _name(wanted.target) if target else ""
    port_and_size = str(wanted.port or USUAL_PORT), str(wanted.size or "")
    made = Explorer(lab, Asked(_name(source or ""), to, to, wanted.kind, *port_and_size), traced)
    known = made.form.places
    if source and known and _name(source) not in known:
        raise LessonError(
            f"Nobody of lab {lab.lesson} is called {_name(source)!r}.",
            hint=f"there are {listed(known)}.{similar(_name(source), known)}",
        )
    return made


def _name(place: Place) -> str:
    return place.name if isinstance(place, Container) else place
