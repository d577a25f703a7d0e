"""Comms in both directions, as a widget library and its front end use them."""

import pytest

import client

COUNTER = """
Comm::register_target("counter", |comm, open| {
    println!("opened with {}", open.data());
    let mut count = 0;
    let front = comm.clone();
    comm.on_message(move |message| {
        count += 1;
        println!("click {count}: {}", message.data());
        front.send(format!("{{\\"count\\": {count}}}"));
    });
    comm.on_close(|_| println!("gone"));
});"""


def opened(kernel, target="counter", id="c1", data=None):
    return kernel.ask("comm_open", {"comm_id": id, "target_name": target, "data": data or {}})


def click(kernel, id="c1", data=None, **options):
    return kernel.send("comm_msg", {"comm_id": id, "data": data or {}}, **options)


def sent(request):
    """What the kernel has sent through comms for a request."""
    return [(output.kind, output.content["data"]) for output in request.of("comm_open", "comm_msg", "comm_close")]


def listed(kernel, **content):
    return kernel.ask("comm_info_request", content).reply["comms"]


def test_a_button_counts_its_clicks(kernel):
    kernel.ok(COUNTER)
    opening = opened(kernel, data={"label": "é"})
    assert opening.text() == 'opened with {"label":"é"}\n' and sent(opening) == []
    assert listed(kernel) == {"c1": {"target_name": "counter"}}
    for number in (1, 2):
        clicked = click(kernel, data={"x": number})
        kernel.done(clicked)
        assert clicked.text() == f'click {number}: {{"x":{number}}}\n'
        assert sent(clicked) == [("comm_msg", {"count": number})]
    closing = kernel.ask("comm_close", {"comm_id": "c1", "data": {}})
    assert closing.text() == "gone\n" and listed(kernel) == {}
    late = click(kernel)
    kernel.done(late)
    assert not late.outputs


def test_an_unknown_target_is_closed(kernel):
    assert sent(opened(kernel, "nobody")) == [("comm_close", {})]
    kernel.ok("1")
    assert sent(opened(kernel, "nobody")) == [("comm_close", {})]
    assert listed(kernel) == {}


def test_a_cell_opens_a_comm_and_hears_of_it_later(kernel):
    cell = kernel.ok("""
let comm = Comm::opening("slider", "{\\"value\\": 5}").metadata("{\\"version\\": \\"2.1.0\\"}").buffer(vec![0, 255]).open();
comm.message("{}").buffer(*b"one").buffer(*b"").send();
comm.on_message(|message| println!("{:?} {:?} {}", message.buffers(), message.metadata(), message.data()));
comm.id().to_owned()""")
    opening, message = cell.of("comm_open", "comm_msg")
    assert opening.content["target_name"] == "slider" and opening.content["data"] == {"value": 5}
    assert opening.metadata == {"version": "2.1.0"} and opening.buffers == [b"\x00\xff"]
    assert message.buffers == [b"one", b""]
    id = opening.content["comm_id"]
    assert cell.value == f'"{id}"'
    assert listed(kernel, target_name="slider") == {id: {"target_name": "slider"}} and listed(kernel, target_name="x") == {}
    heard = click(kernel, id, {"value": 6}, metadata={"m": 1}, buffers=[b"\x01\x80", b""])
    kernel.done(heard)
    assert heard.text() == '[[1, 128], []] "{\\"m\\":1}" {"value":6}\n'
    assert sent(kernel.ok("comm.close(); comm.close(); comm.is_open()")) == [("comm_close", {})]
    assert listed(kernel) == {}
    assert "closed" in kernel.fails('comm.send("{}");').error


def test_messages_are_delivered_between_two_turns_of_the_loop(kernel):
    kernel.ok(COUNTER)
    opened(kernel)
    cell = kernel.submit('ensure_future(async { loop { print!("."); sleep(0.01).await; } });\nlet _ = get_event_loop().run_forever();')
    kernel.pump(lambda: cell.text(), client.LIMIT)
    clicks = [click(kernel) for _ in range(10)]
    kernel.done(*clicks)
    assert [clicked.text() for clicked in clicks] == [f"click {number}: {{}}\n" for number in range(1, 11)]
    before = len(cell.text())
    kernel.pump(lambda: len(cell.text()) > before + 3, client.LIMIT)
    kernel.interrupt()
    kernel.done(cell)
    assert set(cell.text()) == {"."}


def test_messages_wait_while_a_cell_computes(kernel):
    kernel.ok(COUNTER)
    opened(kernel)
    cell = kernel.submit('println!("go"); let mut n = 0u64; loop { n += 1; std::hint::black_box(n); }')
    kernel.printed(cell, "go\n")
    clicked = click(kernel)
    kernel.ask("kernel_info_request")
    assert clicked.busy and not clicked.outputs
    kernel.send("interrupt_request", {}, "control")
    kernel.done(cell, clicked)
    assert cell.error == "KeyboardInterrupt: "
    again = click(kernel)
    kernel.done(again)
    assert "click" in again.text()


def test_a_coroutine_awaits_messages(kernel):
    kernel.ok('let mut comm = Comm::open("chat", "{}");')
    id = next(iter(listed(kernel)))
    early = click(kernel, id, {"n": 0})
    kernel.done(early)
    cell = kernel.submit("let mut all = Vec::new();\nwhile let Some(message) = comm.next().await { println!(\"{}\", message.data()); all.push(message.buffers().len()); }\nall")
    kernel.printed(cell, '{"n":0}\n')
    kernel.done(click(kernel, id, {"n": 1}, buffers=[b"x"]))
    kernel.printed(cell, '{"n":1}\n')
    kernel.done(kernel.send("comm_close", {"comm_id": id, "data": {}}))
    kernel.done(cell)
    assert cell.value == "[0, 1]"


def test_a_callback_that_panics_harms_nobody(kernel):
    kernel.ok('Comm::register_target("bad", |comm, _| { comm.on_message(|_| panic!("oops")); });')
    opened(kernel, "bad")
    for _ in range(2):
        clicked = click(kernel)
        kernel.done(clicked)
        assert "oops" in clicked.text("stderr") and "In[1]:1" in clicked.text("stderr")
    assert listed(kernel) == {"c1": {"target_name": "bad"}}
    kernel.ok('Comm::register_target("worse", |_, _| panic!("at once"));')
    refused = opened(kernel, "worse", "c2")
    assert sent(refused) == [("comm_close", {})] and "at once" in refused.text("stderr")
    assert kernel.ok("1 + 1").value == "2"


def test_a_callback_that_does_not_end_can_be_interrupted(kernel):
    kernel.ok('Comm::register_target("busy", |comm, _| { comm.on_message(|_| { println!("go"); loop {} }); });')
    opened(kernel, "busy")
    clicked = click(kernel)
    kernel.printed(clicked, "go\n")
    kernel.interrupt()
    kernel.done(clicked)
    assert "KeyboardInterrupt" in clicked.text("stderr")
    assert kernel.ok("1 + 1").value == "2"


def test_messages_survive_the_interrupt_of_the_cell_that_they_wait_for(kernel):
    kernel.ok(COUNTER)
    opened(kernel)
    cell = kernel.submit('println!("go"); loop {}')
    kernel.printed(cell, "go\n")
    clicks = [click(kernel) for _ in range(3)]
    kernel.ask("kernel_info_request")
    kernel.interrupt()
    kernel.done(cell, *clicks)
    assert cell.error == "KeyboardInterrupt: "
    assert [clicked.text() for clicked in clicks] == [f"click {number}: {{}}\n" for number in range(1, 4)]
    kernel.ask("comm_close", {"comm_id": "c1", "data": {}})


def test_the_end_of_a_comm_frees_its_callbacks(kernel):
    kernel.ok("""
struct Held(&'static str);
impl Drop for Held { fn drop(&mut self) { println!("{} freed", self.0); } }
Comm::register_target("held", |comm, _| {
    let (message, close, front) = (Held("message"), Held("close"), comm.clone());
    comm.on_message(move |_| { let _ = &message; front.close() });
    comm.on_close(move |_| { let _ = &close; println!("close called") });
});""")
    opened(kernel, "held")
    closing = kernel.ask("comm_close", {"comm_id": "c1", "data": {}})
    assert closing.text() == "message freed\nclose called\nclose freed\n"
    opened(kernel, "held", "c2")
    clicked = click(kernel, "c2")
    kernel.done(clicked)
    assert sent(clicked) == [("comm_close", {})] and sorted(clicked.text().splitlines()) == ["close freed", "message freed"]


def test_what_is_not_json_is_refused_where_it_is_sent(kernel):
    failed = kernel.fails('Comm::open("x", "{not json}");')
    assert failed.reply["ename"] == "ValueError" and "JSON" in failed.reply["evalue"] and "In[1]:1:1" in failed.traceback
    assert listed(kernel) == {}


def test_the_end_of_the_process_closes_its_comms(kernel):
    kernel.ok('let comm = Comm::open("x", "{}");')
    dying = kernel.fails("std::process::exit(3)")
    assert sent(dying) == [("comm_close", {})] and listed(kernel) == {}
    assert sent(opened(kernel)) == [("comm_close", {})]


def test_large_buffers_pass_in_both_directions(kernel):
    kernel.ok('Comm::register_target("echo", |comm, _| { let back = comm.clone(); comm.on_message(move |m| back.message("{}").buffer(m.buffers()[0].clone()).send()); });')
    opened(kernel, "echo")
    data = bytes(range(256)) * (4 << 12)
    echoed = click(kernel, buffers=[data])
    kernel.done(echoed)
    assert echoed.of("comm_msg")[0].buffers == [data]
