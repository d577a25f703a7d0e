"""Cells that once went wrong, or are known to be hard for an engine that compiles them: each stays right."""

import pytest

# Each case: the cells of a notebook; the last one must show this value.
VALUES = {
    "what a closure has changed, beside a variable": (["let x = 4;", "let mut all = vec![]; let mut push = |x| all.push(x); push(1); push(2);", "(all, x)"], "([1, 2], 4)"),
    "a tuple with a part that was borrowed": (["let t = 1;", "let t = (t, String::new()); let (n, ref s) = t; println!(\"{n}{s}\");", "t"], "(1, \"\")"),
    "a test": (["#[test] fn checks() { assert_eq!(1, 1) }", "/// With words.\n#[test]\nfn more() {}\n(checks(), more())"], "((), ())"),
    "optimized loops over other ranges than of numbers": (["%%opt 3\nlet (a, z) = ('a', 'e'); let mut n = 0; for c in a..z { n += c as u32; } for c in 'a'..='b' { n += c as u32 } n"], "589"),
    "an optimized loop in generic code": (["%%opt 3\nfn sum<T>(n: T) -> T where std::ops::Range<T>: Iterator<Item = T>, T: Default + Copy + std::ops::AddAssign { let mut s = T::default(); for i in T::default()..n { s += i; } s }\n(sum(10u16), sum(9000u64))"], "(45, 40495500)"),
    "optimized loops to the end of their types": (["%%opt 2\nlet (mut n, mut s) = (0u32, 0u64); for _ in u16::MIN..=u16::MAX { n += 1 } for i in u64::MAX - 5000..=u64::MAX { s ^= i } for i in 5..=3u8 { n += u32::from(i) } (n, s)"], "(65536, 18446744073709546615)"),
    "an optimized loop that is left": (["%%opt 3\nlet mut n = 0; 'out: for i in 0..10 { for j in 0..10_000 { if j > 5000 { continue 'out } if i == 3 { break 'out } n += 1; } } n"], "15003"),
    "a variable that is moved into one of its name": (['let s = String::from("a"); let (s, n) = (s, 1);', "(s, n)"], '("a", 1)'),
    "a variable of an earlier cell that is moved into one of its name": (['let s = String::from("a");', "let s = Some(s); let s = s;", "s"], 'Some("a")'),
    "a variable that is moved and set anew": (['let mut s = String::from("a");', 's = s + "b";', "s"], '"ab"'),
    "a variable that is moved, and set anew in the same cell": (['let mut s = String::from("a"); drop(s); s = String::from("b"); s', "s"], '"b"'),
    "a variable that gets its value later": (["let x; if true { x = 1 } else { x = 2 } x"], "1"),
    "a reference beside what it borrows from": (["let mut v = vec![1]; let r = &mut v; r.push(2); v.len()", "v"], "[1, 2]"),
    "a variable called like a keyword": (["let r#type = 5;", "r#type + 1"], "6"),
    "a function called like a keyword": (["fn r#match() -> i32 { 3 }", "r#match()"], "3"),
    "a loop in an array length": (["[0u8; { let mut n = 0; while n < 3 { n += 1 } n }]"], "[0, 0, 0]"),
    "a loop in a function of another ABI": (['extern "C" fn count() -> i32 { let mut n = 0; for _ in 0..3 { n += 1 } n }', "count()"], "3"),
    "a doc comment of the whole cell": (["//! My notebook\nlet k = 3; k"], "3"),
    "a comment on the last line": (["let k = 3; k // three"], "3"),
    "only comments": (["let k = 3;", "// nothing\n/* at all */", "k"], "3"),
    "a last let without semicolon": (["let z = 5", "z"], "5"),
    "a last let without semicolon and with a comment": (["let z = 5 // five", "z"], "5"),
    "Windows line ends": (["let a = 1;\r\nlet b = 2;\r\na + b"], "3"),
    "a raw string with braces": (['let s = r#"{"a": 1}"#; s.len()'], "8"),
    "names in format strings": (["let w = 4usize;", 'let x = 7; format!("{x:>w$}")'], '"   7"'),
    "a tree of imports": (["use std::{thread::sleep as nap, time::{self, Duration}, collections::*};", "nap(Duration::ZERO); time::Duration::ZERO == Duration::ZERO && BTreeMap::<i32, i32>::new().is_empty()"], "true"),
    "a use of a type that is no more": (["enum Color { Red }\nuse Color::Red;", "enum Color { Blue }", "1 + 2"], "3"),
    "a type and then a use of its name": (["type Result<T> = std::result::Result<T, String>;", "use std::io::Result;", "1"], "1"),
    "a trait with a method that the engine has too": (["trait Show { fn show(&self) -> i32; } impl<T> Show for T { fn show(&self) -> i32 { 1 } }", "5.show()"], "1"),
    "wide integers, which need the compiler's helpers": (["let a = 12345678901234567890123u128; a / 77"], "160333492223825557014"),
    "a static of its own cell only": (["static N: std::sync::Mutex<Vec<i32>> = std::sync::Mutex::new(Vec::new());", "N.lock().unwrap().push(1);", "N.lock().unwrap().len()"], "1"),
    "a future in a variable": (["async fn seven() -> i32 { 7 }\nlet c = seven();", "c", "c.await"], "7"),
    "a task that never returns": (["let t = ensure_future(async { sleep(0.001).await; panic!(\"boom\") });", "sleep(0.05).await; t.exception()"], "Some(panic('boom'))"),
    "an iterator in a variable": (["let mut it = vec![1, 2, 3].into_iter();", "it.next();", "it.next()"], "Some(2)"),
    "macros around await": (["async fn one() -> i32 { 1 }", "assert!(one().await == 1); vec![one().await; 2]"], "[1, 1]"),
    "a constant with a path, in a cell that is optimized": (["let c = std::net::Ipv4Addr::LOCALHOST; for _ in 0..1 {}", "c"], "127.0.0.1"),
    "the loop in a run, and after it": (["let x = 41;", "run(async { 42 });", "set_event_loop(new_event_loop()); async { x + 1 }.await"], "42"),
    "a return at top level": (["if true { return }\nunreachable!()", "1"], "1"),
    "a struct and its impl, changed one after the other": (
        ["struct B { v: i32 }", "impl B { fn get(&self) -> i32 { self.v } }", "struct B { y: i32 }", "impl B { fn get(&self) -> i32 { self.y } }", "B { y: 6 }.get()"],
        "6",
    ),
    "a static in a function": (["use std::sync::atomic::{AtomicU32, Ordering};\nfn count() -> u32 { static N: AtomicU32 = AtomicU32::new(5); N.fetch_add(1, Ordering::SeqCst) }", "count();", "count()"], "6"),
    "a static in a function that is defined anew": (["fn f() -> u32 { static mut N: u32 = 5; unsafe { N += 1; N } }", "f();", "fn f() -> u32 { static mut N: u32 = 50; unsafe { N += 1; N } }", "f()"], "51"),
    "statics in methods of two blocks": (
        ["use std::sync::Mutex;\nstruct P;\nimpl P { fn a() -> u8 { static N: Mutex<u8> = Mutex::new(1); *N.lock().unwrap() += 1; *N.lock().unwrap() } }\nimpl P { fn b() -> u8 { static N: Mutex<u8> = Mutex::new(10); *N.lock().unwrap() += 1; *N.lock().unwrap() } }", "(P::a(), P::b());", "(P::a(), P::b())"],
        "(3, 12)",
    ),
    "a static in a module": (["mod m { pub static LOG: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new()); pub fn add(n: u8) { LOG.lock().unwrap().push(n) } }", "m::add(1);", "m::add(2); m::LOG.lock().unwrap()"], "[1, 2]"),
    "keys of thread_local": (["use std::cell::{Cell, RefCell};\nthread_local! { static A: Cell<u8> = const { Cell::new(1) }; pub static B: RefCell<Vec<u8>> = RefCell::new(vec![]) }", "A.set(7); B.with_borrow_mut(|b| b.push(8));", "(A.get(), B.take())"], "(7, [8])"),
    "thread_local in a function": (["fn f() -> u8 { thread_local! { static A: std::cell::Cell<u8> = std::cell::Cell::new(1); } A.set(A.get() + 1); A.get() }", "f();", "f()"], "3"),
    "a static whose type changes": (
        ["#[derive(Debug)] struct P { x: u8 }\nstatic S: std::sync::Mutex<Option<P>> = std::sync::Mutex::new(None);", "*S.lock().unwrap() = Some(P { x: 1 });", "#[derive(Debug)] struct P { x: [u64; 9] }", "S.lock().unwrap()"],
        "None",
    ),
    "a macro that makes items": (["macro_rules! unit { ($n:ident, $v:expr) => { struct $n; impl $n { fn v(&self) -> i32 { $v } } } }\nunit!(Foo, 4);", "Foo.v()"], "4"),
    "a macro that makes items, called anew": (["macro_rules! constant { ($n:ident $v:expr) => { const $n: i32 = $v; } }", "constant!(K 4);", "constant!(K 5);", "K"], "5"),
    "a function and a module of one name": (["fn both() -> i32 { 1 }", "mod both { pub fn x() -> i32 { 2 } }", "both() + both::x()"], "3"),
    "an impl spelt in another way": (
        ["struct W;\nimpl std::fmt::Display for W { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { write!(f, \"1\") } }", "use std::fmt;", "impl fmt::Display for W { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, \"2\") } }", "W.to_string()"],
        '"2"',
    ),
    "a value behind dyn Any whose type changes": (
        ["use std::any::Any;\nstruct P { x: u8 }", "let any: Box<dyn Any> = Box::new(P { x: 1 });", "struct P { x: String }", "any.is::<P>()"],
        "false",
    ),
    "two definitions of which one is configured out": (["#[cfg(unix)] fn os() -> u8 { 1 }\n#[cfg(not(unix))] fn os() -> u8 { 2 }", "os()"], "1"),
    "a macro and a function of one name": (["fn twice(x: u8) -> u8 { x + x }", "macro_rules! twice { ($x:expr) => { twice($x) } }", "fn use_it() -> u8 { twice!(4) }", "use_it() + twice(1)"], "10"),
    "a broken definition that only seems to be needed": (
        ["struct M<const C: usize>([u8; C]);\nimpl<const C: usize> M<C> { fn rows(&self) -> usize { C } }", "struct C;", "struct E; impl E { fn M(&self) -> u8 { 7 } }", "E.M()"],
        "7",
    ),
    "a function after a variable of its name": (["let add = 5;", "fn add(a: u8, b: u8) -> u8 { a + b }\nadd(1, 2)", "add(2, 3)"], "5"),
    "values without a size": (["mod m { #[derive(Debug)] pub struct Unit; }\nlet all = ..; let none: Option<std::convert::Infallible> = None; let unit = m::Unit; let data = std::marker::PhantomData::<u8>;", "(all, none, unit, data)"], "(.., None, Unit, PhantomData<u8>)"),
    "a function in a variable": (["fn double(x: u8) -> u8 { 2 * x }\nlet f = double;", "f(4)"], "8"),
    "a name of the prelude that a glob brings too": (["mod mine { pub fn sleep(n: u8) -> u8 { n } }", "use mine::*;", "sleep(3)"], "3"),
    "a name of the prelude beside a glob": (["mod mine { pub fn other(n: u8) -> u8 { n } }", "use mine::*;", "sleep(0.001).await; other(3)"], "3"),
    "a question mark in matches": (["fn get() -> Result<u8, String> { Ok(3) }\nmatches!(get()?, 1..=5)"], "true"),
    "the line of code in an item": (["fn a() {}\nfn here() -> (u32, u32) { (line!(), column!()) }", "\nhere()"], "(2, 37)"),
    "a value of a type that stays, when another one changes": (["#[derive(Debug)] struct Q(u8); struct P { x: u8 }", "let q = Q(3); let p = P { x: 1 };", "struct P { x: String }", "let moved = q;", "moved"], "Q(3)"),
    "variables that get their values later": (["let a; let b; a = 1; b = a + 1;", "let name; if a == 1 { name = String::from(\"one\"); } else { name = String::new(); } println!(\"{name}\");", "(a, b, name)"], '(1, 2, "one")'),
    "a sum that begins later": (["let mut total: i32; total = 0; for i in 0..4 { total += i; }", "total"], "6"),
    "a macro that makes statements": (["macro_rules! vars { ($($n:ident = $e:expr;)*) => { $(let $n = $e;)* } }", "vars! { a = 1; b = 2; }\na + b"], "3"),
    "a macro that makes statements, at the end": (["macro_rules! vars { ($($n:ident = $e:expr;)*) => { $(let $n = $e;)* } }", "let k = 5; vars! { a = 1; b = 2; }", "k"], "5"),
    "a block that returns": (["let k = 5; if k > 1 { return } else { panic!() }", "k"], "5"),
    "a trait for an alias of a foreign type": (["type V = [f64; 2]; trait Norm { fn norm(&self) -> f64; }", "impl Norm for V { fn norm(&self) -> f64 { self[0].hypot(self[1]) } }", "[3.0, 4.0].norm()"], "5.0"),
    "methods for an alias of a type": (["struct Real { a: i32 } type Name = Real;", "impl Name { fn get(&self) -> i32 { self.a } }", "let r = Real { a: 4 };", "r.get()"], "4"),
    "methods for a type in a module": (["mod m { pub struct X(pub u8); pub fn make() -> X { X(3) } }", "impl m::X { fn get(&self) -> u8 { self.0 } }", "m::make().get()"], "3"),
    "methods for a type that is imported": (["mod m { pub struct X(pub u8); pub fn make() -> X { X(3) } }", "use m::*; impl X { fn get(&self) -> u8 { self.0 } }", "make().get()"], "3"),
    "a value whose type gets a derive": (["struct P { x: u8 }", "let p = P { x: 1 };", "#[derive(Debug)]\nstruct P { x: u8 }", "p"], "P { x: 1 }"),
    "a value whose type's iterator changes": (
        ["struct C { n: u32 } impl Iterator for C { type Item = u32; fn next(&mut self) -> Option<u32> { self.n += 1; Some(self.n) } }", "let mut c = C { n: 0 }; c.next();", "impl Iterator for C { type Item = u32; fn next(&mut self) -> Option<u32> { self.n += 10; Some(self.n) } }", "c.next()"],
        "Some(11)",
    ),
}

# Each case: cells, the last of which puts something that cannot be kept in the place of `x`, and what its next use is told.
HIDDEN = {
    "a borrow": (['let x = 5; let s = String::from("a b");', "let x = s.split(' ').next().unwrap();"], "borrows"),
    "a borrow from what it hides": (['let x = String::from(" a ");', "let x = x.trim();"], "borrows"),
    "a value that is moved": (["let x = 5;", 'let x = String::from("abc"); let f: Box<dyn Fn() -> usize> = Box::new(move || x.len());'], "was moved"),
    "a closure": (["let x = 5;", "let x = |n: i32| n + 1;"], "a type without a name"),
    "a variable without a value": (["let x = 5; let known = x > 7;", "let x; if known { x = 1; println!(\"{x}\"); }"], "a value by the end of In["),
}

# Each case: cells, and the variables that the last of them must drop, because what they hold has another shape now.
OUTDATED = {
    "a constant in an array type": (["const N: usize = 2; struct P { a: [u8; N], s: String }", "let p = P { a: [1; N], s: String::new() };", "const N: usize = 64;"], ["p"]),
    "a module": (["mod m { pub struct P { pub a: u8 } }", "let p = m::P { a: 1 };", "mod m { pub struct P { pub a: String } }"], ["p"]),
    "an import": (["mod a { pub struct X(pub u8); } mod b { pub struct X(pub String); }", "use a::X; struct P { x: X }", "let p = P { x: a::X(1) };", "use b::X;"], ["p"]),
    "a trait behind dyn": (
        ["trait T { fn a(&self) -> i32; fn b(&self) -> i32; } struct S; impl T for S { fn a(&self) -> i32 { 1 } fn b(&self) -> i32 { 2 } }", "let t: Box<dyn T> = Box::new(S);", "trait T { fn b(&self) -> i32; fn a(&self) -> i32; }"],
        ["t"],
    ),
    "a module behind an import": (["mod m { pub struct X(pub u8); }", "use m::X; struct P { x: X }", "let p = P { x: X(1) };", "mod m { pub struct X(pub i8); }"], ["p"]),
    "a module behind a glob": (["mod m { pub struct X(pub u8); }", "use m::*; struct P { x: X }", "let p = P { x: X(1) };", "mod m { pub struct X(pub i8); }"], ["p"]),
    "a constant of a trait": (
        ["trait Size { const N: usize; } struct A; impl Size for A { const N: usize = 1; }", "struct P { a: [u64; A::N] }", "let p = P { a: [7; A::N] };", "impl Size for A { const N: usize = 2; }"],
        ["p"],
    ),
    "a constant function": (["struct A; impl A { const fn n() -> usize { 1 } }", "struct P { a: [u64; A::n()] }", "let p = P { a: [7; A::n()] };", "impl A { const fn n() -> usize { 2 } }"], ["p"]),
}


@pytest.mark.parametrize("case", VALUES)
def test_the_last_cell_shows(kernel, case):
    cells, value = VALUES[case]
    for code in cells[:-1]:
        kernel.ok(code)
    assert kernel.ok(cells[-1]).value == value


@pytest.mark.parametrize("case", OUTDATED)
def test_no_value_is_read_as_something_else(kernel, case):
    cells, dropped = OUTDATED[case]
    kernel.ok("let other = 5;")
    for code in cells[:-1]:
        kernel.ok(code)
    told = "\n".join(kernel.ok(cells[-1]).shown)
    for name in dropped:
        assert f"`{name}`" in told
        assert "was dropped" in kernel.fails(name).traceback
    assert kernel.ok("other").value == "5"


@pytest.mark.parametrize("case", HIDDEN)
def test_what_is_hidden_is_not_found_again(kernel, case):
    cells, told = HIDDEN[case]
    for code in cells:
        kernel.ok(code)
    assert told in kernel.fails("x").traceback


def test_what_a_failed_cell_would_have_hidden_stays(kernel):
    kernel.ok('let x = 5; let s = String::from("a b");')
    kernel.fails("panic!(); let x = s.trim();")
    assert kernel.ok("x").value == "5"


@pytest.mark.parametrize("code", ['{ let a = 5; panic!("mid") }', 'unsafe { panic!("mid") }', 'match 5 { 1 => panic!("low"), _ => panic!("mid") }'])
def test_a_block_that_never_ends_needs_no_type(kernel, code):
    assert kernel.fails(code).error.startswith("panic: mid")


def test_a_panic_keeps_variables_that_something_borrows_from(kernel):
    kernel.ok("let mut v = vec![1, 2];")
    kernel.fails('let first = v.iter_mut().next().unwrap();\n*first = 5;\nv.push(7);\npanic!("no")')
    assert kernel.ok("v").value == "[5, 2, 7]"


def test_dbg_shows_the_place_and_the_text_of_the_user(kernel):
    kernel.ok("async fn two() -> u8 { 2 }\nfn f(x: u8) -> u8 {\n    dbg!(x + 1)\n}")
    request = kernel.ok("dbg!(f(1), two().await)")
    assert request.value == "(2, 2)"
    places = [line.split("]", 1)[1] for line in request.text("stderr").splitlines()]
    assert places == [":3:5] x + 1 = 2", ":1:1] f(1) = 2", ":1:1] two().await = 2"]


def test_methods_that_a_new_block_lacks_are_named(kernel):
    kernel.ok("struct W;\nimpl W { fn a(&self) -> i32 { 1 } fn b(&self) -> i32 { 2 } }")
    request = kernel.ok("impl W { fn a(&self) -> i32 { 3 } }")
    assert "which also had `b`" in "\n".join(request.shown)
    assert kernel.ok("W.a()").value == "3"


def test_a_variable_whose_type_is_out_of_reach_ends(kernel):
    kernel.ok("mod m { mod inner { pub struct Hidden; } pub fn make() -> inner::Hidden { inner::Hidden } }")
    kernel.ok("let hidden = m::make(); let other = 5;")
    assert "`hidden` was dropped: its type" in kernel.fails("drop(hidden)").traceback
    assert kernel.ok("other").value == "5"


def test_a_refused_redefinition_drops_nothing(kernel):
    kernel.ok("#[derive(Debug)]\nstruct P { x: i32 }")
    kernel.ok("let p = P { x: 1 };")
    kernel.fails('#[derive(Debug)]\nstruct P { x: u8 }\nlet wrong: i32 = "no";')
    assert kernel.ok("p").value == "P { x: 1 }"


def test_a_dropped_value_is_really_dropped(kernel):
    kernel.ok('struct D { x: i32 }\nimpl Drop for D { fn drop(&mut self) { println!("dropped"); } }')
    kernel.ok("let d = D { x: 1 };")
    kernel.ok('struct D { y: u8 }\nimpl Drop for D { fn drop(&mut self) {} }')
    assert kernel.ok("1").text() == "dropped\n"


@pytest.mark.parametrize("code", ["use foo::bar;", "use std::collections::HashMpa;"])
def test_a_wrong_import_is_an_error_and_leaves_no_trace(kernel, code):
    kernel.ok("let keep = 1;")
    assert "In[2]:1:" in kernel.fails(code).traceback
    assert kernel.ok("keep").value == "1"


@pytest.mark.parametrize("stop", ["panic!()", "loop {}"])
def test_a_cell_that_ends_early_keeps_what_it_had(kernel, stop):
    """Its own variables, those that it took, and those that it moved and set anew before."""
    kernel.ok('let mut s = String::from("a"); let v = vec![1];')
    code = f's = s + "b"; let n = v.len(); println!("here"); {stop}'
    request = kernel.submit(code)
    kernel.printed(request, "here")
    if stop == "loop {}":
        kernel.press(request, 0)
    kernel.done(request)
    assert request.status == "error"
    assert kernel.ok("(s, v, n)").value == '("ab", [1], 1)'


@pytest.mark.parametrize("code", ["(0..u64::MAX).for_each(|_| ());", "(0..u64::MAX).filter(|x| x % 3 == 0).count()"])
def test_an_iterator_without_end_is_interrupted(kernel, code):
    kernel.ok("let keep = 1;")
    request = kernel.run(f'println!("here"); {code}', interrupt_after=0.3)
    assert request.error.startswith("KeyboardInterrupt")
    assert kernel.ok("keep").value == "1"


def test_an_obeyed_interrupt_is_not_taken_for_an_ignored_one(kernel):
    """The cell handles the first interrupt and goes on for longer than the kernel's patience; the second one is for what comes then."""
    kernel.ok("let keep = 1;")
    code = 'for _ in 0..2 { if get_event_loop().run_forever().is_err() { println!("bye"); } }'
    request = kernel.submit(code)
    kernel.started(request)
    kernel.press(request, 0.5)
    kernel.printed(request, "bye")
    kernel.press(request, 3.5)
    kernel.done(request)
    assert request.status == "ok" and request.text() == "bye\nbye\n" and request.text("stderr") == ""
    assert kernel.ok("keep").value == "1"


def test_a_static_survives_the_process_as_a_definition(kernel):
    kernel.ok("static N: std::sync::Mutex<i32> = std::sync::Mutex::new(5);")
    kernel.ok("*N.lock().unwrap() += 1;")
    kernel.fails("std::process::abort()")
    assert kernel.ok("*N.lock().unwrap() += 1; *N.lock().unwrap()").value == "6"
    assert kernel.ok("*N.lock().unwrap()").value == "6"


def test_a_cell_that_cannot_be_loaded_takes_nothing_with_it(kernel):
    kernel.ok("let keep = 1;")
    failed = kernel.fails('unsafe extern "C" { fn no_such_function(); }\nunsafe { no_such_function() }')
    assert "no_such_function" in failed.traceback
    assert kernel.ok("keep").value == "1"


def test_a_flood_of_output_leaves_the_kernel_responsive(kernel):
    kernel.ok("use std::io::Write;")
    request = kernel.submit("let block = vec![b'y'; 1 << 20]; loop { std::io::stdout().write_all(&block)?; }")
    kernel.pump(lambda: request.text(), 30)
    answered = kernel.ask("kernel_info_request", channel="control", limit=5)
    assert answered.status == "ok"
    kernel.press(request, 0)
    kernel.done(request)
    assert request.error.startswith("KeyboardInterrupt")


def test_running_the_same_cell_again_compiles_nothing(kernel):
    """Judged by what it costs next to a new cell, not by a clock."""
    import time
    import uuid

    def seconds(code):
        start = time.monotonic()
        kernel.ok(code)
        return time.monotonic() - start

    # What an earlier session has run is in the cache, so these must be new in the world.
    codes = [f"let x = {uuid.uuid4().int >> 64}u128; x * 2" for _ in range(5)]
    first = sorted(seconds(code) for code in codes)[2]
    again = sorted(seconds(code) for code in codes)[2]
    assert again < first / 3


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("(" * 2000 + "1" + ")" * 2000, "nested too deeply"),
        ("!" * 20000 + "true", "nested too deeply"),
        ("[" * 3000 + "]" * 3000, "nested too deeply"),
        ("{" * 5000, "unclosed delimiter"),
    ],
    ids=["parentheses", "prefixes", "brackets", "open braces"],
)
def test_nesting_without_measure_is_refused_and_survived(kernel, code, told):
    kernel.ok("let keep = 1;")
    assert told in kernel.fails(code).traceback
    assert kernel.ok("keep").value == "1"


def test_a_long_expression_is_not_nested(kernel):
    assert kernel.ok("1" + "+1" * 1000).value == "1001"


def test_an_assertion_quotes_what_was_written(kernel):
    failed = kernel.fails("async fn one() -> i32 { 1 }\nassert!(one().await == 2)")
    assert failed.reply["evalue"] == "assertion failed: one().await == 2"


def test_no_generated_name_reaches_the_user(kernel):
    kernel.ok("let y = 5;")
    for code in ("ensure_future(5)", "let x = 5; x.await", "5?", "fn f() { y }", "let a = vec![1]; let b = a; a", 'get_event_loop().call_soon(|| panic!("cb")); sleep(0.05).await; nope'):
        failed = kernel.fails(code)
        told = failed.traceback + failed.text("stderr") + failed.text()
        for name in ("__boucle", "boucle_cell", "asyncio::cell"):
            assert name not in told, told
