"""Each lesson in a real browser: JupyterLab runs it, shows it, and asks nobody else for anything."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from lesson_rules import NOTEBOOKS, lesson_paths
from nbformat import NotebookNode
from PIL import Image
from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright
from toy import FIGURE, course

from dockernet_lessons.jupyter import lab_arguments

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
# Without the last four Chromium looks up its maker's hosts at every start.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TOKEN = "a-token-for-this-test"  # noqa: S105 - the server lives as long as one test, on this machine only
RUN_SECONDS = 600
TALLEST_PICTURE = 16_000  # Chromium paints no taller window

# JupyterLab draws only the cells in view, unless told otherwise; a screenshot needs them all.
ALL_CELLS_DRAWN = {"notebook-extension/tracker": {"windowingMode": "none"}}
Settings = Mapping[str, Mapping[str, object]]
"""What a learner set in JupyterLab, by the part of it that is set."""

# What JupyterLab writes where the author gave no alt text.
NO_ALT_TEXT = {"", "Image"}

NOISE: dict[str, str] = {}

# Does not wait for the end: a page that waits for an answer to a dialog would keep the test for ever.
RUN_ALL = """() => {
    const run = async () => {
        const panel = window.jupyterapp.shell.currentWidget;
        await panel.context.ready;
        await panel.sessionContext.ready;
        await window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs');
        await window.jupyterapp.commands.execute('notebook:run-all-cells');
    };
    run().catch(error => console.error(`${error}`)).finally(() => { window.everyCellHasRun = true; });
}"""
# For JupyterLab running all cells is over with the first error, be it a wanted one, while the kernel goes on with the
# cells after it. So it has run when each cell has, or when the kernel has had nothing to do for a while.
HAS_RUN = """() => {
    if (!window.everyCellHasRun) { return false; }
    const panel = window.jupyterapp.shell.currentWidget;
    const busy = panel.sessionContext.session?.kernel?.status === 'busy';
    window.quietSince = busy ? null : window.quietSince ?? Date.now();
    const waiting = panel.content.widgets.some(({model}) =>
        model.type === 'code' && model.sharedModel.getSource().trim() && model.executionCount === null);
    return !busy && (!waiting || Date.now() - window.quietSince > 5000);
}"""
NOTEBOOK = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON()"
IS_OPEN = "name => window.jupyterapp?.shell?.currentWidget?.context?.path?.endsWith(name) ?? false"
PICTURES = """() => [...document.querySelectorAll('.jp-Notebook img')].map(
    image => ({alt: image.alt, width: image.naturalWidth, height: image.naturalHeight}))"""
BOTTOM = """() => {
    window.jupyterapp.shell.collapseLeft();
    document.querySelector('.jp-Notebook .jp-WindowedPanel-outer').scrollTop = 0;
    const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')];
    return Math.ceil(cells.at(-1).getBoundingClientRect().bottom);
}"""
# What reads like an address JupyterLab makes a link, also in printed text, and tells it by its colour alone.
LINKED_BY_JUPYTERLAB = re.compile(r'link-in-text-block: <a href="([^"]+)" rel="noopener" target="_blank">\1</a>')
# The body of JupyterLab's page has no height of its own; axe-core takes all in it for hidden, and its colours for good.
HIGH_BODY = "html, body { height: 100vh }"
POP_UPS = "() => [...document.querySelectorAll('.jp-Dialog, .Toastify__toast')].map(box => box.textContent)"


# ---- the server --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that runs: where it is, and what it writes."""

    address: str
    log: Path
    process: subprocess.Popen[bytes]


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def own_environment(home: Path, settings: Settings) -> dict[str, str]:
    """Make an environment in which nothing of the user's JupyterLab is read or written."""
    folders = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "IPYTHONDIR": home / "ipython",
    }
    for part, chosen in {**ALL_CELLS_DRAWN, **settings}.items():
        path = home / "config" / "lab" / "user-settings" / "@jupyterlab" / f"{part}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(chosen))
    return {**os.environ, **{name: str(folder) for name, folder in folders.items()}, "JUPYTER_TOKEN": TOKEN}


def wait_until_ready(lab: Lab) -> None:
    """Wait for the server's answer; a server that ends first tells why."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if lab.process.poll() is not None:
            pytest.fail(f"JupyterLab ended with {lab.process.returncode}:\n{lab.log.read_text()}")
        try:
            with urllib.request.urlopen(f"{lab.address}/api", timeout=5):  # noqa: S310 - our own http address
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not answer in a minute:\n{lab.log.read_text()}")


@contextmanager
def running_lab(root: Path, home: Path, *, live: bool = True, settings: Settings | None = None) -> Iterator[Lab]:
    """Run JupyterLab on ``root``, and leave neither it nor a kernel behind, whatever happens meanwhile."""
    port = free_port()
    home.mkdir()
    log = home / "log"
    command = [sys.executable, "-m", "jupyterlab", *lab_arguments(root, port=port, live=live)]
    command += ["--no-browser", "--allow-root", "--LabApp.expose_app_in_browser=True"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=own_environment(home, settings or {}), stdout=output, stderr=output)
    try:
        lab = Lab(f"http://127.0.0.1:{port}", log, process)
        wait_until_ready(lab)
        yield lab
    finally:
        process.terminate()  # JupyterLab then ends its kernels
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()  # kernels end by themselves when the server is gone
            process.wait(30)


# ---- the browser -------------------------------------------------------------------------------------------


@dataclass
class Watch:
    """What a page said and asked for while a lesson ran."""

    address: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Listen to everything from the first request on."""
        page.on("console", lambda message: self.said(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.said(str(error)))
        page.on("request", lambda request: self.requested(request.url))
        page.on("websocket", lambda channel: self.requested(channel.url))

    def said(self, text: str) -> None:
        """Keep an error of the page, unless it is a known one that is not ours."""
        if not any(re.search(pattern, text) for pattern in NOISE):
            self.complaints.append(text)

    def requested(self, url: str) -> None:
        """Keep what the page asked for, and apart what it asked of anyone but our server."""
        self.asked.append(url)
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.address).netloc:
            self.elsewhere.append(url)


def barriers(page: Page) -> list[str]:
    """List what axe-core finds in the outputs of cells: pale words, controls without a name and the like."""
    page.add_style_tag(content=HIGH_BODY)
    found = Axe().run(page, context=".jp-OutputArea").response["violations"]
    told = [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]
    return [text for text in told if not LINKED_BY_JUPYTERLAB.fullmatch(text)]


@dataclass(frozen=True)
class Visit:
    """A lesson after the browser has run it."""

    notebook: NotebookNode
    watch: Watch
    pictures: list[dict[str, Any]]
    pop_ups: list[str]
    barriers: list[str]

    def problems(self) -> list[str]:
        """List everything a learner should not meet."""
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code" and cell.source.strip()]
        found = [f"not run: {cell.source}" for cell in code if cell.execution_count is None]
        for cell in code:
            if "raises-exception" not in cell.metadata.get("tags", []):
                errors = (output for output in cell.outputs if output.output_type == "error")
                found += [f"{error.ename}: {error.evalue}\n{cell.source}" for error in errors]
        found += [f"on the console: {text}" for text in self.watch.complaints]
        found += [f"asked elsewhere: {url}" for url in self.watch.elsewhere]
        found += [f"pop-up: {text}" for text in self.pop_ups]
        found += [f"barrier: {text}" for text in self.barriers]
        for picture in self.pictures:
            found += [f"picture without alt text: {picture}"] if picture["alt"].strip() in NO_ALT_TEXT else []
            found += [] if picture["width"] and picture["height"] else [f"picture not shown: {picture}"]
        return found


def visit(browser: Browser, lab: Lab, name: str, screenshot: Path, *, seconds: int = RUN_SECONDS) -> Visit:
    """Open a lesson, run all its cells, and take a picture of the whole."""
    screenshot.parent.mkdir(parents=True, exist_ok=True)
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        watch = Watch(lab.address)
        watch.over(page)
        page.goto(f"{lab.address}/lab/tree/notebooks/{name}?token={TOKEN}")
        page.wait_for_function(IS_OPEN, arg=name)
        page.evaluate(RUN_ALL)
        try:
            page.wait_for_function(HAS_RUN, timeout=seconds * 1000)
        except TimeoutError as error:
            page.screenshot(path=screenshot)
            error.add_note(f"{name} had not run after {seconds} s; see {screenshot}")
            error.add_note(f"pop-ups: {page.evaluate(POP_UPS)}")
            raise
        notebook = nbformat.from_dict(page.evaluate(NOTEBOOK))
        for _ in ("grow", "fit"):  # text is set anew when the window grows
            height = page.evaluate(BOTTOM) + 60
            page.set_viewport_size({"width": 1280, "height": min(TALLEST_PICTURE, height)})
        page.wait_for_function("() => [...document.images].every(image => image.complete)")
        page.screenshot(path=screenshot)
        return Visit(notebook, watch, page.evaluate(PICTURES), page.evaluate(POP_UPS), barriers(page))


@pytest.fixture(scope="module")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """Start Debian's Chromium once."""
    if not CHROMIUM.exists():
        compulsory = pytestconfig.getoption("--require-testbed", default=False)
        (pytest.fail if compulsory else pytest.skip)(f"{CHROMIUM} is missing: `apt-get install chromium`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Give the folder for pictures of whole lessons: ``DOCKERNET_SCREENSHOTS``, or a temporary one."""
    return Path(os.environ.get("DOCKERNET_SCREENSHOTS", tmp_path / "screenshots"))


# ---- the lessons -------------------------------------------------------------------------------------------


@pytest.mark.testbed
@pytest.mark.parametrize("name", [path.name for path in lesson_paths()])
def test_a_lesson_runs_in_a_browser(name: str, browser: Browser, tmp_path: Path, screenshots: Path) -> None:
    """Running all cells meets no error, no pop-up, no mute picture and no request to anyone else."""
    shutil.copytree(NOTEBOOKS, tmp_path / "course" / "notebooks")
    with running_lab(tmp_path / "course", tmp_path / "home") as lab:
        seen = visit(browser, lab, name, screenshots / f"{Path(name).stem}.png")
    assert not seen.problems(), "\n".join(seen.problems())


# ---- the test itself, without a testbed --------------------------------------------------------------------

GOOD = f"import os\nfrom IPython.display import HTML\nprint(os.getpid())\nHTML('''{FIGURE}''')"


def toy(root: Path, *sources: str) -> str:
    """Write a course of one toy lesson with these further cells, and name it."""
    (path,) = course(root, "03_bridge.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(notebook, path)
    return path.name


def test_a_faultless_toy_lesson_has_no_problems(browser: Browser, tmp_path: Path, screenshots: Path) -> None:
    """Every cell runs in order, the picture is seen, the screenshot is whole, no process is left."""
    name = toy(tmp_path / "course", GOOD, *(f"'line {number}'" for number in range(30)))
    with running_lab(tmp_path / "course", tmp_path / "home") as lab:
        seen = visit(browser, lab, name, screenshots / "toy.png")
    assert not seen.problems(), "\n".join(seen.problems())
    code = [cell for cell in seen.notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, 37))
    assert seen.pictures == [{"alt": "web on docker0", "width": 1, "height": 1}]
    assert len(seen.watch.asked) > 20
    assert not any(re.search("/lab/api/(news|update|extensions)", url) for url in seen.watch.asked)
    with Image.open(screenshots / "toy.png") as picture:
        assert picture.height > 1500
    assert lab.process.returncode == 0
    assert not Path("/proc", code[5].outputs[0].text.strip()).exists()


POP_UP = "jupyterapp.commands.execute('apputils:notify', {message: 'planted', options: {autoClose: false}})"
FAULTS = {
    "asked elsewhere: http://192.0.2.1/": 'HTML(\'<img alt="x" src="http://192.0.2.1/x.png">\')',
    "picture without alt text": f"HTML('''{FIGURE.replace('alt', 'title')}''')",
    "picture not shown": 'HTML(\'<img alt="x" src="data:image/png;base64,AAAA">\')',
    "on the console: planted": "Javascript('console.error(\"planted\")')",
    "pop-up: planted": f"Javascript({POP_UP!r})",
    "barrier: color-contrast: <p": "HTML('<p style=\"color:#ccc;background:#fff\">pale</p>')",
    "barrier: button-name: <button>": "HTML('<button></button>')",
    "ZeroDivisionError": "1 / 0",
    "not run": "'a cell after the error'",
}


def test_every_fault_is_seen(browser: Browser, tmp_path: Path, screenshots: Path) -> None:
    """A lesson with one fault of each kind is told of each; a check that cannot fail proves nothing."""
    name = toy(tmp_path / "course", "from IPython.display import HTML, Javascript", *FAULTS.values())
    with running_lab(tmp_path / "course", tmp_path / "home") as lab:
        problems = visit(browser, lab, name, screenshots / "faults.png").problems()
    for fault in FAULTS:
        assert any(fault in problem for problem in problems), f"{fault} is not among {problems}"


PICTURE = """
from dockernet_lessons import draw
from dockernet_lessons.facts import Place, Topology
draw(Topology((Place("web", "container", "host1", 1),)){})
"""
FILTERS = """async theme => {
    await window.jupyterapp.commands.execute('apputils:change-theme', {theme});
    const light = String(theme === 'JupyterLab Light');
    while (document.body.dataset.jpThemeLight !== light) { await new Promise(done => setTimeout(done, 50)); }
    return [...document.querySelectorAll('.jp-Notebook img')].map(image => getComputedStyle(image).filter);
}"""


def test_a_picture_follows_the_theme_of_jupyterlab(browser: Browser, tmp_path: Path) -> None:
    """A dark JupyterLab turns a picture dark, back to light as well, and leaves one alone that has its theme."""
    name = toy(tmp_path / "course", PICTURE.format(""), PICTURE.format(", theme='dark'"))
    with running_lab(tmp_path / "course", tmp_path / "home") as lab, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{lab.address}/lab/tree/notebooks/{name}?token={TOKEN}")
        page.wait_for_function(IS_OPEN, arg=name)
        page.evaluate(RUN_ALL)
        page.wait_for_function(HAS_RUN, timeout=60_000)
        assert page.evaluate(FILTERS, "JupyterLab Dark") == ["invert(0.93) hue-rotate(180deg)", "none"]
        assert page.evaluate(FILTERS, "JupyterLab Light") == ["none", "none"]


def test_a_lesson_that_does_not_end_is_given_up(browser: Browser, tmp_path: Path, screenshots: Path) -> None:
    """A hanging cell ends the test with the lesson's name; server and kernel are gone all the same."""
    script = f"import os, pathlib, time\npathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    name = toy(tmp_path / "course", script, "time.sleep(600)")
    with pytest.raises(TimeoutError) as caught, running_lab(tmp_path / "course", tmp_path / "home") as lab:
        visit(browser, lab, name, screenshots / "hangs.png", seconds=10)
    assert "03_bridge.ipynb had not run after 10 s" in caught.value.__notes__[0]
    assert lab.process.returncode is not None
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()


def test_a_server_that_cannot_start_tells_why(tmp_path: Path) -> None:
    """The message is JupyterLab's own, not a time-out."""
    with pytest.raises(pytest.fail.Exception, match=r"JupyterLab ended with 1:(?s:.*)no-such-folder"):  # noqa: SIM117
        with running_lab(tmp_path / "no-such-folder", tmp_path / "home"):
            pass
