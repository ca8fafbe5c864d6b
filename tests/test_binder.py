"""One click: the image of ``binder/``, built and run as Binder does it, and nothing fetched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_image import LIMIT_MB, Hub, hub
from lesson_rules import lesson_paths
from playwright.sync_api import Browser
from test_browser import TOKEN, Lab, browser, free_port, screenshots, visit, wait_until_ready

__all__ = ["browser", "screenshots"]

pytestmark = [
    pytest.mark.testbed,
    pytest.mark.skipif(os.geteuid() != 0, reason="the engine of these tests needs root"),
]

COURSE = "/opt/dockernet/course"
LAB = ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"]
NBVAL = ["python", "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "--nbval"]
NBVAL += ["--nbval-sanitize-with=tests/sanitise.cfg"]
PEAK_MB = 1400

ASK = """
import sys, urllib.request
token = {"Authorization": "token " + sys.argv[2]}
request = urllib.request.Request("http://127.0.0.1:8888" + sys.argv[1], headers=token)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(answer.url)
    print(answer.read().decode())
"""
USED = """
from pathlib import Path
group = Path("/sys/fs/cgroup")
peak = [group / "memory.peak", group / "memory/memory.max_usage_in_bytes"]
print(next(path for path in peak if path.exists()).read_text())
if (group / "cpu.stat").exists():
    print(int((group / "cpu.stat").read_text().split()[1]) / 1e6)
else:
    print(int((group / "cpuacct/cpuacct.usage").read_text()) / 1e9)
"""
ANY_CARRIER = """
from dockernet_lessons import Lab, fetch, ping, testbed

lab = Lab("any_carrier", needs=("ipvlan",)).start()
shop = lab.network("shop", subnet="172.30.0.0/24")
web, db = lab.containers("web", "db", on=shop)
print(ping(web, "db"), fetch(db, "http://192.0.2.3"), sep="\\n")
lab.need("host2")
print(ping("host2", "192.0.2.11"))
print(lab.close())
print(testbed.down())
"""
SAYS = """\
Carrier: vm (QEMU is in the cache; it needs neither root nor KVM); namespace passed over: REASON
web reached db: 1 of 1 answered, TTL 64
db <- http://192.0.2.3: I am neighbour. You are 192.0.2.11.
host2 reached 192.0.2.11: 1 of 1 answered, TTL 64
Lab any_carrier is closed: 2 containers and 1 network removed, nothing of it is left.
True
"""
KILLED = """
import os, signal
from pathlib import Path
from dockernet_lessons import Lab, LessonError, ping
lab = Lab("killed").start()
lab.container("web")
os.kill(int(Path("/tmp/dockernet-1000/qemu").read_text().split()[0]), signal.SIGKILL)
while Path("/tmp/dockernet-1000/qemu").exists():
    pass
try:
    lab.container("db")
except LessonError as error:
    print(error)
lab.start()
lab.container("web")
print(ping("web", "192.0.2.3"))
print(lab.close())
"""
NO_TESTBED = """
from dockernet_lessons import Lab, LessonError
try:
    Lab("00_start_here").start()
except LessonError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def here() -> Iterator[Hub]:
    """Give an engine with the image."""
    with hub() as built:
        yield built


@pytest.fixture(scope="module")
def session(here: Hub) -> Iterator[Hub]:
    """Begin a session the way a hub does: with a command and a token of its own."""
    command = [*LAB, "--LabApp.expose_app_in_browser=True"]
    here.begin("session", f"--env=JUPYTER_TOKEN={TOKEN}", command=command)
    yield here
    here.docker("rm", "--force", "session", check=False)


def answer(here: Hub, name: str, path: str, *, seconds: float = 90) -> tuple[str, str]:
    """Ask the server of a session for a page, as soon as it answers; give where that led and what it said."""
    deadline = time.monotonic() + seconds
    while True:
        done = here.inside(name, "python", "-c", ASK, path, TOKEN, check=False)
        if done.returncode == 0:
            where, _, said = done.stdout.partition("\n")
            return where, said
        assert time.monotonic() < deadline, done.stderr + log(here, name)
        time.sleep(0.5)


def log(here: Hub, name: str) -> str:
    """Give what a session's server has written."""
    done = here.docker("logs", name)
    return done.stdout + done.stderr


def until_it_says(here: Hub, name: str, text: str, *, seconds: float = 120) -> None:
    """Wait until a session's server has written a text."""
    deadline = time.monotonic() + seconds
    while text not in (said := log(here, name)):
        assert time.monotonic() < deadline, said
        time.sleep(0.2)


def used(here: Hub, name: str) -> tuple[int, float]:
    """Give the most memory that a session ever used, in MB, and the seconds of processor time so far."""
    peak, seconds = here.inside(name, "python", "-c", USED).stdout.split()
    return int(peak) >> 20, float(seconds)


def test_a_session_opens_on_the_first_lesson(session: Hub) -> None:
    """Whatever command a hub gives, the server opens the lessons, and nobody has to look for them."""
    where, _ = answer(session, "session", "/")
    assert where.partition("?")[0].endswith("/lab/tree/notebooks/00_start_here.ipynb")
    lessons = json.loads(answer(session, "session", "/api/contents/notebooks")[1])["content"]
    assert {lesson["name"] for lesson in lessons} >= {path.name for path in lesson_paths()}


def test_the_testbed_is_there_before_anybody_asks(session: Hub) -> None:
    """The server restores it while the page loads; idle, the session takes next to no processor time."""
    until_it_says(session, "session", "The testbed is ready (carrier vm)")
    time.sleep(3)
    before = used(session, "session")[1]
    time.sleep(5)
    assert (used(session, "session")[1] - before) / 5 < 0.3  # with what asking took
    assert "a testbed runs already" in session.inside("session", "dockernet", "up").stderr


def test_every_lesson_passes_in_a_session(session: Hub) -> None:
    """Nbval finds in the session what is stored, ipvlan and all, within the memory that a session may take."""
    until_it_says(session, "session", "The testbed is ready (carrier vm)")
    lessons = [f"notebooks/{path.name}" for path in lesson_paths()]
    done = session.docker("exec", "--workdir", COURSE, "session", *NBVAL, *lessons, check=False, seconds=3000)
    assert done.returncode == 0, done.stdout[-6000:]
    peak = used(session, "session")[0]
    print(f"peak of memory: {peak} MB")
    assert peak < PEAK_MB
    assert (
        "OOMKilled:false" in session.docker("inspect", "--format", "OOMKilled:{{.State.OOMKilled}}", "session").stdout
    )


@pytest.mark.browser
def test_a_browser_runs_the_first_lesson(session: Hub, browser: Browser, screenshots: Path) -> None:
    """Chromium opens the session's JupyterLab, runs lesson 00, and asks nobody else for anything."""
    answer(session, "session", "/api")
    port = free_port()
    passage = Path(__file__).with_name("passage.py")
    (session.door / "passage.py").write_bytes(passage.read_bytes())
    session.docker("exec", "--detach", "session", "python", "/door/passage.py", "/door/jupyter", "8888")
    while not (session.door / "jupyter").exists():
        time.sleep(0.1)
    command = [sys.executable, str(passage), str(port), str(session.door / "jupyter")]
    with subprocess.Popen(command) as joined:
        try:
            lab = Lab(f"http://127.0.0.1:{port}", session.door, joined)
            wait_until_ready(lab)
            seen = visit(browser, lab, "00_start_here.ipynb", screenshots / "hub_00_start_here.png")
        finally:
            joined.terminate()
    assert not seen.problems(), "\n".join(seen.problems())


def test_a_lab_finds_the_one_carrier_that_runs_here(session: Hub) -> None:
    """Where nothing is allowed the choice falls on the virtual machine, and says why; it has all that is needed."""
    own = ["--env=DOCKERNET_CARRIER=auto", "--env=DOCKERNET_RUNTIME=/tmp/own"]
    said = session.docker("exec", *own, "session", "python", "-c", ANY_CARRIER).stdout
    reason = said.partition("passed over: ")[2].partition("\n")[0]
    assert reason == "ip is not installed (util-linux, iproute2)"
    assert said == SAYS.replace("REASON", reason)


def test_a_killed_machine_is_told_with_its_reason_and_healed(session: Hub) -> None:
    """QEMU is what the kernel ends where memory runs out: the next call says so, and the start cell heals it."""
    said = session.inside("session", "python", "-c", KILLED).stdout
    assert f"QEMU was killed, as happens where memory runs out (the limit here is {LIMIT_MB} MB)." in said
    assert "Next: run `lab.start()` again: it starts a new one." in said
    assert said.splitlines()[-2:] == [
        "web reached 192.0.2.3: 1 of 1 answered, TTL 63",
        "Lab killed is closed: 1 container and 0 networks removed, nothing of it is left.",
    ]


def test_two_tabs_share_one_kernel(session: Hub) -> None:
    """A second tab on the same lesson is the same lesson: Jupyter gives it the kernel that runs."""
    script = f"""
import json, urllib.request
body = {{"path": "notebooks/00_start_here.ipynb", "type": "notebook", "name": "", "kernel": {{"name": "python3"}}}}
for tab in range(2):
    request = urllib.request.Request("http://127.0.0.1:8888/api/sessions", json.dumps(body).encode(),
        {{"Authorization": "token {TOKEN}", "Content-Type": "application/json"}})
    print(json.load(urllib.request.urlopen(request))["kernel"]["id"])
"""
    first, second = session.inside("session", "python", "-c", script).stdout.split()
    assert first == second


def test_what_a_learner_has_written_stays(session: Hub) -> None:
    """A session that begins again keeps what is in the home, and gives back a lesson that was removed."""
    begin_again = f"""
        echo mine > ~/notebooks/03_bridge.ipynb
        rm ~/notebooks/04_publishing.ipynb
        {COURSE}/binder/start cat ~/notebooks/03_bridge.ipynb
        [ "$(cat ~/notebooks/04_publishing.ipynb)" = "$(cat {COURSE}/notebooks/04_publishing.ipynb)" ] && echo whole
    """
    assert session.inside("session", "sh", "-c", begin_again).stdout == "mine\nwhole\n"


def test_a_session_ends_when_it_is_asked_to(session: Hub) -> None:
    """A culled session is gone within seconds, of itself."""
    begun = time.monotonic()
    session.docker("stop", "--time", "60", "session")
    assert time.monotonic() - begun < 30
    assert session.docker("inspect", "--format", "{{.State.ExitCode}}", "session").stdout.strip() in ("0", "143")


def test_without_a_testbed_the_lessons_open_and_say_so(here: Hub) -> None:
    """The image's own command, no machine to restore: what is stored is there; a banner and a start tell what it is."""
    here.begin("recorded", f"--env=JUPYTER_TOKEN={TOKEN}", "--tmpfs=/opt/dockernet/cache")
    try:
        assert answer(here, "recorded", "/")[0].partition("?")[0].endswith("/lab/tree/notebooks/00_start_here.ipynb")
        until_it_says(here, "recorded", "No testbed:")
        assert json.loads(answer(here, "recorded", "/dockernet/testbed")[1])["state"] == "recorded"
        assert "static/banner.js" in answer(here, "recorded", "/lab")[1]
        lesson = json.loads(answer(here, "recorded", "/api/contents/notebooks/03_bridge.ipynb")[1])["content"]
        assert any(cell.get("outputs") for cell in lesson["cells"])
        said = here.inside("recorded", "python", "-c", NO_TESTBED).stdout
    finally:
        here.docker("rm", "--force", "recorded")
    assert "No testbed can run on this machine" in said
    assert "Recorded: what stands below the cells was printed on a testbed when the lesson was written" in said
    assert 'Live: README.md, "Three ways in"' in said


def test_a_home_without_room(here: Hub) -> None:
    """A full disk is told; no lesson is there by half, and the command runs all the same."""
    home = "--tmpfs=/home/jovyan:size=300k,uid=1000"
    here.begin("full", home, command=["sh", "-c", "find ~ -name '*.part'; df ~ | tail -n 1; sleep 1"])
    try:
        assert here.docker("wait", "full").stdout.strip() == "0"
        said = log(here, "full")
    finally:
        here.docker("rm", "--force", "full")
    assert f"has its disk room? The lessons can be read in {COURSE}." in said
    assert ".part\n" not in said
