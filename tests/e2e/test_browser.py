"""A student in JupyterLab: opens the lesson, runs its cells, presses ■, and reads what Python's asyncio would have printed."""

import shutil

import pytest
from playwright.sync_api import expect

import browser
import lesson
import processes

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def lab(installation, session_mark, tmp_path):
    """The address of a JupyterLab that shows the lesson; afterwards no process of its is left."""
    mark = processes.new_mark(session_mark)
    shutil.copy(lesson.NOTEBOOK, tmp_path)
    with browser.jupyter_lab(tmp_path, env={processes.MARK: mark}) as address:
        yield address
    processes.assert_gone(mark)


@pytest.fixture
def tab():
    with browser.page() as tab:
        yield tab


def shown(cell):
    """The lines under a cell, without the printed times."""
    text = cell.locator(".jp-OutputArea-output").all_inner_texts()
    return [lesson.without_clock(line) for line in "\n".join(text).splitlines() if line.strip()]


def test_the_lesson_in_jupyterlab(lab, tab):
    reference = lesson.reference()
    notebook = browser.Notebook(tab, lab, lesson.NOTEBOOK.name)
    for _, scenario, cell in browser.play_lesson(notebook, lesson.cells()):
        if scenario in reference and reference[scenario]["events"]:
            assert shown(cell) == [lesson.without_clock(text) for _, text in reference[scenario]["events"]], scenario
        elif scenario in ("fork-schedule", "stop-schedule", "long-schedule"):
            assert "<Task pending" in notebook.output(cell).inner_text()
    notebook.kernel_is("idle")


def test_restart_and_run_again(lab, tab):
    """What the ⟳ button does: the variables go, the notebook works again."""
    notebook = browser.Notebook(tab, lab, lesson.NOTEBOOK.name)
    notebook.prompt(notebook.run(0), "[1]:")
    notebook.panel.locator('[data-jp-item-name="restart"]').click()
    tab.locator(".jp-Dialog button.jp-mod-accept").click()
    notebook.kernel_is("idle")
    cell = notebook.run(0)
    notebook.prompt(cell, "[1]:")
    expect(notebook.output(cell).first).to_contain_text("a message")


def test_code_is_highlighted_as_rust(lab, tab):
    notebook = browser.Notebook(tab, lab, lesson.NOTEBOOK.name)
    cell = notebook.cell(1)
    keyword = cell.locator(".cm-line span", has_text="async").first
    plain = cell.locator(".cm-line", has_text="forking").first
    color = "element => getComputedStyle(element).color"
    assert keyword.evaluate(color) != plain.evaluate(color)
