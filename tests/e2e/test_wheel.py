"""`pip install`: a wheel in a fresh environment is all that Jupyter needs there, and pip takes it away again."""

import os
import subprocess
import sys
import zipfile

import pytest

import environments

# The first of these tests builds the wheel.
pytestmark = pytest.mark.timeout(600)

RUN_A_CELL = """
import nbformat
from nbclient import NotebookClient
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("sleep(0.01).await; 6 * 7")])
NotebookClient(notebook, timeout=60, kernel_name="boucle").execute()
print(notebook.cells[0].outputs[0]["data"]["text/plain"])
"""


def alone(environment):
    """The environment variables of somebody who has only this environment, and has not activated it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "VIRTUAL_ENV"))}
    return kept | {"BOUCLE_CACHE_DIR": os.environ["BOUCLE_CACHE_DIR"]}


def test_the_wheel_holds_what_it_should(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    data = "boucle-0.1.0.data/data/share/jupyter/kernels/boucle"
    for file in ("kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"):
        assert f"{data}/{file}" in names
    assert "boucle-0.1.0.data/scripts/boucle" in names
    assert "-py3-none-" in wheel.name, "one wheel for all versions of Python"


def test_a_cell_runs_in_the_environment(environment):
    done = subprocess.run([environment / "bin/python", "-c", RUN_A_CELL], env=alone(environment), capture_output=True, text=True, timeout=90)
    assert done.stdout == "42\n", done.stderr


def test_doctor_finds_it(environment):
    done = subprocess.run([environment / "bin/boucle", "doctor"], env=alone(environment), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout
    assert f"✓ kernel        `boucle`, {environment}/share/jupyter/kernels/boucle" in done.stdout
    assert f"{environment}/bin/jupyter, with" in done.stdout, "the one beside it, whatever is on PATH"


def test_pip_uninstalls_it(wheel, tmp_path):
    environment = environments.install_wheel(wheel, tmp_path / "short-lived")
    subprocess.run([sys.executable, "-m", "pip", "--python", environment / "bin/python", "uninstall", "--yes", "boucle"], check=True, capture_output=True, timeout=60)
    assert not (environment / "bin/boucle").exists() and not (environment / "share/jupyter/kernels/boucle").exists()
