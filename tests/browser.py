"""JupyterLab in a real browser: starts the server, opens a notebook, and does with it what a student does with the mouse.

Called by e2e/test_browser.py, and by itself to take the picture in README: `python tests/browser.py notebooks/images/lesson.png`
plays the lesson with the installed kernel and saves what the screen shows.
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from playwright.sync_api import expect, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
SECONDS = 1000  # milliseconds, playwright's unit


def find_browser():
    """The path of a Chromium or Chrome: BOUCLE_TEST_BROWSER, or one on PATH."""
    candidates = [os.environ.get("BOUCLE_TEST_BROWSER"), *map(shutil.which, NAMES), MACOS]
    found = next((path for path in candidates if path and os.access(path, os.X_OK)), None)
    assert found, "the JupyterLab tests need Chromium or Chrome: sudo apt install chromium, or set BOUCLE_TEST_BROWSER to its path"
    return found


@contextlib.contextmanager
def jupyter_lab(folder, env=None):
    """A JupyterLab server for this folder; yields its address. Its log is folder/lab.log."""
    log = folder / "lab.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0", "--IdentityProvider.token=test", f"--ServerApp.root_dir={folder}"],
            env=dict(os.environ, JUPYTERLAB_SETTINGS_DIR=str(without_news(folder)), **(env or {})), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )
    try:
        yield address_in(log, server)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def without_news(folder):
    """A settings folder in which JupyterLab does not ask whether it may fetch news."""
    settings = folder / ".settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    return folder / ".settings"


def address_in(log, server, limit=60):
    """Waits until the server has written where it listens."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found = re.search(r"(http://(?:127\.0\.0\.1|localhost):\d+)/lab", log.read_text())
        if found:
            return found[1]
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise TimeoutError(log.read_text())


@contextlib.contextmanager
def page(size=(1280, 900)):
    """An empty browser tab."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme="light")
        tab.set_default_timeout(30 * SECONDS)
        expect.set_options(timeout=30 * SECONDS)
        yield tab
        browser.close()


class Notebook:
    """An open notebook in JupyterLab, seen through its window."""

    def __init__(self, tab, address, name, kernel="Rust (Boucle)", simple=False):
        self.tab = tab
        mode = "doc" if simple else "lab"
        tab.goto(f"{address}/{mode}/tree/{name}?token=test&reset")
        self.panel = tab.locator(".jp-NotebookPanel:visible")
        expect(self.panel).to_be_visible(timeout=60 * SECONDS)
        # The notebook is drawn, and looks idle, before it has a kernel.
        expect(self.panel.locator(".jp-KernelName")).to_contain_text(kernel)
        self.kernel_is("idle")

    def kernel_is(self, state):
        expect(self.panel.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", state, timeout=60 * SECONDS)

    def cell(self, number):
        """The code cell with this index, scrolled into view (JupyterLab draws only what is near the window)."""
        cell = self.panel.locator(".jp-CodeCell").nth(number)
        cell.scroll_into_view_if_needed()
        return cell

    def run(self, number):
        """Clicks into a code cell and presses Shift-Enter."""
        cell = self.cell(number)
        cell.locator(".cm-content").click()
        expect(cell.locator(".cm-content")).to_be_focused()
        expect(self.panel.locator(".jp-Notebook")).to_have_class(re.compile("jp-mod-editMode"))
        self.tab.keyboard.press("Shift+Enter")
        return cell

    def interrupt(self):
        """Presses ■ in the toolbar."""
        self.panel.locator('[data-jp-item-name="interrupt"]').click()

    def prompt(self, cell, text):
        """Waits until the prompt of a cell shows this: `[*]:` while it runs, its number afterwards."""
        expect(cell.locator(".jp-InputArea-prompt")).to_have_text(text)

    def output(self, cell):
        return cell.locator(".jp-OutputArea-output")


def play_lesson(notebook, cells):
    """Runs the lesson's code cells as a student would; presses ■ when everything that is to come has come."""
    for number, (scenario, _, metadata) in enumerate(cells):
        cell = notebook.run(number)
        if "interrupt_after" in metadata:
            expect(cell).to_contain_text({"fork-run": "<<< c2", "rest": "<<< long"}[scenario])
            notebook.interrupt()
        notebook.prompt(cell, f"[{number + 1}]:")
        yield number, scenario, cell


def take_picture(path):
    """The lesson after its first interrupt."""
    import tempfile

    import lesson

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(lesson.NOTEBOOK, folder)
        with jupyter_lab(folder) as address, page(size=(1100, 1000)) as tab:
            notebook = Notebook(tab, address, lesson.NOTEBOOK.name, simple=True)
            for _, scenario, cell in play_lesson(notebook, lesson.cells()):
                if scenario == "fork-run":
                    break
            cell.evaluate("element => element.scrollIntoView({block: 'end'})")
            tab.wait_for_timeout(500)
            tab.screenshot(path=path)


if __name__ == "__main__":
    take_picture(sys.argv[1])
