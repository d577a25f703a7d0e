"""The lesson, run by a client that presses ■ where a student would, prints what CPython prints, when CPython prints it."""

import pytest

import lesson
from client import open_kernel

BYE = "if let Err(KeyboardInterrupt) = get_event_loop().run_forever() { println!(\"bye\"); }"
REFERENCE = lesson.reference()


class Take:
    """One cell as it ran: its lines, and its zero on the clock that all cells share."""

    def __init__(self, request):
        self.request = request
        self.lines = request.lines()
        self.zero = request.started + next((at for at, text in self.lines if text == lesson.ZERO), 0.0)


def run(kernel, code, interrupt_at=None):
    """Runs a cell that must succeed; presses ■ that long after its zero line (or its start, where there is none)."""
    request = kernel.submit(code)
    kernel.started(request)
    if interrupt_at is not None:
        at = request.started
        if "start_timer" in code:
            at = kernel.printed(request, lesson.ZERO + "\n")
        kernel.wait_until(at + interrupt_at)
        kernel.interrupt()
    kernel.done(request)
    assert request.status == "ok", request.describe()
    return Take(request)


@pytest.fixture(scope="module")
def takes(installation, session_mark, tmp_path_factory):
    """{scenario: Take} of the whole lesson, from top to bottom, in one kernel."""
    with open_kernel(session_mark, tmp_path_factory.mktemp("lesson")) as kernel:
        played = {}
        for scenario, code, _ in lesson.cells():
            take = run(kernel, code, REFERENCE.get(scenario, {}).get("interrupt_at"))
            if scenario:
                played.setdefault(scenario, []).append(take)
        kernel.settle()
        kernel.shutdown()
    return played


def expected(scenario, takes):
    """The events of the reference; one of them depends on when the student ran the cell, as its note says."""
    events = [tuple(event) for event in REFERENCE[scenario]["events"]]
    if scenario == "rest":
        due = takes["until-complete"][0].zero + 2.0 - takes["rest"][0].zero
        events[1] = (max(due, 0.0), events[1][1])
    return events


PRINTING = ["blocking", "fork-run", "stop-run", "until-complete", "rest"]


@pytest.mark.parametrize("scenario", PRINTING)
def test_every_line_comes_in_order_and_on_time(takes, scenario):
    (take,) = takes[scenario]
    assert not lesson.differences(expected(scenario, takes), take.lines), take.request.describe()
    assert not lesson.clock_errors(take.lines)


@pytest.mark.parametrize("scenario", PRINTING)
def test_the_cell_starts_printing_at_once(takes, scenario):
    (take,) = takes[scenario]
    assert take.lines[0][0] <= 1.0, "more than a second between the start of the cell and its first line"


@pytest.mark.parametrize("scenario", ["fork-define", "fork-schedule", "stop-schedule", "long-schedule"])
def test_defining_and_scheduling_runs_nothing(takes, scenario):
    assert all(not take.lines for take in takes[scenario])


@pytest.mark.parametrize("scenario, shown", [
    ("fork-schedule", "<Task pending name='Task-1' coro=<c1()>>"),
    ("stop-schedule", "<Task pending name='Task-3' coro=<c1_stop()>>"),
    ("long-schedule", "<Task pending name='Task-5' coro=<long()>>"),
])
def test_a_scheduled_task_is_displayed(takes, scenario, shown):
    (take,) = takes[scenario]
    assert take.request.value == shown


def test_the_lesson_covers_the_reference(takes):
    variations = {"interrupted-early", "until-complete-twice"}  # the lesson's own cells, run in another way: below
    assert set(REFERENCE) - variations <= set(takes)


def test_interrupted_early_then_resumed_in_the_next_cell(kernel):
    early = REFERENCE["interrupted-early"]
    for scenario, code, _ in lesson.cells():
        if scenario in ("fork-define", "fork-schedule"):
            kernel.ok(code)
    first = run(kernel, lesson.source("fork-run"), early["interrupt_at"])
    assert not lesson.differences(early["events"], first.lines), first.request.describe()
    second = run(kernel, BYE, early["then"]["interrupt_at"])
    events = [tuple(event) for event in early["then"]["events"]]
    events[0] = (first.zero + 3.0 - second.zero, events[0][1])
    assert not lesson.differences(events, second.lines), second.request.describe()


def test_after_the_interrupt_the_loop_of_the_lesson_is_empty(kernel):
    for scenario, code, _ in lesson.cells():
        if scenario in ("fork-define", "fork-schedule"):
            kernel.ok(code)
    run(kernel, lesson.source("fork-run"), REFERENCE["fork-run"]["interrupt_at"])
    again = run(kernel, BYE, 0.5)
    assert [text for _, text in again.lines] == ["bye"]
    assert again.lines[0][0] >= 0.5


def test_until_complete_twice(kernel):
    for scenario, code, _ in lesson.cells():
        if scenario == "long-schedule" or "async fn job" in code:
            kernel.ok(code)
    code = lesson.source("until-complete")
    first = run(kernel, code)
    second = run(kernel, code)
    events = [tuple(event) for event in REFERENCE["until-complete-twice"]["events"]]
    events[2] = (first.zero + 2.0 - second.zero, events[2][1])  # its deadline was set in the first run
    assert not lesson.differences(events, second.lines), second.request.describe()
    empty = run(kernel, BYE, 0.3)
    assert [text for _, text in empty.lines] == ["bye"]


# The comparison itself: it must see what it is there to see, on events that really happened.

def events_of(takes):
    return [(scenario, takes[scenario][0].lines, expected(scenario, takes)) for scenario in PRINTING]


def test_a_shift_of_300_ms_is_seen(takes):
    shifted = 0
    for scenario, lines, events in events_of(takes):
        for number in range(len(lines)):
            for delay in (0.3, -0.3):
                changed = [(at + delay if i == number else at, text) for i, (at, text) in enumerate(lines)]
                assert lesson.differences(events, changed), f"{scenario}: line {number + 1} by {delay} s"
                shifted += 1
    assert shifted == 2 * 24


def test_a_swapped_pair_is_seen(takes):
    swapped = 0
    for scenario, lines, events in events_of(takes):
        for number in range(len(lines) - 1):
            (at, text), (next_at, next_text) = lines[number : number + 2]
            changed = [*lines[:number], (at, next_text), (next_at, text), *lines[number + 2 :]]
            assert lesson.differences(events, changed), f"{scenario}: lines {number + 1} and {number + 2}"
            swapped += 1
    assert swapped == 24 - len(PRINTING)


def test_a_missing_and_a_repeated_line_are_seen(takes):
    for _, lines, events in events_of(takes):
        for number in range(len(lines)):
            assert lesson.differences(events, lines[:number] + lines[number + 1 :])
            assert lesson.differences(events, lines[: number + 1] + lines[number:])
