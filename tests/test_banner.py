"""Where no testbed can run, a learner reads so above the lesson, before a cell is run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route
from test_browser import IS_OPEN, TOKEN, Lab, Watch, browser, running_lab, screenshots, toy

__all__ = ["browser", "screenshots"]

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent
BANNER = "#dockernet-banner"
WHOLE = """() => {
    const banner = document.querySelector('#dockernet-banner');
    const said = banner.firstChild;
    const below = document.querySelector('#jp-main-content-panel').getBoundingClientRect().top;
    const bottom = said.getBoundingClientRect().bottom;
    return banner.scrollHeight <= banner.clientHeight && said.offsetHeight > 60 && bottom <= below;
}"""
# A server that is asked to end while a kernel starts takes half a minute for it.
KERNEL_IS_UP = """() => [...window.jupyterapp.shell.widgets('main')].some(
    panel => panel.sessionContext?.session?.kernel?.status === 'idle')"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Serve a lesson where no testbed can start."""
    folder = tmp_path_factory.mktemp("recorded")
    toy(folder / "course")
    shutil.copy(ROOT / "README.md", folder / "course")
    shutil.copytree(ROOT / "docs", folder / "course" / "docs")
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("DOCKERNET_CARRIER", "none")
        variables.setenv("DOCKERNET_RUNTIME", str(folder / "runtime"))
        with running_lab(folder / "course", folder / "home", live=False) as lab:
            yield lab


@pytest.fixture
def page(recorded: Lab, browser: Browser) -> Iterator[Page]:
    """Open the lesson, and see that the page has complained of nothing."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        watch = Watch(recorded.address)
        watch.over(page)
        page.goto(f"{recorded.address}/lab/tree/notebooks/03_bridge.ipynb?token={TOKEN}")
        yield page
        page.wait_for_function(KERNEL_IS_UP)
    assert watch.complaints == watch.elsewhere == []


def test_what_is_recorded_is_said_before_a_cell_is_run(page: Page, screenshots: Path) -> None:
    """The banner stands above everything, whole at any width; one can try again, read on, and close it."""
    said = page.wait_for_selector(f"{BANNER} [role=alert]:has-text('Recorded')").text_content()
    assert "printed on a testbed when the lesson was written" in said
    assert "Why: DOCKERNET_CARRIER is 'none'." in said
    assert "Next: set it to auto or one of" in said
    assert 'Live: README.md, "Three ways in"' in said
    page.wait_for_function(IS_OPEN, arg="03_bridge.ipynb")
    page.wait_for_function(WHOLE)
    screenshots.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=screenshots / "banner.png")
    page.set_viewport_size({"width": 640, "height": 900})
    page.wait_for_function(WHOLE)
    page.click(f"{BANNER} button:has-text('Try again')")
    page.wait_for_selector(f"{BANNER} button:has-text('Try again'):enabled")
    page.click(f"{BANNER} button:has-text('Three ways in')")
    page.wait_for_selector(".jp-MarkdownViewer h2:has-text('Three ways in')")
    page.click(f"{BANNER} button:has-text('Close')")
    page.wait_for_selector(BANNER, state="detached")


def test_a_second_try_that_succeeds_is_said(page: Page) -> None:
    """What was recorded is no longer said once a testbed runs."""
    answers = iter(('{"state": "starting"}', '{"state": "starting"}', '{"state": "live", "live": "it runs."}'))
    again = page.wait_for_selector(f"{BANNER} button:has-text('Try again')")

    def answer(route: Route) -> None:
        route.fulfill(body=next(answers), content_type="application/json")

    page.route("**/dockernet/testbed*", answer)
    again.click()
    page.wait_for_selector(f"{BANNER} [role=alert]:has-text('Live: it runs.')")
    assert "Recorded" not in page.text_content(BANNER)
    assert next(answers, None) is None
