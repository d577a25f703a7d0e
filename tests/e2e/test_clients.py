"""The tools of Jupyter that need no browser: console, nbconvert, papermill, jupytext and `jupyter run`, each called as its users do."""

import json
import os
import re
import subprocess
import sys

import jupytext
import nbformat
import pexpect
import pytest

import lesson

NOTEBOOK = """\
---
kernelspec:
  display_name: Rust (Boucle)
  language: rust
  name: boucle
---

# A report

```{code-cell} rust
:tags: [parameters]

let times = 2; // how often to greet
let name = "Ada";
```

```{code-cell} rust
for n in 1..=times {
    println!("{n}: {name}");
}
Html(format!("<b>{name}</b>"))
```
"""
FAILING = """
```{code-cell} rust
:tags: [raises-exception]

let word: i32 = "no number";
```
"""


def tool(*command, cwd, status=0):
    """Runs a tool of this environment; what it printed."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, env=os.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=80)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def notebook(installation, tmp_path):
    """A notebook that has not been run."""
    jupytext.write(jupytext.reads(NOTEBOOK + FAILING, "md:myst"), tmp_path / "report.ipynb")
    return tmp_path / "report.ipynb"


def outputs(path):
    """The texts of each code cell's outputs."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return [["".join(output.get("text") or output.get("data", {}).get("text/html") or output.get("evalue", "")) for output in cell.outputs] for cell in cells]


# ---- jupyter console ----


@pytest.fixture
def console(installation, session_mark):
    child = pexpect.spawn(
        sys.executable, ["-m", "jupyter_console", "--kernel", "boucle"],
        env=dict(os.environ, TERM="xterm-256color", PROMPT_TOOLKIT_NO_CPR="1", BOUCLE_TEST_MARK=session_mark), encoding="utf-8", timeout=30, dimensions=(40, 120),
    )
    child.expect(r"Boucle \d.*event loop")
    child.expect(r"In \[")
    yield child
    child.close(force=True)


def type_in(console, text):
    """What a person types, with Return at the end."""
    console.send(f"{text}\r")


def test_the_console(console):
    type_in(console, "let a = 20;")
    console.expect(r"In \[")
    type_in(console, "a + 22")
    console.expect(r"Out\[.*42")
    type_in(console, 'panic!("no further")')
    console.expect("panicked: no further")
    console.expect(r"In \[")
    type_in(console, "a.pow(2)")
    console.expect(r"Out\[.*400")


def test_the_console_waits_for_the_end_of_a_block(console):
    type_in(console, "for n in 0..2 {")
    console.expect(r"\.\.\.:")
    type_in(console, 'println!("number {n}");')
    console.expect(r"\.\.\.:")
    type_in(console, "}")
    console.send("\r")
    console.expect("number 0\r\nnumber 1")


def test_control_c_in_the_console(console):
    type_in(console, "let kept = 5;")
    console.expect(r"In \[")
    type_in(console, 'println!("run{}", "ning"); loop {}')
    console.expect_exact("running")
    console.sendintr()
    console.expect("KeyboardInterrupt")
    console.expect(r"In \[")
    type_in(console, "kept * 100")
    console.expect(r"Out\[.*500")


def test_leaving_the_console_ends_the_kernel(console):
    console.sendeof()
    console.expect("really want to exit")
    console.send("y\r")
    console.expect("Shutting down kernel")
    console.expect(pexpect.EOF)


# ---- nbconvert ----


def test_nbconvert_runs_and_exports_a_page(notebook):
    tool("nbconvert", "--execute", "--to", "html", notebook.name, cwd=notebook.parent)
    page = notebook.with_suffix(".html").read_text()
    # What is printed at different times comes in messages of its own, which the page shows one after the other.
    assert re.search(r"1: Ada\n(</pre>.*<pre>)?2: Ada\n", page, re.DOTALL) and "<b>Ada</b>" in page
    assert '<span class="k">for</span>' in page, "the code is highlighted as Rust"
    assert 'color: rgb(255,0,0)' in page and "mismatched types" in page, "an error has its colors"
    assert "\x1b" not in page


def test_nbconvert_exports_a_program(notebook):
    tool("nbconvert", "--execute", "--to", "notebook", "--inplace", notebook.name, cwd=notebook.parent)
    tool("nbconvert", "--to", "script", notebook.name, cwd=notebook.parent)
    program = notebook.with_suffix(".rs").read_text()
    assert 'let name = "Ada";' in program and "Html(format!" in program


# ---- papermill ----


def papermill(environment, *arguments, cwd, status=0):
    """As a user calls it who has installed the wheel: there papermill knows Rust."""
    done = subprocess.run([environment / "bin/papermill", *arguments], cwd=cwd, env=os.environ, capture_output=True, text=True, timeout=80)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.timeout(600)  # builds the wheel if nobody has
def test_papermill_sets_parameters(environment, notebook):
    papermill(environment, "report.ipynb", "out.ipynb", "-p", "times", "3", "-p", "name", 'Grace "Amazing"\tHopper', cwd=notebook.parent, status=1)
    injected = nbformat.read(notebook.with_name("out.ipynb"), as_version=4).cells
    (cell,) = [cell for cell in injected if "injected-parameters" in cell.metadata.get("tags", [])]
    assert cell.source == '// Parameters\nlet times = 3;\nlet name = "Grace \\"Amazing\\"\\tHopper";\n'
    # What is printed at different times comes in messages of its own; then the cell fails.
    *printed, error = outputs(notebook.with_name("out.ipynb"))[2]
    assert "".join(printed) == "".join(f'{n}: Grace "Amazing"\tHopper\n' for n in (1, 2, 3))


@pytest.mark.timeout(600)
def test_papermill_lists_parameters(environment, notebook):
    listed = papermill(environment, "--help-notebook", "report.ipynb", cwd=notebook.parent)
    assert "times: Unknown type (default 2)" in listed and "how often to greet" in listed and 'name: Unknown type (default "Ada")' in listed


@pytest.mark.timeout(600)
def test_papermill_stops_at_an_error(environment, tmp_path):
    jupytext.write(jupytext.reads(NOTEBOOK + FAILING.replace(":tags: [raises-exception]\n", "") + FAILING, "md:myst"), tmp_path / "report.ipynb")
    said = papermill(environment, "report.ipynb", "out.ipynb", cwd=tmp_path, status=1)
    assert "mismatched types" in said
    assert outputs(tmp_path / "out.ipynb")[-1] == [], "what comes after it was not run"


# ---- jupytext ----


@pytest.mark.parametrize("form", ["md:myst", "rs:percent"])
@pytest.mark.parametrize("path", sorted((lesson.ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_jupytext_there_and_back(path, form):
    """As text and as a notebook again, nothing has changed."""
    notebook = jupytext.read(path)
    again = jupytext.reads(jupytext.writes(notebook, form), form)
    assert [(cell.cell_type, cell.source, cell.metadata) for cell in again.cells] == [(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells]


def test_jupytext_runs_a_program(installation, tmp_path):
    """A notebook kept as a `.rs` file, which rust-fmt and git like."""
    program = "// ---\n// jupyter:\n//   kernelspec:\n//     name: boucle\n//     display_name: Rust (Boucle)\n//     language: rust\n// ---\n\n"
    (tmp_path / "program.rs").write_text(program + '// %% [markdown]\n// # Title\n\n// %%\nlet a = 40;\n\n// %%\nprintln!("{}", a + 2);\n')
    tool("jupytext", "--to", "ipynb", "--execute", "program.rs", cwd=tmp_path)
    assert outputs(tmp_path / "program.ipynb") == [[], ["42\n"]]


# ---- jupyter run ----


def test_jupyter_run(installation, tmp_path):
    (tmp_path / "program.rs").write_text('println!("hello"); 6 * 7')
    assert tool("jupyter_client.runapp", "--kernel", "boucle", "program.rs", cwd=tmp_path) == "hello\n42"


def test_the_form_of_an_executed_notebook(notebook):
    """What git and other tools see: valid, with counts, and the language for whoever has no kernel."""
    tool("nbconvert", "--execute", "--to", "notebook", "--inplace", notebook.name, cwd=notebook.parent)
    nbformat.validate(json.loads(notebook.read_text()))
    executed = nbformat.read(notebook, as_version=4)
    assert executed.metadata.language_info.file_extension == ".rs"
    assert [cell.execution_count for cell in executed.cells if cell.cell_type == "code"] == [1, 2, 3]
