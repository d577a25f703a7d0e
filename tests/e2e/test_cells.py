"""What a cell may contain, and what stays for the cells after it."""

import pytest

# Each case: the cells of a notebook; the last one must show this value.
VALUES = {
    "an expression": (["1 + 1"], "2"),
    "a string shows its quotes": (['"hello"'], '"hello"'),
    "a block": (["{ let a = 3; a * a }"], "9"),
    "statements and a final expression": (["let a = 3;\nlet b = 4;\na * b"], "12"),
    "a variable of an earlier cell": (["let a = 3;", "a + 1"], "4"),
    "a mutable variable keeps its changes": (["let mut a = 1;", "a += 1;", "a += 1; a"], "3"),
    "a shadowed variable changes its type": (["let a = 1;", 'let a = a.to_string() + "!";', "a"], '"1!"'),
    "a String": (['let s = String::from("x");', "s.len()"], "1"),
    "a Vec from collect": (["let v: Vec<_> = (1..4).map(|x| x * 2).collect();", "v"], "[2, 4, 6]"),
    "a HashMap of inferred types": (
        ['use std::collections::HashMap;\nlet mut m = HashMap::new();\nm.insert("one", vec![1u8]);', 'm.entry("one").or_default().push(2);', 'm["one"]'],
        "[1, 2]",
    ),
    "a tuple pattern": (['let (a, b) = (1, "two");', "(b, a)"], '("two", 1)'),
    "an Option of a struct of the notebook": (["#[derive(Debug)]\nstruct P { x: i32 }", "let p = Some(P { x: 7 });", "p"], "Some(P { x: 7 })"),
    "an array": (["let a = [[0u8; 2]; 2];", "a"], "[[0, 0], [0, 0]]"),
    "a function": (["fn double(x: i32) -> i32 { x * 2 }", "double(21)"], "42"),
    "a redefined function": (["fn f() -> i32 { 1 }", "fn f() -> i32 { 2 }", "f()"], "2"),
    "a redefined function reaches its callers": (["fn f() -> i32 { 1 }", "fn g() -> i32 { f() * 10 }", "fn f() -> i32 { 2 }", "g()"], "20"),
    "a forward reference": (["fn g() -> i32 { f() * 10 }", "fn f() -> i32 { 3 }", "g()"], "30"),
    "an impl in a later cell": (["struct P(i32);", "impl P { fn x(&self) -> i32 { self.0 } }", "P(5).x()"], "5"),
    "an impl of a trait of the notebook": (
        ["trait Loud { fn loud(&self) -> String; }", "impl Loud for str { fn loud(&self) -> String { self.to_uppercase() } }", '"hey".loud()'],
        '"HEY"',
    ),
    "an enum and a match": (["#[derive(Debug, Clone, Copy)]\nenum E { A, B }", "let e = E::B;", 'match e { E::A => "a", E::B => "b" }'], '"b"'),
    "a constant": (["const N: usize = 4;", "[0u8; N].len()"], "4"),
    "a static keeps its value": (
        ["use std::sync::atomic::{AtomicU32, Ordering};\nstatic COUNT: AtomicU32 = AtomicU32::new(0);", "COUNT.fetch_add(1, Ordering::Relaxed);", "COUNT.fetch_add(1, Ordering::Relaxed);", "COUNT.load(Ordering::Relaxed)"],
        "2",
    ),
    "a macro": (["macro_rules! twice { ($e:expr) => { $e + $e } }", "twice!(4)"], "8"),
    "a use line persists": (["use std::collections::BTreeMap;", "let mut m = BTreeMap::new();\nm.insert(1, 'a');", "let n: BTreeMap<i32, char> = m.clone();\nn"], "{1: 'a'}"),
    "a module": (["mod geometry { pub fn area(a: f64) -> f64 { a * a } }", "geometry::area(3.0)"], "9.0"),
    "a generic function": (["fn pair<T: Clone>(t: T) -> (T, T) { (t.clone(), t) }", "pair('x')"], "('x', 'x')"),
    "await": (["async fn f() -> i32 { sleep(0).await; 5 }", "f().await"], "5"),
    "await in a macro": (["async fn f() -> i32 { 5 }", 'format!("{}", f().await)'], '"5"'),
    "await into a variable": (["async fn f() -> Vec<i32> { vec![1] }", "let v = f().await;", "v"], "[1]"),
    "a future in a variable": (["async fn f() -> i32 { 6 }", "let future = f();", "future.await"], "6"),
    "a task in a variable": (["async fn f() -> i32 { 6 }", "let task = ensure_future(f());", "task.await"], "6"),
    "the question mark on Ok": (['let n: i32 = "12".parse::<i32>()?;', "n"], "12"),
    "more than one line and a comment": (["// a comment\nlet a = 1; /* another */\n\na // the end"], "1"),
    "unicode": (['let größe = "ß→🦀";', "größe.chars().count()"], "3"),
}


@pytest.mark.parametrize("case", VALUES)
def test_the_last_cell_shows(kernel, case):
    cells, shown = VALUES[case]
    for cell in cells[:-1]:
        assert kernel.ok(cell).value is None
    assert kernel.ok(cells[-1]).value == shown


@pytest.mark.parametrize("code", ["", "   \n", "// only a comment", "let a = 1;", "();", "1 + 1;", "fn f() {}", 'println!("x")'])
def test_a_cell_without_a_value_shows_none(kernel, code):
    assert kernel.ok(code).value is None


def test_a_value_without_debug_shows_its_type(kernel):
    kernel.ok("struct Silent;")
    assert "Silent" in kernel.ok("Silent").value


def test_a_moved_variable_is_gone_and_the_compiler_says_so(kernel):
    kernel.ok('let s = String::from("x");')
    kernel.ok("drop(s);")
    assert "s" in kernel.fails("s.len()").traceback


def test_the_question_mark_on_err_ends_the_cell(kernel):
    failed = kernel.fails('println!("before");\nlet n: i32 = "twelve".parse::<i32>()?;\nprintln!("after");')
    assert failed.text() == "before\n"
    assert "ParseIntError" in failed.reply["evalue"] + failed.reply["ename"]
    assert "In[1]:2:" in failed.traceback
    assert kernel.ok("1").value == "1"


def test_a_panic_names_the_place_and_keeps_the_variables(kernel):
    kernel.ok("fn risky(n: i32) -> i32 {\n    if n > 2 { panic!(\"too many: {n}\") }\n    n\n}")
    kernel.ok("let kept = vec![1, 2, 3];")
    failed = kernel.fails("let mut partly = 1;\npartly += 1;\nrisky(kept.len() as i32)")
    assert "too many: 3" in failed.reply["evalue"]
    assert "In[1]:2:16" in failed.traceback
    assert kernel.ok("kept").value == "[1, 2, 3]"


def test_a_panic_in_the_cell_itself_names_the_place(kernel):
    failed = kernel.fails('let a = 1;\n  panic!("here {a}");')
    assert "here 1" in failed.reply["evalue"]
    assert "In[1]:2:3" in failed.traceback


def test_an_out_of_bounds_index_names_the_place(kernel):
    kernel.ok("let v = vec![1];")
    failed = kernel.fails("let i = 5;\nv[i]")
    assert "index out of bounds" in failed.reply["evalue"]
    assert "In[2]:2:2" in failed.traceback, "rustc calls the bracket the place of an index"


def test_a_compile_error_has_the_users_line_and_column(kernel):
    kernel.ok("let ten = 10;")
    failed = kernel.fails('let a = ten;\nlet b: i32 = "text";\na + b')
    assert "mismatched types" in failed.traceback
    assert "In[2]:2:14" in failed.traceback
    assert kernel.ok("ten").value == "10"


def test_a_syntax_error_has_the_users_line_and_column(kernel):
    failed = kernel.fails("let a = 1;\nlet = 2;")
    assert "In[1]:2:5" in failed.traceback


def test_a_warning_has_the_users_line_and_column_and_does_not_fail(kernel):
    warned = kernel.ok("let a = 1;\nsleep(1);\na")
    assert warned.value == "1"
    assert "futures do nothing unless you" in warned.text("stderr")
    assert "In[1]:2:1" in warned.text("stderr")


def test_code_that_is_fine_gets_no_warning(kernel):
    kernel.ok("fn unused_for_now() {}\nuse std::collections::HashMap;\nlet not_used_yet = 1;")
    kernel.ok("async fn f() {}\nstruct NeverBuilt;")
    for request in kernel.requests.values():
        assert request.text("stderr") == "", request.describe()


def test_an_error_in_a_function_of_an_earlier_cell_points_there(kernel):
    kernel.ok("fn later() -> i32 {\n    helper()\n}")
    failed = kernel.fails("later()")
    assert "helper" in failed.traceback
    assert "In[1]:2:5" in failed.traceback
    kernel.ok("fn helper() -> i32 { 4 }")
    assert kernel.ok("later()").value == "4"


def test_redefining_a_type_drops_its_values_and_says_so(kernel):
    kernel.ok("#[derive(Debug)]\nstruct P { x: i32 }")
    kernel.ok("let p = P { x: 1 };")
    kernel.ok("let other = 5;")
    told = kernel.ok("#[derive(Debug)]\nstruct P { x: i32, y: i32 }")
    assert told.shown == ["dropped, because `P` changes: `p`"]
    kernel.fails("p.x")
    assert kernel.ok("(P { x: 1, y: 2 }, other)").value == "(P { x: 1, y: 2 }, 5)"


def test_a_failed_cell_defines_nothing(kernel):
    kernel.fails('fn half() -> i32 { "no" }\nlet a = 1;')
    assert "half" in kernel.fails("half()").traceback
    assert "a" in kernel.fails("a").traceback
