"""Grades one submission from inside its cell: ``python -m dockernet_lessons.grading.session``, as the warden.

Starts the testbed and the kernel as the learner, runs the cells in order, and has the checker judge between them, with
the learner's programs held still. Each outcome is printed at once, as a line of JSON: what was earned stays earned.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from dockernet_lessons.testbed import processes, warden
from dockernet_lessons.testbed.confined import HOME, LEARNER
from dockernet_lessons.testbed.places import answers

START_SECONDS = 90.0
LONGEST = 300
"""How many letters of an error are kept."""
FILE_OF_A_CELL = re.compile(r"\(\d+\.py, line (\d+)\)")
"""Where a cell is wrong as IPython tells it: in a file that there is not, named by a number."""
INTERRUPT_SECONDS = 3.0
RECOVERIES = 3
"""How often one submission may lose its kernel or its testbed, and go on."""


class Kernel:
    """The learner's kernel. What it prints is never read: only whether a cell ended, and in which error."""

    def __init__(self) -> None:
        self.pid = 0
        self._number = 0

    def start(self) -> None:
        """Start it, in the place of one that was lost."""
        self._number += 1
        folder = Path(HOME, f".kernel-{self._number}")
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, LEARNER, LEARNER)
        file, known = write_connection_file(str(folder / "connection.json"), transport="ipc", ip=str(folder / "socket"))
        os.chown(file, LEARNER, LEARNER)
        self._client = BlockingKernelClient()
        self._client.load_connection_info(known)
        self.pid = warden.start_as_learner([sys.executable, "-m", "ipykernel_launcher", "-f", file])
        self._client.start_channels(shell=True, iopub=False, stdin=False, hb=False, control=False)  # noqa: S604  # a channel

    def run(self, source: str, seconds: float) -> str:
        """Run a cell; give what went wrong, empty where nothing did."""
        if processes.started(self.pid) is None:
            return "the kernel had ended"
        asked = self._client.execute(source, silent=False, store_history=False, allow_stdin=False, stop_on_error=False)
        reply = self._reply(asked, seconds)
        if reply is None and processes.started(self.pid) is not None:
            os.kill(self.pid, signal.SIGINT)
            if self._reply(asked, INTERRUPT_SECONDS) is None:
                self.end()
            return f"it did not end within {seconds:g} s"
        if reply is None:
            return "the kernel ended"
        if reply.get("status") == "ok":
            return ""
        said = FILE_OF_A_CELL.sub(r"(line \1)", str(reply.get("evalue", "")))
        return f"{reply.get('ename', 'Error')}: {said}"[:LONGEST]

    def _reply(self, asked: str, seconds: float) -> dict[str, Any] | None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and processes.started(self.pid) is not None:
            try:
                message = self._client.get_shell_msg(timeout=0.2)
            except Empty:
                continue
            except ValueError:  # not signed as it has to be, or no message at all
                continue
            if message["parent_header"].get("msg_id") == asked:
                content = message["content"]
                return content if isinstance(content, dict) else None
        return None

    @property
    def lost(self) -> bool:
        """Tell whether it ended, or had to be ended."""
        return processes.started(self.pid) is None

    def end(self) -> None:
        """End it, and all that the learner runs beside the testbed."""
        warden.end_all()
        self._client.stop_channels()


def main() -> None:
    """Grade what is told on our input."""
    told = json.loads(sys.stdin.read())
    problem = warden.start_testbed(seconds=START_SECONDS)
    if problem:
        say(trouble=f"No testbed could be started: {problem.splitlines()[-1]}")
        return
    words = [told["assignment"], told["seed"], told["suite"]]
    checker = warden.Companion([sys.executable, "-m", "dockernet_lessons.grading.checker", *words])
    kernel = Kernel()
    kernel.start()
    Run(told, checker, kernel).through()
    checker.end()
    kernel.end()
    say(done=True)


class Run:
    """The cells of one submission, run to the end, whatever becomes of the kernel and the testbed on the way."""

    def __init__(self, told: dict[str, Any], checker: warden.Companion, kernel: Kernel) -> None:
        self._steps: list[dict[str, Any]] = told["steps"]
        self._cell_seconds: float = told["cell_seconds"]
        self._check_seconds: float = told["check_seconds"]
        self._checker = checker
        self._kernel = kernel
        self._recoveries = 0
        own = [step for step in self._steps if step["own"] and step["kind"] == "locked"]
        self._set_up = own[0] if own else None

    def through(self) -> None:
        """Run every cell, and tell what each came to."""
        for step in self._steps:
            if step["kind"] == "check":
                say(name=step["name"], of=step["points"], **self._judged(step))
                continue
            if step is not self._set_up:
                self._recover()
            if problem := self._kernel.run(step["source"], self._cell_seconds):
                say(name=step["name"], problem=problem)
            if step is self._set_up:
                self._note()

    def _recover(self) -> None:
        """Begin anew, where the kernel or the engine has ended: what comes now has its chance, what was is judged."""
        lost = [what for what, gone in (("kernel", self._kernel.lost), ("testbed", not _engine_answers())) if gone]
        if not lost or self._recoveries == RECOVERIES:
            return
        self._recoveries += 1
        self._kernel.end()
        if "testbed" in lost:
            warden.start_testbed(seconds=START_SECONDS)
        self._kernel.start()
        say(note=f"the {' and the '.join(lost)} had ended: started anew")
        if self._set_up:
            self._kernel.run(self._set_up["source"], self._cell_seconds)
        self._note()

    def _note(self) -> None:
        self._checker.ask(json.dumps({"note": True}).encode(), seconds=self._check_seconds)

    def _judged(self, step: dict[str, Any]) -> dict[str, Any]:
        asked = json.dumps({"source": step["source"], "points": step["points"]}).encode()
        warden.hold()
        try:
            answer = self._checker.ask(asked, seconds=self._check_seconds)
        finally:
            warden.let_go()
        if answer is None:
            return {"points": 0, "said": [f"The check did not end within {self._check_seconds:g} s."]}
        found = json.loads(answer)
        return {"points": found["points"], "said": found["said"]}


def _engine_answers() -> bool:
    """Tell whether the learner's testbed runs, and its first engine answers."""
    carrier = warden.LearnersCarrier()
    if not carrier.alive(warden.RUNTIME):
        return False
    address = carrier.endpoint(warden.RUNTIME, "host1").removeprefix("unix://")
    return any(answers(address) for _ in range(3))


def say(**what: object) -> None:
    """Tell the grader outside something."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
