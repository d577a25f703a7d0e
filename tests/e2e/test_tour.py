"""The tour for newcomers: it runs from top to bottom, and shows what its text promises."""

import asyncio

import nbformat
import pytest
from nbclient import NotebookClient

import lesson

TOUR = lesson.ROOT / "notebooks/tour.ipynb"


@pytest.fixture(scope="module")
def tour(installation):
    """The notebook, executed; ■ is pressed where the text says so."""
    notebook = nbformat.read(TOUR, as_version=4)

    async def press(cell, **_):
        seconds = cell.metadata.get("boucle", {}).get("interrupt_after")
        if seconds is not None:
            await asyncio.sleep(seconds)
            await client.km.interrupt_kernel()

    buttons = []
    client = NotebookClient(notebook, timeout=80, on_cell_execute=lambda **cell: buttons.append(asyncio.ensure_future(press(**cell))))
    client.execute()
    assert len(buttons) == len([cell for cell in notebook.cells if cell.cell_type == "code"])
    return notebook


def outputs(tour, beginning):
    """What stands below the one code cell that begins like this."""
    (cell,) = [cell for cell in tour.cells if cell.cell_type == "code" and cell.source.startswith(beginning)]
    return cell.outputs


def text(outputs):
    """All that is printed or shown as text."""
    return "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


def test_only_what_is_meant_to_fails(tour):
    failing = [cell.source for cell in tour.cells if any(output.output_type == "error" for output in cell.get("outputs", []))]
    assert failing == [cell.source for cell in tour.cells if "raises-exception" in cell.metadata.get("tags", [])]
    warnings = [output.text for cell in tour.cells for output in cell.get("outputs", []) if output.get("name") == "stderr"]
    assert warnings == []


@pytest.mark.parametrize("beginning, shown", [
    ("let words", "3"),
    ("fn shout", '["A!", "NOTEBOOK!", "REMEMBERS!"]'),
    ("words[2]", '"remembers"'),
    ("async fn answer", "hare is ready\ndog is ready\ntortoise is ready\n0.3 s\n"),
    ("sleep(0.5)", "sheep 1\nsheep 2\nsheep 3\n"),
    ("!rustc", "rustc 1."),
])
def test_what_a_cell_shows(tour, beginning, shown):
    assert text(outputs(tour, beginning)).startswith(shown)


def test_nothing_runs_between_cells(tour):
    assert outputs(tour, "async fn count") == []
    assert "count" in text(outputs(tour, ":tasks"))


def test_the_button_ends_the_loop_and_nothing_else(tour):
    shown = text(outputs(tour, "if let Err(KeyboardInterrupt)"))
    assert shown.startswith("sheep 4\n") and shown.endswith("interrupted, and nothing is lost\n")
    assert text(outputs(tour, "counter.cancel()")) == "true"


def test_values_are_shown_as_what_they_are(tour):
    (table,) = outputs(tour, "#[derive(Debug, Clone)]")
    assert "<table>" in table["data"]["text/html"] and "Jupiter" in table["data"]["text/html"]
    (drawing,) = outputs(tour, "let mut circles")
    assert drawing["data"]["image/svg+xml"].count("<circle") == 1 + 2 + 40
    (bar,) = outputs(tour, "let bar")
    assert "10 of 10" in bar["data"]["text/html"]


def test_a_crate_is_fetched_and_used(tour):
    dice = text(outputs(tour, "fastrand::seed")).strip("[]").split(", ")
    assert len(dice) == 6 and all(1 <= int(number) <= 6 for number in dice)
