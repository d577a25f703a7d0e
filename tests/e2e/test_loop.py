"""One event loop for the whole notebook: the functions of asyncio, used across cells, in the order Python has."""

import pathlib
import time

import processes
import pytest

TICK = """
async fn say(name: &'static str, seconds: f64) -> &'static str {
    println!("{name} starts");
    sleep(seconds).await;
    println!("{name} ends");
    name
}
"""


@pytest.fixture
def loop(kernel):
    """A kernel whose notebook has begun with `say`."""
    kernel.ok(TICK)
    return kernel


def printed(request):
    return request.text().splitlines()


def test_gather_starts_and_returns_in_the_order_of_its_arguments(loop):
    request = loop.ok('gather!(say("a", 0.2), say("b", 0.1)).await')
    assert printed(request) == ["a starts", "b starts", "b ends", "a ends"]
    assert request.value == '("a", "b")'


def test_gather_of_a_list(loop):
    assert loop.ok('gather(["a", "b"].map(|name| say(name, 0.0))).await').value == '["a", "b"]'


def test_tasks_run_in_the_order_in_which_they_were_made(loop):
    loop.ok('ensure_future(say("first", 0.1));')
    loop.ok('ensure_future(say("second", 0.1));')
    request = loop.ok('get_event_loop().run_until_complete(say("third", 0.1))')
    assert printed(request) == ["first starts", "second starts", "third starts", "first ends", "second ends", "third ends"]
    assert request.value == '"third"'


def test_create_task_in_a_coroutine(loop):
    request = loop.ok('async fn parent() -> &\'static str { let child = create_task(say("child", 0.0)); println!("parent goes on"); child.await }\nparent().await')
    assert printed(request) == ["parent goes on", "child starts", "child ends"]
    assert request.value == '"child"'


def test_what_is_left_goes_on_in_the_next_cell(loop):
    loop.ok('let left = ensure_future(say("left", 0.3));')
    assert printed(loop.ok('say("asked", 0.1).await;')) == ["left starts", "asked starts", "asked ends"]
    assert loop.ok("left.done()").value == "false"
    assert printed(loop.ok("left.await;")) == ["left ends"]


def test_a_deadline_that_passed_between_cells_is_met_at_once(loop):
    loop.ok('let late = ensure_future(say("late", 0.2));')
    loop.ok("sleep(0).await; sleep(0).await;")
    loop.ok("std::thread::sleep(std::time::Duration::from_millis(400));")
    request = loop.ok("let before = std::time::Instant::now(); late.await; before.elapsed().as_millis() < 100")
    assert printed(request) == ["late ends"]
    assert request.value == "true"


def test_nothing_runs_between_cells(loop):
    loop.ok('ensure_future(say("x", 0.0));')
    assert printed(loop.ok("std::thread::sleep(std::time::Duration::from_millis(200));")) == []
    assert printed(loop.ok("sleep(0.01).await;")) == ["x starts", "x ends"]


def test_stop_lets_the_turn_end(loop):
    loop.ok('async fn last() { get_event_loop().stop(); println!("after stop"); }')
    loop.ok('ensure_future(last()); ensure_future(say("same turn", 60.0));')
    request = loop.ok("get_event_loop().run_forever().unwrap();")
    assert printed(request) == ["after stop", "same turn starts"]


def test_a_new_loop_does_not_see_the_tasks_of_the_old_one(loop):
    loop.ok('let old = get_event_loop(); ensure_future(say("old", 0.0));')
    loop.ok("set_event_loop(new_event_loop());")
    assert printed(loop.ok("sleep(0.05).await;")) == []
    assert printed(loop.ok('old.run_until_complete(sleep(0.05));')) == ["old starts", "old ends"]


def test_a_task_knows_how_it_ended(loop):
    loop.ok('let task = ensure_future(say("t", 0.0));')
    assert loop.ok("(task.done(), task.cancelled())").value == "(false, false)"
    loop.ok("sleep(0.05).await;")
    assert loop.ok("(task.done(), task.cancelled())").value == "(true, false)"
    assert loop.ok("task").value.startswith("<Task finished name='Task-1' coro=<say() ")


def test_a_cancelled_task_stops_at_its_await(loop):
    loop.ok('let task = ensure_future(say("t", 60.0));')
    loop.ok("sleep(0).await; sleep(0).await;")
    assert loop.ok("task.cancel()").value == "true"
    assert printed(loop.ok("sleep(0.01).await;")) == []
    assert loop.ok("(task.done(), task.cancelled(), task.cancel())").value == "(true, true, false)"


def test_a_panic_stays_in_its_task_until_somebody_asks(loop):
    loop.ok('async fn bad() -> i32 { panic!("from the task") }\nlet task = ensure_future(bad());')
    assert printed(loop.ok('say("other", 0.0).await;')) == ["other starts", "other ends"]
    assert "from the task" in loop.ok("task.exception()").value
    assert "from the task" in loop.fails("task.await").reply["evalue"]
    assert loop.ok("1").value == "1"


def test_a_panic_that_nobody_asks_about_is_reported(loop):
    loop.ok('async fn bad() { panic!("unseen") }')
    request = loop.ok("{ ensure_future(bad()); }\nsleep(0.05).await;")
    assert "Task exception was never retrieved" in request.text("stderr")
    assert "unseen" in request.text("stderr")


def test_call_soon_and_call_later_run_in_the_loop(loop):
    loop.ok('let l = get_event_loop();\nl.call_later(0.1, || println!("later"));\nl.call_soon(|| println!("soon"));')
    assert printed(loop.ok("sleep(0.2).await;")) == ["soon", "later"]


def test_is_running_and_time(loop):
    assert loop.ok("get_event_loop().is_running()").value == "false"
    assert loop.ok("async { get_running_loop().is_running() }.await").value == "true"
    assert loop.ok("let t = get_event_loop().time();\nsleep(0.1).await;\nlet passed = get_event_loop().time() - t;\npassed >= 0.1 && passed < 0.3").value == "true"


def test_run_has_a_loop_of_its_own(loop):
    request = loop.ok('run(say("main", 0.0))')
    assert printed(request) == ["main starts", "main ends"]
    assert request.value == '"main"'


AFTER_A_RUN = {
    "an await": 'say("a", 0.0).await',
    "a task": 'ensure_future(say("a", 0.0)).await',
    "a task of Python's notebooks": 'let t = create_task(say("a", 0.0));\nsleep(0).await;\nt.await',
    "several things": 'gather!(say("a", 0.0)).await.0',
    "a shield": 'shield(say("a", 0.0)).await',
}


@pytest.mark.parametrize("case", AFTER_A_RUN)
def test_cells_have_a_loop_after_run_too(loop, case):
    loop.ok("run(async {});")
    request = loop.ok(AFTER_A_RUN[case])
    assert printed(request) == ["a starts", "a ends"]
    assert request.value == '"a"'
    # What awaited has made a current loop, which stays.
    loop.ok("get_event_loop().run_until_complete(async {});")


MISUSE = {
    "running a running loop": ("async { get_event_loop().run_forever().unwrap() }.await", "This event loop is already running"),
    "running a second loop inside the first": ("async { new_event_loop().run_forever().unwrap() }.await", "Cannot run the event loop while another loop is running"),
    "running a closed loop": ("let l = new_event_loop(); l.close(); l.run_forever().unwrap();", "Event loop is closed"),
    "no loop in another thread": ("if let Err(panic) = std::thread::spawn(|| { get_event_loop(); }).join() { std::panic::resume_unwind(panic) }", "There is no current event loop in thread"),
    "no running loop": ("get_running_loop();", "no running event loop"),
    "no current loop after a run": ("run(async {}); get_event_loop();", "There is no current event loop in thread 'MainThread'."),
    "stopped before the awaited one ended": ("async fn stopper() { get_event_loop().stop() }\nensure_future(stopper());\nget_event_loop().run_until_complete(sleep(60));", "Event loop stopped before Future completed."),
}


@pytest.mark.parametrize("case", MISUSE)
def test_misuse_gets_the_error_that_python_names(loop, case):
    code, message = MISUSE[case]
    assert message in loop.fails(code).reply["evalue"]
    assert printed(loop.ok('say("still fine", 0.0).await;')) == ["still fine starts", "still fine ends"]


def test_waiting_for_ever_costs_no_cpu(loop):
    import processes

    request = loop.submit('println!("go"); let _ = get_event_loop().run_forever();')
    began = loop.printed(request, "go\n")
    workers = processes.named(loop.pid, "boucle-worker")
    used = sum(sum(w.cpu_times()[:2]) for w in workers)
    loop.wait_until(began + 1.0)
    assert sum(sum(w.cpu_times()[:2]) for w in workers) - used <= 0.05
    loop.interrupt()
    loop.done(request)


def cost(pid):
    """What a process has cost so far: seconds of processor time, and how often its threads went to sleep by themselves."""
    busy = sleeps = 0
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        busy += int((thread / "schedstat").read_text().split()[0]) / 1e9
        sleeps += int(next(line for line in (thread / "status").open() if line.startswith("voluntary")).split()[1])
    return busy, sleeps


def test_a_cell_that_only_waits_costs_next_to_nothing(loop):
    loop.ok('ensure_future(say("late", 3600.0));')
    request = loop.submit("get_event_loop().run_forever()")
    loop.printed(request, "late starts")
    pids = [loop.pid, processes.named(loop.pid, "boucle-worker")[0].pid]
    before = [cost(pid) for pid in pids]
    loop.wait_until(time.monotonic() + 1)
    for pid, (busy, sleeps) in zip(pids, before):
        busy_then, sleeps_then = cost(pid)
        # The worker looks 20 times a second whether stdout has half a line, the client asks for a sign of life.
        assert busy_then - busy < 0.02 and sleeps_then - sleeps < 100, f"{busy_then - busy:.3f} s, {sleeps_then - sleeps} times"
    loop.interrupt()
    loop.done(request)
    assert request.value == "Err(KeyboardInterrupt)"
