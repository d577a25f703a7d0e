"""A Jupyter client that forgives nothing: the end-to-end tests and the benchmark talk to kernels through it.

It starts the kernel and opens the channels with `jupyter_client`, as every Jupyter front end does, but reads the sockets itself, so
that each message is seen, checked and timed when it arrives. A message that no request asked for, that comes before `busy` or after `idle`,
or that is not of the form the protocol demands, raises `ProtocolError` in whatever test is running.

Tests get a kernel from the fixtures in conftest.py.
"""

import contextlib
import datetime
import os
import re
import time
from dataclasses import dataclass, field

import zmq
from jupyter_client.manager import KernelManager

import processes

LIMIT = 30.0  # seconds any request may take unless a test says otherwise

# What each kind of iopub message must carry, with the type of each field.
IOPUB_FORM = {
    "stream": {"name": str, "text": str},
    "execute_input": {"code": str, "execution_count": int},
    "execute_result": {"execution_count": int, "data": dict, "metadata": dict},
    "display_data": {"data": dict, "metadata": dict, "transient": dict},
    "update_display_data": {"data": dict, "metadata": dict, "transient": dict},
    "clear_output": {"wait": bool},
    "comm_open": {"comm_id": str, "target_name": str, "data": dict},
    "comm_msg": {"comm_id": str, "data": dict},
    "comm_close": {"comm_id": str, "data": dict},
    "error": {"ename": str, "evalue": str, "traceback": list},
    "status": {"execution_state": str},
    "shutdown_reply": {"restart": bool},
    "comm_open": {"comm_id": str, "target_name": str, "data": dict},
    "comm_msg": {"comm_id": str, "data": dict},
    "comm_close": {"comm_id": str, "data": dict},
}

ERROR = {"ename": str, "evalue": str, "traceback": list}

# What each kind of reply must carry when its status is ok; with another status, an error's fields.
REPLY_FORM = {
    "execute_reply": {"execution_count": int, "payload": list, "user_expressions": dict},
    "inspect_reply": {"found": bool, "data": dict, "metadata": dict},
    "complete_reply": {"matches": list, "cursor_start": int, "cursor_end": int, "metadata": dict},
    "history_reply": {"history": list},
    "comm_info_reply": {"comms": dict},
    "connect_reply": {"shell_port": int, "iopub_port": int, "stdin_port": int, "control_port": int, "hb_port": int},
    "kernel_info_reply": {
        "protocol_version": str, "implementation": str, "implementation_version": str, "language_info": dict, "banner": str,
        "help_links": list, "debugger": bool, "supported_features": list,
    },
    "interrupt_reply": {},
    "shutdown_reply": {"restart": bool},
}


class ProtocolError(AssertionError):
    """The kernel broke the Jupyter protocol."""


def require(truth, what, message):
    if not truth:
        raise ProtocolError(f"{what}: {message['msg_type']} {message['content']!r} (parent {message['parent_header']!r})")


def check_reply(kind, content, message):
    """Checks that a reply has what its kind demands, each field of the right type."""
    status = content.get("status")
    if kind == "is_complete_reply" and status != "error":
        require(status in ("complete", "incomplete", "invalid", "unknown"), "a reply without status", message)
        require(isinstance(content.get("indent", ""), str) and ("indent" in content) == (status == "incomplete"), "a wrong indent", message)
        return
    require(status in ("ok", "error", "aborted"), "a reply without status", message)
    form = ERROR if status == "error" else REPLY_FORM.get(kind, {}) if status == "ok" else {}
    if kind == "execute_reply":
        form = form | {"execution_count": int}
    for name, type_ in form.items():
        # In Python, True is a number.
        right = isinstance(content.get(name), type_) and (type_ is bool or not isinstance(content[name], bool))
        require(right, f"{name} is missing or not a {type_.__name__}", message)
    for answer in content.get("user_expressions", {}).values():
        fields = {"data": dict, "metadata": dict} if answer.get("status") == "ok" else ERROR
        require(all(isinstance(answer.get(name), type_) for name, type_ in fields.items()), "a malformed user expression", message)
    for row in content.get("history", []):
        text = isinstance(row[2], str) or [type(part) for part in row[2]] == [str, str]
        require(len(row) == 3 and isinstance(row[0], int) and isinstance(row[1], int) and text, "a malformed row of the history", message)


@dataclass
class Output:
    """One iopub message of a request, and when it arrived."""

    kind: str
    content: dict
    at: float
    metadata: dict = field(default_factory=dict)
    buffers: list = field(default_factory=list)


@dataclass
class Request:
    """A request, and everything the kernel has said about it so far. Times are those of `time.monotonic()`."""

    id: str
    kind: str
    content: dict
    sent: float
    reply: dict | None = None
    replied: float | None = None
    reply_date: datetime.datetime | None = None
    outputs: list = field(default_factory=list)
    questions: list = field(default_factory=list)
    busy: bool = False
    idle: float | None = None

    @property
    def done(self):
        answered = self.reply is not None or self.kind in ("comm_open", "comm_msg", "comm_close")
        return answered and self.idle is not None

    @property
    def status(self):
        return self.reply["status"]

    @property
    def started(self):
        """When the cell began: its code was echoed to all front ends."""
        return next(o.at for o in self.outputs if o.kind == "execute_input")

    @property
    def took(self):
        return max(self.replied, self.idle) - self.sent

    def of(self, *kinds):
        return [o for o in self.outputs if o.kind in kinds]

    def text(self, name="stdout"):
        return "".join(o.content["text"] for o in self.of("stream") if o.content["name"] == name)

    @property
    def shown(self):
        """The texts that were displayed beside the value."""
        return [o.content["data"]["text/plain"] for o in self.of("display_data")]

    @property
    def value(self):
        """The text of the displayed value, or None; a cell displays one at most."""
        results = self.of("execute_result")
        assert len(results) <= 1, results
        return results[0].content["data"]["text/plain"] if results else None

    @property
    def error(self):
        """`ename: evalue` of the error message, or None."""
        errors = self.of("error")
        assert len(errors) <= 1, errors
        return f"{errors[0].content['ename']}: {errors[0].content['evalue']}" if errors else None

    @property
    def traceback(self):
        """What a person sees of the error, without colors."""
        return plain("\n".join("\n".join(o.content["traceback"]) for o in self.of("error")))

    def lines(self):
        """(seconds since the cell started, line) for each line of stdout; a line's time is that of the arrival of its end."""
        found, pending = [], ""
        for output in self.of("stream"):
            if output.content["name"] == "stdout":
                *complete, pending = (pending + output.content["text"]).split("\n")
                found += [(output.at - self.started, line) for line in complete]
        assert not pending, f"an unfinished line: {pending!r}"
        return found

    def describe(self):
        """Everything there is to know, for the message of a failed assertion."""
        seen = [f"    {o.at - self.sent:7.3f} s  {o.kind}: {o.content}" for o in self.outputs]
        return "\n".join([f"{self.kind} {self.content!r}", *seen, f"    reply: {self.reply}"])


def plain(text):
    """Without terminal colors."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


class Kernel:
    """A running kernel and a client connected to it."""

    def __init__(self, name="boucle", env=None, log=None, cwd=None, lenient=False, **options):
        """Options are the manager's: transport, transport_encryption."""
        self.lenient = lenient  # for the benchmark, which also times kernels that break the protocol
        self.manager = KernelManager(kernel_name=name, **options)
        self.began = time.monotonic()
        self.manager.start_kernel(env=dict(os.environ, **(env or {})), stderr=log, cwd=cwd)
        self.connect()

    def connect(self):
        """Opens the channels and asks for kernel_info until the answer has come on shell and on iopub (an iopub subscription takes effect
        some time after it was made; no message before that can be counted)."""
        self.client = self.manager.client()
        self.client.start_channels(hb=False)
        self.session = self.client.session
        self.sockets = {
            "iopub": self.client.iopub_channel.socket,
            "shell": self.client.shell_channel.socket,
            "control": self.client.control_channel.socket,
            "stdin": self.client.stdin_channel.socket,
        }
        self.poller = zmq.Poller()
        for socket in self.sockets.values():
            self.poller.register(socket, zmq.POLLIN)
        self.requests = {}
        self.state = None  # what the kernel seems to do: front ends show the last status, whichever request it belongs to
        self.strict = False
        limit = time.monotonic() + LIMIT
        hello = None
        while hello is None or hello.idle is None:
            hello = self.send("kernel_info_request", {})
            self.pump(lambda: hello.reply is not None, limit - time.monotonic())
            self.ready = time.monotonic()
            try:
                self.pump(lambda: hello.idle is not None, 0.2)
            except TimeoutError:
                continue
        self.info = hello.reply
        self.handshakes, self.requests = set(self.requests), {}
        self.managers_own = set()
        self.strict = not self.lenient

    @property
    def running(self):
        """The cells that have begun and not ended."""
        return [request for request in self.requests.values() if request.kind == "execute_request" and request.busy and request.idle is None]

    @property
    def pid(self):
        return self.manager.provisioner.process.pid

    # ---- sending ----

    def send(self, kind, content, channel="shell", subshell=None, metadata=None, buffers=None):
        message = self.session.msg(kind, content, metadata=metadata)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        request = Request(message["header"]["msg_id"], kind, content, time.monotonic())
        self.requests[request.id] = request
        self.session.send(self.sockets[channel], message, buffers=buffers)
        return request

    def submit(self, code, subshell=None, **options):
        """Sends a cell, to the main shell or a subshell, without waiting for anything."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": True}
        return self.send("execute_request", content | options, subshell=subshell)

    def ask(self, kind, content=None, channel="shell", limit=LIMIT, **options):
        """Sends any request and waits until it has been dealt with."""
        request = self.send(kind, content or {}, channel, **options)
        self.pump(lambda: request.done, limit)
        return request

    def interrupt(self):
        """The ■ button of a front end that believes in messages; returns when the kernel has acknowledged it."""
        return self.ask("interrupt_request", channel="control")

    def press_managers_button(self):
        """The ■ button as jupyter_client implements it: the manager sends a message of its own, whose statuses are seen here too."""
        self.managers_own.add("interrupt_request")
        self.manager.interrupt_kernel()

    def run(self, code, limit=LIMIT, interrupt_after=None, **options):
        """Runs a cell and waits for its end; presses ■ that many seconds after it started."""
        request = self.submit(code, **options)
        if interrupt_after is not None:
            self.started(request)
            self.press(request, interrupt_after)
        self.pump(lambda: request.done, limit)
        return request

    def asked(self, request, number=1, limit=LIMIT):
        """Waits for the cell's question of this number; returns its prompt."""
        self.pump(lambda: len(request.questions) >= number, limit)
        return request.questions[number - 1]["content"]["prompt"]

    def type(self, text, question=None):
        """Sends what somebody has typed; as some clients do, without saying for which question, unless one is given."""
        self.session.send(self.sockets["stdin"], self.session.msg("input_reply", {"value": text}, parent=question and question["header"]))

    def press(self, request, after):
        """Waits until `after` seconds after the cell started and presses ■; returns the time of the press."""
        self.wait_until(request.started + after)
        at = time.monotonic()
        self.send("interrupt_request", {}, "control")
        return at

    def ok(self, code, **options):
        """Runs a cell that must succeed."""
        request = self.run(code, **options)
        assert request.status == "ok", request.describe()
        return request

    def fails(self, code, **options):
        """Runs a cell that must end in an error, reported both in the reply and to all front ends."""
        request = self.run(code, **options)
        assert request.status == "error", request.describe()
        assert request.error == f"{request.reply['ename']}: {request.reply['evalue']}", request.describe()
        assert isinstance(request.reply["traceback"], list), request.describe()
        return request

    # ---- receiving ----

    def started(self, request, limit=LIMIT):
        self.pump(lambda: request.of("execute_input"), limit)

    def printed(self, request, text, limit=LIMIT):
        """Waits until this text has arrived on the cell's stdout; returns when."""
        self.pump(lambda: text in request.text(), limit)
        return time.monotonic()

    def done(self, *requests, limit=LIMIT):
        self.pump(lambda: all(request.done for request in requests), limit)

    def wait_until(self, moment):
        """Reads what comes until a moment."""
        while (left := moment - time.monotonic()) > 0:
            self.read(left)

    def wait_for(self, condition, limit=LIMIT):
        """Waits for something that no message announces, such as a process; returns what the condition gave."""
        deadline = time.monotonic() + limit
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still not after {limit:.1f} s")
            self.read(0.02)
        return found

    def pump(self, until, limit):
        """Reads messages until the condition holds."""
        deadline = time.monotonic() + limit
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                waiting = "\n".join(r.describe() for r in self.requests.values() if not r.done)
                raise TimeoutError(f"nothing after {limit:.1f} s; still open:\n{waiting}")
            self.read(left)

    def read(self, seconds):
        ready = dict(self.poller.poll(seconds * 1000))
        for channel, socket in self.sockets.items():
            while socket in ready and socket.poll(0):
                at = time.monotonic()
                _, message = self.session.recv(socket)
                self.take(channel, message, at)

    def take(self, channel, message, at):
        """Files one message under its request, if it is what the protocol allows now."""
        if not self.strict:
            return self.take_anything(channel, message, at)
        kind, content, parent = message["msg_type"], message["content"], message["parent_header"].get("msg_id")
        require(isinstance(message["header"]["date"], datetime.datetime), "a date that jupyter_client cannot read", message)
        require(message["header"]["version"].startswith("5."), "not protocol 5", message)
        if channel == "iopub" and kind == "status":
            self.state = content["execution_state"]
        if channel == "iopub" and not parent:
            welcome = kind == "iopub_welcome" or (kind == "status" and content["execution_state"] == "starting")
            reminder = kind == "status" and content["execution_state"] == "busy" and self.running
            require(welcome or reminder, "an iopub message without parent", message)
            return
        # The manager's session is a copy of the client's: it uses the same ids again.
        about = message["parent_header"]["msg_type"]
        known = parent in self.requests and self.requests[parent].kind == about
        if parent in self.handshakes or (not known and about in self.managers_own):
            return
        require(known, "a message that nobody asked for", message)
        request = self.requests[parent]
        if channel == "iopub":
            self.take_output(request, message, at)
        elif channel == "stdin":
            require(kind == "input_request" and request.content.get("allow_stdin"), "not a question, or one that is not allowed", message)
            require(isinstance(content["prompt"], str) and isinstance(content["password"], bool), "a question without prompt or kind", message)
            require(request.busy and request.idle is None, "a question of no running cell", message)
            request.questions.append(message)
        else:
            require(kind == request.kind.replace("_request", "_reply"), f"not the reply to a {request.kind}", message)
            require(request.reply is None, "a second reply", message)
            check_reply(kind, content, message)
            request.reply, request.replied, request.reply_date = content, at, message["header"]["date"]

    def take_anything(self, channel, message, at):
        """Files a message without asking whether it should be there: during the handshake, and for kernels that are only timed."""
        parent = message["parent_header"].get("msg_id")
        request = self.requests.get(parent) if isinstance(parent, str) else None
        if request is None:
            return
        if channel != "iopub":
            request.reply, request.replied = message["content"], at
        elif message["content"].get("execution_state") == "idle":
            request.idle = at
        elif message["msg_type"] != "status":
            request.outputs.append(Output(message["msg_type"], message["content"], at))

    def take_output(self, request, message, at):
        kind, content = message["msg_type"], message["content"]
        for name, form in IOPUB_FORM.get(kind, {}).items():
            require(isinstance(content.get(name), form), f"{name} is missing or not a {form.__name__}", message)
        require(request.idle is None, "a message after idle", message)
        state = content["execution_state"] if kind == "status" else None
        if not request.busy:
            require(state == "busy", "busy does not come first", message)
            request.busy = True
        elif state == "idle":
            request.idle = at
            if request.reply_date is not None:
                require(request.reply_date <= message["header"]["date"], "idle was sent before the reply", message)
        else:
            require(state is None, "a second busy", message)
            if kind == "execute_input":
                require(content["code"] == request.content.get("code", "") and not request.outputs, "execute_input is not the first, or of another cell", message)
            buffers = [bytes(buffer) for buffer in message["buffers"]]
            request.outputs.append(Output(kind, content, at, message["metadata"], buffers))

    # ---- the end ----

    def settle(self, limit=LIMIT):
        """Checks that nothing is left open or unread: every request has been dealt with, and nothing stands before one more round trip."""
        self.pump(lambda: all(request.done for request in self.requests.values()), limit)
        self.ask("kernel_info_request")

    def shutdown(self, restart=False):
        """Asks the kernel to end, and waits until it has."""
        request = self.send("shutdown_request", {"restart": restart}, "control")
        self.pump(lambda: request.reply is not None, LIMIT)
        self.manager.provisioner.process.wait(LIMIT)
        return request

    def close(self):
        """Releases everything, whatever state the kernel is in."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)


@contextlib.contextmanager
def open_kernel(session_mark, folder, env=None, **options):
    """A running kernel; at the end it is released, its log is printed, and no process of its may be left."""
    mark = processes.new_mark(session_mark)
    log = folder / "kernel.log"
    with log.open("a") as stderr:
        kernel = Kernel(env={processes.MARK: mark} | (env or {}), log=stderr, **options)
        kernel.mark, kernel.log = mark, log
        try:
            yield kernel
        finally:
            kernel.close()
            print(f"--- log of the kernel ---\n{log.read_text(errors='replace')[-3000:]}")
            processes.assert_gone(mark)
