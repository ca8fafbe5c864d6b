"""The launcher: containers of a lab started, looked into, stopped and removed by clicks, on the live testbed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from html import escape
from typing import Any

from dockernet_lessons.container_inputs import read_container
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container, Network, Topology
from dockernet_lessons.finding import On, find_where
from dockernet_lessons.lab import Lab
from dockernet_lessons.picture import draw
from dockernet_lessons.testbed.engine import ContainerRecord
from dockernet_lessons.widgets import container_rows
from dockernet_lessons.widgets.choice import Order, World, read
from dockernet_lessons.widgets.copyable import Copyable
from dockernet_lessons.widgets.form import Form
from dockernet_lessons.widgets.jobs import Cancelled, Job
from dockernet_lessons.widgets.panel import Panel, button, column, hide, html, row, show
from dockernet_lessons.widgets.world import containers, look

LINES = 200


class Launcher(Panel):
    """Controls that make and unmake the containers of a lab on one host."""

    def __init__(self, lab: Lab, host: str) -> None:
        super().__init__(f"Launcher of lab {lab.lesson}")
        self.lab = lab
        self.host = host
        self._topology: Topology | None = None
        self._records: list[ContainerRecord] = []
        self._order: Order | None = None
        self._docker = Copyable(label="in a terminal")
        self._python = Copyable(label="in a cell")
        self._launch_button = button("Launch", self.launch, primary=True)
        self._look_button = button("Look again", self.look_again, tip="See what other cells have made since")
        self._why_not = html("")
        self._rows = container_rows.Rows(logs=self.logs, stop=self.stop, start=self.start_again, remove=self.remove)
        self._logs = html("")
        self._close_logs = row(button("Close the logs", self._hide_logs))
        self._picture = html("")
        self._launched = ""
        missing: LessonError | None = None
        try:
            world = self._look()
        except LessonError as error:
            world, missing = World(host), error
        self.form = Form(world, self.enable)
        typed = row(self._docker, self._python)
        typed.add_class("dockernet-typed")
        self._body.children = [
            html('<p class="soft">A network, and a container on it.</p>'),
            self.form.network_fields,
            self.form.container_fields,
            typed,
            row(self._launch_button, self._look_button, self._why_not),
        ]
        self._after.children = [self._rows.box, column(self._logs, self._close_logs), self._picture]
        hide(self._close_logs)
        self.enable()
        if missing is not None:
            self.complain(missing)

    # ---- what the buttons do

    def launch(self) -> None:
        """Make what was chosen: the network where it is new, and the container; then show both."""
        order = self._order
        if order is not None and not self.busy:
            self.work(f"Launching {order.container['name']}", lambda job: self._launch(job, order), steps=4)

    def look_again(self) -> None:
        """See what has changed since, by other cells or by hand."""
        self.work("Looking", self.again, steps=1)

    def stop(self, record: ContainerRecord) -> None:
        """Stop a container."""
        self._do(f"Stopping {record.name}", lambda: self.lab.stop(_container(record)))

    def start_again(self, record: ContainerRecord) -> None:
        """Start a container that was stopped."""
        self._do(f"Starting {record.name}", lambda: self.lab.start_again(_container(record)))

    def remove(self, record: ContainerRecord) -> None:
        """Remove a container."""
        self._do(f"Removing {record.name}", lambda: self.lab.remove(_container(record)))

    def logs(self, record: ContainerRecord) -> None:
        """Show the last lines that a container wrote."""
        self.work(f"Reading the logs of {record.name}", lambda job: self._read_logs(job, record), steps=1)

    def again(self, job: Job) -> None:
        """Take up the lab where its testbed is a new one, and look at what is there."""
        if self.trouble is not None:
            self.lab.start()
        job.say("looking at it")
        self.form.update(self._look())

    # ---- the jobs

    def _do(self, title: str, act: Callable[[], object]) -> None:
        def work(job: Job) -> None:
            job.step("asking Docker")
            act()
            job.say("looking at it")  # it is done: now its row has to say so
            self.form.update(self._look())

        self.work(title, work, steps=2)

    def _launch(self, job: Job, order: Order) -> None:
        made: list[Container | Network] = []
        on, known = order.container["on"], {network.name: network for network in self.form.world.networks}
        try:
            if order.network is not None:
                job.step(f"making the network {order.network['name']}")
                known[order.network["name"]] = self.lab.network(**order.network)
                made.append(known[order.network["name"]])
            job.step("starting the container")
            made.append(self._start(job, **{**order.container, "on": known.get(on, on)}))
            job.step("looking at it")
        except (Cancelled, LessonError) as ended:
            for thing in reversed(made):
                with suppress(LessonError):
                    self.lab.remove(thing)
            if isinstance(ended, LessonError):
                raise
            self.say(f"{escape(str(job))} was cancelled, and nothing of it is left.")
        else:
            self._launched = str(order.container["name"])
        self._show(containers(self.lab))
        world = self._look()
        self.form.update(world, launched=None if self._launched not in world.containers else order)

    def _start(self, job: Job, *, name: str, on: On, host: str | None = None, **wanted: Any) -> Container:
        """Start a container, as ``lab.container`` does, but show it as soon as it runs."""

        def started(records: Sequence[ContainerRecord]) -> None:
            self._show([*self._records, *records])
            job.say("waiting for its page")

        where, at = find_where(self.lab.bed, self.lab.lesson, on, host)
        return self.lab.make(where, at, {name: read_container(name, where, **wanted)}, started=started)[0]

    def _read_logs(self, job: Job, record: ContainerRecord) -> None:
        job.step("asking Docker")
        text = self.lab.bed.engine(record.host).logs(record.id, lines=LINES)
        self._logs.value = container_rows.logs_of(record, text)
        show(self._close_logs)

    def _hide_logs(self) -> None:
        self._logs.value = ""
        hide(self._close_logs)

    # ---- what is there

    def _look(self) -> World:
        world, topology, records = look(self.lab, self.host)
        self._show(records)
        before, self._topology = self._topology, topology
        changed = before is not None and repr(before) != repr(topology)
        picture = draw(before, topology) if changed and before else draw(topology)
        self._picture.value = picture.html
        self._rows.prepare()
        return world

    def _show(self, records: list[ContainerRecord]) -> None:
        self._records = records
        self._rows.update(records)

    def enable(self) -> None:
        """Read what is chosen, show what to type for it, and allow to launch it where nothing is wrong."""
        if not hasattr(self, "form"):
            return  # the form asks while it is made, and before there is one nothing can be launched
        self._order, problems = read(self.form.choice, self.form.world)
        just_launched = list(problems) == ["name"] and self.form.choice.name == self._launched
        self.form.complain(problems, gently="name" if just_launched else "")
        if not just_launched:  # what has just been done stays to be read
            self._docker.text = "\n".join(self._order.docker) if self._order else ""
            self._python.text = "\n".join(self._order.python) if self._order else ""
        usable = not self.busy and self.trouble is None
        self._launch_button.disabled = self._order is None or not usable
        self._look_button.disabled = self.busy
        self._rows.enable(when=usable)
        first = next(iter(problems.values()), None)
        reason = f"Not yet: {first.message}" if first else ""
        if just_launched:
            reason = f"{self._launched} was launched. Choose another name to launch one more."
        self._why_not.value = f'<span class="soft">{escape(reason)}</span>' if not self.busy else ""

    def fallback(self) -> str:
        """Give the lab's containers and the picture, as they were last seen."""
        what = f"<p><b>{escape(self.title)}</b>: run this cell to launch, stop and remove containers by clicks.</p>"
        then = "<p>What there was when it was last run:</p>"
        return f"{what}{then}{container_rows.table(self._records)}{self._picture.value}"


def _container(record: ContainerRecord) -> Container:
    return Container(record.name, record.host, record.id)


def launcher(lab: Lab, *, host: str = "host1") -> Launcher:
    """Give controls that launch containers of a lab on a host: choose, read what you would type, press Launch.

    >>> launcher(lab)
    Launcher of lab examples

    Where something cannot be had, its field tells why, and what is allowed. What is new is marked on the picture.

    Raises ``LessonError`` where ``lab`` is none.
    """
    if not isinstance(lab, Lab):
        raise LessonError(f"{lab!r} is no lab.", hint='give the lab of this lesson: lab = Lab("my_lab").start().')
    return Launcher(lab, host)
