"""`timeline()`: the figure that a cell shows is a file that any front end, nbconvert and GitHub can show."""

import xml.etree.ElementTree as ElementTree

import lesson

SVG = "{http://www.w3.org/2000/svg}"


def figure(request):
    """The figure of a cell's value, parsed, and its text."""
    (result,) = request.of("execute_result")
    data = result.content["data"]
    return ElementTree.fromstring(data["image/svg+xml"]), data["text/plain"]


def texts(svg):
    return [element.text for element in svg.iter(SVG + "text")]


def classes(svg):
    return [element.get("class") for element in svg.iter()]


def test_the_lesson_is_drawn(kernel):
    kernel.ok(":clock virtual")
    for scenario, code, _ in lesson.cells():
        if scenario in ("fork-define", "fork-schedule"):
            kernel.ok(code)
    run = kernel.submit(lesson.source("fork-run"))
    kernel.printed(run, "<<< c2\n")
    kernel.interrupt()
    kernel.done(run)
    svg, text = figure(kernel.ok("timeline()"))
    assert svg.tag == SVG + "svg" and {"script", "image", "foreignObject"}.isdisjoint(element.tag.removeprefix(SVG) for element in svg.iter())
    for shown in ("c1()", "c2()", "Task-1", ">>> c1", "forking", "<<< c2", "sleep", "■ interrupt", "0.0", "3.0 s", "starts a task"):
        assert shown in texts(svg), (shown, texts(svg))
    # The arrow and its sign in the legend; plain code has made c1.
    assert [element.tag for element in svg.iter() if element.get("class") == "fork"] == [SVG + "path"] * 2
    first, second = text.splitlines()[:2]
    assert first.startswith("c1()  Task-1  █") and second.startswith("c2()  Task-2 ") and second.endswith("●")


def test_what_blocks_the_loop_is_seen_in_real_time(kernel):
    kernel.ok("async fn blocks() { sleep(0.1).await; std::thread::sleep(std::time::Duration::from_millis(400)); }\nasync fn suffers() { for _ in 0..4 { sleep(0.05).await; } }")
    kernel.ok("start_timer(); gather!(blocks(), suffers()).await;")
    svg, text = figure(kernel.ok("timeline()"))
    assert "ready" in classes(svg) and "run" in classes(svg)
    rows = {row.split("()")[0]: row for row in text.splitlines() if "()" in row}
    assert rows["blocks"].count("█") > 20 and rows["suffers"].count("▒") > 20, text


def test_nothing_to_show_is_said(kernel):
    assert kernel.ok("timeline()").value == "No task has run yet."
    assert kernel.ok("stop_timeline(); timeline()").value == "Nothing is recorded: `start_timeline()` begins a recording."


def test_names_from_the_user_cannot_break_the_figure(kernel):
    kernel.ok('async fn named() { show_timer("</text><script>alert(1)</script> &amp; \\u{1}"); sleep(0).await; }')
    kernel.ok('let task = ensure_future(named()); task.set_name("<b> & \\"x\\""); task.await;')
    svg, _ = figure(kernel.ok("timeline()"))
    assert '<b> & "x"' in texts(svg)
    assert any(text.startswith("</text><script>") for text in texts(svg))
