"""The widgets in a real browser: clicks and keys, reload and reopen, no request elsewhere, no fault for axe-core."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Locator, Page, expect
from test_browser import (
    FILTERS,
    HAS_RUN,
    IS_OPEN,
    RUN_ALL,
    TOKEN,
    Settings,
    Watch,
    barriers,
    browser,
    running_lab,
    screenshots,
)

from dockernet_lessons.lab import Lab
from dockernet_lessons.making import sweep
from dockernet_lessons.testbed import Testbed

__all__ = ["browser", "screenshots"]  # fixtures

pytestmark = pytest.mark.browser

NAME = "03_widgets.ipynb"
SECONDS = 60
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
CLEAR = "() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
RUN_IN_THE_LAST_CELL = """source => {
    const { content } = window.jupyterapp.shell.currentWidget;
    content.activeCellIndex = content.widgets.length - 1;
    content.activeCell.model.sharedModel.setSource(source);
    return window.jupyterapp.commands.execute('notebook:run-cell');
}"""
HOW_COMMS_GO = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.commsOverSubshells"
# What JupyterLab itself writes when a kernel is restarted, and when a notebook is opened whose kernel is another one.
OF_A_RESTART = ("widget model not found", "Could not restore the debugger state: Canceled future")


@dataclass(frozen=True)
class Cells:
    """A notebook of a few cells, open in a browser, and run."""

    page: Page
    watch: Watch
    path: Path
    pictures: Path

    @property
    def panel(self) -> Locator:
        """The live controls."""
        return self.page.locator(".dockernet-panel")

    @property
    def static(self) -> Locator:
        """What stays for readers without a kernel."""
        return self.page.locator(".dockernet-fallback")

    def run(self) -> None:
        """Run all cells, from the first one on."""
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function(HAS_RUN, timeout=SECONDS * 1000)

    def tab_to(self, control: Locator) -> None:
        """Press Tab until a control has the focus, as often as there are controls in a few panels."""
        for _ in range(40):
            if control.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        pytest.fail(f"{control} is not reached by Tab")

    def reload(self) -> None:
        """Save the notebook, and load the page again."""
        self.page.evaluate(SAVE)
        self.page.reload()
        self.page.wait_for_function(IS_OPEN, arg=NAME)

    def stored(self) -> nbformat.NotebookNode:
        """Read the notebook from the disk, once the page has saved it."""
        self.page.evaluate(SAVE)
        return nbformat.read(self.path, as_version=4)

    def wear(self, theme: str) -> None:
        """Show the page in a theme; while one is loaded there is something before the page."""
        self.page.evaluate(FILTERS, f"JupyterLab {theme}")
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)

    def look(self, name: str) -> None:
        """Take a picture in a light and a dark theme, and have axe-core look at the outputs in both."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        for theme in ("Dark", "Light"):
            self.wear(theme)
            self.page.screenshot(path=self.pictures / f"{name}-{theme.lower()}.png")
            found = barriers(self.page)
            assert not found, "\n".join(f"{theme}: {each}" for each in found)

    def quiet(self) -> None:
        """See that nothing was asked elsewhere and nothing complained about."""
        assert self.watch.elsewhere == []
        assert [text for text in self.watch.complaints if not any(known in text for known in OF_A_RESTART)] == []


@contextmanager
def opened(
    browser: Browser, folder: Path, pictures: Path, *sources: str, settings: Settings | None = None
) -> Iterator[Cells]:
    """Open a notebook with these cells in JupyterLab, and run it."""
    path = folder / "course" / "notebooks" / NAME
    path.parent.mkdir(parents=True)
    kernel = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(new_notebook(cells=list(map(new_code_cell, sources)), metadata={"kernelspec": kernel}), path)
    with (
        running_lab(folder / "course", folder / "home", settings=settings) as lab,
        browser.new_context(viewport={"width": 1280, "height": 1400}) as context,
    ):
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        watch = Watch(lab.address)
        watch.over(page)
        page.goto(f"{lab.address}/lab/tree/notebooks/{NAME}?token={TOKEN}")
        page.wait_for_function(IS_OPEN, arg=NAME)
        cells = Cells(page, watch, path, pictures)
        cells.run()
        yield cells


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.1)


def rendered(sources: Sequence[str]) -> str:
    """Run cells headless, and give the page that nbconvert makes of them, as a reader without a kernel gets it."""
    notebook = new_notebook(cells=list(map(new_code_cell, sources)))
    NotebookClient(notebook, timeout=SECONDS, store_widget_state=False).execute()
    return str(HTMLExporter().from_notebook_node(notebook)[0])


expect.set_options(timeout=20_000)
PREDICTION = """
from dockernet_lessons import predict, predict_reach
from dockernet_lessons.matrix import Reach
predict("Does web reach db by its name?", measure=lambda: True)
"""
MATRIX = """
measured = Reach("by ping", ("web", "db"), ("web", "db"), ((True, False), (True, True)))
predict_reach("Who reaches whom?", "web", "db", measure=lambda: measured)
"""


def test_a_prediction_outlives_page_kernel_and_file(browser: Browser, tmp_path: Path, screenshots: Path) -> None:
    """Answered with keys and clicks, it is there after a reload, in the file, and after a restart of the kernel."""
    with opened(browser, tmp_path, screenshots, PREDICTION, MATRIX) as cells:
        expect(cells.panel).to_have_count(2)
        expect(cells.static.first).to_be_hidden()
        expect(cells.panel.first.get_by_role("button", name="Lock in my prediction")).to_be_disabled()
        assert "Measured" not in cells.page.content()
        cells.look("predict-open")

        cells.panel.first.get_by_label("yes", exact=True).focus()
        cells.page.keyboard.press("ArrowDown")
        expect(cells.panel.first.get_by_role("button", name="Lock in my prediction")).to_be_enabled()
        cells.page.keyboard.press("Tab")
        cells.page.keyboard.press("Enter")
        expect(cells.panel.first.get_by_text("Not what you predicted")).to_be_visible()
        for cell in cells.panel.nth(1).get_by_role("combobox").all():
            cell.select_option("yes")
        cells.panel.nth(1).get_by_role("button", name="Lock in my prediction").click()
        expect(cells.panel.nth(1).get_by_text("≠ you: yes")).to_be_visible()
        cells.look("predict-answered")

        cells.reload()
        expect(cells.panel.first.get_by_text("You predicted: no")).to_be_visible()
        kept = cells.stored()
        assert set(kept.metadata.dockernet_lessons.predictions.values()) == {
            '"no"',
            '{"web": {"db": "yes"}, "db": {"web": "yes"}}',
        }
        assert "You predicted: <b>no</b>" in kept.cells[0].outputs[0].data["text/html"]

        cells.page.evaluate(RESTART)
        cells.reload()
        expect(cells.static.first.get_by_text("You predicted: no")).to_be_visible()
        expect(cells.page.get_by_text("Error displaying widget")).to_have_count(2)
        for error in cells.page.get_by_text("Error displaying widget").all():
            expect(error).to_be_hidden()

        cells.page.evaluate(CLEAR)
        cells.run()
        expect(cells.panel.first.get_by_text("You predicted: no")).to_be_visible()
        expect(cells.panel.first.get_by_text("Not what you predicted")).to_be_visible()
        expect(cells.panel.nth(1).get_by_text("≠ you: yes")).to_be_visible()
        cells.quiet()


FAULTY = """
from ipywidgets import HTML
HTML('<p style="color:#777;background:#888">pale</p><button></button>')
"""


def test_a_barrier_is_seen_in_both_themes(browser: Browser, tmp_path: Path, screenshots: Path) -> None:
    """What the rules are asked for they find among live controls: words too pale, a button without a name."""
    with opened(browser, tmp_path, screenshots, FAULTY) as cells:
        for theme in ("Dark", "Light"):
            cells.wear(theme)
            found = " ".join(barriers(cells.page))
            assert "color-contrast: <p" in found
            assert "button-name: <button>" in found


WAITS = """
import threading
from dockernet_lessons import predict
door = threading.Event()
predict("Will it open?", measure=lambda: door.wait(60))
"""


@pytest.mark.parametrize("setting", ["disabled", "perComm", "perCommTarget"])
def test_the_kernel_stays_usable(setting: str, browser: Browser, tmp_path: Path, screenshots: Path) -> None:
    """While a job runs, cells run and the page hears of both, whatever JupyterLab does with the kernel's subshells."""
    settings = {"apputils-extension/kernels-settings": {"commsOverSubshells": setting}}
    with opened(browser, tmp_path, screenshots, WAITS, "OPENS = 0", settings=settings) as cells:
        assert cells.page.evaluate(HOW_COMMS_GO) == setting
        cells.panel.get_by_label("yes", exact=True).check()
        cells.panel.get_by_role("button", name="Lock in my prediction").click()
        expect(cells.panel.get_by_text("Measuring: asking the testbed")).to_be_visible()
        cells.page.evaluate(RUN_IN_THE_LAST_CELL, "door.set(), 6 * 7")
        expect(cells.page.locator(".jp-OutputArea-output", has_text="(None, 42)")).to_be_visible()
        expect(cells.panel.get_by_text("As you predicted")).to_be_visible()
        cells.quiet()


LAUNCHER = """
from dockernet_lessons import Lab, launcher
lab = Lab("widgets").start()
launcher(lab)
"""


@pytest.mark.testbed
def test_a_container_is_launched_by_clicks(browser: Browser, bed: Testbed, tmp_path: Path, screenshots: Path) -> None:
    """Chosen, launched, seen in the engine, looked into, stopped and removed; in the file stays what was there."""
    try:
        with opened(browser, tmp_path, screenshots, LAUNCHER) as cells:
            panel, engine = cells.panel, bed.engine()
            panel.get_by_label("Network", exact=True).select_option("a new network")
            panel.get_by_label("New network").fill("shop")
            panel.get_by_label("Subnet").fill("172.30.7.0/24")
            ports = panel.get_by_label("Published ports")
            ports.fill("8087:99999")
            expect(panel.get_by_text("99999 is not a port.").first).to_be_visible()
            expect(panel.get_by_role("button", name="Launch")).to_be_disabled()
            cells.look("launcher-mistake")
            ports.fill("8087:80")
            expect(panel.get_by_text('lab.container("web", on="shop", publish={8087: 80})')).to_be_visible()
            panel.get_by_role("button", name="Copy in a cell").click()
            expect(panel.get_by_role("button", name="Copy in a cell")).to_have_text("Copied")
            panel.get_by_role("button", name="Launch").dblclick()

            expect(panel.get_by_text("● running")).to_have_count(1)
            expect(panel.get_by_text("shop 172.30.7.2")).to_be_visible()
            expect(panel.locator("img")).to_have_attribute("alt", re.compile("web"))
            record = engine.container("web")
            assert record is not None
            assert dict(record.addresses) == {"shop": "172.30.7.2"}
            cells.look("launcher-launched")

            cells.reload()
            panel.get_by_role("button", name="Logs").click()
            expect(panel.get_by_label("logs of web")).to_be_visible()
            panel.get_by_role("button", name="Stop").click()
            expect(panel.get_by_text("○ exited")).to_be_visible()
            cells.look("launcher-stopped")
            panel.get_by_role("button", name="Remove").click()
            expect(panel.get_by_text("This lab has no containers yet.")).to_be_visible()
            until(lambda: engine.container("web") is None)
            cells.quiet()
    finally:
        sweep([bed.engine()], "widgets")


@pytest.mark.testbed
def test_containers_are_launched_and_removed_without_a_mouse(
    browser: Browser, bed: Testbed, tmp_path: Path, screenshots: Path
) -> None:
    """Every control is reached by Tab and used by keys; what was copied can be pasted; no key is lost after a job."""
    try:
        with opened(browser, tmp_path, screenshots, LAUNCHER) as cells:
            panel, page, engine = cells.panel, cells.page, bed.engine()
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            page.keyboard.press("Escape")
            cells.tab_to(panel.get_by_label("Network", exact=True))
            page.keyboard.type("a new")
            cells.tab_to(panel.get_by_label("Subnet"))
            page.keyboard.press("Control+a")
            page.keyboard.type("172.30.7.0/24")
            cells.tab_to(panel.get_by_label("Container", exact=True))
            page.keyboard.press("Control+a")
            page.keyboard.type("inn")
            cells.tab_to(panel.get_by_role("button", name="Copy in a cell"))
            page.keyboard.press("Enter")
            expect(panel.get_by_role("button", name="Copy in a cell")).to_have_text("Copied")
            typed = 'lab.network("shop", subnet="172.30.7.0/24")\nlab.container("inn", on="shop")'
            assert page.evaluate("() => navigator.clipboard.readText()") == typed
            cells.tab_to(panel.get_by_role("button", name="Launch"))
            page.keyboard.press("Enter")
            expect(panel.get_by_text("shop 172.30.7.2")).to_be_visible()
            expect(panel.get_by_text("inn was launched.")).to_be_visible()
            cells.tab_to(panel.get_by_role("button", name="Stop"))
            page.keyboard.press("Space")
            expect(panel.get_by_text("○ exited")).to_be_visible()
            expect(panel.get_by_role("button", name="Remove")).to_be_enabled()
            cells.tab_to(panel.get_by_role("button", name="Remove"))
            page.keyboard.press("Enter")
            expect(panel.get_by_text("This lab has no containers yet.")).to_be_visible()
            until(lambda: engine.container("inn") is None)
            cells.quiet()
    finally:
        sweep([bed.engine()], "widgets")


PANEL = """
from dockernet_lessons import Lab, testbed_panel
lab = Lab("widgets").start()
lab.container("web")
testbed_panel()
"""


@pytest.mark.testbed
def test_the_testbed_is_looked_at_and_cleaned_by_clicks(
    browser: Browser, bed: Testbed, tmp_path: Path, screenshots: Path
) -> None:
    """What runs is told; Clean asks first, and then removes it."""
    try:
        with opened(browser, tmp_path, screenshots, PANEL) as cells:
            panel = cells.panel
            expect(panel.get_by_role("row", name="host1")).to_contain_text(f"Docker Engine {bed.engine().version}")
            expect(panel.get_by_text("web of lab widgets")).to_be_visible()
            cells.look("testbed")
            panel.get_by_role("button", name="Clean").click()
            expect(panel.get_by_text("This removes web of lab widgets.")).to_be_visible()
            cells.look("testbed-asks")
            panel.get_by_role("button", name="Yes, remove them").click()
            expect(panel.get_by_text("Removed: containers 1, networks 0.")).to_be_visible()
            assert bed.engine().container("web") is None
            cells.quiet()
    finally:
        sweep([bed.engine()], "widgets")


EXPLORER = """
from dockernet_lessons import Lab, path_explorer
lab = Lab("widgets").start()
lab.container("web", on=lab.network("shop", subnet="172.30.7.0/24"))
lab.container("mail", on=lab.network("back", subnet="172.30.8.0/24"))
path_explorer(lab, "web", "neighbour", "http")
"""
ACROSS = """
from dockernet_lessons import Lab, path_explorer
lab = Lab("widgets", needs=("vxlan", "host2")).start()
lab.swarm()
mesh = lab.network("mesh", driver="overlay", subnet="172.31.7.0/24")
lab.container("tea", on=mesh), lab.container("cup", on=mesh, host="host2")
path_explorer(lab, "tea", "cup", "ping")
"""
EXPLORED = """
from dockernet_lessons import path_explorer, trace
path_explorer(lab, traced=trace("web", "neighbour"))
"""


@pytest.mark.testbed
def test_a_packet_is_followed_by_keys(browser: Browser, bed: Testbed, tmp_path: Path, screenshots: Path) -> None:
    """Sent by a click, stepped through there and back by keys; what changed on its way is marked."""
    try:
        with opened(browser, tmp_path, screenshots, EXPLORER) as cells:
            panel, page = cells.panel, cells.page
            hop, image = panel.get_by_role("slider", name="Hop"), panel.locator("img")
            port = panel.get_by_label("Port", exact=True)
            port.fill("0")
            expect(panel.get_by_text("0 is not a port.").first).to_be_visible()
            expect(panel.get_by_role("button", name="Trace")).to_be_disabled()
            cells.look("explorer-mistake")
            port.fill("80")
            panel.get_by_role("button", name="Trace").click()
            expect(panel.get_by_text("Hop 1 of 14: heard at web eth0, on the way there")).to_be_visible()
            expect(image).to_have_attribute("alt", re.compile("Marked: web eth0"))
            expect(panel.locator("mark")).to_have_count(0)
            cells.look("explorer-first")

            hop.focus()
            for _ in range(3):
                page.keyboard.press("ArrowRight")
            expect(panel.get_by_text("Hop 4 of 14")).to_be_visible()
            expect(panel.locator("mark", has_text="192.0.2.11")).to_be_visible()
            expect(panel.locator("mark", has_text="63")).to_be_visible()
            expect(panel.get_by_text("was 172.30.7.2")).to_be_visible()
            expect(image).to_have_attribute("alt", re.compile("Marked: host1 eth0"))
            cells.look("explorer-changed")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            expect(panel.get_by_text("Hop 5 of 14")).to_be_visible()
            page.keyboard.press("Shift+Tab")
            page.keyboard.press("ArrowLeft")
            expect(panel.locator("mark", has_text="192.0.2.11")).to_be_visible()
            page.keyboard.press("End")
            expect(panel.get_by_text("web reached neighbour, port 80.")).to_be_visible()
            expect(panel.get_by_role("button", name="Forward")).to_have_attribute("aria-disabled", "true")
            expect(image).to_have_attribute("alt", re.compile(r"Marked: web eth0 \(14\)"))
            cells.look("explorer-arrived")
            cells.quiet()
    finally:
        sweep([bed.engine()], "widgets")


@pytest.mark.testbed
def test_a_packet_is_followed_through_a_tunnel(
    browser: Browser, bed: Testbed, tmp_path: Path, screenshots: Path
) -> None:
    """Where it is wrapped on its way to another host, the outer packet is told as well."""
    try:
        with opened(browser, tmp_path, screenshots, ACROSS) as cells:
            panel = cells.panel
            panel.get_by_role("button", name="Trace").click()
            expect(panel.get_by_text("Hop 1 of 20: heard at tea eth0, on the way there")).to_be_visible()
            panel.get_by_role("slider", name="Hop").focus()
            for _ in range(3):
                cells.page.keyboard.press("ArrowRight")
            expect(panel.get_by_text("Hop 4 of 20: heard at host1 eth0")).to_be_visible()
            expect(
                panel.get_by_text(re.compile("wrapped into VXLAN 4[0-9]+, from 192.0.2.11 to 192.0.2.12"))
            ).to_be_visible()
            expect(panel.locator("img")).to_have_attribute("alt", re.compile("Marked: host1 eth0"))
            cells.look("explorer-tunnel")
            cells.page.keyboard.press("End")
            expect(panel.get_by_text("tea reached cup.")).to_be_visible()
            cells.quiet()
    finally:
        Lab("widgets").start().close()


@pytest.mark.testbed
def test_a_packet_that_dies_tells_why(browser: Browser, bed: Testbed, tmp_path: Path, screenshots: Path) -> None:
    """The verdict comes at the hop where it died; page and file keep it."""
    try:
        with opened(browser, tmp_path, screenshots, EXPLORER) as cells:
            panel = cells.panel
            panel.get_by_label("To", exact=True).select_option("mail")
            panel.get_by_label("Kind of packet").select_option(label="ping: an echo request")
            expect(panel.get_by_label("Port", exact=True)).to_be_hidden()
            panel.get_by_role("button", name="Trace").click()
            expect(panel.get_by_text("Hop 1 of 2")).to_be_visible()
            expect(panel.get_by_text("web did not reach mail")).to_have_count(0)
            panel.get_by_role("button", name="Forward").click()
            expect(panel.get_by_text("web did not reach mail: dropped in")).to_be_visible()
            expect(panel.locator("img")).to_have_attribute("alt", re.compile("It died there"))
            cells.look("explorer-died")

            cells.reload()
            expect(panel.get_by_text("Hop 2 of 2")).to_be_visible()
            expect(panel.get_by_text("web did not reach mail: dropped in")).to_be_visible()
            kept = cells.stored().cells[0].outputs[0].data
            assert "web did not reach mail: dropped in" in kept["text/plain"]
            assert "web did not reach mail: dropped in" in kept["text/html"]
            cells.quiet()
    finally:
        sweep([bed.engine()], "widgets")


@pytest.mark.testbed
def test_a_reader_without_a_kernel_sees_what_is_true(browser: Browser, bed: Testbed, screenshots: Path) -> None:
    """The page that nbconvert makes shows each widget's static form: questions, containers, picture, what ran."""
    sources = [
        PREDICTION,
        MATRIX,
        LAUNCHER.replace("start()", "start()\nlab.container('web')"),
        PANEL.split("lab =", maxsplit=1)[0],
    ]
    try:
        html = rendered([*sources, "testbed_panel()", EXPLORED])
        with browser.new_context() as context:
            page = context.new_page()
            page.route(
                "**", lambda route: route.abort()
            )  # its scripts are on somebody's server; readers may be offline
            page.set_content(html, wait_until="domcontentloaded")
            static = page.locator(".dockernet-fallback")
            expect(static).to_have_count(5)
            for each, words in enumerate(
                ("Does web reach db", "Who reaches whom?", "● running", bed.engine().version, "web reached neighbour.")
            ):
                expect(static.nth(each)).to_be_visible()
                expect(static.nth(each)).to_contain_text(words)
            expect(static.nth(2).locator("img")).to_have_attribute("alt", re.compile("web"))
            assert "Measured" not in html
            screenshots.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=screenshots / "without-a-kernel.png", full_page=True)
    finally:
        sweep([bed.engine()], "widgets")
