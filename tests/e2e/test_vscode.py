"""VS Code's way to start, use and end a kernel, which differs from that of everybody else; vscode.mjs plays its part."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest
from jupyter_client.connect import write_connection_file
from jupyter_client.kernelspec import KernelSpecManager

import lesson
import processes

ZEROMQ = "zeromq@6.8.0"  # the major version that VS Code's extension uses
CELLS = ["let n = 20;", 'println!("out"); n + 1', 'println!("go"); sleep(60).await;', "panic!()", "n + 2"]


@pytest.fixture(scope="session")
def packages():
    """The folder with the package that VS Code uses, kept where the other test tools are."""
    for tool in ("node", "npm"):
        assert shutil.which(tool), f"this test needs `{tool}`: install Node.js"
    folder = pathlib.Path(sys.prefix) / "node"
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefix", folder, ZEROMQ], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder / "node_modules"


@pytest.fixture
def process(installation, session_mark, tmp_path):
    """A kernel started without a manager: only the file and the process."""
    file, _ = write_connection_file(str(tmp_path / "kernel.json"), ip="127.0.0.1", key=b"a key of VS Code")
    spec = KernelSpecManager().get_kernel_spec("boucle")
    argv = [part.replace("{connection_file}", file) for part in spec.argv]
    assert argv[-1] == file and spec.interrupt_mode == "message"
    mark = processes.new_mark(session_mark)
    with (tmp_path / "kernel.log").open("w") as stderr:
        kernel = subprocess.Popen(argv, stderr=stderr, env=os.environ | {processes.MARK: mark}, start_new_session=True)
    kernel.file, kernel.mark = file, mark
    yield kernel
    kernel.kill()
    kernel.wait(10)
    processes.assert_gone(mark)


@pytest.mark.timeout(200)
def test_a_session_in_vs_code(packages, process):
    done = subprocess.run(
        ["node", lesson.ROOT / "tests/vscode.mjs", process.file, json.dumps(CELLS)],
        capture_output=True, text=True, timeout=150, env=os.environ | {"NODE_PATH": str(packages)},
    )
    assert done.returncode == 0, done.stderr
    log = json.loads(done.stdout)
    requests = {message["id"]: message for message in log if "id" in message}
    received = [message for message in log if "id" not in message]
    states = [message["content"]["execution_state"] for message in received if message["type"] == "status"]
    assert set(states) <= {"starting", "busy", "idle"}

    # Every request: busy, then what it has to show, then idle; and one reply, on its own socket.
    for id_, request in requests.items():
        of_request = [message for message in received if message["parent"] == id_]
        published = [message for message in of_request if message["channel"] == "iopub"]
        replies = [message for message in of_request if message["channel"] != "iopub"]
        assert [(reply["channel"], reply["type"]) for reply in replies] == [(request["channel"], request["type"].replace("request", "reply"))]
        kinds = [message["content"].get("execution_state", message["type"]) for message in published]
        if request["type"] == "execute_request":
            assert kinds[:2] == ["busy", "execute_input"] and kinds[-1] == "idle" and kinds.count("idle") == 1, kinds
        elif kinds:  # iopub may have been connected later than shell
            assert kinds == ["busy", "idle"][-len(kinds):], kinds

    cells = [id_ for id_, request in requests.items() if request["type"] == "execute_request"]
    reply = {message["parent"]: message["content"] for message in received if message["type"] == "execute_reply"}
    assert [reply[cell]["status"] for cell in cells] == ["ok", "ok", "error", "error", "ok"]
    assert reply[cells[2]]["ename"] == "KeyboardInterrupt"
    values = {message["parent"]: message["content"]["data"]["text/plain"] for message in received if message["type"] == "execute_result"}
    assert (values[cells[1]], values[cells[4]]) == ("21", "22")

    # The last status is what it shows. The idle of another request, while a cell runs, is followed by busy at once.
    published = [message for message in received if message["channel"] == "iopub"]
    state = lambda message: message["content"].get("execution_state")
    running = None
    for message, after in zip(published, [*published[1:], {"content": {}}]):
        if message["type"] == "execute_input":
            running = message["parent"]
        elif state(message) == "idle" and message["parent"] == running:
            running = None
        elif state(message) == "idle" and running is not None:
            assert state(after) == "busy", f"idle while a cell runs, and then {after}"
    assert running is None and [state(message) for message in published if state(message)][-1] == "idle"

    # It shuts a kernel down with a signal and no message.
    process.send_signal(signal.SIGTERM)
    assert process.wait(2.5) == 0
    processes.assert_gone(process.mark, seconds=1.0)
