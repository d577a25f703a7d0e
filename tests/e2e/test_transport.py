"""Ways to reach a kernel other than plain TCP: Unix sockets, and encrypted connections."""

import os
import pathlib
import socket
import subprocess
import threading
import time

import pytest
import zmq
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import client
import processes


@pytest.fixture
def manager(installation, session_mark, tmp_path, monkeypatch):
    """Makes managers of kernels with options of their own, and ends the kernels."""
    mark = processes.new_mark(session_mark)
    monkeypatch.setenv(processes.MARK, mark)
    # A path for a Unix socket must be short.
    monkeypatch.chdir(tmp_path)
    made = []

    def make(**options):
        made.append(KernelManager(kernel_name="boucle", **options))
        return made[-1]

    yield make
    for one in made:
        if one.has_kernel:
            one.shutdown_kernel(now=True)
    processes.assert_gone(mark)


def use(manager):
    """What people do with a kernel: cells, an interrupt, a restart, the end."""
    manager.start_kernel()
    kernel = manager.client()
    kernel.start_channels()
    try:
        kernel.wait_for_ready(timeout=client.LIMIT)
        outputs = []
        reply = kernel.execute_interactive('println!("out"); "é".repeat(200_000).len()', timeout=client.LIMIT, output_hook=outputs.append)
        assert reply["content"]["status"] == "ok"
        kinds = [output["msg_type"] for output in outputs]
        assert [kind for kind in kinds if kind != "status"] == ["execute_input", "stream", "execute_result"]
        long = kernel.execute_interactive('print!("{}", "x".repeat(3_000_000));', timeout=client.LIMIT, output_hook=outputs.append)
        assert long["content"]["status"] == "ok"
        printed = "".join(output["content"]["text"] for output in outputs if output["msg_type"] == "stream")
        assert printed == "out\n" + "x" * 3_000_000
        deadline = time.monotonic() + client.LIMIT
        while not kernel.hb_channel.is_beating():
            assert time.monotonic() < deadline, "no heartbeat"
            kernel.hb_channel.join(0.05)

        request = kernel.execute('println!("go"); sleep(60).await;')
        while (message := kernel.get_iopub_msg(timeout=client.LIMIT))["content"].get("text") != "go\n":
            pass
        assert message["parent_header"]["msg_id"] == request
        manager.interrupt_kernel()
        while (reply := kernel.get_shell_msg(timeout=client.LIMIT))["parent_header"]["msg_id"] != request:
            pass
        assert reply["content"]["ename"] == "KeyboardInterrupt"

        manager.restart_kernel()
        kernel.wait_for_ready(timeout=client.LIMIT)
        assert kernel.execute_interactive("1 + 1", timeout=client.LIMIT, output_hook=outputs.append)["content"]["execution_count"] == 1
    finally:
        kernel.stop_channels()
    manager.shutdown_kernel()


def test_unix_sockets(manager):
    use(manager(transport="ipc"))
    assert not list(pathlib.Path(".").glob("kernel-*-ipc-*"))


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_encrypted_connections(manager, transport):
    assert zmq.has("curve"), "this test needs a pyzmq with CURVE"
    one = manager(transport=transport, transport_encryption="required")
    use(one)


def test_only_who_has_the_right_key_gets_through_an_encrypted_port(manager):
    one = manager(transport_encryption="required")
    one.start_kernel()
    info = one.get_connection_info()
    assert info["curve_publickey"] and info["curve_secretkey"]
    kernel = one.client()
    kernel.start_channels()
    kernel.wait_for_ready(timeout=client.LIMIT)
    context = zmq.Context()
    public, secret = zmq.curve_keypair()
    keys = {
        "none": {},
        "of another server": {"curve_serverkey": zmq.curve_keypair()[0], "curve_publickey": public, "curve_secretkey": secret},
        "right": {"curve_serverkey": info["curve_publickey"].encode(), "curve_publickey": public, "curve_secretkey": secret},
    }
    beats = {}
    for name, options in keys.items():
        heart = context.socket(zmq.REQ)
        heart.linger = 0
        for option, value in options.items():
            setattr(heart, option, value)
        heart.connect(f"tcp://{info['ip']}:{info['hb_port']}")
        heart.send(b"beat")
        beats[name] = heart
    # When the right one has been answered, the others have had their chance; they are hung up on.
    assert beats["right"].poll(10_000) and beats["right"].recv() == b"beat"
    assert not beats["none"].poll(500) and not beats["of another server"].poll(0)
    context.destroy(linger=0)
    assert kernel.execute_interactive("1 + 1", timeout=client.LIMIT)["content"]["status"] == "ok"
    kernel.stop_channels()
    one.shutdown_kernel()


def test_what_travels_is_unreadable(manager, tmp_path):
    """A listener in between sees nothing of what it carries."""
    one = manager(transport_encryption="required")
    one.start_kernel()
    info = one.get_connection_info()
    carried = []
    between = socket.create_server(("127.0.0.1", 0))

    def carry(source, target):
        try:
            while data := source.recv(65536):
                carried.append(data)
                target.sendall(data)
        except OSError:
            pass

    def accept():
        while True:
            try:
                front, _ = between.accept()
            except OSError:
                return
            try:
                back = socket.create_connection(("127.0.0.1", info["shell_port"]))
            except ConnectionRefusedError:
                front.close()  # the kernel does not listen yet; the client tries again
                continue
            threading.Thread(target=carry, args=(front, back), daemon=True).start()
            threading.Thread(target=carry, args=(back, front), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    kernel = one.client()
    kernel.shell_port = between.getsockname()[1]
    kernel.start_channels()
    kernel.wait_for_ready(timeout=client.LIMIT)
    kernel.execute_interactive('let secret = "do not tell";', timeout=client.LIMIT)
    everything = b"".join(carried)
    assert len(everything) > 1000 and b"CURVE" in everything
    for word in (b"do not tell", b"execute_re", b"kernel_info", b"msg_id"):
        assert word not in everything
    kernel.stop_channels()
    between.close()
    one.shutdown_kernel()


def test_the_kernelspec_says_that_it_can_encrypt(installation):
    assert KernelSpecManager().get_kernel_spec("boucle").metadata["supported_encryption"] == ["curve"]


def test_a_key_that_is_none_is_named(installation, tmp_path):
    file = tmp_path / "kernel.json"
    ports = ", ".join(f'"{name}_port": 0' for name in ("shell", "iopub", "stdin", "control", "hb"))
    file.write_text(f'{{"ip": "127.0.0.1", {ports}, "key": "", "curve_secretkey": "short"}}')
    done = subprocess.run([installation.program, "kernel", file], capture_output=True, text=True, timeout=30, env=os.environ)
    assert done.returncode == 1 and "curve_secretkey" in done.stderr and str(file) in done.stderr
