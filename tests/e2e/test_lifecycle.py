"""How a kernel starts, restarts and ends, and that nothing survives it, however it ends."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

import client
import processes

RUNNING = {
    "nothing": None,
    "a loop that waits": 'println!("go"); let _ = get_event_loop().run_forever();',
    "code that computes": 'println!("go"); loop {}',
    "code that sleeps": 'println!("go"); std::thread::sleep(std::time::Duration::from_secs(60));',
    "a shell command": "!echo go; sleep 60 & sleep 60",
    "a program that a cell has started": 'let mut child = std::process::Command::new("sh").args(["-c", "echo go; sleep 60"]).spawn()?;\nchild.wait()?;',
    "a program that a task has started": 'let mut child = create_subprocess_shell("echo go; sleep 60").await?;\nchild.wait().await;',
    "a thread in the background": 'println!("go"); std::thread::spawn(|| loop { std::hint::black_box(1); });',
    "a question to the user": 'println!("go"); input("?");',
}
PROMPT = 1.5  # seconds until the kernel has ended: one is promised, and a busy machine adds to it
SLOW_TO_COMPILE = "#[allow(long_running_const_eval)]\nconst N: u64 = { let mut i = 0u64; while i < 1 << 60 { i += 1; } i };\nN"


def begin(kernel, what):
    """Gets the kernel into one of the situations above."""
    kernel.ok("1")
    if RUNNING[what]:
        request = kernel.submit(RUNNING[what], allow_stdin=True)
        kernel.printed(request, "go\n")


def test_the_first_cell_needs_no_second_try(start):
    """Everything goes out in one burst, before the kernel has said a word."""
    kernel = start()
    cells = [kernel.submit(f"{number} * 2") for number in range(5)]
    kernel.done(*cells)
    assert [cell.value for cell in cells] == ["0", "2", "4", "6", "8"]
    kernel.settle()
    kernel.shutdown()


@pytest.mark.parametrize("what", RUNNING)
def test_shutdown_ends_everything(start, what):
    kernel = start()
    begin(kernel, what)
    request = kernel.shutdown()
    took = time.monotonic() - request.sent
    assert request.reply["restart"] is False
    assert kernel.manager.provisioner.process.returncode == 0
    assert took < PROMPT
    processes.assert_gone(kernel.mark, seconds=1)


def test_shutdown_on_the_shell_channel_works_too(start):
    kernel = start()
    request = kernel.send("shutdown_request", {"restart": False})
    kernel.pump(lambda: request.reply is not None, client.LIMIT)
    kernel.manager.provisioner.process.wait(client.LIMIT)
    processes.assert_gone(kernel.mark)


def test_a_restart_forgets_everything_and_keeps_the_ports(start):
    kernel = start()
    kernel.ok("let a = 1;")
    before = kernel.pid
    kernel.client.stop_channels()
    kernel.manager.restart_kernel()
    kernel.connect()
    assert kernel.pid != before and not psutil.pid_exists(before)
    failed = kernel.fails("a")
    assert failed.reply["execution_count"] == 1
    assert kernel.ok("2 + 2").value == "4"
    kernel.settle()
    kernel.shutdown()


def test_a_restart_while_a_cell_runs(start):
    kernel = start()
    begin(kernel, "code that computes")
    kernel.client.stop_channels()
    kernel.manager.restart_kernel()
    kernel.connect()
    assert kernel.ok("2 + 2").value == "4"
    kernel.settle()
    kernel.shutdown()


@pytest.mark.parametrize("what", RUNNING)
def test_sigterm_ends_everything(start, what):
    kernel = start()
    begin(kernel, what)
    os.kill(kernel.pid, signal.SIGTERM)
    assert kernel.manager.provisioner.process.wait(5) == 0
    processes.assert_gone(kernel.mark)


@pytest.mark.parametrize("what", RUNNING)
def test_a_killed_kernel_takes_its_worker_along(start, what):
    kernel = start()
    begin(kernel, what)
    assert processes.named(kernel.pid, "boucle-worker")
    os.kill(kernel.pid, signal.SIGKILL)
    kernel.manager.provisioner.process.wait(5)
    processes.assert_gone(kernel.mark)


def test_a_killed_kernel_takes_rustc_along(start):
    kernel = start()
    kernel.ok("1")
    kernel.submit(SLOW_TO_COMPILE)
    kernel.wait_for(lambda: processes.named(kernel.pid, "rustc"))
    os.kill(kernel.pid, signal.SIGKILL)
    kernel.manager.provisioner.process.wait(5)
    processes.assert_gone(kernel.mark)


def test_sigterm_takes_rustc_along(start):
    kernel = start()
    kernel.ok("1")
    kernel.submit(SLOW_TO_COMPILE)
    kernel.wait_for(lambda: processes.named(kernel.pid, "rustc"))
    os.kill(kernel.pid, signal.SIGTERM)
    kernel.manager.provisioner.process.wait(5)
    processes.assert_gone(kernel.mark)


LAUNCHER = """
import sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="boucle")
client.execute('println!("go"); loop {}')
while True:
    message = client.get_iopub_msg(timeout=30)
    if message["msg_type"] == "stream":
        break
print(manager.provisioner.process.pid, flush=True)
sys.stdin.read()
"""


def test_shutdown_beside_a_running_cell(start):
    """A guest computes inside the loop that the main cell drives, and a third one waits."""
    kernel = start()
    main = kernel.submit('println!("go"); let _ = get_event_loop().run_forever();')
    kernel.printed(main, "go\n")
    subshell = kernel.ask("create_subshell_request", channel="control").reply["subshell_id"]
    guest = kernel.submit('println!("go"); loop {}', subshell=subshell)
    kernel.printed(guest, "go\n")
    kernel.submit("1", subshell=subshell)
    request = kernel.shutdown()
    assert time.monotonic() - request.sent < PROMPT
    processes.assert_gone(kernel.mark, seconds=1)


def test_shutdown_while_crates_are_built(start, tmp_path):
    """The crate's build script does not end by itself."""
    crate = tmp_path / "endless"
    (crate / "src").mkdir(parents=True)
    (crate / "Cargo.toml").write_text('[package]\nname = "endless"\nversion = "0.1.0"\nedition = "2024"\n')
    (crate / "src/lib.rs").write_text("")
    (crate / "build.rs").write_text('fn main() { std::fs::write("begun", "").unwrap(); std::thread::sleep(std::time::Duration::from_secs(600)); }')
    kernel = start()
    kernel.ok("1")
    kernel.submit(f':dep endless = {{ path = "{crate}" }}')
    kernel.wait_for(lambda: (crate / "begun").exists(), limit=120)
    request = kernel.shutdown()
    assert time.monotonic() - request.sent < PROMPT
    processes.assert_gone(kernel.mark, seconds=1)


def test_a_vanished_parent_ends_everything(installation, session_mark):
    mark = processes.new_mark(session_mark)
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER], env=os.environ | {processes.MARK: mark}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        pid = int(launcher.stdout.readline())
        assert psutil.pid_exists(pid)
    finally:
        launcher.kill()
        launcher.communicate()
    processes.assert_gone(mark, seconds=10)


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"shell_port": "x"}', json.dumps({"ip": "127.0.0.1"})])
def test_an_unreadable_connection_file_is_one_line_and_exit_code_1(installation, tmp_path, content):
    file = tmp_path / "connection.json"
    if content is not None:
        file.write_text(content)
    done = subprocess.run([installation.program, "kernel", file], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "connection.json" in line


def test_a_taken_port_is_one_line_and_exit_code_1(start, installation, tmp_path):
    kernel = start()
    done = subprocess.run([installation.program, "kernel", kernel.manager.connection_file], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    kernel.settle()
    kernel.shutdown()


def test_two_kernels_at_once_share_nothing(start):
    one, two = start(), start()
    one.ok("let a = 1;")
    two.ok('let a = "two";')
    first, second = one.submit("sleep(0.3).await; a"), two.submit("sleep(0.3).await; a")
    one.done(first)
    two.done(second)
    assert (first.value, second.value) == ("1", '"two"')
    for kernel in (one, two):
        kernel.settle()
        kernel.shutdown()
