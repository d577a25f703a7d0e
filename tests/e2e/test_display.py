"""Values are shown as what they are: HTML, images, formulas, data, tables; in the order of what is printed."""

import base64
import json

import pytest

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="

BYTES = ", ".join(str(byte) for byte in base64.b64decode(PIXEL))


def bundle(request):
    """The representations of the only thing that was shown."""
    (shown,) = request.of("execute_result", "display_data")
    return shown.content["data"]


def block(mime_type, content):
    return f'"EVCXR_BEGIN_CONTENT {mime_type}\\n{content}\\nEVCXR_END_CONTENT"'


@pytest.mark.parametrize("code, expected", [
    ('Html("<b>x</b>")', {"text/html": "<b>x</b>", "text/plain": "<text/html>"}),
    ('Html(format!("<b>{}</b>", 1))', {"text/html": "<b>1</b>", "text/plain": "<text/html>"}),
    ('Markdown("**x**")', {"text/markdown": "**x**", "text/plain": "**x**"}),
    ('Latex("$x^2$")', {"text/latex": "$x^2$", "text/plain": "$x^2$"}),
    ('Svg("<svg/>")', {"image/svg+xml": "<svg/>", "text/plain": "<image/svg+xml>"}),
    (f"Png([{BYTES}])", {"image/png": PIXEL, "text/plain": "<image/png>"}),
    ("Jpeg(vec![0xff, 0xd8])", {"image/jpeg": "/9g=", "text/plain": "<image/jpeg>"}),
    ('Json(r#"{"a": [1, null]}"#)', {"application/json": {"a": [1, None]}, "text/plain": '{"a": [1, null]}'}),
    ('VegaLite(r#"{"mark": "bar"}"#)', {"application/vnd.vegalite.v5+json": {"mark": "bar"}, "text/plain": "<application/vnd.vegalite.v5+json>"}),
    ('Text("two\\nlines")', {"text/plain": "two\nlines"}),
    ('MimeBundle::new().html("<b>").text("b").with("text/x-own", "c")', {"text/html": "<b>", "text/plain": "b", "text/x-own": "c"}),
])
def test_each_type_arrives_as_a_value_and_as_a_display(kernel, code, expected):
    assert bundle(kernel.ok(code)) == expected
    assert bundle(kernel.ok(f"display({code});")) == expected


def test_metadata_arrive_with_what_they_are_about(kernel):
    request = kernel.ok(f'Png([{BYTES}]).mime_bundle().metadata("image/png", r#"{{"width": 20}}"#)')
    assert request.of("execute_result")[0].content["metadata"] == {"image/png": {"width": 20}}


def test_json_that_is_none_is_explained(kernel):
    request = kernel.ok('display(Json("{\\"a\\": }"));')
    assert bundle(request) == {"text/plain": '{"a": }'}
    assert bundle(kernel.ok('VegaLite("nope")')) == {"text/plain": "nope"}
    assert "not valid JSON" in request.text("stderr") and "line 1 column 7" in request.text("stderr")


def test_a_type_of_the_users_is_shown_as_it_says(kernel):
    kernel.ok("#[derive(Debug, Clone)]\nstruct Stars(usize);")
    assert bundle(kernel.ok("Stars(2)")) == {"text/plain": "Stars(2)"}
    kernel.ok('impl Rich for Stars { fn mime_bundle(&self) -> MimeBundle { MimeBundle::new().html("★".repeat(self.0)) } }')
    stars = {"text/html": "★★", "text/plain": "<text/html>"}
    for code in ["Stars(2)", "&Stars(2)", "Box::new(Stars(2))", "let s = Stars(2);\ndisplay(&s);", "display(s);"]:
        assert bundle(kernel.ok(code)) == stars, code


def test_display_takes_any_value_anywhere(kernel):
    request = kernel.ok(
        """
        fn inside<T: std::fmt::Debug>(value: T) { display(value); }
        inside(1);
        let closure = |text: &str| { display(text); };
        closure("two");
        [3.5].iter().for_each(|x| { display(x); });
        async { display('4'); }.await;
        ensure_future(async { display(vec![5]) }).await;
        std::thread::spawn(|| { display(Some(6)); }).join().unwrap();
        display(std::cell::Cell::new(7), "eight");
        struct Opaque;
        display(Opaque);
        """
    )
    assert request.shown == ["1", '"two"', "3.5", "'4'", "[5]", "Some(6)", "Cell { value: 7 }", '"eight"', "<Opaque>"]


def test_what_is_shown_and_printed_keeps_its_order(kernel):
    request = kernel.ok('for i in 0..50 { print!("{i}"); display(i); }\nprint!("end");\nclear_output();\nprint!("after");')
    seen = [(o.kind, o.content.get("text") or o.content.get("data", {}).get("text/plain")) for o in request.outputs[1:]]
    pairs = [pair for i in range(50) for pair in (("stream", str(i)), ("display_data", str(i)))]
    assert seen == [*pairs, ("stream", "end"), ("clear_output", None), ("stream", "after")]


def test_a_display_is_updated_by_its_handle_and_by_its_name(kernel):
    kernel.ok('struct Bar(u8);\nimpl Rich for Bar { fn mime_bundle(&self) -> MimeBundle { MimeBundle::new().text(format!("{}%", self.0)) } }')
    first = kernel.ok("let bar = display(Bar(0));\nlet named = display(1, display_id = \"mine\");")
    one, mine = [o.content["transient"]["display_id"] for o in first.of("display_data")]
    assert one != mine == "mine"
    request = kernel.ok('bar.update(Bar(50));\nbar.update("soon");\nbar.update(5);\nbar.update(vec![Some(1)]);\nbar.update(format!("x"));\nupdate_display("text", bar);\nupdate_display(2, display_id = "mine");')
    updates = [(o.content["transient"]["display_id"], o.content["data"]["text/plain"]) for o in request.of("update_display_data")]
    assert updates[-2:] == [(one, '"text"'), ("mine", "2")]


def test_updates_that_nobody_could_see_are_left_out(kernel):
    request = kernel.ok('for i in 0..20000 { update_display(i, display_id = "d"); }')
    updates = [o.content["data"]["text/plain"] for o in request.of("update_display_data")]
    assert updates[-1] == "19999" and len(updates) <= 50 * max(request.took, 1.0) + 10


def test_a_flood_of_displays_does_not_exceed_what_jupyter_takes_and_can_be_interrupted(kernel):
    request = kernel.run("loop { display(1); }", interrupt_after=1.5)
    assert request.reply["ename"] == "KeyboardInterrupt"
    assert 0 < len(request.of("display_data")) < 1000 * request.took


def test_output_is_cleared(kernel):
    request = kernel.ok("clear_output();\nclear_output(wait = true);\nclear_output(true)")
    assert [o.content["wait"] for o in request.of("clear_output")] == [False, True, True]


def test_a_handle_at_the_end_of_a_cell_is_not_shown_again(kernel):
    assert [o.kind for o in kernel.ok("display(1)").of("display_data", "execute_result")] == ["display_data"]


def test_a_display_of_the_users_own_is_theirs(kernel):
    assert kernel.ok("fn display(x: i32) -> i32 { x + 1 }\ndisplay(1)").value == "2"
    assert kernel.ok("display(2)").value == "3"


def test_structs_and_maps_are_tables(kernel):
    kernel.ok("#[derive(Debug)]\nstruct City { name: &'static str, people: u32 }")
    data = bundle(kernel.ok('vec![City { name: "Nice", people: 350 }, City { name: "<A>", people: 5 }]'))
    assert data["text/plain"] == '[City { name: "Nice", people: 350 }, City { name: "<A>", people: 5 }]'
    assert '<tr><th>1</th><td style="text-align:left">&lt;A&gt;</td><td>5</td></tr>' in data["text/html"]
    data = bundle(kernel.ok('std::collections::BTreeMap::from([("a", 1.5)])'))
    assert data == {"text/plain": '{"a": 1.5}', "text/html": data["text/html"]} and "<td>1.5</td>" in data["text/html"]
    assert bundle(kernel.ok("vec![1, 2]")) == {"text/plain": "[1, 2]"}
    rows = bundle(kernel.ok('(0..100_000).map(|people| City { name: "x", people }).collect::<Vec<_>>()'))
    assert rows["text/html"].count("<tr>") == 101 and rows["text/html"].endswith("rows</p>") and len(rows["text/html"]) < 20_000


def test_long_text_is_cut_with_a_note(kernel):
    kernel.ok("struct Lines(usize);\nimpl std::fmt::Debug for Lines { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { (0..self.0).try_for_each(|i| writeln!(f, \"{i}\")) } }")
    lines = kernel.ok("Lines(1_000_000_000)").value.splitlines()
    assert lines[:2000] == [str(i) for i in range(2000)] and len(lines) == 2001 and "cut after 2,000 lines" in lines[2000]
    assert kernel.ok("Lines(1999)").value.splitlines() == [str(i) for i in range(1999)]
    text = kernel.ok('"x".repeat(50_000_000)').value
    assert len(text) < 201_000 and "cut after 200,000 bytes" in text


def test_a_debug_that_never_ends_is_interrupted_and_one_that_panics_fails_and_nothing_is_lost(kernel):
    kernel.ok("struct Endless;\nimpl std::fmt::Debug for Endless { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { loop { f.write_str(\"\")?; } } }")
    kernel.ok("struct Bad;\nimpl std::fmt::Debug for Bad { fn fmt(&self, _: &mut std::fmt::Formatter) -> std::fmt::Result { panic!(\"no\") } }")
    kernel.ok("let (endless, bad, number) = (Endless, Bad, 5);")
    assert kernel.run("endless", interrupt_after=0.3).reply["ename"] == "KeyboardInterrupt"
    assert kernel.fails("bad").error == "panic: no"
    assert kernel.ok("let _ = (&endless, &bad);\nnumber").value == "5"


def test_blocks_of_evcxr_are_shown_in_their_place(kernel):
    request = kernel.ok(f'print!("before ");\nprintln!({block("text/html", "<b>x</b>")});\nprintln!("after");')
    assert [o.kind for o in request.outputs[1:]] == ["stream", "display_data", "stream"]
    assert request.text() == "before after\n"
    assert bundle(request) == {"text/html": "<b>x</b>", "text/plain": "<text/html>"}


@pytest.mark.parametrize("definition", [
    "impl Plot { fn evcxr_display(&self) { println!(CODE); } }",
    "trait Shown { fn evcxr_display(&self); }\nimpl Shown for Plot { fn evcxr_display(&self) { println!(CODE); } }",
])
def test_evcxr_display_shows_a_value(kernel, definition):
    kernel.ok("#[derive(Debug)]\nstruct Plot;\n" + definition.replace("CODE", block("image/svg+xml", "<svg/>")))
    expected = {"image/svg+xml": "<svg/>", "text/plain": "<image/svg+xml>"}
    for code in ["Plot", "let p = Plot;\np", "p", "display(Plot);"]:
        assert bundle(kernel.ok(code)) == expected, code


def test_several_types_of_one_value_and_json_in_blocks(kernel):
    data = block("application/json", json.dumps([1]).replace('"', '\\"'))
    request = kernel.ok(f'println!({block("text/plain", "x")}); println!({block("text/html", "<i>")}); println!({data});')
    assert bundle(request) == {"text/plain": "x", "text/html": "<i>", "application/json": [1]}


def test_a_block_that_comes_in_pieces_and_is_large(kernel):
    request = kernel.ok(
        """
        use std::io::Write;
        let text = format!("EVCXR_BEGIN_CONTENT text/html\\n{}\\nEVCXR_END_CONTENT\\n", "é".repeat(50));
        for byte in text.bytes() { std::io::stdout().write_all(&[byte])?; std::io::stdout().flush()?; }
        """
    )
    assert bundle(request)["text/html"] == "é" * 50 and request.text() == ""
    request = kernel.ok(f'println!("EVCXR_BEGIN_CONTENT text/html\\n{{}}\\nEVCXR_END_CONTENT", "x".repeat(5_000_000));')
    assert len(bundle(request)["text/html"]) == 5_000_000


@pytest.mark.parametrize("text", [
    "EVCXR_BEGIN_CONTENT text/html\nnever ends\n",
    "EVCXR_BEGIN_CONTENT\n",
    "EVCXR_END_CONTENT\n",
    "EVCXR_BEGIN_CONTENT nonsense\nx\nEVCXR_END_CONTENT\n",
    "EVCXR_BEGIN_CONTENT text/ht",
    "E",
])
def test_a_marker_that_is_no_block_is_only_text(kernel, text):
    assert kernel.ok(f"print!({json.dumps(text)});").text() == text
    assert kernel.ok("1 + 1").value == "2"


def test_a_thread_shows_something_when_no_cell_runs(kernel):
    first = kernel.ok("std::thread::spawn(|| { std::thread::sleep(std::time::Duration::from_secs(3)); display(\"late\"); });")
    assert not first.shown
    kernel.strict = False
    kernel.wait_for(lambda: first.shown)
    assert first.shown == ['"late"']
    kernel.strict = True
    assert kernel.ok("1 + 1").value == "2"
