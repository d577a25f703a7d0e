"""What a notebook takes when nothing happens in it: no wakeups, little memory, and what it says of that itself."""

import os
import pathlib
import time

import psutil
import pytest

import processes

SECONDS = 3.0


def wakeups(kernel):
    """How often the threads of the kernel and of all that it has started have been woken so far."""
    count = 0
    for process in [psutil.Process(kernel.pid), *psutil.Process(kernel.pid).children(recursive=True)]:
        for status in pathlib.Path(f"/proc/{process.pid}/task").glob("*/status"):
            count += int(status.read_text().split("voluntary_ctxt_switches:")[1].split()[0])
    return count


def wakeups_while_idle(kernel):
    """Counted once everything that ends by itself has ended, such as the threads for files, which wait ten seconds for work."""
    kernel.wait_until(time.monotonic() + 12)
    before = wakeups(kernel)
    kernel.wait_until(time.monotonic() + SECONDS)
    return wakeups(kernel) - before


@pytest.mark.parametrize("code", [None, "get_event_loop().run_forever()", 'ensure_future(async { loop { sleep(1).await } });\nget_event_loop().run_forever()'])
def test_an_idle_notebook_wakes_nobody(kernel, code):
    kernel.ok("sleep(0.01).await; 1 + 1")
    cell = kernel.submit(code) if code else None
    # A task that wakes every second wakes the thread that flushes, too.
    assert wakeups_while_idle(kernel) <= (20 if code and "sleep" in code else 3)
    if cell:
        kernel.interrupt()
        kernel.done(cell)


def test_what_is_begun_between_long_sleeps_appears_at_once(kernel):
    cell = kernel.submit('for n in 0..4 { print!("{n}"); sleep(0.5).await; }')
    seen = [kernel.printed(cell, str(n)) - cell.started for n in range(4)]
    kernel.done(cell)
    # Each comes before the next one is printed.
    assert all(at < 0.5 * (n + 1) for n, at in enumerate(seen)), seen


def test_what_a_thread_begins_while_the_loop_sleeps_appears_at_once(kernel):
    cell = kernel.submit("""
std::thread::spawn(|| for word in ["one ", "two ", "three"] {
    std::thread::sleep(std::time::Duration::from_millis(300));
    print!("{word}");
});
sleep(5).await;""")
    at = kernel.printed(cell, "one two three") - cell.started
    assert at < 3, "the end of the cell would have flushed it"
    kernel.interrupt()
    kernel.done(cell)


def test_usage_is_that_of_the_kernel_and_all_that_it_has_started(kernel):
    # A fresh kernel has rustc at work.
    kernel.ok("1 + 1")
    first = kernel.ask("usage_request", channel="control").reply
    assert first["pid"] == kernel.pid and first["hostname"] == os.uname().nodename and first["cpu_count"] == psutil.cpu_count()
    kernel.ok('let bytes = vec![1u8; 100_000_000];')
    cell = kernel.submit("let mut n = 0u64;\nloop { n = n.wrapping_add(1); }")
    kernel.started(cell)
    kernel.ask("usage_request", channel="control")
    kernel.wait_until(time.monotonic() + 2)
    busy = kernel.ask("usage_request", channel="control").reply
    kernel.interrupt()
    kernel.done(cell)
    (worker,) = processes.named(kernel.pid, "boucle-worker")
    rss = psutil.Process(kernel.pid).memory_info().rss + worker.memory_info().rss
    assert 100_000_000 < busy["kernel_memory"] <= rss * 1.1
    assert busy["kernel_memory"] > first["kernel_memory"] + 90_000_000
    # Others may want the processor, too.
    assert 10 < busy["kernel_cpu"] < 150 and 0 < busy["host_cpu_percent"] <= 100
    ours, theirs = busy["host_virtual_memory"], psutil.virtual_memory()
    assert ours["total"] == theirs.total and abs(ours["available"] - theirs.available) < 0.2 * theirs.total and 0 < ours["percent"] < 100
