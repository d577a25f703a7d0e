"""Fixtures for what is tested in a browser: servers, a tab, and notebooks in it. A plugin of conftest.py.

Each of these tests keeps a picture of the last thing it saw in artifacts/.
"""

import contextlib
import re

import pytest

import browser
import processes

ARTIFACTS = browser.ROOT / "tests/artifacts"


@pytest.fixture(scope="module")
def servers(installation, session_mark, tmp_path_factory):
    """Starts servers when they are first needed: app, theme -> (address, folder). Afterwards no process of theirs is left."""
    mark, running = processes.new_mark(session_mark), {}
    with contextlib.ExitStack() as stack:

        def get(app="jupyterlab", theme="JupyterLab Light"):
            if (app, theme) not in running:
                folder = tmp_path_factory.mktemp(app)
                address = stack.enter_context(browser.server(folder, app, env={processes.MARK: mark}, theme=theme))
                running[app, theme] = address, folder
            return running[app, theme]

        yield get
    processes.assert_gone(mark)


@pytest.fixture
def tab(request):
    with browser.page() as tab:
        yield tab
        ARTIFACTS.mkdir(exist_ok=True)
        tab.screenshot(path=ARTIFACTS / f"{file_name(request)}.png")


def file_name(request):
    """That of a test, fit for a file."""
    return re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")


@pytest.fixture
def open_notebook(servers, tab, request):
    """Opens a new notebook with these cells."""

    def open_notebook(*sources, front_end="lab", theme="JupyterLab Light"):
        address, folder = servers("notebook" if front_end == "notebook" else "jupyterlab", theme)
        name = browser.write(folder / f"{file_name(request)}.ipynb", *sources)
        return browser.Notebook(tab, address, name, front_end)

    return open_notebook
