"""Compiled cells are kept: what has not changed is not compiled again, and nothing that happens to the folder can break a cell."""

import os
import pathlib
import shutil
import subprocess
import threading

import pytest

NOTEBOOK = [
    "use std::collections::HashMap;",
    "#[derive(Debug, Clone)] struct P { x: i32 }\nfn double(p: &P) -> i32 { p.x * 2 }",
    "let p = P { x: 21 }; let mut seen: HashMap<String, i32> = HashMap::new();",
    'seen.insert("a".into(), double(&p)); seen.len()',
    "let moved = p; moved.x",  # refused at first, since `p` cannot be kept
    "let wrong: i32 = \"refused\";",
    "for i in 0..3 { println!(\"{i}\"); }",
    "async fn later() -> i32 { sleep(0.001).await; 5 }\nlater().await",
]


@pytest.fixture
def cache(installation, tmp_path):
    """A cache folder of the test's own, with the runtime of the others."""
    folder = tmp_path / "cache"
    folder.mkdir()
    # A copy: kernels write into it.
    shutil.copytree(installation.cache / "runtime", folder / "runtime", copy_function=os.link)
    return folder


def entries(cache):
    return sorted(cache.glob("cells/*/*.cell"))


def run_all(kernel):
    return [(request.status, request.text(), request.value, request.error) for request in map(kernel.run, NOTEBOOK)]


def counting_toolchain(folder):
    """The toolchain under another path, whose rustc writes down each cell that it compiles."""
    real = pathlib.Path(subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip())
    made, counted = folder / "toolchain", folder / "counted"
    (made / "bin").mkdir(parents=True)
    (made / "lib").symlink_to(real / "lib")
    (made / "bin/cargo").symlink_to(real / "bin/cargo")
    (made / "bin/rustc").write_text(
        f'#!/bin/sh\ncase "$*" in\n"--print sysroot") echo {made}; exit;;\nwarm-up*) ;;\n*"--crate-name cell"*) echo >> {counted};;\nesac\nexec {real}/bin/rustc "$@"\n'
    )
    (made / "bin/rustc").chmod(0o755)
    counted.touch()
    return made, counted


def test_restart_and_run_all_compiles_nothing(start, cache, tmp_path):
    toolchain, counted = counting_toolchain(tmp_path)
    environment = {"BOUCLE_CACHE_DIR": str(cache), "PATH": f"{toolchain}/bin:{os.environ['PATH']}"}
    kernel = start(env=environment)
    first = run_all(kernel)
    assert [status for status, *_ in first] == ["ok"] * 5 + ["error"] + ["ok"] * 2
    kernel.shutdown()
    compiled, kept = len(counted.read_text()), entries(cache)
    assert compiled >= len(NOTEBOOK), "the test does not see rustc"
    kernel = start(env=environment)
    assert run_all(kernel) == first
    kernel.shutdown()
    assert len(counted.read_text()) == compiled, "something was compiled again"
    assert entries(cache) == kept


def test_what_was_compiled_is_found_in_whatever_order_cells_ran(start, cache, tmp_path):
    toolchain, counted = counting_toolchain(tmp_path)
    environment = {"BOUCLE_CACHE_DIR": str(cache), "PATH": f"{toolchain}/bin:{os.environ['PATH']}"}
    kernel = start(env=environment)
    # As one works on a notebook: in the end cells have other numbers, and definitions another order.
    definitions = ["fn a() -> i32 { 1 }", "fn b() -> i32 { a() + 1 }"]
    for code in [NOTEBOOK[0], "1 + 1", definitions[1], NOTEBOOK[6], *NOTEBOOK[1:], definitions[0], "a() + b()"]:
        kernel.run(code)
    kernel.shutdown()
    compiled = len(counted.read_text())
    kernel = start(env=environment)
    run_all(kernel)
    assert [kernel.ok(code).value for code in [*definitions, "a() + b()"]] == [None, None, "3"]
    request = kernel.fails("fn outer(at: usize) -> i32 { [1, 2][at] }\nouter(2)")
    assert "In[12]:1:30" in request.traceback, "places are those of this session"
    kernel.shutdown()
    # The last cell is compiled once more to find out who called what failed, and `b` is checked behind `a`.
    assert len(counted.read_text()) == compiled + 3, "something was compiled again"


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


DAMAGE = {
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "a byte changed": flip,
    "gone": lambda path: path.unlink(),
    "another one's": lambda path: path.write_bytes(b"not a cell" * 1000),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_made_again(start, cache, damage):
    environment = {"BOUCLE_CACHE_DIR": str(cache)}
    kernel = start(env=environment)
    first = run_all(kernel)
    kernel.shutdown()
    kept = {path: path.read_bytes() for path in entries(cache)}
    assert kept
    for path in kept:
        DAMAGE[damage](path)
    kernel = start(env=environment)
    assert run_all(kernel) == first
    assert set(entries(cache)) == set(kept)
    assert all(path.stat().st_size == len(content) for path, content in kept.items()), "an entry is still damaged"
    # While cells run, too: what has been loaded does not lie in the cache.
    for path in kept:
        DAMAGE[damage](path)
    assert run_all(kernel)[1:] == first[1:]
    kernel.shutdown()


def test_kernels_share_a_folder_that_is_pruned_all_the_time(start, cache):
    """Two kernels compile and run the same cells, while every entry is removed as soon as it appears."""
    environment = {"BOUCLE_CACHE_DIR": str(cache)}
    kernels = [start(env=environment), start(env=environment)]
    over, removed = threading.Event(), []

    def remove():
        while not over.is_set():
            for path in entries(cache):
                path.unlink(missing_ok=True)
                removed.append(path)

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        for number in range(12):
            cells = [f"fn f{number}() -> usize {{ {number} }}", f"let v{number} = vec![f{number}(); 3];", f"v{number}.len() + f{number}()"]
            for code in cells:
                requests = [kernel.submit(code) for kernel in kernels]
                for kernel, request in zip(kernels, requests):
                    kernel.done(request)
                    assert request.status == "ok", request.describe()
            assert [request.value for request in requests] == [f"{3 + number}"] * 2
    finally:
        over.set()
        thread.join()
    assert removed
    for kernel in kernels:
        kernel.shutdown()


def test_cells_run_where_nothing_can_be_kept(start, cache):
    (cache / "cells").write_text("no folder can be made here")
    kernel = start(env={"BOUCLE_CACHE_DIR": str(cache)})
    first = kernel.ok("let a = 1; a")
    told = first.text("stderr") + "".join(first.shown)
    assert f"{cache}/cells" in told and "cannot be kept" in told, first.describe()
    again = kernel.ok("a + 1")
    assert again.value == "2" and not again.shown and not again.text("stderr"), "it is told once"
    kernel.settle()
    kernel.shutdown()


def test_a_killed_kernels_folder_is_swept_and_a_living_ones_is_not(start, cache):
    environment = {"BOUCLE_CACHE_DIR": str(cache)}
    killed = start(env=environment)
    killed.ok("1 + 1")
    killed.manager.provisioner.process.kill()
    killed.manager.provisioner.process.wait(30)
    living = start(env=environment)
    living.ok("2 + 2")
    sessions = list(cache.glob("cells/*/session-*"))
    assert len(sessions) == 2
    yesterday = 24 * 3600
    for session in sessions:
        for path in [session, session / "in-use"]:
            os.utime(path, (path.stat().st_atime - yesterday, path.stat().st_mtime - yesterday))
    another = start(env=environment)
    another.ok("3 + 3")
    another.wait_for(lambda: len(list(cache.glob("cells/*/session-*"))) == 2)
    assert living.ok("let x = 4; x + 4").value == "8"
    for kernel in (living, another):
        kernel.shutdown()
    assert not list(cache.glob("cells/*/session-*"))


@pytest.fixture
def small_disk(cache):
    """The folder of compiled cells, on a disk of 2 MB."""
    folder = cache / "cells"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"this user may not mount a disk that can be filled: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk, free):
    """Leaves so many bytes free."""
    (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free - free))
    assert shutil.disk_usage(disk).free <= free


@pytest.mark.parametrize("free", [0, 8 * 4096], ids=["to the last byte", "but for a few blocks"])
def test_a_full_disk_fails_the_cell_and_nothing_else(start, cache, small_disk, free):
    kernel = start(env={"BOUCLE_CACHE_DIR": str(cache)})
    kernel.ok("static N: std::sync::Mutex<i32> = std::sync::Mutex::new(1);\nfn twice(n: i32) -> i32 { 2 * n }")
    kernel.ok("let kept = vec![1, 2, 3]; *N.lock().unwrap() += 1;")
    kernel.ok('async fn slow() -> i32 { sleep(0.01).await; 7 }\nlet task = ensure_future(slow());')
    fill(small_disk, free)
    for code in ["kept.iter().map(|n| twice(*n)).collect::<std::collections::BTreeSet<_>>()", "let new = kept.clone();", 'format!("{:?}", kept)']:
        request = kernel.run(code)
        if free and request.status == "ok":
            continue  # What rustc makes of a small cell may fit into the last blocks.
        assert request.reply["ename"] == "CompileError", request.describe()
        assert "No space left" in request.error and str(small_disk) in request.error, request.describe()
        assert "see that there is room" in request.error, request.describe()
    assert kernel.ok("!echo still here").text() == "still here\n", "what needs no compiler works"
    (small_disk / "filler").unlink()
    assert kernel.ok("kept.iter().map(|n| twice(*n)).sum::<i32>() + *N.lock().unwrap()").value == "14"
    assert kernel.ok("task.await").value == "7"
    kernel.shutdown()
