"""Many messages, many clients, many kernels: nobody waits for somebody who does not read, and nothing but stream text is ever lost."""

import collections
import time

import psutil
import pytest
import zmq
from jupyter_client.session import Session

import client
import processes

MESSAGES = 50_000
BURST = 500


class Raw:
    """A client without manners: its sockets are read when the test says so, and its messages are counted rather than looked at."""

    def __init__(self, kernel, identity=None):
        self.info = kernel.manager.get_connection_info()
        self.session = Session(key=self.info["key"])
        self.context = zmq.Context()
        self.identity = identity or self.session.bsession

    def connect(self, kind, port):
        socket = self.context.socket(kind)
        socket.linger = 0
        if kind == zmq.DEALER:
            socket.identity = self.identity
        socket.connect(f"tcp://{self.info['ip']}:{self.info[port]}")
        return socket

    def subscribe(self):
        """A subscription that has been welcomed, so that nothing is missed."""
        socket = self.connect(zmq.SUB, "iopub_port")
        socket.subscribe(b"")
        assert socket.poll(20_000) and b"iopub_welcome" in b"".join(socket.recv_multipart())
        return socket

    def send(self, socket, kind, content):
        message = self.session.msg(kind, content)
        self.session.send(socket, message)
        return message["header"]["msg_id"]

    def receive(self, socket, limit=30.0):
        assert socket.poll(limit * 1000), "nothing came"
        return self.session.feed_identities(socket.recv_multipart(), copy=True)[1]

    def reply_to(self, socket, id_):
        """The reply to a request; others are passed over."""
        while (message := self.session.deserialize(self.receive(socket)))["parent_header"]["msg_id"] != id_:
            pass
        return message

    def close(self):
        self.context.destroy(linger=0)


@pytest.fixture
def clients():
    """Makes raw clients, and closes them."""
    made = []

    def make(kernel, **options):
        made.append(Raw(kernel, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def raw(kernel, clients):
    """Makes raw clients of the test's kernel."""
    kernel.strict = False  # their requests are not its own
    return lambda **options: clients(kernel, **options)


def count(socket, into):
    """Counts what has come so far, by the kind of message that the topic names."""
    while socket.poll(0):
        topic = socket.recv_multipart()[0]
        into[topic.rsplit(b".", 1)[-1] if topic.startswith(b"kernel.") else b"stream"] += 1


@pytest.mark.timeout(300)
def test_sleeping_and_stuck_subscribers_stop_nobody_and_lose_no_message(start, clients):
    """All have more to read than the system holds. The sleeper wakes up when everything has been sent; two others never read: one of them is the
    test's usual client."""
    kernel = start()
    sleeper = clients(kernel).subscribe()
    clients(kernel).subscribe()
    one = clients(kernel)
    iopub, shell = one.subscribe(), one.connect(zmq.DEALER, "shell_port")
    seen, text = collections.Counter(), "x" * 1000

    def wait(kind, number):
        deadline = time.monotonic() + 60
        while seen[kind] < number:
            assert time.monotonic() < deadline, seen
            iopub.poll(1000)
            count(iopub, seen)

    # Each of these is closed again on iopub, with the name it has, a kilobyte long.
    for first in range(0, MESSAGES, BURST):
        for number in range(first, first + BURST):
            one.send(shell, "comm_open", {"comm_id": f"{number}{text}", "target_name": "nobody", "data": {}})
        wait(b"comm_close", first + BURST)
    # Cells go on as if nobody was stuck, with 200,000 lines among them.
    for code, status in (("1 + 1", "ok"), ('for i in 0..200000 { println!("{i} {}", "x".repeat(80)); }', "ok"), ('display(Html("<b>")); panic!("on purpose")', "error")):
        assert one.reply_to(shell, one.send(shell, "execute_request", {"code": code}))["content"]["status"] == status
    wait(b"error", 1)
    expected = {b"comm_close": MESSAGES, b"execute_input": 3, b"execute_result": 1, b"display_data": 1, b"error": 1}
    woken, deadline = collections.Counter(), time.monotonic() + 120
    while woken[b"error"] < 1 or woken[b"status"] < 2 * (MESSAGES + 3):
        assert time.monotonic() < deadline and sleeper.poll(20_000), woken
        count(sleeper, woken)
    for subscriber in (seen, woken):
        assert {kind: subscriber[kind] for kind in expected} == expected


def test_200_cells_queued_at_once_are_answered_in_order(kernel):
    kernel.ok("1 + 1")
    requests = [kernel.submit("1 + 1") for _ in range(200)]
    kernel.done(*requests, limit=60.0)
    assert [request.reply["execution_count"] for request in requests] == list(range(2, 202))
    assert {request.value for request in requests} == {"2"}
    assert [request.replied for request in requests] == sorted(request.replied for request in requests)


def test_several_clients_at_once_get_their_own_replies(kernel, raw):
    clients = [raw() for _ in range(5)]
    shells = [one.connect(zmq.DEALER, "shell_port") for one in clients]
    asked = [
        [one.send(shell, "execute_request", {"code": f'"{number} {turn}"', "user_expressions": {"same": f"{number} * 100 + {turn}"}}) for turn in range(4)]
        for number, (one, shell) in enumerate(zip(clients, shells))
    ]
    for number, (one, shell) in enumerate(zip(clients, shells)):
        replies = [one.session.deserialize(one.receive(shell)) for _ in asked[number]]
        assert [reply["parent_header"]["msg_id"] for reply in replies] == asked[number]
        assert [reply["content"]["user_expressions"]["same"]["data"]["text/plain"] for reply in replies] == [str(number * 100 + turn) for turn in range(4)]


def test_a_client_that_vanishes_and_comes_back_gets_its_reply(kernel, raw):
    first = raw(identity=b"a client")
    iopub, shell = first.subscribe(), first.connect(zmq.DEALER, "shell_port")
    id_ = first.send(shell, "execute_request", {"code": 'for i in 0..30 { println!("{i} {}", "x".repeat(1000)); sleep(0.05).await; } 7', "user_expressions": {"e": "8"}})
    while b"stream" not in first.receive(iopub)[0] and not b"".join(iopub.recv_multipart()).count(b"xxx"):
        pass
    first.close()  # in the middle of the stream, without a word
    again = raw(identity=b"a client")
    shell = again.connect(zmq.DEALER, "shell_port")
    again.send(shell, "kernel_info_request", {})
    reply = again.reply_to(shell, id_)
    assert reply["content"]["status"] == "ok" and reply["content"]["user_expressions"]["e"]["data"]["text/plain"] == "8"


def test_an_identity_goes_to_whoever_has_come_last(kernel, raw):
    """A front end that reconnects may be back before its old connection is known to be dead; 200 times, and 200 times with all of them open."""
    one = raw(identity=b"the same")
    for _ in range(200):
        shell = one.connect(zmq.DEALER, "shell_port")
        one.reply_to(shell, one.send(shell, "kernel_info_request", {}))
        shell.close()
    earlier = []
    for _ in range(200):
        shell = one.connect(zmq.DEALER, "shell_port")
        one.reply_to(shell, one.send(shell, "kernel_info_request", {}))
        # Its own library would connect again and take the identity back.
        shell.disconnect(shell.last_endpoint)
        earlier.append(shell)


def test_clients_that_ask_at_once_are_each_asked_their_own_questions(kernel, raw):
    clients = {}
    for number in range(4):
        one = raw()
        shell, stdin = one.connect(zmq.DEALER, "shell_port"), one.connect(zmq.DEALER, "stdin_port")
        # The kernel knows the connection for questions when it has heard from it.
        one.send(stdin, "input_reply", {"value": "not asked for"})
        code = f'let answer = input("{number} a") + &input("{number} b");'
        clients[stdin] = one, shell, number, one.send(shell, "execute_request", {"code": code, "allow_stdin": True, "user_expressions": {"answer": "answer"}})
    poller = zmq.Poller()
    for stdin in clients:
        poller.register(stdin, zmq.POLLIN)
    asked = []
    while len(asked) < 2 * len(clients):
        ((stdin, _),) = poller.poll(20_000)  # one at a time
        one, shell, number, id_ = clients[stdin]
        question = one.session.deserialize(one.receive(stdin))
        assert question["msg_type"] == "input_request" and question["parent_header"]["msg_id"] == id_
        asked.append(question["content"]["prompt"])
        one.session.send(stdin, one.session.msg("input_reply", {"value": asked[-1]}, parent=question["header"]))
        if asked[-1].endswith("b"):
            reply = one.reply_to(shell, id_)["content"]
            assert reply["user_expressions"]["answer"]["data"]["text/plain"] == f'"{number} a{number} b"'
    assert sorted(asked) == sorted(f"{number} {letter}" for number in range(4) for letter in "ab")


def test_clients_that_come_and_go_leave_nothing_behind(kernel, raw):
    process = psutil.Process(kernel.pid)
    held = []
    for number in range(220):
        one = raw()
        iopub, shell = one.subscribe(), one.connect(zmq.DEALER, "shell_port")
        one.reply_to(shell, one.send(shell, "history_request", {"hist_access_type": "tail", "n": 3}))
        one.close()
        if number in (19, 219):
            kernel.wait_for(lambda: process.num_fds() < 40, 10.0)
            held.append((process.num_fds(), process.num_threads(), process.memory_info().rss))
    (descriptors, threads, size), after = held
    assert after[0] <= descriptors + 2 and after[1] <= threads + 2 and after[2] <= size + 3_000_000, held


@pytest.mark.timeout(240)
def test_ten_kernels_at_once_are_all_usable(start):
    kernels = [start() for _ in range(10)]
    requests = [kernel.submit(f"let n = {number};\nsleep(0.1).await;\nn * n") for number, kernel in enumerate(kernels)]
    for kernel, request in zip(kernels, requests):
        kernel.done(request, limit=120.0)
    assert [request.value for request in requests] == [str(number * number) for number in range(10)]
    for kernel in kernels:
        kernel.settle()
        kernel.shutdown()


def test_fifty_megabytes_in_one_display(kernel):
    kernel.ok("1 + 1")
    process = psutil.Process(kernel.pid)
    before = process.memory_info().rss
    for _ in range(3):
        request = kernel.ok('display(Text("x".repeat(50_000_000)));', limit=60.0)
        assert request.shown == ["x" * 50_000_000]
    # It keeps none of that memory.
    kernel.wait_for(lambda: process.memory_info().rss < before + 10_000_000, 10.0)
    assert len(processes.named(kernel.pid, "boucle-worker")) == 1
    assert kernel.ok("1 + 1", limit=client.LIMIT).value == "2"
