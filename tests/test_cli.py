"""The command line: what it says, how it fails, and that it leaves nothing running."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dockernet_lessons import cli, testbed
from dockernet_lessons.errors import LessonError
from dockernet_lessons.lab import Lab
from dockernet_lessons.plans import NetworkPlan
from dockernet_lessons.testbed import Testbed, made, tree

DOCKERNET = [sys.executable, "-m", "dockernet_lessons.cli"]
COMMANDS = ("build", "up", "down", "doctor", "lab", "test", "clean", "run", "shell")


def dockernet(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a learner does."""
    return subprocess.run(
        [*DOCKERNET, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand where no testbed runs and nothing is built."""
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(tmp_path / "runtime"))
    monkeypatch.setenv("DOCKERNET_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def own_runtime(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a runtime folder apart from the shared testbed's, and leave no testbed in it."""
    folder = Path(f"/tmp/dockernet-cli-{os.getpid()}")  # noqa: S108  # short, for the sockets, and ours by its name
    monkeypatch.setenv("DOCKERNET_RUNTIME", str(folder))
    yield folder
    testbed.down()
    shutil.rmtree(folder)


@pytest.fixture
def labs(bed: Testbed) -> Iterator[tuple[Lab, Lab]]:
    """Give two labs, and close them whatever happens."""
    pair = Lab("cli_one").start(), Lab("cli_two").start()
    yield pair
    for lab in pair:
        lab.close()


# ---- without a testbed ---------------------------------------------------------------------------------------


def test_help_names_every_command() -> None:
    """`dockernet --help` is the list of what there is; bare `dockernet` shows it too."""
    shown = CliRunner().invoke(cli.app, ["--help"], env={"COLUMNS": "100"})
    assert shown.exit_code == 0
    assert all(f" {command} " in shown.output for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    """Its own help begins with what it does."""
    shown = CliRunner().invoke(cli.app, [command, "--help"])
    assert shown.exit_code == 0
    assert command in shown.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "router", "ip", "address"], "No testbed runs.\nNext: `dockernet up` starts one.\n"),
        (["shell", "router"], "No testbed runs.\nNext: `dockernet up` starts one.\n"),
        (
            ["build", "sid"],
            "No testbed tree is known for the suite 'sid'.\nNext: choose one of forky, trixie, bookworm.\n",
        ),
    ],
)
def test_an_error_is_two_lines_and_no_traceback(nothing_runs: Path, arguments: list[str], said: str) -> None:
    """A learner reads what happened and what to do next; the exit code is 1."""
    done = dockernet(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_down_and_clean_are_fine_where_nothing_runs(nothing_runs: Path) -> None:
    """Asking twice is no mistake."""
    assert CliRunner().invoke(cli.app, ["down"]).output == "No testbed runs.\n"
    assert CliRunner().invoke(cli.app, ["clean"]).output == "No testbed runs, so no lesson has left anything.\n"


def test_clean_can_empty_the_cache(nothing_runs: Path) -> None:
    """Built trees and packages go; what else lies in that folder stays."""
    cache = nothing_runs / "cache"
    for name in ("trees/forky-0", "packages", "mine"):
        (cache / name).mkdir(parents=True)
    shown = CliRunner().invoke(cli.app, ["clean", "--cache"])
    assert shown.exit_code == 0
    assert [path.name for path in cache.iterdir()] == ["mine"]


def test_clean_keeps_what_a_testbed_uses(nothing_runs: Path) -> None:
    """A tree that a testbed of somebody's stands on is named and stays; the others go."""
    trees = nothing_runs / "cache" / "trees"
    for name in ("forky-0", "forky-1"):
        (trees / name).mkdir(parents=True)
        (trees / name / "manifest.json").touch()
    with made.marked([trees / "forky-0"]):
        shown = CliRunner().invoke(cli.app, ["clean", "--cache"])
    assert f"Kept {trees / 'forky-0'}: a testbed that runs uses it." in shown.output
    assert [path.name for path in trees.iterdir()] == ["forky-0"]
    CliRunner().invoke(cli.app, ["clean", "--cache"])
    assert not trees.exists()


def test_build_tells_where_the_tree_is(nothing_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tree, manifest, engine and number of packages go to stdout; progress does not."""

    def built(suite: str, *, progress: Callable[[str], None], **_: object) -> tree.Tree:
        progress("Fetching")
        return tree.Tree(suite, nothing_runs, "28.5.2", (), "0")

    monkeypatch.setattr(tree, "build", built)
    monkeypatch.setenv("DOCKERNET_SUITE", "trixie")
    shown = CliRunner().invoke(cli.app, ["build"])
    assert shown.stdout.splitlines() == [
        f"tree      {nothing_runs}/root",
        f"manifest  {nothing_runs}/manifest.json",
        "engine    Docker 28.5.2, from Debian trixie, with 0 packages",
    ]
    assert shown.stderr == "Fetching\ndone after 0 s\n"


def test_progress_on_a_terminal_shows_the_time(nothing_runs: Path) -> None:
    """A person sees each step with how long it has taken."""
    script = "from dockernet_lessons.console import steps\nwith steps() as step: step('One'); step('Two')"
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", script], stderr=theirs, env={**os.environ, "TERM": "xterm"}, check=True)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "One" in shown
    assert "0:00:00" in shown


def test_doctor_has_a_table_and_a_json_form(nothing_runs: Path) -> None:
    """Both tell the same, and the exit code says whether a testbed can run."""
    table, form = dockernet("doctor", COLUMNS="200"), dockernet("doctor", "--json")
    report = json.loads(form.stdout)
    assert (table.returncode, form.returncode) == (0 if report["ready"] else 1,) * 2
    assert all(check["name"] in table.stdout for check in report["checks"])
    assert ("A testbed can run here" in table.stdout) is report["ready"]


def test_without_the_lessons_lab_says_where_they_are(nothing_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package has no notebooks beside it: the error tells to clone."""
    monkeypatch.setattr(cli, "__file__", str(nothing_runs / "site-packages" / "dockernet_lessons" / "cli.py"))
    result = CliRunner().invoke(cli.app, ["lab"])
    assert isinstance(result.exception, LessonError)
    assert "clone the project" in result.exception.hint


def test_test_runs_everything_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests, doctests and lessons in one run of pytest; as root nothing may be skipped for want of a testbed."""
    became: list[list[str]] = []
    monkeypatch.setattr(cli, "_become", became.append)
    monkeypatch.setattr(cli, "build", lambda: None)
    monkeypatch.setattr(os, "chdir", lambda _: None)
    for user, arguments in ((0, []), (1000, ["--", "-k", "ping"])):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert CliRunner().invoke(cli.app, ["test", *arguments]).exit_code == 0
    everything, chosen = became
    assert everything[-3:] == ["tests", "dockernet_lessons", "notebooks"]
    assert "--require-testbed" in everything
    assert chosen[-2:] == ["-k", "ping"]
    assert "--require-testbed" not in chosen


# ---- on the testbed that all tests share ---------------------------------------------------------------------


@pytest.mark.testbed
@pytest.mark.parametrize("place", ["router", "neighbour", "internet", "host1"])
def test_run_runs_in_each_place(bed: Testbed, place: str) -> None:
    """Options belong to the command, its exit code is ours, and each place is another network namespace."""
    done = dockernet("run", place, "ip", "-brief", "link", "show", "type", "veth")
    assert (done.returncode, done.stderr) == (0, "")
    assert dockernet("run", place, "sh", "-c", "exit 7").returncode == 7
    inodes = {dockernet("run", each, "readlink", "/proc/self/ns/net").stdout for each in ("testbed", place)}
    assert len(inodes) == (2 if place != "testbed" else 1)


@pytest.mark.testbed
def test_env_leads_another_docker_client_to_the_testbed(bed: Testbed) -> None:
    """What it prints is for a shell to read, and names the socket of the host's engine."""
    shown = dockernet("env")
    assert shown.stdout == f"export DOCKER_HOST={bed.engine().endpoint}\n"
    refused = dockernet("env", "host9")
    assert (refused.returncode, refused.stderr) == (
        1,
        f"host9 does not run in this testbed.\nNext: choose {' or '.join(bed.hosts)}.\n",
    )


@pytest.mark.testbed
def test_run_and_shell_enter_a_container_by_its_name(labs: tuple[Lab, Lab]) -> None:
    """A container is a place like any other; a shell there gets a terminal and says where it is."""
    labs[0].container("web")
    assert dockernet("run", "web", "hostname").stdout == "web\n"
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        [*DOCKERNET, "shell", "web"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    os.write(ours, b"hostname; exit 3\n")
    assert shell.wait(20) == 3
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "web # " in shown
    assert "web\r\n" in shown


@pytest.mark.testbed
def test_a_place_that_is_not_there_is_told_with_those_that_are(bed: Testbed) -> None:
    """The hint is the list to choose from."""
    done = dockernet("run", "nowhere", "true")
    assert done.returncode == 1
    assert done.stderr.startswith("No place of the testbed is called 'nowhere'.\nNext: there are internet, router,")


@pytest.mark.testbed
def test_clean_removes_what_lessons_left_and_nothing_else(bed: Testbed, labs: tuple[Lab, Lab]) -> None:
    """Labelled containers and networks of every lesson go; the rest of the engine's stays."""
    first, second = labs
    first.container("web", on=first.network("shop"))
    second.network("other")
    bed.engine().create_network(NetworkPlan("mine"), labels={})
    done = dockernet("clean")
    assert done.stdout == "Removed from the testbed: containers 1, networks 2.\n"
    assert {network.name for network in bed.engine().networks()} == {"bridge", "host", "mine", "none"}
    bed.engine().remove_network("mine")


@pytest.mark.testbed
def test_the_cache_is_kept_while_a_testbed_uses_it(bed: Testbed) -> None:
    """The tree is under the running testbed's feet."""
    done = dockernet("clean", "--cache")
    assert (done.returncode, done.stderr) == (
        1,
        "The testbed that runs uses the built tree.\nNext: end it first: `dockernet down`.\n",
    )
    assert tree.cached() is not None


@pytest.mark.testbed
def test_up_finds_the_testbed_that_runs(bed: Testbed) -> None:
    """It says so, and where each engine answers."""
    done = dockernet("up")
    assert done.stderr == f"Carrier: {bed.carrier.name} (a testbed runs already)\n"
    answers = (f"{one.host}: Docker Engine {one.version} answers at {one.endpoint}\n" for one in bed.engines())
    assert done.stdout == "".join(answers)


# ---- testbeds of their own -----------------------------------------------------------------------------------


@pytest.mark.testbed
def test_up_and_down(own_runtime: Path) -> None:
    """A testbed that `up` starts outlives the command, and `down` leaves none."""
    done = dockernet("up")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("Carrier: ")
    assert testbed.attach() is not None
    assert dockernet("down").stdout == "The testbed is gone.\n"
    assert testbed.attach() is None


def serve(until: Callable[[], bool], log: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Start `dockernet lab` and wait until JupyterLab answers."""
    with log.open("wb") as output:
        options = ["--no-browser", "--ServerApp.port=0"]
        process = subprocess.Popen(
            [*DOCKERNET, "lab", "--", *options],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if until() and "is running at" in log.read_text():
            return process
        time.sleep(0.1)
    process.kill()
    return pytest.fail(f"JupyterLab did not come up:\n{log.read_text()}")


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """Give the ids of a process's children."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@pytest.mark.testbed
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_lab_ends_with_all_it_started(own_runtime: Path, tmp_path: Path, ending: signal.Signals) -> None:
    """However it is asked to end, neither JupyterLab nor the testbed is left."""
    process = serve(lambda: testbed.attach() is not None, tmp_path / "log")
    started = children(process)
    process.send_signal(ending)
    process.wait(30)
    assert testbed.attach() is None
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert "Carrier: " in (tmp_path / "log").read_text()


@pytest.mark.testbed
def test_lab_leaves_a_testbed_that_ran_before(own_runtime: Path, tmp_path: Path) -> None:
    """Who started a testbed by `dockernet up` still has it when JupyterLab has ended."""
    assert dockernet("up").returncode == 0
    process = serve(lambda: True, tmp_path / "log")
    process.terminate()
    process.wait(30)
    assert testbed.attach() is not None
    assert "(a testbed runs already)" in (tmp_path / "log").read_text()


def test_lab_opens_the_lessons_without_a_testbed(nothing_runs: Path, tmp_path: Path) -> None:
    """Where none can run, the terminal says why and what is recorded, and JupyterLab opens all the same."""
    process = serve(lambda: True, tmp_path / "log", DOCKERNET_CARRIER="none")
    process.terminate()
    process.wait(30)
    said = (tmp_path / "log").read_text()
    assert said.startswith("DOCKERNET_CARRIER is 'none'.\n  Next: set it to auto or one of")
    assert "Recorded: what stands below the cells was printed on a testbed" in said
    assert "No testbed: DOCKERNET_CARRIER is 'none'." in said  # the server's, which the banner asks
