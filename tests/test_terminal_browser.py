"""The terminal in a real browser: typed in, pasted, copied, left by keys; reloaded, flooded, ended, started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect
from test_browser import browser, screenshots
from test_widgets_browser import Cells, opened, rendered, until

from dockernet_lessons.making import sweep
from dockernet_lessons.testbed import Testbed

__all__ = ["browser", "screenshots"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.testbed]

SHELLS = """
from dockernet_lessons import Lab, terminal
lab = Lab("widgets").start()
web = lab.container("web")
terminal(web, rows=12)
"""
LINES = (
    "() => [...document.querySelectorAll('.xterm-accessibility-tree > div')].map(line => line.textContent).join('\\n')"
)
ROWS = "() => document.querySelectorAll('.xterm-accessibility-tree > div').length"
TALLER = "() => { document.querySelector('.dockernet-screen-frame').style.height = '420px'; }"
HAS_FOCUS = "() => document.activeElement.classList.contains('xterm-helper-textarea')"
ELSEWHERE = """() => [document.activeElement.className, ...window.jupyterapp.shell.currentWidget.content.widgets.map(
    cell => cell.model.sharedModel.getSource())]"""
PASTED = """() => {
    const data = new DataTransfer();
    data.setData('text/plain', 'echo $((70 + 7)) pasted\\n');
    document.activeElement.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}));
}"""

# Of what the page tells the shell, each third message gets lost, and each other third comes late.
UNRELIABLE = """() => {
    const send = WebSocket.prototype.send;
    window.unreliable = {lost: 0, late: 0};
    let told = 0;
    WebSocket.prototype.send = function (data) {
        const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
        if (!/"kind":"(keys|hello)"/.test(text)) {
            send.call(this, data);
            return;
        }
        told += 1;
        if (told % 3 === 0) {
            window.unreliable.lost += 1;
        } else if (told % 3 === 1) {
            window.unreliable.late += 1;
            setTimeout(() => send.call(this, data), 150);
        } else {
            send.call(this, data);
        }
    };
}"""


@dataclass(frozen=True)
class Typed:
    """A terminal in a page, used with the keyboard."""

    page: Page
    pictures: Path

    def shows(self, text: str) -> None:
        """Wait until a text is on the screen, as a screen reader has it."""
        try:
            self.page.wait_for_function(f"text => ({LINES})().includes(text)", arg=text, timeout=20_000)
        except TimeoutError:
            self.page.screenshot(path=self.pictures / "terminal-failed.png")
            seen, elsewhere = self.page.evaluate(LINES), self.page.evaluate(ELSEWHERE)
            pytest.fail(f"{text!r} is not on the screen:\n{seen}\nFocus and sources: {elsewhere}")

    def line(self, text: str) -> None:
        """Type a line into the shell; once more where JupyterLab took the focus away meanwhile, as when it is late.

        What was lost though the shell had the focus stays lost, and is noticed.
        """
        until(self.focus)
        self.page.keyboard.type(text)
        if not self.has_focus:
            until(self.focus)
            self.press("Control+c")
            self.page.keyboard.type(text)
        self.press("Enter")

    def focus(self) -> bool:
        """Put the focus into the shell; tell whether it stays: JupyterLab moves it when the last cell has ended."""
        self.page.get_by_label("Shell in web").focus()
        self.page.wait_for_timeout(300)
        return self.has_focus

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def has_focus(self) -> bool:
        """Whether keys go to the shell."""
        return bool(self.page.evaluate(HAS_FOCUS))


@contextmanager
def shell(browser: Browser, bed: Testbed, folder: Path, screenshots: Path) -> Iterator[tuple[Cells, Typed]]:
    """Open a page with a shell in web that has shown its prompt; in the end the lab's things are removed."""
    try:
        with opened(browser, folder, screenshots, SHELLS) as cells:
            typed = Typed(cells.page, cells.pictures)
            typed.shows("web # ")
            yield cells, typed
    finally:
        sweep([bed.engine()], "widgets")


def test_a_shell_is_used_with_the_keyboard(browser: Browser, bed: Testbed, tmp_path: Path, screenshots: Path) -> None:
    """Typed, pasted, copied, made larger, interrupted, and left by keys; its keys are not JupyterLab's."""
    with shell(browser, bed, tmp_path, screenshots) as (cells, typed):
        page = cells.page
        typed.line("ip -color=always -brief address; printf '\\033[?2026$p'")
        typed.shows("172.17.0.2/16")
        typed.shows("[?2026;2$y")  # xterm.js answers what a program asks
        cells.look("terminal")

        until(typed.focus)
        typed.press("Control+b", "Control+u")
        expect(page.locator("#jp-left-stack")).to_be_visible()
        typed.line("ping 192.0.2.254")
        typed.shows("64 bytes from 192.0.2.254")
        typed.press("Control+c")
        typed.shows("packets transmitted")
        page.evaluate(PASTED)
        typed.shows("77 pasted")
        typed.line("clear")
        page.wait_for_function(f"() => ({LINES})().startsWith('web # \\n')")
        page.locator(".xterm-screen").dblclick(position={"x": 6, "y": 6})  # the first word: web
        typed.press("Control+c")
        page.keyboard.type("echo copied-")
        typed.press("Control+v", "Enter")
        typed.shows("\ncopied-web")

        rows = page.evaluate(ROWS)
        page.evaluate(TALLER)
        until(lambda: page.evaluate(ROWS) > rows)
        typed.line("stty size")
        typed.shows(f"\n{page.evaluate(ROWS)} ")

        typed.press("Tab")
        assert typed.has_focus
        for leave, come_back in (("Tab", "Shift+Tab"), ("Shift+Tab", "Tab")):
            typed.press("Escape", leave)
            assert not typed.has_focus
            typed.press(come_back)
            assert typed.has_focus
        cells.quiet()


def test_a_shell_outlives_its_page_and_starts_again(
    browser: Browser, bed: Testbed, tmp_path: Path, screenshots: Path
) -> None:
    """After a reload it shows what it showed and goes on; a flood is stopped by a key; `exit` is told."""
    with shell(browser, bed, tmp_path, screenshots) as (cells, typed):
        typed.line("x=kept; echo $((70 + 7)) before")
        typed.shows("77 before")
        cells.reload()
        typed.shows("77 before")
        typed.line("echo $x and $((80 + 8))")
        typed.shows("kept and 88")
        typed.line("yes 'a flood of lines'")
        typed.shows("a flood of lines")
        cells.page.wait_for_timeout(3000)
        typed.press("Control+c")
        typed.line("clear; echo dry $((90 + 9)); exit 4")
        expect(cells.panel.get_by_text("The shell has ended (exit code 4).")).to_be_visible()
        typed.shows("dry 99")
        cells.look("terminal-ended")
        cells.panel.get_by_role("button", name="Start the shell again").click()
        cells.page.wait_for_function(f"() => ({LINES})().startsWith('web # ')")
        expect(cells.panel.get_by_text("The shell has ended")).to_have_count(0)
        cells.quiet()


def test_what_is_typed_comes_once_and_in_order(
    browser: Browser, bed: Testbed, tmp_path: Path, screenshots: Path
) -> None:
    """Though messages of the page get lost and overtake each other, as they do between a kernel's threads."""
    with shell(browser, bed, tmp_path, screenshots) as (cells, typed):
        cells.page.evaluate(UNRELIABLE)
        typed.line("echo the quick brown fox jumps over $((40 + 2)) lazy dogs")
        typed.shows("\nthe quick brown fox jumps over 42 lazy dogs")
        assert min(cells.page.evaluate("() => Object.values(window.unreliable)")) > 10
        cells.quiet()


def test_a_reader_without_a_kernel_sees_what_to_type(browser: Browser, bed: Testbed) -> None:
    """The page that nbconvert makes names the shell, and the command for the same in a terminal."""
    assert bed.alive()
    html = rendered(["from dockernet_lessons import terminal", "terminal('router')"])
    with browser.new_context(offline=True) as context:
        page = context.new_page()
        page.route("**", lambda route: route.abort())  # its scripts are on somebody's server
        page.set_content(html, wait_until="domcontentloaded")
        expect(page.locator(".dockernet-fallback")).to_be_visible()
        expect(page.locator(".dockernet-fallback")).to_contain_text("dockernet shell router")
