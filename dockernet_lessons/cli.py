"""The command ``dockernet``: build, start, look into and end the testbed, open the lessons, run the checks.

Only puts together what the other modules do, and says it on a terminal. What takes long to import is imported by the
command that needs it, so that help is there at once.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from dockernet_lessons.errors import LessonError

if TYPE_CHECKING:
    from dockernet_lessons.testbed import Testbed

app = typer.Typer(
    help="Docker's network drivers as Jupyter lessons, on a disposable testbed with a real Docker Engine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}
"""Everything after the first argument belongs to the command that is run, options too."""

SIDE_BY_SIDE = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile", "--no-loadscope-reorder")
"""How all tests run: whole files at a time, in the order of `tools/running_order.py`, not by how many tests are in."""

Suite = Annotated[str | None, typer.Option(help="Debian suite of the testbed: forky (Engine 28), trixie, bookworm.")]


def main() -> None:
    """Run the command line; what a learner can act on is said in two lines, without a traceback."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))  # so that what must be undone is undone
    try:
        app()
    except LessonError as error:
        print(f"{error.message}\nNext: {error.hint}", file=sys.stderr)
        sys.exit(1)


@app.command()
def build(
    suite: Annotated[str | None, typer.Argument(help="Debian suite: forky (the default), trixie or bookworm.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="Use exactly the packages that this file records.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Build anew even where the tree is there.")] = False,
    vm: Annotated[bool, typer.Option("--vm", help="Also save a started virtual machine of it.")] = False,
) -> None:
    """Build the testbed's root filesystem from Debian packages, and keep it."""
    from dockernet_lessons.console import steps
    from dockernet_lessons.testbed import saved, tree

    with steps() as step:
        built = tree.build(suite or _default_suite(), manifest=manifest, again=again, progress=step)
        machine = saved.make(built, step) if vm else None
    print(f"tree      {built.root}")
    print(f"manifest  {built.manifest}")
    print(f"engine    Docker {built.engine}, from Debian {built.suite}, with {len(built.packages)} packages")
    if machine:
        print(f"machine   {machine.folder}")


@app.command()
def up(suite: Suite = None) -> None:
    """Start the testbed, or find the one that runs. It stays until `dockernet down`."""
    bed = _start(suite)
    for engine in bed.engines():
        print(f"{engine.host}: Docker Engine {engine.version} answers at {engine.endpoint}")


@app.command()
def down() -> None:
    """End the testbed; nothing of it is left."""
    from dockernet_lessons import testbed

    print("The testbed is gone." if testbed.down() else "No testbed runs.")


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Tell what can run on this machine, and why not. Exit code 1 where no testbed can."""
    from dockernet_lessons.console import show
    from dockernet_lessons.testbed.doctor import examine

    report = examine()
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        show(report)
    if not report.ready:
        raise typer.Exit(1)


@app.command(context_settings=PASSED_ON)
def lab(
    arguments: Annotated[list[str] | None, typer.Argument(help="Options for JupyterLab itself, after `--`.")] = None,
) -> None:
    """Open JupyterLab on the lessons, with the testbed ready. A testbed that this starts ends with it.

    Where none can run, the lessons open all the same, as they were recorded.
    """
    from dockernet_lessons import testbed
    from dockernet_lessons.errors import BuildFailed, NoTestbed, NotLive
    from dockernet_lessons.jupyter import lab_arguments
    from dockernet_lessons.testbed.commands import foreground

    root = _course()
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # JupyterLab's terminals find us
    ran_before = testbed.attach() is not None
    live = True
    try:
        try:
            _start(owner=os.getpid())
        except (NoTestbed, BuildFailed) as error:
            print(NotLive(error), file=sys.stderr)
            live = False
        code = foreground([sys.executable, "-m", "jupyterlab", *lab_arguments(root, live=live), *(arguments or ())])
    finally:
        if not ran_before:
            testbed.down()
    raise typer.Exit(code)


@app.command(context_settings=PASSED_ON)
def test(
    arguments: Annotated[list[str] | None, typer.Argument(help="Files, folders and options for pytest.")] = None,
) -> None:
    """Run every test, and every lesson with its outputs compared. As root a missing testbed is a failure."""
    from dockernet_lessons.testbed import packages
    from dockernet_lessons.testbed.doctor import examine

    root = _course()
    as_root = os.geteuid() == 0
    if as_root or (examine().ready and not packages.missing()):
        build()  # so that no test waits for it
    options = [
        "--nbval",
        "--nbval-sanitize-with=tests/sanitise.cfg",
        *(["--require-testbed"] if as_root else []),
    ]
    what = arguments or [*SIDE_BY_SIDE, "tests", "dockernet_lessons", "notebooks"]
    os.chdir(root)
    _become([sys.executable, "-m", "pytest", *options, *what])


@app.command()
def clean(
    cache: Annotated[bool, typer.Option("--cache", help="Also remove the built trees and their packages.")] = False,
) -> None:
    """Remove what every lesson left in the running testbed."""
    from dockernet_lessons import testbed

    bed = testbed.attach()
    if bed is None:
        print("No testbed runs, so no lesson has left anything.")
    else:
        _sweep(bed)
    if cache:
        _empty_cache(bed)


@app.command(context_settings=PASSED_ON)
def run(
    place: Annotated[str, typer.Argument(help="host1, host2, router, neighbour, internet, or a container's name.")],
    command: Annotated[list[str], typer.Argument(help="The command, with its options.")],
) -> None:
    """Run a command in a place of the testbed."""
    from dockernet_lessons import whereabouts
    from dockernet_lessons.testbed import entering

    bed = _running()
    door = whereabouts.door(place)
    _become(entering.command(bed, door, command, terminal=_on_terminal(), kind=os.environ.get("TERM", "dumb")))


@app.command()
def shell(
    place: Annotated[str, typer.Argument(help="host1, host2, router, neighbour, internet, or a container's name.")],
) -> None:
    """Open a shell in a place of the testbed."""
    import secrets

    from dockernet_lessons import whereabouts
    from dockernet_lessons.testbed import entering

    bed = _running()
    door = whereabouts.door(place)
    mark = secrets.token_hex(4)
    kind = os.environ.get("TERM", "dumb")
    _become(entering.shell(bed, door, mark, terminal=_on_terminal(), kind=kind, session=False))


@app.command()
def env(host: Annotated[str, typer.Argument(help="host1, or host2 once a lesson has started it.")] = "host1") -> None:
    """Print what makes your own docker command talk to a host of the testbed: eval "$(dockernet env)"."""
    bed = _running()
    _check_host(bed, host)
    print(f"export DOCKER_HOST={shlex.quote(bed.engine(host).endpoint)}")


@app.command(name="open")
def open_port(
    port: Annotated[int, typer.Argument(help="The port inside, as it was published.", min=1, max=65535)],
    host: Annotated[str, typer.Option(help="host1, or host2 once a lesson has started it.")] = "host1",
    at: Annotated[int | None, typer.Option(help="The port here, where it is to be this one.", min=1, max=65535)] = None,
) -> None:
    """Open a published port of the testbed on 127.0.0.1 of this machine, until Ctrl-C."""
    from dockernet_lessons.testbed import OpenPort

    bed = _running()
    _check_host(bed, host)
    door = OpenPort(bed, host, port, at=at)
    print(f"{door} (Ctrl-C closes it)", flush=True)
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        door.close()


@app.command()
def assign(
    name: Annotated[str, typer.Argument(help="bridges, publishing, lan or capstone.")],
    student: Annotated[list[str], typer.Option(help="A student's id; give it once for each student.")],
    to: Annotated[Path, typer.Option(help="The folder for the students' versions: TO/STUDENT/NAME.ipynb.")],
    sources: Annotated[
        Path | None, typer.Option(help="The folder of the source notebooks, where not assignments.")
    ] = None,
) -> None:
    """Make each student's version of an assignment: names and numbers of their own, and no solutions."""
    from dockernet_lessons.grading.assign import assign as make

    for path in make(name, student, sources=sources or _course() / "assignments", to=to):
        print(path)


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="What was handed in, as STUDENT/NAME.ipynb.")],
    sources: Annotated[
        Path | None, typer.Option(help="The folder of the source notebooks, where not assignments.")
    ] = None,
    workers: Annotated[int, typer.Option(help="How many submissions to grade at once.", min=1, max=16)] = 2,
    seconds: Annotated[float, typer.Option(help="How long one submission may take.", min=10)] = 300,
    again: Annotated[bool, typer.Option("--again", help="Grade anew what was graded before, too.")] = False,
) -> None:
    """Grade a class, each submission in a testbed of its own; write grades.csv and grades.html. Needs root."""
    from dockernet_lessons.grading import course, report

    outcomes = course.grade(
        folder,
        sources=sources or _course() / "assignments",
        rules=course.Rules(seconds=seconds),
        workers=workers,
        again=again,
        suite=_default_suite(),
        progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    for path in report.write(folder, outcomes):
        print(path)


def _check_host(bed: Testbed, host: str) -> None:
    if host not in bed.hosts:
        raise LessonError(f"{host} does not run in this testbed.", hint=f"choose {' or '.join(bed.hosts)}.")


def _default_suite() -> str:
    from dockernet_lessons.testbed import tree

    return os.environ.get("DOCKERNET_SUITE") or tree.DEFAULT_SUITE


def _start(suite: str | None = None, *, owner: int | None = None) -> Testbed:
    """Give the running testbed or a new one; say in one line which carrier runs it."""
    from dockernet_lessons import testbed
    from dockernet_lessons.console import steps

    if found := testbed.attach():
        print(f"Carrier: {found.carrier.name} (a testbed runs already)", file=sys.stderr)
    with steps() as step:
        return testbed.up(suite=suite, owner=owner, progress=step, why=lambda line: print(line, file=sys.stderr))


def _course() -> Path:
    """Give the checkout that holds the lessons."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "notebooks").is_dir():
        raise LessonError(
            f"The lessons are not beside the package ({root / 'notebooks'} does not exist).",
            hint="clone the project and run `make lab` in it: the lessons are part of the clone.",
        )
    return root


def _sweep(bed: Testbed) -> None:
    from dockernet_lessons.making import sweep

    containers, networks = sweep(tuple(bed.engines()), lesson=None)
    print(f"Removed from the testbed: containers {containers}, networks {networks}.")


def _empty_cache(bed: Testbed | None) -> None:
    import shutil

    from dockernet_lessons.testbed import made, paths

    if bed is not None:
        raise LessonError("The testbed that runs uses the built tree.", hint="end it first: `dockernet down`.")
    folder = paths.cache()
    shutil.rmtree(folder / "packages", ignore_errors=True)
    kept = [path for kind in ("vm", "trees") for path in sorted((folder / kind).glob("*/")) if not made.remove(path)]
    for path in kept:
        print(f"Kept {path}: a testbed that runs uses it.")
    if not kept:
        for kind in ("vm", "trees"):
            shutil.rmtree(folder / kind, ignore_errors=True)
    print(f"Removed {'the other' if kept else 'the'} built trees, virtual machines and packages in {folder}.")


def _running() -> Testbed:
    from dockernet_lessons import testbed

    bed = testbed.attach()
    if bed is None:
        raise LessonError("No testbed runs.", hint="`dockernet up` starts one.")
    return bed


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _become(command: Sequence[str]) -> NoReturn:
    """Run a command in place of this process: its terminal, its exit code, its Ctrl-C."""
    sys.stdout.flush()
    try:
        os.execvp(command[0], list(command))  # noqa: S606  # no shell is wanted
    except FileNotFoundError as error:
        raise LessonError(
            f"{shlex.join(command)}: {command[0]} is not installed.", hint="`dockernet doctor` tells more."
        ) from error


if __name__ == "__main__":
    main()
