"""JupyterLab and Notebook in a real browser: starts the server, opens a notebook, and does with it what a student does with the mouse.

Called by the tests in a browser, and by pictures.py.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import nbformat
from playwright.sync_api import expect, sync_playwright

import lesson

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
def server(folder, app="jupyterlab", env=None, theme="JupyterLab Light", options=()):
    """A server for this folder, of JupyterLab or of Notebook; yields its address. Its log is folder/server.log."""
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", app, "--no-browser", "--allow-root", "--ServerApp.port=0", "--IdentityProvider.token=test", f"--ServerApp.root_dir={folder}", *options],
            env=dict(os.environ, JUPYTERLAB_SETTINGS_DIR=str(settings(folder, theme)), **(env or {})), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )
    try:
        yield address_in(log, process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def settings(folder, theme):
    """A settings folder in which nobody is asked whether news may be fetched."""
    extension = folder / ".settings/@jupyterlab/apputils-extension"
    extension.mkdir(parents=True)
    (extension / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    (extension / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))
    return folder / ".settings"


def address_in(log, process, limit=60):
    """Waits until the server has written where it listens."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found = re.search(r"(http://(?:127\.0\.0\.1|localhost):\d+)/(?:lab|tree)", log.read_text())
        if found:
            return found[1]
        assert process.poll() is None, log.read_text()
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


def write(path, *sources, kernel="boucle"):
    """A notebook with these code cells; its name."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": "Rust (Boucle)", "language": "rust"}
    nbformat.write(notebook, path)
    return path.name


class Notebook:
    """An open notebook, seen through its window. JupyterLab and Notebook are made of the same parts."""

    PATHS = {"lab": "/lab/tree/{}?reset", "simple lab": "/doc/tree/{}?reset", "notebook": "/notebooks/{}?"}

    def __init__(self, tab, address, name, front_end="lab", kernel="Rust (Boucle)"):
        self.tab = tab
        tab.goto(f"{address}{self.PATHS[front_end].format(name)}&token=test")
        self.panel = tab.locator(".jp-NotebookPanel:visible")
        expect(self.panel).to_be_visible(timeout=60 * SECONDS)
        # The notebook is drawn, and looks idle, before it has a kernel.
        expect(tab.locator(".jp-KernelName:visible").first).to_contain_text(kernel)
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

    def type(self, number, text):
        """Clicks into a code cell and types at the end of it."""
        cell = self.cell(number)
        cell.locator(".cm-content").click()
        expect(cell.locator(".cm-content")).to_be_focused()
        self.tab.keyboard.press("Control+End")
        self.tab.keyboard.type(text)
        return cell

    def interrupt(self):
        """Presses ■ in the toolbar."""
        self.press("interrupt")

    def press(self, button):
        """Presses a button of the toolbar."""
        self.panel.locator(f'[data-jp-item-name="{button}"]').click()

    def restart(self):
        """Presses ⟳, confirms, and waits until the server has done it."""
        self.press("restart")
        with self.tab.expect_response(re.compile(r"/api/kernels/[^/]+/restart")):
            self.tab.locator(".jp-Dialog button.jp-mod-accept").click()
        self.kernel_is("idle")

    def restart_and_run_all(self):
        """Presses ⏩, and confirms."""
        self.press("restart-and-run")
        self.tab.locator(".jp-Dialog button.jp-mod-accept").click()

    def choose(self, *path):
        """Clicks through the menus."""
        self.tab.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{path[0]}$")).click()
        for entry in path[1:]:
            self.tab.locator(".lm-Menu-itemLabel:visible", has_text=re.compile(f"^{entry}$")).click()

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
