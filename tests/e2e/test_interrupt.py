"""The ■ button: in every situation a student can be in it ends the cell at once, and nothing is lost."""

import os
import signal
import time

import pytest

import processes

FOREVER = 'if let Err(KeyboardInterrupt) = get_event_loop().run_forever() { println!("bye"); }'
PROMPT = 1.0  # seconds; tests/bench measures it and wants 20 ms

# Cells that would run forever, each ending in a KeyboardInterrupt error. All of them print `go` when they have started.
ENDLESS = {
    "await": 'println!("go"); sleep(60).await;',
    "await of an endless coroutine": 'async fn on() { loop { sleep(0.01).await; } }\nprintln!("go"); on().await;',
    "run_until_complete": 'println!("go"); get_event_loop().run_until_complete(sleep(60));',
    "loop": 'println!("go"); loop {}',
    "while": 'println!("go"); let mut n = 0u64; while n != 1 { n = n.wrapping_add(2); }',
    "for": 'println!("go"); for _ in 0..u64::MAX { std::hint::black_box(0); }',
    "for, optimized": '%%opt 3\nprintln!("go"); let mut x = 1u64; for i in 0..u64::MAX { x = x.wrapping_mul(3) ^ i; } x',
    "for with its end, optimized": '%%opt 2\nprintln!("go"); let mut x = 1i64; for i in i64::MIN..=i64::MAX { x = x.wrapping_mul(3) ^ i; } x',
    "iterators, optimized": '%%opt 3\nprintln!("go"); (0..u64::MAX).map(|i| i.wrapping_mul(i) ^ 5).fold(1u64, |a, b| a.wrapping_mul(3) ^ b)',
    "loops over memory in a loop, optimized": '%%opt 3\nlet v = vec![1u64; 1000]; println!("go"); let mut x = 1u64; loop { for y in &v { x = x.wrapping_mul(3) ^ y; } }',
    "a loop in a function": 'fn spin() { loop {} }\nprintln!("go"); spin();',
    "thread::sleep": 'println!("go"); std::thread::sleep(std::time::Duration::from_secs(60));',
    "thread::sleep under another name": 'use std::{thread, time::Duration};\nprintln!("go"); thread::sleep(Duration::from_secs(60));',
    "thread::sleep in a function": 'fn nap() { std::thread::sleep(std::time::Duration::from_secs(60)); }\nprintln!("go"); nap();',
    "a computing coroutine": 'async fn busy() { println!("go"); let mut n = 0u64; loop { n = n.wrapping_add(1); } }\nbusy().await;',
}


def press_when_it_says_go(kernel, code):
    """Runs a cell and interrupts it; returns the request. It must end promptly."""
    request = kernel.submit(code)
    kernel.printed(request, "go\n")
    pressed = time.monotonic()
    kernel.interrupt()
    kernel.done(request)
    assert request.replied - pressed < PROMPT, request.describe()
    return request


@pytest.fixture
def notebook(kernel):
    """A kernel with a variable, and a task that is half done."""
    kernel.ok("let kept = vec![1, 2, 3];")
    kernel.ok('async fn slow() -> i32 { println!("slow begins"); sleep(0.3).await; println!("slow ends"); 7 }')
    kernel.ok("let task = ensure_future(slow());")
    assert kernel.ok("sleep(0.01).await;").text() == "slow begins\n"
    return kernel


def assert_nothing_lost(kernel):
    assert kernel.ok("kept").value == "[1, 2, 3]"
    assert kernel.ok("task.await").value == "7"


@pytest.mark.parametrize("situation", ENDLESS)
def test_interrupt_ends_the_cell_and_keeps_everything(notebook, situation):
    request = press_when_it_says_go(notebook, ENDLESS[situation])
    assert request.status == "error", request.describe()
    assert request.reply["ename"] == "KeyboardInterrupt"
    assert_nothing_lost(notebook)


def test_run_forever_returns_the_interrupt_as_a_value(notebook):
    request = press_when_it_says_go(notebook, 'println!("go");' + FOREVER)
    assert request.status == "ok", request.describe()
    assert request.text().splitlines()[-1] == "bye"
    assert_nothing_lost(notebook)


def test_run_forever_without_handling_the_interrupt(notebook):
    assert press_when_it_says_go(notebook, 'println!("go"); let _ = get_event_loop().run_forever();').status == "ok"
    assert_nothing_lost(notebook)


def test_a_task_that_computes_ends_and_the_others_go_on(notebook):
    notebook.ok('async fn busy() { println!("go"); let mut n = 0u64; loop { n = n.wrapping_add(1); } }\nlet spinning = ensure_future(busy());')
    request = press_when_it_says_go(notebook, FOREVER)
    assert "bye" in request.text()
    assert notebook.ok("spinning.done()").value == "true"
    assert_nothing_lost(notebook)


def test_interrupt_resume_interrupt(kernel):
    kernel.ok("async fn ticks() { let mut n = 0; loop { n += 1; println!(\"tick {n}\"); sleep(0.1).await; } }\nensure_future(ticks());")
    seen = []
    for wanted in ("tick 2\n", "tick 4\n", "tick 6\n"):
        request = kernel.submit(FOREVER)
        kernel.printed(request, wanted)
        kernel.interrupt()
        kernel.done(request)
        assert request.text().endswith("bye\n")
        seen += request.text().removesuffix("bye\n").splitlines()
    assert seen == [f"tick {n + 1}" for n in range(len(seen))]


def test_twice_in_a_row_is_once(notebook):
    request = notebook.submit('println!("go"); sleep(60).await;')
    notebook.printed(request, "go\n")
    first, second = (notebook.send("interrupt_request", {}, "control") for _ in range(2))
    notebook.done(request, first, second)
    assert request.reply["ename"] == "KeyboardInterrupt"
    assert notebook.ok("sleep(0.05).await; 5").value == "5"
    assert_nothing_lost(notebook)


def test_an_interrupt_while_nothing_runs_has_no_effect(notebook):
    notebook.interrupt()
    notebook.interrupt()
    assert notebook.ok("sleep(0.05).await; 5").value == "5"
    assert notebook.ok("let mut n = 0; for i in 0..1000 { n += i; } n").value == "499500"
    assert_nothing_lost(notebook)


def test_an_interrupt_while_rustc_runs_ends_rustc(notebook):
    request = notebook.submit(
        "#[allow(long_running_const_eval)]\nconst N: u64 = { let mut i = 0u64; while i < 1 << 60 { i += 1; } i };\nN"
    )
    rustc = notebook.wait_for(lambda: processes.named(notebook.pid, "rustc"))
    notebook.interrupt()
    notebook.done(request, limit=5.0)
    assert request.status == "error" and request.reply["ename"] == "KeyboardInterrupt", request.describe()
    notebook.wait_for(lambda: not any(process.is_running() and process.status() != "zombie" for process in rustc), 5.0)
    assert_nothing_lost(notebook)


def test_queued_cells_are_aborted(notebook):
    running = notebook.submit('println!("go"); sleep(60).await;')
    queued = [notebook.submit("1 + 1"), notebook.submit("2 + 2")]
    notebook.printed(running, "go\n")
    notebook.interrupt()
    notebook.done(running, *queued)
    assert [request.status for request in queued] == ["aborted", "aborted"]
    assert_nothing_lost(notebook)


def test_the_button_of_jupyter_client(notebook):
    request = notebook.submit('println!("go"); sleep(60).await;')
    notebook.printed(request, "go\n")
    notebook.press_managers_button()
    notebook.done(request)
    assert request.reply["ename"] == "KeyboardInterrupt"


@pytest.mark.parametrize("to", ["the kernel", "its process group"])
def test_sigint_interrupts(notebook, to):
    request = notebook.submit('println!("go"); sleep(60).await;')
    notebook.printed(request, "go\n")
    send_sigint(notebook, to)
    notebook.done(request, limit=5.0)
    assert request.reply["ename"] == "KeyboardInterrupt"
    assert_nothing_lost(notebook)


@pytest.mark.parametrize("to", ["the kernel", "its process group"])
def test_sigint_while_nothing_runs_has_no_effect(notebook, to):
    send_sigint(notebook, to)
    assert notebook.ok("sleep(0.05).await; 5").value == "5"
    assert_nothing_lost(notebook)


def send_sigint(kernel, to):
    if to == "the kernel":
        os.kill(kernel.pid, signal.SIGINT)
    else:
        os.killpg(os.getpgid(kernel.pid), signal.SIGINT)


def test_a_blocking_system_call_is_explained_then_killed(kernel):
    kernel.ok("fn item() -> i32 { 8 }")
    kernel.ok("let lost = 1;")
    request = kernel.submit(
        "use std::io::Read;\nlet (mut a, _b) = std::os::unix::net::UnixStream::pair()?;\n"
        'println!("go");\na.read_exact(&mut [0u8; 1])?;'
    )
    kernel.printed(request, "go\n")
    kernel.interrupt()
    kernel.pump(lambda: request.text("stderr"), 10.0)
    assert not request.done, "the first interrupt explains, it does not kill"
    kernel.interrupt()
    kernel.done(request, limit=10.0)
    assert request.status == "error"
    assert "lost" in request.traceback
    assert kernel.ok("item()").value == "8"
    kernel.fails("lost")
