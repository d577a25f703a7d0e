"""The Jupyter protocol: what each request must answer, and that no message, however wrong, hurts the kernel.

That every reply has its busy and idle, in order and with the right parent, is checked by client.py in each and every test.
"""

import json

import pytest
import zmq
from jupyter_client.session import Session

import client


def test_kernel_info_says_everything_a_front_end_asks_for(kernel):
    for channel in ("shell", "control"):
        info = kernel.ask("kernel_info_request", channel=channel).reply
        assert info["status"] == "ok"
        assert info["protocol_version"].startswith("5.")
        assert info["implementation"] == "boucle" and info["implementation_version"] and info["banner"]
        assert info["help_links"] == [link for link in info["help_links"] if link["text"] and link["url"].startswith("http")]
        language = info["language_info"]
        assert (language["name"], language["file_extension"], language["codemirror_mode"], language["pygments_lexer"]) == ("rust", ".rs", "rust", "rust")
        assert language["version"].startswith("1.") and language["mimetype"] == "text/x-rustsrc"


def test_an_execution_in_full(kernel):
    request = kernel.ok('println!("out");\n41 + 1')
    assert [output.kind for output in request.outputs] == ["execute_input", "stream", "execute_result"]
    assert request.outputs[0].content == {"code": 'println!("out");\n41 + 1', "execution_count": 1}
    assert request.outputs[1].content == {"name": "stdout", "text": "out\n"}
    assert request.outputs[2].content["data"]["text/plain"] == "42"
    assert request.outputs[2].content["execution_count"] == 1
    assert request.reply["execution_count"] == 1
    assert request.reply["user_expressions"] == {} and request.reply["payload"] == []


def test_an_error_is_one_message(kernel):
    failed = kernel.fails('panic!("boom")')
    assert [output.kind for output in failed.outputs] == ["execute_input", "error"]
    assert failed.reply["execution_count"] == 1
    assert all(isinstance(line, str) for line in failed.reply["traceback"])


def test_silent_shows_nothing_and_is_not_counted(kernel):
    kernel.ok("1")
    request = kernel.ok("let quiet = 5; quiet", silent=True)
    assert request.outputs == []
    assert kernel.ok("quiet").reply["execution_count"] == 2


def test_a_silent_error_is_only_in_the_reply(kernel):
    request = kernel.run('panic!("hush")', silent=True)
    assert request.status == "error" and "hush" in request.reply["evalue"]
    assert not request.of("execute_input", "execute_result", "error")


def test_without_store_history_the_count_stays(kernel):
    kernel.ok("1")
    kernel.ok("2", store_history=False)
    assert kernel.ok("3").reply["execution_count"] == 2


def test_the_count_increases_with_every_cell_also_a_failed_one(kernel):
    kernel.ok("1")
    kernel.fails("nonsense")
    assert kernel.ok("3").reply["execution_count"] == 3


def test_an_error_aborts_the_queue(kernel):
    cells = [kernel.submit('panic!("stop here")'), kernel.submit("let never = 1;"), kernel.submit("never")]
    kernel.done(*cells)
    assert [cell.status for cell in cells] == ["error", "aborted", "aborted"]
    assert not cells[1].outputs and not cells[2].outputs
    assert kernel.ok("1 + 1").value == "2"


def test_other_requests_in_the_queue_are_not_aborted(kernel):
    failing, other, cell = kernel.submit('panic!("x")'), kernel.send("comm_info_request", {}), kernel.submit("1")
    kernel.done(failing, other, cell)
    assert other.reply["status"] == "ok" and cell.status == "aborted"


def test_without_stop_on_error_the_queue_goes_on(kernel):
    cells = [kernel.submit('panic!("go on")', stop_on_error=False), kernel.submit("2 + 2")]
    kernel.done(*cells)
    assert [cell.status for cell in cells] == ["error", "ok"]


def test_user_expressions_are_evaluated_after_the_cell(kernel):
    asked = {"sum": "a + 1", "shown": "Html(\"<b>b</b>\")", "awaited": "twice(a).await", "unit": "()"}
    request = kernel.ok("async fn twice(x: i32) -> i32 { sleep(0).await; 2 * x }\nlet a = 1;", user_expressions=asked)
    answers = request.reply["user_expressions"]
    assert {name: (answer["status"], answer["data"].get("text/plain"), answer["metadata"]) for name, answer in answers.items() if name != "shown"} == {
        "sum": ("ok", "2", {}), "awaited": ("ok", "2", {}), "unit": ("ok", "()", {}),
    }
    assert answers["shown"]["data"]["text/html"] == "<b>b</b>"
    assert request.value is None and [output.kind for output in request.outputs] == ["execute_input"]
    # They take no number, and are asked for without code as well.
    assert kernel.run("", silent=True, user_expressions={"x": "a"}).reply["user_expressions"]["x"]["data"] == {"text/plain": "1"}
    assert kernel.ok("a").reply["execution_count"] == 2


def test_a_user_expression_that_fails_does_not_fail_the_cell(kernel):
    bad = {"unknown": "nobody", "panics": "panic!(\"on purpose\")", "statement": "let b = 1;", "command": ":vars", "no text": 5, "empty": ""}
    answers = kernel.ok("let text = String::from(\"kept\");", user_expressions={**bad, "good": "text"}).reply["user_expressions"]
    assert answers.pop("good")["data"] == {"text/plain": '"kept"'}
    assert {answer["status"] for answer in answers.values()} == {"error"}
    assert all(answer["ename"] and answer["evalue"] and isinstance(answer["traceback"], list) for answer in answers.values())
    assert "nobody" in answers["unknown"]["evalue"] and answers["panics"]["evalue"] == "on purpose"
    assert kernel.ok("text").value == '"kept"'
    assert kernel.fails("nonsense", user_expressions={"x": "1"}).reply["user_expressions"] == {}
    assert kernel.fails("b").error


def test_a_user_expression_can_be_interrupted(kernel):
    request = kernel.submit("1", user_expressions={"long": "{ println!(\"go\"); sleep(60).await }"})
    kernel.printed(request, "go\n")
    kernel.interrupt()
    kernel.done(request, limit=5.0)
    assert request.status == "ok" and request.reply["user_expressions"]["long"]["ename"] == "KeyboardInterrupt"


def test_a_request_with_nothing_but_code_is_enough(kernel):
    request = kernel.ask("execute_request", {"code": "1 + 1"})
    assert request.status == "ok" and request.value == "2"


@pytest.mark.parametrize("code, status", [
    ("1 + 1", "complete"), ("fn f() {}", "complete"), ("", "complete"),
    ("fn f() {", "incomplete"), ("let a = (1,", "incomplete"), ('let s = "abc', "incomplete"), ("/* begun", "incomplete"),
    ("let = 1;", "invalid"), ("fn f() }", "invalid"),
])
def test_is_complete(kernel, code, status):
    reply = kernel.ask("is_complete_request", {"code": code}).reply
    assert reply["status"] == status
    assert ("indent" in reply) == (status == "incomplete")


# Requests as the oddest of clients send them. That each reply is complete and its fields of the right type, client.py checks.
ODD_REQUESTS = [
    ("kernel_info_request", {}), ("kernel_info_request", {"later": 1}),
    ("comm_info_request", {}), ("comm_info_request", {"target_name": "x"}), ("comm_info_request", {"target_name": None}),
    ("history_request", {}), ("history_request", {"hist_access_type": "tail", "n": None, "session": None, "pattern": None, "unique": None}),
    ("history_request", {"hist_access_type": "range", "session": -7, "start": -9, "stop": 10**9}), ("history_request", {"hist_access_type": "search", "n": -1}),
    ("complete_request", {"code": "prin", "cursor_pos": 4}), ("complete_request", {"code": "é🦀.", "cursor_pos": 99}), ("complete_request", {}),
    ("inspect_request", {"code": "println", "cursor_pos": 3, "detail_level": 0}), ("inspect_request", {"code": "x", "detail_level": 1}), ("inspect_request", {}),
    ("is_complete_request", {}), ("is_complete_request", {"code": "1 +"}), ("connect_request", {}), ("connect_request", {"x": None}),
    ("execute_request", {}), ("execute_request", {"code": ""}), ("execute_request", {"code": " // nothing", "user_expressions": None}),
]


@pytest.mark.parametrize("channel", ["shell", "control"])
def test_odd_requests_get_a_whole_reply(kernel, channel):
    for kind, content in ODD_REQUESTS:
        if channel == "shell" or kind != "execute_request":
            reply = kernel.ask(kind, content, channel=channel).reply
            assert reply["status"] != "error", (kind, content, reply)


def test_control_answers_while_a_cell_runs(kernel):
    running = kernel.submit('println!("go"); sleep(60).await;')
    kernel.printed(running, "go\n")
    kernel.ask("kernel_info_request", channel="control", limit=2.0)
    assert not running.done
    kernel.interrupt()
    kernel.done(running)


@pytest.mark.parametrize("code", ['println!("go"); sleep(60).await;', 'println!("go"); loop {}'])
def test_whatever_needs_no_cell_is_answered_while_one_runs(kernel, code):
    running, queued = kernel.submit(code), kernel.submit("1 + 1")
    kernel.printed(running, "go\n")
    questions = {
        "kernel_info_request": {}, "comm_info_request": {}, "connect_request": {},
        "is_complete_request": {"code": "fn f() {"}, "complete_request": {"code": "prin", "cursor_pos": 4},
        "inspect_request": {"code": "println", "cursor_pos": 3}, "history_request": {"hist_access_type": "tail", "n": 3},
    }
    for kind, content in questions.items():
        assert kernel.ask(kind, content, limit=5.0).reply["status"] in ("ok", "incomplete")
        kernel.pump(lambda: kernel.state == "busy", 5.0)
    kernel.ask("kernel_info_request", channel="control")
    kernel.pump(lambda: kernel.state == "busy", 5.0)
    assert not running.done and not queued.busy
    kernel.interrupt()
    kernel.done(running, queued)
    assert running.reply["ename"] == "KeyboardInterrupt" and queued.status == "aborted"
    assert kernel.state == "idle"


def test_questions_do_not_count_among_what_an_error_aborts(kernel):
    failing, question, cell = kernel.submit('sleep(0.2).await; panic!("x")'), kernel.send("is_complete_request", {"code": "1"}), kernel.submit("1")
    kernel.done(failing, question, cell)
    assert question.reply["status"] == "complete" and cell.status == "aborted"
    assert kernel.ok("2").value == "2"


def test_the_heartbeat_echoes(kernel):
    context = zmq.Context()
    with context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(f"tcp://{kernel.manager.ip}:{kernel.manager.hb_port}")
        for beat in (b"ping", b"\x00\xff", b""):
            socket.send(beat)
            assert socket.poll(5000), "no heartbeat"
            assert socket.recv() == beat
    context.term()


def test_a_second_client_sees_what_the_first_one_does(kernel):
    """Its messages carry the first one's parent; it may ask questions of its own at the same time."""
    session = Session(key=kernel.session.key)  # of its own: sharing one means sharing its identity on the sockets
    second = kernel.manager.client(session=session)
    second.start_channels(hb=False)
    second.wait_for_ready(timeout=client.LIMIT)
    kernel.managers_own.add("kernel_info_request")
    first = kernel.ok('println!("for both")')
    while (message := second.get_iopub_msg(timeout=client.LIMIT))["msg_type"] != "stream":
        pass
    assert message["content"]["text"] == "for both\n" and message["parent_header"]["msg_id"] == first.id
    second.stop_channels()


def test_a_strangers_message_is_dropped_and_logged(kernel):
    stranger = Session(key=b"not the key")
    for channel in ("shell", "control"):
        stranger.send(kernel.sockets[channel], stranger.msg("execute_request", {"code": 'println!("hacked")', "silent": False}))
        stranger.send(kernel.sockets[channel], stranger.msg("shutdown_request", {"restart": False}))
    assert kernel.ok("1 + 1").value == "2"
    kernel.interrupt()
    assert "signature" in kernel.log.read_text().lower()


def test_a_replayed_message_is_not_executed_again(kernel):
    kernel.ok("let mut runs = 0;")
    message = kernel.session.msg("execute_request", {"code": "runs += 1;", "silent": True})
    frames = kernel.session.serialize(message)
    kernel.handshakes.add(message["header"]["msg_id"])  # its answers are not what this test is about
    for _ in range(2):
        kernel.sockets["shell"].send_multipart(frames)
    assert kernel.ok("runs").value == "1"


def signed(session, *parts):
    """Four frames of any content, with the right signature."""
    return [b"<IDS|MSG>", session.sign(list(parts)), *parts]


HEADER = json.dumps({"msg_id": "m", "session": "s", "username": "u", "date": "2026-01-01T00:00:00Z", "msg_type": "execute_request", "version": "5.4"}).encode()
DEEP = b"[" * 20000 + b"]" * 20000
MALFORMED = {
    "an empty frame": lambda s: [b""],
    "no delimiter": lambda s: [b"hello", b"world"],
    "only the delimiter": lambda s: [b"<IDS|MSG>"],
    "two frames missing": lambda s: [b"<IDS|MSG>", b"abc", HEADER],
    "a signature that is not hex": lambda s: [b"<IDS|MSG>", b"\xff\x00", HEADER, b"{}", b"{}", b"{}"],
    "no signature": lambda s: [b"<IDS|MSG>", b"", HEADER, b"{}", b"{}", b'{"code": "1"}'],
    "not JSON": lambda s: signed(s, b"not json", b"{}", b"{}", b"{}"),
    "not UTF-8": lambda s: signed(s, b"\xff\xfe", b"{}", b"{}", b"{}"),
    "a list as header": lambda s: signed(s, b"[]", b"{}", b"{}", b"{}"),
    "an empty header": lambda s: signed(s, b"{}", b"{}", b"{}", b"{}"),
    "a header of wrong types": lambda s: signed(s, b'{"msg_id": 1, "msg_type": []}', b"{}", b"{}", b"{}"),
    "a bottomless header": lambda s: signed(s, DEEP, b"{}", b"{}", b"{}"),
    "a bottomless content": lambda s: signed(s, HEADER, b"{}", b"{}", DEEP),
    "ten megabytes of nothing": lambda s: signed(s, b"x" * 10_000_000, b"{}", b"{}", b"{}"),
    "a thousand frames": lambda s: [b"x"] * 1000,
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_message_does_no_harm(kernel, case):
    kernel.handshakes.add("m")  # where the header can be read, an answer to it is allowed
    for channel in ("shell", "control"):
        kernel.sockets[channel].send_multipart(MALFORMED[case](kernel.session))
    assert kernel.ok("1 + 1").value == "2"
    kernel.interrupt()


def test_content_of_the_wrong_type_is_answered_with_an_error(kernel):
    for content in ({"code": 5}, {"code": ["1"]}, {"code": "1", "silent": "perhaps"}, "1"):
        request = kernel.ask("execute_request", content)
        assert request.status == "error" and not request.outputs, request.describe()
    assert kernel.ok("1 + 1").value == "2"


def test_unknown_fields_are_ignored(kernel):
    assert kernel.ok("1 + 1", cell_color="red", future={"a": [1]}).value == "2"


def test_buffers_are_accepted(kernel):
    message = kernel.session.msg("comm_msg", {"comm_id": "x", "data": {}})
    kernel.handshakes.add(message["header"]["msg_id"])
    kernel.session.send(kernel.sockets["shell"], message, buffers=[b"\x00" * 1000, b"\xff"])
    assert kernel.ok("1 + 1").value == "2"


def test_an_unknown_type_is_ignored_with_a_log_line(kernel):
    for channel in ("shell", "control"):
        request = kernel.send("frobnicate_request", {"a": 1}, channel)
        kernel.ask("kernel_info_request", channel=channel)
        assert request.reply is None
        assert request.busy == (request.idle is not None)
        del kernel.requests[request.id]
        kernel.handshakes.add(request.id)
    assert "frobnicate_request" in kernel.log.read_text()
