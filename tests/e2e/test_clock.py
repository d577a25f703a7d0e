"""`:clock virtual`: sleeps pass at once, in the same order, and everything says the same."""

import re

import lesson

REFERENCE = lesson.reference()
LAST = {"fork-run": "<<< c2\n", "rest": "<<< long\n"}  # what comes before the interrupt


def test_the_whole_lesson_says_the_same_in_no_time(kernel):
    kernel.ok(":clock virtual")
    waited = 0
    for scenario, code, _ in lesson.cells():
        request = kernel.submit(code)
        if "interrupt_at" in REFERENCE.get(scenario, {}):
            kernel.printed(request, LAST[scenario])
            kernel.interrupt()
        kernel.done(request)
        assert request.status == "ok", request.describe()
        events = REFERENCE.get(scenario, {}).get("events", [])
        # Virtual time is exact, so that the printed digits are, too.
        exact = [re.sub(r"^(\d+)s \+ …ms", lambda shown: f"{shown[1]}s + 000ms", text) for _, text in events]
        assert [text for _, text in request.lines()] == exact, (scenario, request.describe())
        if events:
            waited += request.lines()[-1][0] - request.lines()[0][0]
    assert waited < 1, f"{waited} s between the first and the last lines"


def test_the_clock_can_be_asked_and_survives_a_restart(kernel):
    assert kernel.ok(":clock").shown == ["Clock: real"]
    assert kernel.ok(":clock virtual").shown == ["Clock: virtual (sleeps pass at once, in the same order)"]
    kernel.ok(":restart")
    kernel.ok("set_event_loop(None); set_event_loop(new_event_loop()); assert!(get_event_loop().has_virtual_time());")
    hour = kernel.ok("start_timer(); sleep(3600).await; std::thread::sleep(std::time::Duration::from_secs(1800)); show_timer(\"later\");")
    assert hour.text() == "---------- zero\n5400s + 000ms later\n"
    assert kernel.ok(":clock real").shown == ["Clock: real"]
    assert "the clock is `virtual` or `real`" in kernel.fails(":clock fast").traceback


def test_what_sleeps_keeps_the_rest_of_its_time_when_the_clock_changes(kernel):
    kernel.ok(":clock virtual\nlet sleeper = ensure_future(async { sleep(100).await; });\nsleep(40).await;\n:clock real")
    assert re.search(r"sleep, (60\.000|59\.\d{3}) s left", kernel.ok(":tasks").shown[0])
    kernel.ok("get_event_loop().run_until_complete(async { sleep(0.01).await });\nassert!(!sleeper.done());")
    kernel.ok(":clock virtual\nsleeper.await;")


def test_time_does_not_jump_over_what_comes_from_outside(kernel):
    code = """:clock virtual
let slow = to_thread(|| { std::thread::sleep(std::time::Duration::from_millis(300)); "outside" });
let first = gather!(slow, async { sleep(0.1).await; "inside" });
first.await"""
    request = kernel.ok(code)
    assert request.value == '("outside", "inside")'
    assert request.took >= 0.3
