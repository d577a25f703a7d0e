"""install.sh: what the fresh installation of this run has done, what it says where something is missing, and that it can be undone."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

import conftest
import lesson
from environments import make_environment

SCRIPT = conftest.ROOT / "install.sh"


def run(*arguments, env, limit=60, cwd=None):
    return subprocess.run(
        [SCRIPT, *arguments], env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=limit
    )


@pytest.fixture
def fresh(installation):
    """The installation of this run, where it was really made by install.sh."""
    if installation.output is None:
        pytest.fail("BOUCLE_TEST_PROGRAM is set, so install.sh was not run: leave these tests out, or unset it")
    return installation


def test_it_ends_by_running_the_lesson(fresh):
    lines = [line for line in fresh.output.splitlines() if line.startswith("  │ ")]
    expected = [text for scenario in ("blocking", "fork-run", "stop-run", "until-complete", "rest") for _, text in lesson.reference()[scenario]["events"]]
    shown = [line.removeprefix("  │ ") for line in lines]
    printed = [text for text in shown if lesson.without_clock(text) in [lesson.without_clock(e) for e in expected]]
    assert [lesson.without_clock(text) for text in printed] == [lesson.without_clock(text) for text in expected], fresh.output
    assert "  │ <Task pending name='Task-1' coro=<c1()>>" in lines
    assert fresh.output.count("  ■ interrupt") == 2


def test_the_kernelspec_is_complete(fresh):
    spec = json.loads((fresh.kernelspec / "kernel.json").read_text())
    assert spec["display_name"] == "Rust (Boucle)" and spec["language"] == "rust" and spec["interrupt_mode"] == "message"
    assert spec["argv"] == [str(fresh.program), "kernel", "{connection_file}"]
    assert os.access(fresh.program, os.X_OK)
    assert (fresh.kernelspec / "logo-svg.svg").read_text().lstrip().startswith("<")
    for size in (32, 64):
        assert (fresh.kernelspec / f"logo-{size}x{size}.png").read_bytes().startswith(b"\x89PNG")


def test_it_puts_nothing_into_the_checkout(fresh):
    status = subprocess.run(["git", "status", "--porcelain", "--ignored"], cwd=conftest.ROOT, capture_output=True, text=True)
    if status.returncode == 0:
        assert not [line for line in status.stdout.splitlines() if line.startswith("!!") and line.endswith("target/")]


@pytest.mark.timeout(300)
def test_a_second_run_is_fast_and_says_the_same(fresh):
    again = run("--prefix", fresh.prefix, env=fresh.environment, limit=120)
    assert again.returncode == 0, again.stdout
    assert "cargo build: 0 steps" in again.stdout
    assert "up to date" in again.stdout
    assert "Compiling" not in again.stdout and "Python packages" not in again.stdout


@pytest.mark.parametrize("place, expected", [
    (["--user"], "home/.local/share/jupyter"),
    ([], "home/.local/share/jupyter"),
    (["--user", "JUPYTER_DATA_DIR"], "elsewhere"),
    (["--sys-prefix"], "environment/share/jupyter"),
], ids=["user", "default", "JUPYTER_DATA_DIR", "sys-prefix"])
@pytest.mark.timeout(300)
def test_each_place_then_uninstall_leaves_nothing(fresh, tmp_path, place, expected):
    """The tools of the fresh installation are borrowed, so that nothing is built or fetched again."""
    env = dict(fresh.environment)
    shutil.copytree(fresh.cache, tmp_path / "cache", ignore=shutil.ignore_patterns("target"))
    env.update(HOME=str(tmp_path / "home"), BOUCLE_CACHE_DIR=str(tmp_path / "cache"))
    (tmp_path / "home").mkdir()
    env["PATH"] = f"{make_environment(tmp_path / 'environment')}:{env['PATH']}"
    if "JUPYTER_DATA_DIR" in place:
        env["JUPYTER_DATA_DIR"] = str(tmp_path / "elsewhere")
    options = [option for option in place if option.startswith("--")]
    done = run(*options, env=env, limit=200)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / expected / "kernels/boucle/kernel.json").is_file(), done.stdout
    assert not (tmp_path / "home/.local/share/boucle/venv").exists(), "there was a JupyterLab on PATH"
    gone = run("uninstall", env=env)
    assert gone.returncode == 0, gone.stdout
    assert "left alone" in gone.stdout
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if "boucle" in path.name.lower() and "environment/lib" not in str(path)]
    assert left == [], gone.stdout
    assert not (tmp_path / "cache").exists()


@pytest.mark.timeout(300)
def test_cargo_install(installation, tmp_path):
    """The way of people who know cargo: the kernelspec starts the program where cargo has put it."""
    profile, env = installation.build
    subprocess.run(["cargo", "install", "--locked", "--path", conftest.ROOT / "kernel", "--root", tmp_path, *profile], env=os.environ | env, check=True, timeout=280)
    program = tmp_path / "bin/boucle"
    made = subprocess.run([program, "install", "--prefix", tmp_path / "prefix"], check=True, capture_output=True, text=True)
    assert f"it runs {program}\n" in made.stdout
    spec = json.loads((tmp_path / "prefix/share/jupyter/kernels/boucle/kernel.json").read_text())
    assert spec["argv"] == [str(program), "kernel", "{connection_file}"]


def test_several_names_side_by_side(installation, tmp_path, monkeypatch):
    """One of them for notebooks that say `rust`; each is removed by its name."""
    boucle = [installation.program, "install", "--prefix", tmp_path]
    for options in ([], ["--name", "rust"], ["--name", "next"], ["--name", "Mine", "--display-name", "Rust for me"]):
        subprocess.run([*boucle, *options], check=True)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share/jupyter"))

    def found():
        specs = KernelSpecManager().get_all_specs().items()
        return {name: about["spec"]["display_name"] for name, about in specs if about["resource_dir"].startswith(str(tmp_path))}

    names = {"boucle": "Rust (Boucle)", "rust": "Rust", "next": "Rust (next)", "mine": "Rust for me"}
    assert found() == names
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("6 * 7")], metadata={"kernelspec": {"name": "rust", "display_name": "Rust", "language": "rust"}})
    NotebookClient(notebook, timeout=60).execute()
    assert notebook.cells[0].outputs[0]["data"]["text/plain"] == "42"
    for name in names:
        subprocess.run([installation.program, "uninstall", "--prefix", tmp_path, "--name", name], check=True)
    assert found() == {} and list(tmp_path.rglob("*.*")) == []


def test_uninstall_removes_the_default_build_folder_too(fresh, tmp_path):
    env = dict(fresh.environment, HOME=str(tmp_path))
    for name in ("BOUCLE_CACHE_DIR", "BOUCLE_TARGET_DIR"):
        env.pop(name)
    for file in (".cache/boucle/target/release/boucle", ".cache/boucle/runtime/key/libasyncio.so", ".local/share/boucle/bin/boucle", ".local/share/boucle/venv/bin/jupyter"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("")
    (tmp_path / ".cache/other").mkdir()
    assert run("uninstall", env=env).returncode == 0
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == [".cache", ".cache/other", ".local", ".local/share"]
    assert run("uninstall", env=env).returncode == 0, "a second time does no harm"


def test_help_and_wrong_options(tmp_path):
    env = dict(os.environ, HOME=str(tmp_path))
    shown = run("help", env=env)
    assert shown.returncode == 0
    for word in ("lab", "test", "uninstall", "--user", "--sys-prefix", "--prefix DIR"):
        assert word in shown.stdout
    for arguments in (["--nonsense"], ["nonsense"], ["lab", "nonsense"], ["--prefix"]):
        wrong = run(*arguments, env=env)
        assert wrong.returncode == 2, arguments
        assert arguments[-1] in wrong.stdout and "install.sh help" in wrong.stdout
    assert list(tmp_path.iterdir()) == []


def test_doctor_checks_the_installation(fresh):
    done = run("doctor", "--prefix", fresh.prefix, env=fresh.environment)
    assert done.returncode == 0 and f"✓ kernel        `boucle`, {fresh.kernelspec}" in done.stdout, done.stdout


@pytest.mark.parametrize("command", ["lab", "doctor"])
def test_without_an_installation_it_says_what_to_do(tmp_path, command):
    done = run(command, env=dict(os.environ, HOME=str(tmp_path)))
    assert done.returncode == 1 and "run ./install.sh first" in done.stdout


class Machine:
    """A machine that has only the tools one names: a folder of links, and fakes for the rest."""

    def __init__(self, folder):
        self.bin = folder / "bin"
        self.bin.mkdir()
        (folder / "home").mkdir()
        self.env = {"PATH": str(self.bin), "HOME": str(folder / "home"), "TMPDIR": str(folder), "BOUCLE_CACHE_DIR": str(folder / "cache"),
                    "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(pathlib.Path.home() / ".rustup"))}
        for tool in "false bash sh env dirname basename sed head tail grep cut awk mktemp rm rmdir mkdir mv cp cat cmp touch sleep tee find printf cc ld as".split():
            self.has(tool)

    def has(self, *tools):
        for tool in tools:
            real = shutil.which(tool)
            assert real, f"this test needs `{tool}`"
            (self.bin / tool).unlink(missing_ok=True)
            (self.bin / tool).symlink_to(real)
        return self

    def fakes(self, tool, script):
        (self.bin / tool).unlink(missing_ok=True)
        (self.bin / tool).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / tool).chmod(0o755)
        return self

    def lacks(self, tool):
        (self.bin / tool).unlink()
        return self

    def fails(self, *arguments, limit=120):
        done = run(*arguments, env=self.env, limit=limit)
        assert done.returncode == 1, done.stdout
        return done.stdout[done.stdout.index("error: ") :]


@pytest.fixture
def machine(tmp_path):
    """One that has everything a newcomer needs, except JupyterLab."""
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    machine = Machine(tmp_path).fakes("python3", f'exec {sys._base_executable} "$@"')
    for tool in ("cargo", "rustc"):
        (machine.bin / tool).symlink_to(f"{sysroot}/bin/{tool}")
    return machine


def test_no_cargo(machine):
    message = machine.lacks("cargo").fails()
    assert "`cargo`" in message and "https://rustup.rs" in message


def test_rust_too_old(machine):
    message = machine.fakes("rustc", "echo 'rustc 1.88.0 (6b00bc388 2025-06-23)'").fails()
    assert "Rust 1.88 is too old" in message and "1.95" in message and "rustup update" in message


def test_a_toolchain_that_does_not_answer(machine):
    message = machine.fakes("rustc", "echo 'error: no default toolchain' >&2; exit 1").fails()
    assert "no default toolchain" in message


def test_no_linker(machine):
    for tool in ("cc", "ld", "as"):
        machine.lacks(tool)
    message = machine.fails()
    assert "no C linker" in message and "build-essential" in message


def test_no_python(machine):
    message = machine.lacks("python3").fails()
    assert "`python3`" in message


def test_a_python_that_does_not_run(machine):
    message = machine.fakes("python3", "echo 'pyenv: no version set' >&2; exit 1").fails()
    assert "`python3` does not run: pyenv: no version set" in message


def test_python_too_old(machine):
    message = machine.fakes("python3", 'if [ "$1" = --version ]; then echo Python 3.6.9; else exec false; fi').fails()
    assert "Python 3.6.9 is too old" in message


def test_no_venv_module(machine):
    message = machine.fakes("python3", f'case "$*" in *venv*) echo "No module named venv" >&2; exit 1;; *) exec {sys._base_executable} "$@";; esac').fails()
    assert "`venv` module is missing" in message and "python3-venv" in message


def test_no_network_for_python_packages(machine):
    machine.env.update(PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0", PIP_CONFIG_FILE=os.devnull)
    message = machine.fails()
    assert "Python packages could not be downloaded" in message and "network" in message


def test_no_network_for_crates(machine, tmp_path):
    machine.env["PATH"] = f"{make_environment(tmp_path / 'environment')}:{machine.env['PATH']}"
    machine.env.update(CARGO_HOME=str(tmp_path / "cargo"), CARGO_HTTP_PROXY="http://127.0.0.1:9", CARGO_NET_RETRY="0")
    message = machine.fails()
    assert "crates could not be downloaded" in message and "network" in message


def test_code_that_does_not_build_is_not_blamed_on_the_network(machine, tmp_path):
    machine.env["PATH"] = f"{make_environment(tmp_path / 'environment')}:{machine.env['PATH']}"
    message = machine.fakes("cargo", "echo 'error[E0308]: mismatched types' >&2; exit 101").fails()
    assert "does not build" in message and "network" not in message


def test_the_totals_of_a_failing_test_run(machine):
    """`./install.sh test` adds up what cargo and pytest report, and fails loudly; here both are fakes."""
    machine.fakes("cargo", "echo 'test result: ok. 3 passed; 0 failed; 0 ignored'; echo 'test result: FAILED. 1 passed; 2 failed; 0 ignored'; exit 101")
    fake_test_venv(machine, "echo '===== 5 passed, 1 failed, 1 error in 3.21s ====='; exit 1")
    done = run("test", env=machine.env)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "9 passed, 4 failed"
    assert "Not everything passed" in done.stdout and "Rust tests" in done.stdout and "End-to-end tests" in done.stdout


def test_the_totals_of_a_test_run_that_does_not_compile(machine):
    machine.fakes("cargo", "echo 'error: could not compile'; exit 101")
    fake_test_venv(machine, "echo '===== 5 passed in 3.21s ====='")
    done = run("test", env=machine.env)
    assert done.returncode == 1 and done.stdout.splitlines()[-1] == "5 passed, 1 failed"


def test_the_totals_of_a_good_test_run(machine):
    machine.fakes("cargo", "echo 'test result: ok. 3 passed; 0 failed; 0 ignored'")
    fake_test_venv(machine, "echo '===== 5 passed in 3.21s ====='")
    done = run("test", env=machine.env)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "8 passed, 0 failed"


def fake_test_venv(machine, pytest_script):
    """A finished test environment whose Python does nothing but report."""
    folder = pathlib.Path(machine.env["BOUCLE_CACHE_DIR"]) / "test-venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").write_text(f"#!/bin/sh\n{pytest_script}\n")
    (folder / "bin/python").chmod(0o755)
    version = subprocess.run([machine.bin / "python3", "--version"], capture_output=True, text=True).stdout.strip()
    requirements = conftest.ROOT / "tests/requirements.txt"
    (folder / "made-from").write_text(f"{version} -r {requirements} {requirements.read_text()}")
