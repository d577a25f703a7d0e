"""A kernel on another machine, through Jupyter Kernel Gateway, as kernel/README.md tells people to set it up; both machines are this one.

JupyterLab has no kernel of ours on its side: it can only come from the gateway.
"""

import contextlib
import os
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest
from playwright.sync_api import expect

import browser
import processes

pytestmark = pytest.mark.timeout(180)


@contextlib.contextmanager
def gateway(folder, mark):
    """A kernel gateway; yields its address. The system gives it a port, which it does not tell."""
    log = folder / "gateway.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kernel_gateway", "--KernelGatewayApp.ip=127.0.0.1", "--KernelGatewayApp.port=0", "--KernelGatewayApp.auth_token=secret", "--JupyterWebsocketPersonality.list_kernels=True"],
            env=os.environ | {processes.MARK: mark}, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
        )
    try:
        deadline = time.monotonic() + 60
        while "is available at" not in log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        (port,) = {c.laddr.port for c in psutil.Process(process.pid).net_connections() if c.status == psutil.CONN_LISTEN}
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def remote(installation, session_mark, tmp_path, monkeypatch):
    """The addresses of a gateway that has the kernel and of a JupyterLab that has not, and the folder of the latter."""
    mark = processes.new_mark(session_mark)
    (tmp_path / "far").mkdir()
    (tmp_path / "near").mkdir()
    with gateway(tmp_path / "far", mark) as far:
        monkeypatch.delenv("JUPYTER_PATH")
        options = [f"--GatewayClient.url={far}", "--GatewayClient.auth_token=secret"]
        with browser.server(tmp_path / "near", env={processes.MARK: mark}, options=options) as near:
            yield far, near, tmp_path / "near"
    processes.assert_gone(mark)


def test_a_remote_kernel_in_jupyterlab(remote):
    """Runs cells, ends one by ■, and begins anew, all from afar."""
    far, near, folder = remote
    name = browser.write(folder / "remote.ipynb", "let here = std::env::current_dir()?;\nhere.ends_with(\"far\")", 'println!("begins");\nlet kept = 5;\nloop {}', "6 * 7")
    with browser.page() as tab:
        notebook = browser.Notebook(tab, near, name)
        notebook.prompt(notebook.run(0), "[1]:")
        expect(notebook.output(notebook.cell(0))).to_have_text("true")
        cell = notebook.run(1)
        expect(notebook.output(cell)).to_have_text("begins\n")
        notebook.interrupt()
        expect(notebook.output(cell).last).to_contain_text("KeyboardInterrupt")
        notebook.prompt(notebook.run(2), "[3]:")
        notebook.restart()
        # The page may have talked to the gateway's old connection, whatever the kernel: a new one is sure to find the new process.
        notebook = browser.Notebook(tab, near, name)
        notebook.prompt(notebook.run(2), "[1]:")
        expect(notebook.output(notebook.cell(2))).to_have_text("42")
    # Not only the picture of it: the gateway has the kernel.
    request = urllib.request.Request(f"{far}/api/kernels", headers={"Authorization": "token secret"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert b'"name": "boucle"' in answer.read()
