"""Whatever is typed ends in bounded time, with a value or an error, and what the notebook had is still there."""

import pytest

PRELUDE_NAMES = "struct Result; struct Ok; struct Err; struct Option; struct Some; struct Box; struct String; struct Vec; struct Drop;"

# Each case: the cells that must run, and the value that the last of them shows.
VALUES = {
    "a string of 100,000 lines": (['let s = "' + "line\n" * 100_000 + '"; s.len()'], "500000"),
    "a comment of a megabyte": (["// " + "x" * 1_000_000 + "\n1"], "1"),
    "a function of 2,000 lines": (["fn big() -> u64 { let mut n = 0u64;\n" + "n = n.wrapping_add(12345);\n" * 2000 + "n }", "big()"], "24690000"),
    "an array of 20,000 literals": (["let v: &[u32] = &[" + "1000," * 20_000 + "]; v.len()"], "20000"),
    "a byte order mark": (["\ufeff1 + 1"], "2"),
    "a module called asyncio": (["mod asyncio { pub fn x() -> i32 { 1 } }", "for _ in 0..1 {}\nlet z = asyncio::x(); sleep(0).await; z"], "1"),
    "a module called core": (["mod core { pub fn x() -> i32 { 1 } }", "let z = Some(core::x()); z"], "Some(1)"),
    "a module called cell": (["mod cell { pub fn wait() -> i32 { 1 } }", "sleep(0).await; cell::wait()"], "1"),
    "the names of the standard prelude": ([PRELUDE_NAMES, "let q = 5; for _ in 0..1 {} sleep(0).await; q", "q + 1"], "6"),
    "a macro called vec": (["macro_rules! vec { ($($x:tt)*) => { 7 } }", "vec![1, 2]"], "7"),
    "a macro called println": (["macro_rules! println { ($($x:tt)*) => { 8 } }", 'println!("x")'], "8"),
    "a macro called panic": (["macro_rules! panic { ($($x:tt)*) => { 9 } }", "for _ in 0..1 {}\npanic!()"], "9"),
    "variables called like the engine's functions": (["let (wait, checkpoint, scope, self_) = (1, 2, 3, 4);", "for _ in 0..1 {}\nsleep(0).await; wait + checkpoint + scope + self_"], "10"),
    "types called like the engine's": (["struct Scope; struct Ending; let a = 1;", "a"], "1"),
    "denied warnings": (["#![deny(warnings)]\nlet k = 3; keep.len() + k"], "5"),
    "denied lints": (["#![deny(unused)]\nlet k = 3; for i in 0..2 { let _ = i; } keep.len() + k"], "5"),
    "forbidden warnings": (["#![forbid(unused)]\nlet k = 3; k"], "3"),
    "no std": (["#![no_std]\nlet k = 3; k"], "3"),
    "no implicit prelude": (["#![no_implicit_prelude]\nlet k = 4; k"], "4"),
    "a crate type": (['#![crate_type = "bin"]\n1'], "1"),
    "a static without its last semicolon": (["static N: i32 = 5", "N"], "5"),
    "an import without its last semicolon": (["use std::collections::BTreeSet", "BTreeSet::<i32>::new().len()"], "0"),
    "statements that touch": (["async fn f() -> i32 { 2 }\nif true {}f().await"], "2"),
    "a closure that goes on behind a block": (["let f = |x: i32| unsafe { x } + 1; f(2)"], "3"),
    "a closure that negates behind a block": (["let f = |x: i32| match x { 1 => 5, _ => 7 } - 1; (f(1), f(2))"], "(4, 6)"),
}

# Each case: a cell, and what people are told.
ERRORS = {
    "a null byte": ("let a\0 = 1;", "unknown start of token"),
    "text that changes direction": ('let s = "a\u202e b"; s', "changing visible direction"),
    "code that changes direction": ("let a\u202e = 1;", "unknown start of token"),
    "an open brace": ("fn f() { {", "unclosed delimiter"),
    "closed braces": ("} } }", "unexpected closing delimiter"),
    "an error on purpose": ('compile_error!("not like this")', "not like this"),
    "a macro without end": ("macro_rules! r { ($($t:tt)*) => { r!($($t)* a) } }\nr!()", "recursion limit reached"),
    "a type within itself": ("struct Inf { x: Inf }", "infinite size"),
    "a trait without end": ("struct W<T>(T); trait D { fn d(); } impl<T> D for T where W<T>: D { fn d() { <W<T> as D>::d() } }\n<i32 as D>::d()", "overflow evaluating"),
    "a generic function without end": ("fn rec<T>(n: u32, t: T) { if n > 0 { rec(n - 1, (t, 1u8)) } }\nrec(3, ())", "recursion limit"),
    "a constant without end": ("const L: u8 = { loop {} };\nL", "taking a long time"),
    "an unstable feature": ("#![feature(box_patterns)]\n1", "may not be used on the stable release channel"),
    "a type that is too large": ("let a = [0u64; 1 << 61]; a.len()", "too big"),
}


@pytest.fixture
def used(kernel):
    """A kernel whose notebook has something to lose."""
    kernel.ok("let keep = vec![1, 2]; fn kept() -> i32 { 3 }")
    yield kernel
    assert kernel.ok("(keep, kept())").value == "([1, 2], 3)"


@pytest.mark.parametrize("case", VALUES)
def test_it_runs(used, case):
    cells, value = VALUES[case]
    for code in cells[:-1]:
        used.ok(code)
    assert used.ok(cells[-1]).value == value


@pytest.mark.parametrize("case", ERRORS)
def test_it_is_refused(used, case):
    code, told = ERRORS[case]
    traceback = used.fails(code).traceback
    assert told in traceback, traceback
    assert "__boucle" not in traceback


def test_what_takes_rustc_very_long_can_be_interrupted(used):
    """rustc's time for a sum is quadratic in its terms."""
    request = used.submit("1" + "+1" * 20_000)
    used.started(request)
    used.press(request, 1.0)
    used.done(request, limit=20.0)
    assert request.error == "KeyboardInterrupt: " or request.error.startswith("KeyboardInterrupt")
