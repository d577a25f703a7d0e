"""`boucle doctor`: on the machine of the tests it finds what is there; on poorer ones, made of folders and fakes, it says what is missing.

The sentences for each case are tested in kernel/src/doctor/tests.rs; here it is seen that the program looks in the right places.
"""

import json
import os
import pwd
import resource
import shutil
import subprocess

import pytest


@pytest.fixture
def doctor(installation):
    """Runs it in the environment of the tests, with changes; (exit code, output)."""

    def run(**changes):
        environment = {name: value for name, value in {**os.environ, **changes}.items() if value is not None}
        done = subprocess.run([installation.program, "doctor"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run


def line(output, subject):
    """The mark and the text of a finding, with the hints below it."""
    found = [text for text in output.splitlines() if text[4:].startswith(f"{subject} ")]
    assert len(found) == 1, output
    start = output.splitlines().index(found[0])
    hints = []
    for text in output.splitlines()[start + 1 :]:
        if not text.strip().startswith("hint: "):
            break
        hints.append(text.strip().removeprefix("hint: "))
    return found[0][2], found[0][4 + len(subject) :].strip(), hints


def test_a_machine_that_has_everything(doctor, installation):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, output = doctor()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert code == 0, output
    assert "✗" not in output
    assert line(output, "kernel") == ("✓", f"`boucle`, {installation.kernelspec}", [])
    assert line(output, "cell runtime")[1].startswith(f"built, {installation.cache}/runtime/")
    # The one on PATH, else the one that the installation has brought.
    jupyter = shutil.which("jupyter") or installation.private_jupyter
    assert line(output, "Jupyter")[1].startswith(f"{jupyter}, with lab"), output
    assert after.ru_utime - before.ru_utime < 1.0, "it is to be done within a second"


def test_it_changes_nothing(doctor, installation, tmp_path):
    code, output = doctor(BOUCLE_CACHE_DIR=str(tmp_path / "cache"), HOME=str(tmp_path), RUSTUP_HOME=os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup")))
    assert line(output, "cell runtime")[0] == "!" and line(output, "cache")[0] == "✓", output
    assert list(tmp_path.glob("*")) == []


def test_a_machine_with_nothing(doctor, tools, tmp_path, installation):
    code, output = doctor(PATH=tools(), HOME=str(tmp_path), CARGO_HOME=None)
    assert code == 1
    jupyter = "✓" if installation.private_jupyter.exists() else "✗"
    assert {subject: line(output, subject)[0] for subject in ("Rust", "linker", "cell runtime", "Jupyter")} == {"Rust": "✗", "linker": "✗", "cell runtime": "✗", "Jupyter": jupyter}
    assert "https://rustup.rs" in line(output, "Rust")[2][0] and "build-essential" in line(output, "linker")[2][0]


def test_rust_is_found_without_path(doctor, tools, tmp_path):
    """As in a front end that was started from a desktop."""
    (tmp_path / "cargo").mkdir()
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    (tmp_path / "cargo/bin").symlink_to(f"{sysroot}/bin")
    _, output = doctor(PATH=tools(), CARGO_HOME=str(tmp_path / "cargo"))
    assert line(output, "Rust")[0] == "✓", output


def test_without_home_the_system_is_asked(doctor):
    """As in a kernel that a gateway starts."""
    _, output = doctor(HOME=None, BOUCLE_CACHE_DIR=None, XDG_CACHE_HOME=None)
    assert line(output, "cache")[1].startswith(f"{pwd.getpwuid(os.getuid()).pw_dir}/.cache/boucle, "), output


def test_a_relative_xdg_folder_does_not_count(doctor, tmp_path):
    """Kernels would make one in the folder of each notebook."""
    _, output = doctor(HOME=str(tmp_path), BOUCLE_CACHE_DIR=None, XDG_CACHE_HOME="relative", RUSTUP_HOME=os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup")))
    assert line(output, "cache")[1].startswith(f"{tmp_path}/.cache/boucle, "), output


def test_a_temp_folder_that_is_not_there(doctor, tmp_path):
    code, output = doctor(TMPDIR=str(tmp_path / "missing"))
    mark, found, hints = line(output, "temp folder")
    assert (code, mark, hints) == (0, "!", ["set TMPDIR to a folder of yours"]) and "No such file or directory" in found, output


def test_a_rust_that_is_too_old(doctor, tools):
    path = tools(rustc='case "$*" in *sysroot*) echo /nowhere;; *) printf "rustc 1.80.1 (3f5fd8dd4 2024-08-06)\\nhost: x86_64-unknown-linux-gnu\\n";; esac')
    code, output = doctor(PATH=path)
    mark, found, hints = line(output, "Rust")
    assert (code, mark, hints) == (1, "✗", ["Boucle needs 1.95 or newer: rustup update stable"])
    assert "rustc 1.80.1" in found


def test_a_toolchain_that_does_not_answer(doctor, tools):
    _, output = doctor(PATH=tools(rustc="echo 'error: no default toolchain is set' >&2; exit 1"))
    assert line(output, "Rust")[0] == "✗" and "no default toolchain is set" in line(output, "Rust")[1]


@pytest.mark.parametrize("script, said", [
    ("echo \"ModuleNotFoundError: No module named 'jupyter_core'\" >&2; exit 1", "No module named 'jupyter_core'"),
    ("echo nonsense", "exit status: 0"),
], ids=["broken", "strange"])
def test_a_jupyter_that_does_not_answer(doctor, tools, script, said):
    code, output = doctor(PATH=tools(jupyter=script) + ":" + os.environ["PATH"])
    assert code == 1 and line(output, "kernel")[0] == "✗" and said in line(output, "kernel")[1], output


def test_a_jupyter_that_does_not_find_the_kernel(doctor, installation):
    code, output = doctor(JUPYTER_PATH=None)
    mark, found, hints = line(output, "kernel")
    assert (code, mark) == (1, "✗") and hints[0] == f"{installation.program} install"


def test_kernels_of_other_programs(doctor, installation, tmp_path):
    """One that is gone, one that is another Boucle, one that is hidden by another of its name, one that is not ours."""
    other = tmp_path / "other/boucle"
    other.parent.mkdir()
    shutil.copy(installation.program, other)
    kernels = tmp_path / "jupyter/kernels"

    def spec(name, *argv):
        (kernels / name).mkdir(parents=True)
        (kernels / name / "kernel.json").write_text(json.dumps({"argv": [*argv, "{connection_file}"], "display_name": name, "language": "rust"}))

    spec("gone", "/nowhere/boucle", "kernel")
    spec("other", "{resource_dir}/../../../other/boucle", "kernel")
    spec("evcxr", "/usr/bin/evcxr_jupyter", "--control_file")
    paths = [tmp_path / "jupyter", os.environ["JUPYTER_PATH"]]
    code, output = doctor(JUPYTER_PATH=":".join(map(str, paths)))
    assert code == 0, output
    lines = [text[2:] for text in output.splitlines() if text[4:].startswith("kernel ")]
    assert [text[0] for text in lines] == ["✓", "!", "!"]
    assert "/nowhere/boucle, which is not there" in lines[1] and f"another Boucle, {other}" in lines[2]
    spec("boucle", "/usr/bin/evcxr_jupyter", "--control_file")
    code, output = doctor(JUPYTER_PATH=":".join(map(str, paths)))
    assert f"{installation.kernelspec}" not in output, "Jupyter takes the first of a name"


def test_a_cache_that_cannot_be_written_to(doctor, tmp_path):
    (tmp_path / "file").write_text("")
    code, output = doctor(BOUCLE_CACHE_DIR=str(tmp_path / "file/cache"))
    assert code == 1 and line(output, "cache")[0] == "✗" and "BOUCLE_CACHE_DIR" in line(output, "cache")[2][0], output
