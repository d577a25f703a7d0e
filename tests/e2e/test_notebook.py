"""The notebooks people open: both files say the same, they fit the reference, and the usual tools run them."""

import json
import os
import subprocess
import sys

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import lesson

NOTEBOOKS = pytest.mark.parametrize("path", sorted((lesson.ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
PLAY = lesson.ROOT / "notebooks/play.py"


def content(notebook):
    """What a notebook says, without what tools add."""
    return [(cell.cell_type, cell.source, {k: v for k, v in cell.metadata.items() if k != "trusted"}) for cell in notebook.cells]


@NOTEBOOKS
def test_the_notebook_and_its_text_file_agree(path):
    notebook, text = jupytext.read(path), jupytext.read(path.with_suffix(".md"))
    assert content(notebook) == content(text)
    for document in (notebook, text):
        assert document.metadata["kernelspec"] == {"name": "boucle", "display_name": "Rust (Boucle)", "language": "rust"}
        assert document.metadata["jupytext"]["formats"] == "ipynb,md:myst"


@NOTEBOOKS
def test_the_notebook_is_valid_and_has_no_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def test_the_button_is_pressed_where_the_reference_says():
    reference = lesson.reference()
    pressed = {name: metadata["interrupt_after"] for name, _, metadata in lesson.cells() if "interrupt_after" in metadata}
    assert pressed == {name: reference[name]["interrupt_at"] for name in ("fork-run", "rest")}


@NOTEBOOKS
def test_the_text_before_such_a_cell_says_so(path):
    notebook = json.loads(path.read_text())["cells"]
    for before, cell in zip(notebook, notebook[1:]):
        if "interrupt_after" in cell["metadata"].get("boucle", {}):
            assert "press ■" in "".join(before["source"]).lower()


def plain_notebook(*sources):
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "boucle", "display_name": "Rust (Boucle)", "language": "rust"}})
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return notebook


def test_nbclient_executes_a_notebook(installation):
    notebook = plain_notebook("let a = 20;", 'println!("out");\nasync fn f(x: i32) -> i32 { sleep(0.1).await; x + 1 }', "f(a).await * 2")
    NotebookClient(notebook, timeout=60).execute()
    assert notebook.cells[1].outputs == [{"output_type": "stream", "name": "stdout", "text": "out\n"}]
    assert notebook.cells[2].outputs[0]["data"]["text/plain"] == "42"
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3]
    assert notebook.metadata["language_info"]["name"] == "rust"
    nbformat.validate(notebook)


def test_nbclient_stops_at_a_panic(installation):
    notebook = plain_notebook('panic!("no further")', 'println!("never")')
    with pytest.raises(CellExecutionError, match="no further"):
        NotebookClient(notebook, timeout=60).execute()
    assert notebook.cells[1].outputs == []


def play(notebook, tmp_path, *options):
    path = tmp_path / "notebook.ipynb"
    nbformat.write(notebook, path)
    return subprocess.run([sys.executable, PLAY, path, *options], capture_output=True, text=True, timeout=80, env=os.environ)


def test_play_shows_cells_and_outputs(installation, tmp_path):
    notebook = plain_notebook('println!("one");\n1 + 1', 'println!("waiting"); if let Err(KeyboardInterrupt) = get_event_loop().run_forever() { println!("bye"); }')
    notebook.cells[1].metadata["boucle"] = {"interrupt_after": 0.5}
    done = play(notebook, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [line for line in done.stdout.splitlines() if line.startswith(("In", "  │", "  ■"))]
    assert shown[0] == 'In [1]: println!("one");'
    assert shown[1:3] == ["  │ one", "  │ 2"]
    assert [line[:11] for line in shown[4:]] == ["  │ waiting", "  ■ interru", "  │ bye"]


def test_play_fails_where_a_cell_fails(installation, tmp_path):
    done = play(plain_notebook("1", 'panic!("broken")', 'println!("never")'), tmp_path)
    assert done.returncode == 1
    assert "cell 2 failed" in done.stdout and "broken" in done.stdout and "never" not in done.stdout


def test_play_allows_an_error_that_is_expected(installation, tmp_path):
    notebook = plain_notebook('panic!("expected")', 'println!("after")')
    notebook.cells[0].metadata["tags"] = ["raises-exception"]
    done = play(notebook, tmp_path)
    assert done.returncode == 0 and "│ after" in done.stdout


def test_play_gives_up_on_a_cell_that_never_ends(installation, tmp_path):
    done = play(plain_notebook("loop {}"), tmp_path, "--timeout", "3")
    assert done.returncode == 1 and "did not end within 3 s" in done.stdout


@pytest.mark.parametrize("arguments", [["nowhere.ipynb"], [str(lesson.NOTEBOOK), "--kernel", "no-such-kernel"]])
def test_play_explains_what_is_missing(installation, arguments):
    done = subprocess.run([sys.executable, PLAY, *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and done.stderr.startswith("play.py: no ") and len(done.stderr.splitlines()) == 1
