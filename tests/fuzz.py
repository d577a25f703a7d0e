"""Sends a kernel what no client should: messages that are malformed in every way, and bytes that are no messages at all.

    python tests/fuzz.py [--seconds 600] [--seed N] [--kernel boucle] [--transport tcp|ipc] [--encrypt]

After each batch the next request must be answered on each socket; in the end the kernel must be the same process, hold no more descriptors and
threads than before, and little more memory. e2e/test_fuzz.py runs it for some seconds. The same seed sends the same.

Between a client and the kernel it also meddles with what valid messages are on the wire: so it reaches what comes after a handshake that only
those can make who have the keys.
"""

import argparse
import contextlib
import json
import pathlib
import random
import select
import socket
import struct
import sys
import time

import psutil
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import client  # noqa: E402

PORTS = ("shell_port", "control_port", "stdin_port", "hb_port", "iopub_port")
KINDS = (
    "execute_request", "inspect_request", "complete_request", "history_request", "is_complete_request", "connect_request", "comm_info_request",
    "kernel_info_request", "comm_open", "comm_msg", "comm_close", "interrupt_request", "debug_request", "input_reply", "create_subshell_request",
    "delete_subshell_request", "list_subshell_request", "usage_request", "", "é🦀", "x" * 10_000,
)
GREETING = bytes([0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0]) + b"NULL".ljust(20, b"\0") + b"\0" * 32
CURVE_GREETING = GREETING.replace(b"NULL\0", b"CURVE")
HELLO = b"\x05HELLO\x01\x00"
MOST_GREETING = 64  # peers of one socket that may be in the middle of their greeting
GROWTH = 20_000_000  # bytes a kernel may have more than after the warm-up: signatures that it remembers (9 MB at the most), and gaps between what it has freed


def frame(body, flags=4):
    """A frame, which is a command unless told otherwise."""
    return bytes([flags, len(body)]) + body if len(body) < 256 else bytes([flags | 2]) + struct.pack(">Q", len(body)) + body


def length_of(data):
    """How many bytes the frame has that data begins with; None if that is not known yet."""
    if len(data) < 2 or (data[0] & 2 and len(data) < 9):
        return None
    return 9 + struct.unpack(">Q", data[1:9])[0] if data[0] & 2 else 2 + data[1]


class Fuzzer:
    """One run against one kernel."""

    def __init__(self, kernel, seed):
        self.kernel, self.random = kernel, random.Random(seed)
        self.context = zmq.Context()
        self.sent = 0
        self.info = kernel.manager.get_connection_info()
        self.half_open = []

    # ---- messages ----

    def value(self, depth=0):
        """Any JSON, as deep and as long as chance has it."""
        r = self.random
        leaf = [None, True, -1, 2**70, 1e308, 0.5, "", "é🦀\0", "x" * r.choice([1, 300, 70_000]), "1 + 1", [], {}]
        if depth > 3 or r.random() < 0.5:
            return r.choice(leaf)
        if r.random() < 0.5:
            return [self.value(depth + 1) for _ in range(r.randrange(4))]
        fields = ("code", "silent", "cursor_pos", "comm_id", "target_name", "data", "n", "session", "pattern", "user_expressions", "restart", "é")
        return {r.choice(fields): self.value(depth + 1) for _ in range(r.randrange(5))}

    def content(self, kind):
        """Mostly of the right shape, with single fields that are not."""
        r = self.random
        content = {
            "execute_request": {"code": "", "silent": True, "store_history": False, "user_expressions": {}, "allow_stdin": False},
            "complete_request": {"code": "prin", "cursor_pos": 4}, "inspect_request": {"code": "prin", "cursor_pos": 4, "detail_level": 0},
            "is_complete_request": {"code": "fn f("}, "comm_open": {"comm_id": "c", "target_name": "t", "data": {}},
            "history_request": {"hist_access_type": "search", "pattern": "*", "n": 3, "output": True, "raw": True, "session": 0, "start": 1, "stop": 2},
        }.get(kind, {})
        for name in list(content):
            if r.random() < 0.3:
                # Code that runs would only test the compiler.
                content[name] = r.choice([5, None, [], {}]) if kind == "execute_request" and name in ("code", "user_expressions") else self.value()
        return content if r.random() < 0.8 else self.value() if kind != "execute_request" else [self.value()]

    def message(self):
        """The frames of a message, with something wrong with most of them."""
        r = self.random
        kind = r.choice(KINDS)
        header = {"msg_id": f"fuzz{self.sent}", "session": "s", "username": "u", "date": "2026-01-01T00:00:00Z", "msg_type": kind, "version": r.choice(["5.4", "99.0", ""])}
        if r.random() < 0.2:
            header[r.choice(list(header))] = self.value()
        if r.random() < 0.1:
            header["subshell_id"] = self.value()
        if header.get("msg_type") == "execute_request":
            kind = "execute_request"
        parts = [json.dumps(part).encode() for part in (header, {} if r.random() < 0.8 else self.value(), {} if r.random() < 0.8 else self.value(), self.content(kind))]
        if r.random() < 0.3:
            at = r.randrange(4)
            parts[at] = r.choice([b"", b"\xff\xfe", b"[" * 50_000, b"{" + parts[at], parts[at][: len(parts[at]) // 2], self.bytes(200), b" " * 1_000_000 + parts[at]])
        signature = self.kernel.session.sign(parts)
        if r.random() < 0.2:
            signature = r.choice([b"", b"0" * 64, b"zz" * 32, signature[:-1], signature + b"0", self.bytes(64)])
        frames = [b"<IDS|MSG>", signature, *parts, *(self.bytes(100) for _ in range(r.choice([0, 0, 0, 1, 40])))]
        if r.random() < 0.1:
            del frames[r.randrange(len(frames))]
        if r.random() < 0.1:
            frames = frames[: r.randrange(len(frames) + 1)] or [b""]
        if r.random() < 0.1:
            frames[r.randrange(len(frames)) : 0] = [self.bytes(30) for _ in range(r.randrange(4))]
        if r.random() < 0.02:
            frames.append(bytes(r.choice([1_000_000, 20_000_000])))
        return frames

    def bytes(self, length):
        return self.random.randbytes(self.random.randrange(length))

    def send_messages(self):
        """Sends a batch from a client of its own, which then goes away, at once or when it has read what there was."""
        r = self.random
        with_key = not self.public_key or r.random() < 0.8
        with self.peer(zmq.DEALER, with_key) as peer:
            peer.linger, peer.sndtimeo = (1000, 10_000) if with_key else (0, 0)
            if r.random() < 0.5:
                peer.identity = r.choice([b"fuzz", b"\x01" * 255])
            peer.connect(self.address(r.choice(PORTS[:4])))
            for _ in range(r.randrange(1, 30)):
                message = self.message()
                self.sent += 1
                with contextlib.suppress(zmq.Again):  # who has no key is hung up on
                    peer.send_multipart(message)
            while r.random() < 0.5 and peer.poll(20):
                peer.recv_multipart()

    def subscribe(self):
        """Subscribes to whatever, and reads none of it."""
        r = self.random
        with self.peer(zmq.XSUB) as peer:
            peer.connect(self.address("iopub_port"))
            for _ in range(r.randrange(1, 20)):
                peer.send(r.choice([b"\x01", b"\x00", b"\x02", b""]) + r.choice([b"", b"stream", b"\xff", self.bytes(300)]))
                self.sent += 1

    # ---- bytes ----

    def send_bytes(self):
        """Connects without ZeroMQ: garbage, a greeting that ends too early, frames that claim to be longer than memory."""
        r = self.random
        with self.dial(r.choice(PORTS)) as peer:
            ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + r.choice([b"DEALER", b"SUBSUB", b"\0\xff\0\xff\0\xff"])
            command = bytes([4, len(ready)]) + ready
            huge = bytes([r.choice([2, 3, 6])]) + struct.pack(">Q", r.choice([2**40, 2**63, 2**64 - 1, 2**31, 0]))
            data = r.choice([
                self.bytes(2000), GREETING[: r.randrange(64)], GREETING.replace(b"NULL", r.choice([b"CURVE", b"PLAIN", b"\xff\xff"])),
                GREETING + self.bytes(500), GREETING + command[: r.randrange(len(command))], GREETING + command + self.bytes(2000),
                GREETING + command + huge + self.bytes(300), GREETING + huge, GREETING + command + bytes([1, 0]) * 3000,
                GREETING + command + bytes([4, 255]) + self.bytes(300), b"GET / HTTP/1.1\r\n\r\n",
                CURVE_GREETING + frame(HELLO + r.randbytes(192)), CURVE_GREETING + frame(HELLO + self.bytes(300)), CURVE_GREETING + frame(b"\x08INITIATE" + self.bytes(600)),
                CURVE_GREETING + frame(b"\x07MESSAGE" + self.bytes(300)), CURVE_GREETING + huge + self.bytes(300), CURVE_GREETING + command,
            ])
            try:
                peer.sendall(data)
                if r.random() < 0.5:
                    peer.shutdown(socket.SHUT_WR)
                peer.settimeout(0.01)
                peer.recv(1000)
            except OSError:
                pass  # the kernel may hang up
            if r.random() < 0.3:
                # An abrupt end.
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sent += 1

    def begin_greetings(self):
        """Connects often, says the beginning of a greeting, and stays."""
        for _ in range(self.random.randrange(100)):
            peer = self.dial(self.random.choice(PORTS))
            peer.sendall(self.random.choice([GREETING, CURVE_GREETING])[: self.random.randrange(65)])
            self.half_open.append(peer)
            self.sent += 1
        # Those that have just come are counted a moment later.
        self.kernel.wait_for(lambda: self.held()[0] < 100 + len(PORTS) * MOST_GREETING, 10.0)
        if len(self.half_open) > 300:
            self.hang_up()

    def hang_up(self):
        while self.half_open:
            self.half_open.pop().close()

    # ---- in between ----

    def meddle(self):
        """Carries what a client with the right keys sends to the kernel, with changes, for a moment."""
        r = self.random
        port = r.choice(PORTS[:4])
        with socket.create_server(("127.0.0.1", 0)) as between, self.peer(zmq.DEALER) as client:
            client.connect(f"tcp://127.0.0.1:{between.getsockname()[1]}")
            for _ in range(r.randrange(1, 8)):
                self.kernel.session.send(client, self.kernel.session.msg("kernel_info_request", {"padding": "x" * r.choice([0, 300, 100_000])}))
            between.settimeout(5)
            front, _ = between.accept()
            with front, self.dial(port) as back:
                self.carry(front, back, harmless=r.randrange(6))
        self.sent += 1

    def carry(self, front, back, harmless):
        """Whole frames to the kernel, of which the first few are left as they are; what it says goes back unchanged."""
        pending, frames, until = b"", [], time.monotonic() + 0.1
        try:
            while time.monotonic() < until:
                for source in select.select([front, back], [], [], 0.02)[0]:
                    if not (data := source.recv(1 << 20)):
                        return
                    if source is back:
                        front.sendall(data)
                        continue
                    pending += data
                    if not frames and len(pending) >= 64:
                        frames, pending = [pending[:64]], pending[64:]
                        back.sendall(frames[0])
                    while frames and (length := length_of(pending)) is not None and len(pending) >= length:
                        frames.append(pending[:length])
                        pending = pending[length:]
                        harmless -= 1
                        back.sendall(frames[-1] if harmless >= 0 else self.changed(frames))
        except OSError:
            pass  # the kernel may hang up

    def changed(self, frames):
        """The last frame, in another form."""
        r, last = self.random, frames[-1]
        at = r.randrange(len(last))
        return r.choice([
            last, last + last, last[:at], b"", r.choice(frames[1:]) + last, last[:at] + bytes([last[at] ^ (1 << r.randrange(8))]) + last[at + 1 :],
            last + bytes([r.choice([2, 6])]) + struct.pack(">Q", r.choice([2**63, 2**40, 2**64 - 1])), last + self.bytes(300), frame(b"\x07MESSAGE" + self.bytes(60), 0),
        ])

    # ---- what must hold ----

    @property
    def public_key(self):
        return self.info.get("curve_publickey", "").encode()

    def peer(self, kind, with_key=True):
        """A ZeroMQ socket that has the key, if there is one; or else none, or another."""
        peer = self.context.socket(kind)
        peer.linger = 0
        server = self.public_key if with_key else self.random.choice([b"", zmq.curve_keypair()[0]])
        if self.public_key and server:
            peer.curve_publickey, peer.curve_secretkey = zmq.curve_keypair()
            peer.curve_serverkey = server
        return peer

    def dial(self, port):
        """A plain connection."""
        if self.info["transport"] == "ipc":
            peer = socket.socket(socket.AF_UNIX)
            peer.settimeout(5)
            peer.connect(f"{self.info['ip']}-{self.info[port]}")
            return peer
        return socket.create_connection((self.info["ip"], self.info[port]), timeout=5)

    def address(self, port):
        return f"ipc://{self.info['ip']}-{self.info[port]}" if self.info["transport"] == "ipc" else f"tcp://{self.info['ip']}:{self.info[port]}"

    def check_answers(self):
        """The next request is answered on each socket that answers."""
        for channel in ("shell", "control"):
            self.kernel.ask("kernel_info_request", channel=channel, limit=20.0)
        with self.peer(zmq.REQ) as heart:
            heart.connect(self.address("hb_port"))
            heart.send(b"beat")
            assert heart.poll(10_000) and heart.recv() == b"beat", "no heartbeat"

    def held(self):
        """Descriptors, threads and bytes of the kernel's process."""
        process = psutil.Process(self.kernel.pid)
        return process.num_fds(), process.num_threads(), process.memory_info().rss

    def batches(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.random.choice([self.send_messages, self.send_messages, self.send_bytes, self.send_bytes, self.subscribe, self.meddle, self.begin_greetings])()
            yield

    def run(self, seconds):
        """Fuzzes; a line about what was sent."""
        self.kernel.strict = False  # what answers the fuzzer's requests get is not the question
        assert self.kernel.ok("1 + 1").value == "2"
        # A first round makes the processes, threads, buffers and tables that stay.
        self.kernel.ask("complete_request", {"code": "prin", "cursor_pos": 4})
        for number, _ in enumerate(self.batches(seconds / 4)):
            if number % 10 == 9:
                self.check_answers()
        self.settle()
        before = self.held()
        for number, _ in enumerate(self.batches(seconds * 3 / 4)):
            if number % 10 == 9:
                self.check_answers()
            if number % 500 == 499:
                assert self.kernel.ok("2 + 2", limit=30.0).value == "4"
                print(f"{self.sent} sent, (descriptors, threads, bytes) {self.held()}", flush=True)
        self.settle()
        after = self.held()
        log = self.kernel.log.read_text(errors="replace") if self.kernel.log else ""
        assert "panicked" not in log, log[log.index("panicked") - 200 :][:2000]
        # The assistant, which has three descriptors, may have been started meanwhile.
        assert after[0] <= before[0] + 5 and after[1] <= before[1] + 2, f"(descriptors, threads, bytes) were {before}, are {after}"
        assert after[2] <= before[2] + GROWTH, f"(descriptors, threads, bytes) were {before}, are {after}"
        assert self.kernel.ok("3 + 3").value == "6"
        return f"{self.sent} messages and connections; (descriptors, threads, bytes) {before} → {after}"

    def settle(self):
        """Waits until the peers that have left are gone for the kernel too."""
        self.hang_up()
        self.check_answers()
        seen = -1
        deadline = time.monotonic() + 60
        while (now := self.held()[0]) != seen and time.monotonic() < deadline:
            seen = now
            self.kernel.wait_until(time.monotonic() + 0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--kernel", default="boucle")
    parser.add_argument("--transport", default="tcp", choices=["tcp", "ipc"])
    parser.add_argument("--encrypt", action="store_true")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    log = pathlib.Path(f"fuzz-{args.seed}.log")
    with log.open("w") as stderr:
        env = {"BOUCLE_HISTORY": ":memory:", "BOUCLE_LOG": "boucle=error"}
        kernel = client.Kernel(args.kernel, log=stderr, env=env, transport=args.transport, transport_encryption="required" if args.encrypt else "disabled")
        kernel.log = log
        try:
            print(Fuzzer(kernel, args.seed).run(args.seconds))
        finally:
            kernel.close()


if __name__ == "__main__":
    main()
