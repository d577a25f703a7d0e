"""What a cell prints arrives soon, completely, and in order."""

import pytest


def test_a_partial_line_arrives_while_the_cell_blocks(kernel):
    request = kernel.submit('print!(".");\nstd::thread::sleep(std::time::Duration::from_secs(2));\nprintln!("!");')
    kernel.printed(request, ".")
    # Had it waited for the next newline, it would have come with it.
    assert request.text() == "." and not request.done
    kernel.done(request)
    assert request.text() == ".!\n"


def test_a_partial_line_arrives_while_the_loop_waits(kernel):
    request = kernel.submit('print!("a");\nsleep(1).await;\nprint!("b");\nsleep(1).await;')
    kernel.printed(request, "a")
    assert request.text() == "a"
    kernel.printed(request, "b")
    assert not request.done
    kernel.done(request)
    assert request.text() == "ab"


def test_a_partial_line_arrives_while_the_cell_computes(kernel):
    request = kernel.submit('print!("busy");\nlet mut n = 0u64;\nloop { n = n.wrapping_add(1); }')
    kernel.printed(request, "busy", limit=5.0)
    kernel.interrupt()
    kernel.done(request)


def test_what_is_printed_last_comes_before_the_reply(kernel):
    for number in range(20):
        request = kernel.ok(f'print!("{number} without newline")')
        assert request.text() == f"{number} without newline"


def test_stderr_is_a_stream_of_its_own(kernel):
    request = kernel.ok('println!("out"); eprintln!("err"); eprint!("more")')
    assert (request.text(), request.text("stderr")) == ("out\n", "err\nmore")


def test_200_000_lines_arrive_complete_and_in_few_messages(kernel):
    request = kernel.ok('for i in 0..200000 { println!("{i} {}", "x".repeat(80)); }', limit=60.0)
    assert request.text() == "".join(f"{i} {'x' * 80}\n" for i in range(200000))
    assert len(request.of("stream")) <= max(60, 60 * request.took), "jupyter_server stops at a thousand messages a second"


def test_one_very_long_line(kernel):
    assert kernel.ok('println!("{}", "é".repeat(3_000_000));').text() == "é" * 3_000_000 + "\n"


def test_many_flushed_pieces_are_merged(kernel):
    request = kernel.ok('use std::io::Write;\nfor _ in 0..20000 { print!("."); std::io::stdout().flush().unwrap(); }')
    assert request.text() == "." * 20000
    assert len(request.of("stream")) <= 50 * max(request.took, 1.0) + 10


@pytest.mark.parametrize("bytes_, shown", [
    (r'b"a\xffb\n"', "a\ufffdb\n"),
    (r'b"\xc3\x28\n"', "\ufffd(\n"),
    (r'b"ends in the middle \xe2\x82"', "ends in the middle \ufffd"),
    (r'b"nul \x00 bell \x07\n"', "nul \x00 bell \x07\n"),
])
def test_what_is_not_utf8_is_replaced_not_lost(kernel, bytes_, shown):
    assert kernel.ok(f"use std::io::Write;\nstd::io::stdout().write_all({bytes_})?;").text() == shown
    assert kernel.ok("1 + 1").value == "2"


def test_a_character_written_in_two_halves_stays_whole(kernel):
    request = kernel.ok(
        'use std::io::Write;\nstd::io::stdout().write_all(b"\\xe2\\x82")?; std::io::stdout().flush()?;\n'
        'sleep(0.2).await;\nstd::io::stdout().write_all(b"\\xac\\n")?;'
    )
    assert request.text() == "€\n"


def test_what_a_child_process_prints_is_shown(kernel):
    request = kernel.ok('std::process::Command::new("echo").arg("from a child").status()?;')
    assert request.text() == "from a child\n"


def test_what_c_code_prints_is_shown(kernel):
    request = kernel.ok('unsafe extern "C" { fn write(fd: i32, text: *const u8, length: usize) -> isize; }\nunsafe { write(1, b"from C\\n".as_ptr(), 7); }')
    assert request.text() == "from C\n"


def test_what_a_thread_prints_is_shown(kernel):
    request = kernel.ok('std::thread::spawn(|| println!("from a thread")).join().unwrap();')
    assert request.text() == "from a thread\n"


def test_text_that_looks_like_a_protocol_is_only_text(kernel):
    text = "EVCXR_EXECUTION_COMPLETE\n\x00\x00\x00\x10{}<IDS|MSG>\n"
    assert kernel.ok(f'print!("{{}}", {rust_string(text)})').text() == text


def rust_string(text):
    return '"' + "".join(f"\\u{{{ord(character):x}}}" for character in text) + '"'


def test_standard_input_is_empty_and_does_not_block(kernel):
    assert kernel.ok("let mut line = String::new();\nstd::io::stdin().read_line(&mut line)?").value == "0"
