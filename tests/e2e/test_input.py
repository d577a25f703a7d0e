"""Text that cells ask for: over the stdin channel, from the client that has sent the cell."""

import pytest
from jupyter_client.session import Session

import client


def asking(kernel, code):
    return kernel.submit(code, allow_stdin=True)


def test_input_returns_what_was_typed(kernel):
    cell = asking(kernel, 'println!("before"); let name = input("Name: "); format!("Hello {name}")')
    assert kernel.asked(cell) == "Name: "
    assert cell.text() == "before\n"
    assert cell.questions[0]["content"]["password"] is False
    kernel.type("Ada é 🦀")
    kernel.done(cell)
    assert cell.value == '"Hello Ada é 🦀"'


def test_a_password_is_asked_for_as_such(kernel):
    cell = asking(kernel, 'password(format!("{}? ", "Secret")).len()')
    assert kernel.asked(cell) == "Secret? "
    assert cell.questions[0]["content"]["password"] is True
    kernel.type("four")
    kernel.done(cell)
    assert cell.value == "4"


def test_several_questions_come_one_after_the_other(kernel):
    cell = asking(kernel, 'let mut sum = 0;\nfor n in 1..=3 { sum += input(n).parse::<i32>()?; }\nsum')
    for number in (1, 2, 3):
        assert kernel.asked(cell, number) == str(number)
        assert len(cell.questions) == number
        kernel.type("5", cell.questions[-1])
    kernel.done(cell)
    assert cell.value == "15"


@pytest.mark.parametrize("question", ["input", "password"])
def test_an_interrupt_ends_the_question_and_loses_nothing(kernel, question):
    kernel.ok("let mut kept = vec![1];")
    cell = asking(kernel, f'kept.push(2); {question}("?");')
    kernel.asked(cell)
    kernel.interrupt()
    kernel.done(cell, limit=5.0)
    assert cell.error == "KeyboardInterrupt: "
    assert kernel.ok("kept").value == "[1, 2]"


def test_what_is_typed_too_late_answers_no_later_question(kernel):
    first = asking(kernel, 'input("first");')
    kernel.asked(first)
    kernel.interrupt()
    kernel.done(first)
    kernel.type("for the first")
    second = asking(kernel, 'input("second")')
    kernel.asked(second)
    kernel.type("for the first again", first.questions[0])
    kernel.type("right", second.questions[0])
    kernel.done(second)
    assert second.value == '"right"'


def test_where_nobody_can_be_asked_the_cell_says_what_to_do(kernel):
    failed = kernel.fails('let name = input("Name: ");')
    assert failed.reply["ename"] == "InputError" and "allow_stdin" in failed.reply["evalue"]
    assert "In[1]:1:12" in failed.traceback
    assert kernel.ok("1 + 1").value == "2"


def test_a_coroutine_asks_while_the_loop_goes_on(kernel):
    cell = asking(kernel, """
async fn tick() { loop { println!("tick"); sleep(0.02).await; } }
let ticking = ensure_future(tick());
let answer = ainput("Answer: ").await;
ticking.cancel();
answer""")
    kernel.asked(cell)
    kernel.pump(lambda: cell.text().count("tick") > 3, client.LIMIT)
    kernel.type("42")
    kernel.done(cell)
    assert cell.value == '"42"'


def test_coroutines_that_ask_at_once_are_answered_in_turn(kernel):
    cell = asking(kernel, 'gather!(ainput("a"), ainput("b")).await')
    assert kernel.asked(cell) == "a" and len(cell.questions) == 1
    kernel.type("1")
    assert kernel.asked(cell, 2) == "b"
    kernel.type("2")
    kernel.done(cell)
    assert cell.value == '("1", "2")'


def test_a_cancelled_question_makes_room_for_the_next(kernel):
    cell = asking(kernel, 'let late = wait_for(ainput("too slow"), 0.1).await;\n(late.is_err(), ainput("next").await)')
    assert kernel.asked(cell) == "too slow"
    assert kernel.asked(cell, 2) == "next"
    kernel.type("now", cell.questions[1])
    kernel.done(cell)
    assert cell.value == '(true, "now")'


def test_threads_ask_through_the_cell_that_runs(kernel):
    kernel.ok("let (go, going) = std::sync::mpsc::channel::<()>();\nlet (tell, told) = std::sync::mpsc::channel::<String>();")
    kernel.ok('std::thread::spawn(move || { while going.recv().is_ok() { tell.send(input("thread")).unwrap(); } });')
    cell = asking(kernel, "go.send(()).unwrap();\nto_thread(move || told.recv().unwrap()).await")
    assert kernel.asked(cell) == "thread"
    kernel.type("heard")
    kernel.done(cell)
    assert cell.value == '"heard"'


def test_a_thread_whose_cell_has_ended_gets_an_error(kernel):
    cell = asking(kernel, 'let thread = std::thread::spawn(|| input("left alone")); std::thread::sleep(std::time::Duration::from_millis(100));')
    kernel.asked(cell)
    kernel.strict = False  # the thread's panic is printed when its cell has ended
    kernel.done(cell)
    later = kernel.ok("thread.join().unwrap_err().downcast_ref::<InputError>().map(|error| error.to_string())")
    kernel.strict = True
    assert "has ended" in later.value


def test_only_the_client_that_has_sent_the_cell_is_asked(kernel):
    session = Session(key=kernel.session.key)
    second = kernel.manager.client(session=session)
    second.start_channels(hb=False)
    second.wait_for_ready(timeout=client.LIMIT)
    kernel.managers_own.add("kernel_info_request")
    cell = asking(kernel, 'input("mine?")')
    kernel.asked(cell)
    second.input("not yours to answer")
    kernel.ask("kernel_info_request")
    assert not cell.done and not second.stdin_channel.socket.poll(100)
    kernel.type("mine")
    kernel.done(cell)
    assert cell.value == '"mine"'
    second.stop_channels()


def test_stdin_itself_is_empty_and_the_cell_is_told(kernel):
    cell = kernel.ok("let mut line = String::new();\nstd::io::stdin().read_line(&mut line)?")
    assert cell.value == "0"
    assert any("input(" in text for text in cell.shown), cell.describe()


def test_a_shell_command_gets_no_stdin(kernel):
    assert kernel.ok("!cat; echo end").text() == "end\n"
