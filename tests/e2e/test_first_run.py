"""The first cell on a new machine: it waits for what cells run on and says how far that is, and where something is missing it says what to do.

None of these tests waits for the end of that build, which the installation of this run has seen.
"""

import os
import re
import subprocess

import pytest

import processes

pytestmark = pytest.mark.timeout(120)
TOO_OLD = 'case "$*" in *sysroot*) echo /nowhere;; *) printf "rustc 1.80.1 (3f5fd8dd4 2024-08-06)\\nhost: x86_64-unknown-linux-gnu\\n";; esac'


@pytest.fixture
def newcomer(start, tmp_path):
    """Starts kernels of somebody whose cache is empty."""
    return lambda **changes: start(env={"BOUCLE_CACHE_DIR": str(tmp_path / "cache")} | changes)


def steps_done(request):
    """How many steps of the build the notebook has been shown as done, lately."""
    shown = [output.content["data"]["text/plain"] for output in request.of("display_data", "update_display_data")]
    found = re.search(r"(\d+) of \d+ steps done", shown[-1]) if shown else None
    return int(found[1]) if found else -1


def test_it_shows_how_far_it_is_and_goes_on_after_an_interrupt(newcomer):
    kernel = newcomer()
    cell = kernel.submit("6 * 7")
    kernel.wait_for(lambda: steps_done(cell) >= 5, limit=90)
    first = cell.of("display_data")[0].content["data"]
    assert "what cells run on (once for this Rust, a minute or two)" in first["text/plain"] and "text/html" in first
    done = steps_done(cell)
    kernel.interrupt()
    kernel.done(cell)
    assert cell.status == "error" and cell.reply["ename"] == "KeyboardInterrupt"
    assert not processes.named(kernel.pid, "cargo") and not processes.named(kernel.pid, "rustc")
    again = kernel.submit("6 * 7")
    kernel.wait_for(lambda: steps_done(again) >= 0, limit=60)
    assert steps_done(again) >= done - 1, "what was done need not be done again, but for what was under way"
    kernel.interrupt()
    kernel.done(again)


def test_an_empty_cell_does_not_wait_for_it(newcomer):
    """qtconsole sends one before its first prompt."""
    kernel = newcomer()
    assert kernel.ok("", silent=True, limit=5).outputs == []


def test_a_kernel_that_ends_takes_the_build_along(newcomer):
    kernel = newcomer()
    cell = kernel.submit("6 * 7")
    kernel.wait_for(lambda: steps_done(cell) >= 1, limit=90)
    assert processes.named(kernel.pid, "cargo")
    kernel.manager.provisioner.process.kill()
    processes.assert_gone(kernel.mark)


def test_the_second_of_two_notebooks_waits_and_says_so(newcomer):
    first, second = newcomer(), newcomer()
    cell = first.submit("1")
    first.wait_for(lambda: steps_done(cell) >= 0, limit=60)
    waiting = second.submit("2")
    second.wait_for(lambda: any("waiting for another notebook" in str(output.content) for output in waiting.outputs))
    assert not processes.named(second.pid, "cargo")
    first.interrupt()
    first.done(cell)
    second.wait_for(lambda: steps_done(waiting) >= 0, limit=60)
    second.interrupt()
    second.done(waiting)


@pytest.mark.parametrize("machine, subject, said", [
    ("no Rust", "Rust", "there is no `rustc`.*help: install Rust from https://rustup.rs"),
    ("a broken Rust", "Rust", "no default toolchain is set.*help: mend it"),
    ("an old Rust", "Rust", "rustc 1.80.1, .*, is too old.*help: Boucle needs 1.95 or newer"),
    ("no linker", "linker", "no C compiler.*help: Debian, Ubuntu: sudo apt install build-essential"),
    ("no cache", "cache", "cannot be written to: Not a directory.*help: set BOUCLE_CACHE_DIR"),
    ("no network", None, "cannot get the crates.*This needs the network"),
])
def test_what_is_missing_is_said_in_the_notebook(newcomer, tools, installation, tmp_path, machine, subject, said):
    """By the first cell, by `boucle runtime` and by `boucle doctor`."""
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    rust = {"rustc": f"{sysroot}/bin/rustc", "cargo": f"{sysroot}/bin/cargo"}
    (tmp_path / "file").write_text("")
    changes = {"BOUCLE_CACHE_DIR": str(tmp_path / "cache")} | {
        "no Rust": lambda: {"PATH": tools(), "CARGO_HOME": str(tmp_path)},
        "a broken Rust": lambda: {"PATH": tools(rustc="echo 'error: no default toolchain is set' >&2; exit 1")},
        "an old Rust": lambda: {"PATH": tools(rustc=TOO_OLD, cargo=rust["cargo"])},
        "no linker": lambda: {"PATH": tools(**rust)},
        "no cache": lambda: {"BOUCLE_CACHE_DIR": str(tmp_path / "file/cache")},
        "no network": lambda: {"CARGO_HOME": str(tmp_path), "CARGO_HTTP_PROXY": "http://127.0.0.1:9"},
    }[machine]()
    cell = newcomer(**changes).fails("6 * 7", limit=90)
    assert cell.reply["ename"] == "RuntimeUnavailable" and "\n" not in cell.reply["evalue"]
    told = "\n".join(cell.reply["traceback"])
    assert re.search(said, told, re.DOTALL), told
    assert told.endswith("start Jupyter again")
    by_itself = run(installation, "runtime", changes)
    assert by_itself.returncode == 1 and re.search(said, by_itself.stderr, re.DOTALL), by_itself.stderr
    if subject:
        assert f"✗ {subject} " in run(installation, "doctor", changes).stdout


def run(installation, command, changes):
    return subprocess.run([installation.program, command], env=os.environ | changes, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
