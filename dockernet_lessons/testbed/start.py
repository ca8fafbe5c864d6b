"""Start the testbed on the first carrier that works and has what the lesson needs; end it.

A carrier is not asked what it could do: it is started, and what runs is tried.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

from dockernet_lessons.errors import BuildFailed, LessonError, NoTestbed
from dockernet_lessons.testbed import image, needs, packages, paths, processes, testbed, tree
from dockernet_lessons.testbed.carriers import Carrier
from dockernet_lessons.testbed.testbed import Progress, Testbed, attach
from dockernet_lessons.testbed.turns import one_at_a_time

SLOW_SECONDS = 2.0
SILENT_SECONDS = 20.0
"""How long an engine may say nothing before it counts as ended."""


def up(
    *,
    suite: str | None = None,
    owner: int | None = None,
    needed: Sequence[str] = (),
    may_end: Callable[[Testbed], None] = lambda _: None,
    progress: Progress = print,
    why: Progress = lambda _: None,
) -> Testbed:
    """Give the running testbed, starting one where none runs: its first engine answers and holds the lesson image.

    ``suite`` is the Debian suite to run, by default what ``DOCKERNET_SUITE`` says, else forky; a testbed that runs
    already is taken as it is unless it is of another suite than the one asked for. The testbed ends when the process
    ``owner`` does. ``progress`` is told about steps that take long, ``why`` in one line which carrier was chosen.

    ``needed`` are needs of ``needs.KNOWN``. A testbed that lacks one is ended, unless ``may_end`` raises, and the next
    carrier is started that has it.

    Raises ``NoTestbed``, ``BuildFailed``.
    """
    asked = suite or os.environ.get("DOCKERNET_SUITE")
    runtime = paths.runtime()
    with one_at_a_time(runtime, progress) as step:
        found = attach()
        if found and any(_refuses(found, host) for host in found.hosts):
            step("A Docker Engine of the testbed has ended: starting a new testbed")
            found = None
        if found and asked not in (None, found.suite):
            raise NoTestbed(
                f"A testbed of the suite {found.suite} runs already, and {asked} was asked for.",
                hint="end it first: `dockernet down`.",
            )
        candidates = _candidates()
        passed_over: list[str] = []
        if found:
            lacks = found.lacks(needed)
            if not lacks:
                return found
            candidates = [carrier for carrier in candidates if carrier.name != found.carrier.name]
            passed_over.append(f"{found.carrier.name} passed over: {_said(lacks)}")
            if not any(carrier.verdict().usable for carrier in candidates):
                raise _nothing_has(needed, [*passed_over, *_refused(candidates)])
            may_end(found)
            found.close()
        for carrier in testbed.CARRIERS:  # also one whose owner has just ended, and that is still clearing away
            try:
                carrier.stop(runtime)
            except NoTestbed as error:
                if carrier.alive(runtime):
                    raise
                step(error.message)  # what is left is out of reach, and in nobody's way
        return _start_first(
            candidates,
            needed,
            passed_over,
            suite=asked or tree.DEFAULT_SUITE,
            start=partial(_start, owner=owner, progress=step),
            progress=step,
            why=why,
        )


def _start_first(
    candidates: Sequence[Carrier],
    needed: Sequence[str],
    passed_over: list[str],
    *,
    suite: str,
    start: Callable[[Carrier, tree.Tree], Testbed],
    progress: Progress,
    why: Progress,
) -> Testbed:
    """Start one carrier after the other, until one runs that has what is needed; say why others were passed over."""
    failed: list[LessonError] = []
    built: tree.Tree | None = None
    tried = False
    for carrier in candidates:
        verdict = carrier.verdict()
        if not verdict.usable:
            passed_over.append(f"{carrier.name} passed over: {verdict.reason}")
            continue
        tried = True
        built = built or tree.cached(suite)
        if built is None and not packages.missing():
            built = tree.build(suite, progress=progress)
        try:
            bed = start(carrier, built or carrier.tree(suite, progress))
        except (NoTestbed, BuildFailed) as error:
            failed.append(error)
            passed_over.append(f"{carrier.name} passed over: {error.message}")
            continue
        lacks = bed.lacks(needed)
        if not lacks:
            why("; ".join([f"Carrier: {carrier.name} ({verdict.reason})", *passed_over]))
            return bed
        passed_over.append(f"{carrier.name} passed over: {_said(lacks)}")
        bed.close()
        carrier.stop(bed.runtime)
    if failed and len(passed_over) == 1:
        raise failed[0]
    if tried and len(failed) < len(passed_over) and needed:
        raise _nothing_has(needed, passed_over)
    if failed and built is None:  # the tools that it is built with would help most
        raise failed[-1]
    raise _nothing_works(passed_over, candidates) from (failed[0] if failed else None)


def _start(carrier: Carrier, built: tree.Tree, *, owner: int | None, progress: Progress) -> Testbed:
    """Start a testbed on one carrier; where it does not come up nothing of it is left."""
    runtime = paths.runtime()
    bed = Testbed(carrier, runtime, built.suite, owner=processes.identity(owner) if owner else "")
    carrier.prepare(built, progress)
    try:
        carrier.start(built, runtime, owner=owner)
        threading.Thread(target=import_module, args=("docker",)).start()  # takes as long as the engine does
        testbed.await_engine(bed, "host1")
        if not bed.engine().has_image(image.TAG):
            bed.engine().load_image(built.image)
        testbed.record(bed)
    except BaseException:
        bed.close()
        carrier.stop(runtime)
        raise
    return bed


def down() -> bool:
    """End this user's testbed and remove every trace of it; tell whether one ran."""
    runtime = paths.runtime()
    with one_at_a_time(runtime):
        testbed.close_attached()
        ran = any(carrier.alive(runtime) for carrier in testbed.CARRIERS)
        for carrier in testbed.CARRIERS:
            carrier.stop(runtime)
        return ran


def choose(why: Progress = lambda _: None) -> Carrier:
    """Give the first carrier that should work here, or the one that ``DOCKERNET_CARRIER`` names; nothing is started.

    Raises ``NoTestbed`` where none works, with each one's reason.
    """
    passed_over: list[str] = []
    candidates = _candidates()
    for carrier in candidates:
        verdict = carrier.verdict()
        if verdict.usable:
            why("; ".join([f"Carrier: {carrier.name} ({verdict.reason})", *passed_over]))
            return carrier
        passed_over.append(f"{carrier.name} passed over: {verdict.reason}")
    raise _nothing_works(passed_over, candidates)


def _candidates() -> list[Carrier]:
    """Give the carriers to try, in order: all of them, or the one that ``DOCKERNET_CARRIER`` names."""
    wanted = os.environ.get("DOCKERNET_CARRIER", "auto")
    names = [carrier.name for carrier in testbed.CARRIERS]
    if wanted not in ("auto", *names):
        raise NoTestbed(f"DOCKERNET_CARRIER is {wanted!r}.", hint=f"set it to auto or one of: {', '.join(names)}.")
    return [carrier for carrier in testbed.CARRIERS if wanted in ("auto", carrier.name)]


def _refused(carriers: Sequence[Carrier]) -> list[str]:
    return [f"{carrier.name} passed over: {carrier.verdict().reason}" for carrier in carriers]


def _said(lacks: Sequence[str]) -> str:
    return " and ".join(needs.lacking(need) for need in lacks)


def _nothing_works(passed_over: Sequence[str], candidates: Sequence[Carrier]) -> NoTestbed:
    hint = "run as root on Linux, for example `sudo make lab`; `dockernet doctor` tells more."
    if len(candidates) == 1 and (step := candidates[0].verdict().next_step):
        hint = f"{step}."
    return NoTestbed(f"No testbed can run on this machine ({'; '.join(passed_over)}).", hint=hint)


def _nothing_has(needed: Sequence[str], passed_over: Sequence[str]) -> NoTestbed:
    chosen = os.environ.get("DOCKERNET_CARRIER", "auto")
    hint = "the virtual machine has all of them: `dockernet doctor` tells what keeps it from running here."
    if chosen != "auto":
        hint = f"set DOCKERNET_CARRIER to auto or vm; it is {chosen} now."
    return NoTestbed(
        f"Nothing here can run what this lesson needs, {' and '.join(needed)} ({'; '.join(passed_over)}).", hint=hint
    )


def _refuses(bed: Testbed, host: str) -> bool:
    """Tell whether a host's engine has ended: nobody is behind its socket, or it has been silent for too long."""
    address = bed.carrier.endpoint(bed.runtime, host).removeprefix("unix://")
    deadline = time.monotonic() + SILENT_SECONDS
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(SLOW_SECONDS)
            try:
                line.connect(address)
                line.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return not line.recv(1)
            except TimeoutError:
                continue
            except OSError:
                return True
    return True
