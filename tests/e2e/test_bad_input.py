"""A cell that takes its process down fails with the cause; the kernel lives, items survive, and the next cell works."""

import os

import pytest

import processes

DEADLY = {
    "a segmentation fault": ("unsafe { std::ptr::null_mut::<u8>().write_volatile(1) }", ["SIGSEGV", "segmentation fault"]),
    "an abort": ("std::process::abort()", ["SIGABRT", "aborted"]),
    "an exit": ("std::process::exit(3)", ["exit code 3", "exited with code 3", "exit status: 3", "status 3"]),
    "an exit without an error": ("std::process::exit(0)", ["exit code 0", "exited with code 0", "exit status: 0", "status 0"]),
    "a stack overflow": ("fn down(n: u64) -> u64 { if n == u64::MAX { 0 } else { 1 + std::hint::black_box(down(n + 1)) } }\ndown(0)", ["stack"]),
    "a panic while panicking": ('struct D;\nimpl Drop for D { fn drop(&mut self) { panic!("second") } }\n{ let _d = D; panic!("first"); }', ["SIGABRT", "aborted"]),
    "a kill from outside": ('std::process::Command::new("kill").arg("-9").arg(std::process::id().to_string()).status()?;\nsleep(60).await;', ["SIGKILL", "killed"]),
}


@pytest.mark.parametrize("case", DEADLY)
def test_the_cell_fails_with_the_cause_and_the_next_one_works(kernel, case):
    code, causes = DEADLY[case]
    kernel.ok("fn item() -> i32 { 8 }")
    kernel.ok("let lost = 1;")
    failed = kernel.fails('println!("last words");\n' + code)
    assert failed.text() == "last words\n"
    assert any(cause.lower() in failed.traceback.lower() for cause in causes), failed.describe()
    assert "lost" in failed.traceback, "it does not say what was lost"
    assert kernel.ok("item()").value == "8"
    assert "lost" in kernel.fails("lost").traceback
    assert kernel.ok("let new = 2; sleep(0).await; new").value == "2"


def test_dying_again_and_again(kernel):
    for number in range(5):
        kernel.fails("std::process::abort()")
        assert kernel.ok(f"{number}").value == f"{number}"
    kernel.wait_for(lambda: len(processes.named(kernel.pid, "boucle-worker")) <= 1, 5.0)


@pytest.mark.parametrize("code", [
    "let mut hog: Vec<Vec<u8>> = vec![];\nloop { hog.push(vec![1u8; 1 << 20]); }",
    "let hog = vec![1u8; 1 << 40];\nhog.len()",
], ids=["little by little", "at once"])
def test_exhausted_memory_ends_the_cell_only(start, code):
    kernel = start(env={"BOUCLE_MEMORY_LIMIT": str(2 << 30)})
    failed = kernel.fails(code, limit=60.0)
    assert "memory" in failed.traceback.lower(), failed.describe()
    assert kernel.ok("1 + 1").value == "2"
    kernel.settle()
    kernel.shutdown()


def test_a_missing_rustc_is_explained_in_the_cell(start, tmp_path):
    (tmp_path / "empty").mkdir()
    nowhere = {"PATH": str(tmp_path / "empty"), "CARGO_HOME": str(tmp_path / "empty"), "HOME": str(tmp_path / "empty")}
    kernel = start(env=nowhere)
    failed = kernel.fails("1 + 1")
    assert "rustc" in failed.traceback and "install" in failed.traceback.lower()
    kernel.settle()
    kernel.shutdown()


@pytest.mark.timeout(600)
def test_another_rustc_gets_a_runtime_of_its_own(start, installation, tmp_path):
    """The toolchain here under another name: what `rustup update` does, without a download."""
    toolchain = another_toolchain(tmp_path)
    kernel = start(env={"PATH": f"{toolchain}/bin:{os.environ['PATH']}", "BOUCLE_CACHE_DIR": str(tmp_path / "cache")})
    request = kernel.ok("1 + 1", limit=500.0)
    assert request.value == "2"
    shown = [output.content["data"]["text/plain"] for output in request.outputs if output.kind == "update_display_data"]
    assert "what cells run on, with rustc 1.95.99" in shown[-1], shown
    assert kernel.ok("2 + 2", limit=10.0).text("stderr") == ""
    kernel.settle()
    kernel.shutdown()


def another_toolchain(folder):
    """A sysroot whose rustc says that it is 1.95.99."""
    import pathlib
    import subprocess

    real = pathlib.Path(subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip())
    made = folder / "toolchain"
    (made / "bin").mkdir(parents=True)
    (made / "lib").symlink_to(real / "lib")
    (made / "bin/cargo").symlink_to(real / "bin/cargo")
    (made / "bin/rustc").write_text(
        "#!/bin/sh\n"
        f'case "$*" in\n"--print sysroot") echo {made};;\n'
        f'*-vV* | *--version*) {real}/bin/rustc "$@" | sed "s/[0-9]*[.][0-9]*[.][0-9]* (/1.95.99 (/; s/^release: .*/release: 1.95.99/";;\n'
        f'*) exec {real}/bin/rustc "$@";;\nesac\n'
    )
    (made / "bin/rustc").chmod(0o755)
    return made
