"""What a cell may hold besides Rust: `:vars`, `!ls`, `%timeit` and the others, each as a user types it, mistakes included."""

import html.parser
import os
import re
import signal
import time

import pytest

import processes


def table(request):
    """The rows of the one table that a cell shows, each a list of texts, without the header; the HTML must say the same as the text."""
    (shown,) = request.of("display_data")
    rows = Rows()
    rows.feed(shown.content["data"]["text/html"])
    # What is code in HTML stands between backticks in text.
    text = shown.content["data"]["text/plain"].replace("`", "")
    for row in rows.found:
        assert any(all(cell in line for cell in row) for line in text.splitlines()), (row, text)
    return rows.found[1:]


class Rows(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.found.append([])
        elif tag in ("td", "th"):
            self.found[-1].append("")

    def handle_data(self, data):
        if self.found and self.found[-1]:
            self.found[-1][-1] += data.strip("\n")


# ---- where commands stand ----


def test_code_and_commands_run_in_the_order_of_the_text(kernel):
    request = kernel.ok('let a = 1;\nprintln!("one");\n!echo two\nprintln!("three {}", a);\n:vars\nlet b = a + 1;\nb')
    assert request.text() == "one\ntwo\nthree 1\n"
    assert table(request) == [["a", "i32"]]
    assert request.value == "2"


def test_messages_name_the_lines_of_the_cell(kernel):
    assert "In[1]:3:14" in kernel.fails(':vars\n:opt 1\nlet b: i32 = "text";').traceback
    kernel.ok(":vars\nfn risky(n: usize) -> i32 {\n    [1, 2][n]\n}\n:vars")
    assert "In[2]:3:5" in kernel.fails("risky(7)").traceback
    assert kernel.ok(":vars\n\nline!()").value == "3"


def test_each_part_of_a_cell_keeps_its_own_places(kernel):
    kernel.ok('async fn one() { sleep(0.01).await; panic!("of one") }\nlet a = ensure_future(one());\n!echo\n\nlet b = 5;')
    failed = kernel.fails("a.await;")
    assert "In[1]:1:" in failed.traceback and "of one" in failed.traceback


def test_a_mistyped_command_changes_nothing_and_names_the_nearest(kernel):
    failed = kernel.fails('let a = 1;\nprintln!("ran");\n:vras')
    assert failed.reply["ename"] == "CommandError"
    assert "`:vras`" in failed.reply["evalue"]
    assert "In[1]:3:1" in failed.traceback and "did you mean `:vars`" in failed.traceback
    assert failed.text() == ""
    kernel.fails("a")


@pytest.mark.parametrize(
    "code, told",
    [
        (":", "the name of a command has to follow"),
        (":plot x", "`:help` shows all commands"),
        (":time f()", "did you mean `%time`"),
        ("%vars", "did you mean `:vars`"),
        (":opt 7", "from 0 to 3"),
        (":env PATH", "`:env NAME=value`"),
        (":vars all", "takes no argument"),
        ("%time", "no code"),
        ("%timeit -n many f()", "a number from 1"),
        ("!", "has to follow the `!`"),
        ("?", "has to follow the `?`"),
        ("let a = 1;\n%%opt 2", "has to come first"),
        (":type", "no code"),
        (":dep", "needs a crate"),
    ],
)
def test_mistakes_are_explained(kernel, code, told):
    failed = kernel.fails(code)
    assert failed.reply["ename"] == "CommandError", failed.describe()
    assert told in failed.traceback, failed.traceback
    assert kernel.ok("1 + 1").value == "2"


def test_what_is_rust_stays_rust(kernel):
    kernel.ok("let ready = true;")
    assert kernel.ok("!ready").value == "false"
    assert kernel.ok('let text = "\n:vars\n!ls\n%time\n?x\n";\ntext.lines().count()').value == "5"
    assert kernel.ok("let n = 17\n    %5;\nn").value == "2"
    assert kernel.ok('"5".parse::<i32>()\n    ?\n    .pow(2)').value == "25"
    assert kernel.ok("/*\n:vars\n*/\n::std::cmp::max(1, 2)").value == "2"


def test_a_cell_of_commands_is_complete(kernel):
    for code in (":vars", "!ls", "%time f()", "?sleep", "let a = 1;\n:vars"):
        assert kernel.ask("is_complete_request", {"code": code}).reply["status"] == "complete", code
    for code in ("%time for i in 0..3 {", ":vars\nfn f() {", "%%timeit", "!ls \\"):
        assert kernel.ask("is_complete_request", {"code": code}).reply["status"] == "incomplete", code


# ---- what there is ----


def test_vars_and_type(kernel):
    assert kernel.ok(":vars").shown == ["there are no variables"]
    kernel.ok("use std::collections::HashMap;\nlet v = vec![String::new()];\nlet m: HashMap<u8, &str> = HashMap::new();")
    assert table(kernel.ok(":vars")) == [["m", "HashMap<u8, &str>"], ["v", "Vec<String>"]]
    assert kernel.ok(":type v").shown == ["Vec<String>"]
    assert kernel.ok(":t v.iter().map(|s| s.len()).sum::<usize>()").shown == ["usize"]
    assert kernel.ok(":type v[0]").shown == ["String"]
    assert kernel.ok(":type &v[0][..]").shown == ["&str"]
    assert kernel.ok(":type |n: i32| n + 1").shown == ["{closure}"]
    assert kernel.ok(':type { println!("not run"); panic!("nor this"); }').text() == ""
    assert "In[10]:1:7" in kernel.fails(":type unknown + 1").traceback
    assert kernel.ok("v.len()").value == "1"


def test_tasks(kernel):
    assert kernel.ok(":tasks").shown == ["no tasks are pending"]
    kernel.ok("async fn job(s: f64) { sleep(s).await; }\nlet a = ensure_future(job(60.0));\nlet b = ensure_future(job(0.0));")
    assert [row[1:5] for row in table(kernel.ok(":tasks"))] == [["job()", "ready", "", ""]] * 2
    kernel.ok("sleep(0.01).await;")
    (row,) = table(kernel.ok(":tasks"))
    assert row[1:3] == ["job()", "waiting"] and row[4] == "In[2]:1", row
    assert re.fullmatch(r"sleep, 59\.\d{3} s left", row[3]) and row[5].endswith(" ago"), row
    kernel.ok("a.cancel();")
    assert table(kernel.ok(":tasks"))[0][2] == "cancelling"
    kernel.fails('panic!("in between")')
    kernel.fails("std::process::abort()")
    assert kernel.ok(":tasks").shown == ["no tasks are pending"]


def test_tasks_say_who_awaits_whom(kernel):
    kernel.ok("async fn fetch(q: Queue<i32>) -> i32 {\n    q.get().await\n}\nasync fn both(q: Queue<i32>) {\n    gather!(fetch(q.clone()), fetch(q)).await;\n}")
    kernel.ok("let all = ensure_future(both(Queue::new(0)));\nsleep(0).await;\nsleep(0).await;")
    outer, *inner = table(kernel.ok(":tasks"))
    assert outer[2:5] == ["waiting", f"gather of {inner[0][0]}, {inner[1][0]}", "In[1]:5"]
    assert [row[1:5] + row[6:] for row in inner] == [["fetch()", "waiting", "Queue.get", "In[1]:2", outer[0]]] * 2
    graph = kernel.ok("async fn look() { print_call_graph(); }\nlook().await;\nall.call_graph()").text()
    assert re.search(r"\* Task\(name='Task-\d+'\)\n  \+ Call stack:\n  \|   File 'In\[4\]', line 1, running\n", graph), graph


def pages(request):
    """What a cell shows in the pager."""
    assert not request.shown, "front ends would show it twice"
    payload = request.reply["payload"]
    assert all(page["source"] == "page" and page["start"] == 0 and page["data"]["text/markdown"] for page in payload)
    return [page["data"]["text/plain"] for page in payload]


def test_documentation(kernel):
    kernel.ok("/// Doubles a number.\n///\n/// Really.\npub fn double(n: i32) -> i32 { 2 * n }\nlet five = 5;")
    (page,) = pages(kernel.ok("?double"))
    assert "pub fn double(n: i32) -> i32" in page and "Doubles a number.\n\nReally." in page and "In[1]" in page
    assert kernel.ok(":doc double").shown == [page]
    assert "five: i32" in kernel.ok(":doc five").shown[0]
    assert "Suspends the coroutine" in pages(kernel.ok("?sleep"))[0]
    assert "pub fn cancel(&self)" in pages(kernel.ok("?Task::cancel"))[0]
    assert "doc.rust-lang.org" in pages(kernel.ok("?HashMap"))[0]
    (both,) = pages(kernel.ok("?double\n?five"))
    assert both.startswith(page) and "five: i32" in both
    assert kernel.run("?double\nnonsense").reply["payload"] == []
    assert pages(kernel.ok("1")) == []


def test_load_puts_a_file_into_the_cell(kernel, tmp_path):
    file = tmp_path / "with blank.rs"
    file.write_text("let a = 1;\na + 1\n")
    request = kernel.ok(f":load {file}")
    (payload,) = request.reply["payload"]
    assert payload == {"source": "set_next_input", "replace": True, "text": f"// :load {file}\nlet a = 1;\na + 1\n"}
    assert kernel.ok(payload["text"]).value == "2"
    assert f"cannot read `{tmp_path}`" in kernel.fails(f":load {tmp_path}").traceback


def test_quit_asks_a_console_to_end(kernel):
    assert kernel.ok(":quit").reply["payload"] == [{"source": "ask_exit", "keepkernel": False}]
    for code in ("exit", "quit", "exit()", "quit();"):
        assert "`:quit`" in kernel.fails(code).traceback
    assert kernel.ok("1 + 1").value == "2"


def test_help_lists_every_command(kernel):
    rows = table(kernel.ok(":help"))
    names = " ".join(row[0] for row in rows)
    for name in (":dep", ":vars", ":type", ":opt", ":clear", ":restart", ":help", ":version", ":env", ":build_env", ":show_deps", ":fmt", ":types", ":efmt", ":timing", ":doc", ":load_config", "%%opt", "%time", "%timeit", ":tasks", ":last_source", ":load", ":quit", "!command"):
        assert name in names
    assert all(len(row) == 1 or row[1] for row in rows), rows
    assert re.fullmatch(r"Boucle \d+\.\d+\.\d+, rustc 1\.\d+\.\d+\S*", kernel.ok(":version").shown[0])


def test_last_source_is_what_rustc_was_given(kernel):
    assert kernel.ok(":last_source").shown == ["nothing has been compiled yet"]
    kernel.ok('println!("{}", 6 * 7);')
    assert 'println!("{}", 6 * 7);' in kernel.ok(":last_source").shown[0]


# ---- the session ----


def test_restart_keeps_definitions_and_clear_keeps_nothing(kernel):
    kernel.ok("fn three() -> i32 { 3 }\nlet a = three();")
    pid = kernel.ok("std::process::id()").value
    assert kernel.ok(":restart").shown == ["restarted; lost: a"]
    assert kernel.ok("std::process::id()").value != pid
    assert "`:restart`" in kernel.fails("a").traceback
    assert kernel.ok("let a = three(); a").value == "3"
    kernel.ok(":clear")
    kernel.fails("three()")
    kernel.fails("a")
    assert kernel.ok("let a = 1;\n:clear\nlet b = 2;\nb").value == "2"
    assert kernel.ok(":restart\n1 + 1").value == "2"


def test_environment_variables(kernel):
    kernel.ok(":env GREETING = hello world")
    assert kernel.ok('std::env::var("GREETING")').value == 'Ok("hello world")'
    assert kernel.ok("!echo $GREETING").text() == "hello world\n"
    kernel.ok(":restart")
    assert kernel.ok('std::env::var("GREETING")').value == 'Ok("hello world")'
    kernel.ok(":build_env WHEN_BUILT=then")
    assert kernel.ok('env!("WHEN_BUILT")').value == '"then"'


ENDLESS_COMPILATION = "#[allow(long_running_const_eval)]\nconst N: u64 = { let mut i = 0u64; while i < 1 << 60 { i += 1; } i };\nN"


def level_of(kernel, command):
    """The level with which rustc compiles a cell that begins with this command."""
    request = kernel.submit(command + "\n" + ENDLESS_COMPILATION)

    def levels():
        lines = [process.cmdline() for process in processes.named(kernel.pid, "rustc")]
        # A kernel that has just been started warms up with another rustc.
        return [word for line in lines if "warm-up" not in line for word in line if word.startswith("-Copt-level=")]

    (level,) = kernel.wait_for(levels)
    kernel.interrupt()
    kernel.done(request, limit=5.0)
    kernel.wait_for(lambda: not levels())
    return int(level.removeprefix("-Copt-level="))


def test_opt_decides_how_much_is_optimized(kernel):
    assert level_of(kernel, "") == 1, "the code loops"
    assert level_of(kernel, "%%opt 0") == 0
    assert kernel.ok(":opt 3").shown == ["Optimization: 3"]
    assert level_of(kernel, "") == 3
    assert level_of(kernel, "%%opt 1") == 1
    assert kernel.ok(":opt").shown == ["Optimization: 2"]
    assert kernel.ok(":opt").shown == ["Optimization: 0"]
    assert level_of(kernel, "") == 0
    assert level_of(kernel, ":opt auto") == 1


def test_formats_of_values_and_errors(kernel):
    kernel.ok("#[derive(Debug)]\nstruct P { x: f64 }\nstruct Bare;\nlet p = P { x: 0.5 };")
    assert kernel.ok(":fmt {:#?}").shown == ["Output format: {:#?}"]
    assert kernel.ok("p").value == "P {\n    x: 0.5,\n}"
    kernel.ok(":fmt {:.3?}")
    assert kernel.ok("p").value == "P { x: 0.500 }"
    assert kernel.ok("Bare").value == "<Bare>"
    assert kernel.ok('println!("no value")').value is None
    kernel.ok(":fmt {}")
    assert kernel.ok('"text"').value == "text"
    assert kernel.ok("p").value == "P { x: 0.5 }"
    kernel.ok(":fmt\n:types")
    assert kernel.ok("p").value == ": P = P { x: 0.5 }"
    kernel.ok(":types")
    assert kernel.ok("p").value == "P { x: 0.5 }"
    failing = '"x".parse::<i32>()?;'
    assert kernel.fails(failing).reply["evalue"] == "invalid digit found in string"
    kernel.ok(":efmt {:?}")
    assert kernel.fails(failing).reply["evalue"] == "ParseIntError { kind: InvalidDigit }"
    kernel.ok(":efmt {}")
    assert kernel.fails(failing).reply["evalue"] == "invalid digit found in string"
    assert "None" in kernel.fails("None::<i32>?;").reply["evalue"]
    assert "`P` doesn't implement `std::fmt::Display`" in kernel.fails("Err::<i32, P>(P { x: 1.0 })?;").reply["evalue"]
    kernel.ok(":efmt {:#?}")
    assert kernel.fails(failing).reply["evalue"] == "ParseIntError {\n    kind: InvalidDigit,\n}"


def test_commands_of_evcxr_that_have_nothing_to_do_do_no_harm(kernel):
    for command in (":cache 500", ":sccache 1", ":linker lld", ":preserve_vars_on_panic 1", ":offline 1", ":toolchain nightly"):
        assert kernel.ok(command + "\n5").value == "5", command


def test_configuration_files_are_run_before_the_first_cell(start, tmp_path):
    folder = tmp_path / "config/evcxr"
    folder.mkdir(parents=True)
    (folder / "init.evcxr").write_text(":opt 2\n:env FROM_INIT=yes\n")
    (folder / "prelude.rs").write_text('const GREETING: &str = "hello";\n')
    kernel = start(env={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert kernel.ok('format!("{GREETING} {}", std::env::var("FROM_INIT")?)').value == '"hello yes"'
    (folder / "prelude.rs").write_text("const GREETING: &str = \"changed\";\n")
    assert len(kernel.ok(":load_config").shown) == 3
    assert kernel.ok("GREETING").value == '"changed"'
    (folder / "prelude.rs").write_text("const GREETING: i32 = \"wrong\";\n")
    assert "prelude.rs (3):1:23" in kernel.fails(":load_config --quiet").traceback
    assert kernel.ok("GREETING").value == '"changed"'
    kernel.settle()
    kernel.shutdown()


def test_a_broken_configuration_is_told_and_the_cell_runs(start, tmp_path):
    folder = tmp_path / "config/evcxr"
    folder.mkdir(parents=True)
    (folder / "init.evcxr").write_text(":nonsense\n")
    kernel = start(env={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    request = kernel.ok("1 + 1")
    assert request.value == "2" and "`:nonsense`" in request.text("stderr") and "init.evcxr:1:1" in request.text("stderr")
    assert kernel.ok("1 + 2").text("stderr") == ""
    kernel.settle()
    kernel.shutdown()


# ---- time ----


def test_time(kernel):
    request = kernel.ok('%time { std::thread::sleep(std::time::Duration::from_millis(30)); println!("slept"); 5 }')
    assert request.value == "5"
    assert re.search(r"^slept\nCPU time: \S+ [nµm]s\nWall time: \d+(\.\d+)? ms\n$", request.text()), request.text()
    request = kernel.ok("%%time\nlet a = 1;\n:vars\na + 1")
    assert request.value == "2" and "Wall time" in request.text()
    assert kernel.ok("a").value == "1"


TIMEIT = r"^[\d.]+ (ns|µs|ms|s) ± [\d.]+ (ns|µs|ms|s) per loop \(mean ± std\. dev\. of (\d+) runs?, ([\d,]+) loops? each\), best [\d.]+ (ns|µs|ms|s)\n$"


def test_timeit(kernel):
    kernel.ok("fn fib(n: u64) -> u64 { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }\nlet n = 10u64;\nlet v = vec![1, 2, 3];")
    found = re.match(TIMEIT, kernel.ok("%timeit fib(n)").text())
    assert found and found[3] == "7" and int(found[4].replace(",", "")) > 1
    found = re.match(TIMEIT, kernel.ok("%timeit -n 20 -r 3 v.iter().sum::<i32>()").text())
    assert found and (found[3], found[4]) == ("3", "20")
    assert re.match(TIMEIT, kernel.ok("%%timeit -n 10\nlet a = fib(5);\nassert_eq!(a, 5);").text())
    assert re.match(TIMEIT, kernel.ok("%timeit -n 3 sleep(0.001).await").text())
    assert kernel.ok("(v, n)").value == "([1, 2, 3], 10)"
    assert "panicked" in kernel.fails('%timeit panic!("no")').traceback
    assert "cannot find" in kernel.fails("%timeit nothing()").traceback


def test_timing_tells_what_took_how_long(kernel):
    assert kernel.ok(":timing").shown == ["Timing: on"]
    assert re.fullmatch(r"compile .+, link .+, load .+, run .+; all in all .+", kernel.ok(f"let a = {time.time_ns()}u64;").shown[0]), "never compiled before"
    kernel.ok("a")
    assert "found compiled" in kernel.ok("a").shown[0]
    for _ in range(2):  # the second time there is a `b`
        kernel.ok("a;\n!echo\nlet b = a + 1;")
    assert ["found compiled" in shown for shown in kernel.ok("a;\n!echo\nlet b = a + 1;").shown] == [True, True]
    assert kernel.ok(":timing").shown == ["Timing: off"]
    assert kernel.ok("a").shown == []


# ---- the shell ----


def test_shell_output_is_streamed(kernel):
    request = kernel.submit("!echo begun; sleep 60")
    kernel.printed(request, "begun\n")
    assert not request.done
    kernel.interrupt()
    kernel.done(request, limit=5.0)
    assert request.reply["ename"] == "KeyboardInterrupt"
    request = kernel.ok("!echo to stdout; echo to stderr >&2")
    assert (request.text(), request.text("stderr")) == ("to stdout\n", "to stderr\n")


def test_a_failing_shell_command_fails_the_cell(kernel):
    failed = kernel.fails('!exit 3\nprintln!("not reached");')
    assert failed.reply["ename"] == "ShellError" and "exit code 3" in failed.reply["evalue"]
    assert failed.text() == ""
    assert "there is no such command" in kernel.fails("!no-such-command --at-all").reply["evalue"]


def test_the_shell_has_no_input_to_wait_for(kernel):
    assert kernel.ok("!cat; echo done").text() == "done\n"


def test_an_interrupt_ends_all_that_a_shell_command_has_started(kernel):
    request = kernel.submit("!sleep 61 | cat & (trap '' INT; echo go; sleep 62; sleep 63)")
    kernel.printed(request, "go\n")
    kernel.interrupt()
    kernel.done(request, limit=5.0)
    assert request.reply["ename"] == "KeyboardInterrupt"
    kernel.wait_for(lambda: not processes.named(kernel.pid, "sleep"), 5.0)
    assert kernel.ok("1 + 1").value == "2"


def test_what_runs_in_the_background_ends_with_its_command(kernel):
    assert kernel.ok("!sleep 64 & echo started").text() == "started\n"
    kernel.wait_for(lambda: not processes.named(kernel.pid, "sleep"), 5.0)


def test_a_shell_command_dies_with_the_kernel(start, session_mark):
    kernel = start()
    request = kernel.submit("!echo go; sleep 65 | cat")
    kernel.printed(request, "go\n")
    os.kill(kernel.pid, signal.SIGKILL)
    processes.assert_gone(session_mark)
