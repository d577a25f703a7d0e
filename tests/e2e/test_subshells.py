"""Subshells: cells that run beside one that drives the event loop."""

import psutil
import pytest

import client

FOREVER = 'println!("go"); let ended = get_event_loop().run_forever(); println!("main ends"); ended.is_ok()'


def created(kernel):
    reply = kernel.ask("create_subshell_request", channel="control").reply
    assert reply["status"] == "ok"
    return reply["subshell_id"]


@pytest.fixture
def subshell(kernel):
    return created(kernel)


def driving(kernel, code=FOREVER):
    """A main cell that drives the loop."""
    cell = kernel.submit(code)
    kernel.printed(cell, "go\n")
    return cell


def guest(kernel, subshell, code, **options):
    request = kernel.submit(code, subshell=subshell, **options)
    kernel.done(request)
    return request


def stop(kernel, subshell, cell):
    assert guest(kernel, subshell, "get_event_loop().stop();").status == "ok"
    kernel.done(cell)


def test_they_are_announced(kernel):
    assert "kernel subshells" in kernel.info["supported_features"]


def test_they_are_created_listed_and_deleted(kernel):
    assert kernel.ask("list_subshell_request", channel="control").reply["subshell_id"] == []
    ids = [created(kernel), created(kernel)]
    assert len(set(ids)) == 2
    assert sorted(kernel.ask("list_subshell_request", channel="control").reply["subshell_id"]) == sorted(ids)
    assert kernel.ask("delete_subshell_request", {"subshell_id": ids[0]}, channel="control").reply["status"] == "ok"
    assert kernel.ask("list_subshell_request", channel="control").reply["subshell_id"] == ids[1:]
    again = kernel.ask("delete_subshell_request", {"subshell_id": ids[0]}, channel="control").reply
    assert again["status"] == "error" and ids[0] in again["evalue"]


def test_a_cell_for_a_subshell_that_there_is_not_is_refused(kernel, subshell):
    kernel.ask("delete_subshell_request", {"subshell_id": subshell}, channel="control")
    for id in (subshell, "x"):
        refused = guest(kernel, id, "1")
        assert refused.status == "error" and id in refused.reply["evalue"] and not refused.outputs


def test_questions_may_name_a_subshell(kernel, subshell):
    assert kernel.ask("kernel_info_request", subshell=subshell).reply["status"] == "ok"
    assert kernel.ask("is_complete_request", {"code": "1"}, subshell=subshell).reply["status"] == "complete"


def test_they_share_everything_with_the_main_shell(kernel, subshell):
    kernel.ok("fn twice(n: i32) -> i32 { 2 * n }\nlet mut a = 3;\nstatic COUNT: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(7);")
    request = guest(kernel, subshell, "a += 1; let b = twice(a); (b, COUNT.load(std::sync::atomic::Ordering::SeqCst))")
    assert request.value == "(8, 7)" and request.reply["execution_count"] == 2
    assert kernel.ok("(a, b)").value == "(4, 8)"


def test_a_cell_runs_beside_one_that_drives_the_loop_and_stops_it(kernel, subshell):
    cell = driving(kernel)
    beside = guest(kernel, subshell, 'println!("beside"); 1 + 1')
    assert beside.value == "2" and beside.text() == "beside\n" and not cell.done
    stop(kernel, subshell, cell)
    assert cell.text() == "go\nmain ends\n" and cell.value == "true"


@pytest.mark.parametrize("drive", ['println!("go"); sleep(60).await;', 'println!("go"); get_event_loop().run_until_complete(sleep(60));'])
def test_it_puts_work_on_the_running_loop(kernel, subshell, drive):
    cell = driving(kernel, drive)
    put = guest(kernel, subshell, 'ensure_future(async { sleep(0.01).await; println!("from the subshell"); })')
    assert "pending" in put.value
    kernel.printed(cell, "from the subshell\n")
    kernel.interrupt()
    kernel.done(cell)
    assert cell.error == "KeyboardInterrupt: "


def test_it_sees_the_tasks_of_the_running_loop(kernel, subshell):
    kernel.ok("async fn patient() { sleep(60).await }\nensure_future(patient());")
    cell = driving(kernel)
    assert "patient" in str(guest(kernel, subshell, ":tasks").outputs)
    stop(kernel, subshell, cell)


@pytest.mark.parametrize("code", ["sleep(0.1).await;", "get_event_loop().run_forever();", "get_event_loop().run_until_complete(sleep(0.1));"])
def test_it_cannot_drive_the_loop_that_runs_already(kernel, subshell, code):
    cell = driving(kernel)
    failed = guest(kernel, subshell, code)
    assert failed.reply["ename"] == "RuntimeError" and "already running" in failed.reply["evalue"]
    assert not cell.done
    stop(kernel, subshell, cell)


def test_an_await_says_what_to_do_instead(kernel, subshell):
    cell = driving(kernel)
    assert "ensure_future" in guest(kernel, subshell, "sleep(0.1).await;").reply["evalue"]
    stop(kernel, subshell, cell)
    assert guest(kernel, subshell, "sleep(0.01).await; 5").value == "5"


def test_a_variable_that_the_running_cell_has_is_not_there(kernel, subshell):
    kernel.ok("let mut mine = vec![1]; let yours = 2;")
    cell = driving(kernel, "mine.push(2);\n" + FOREVER)
    failed = guest(kernel, subshell, "mine.len()")
    assert failed.reply["ename"] == "StillRunning" and "`mine`" in failed.reply["evalue"] and "In[2]" in failed.reply["evalue"]
    assert guest(kernel, subshell, "let more = yours + 1; yours").value == "2"
    stop(kernel, subshell, cell)
    assert kernel.ok("(mine, yours, more)").value == "([1, 2], 2, 3)"


def test_a_type_cannot_be_redefined_under_the_running_cell(kernel, subshell):
    kernel.ok("#[derive(Debug)] struct P { x: i32 }\nlet p = P { x: 1 };")
    cell = driving(kernel, "let q = &p;\n" + FOREVER.replace("ended.is_ok()", "q.x"))
    assert guest(kernel, subshell, "#[derive(Debug)] struct P { x: i32, y: i32 }").reply["ename"] == "StillRunning"
    assert guest(kernel, subshell, ":restart").reply["ename"] == "StillRunning"
    assert guest(kernel, subshell, "fn new() -> i32 { 9 }\nnew()").value == "9"
    stop(kernel, subshell, cell)
    assert cell.value == "1" and kernel.ok("(p, new())").value == "(P { x: 1 }, 9)"


def test_a_panic_fails_that_cell_only(kernel, subshell):
    cell = driving(kernel)
    failed = guest(kernel, subshell, 'let a = 1;\npanic!("only here")')
    assert failed.error == "panic: only here" and ":2:1" in failed.traceback
    assert not cell.done
    stop(kernel, subshell, cell)
    assert cell.value == "true"


def test_each_cells_output_is_its_own(kernel, subshell):
    cell = driving(kernel, 'println!("go");\nfor n in 0..40 { print!("m{n} "); display(n); sleep(0.02).await; }')
    for number in range(10):
        beside = guest(kernel, subshell, f'print!("s{number} "); eprintln!("e{number}"); display({number}); print!("t{number}");')
        assert beside.text() == f"s{number} t{number}" and beside.text("stderr") == f"e{number}\n" and beside.shown == [str(number)]
    kernel.done(cell)
    assert cell.text() == "go\n" + "".join(f"m{n} " for n in range(40)) and cell.text("stderr") == ""
    assert cell.shown == [str(n) for n in range(40)]


def test_it_waits_while_the_main_cell_computes_and_both_can_be_interrupted(kernel, subshell):
    cell = driving(kernel, 'println!("go"); loop {}')
    waiting = kernel.submit("1 + 1", subshell=subshell)
    kernel.started(waiting)
    kernel.ask("kernel_info_request")
    assert not waiting.done and not cell.done
    kernel.interrupt()
    kernel.done(cell, waiting)
    assert cell.error == "KeyboardInterrupt: " and waiting.error == "KeyboardInterrupt: "
    assert guest(kernel, subshell, "2 + 2").value == "4"


def test_an_interrupt_ends_the_inner_and_the_outer_cell(kernel, subshell):
    cell = driving(kernel)
    inner = kernel.submit('println!("inner"); loop {}', subshell=subshell)
    kernel.printed(inner, "inner\n")
    kernel.interrupt()
    kernel.done(inner, cell)
    assert inner.error == "KeyboardInterrupt: " and cell.value == "false"


def test_it_runs_when_the_main_cell_has_ended(kernel, subshell):
    cell = kernel.submit('std::thread::sleep(std::time::Duration::from_millis(300)); println!("first");')
    kernel.started(cell)
    later = guest(kernel, subshell, 'println!("second");')
    assert cell.done and cell.text() == "first\n" and later.text() == "second\n"


def test_an_error_aborts_only_its_own_queue(kernel, subshell):
    other = created(kernel)
    cells = [kernel.submit('panic!("stop here")', subshell=subshell), kernel.submit("1", subshell=subshell), kernel.submit("2"), kernel.submit("3", subshell=other)]
    kernel.done(*cells)
    assert [cell.status for cell in cells] == ["error", "aborted", "ok", "ok"]


def test_main_cells_wait_for_a_guest_that_came_first(kernel, subshell):
    first = kernel.submit('let mut steps = 0;\nwhile steps < 5 { sleep(0.05).await; steps += 1; }', subshell=subshell)
    kernel.started(first)
    assert kernel.ok("sleep(0.01).await; steps").value == "5"
    assert first.done


def test_the_end_of_the_process_ends_both(kernel, subshell):
    kernel.ok("let lost = 1;")
    cell = driving(kernel)
    dying = guest(kernel, subshell, "std::process::exit(3)")
    kernel.done(cell)
    assert dying.reply["ename"] == cell.reply["ename"] == "SystemExit"
    assert sum("Lost with it: lost" in request.traceback for request in (dying, cell)) == 1
    assert kernel.ok("1 + 1").value == "2"


def test_a_subshell_can_be_deleted_while_its_cell_runs(kernel, subshell):
    cell = driving(kernel)
    slow = kernel.submit('let mut n = 0u64; while n < 300_000_000 { n += 1; } "done"', subshell=subshell)
    kernel.started(slow)
    assert kernel.ask("delete_subshell_request", {"subshell_id": subshell}, channel="control").reply["status"] == "ok"
    kernel.done(slow)
    assert slow.value == '"done"'
    kernel.interrupt()
    kernel.done(cell)


def test_cells_of_two_subshells_come_one_after_the_other(kernel, subshell):
    other = created(kernel)
    cell = driving(kernel)
    cells = [kernel.submit(f'println!("{number}")', subshell=id) for number, id in enumerate([subshell, other] * 4)]
    kernel.done(*cells)
    assert [cell.text() for cell in cells] == [f"{number}\n" for number in range(8)]
    counts = [cell.reply["execution_count"] for cell in cells]
    assert len(set(counts)) == 8
    stop(kernel, subshell, cell)


def test_input_beside_the_running_cell(kernel, subshell):
    cell = driving(kernel)
    beside = kernel.submit('input("beside? ")', subshell=subshell, allow_stdin=True)
    assert kernel.asked(beside) == "beside? "
    kernel.type("yes")
    kernel.done(beside)
    assert beside.value == '"yes"'
    stop(kernel, subshell, cell)


def test_a_subshell_that_waits_takes_little_memory(kernel):
    kernel.ok("1 + 1")
    process = psutil.Process(kernel.pid)
    before = process.memory_info().rss
    for _ in range(1000):
        kernel.ask("create_subshell_request", channel="control")
    assert process.memory_info().rss < before + 8_000_000
