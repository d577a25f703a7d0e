"""Takes README's pictures in JupyterLab, with the installed kernel: `python tests/pictures.py notebooks/images [lesson values widget completion]`."""

import contextlib
import pathlib
import shutil
import sys
import tempfile

from playwright.sync_api import expect

import browser
import lesson


def take_lesson(notebook, picture):
    """The lesson after its first interrupt, with the picture of what has happened."""
    cells = lesson.cells()
    for number, _, cell in browser.play_lesson(notebook, cells):
        if cells[number][1] == "timeline()":
            break
    cell.evaluate("element => element.scrollIntoView({block: 'end'})")
    notebook.tab.wait_for_timeout(500)
    notebook.tab.screenshot(path=picture)


def take_values(notebook, picture):
    """The tour's table and drawing, below the code that makes them."""
    for number in range(7):
        cell = notebook.run(number)
        notebook.prompt(cell, f"[{number + 1}]:")
    expect(cell.locator("img")).to_be_visible()
    take(notebook, 5, 6, picture)


def take_widget(notebook, picture):
    """A slider and its curve, after somebody has moved the slider."""
    for number in range(7):
        cell = notebook.run(number)
        notebook.prompt(cell, f"[{number + 1}]:")
    track = cell.locator(".noUi-base")
    track.click(force=True, position={"x": track.bounding_box()["width"] * 8 / 19, "y": 2})
    expect(cell.locator("svg title")).to_have_text("9 waves")
    notebook.cell(0).locator(".cm-content").click()
    take(notebook, 6, 6, picture)


def take_completion(notebook, picture):
    """What Tab offers of a notebook's own type, once the analyzer is ready."""
    notebook.prompt(notebook.run(0), "[1]:")
    notebook.type(1, "earth.")
    offered = notebook.tab.locator(".jp-Completer:visible")
    for _ in range(60):
        notebook.tab.keyboard.press("Tab")
        with contextlib.suppress(AssertionError):
            expect(offered).to_contain_text("day_length", timeout=browser.SECONDS)
            break
    expect(offered).to_be_visible()
    take(notebook, 0, 1, picture, offered)


def take(notebook, first, last, picture, *more):
    """A picture of some cells, and of what else is to be seen."""
    last_cell = notebook.cell(last)
    last_cell.evaluate("element => element.scrollIntoView({block: 'center'})")
    notebook.tab.mouse.move(0, 0)
    notebook.tab.wait_for_timeout(500)
    boxes = [part.bounding_box() for part in (notebook.cell(first), last_cell, *more)]
    top, bottom = boxes[0]["y"], max(box["y"] + box["height"] for box in boxes)
    notebook.tab.screenshot(path=picture, clip={**boxes[0], "height": bottom - top})


PLANET = """/// A planet of our solar system.
struct Planet { name: &'static str, hours: f64 }

impl Planet {
    /// How long a day is there, compared with one on Earth.
    fn day_length(&self) -> f64 { self.hours / 23.93 }
}

let earth = Planet { name: "Earth", hours: 23.93 };"""


def take_all(images, wanted):
    """The pictures that are wanted, or all, each from a server and a window of its own."""
    for name, path, take_it, size in [
        ("lesson", lesson.NOTEBOOK, take_lesson, (1100, 1000)),
        ("values", browser.ROOT / "notebooks/tour.ipynb", take_values, (960, 1200)),
        ("widget", browser.ROOT / "notebooks/widgets.ipynb", take_widget, (980, 1000)),
        ("completion", None, take_completion, (960, 1000)),
    ]:
        if wanted and name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            folder = pathlib.Path(folder)
            opened = pathlib.Path(shutil.copy(path, folder)).name if path else browser.write(folder / "planets.ipynb", PLANET, "")
            address, tab = stack.enter_context(browser.server(folder)), stack.enter_context(browser.page(size))
            take_it(browser.Notebook(tab, address, opened, "simple lab"), images / f"{name}.png")


if __name__ == "__main__":
    take_all(pathlib.Path(sys.argv[1]), sys.argv[2:])
