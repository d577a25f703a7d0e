//! The generator of texts, and what it has found.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::check;

/// What texts are made of: code of every kind that the engine treats in a way of its own, and what it must not.
const FRAGMENTS: &[&str] = &[
    "let x = 1;",
    "let mut v = vec![1, 2];",
    "let (a, b) = (1, 2);",
    "let Some(q) = Some(1) else { return };",
    "let s: &str = \"é{x}\\\"\";",
    "let f = |x: i32| x + 1;",
    "let g = async move { 1 };",
    "let r#type = 5",
    "let y;",
    "fn f() {}",
    "async fn g(a: u8) -> u8 { a }",
    "const fn c() -> usize { while false {} 3 }",
    "extern \"C\" fn e() { loop {} }",
    "unsafe fn u<'a, T: Clone>(x: &'a T) -> T where T: Copy { *x }",
    "struct P { x: i32 }",
    "#[derive(Debug)] struct T(u8);",
    "enum E { A = { let mut n = 0; while n < 3 { n += 1 } n }, B }",
    "union U { a: u8 }",
    "trait Tr { fn m(&self) { for _ in 0..1 {} } const K: u8 = 1; type O; }",
    "impl P { fn m(&self) -> i32 { self.x } }",
    "impl Tr for P { type O = u8; }",
    "mod m { pub fn z() { loop {} } static S: u8 = 1; }",
    "static N: u8 = 0;",
    "static mut M: [u8; 2] = [0; 2];",
    "pub static L: fn() = || { static I: u8 = 0; };",
    "thread_local! { static A: u8 = 1; pub static B: Vec<u8> = const { Vec::new() } }",
    "thread_local!(static Z: u8 = 1);",
    "thread_local! {}",
    "for (i) in 0..n { s += i * i }",
    "'l: for i in (a)..=(b + 1) { if i > 3 { continue 'l } }",
    "for (i, x) in v.iter().enumerate() { w[i] = *x; }",
    "v.iter().map(|x| { x + 1 }).filter(|x| x > &2).count()",
    "macro_rules! m { ($x:expr) => { $x.await? }; () => {} }",
    "m!(1);",
    "m! { a }",
    "use std::thread::sleep;",
    "use std::{fmt::{self, Debug as _}, io::*};",
    "use ::std::vec as ve;",
    "use r#type::x;",
    "type R<T> = Result<T, ()>;",
    "extern crate std;",
    "extern \"C\" { fn abs(x: i32) -> i32; }",
    "#![allow(unused)]",
    "//! about",
    "/// doc\n",
    "// comment\n",
    "/* a /* b */ c */",
    "#[cfg(test)]",
    "#[inline]",
    "sleep(1).await",
    "f().await?",
    "g(1).await.x.await;",
    "return",
    "return 5;",
    "return f().await",
    "break 'a 1",
    "x = x + 1;",
    "x += 1;",
    "std::thread::sleep(d);",
    "thread::sleep(d)",
    "<std::thread>::sleep",
    "println!(\"{}\", f().await?);",
    "assert!(f().await);",
    "assert!(x?, \"m\")",
    "vec![f().await; 2]",
    "format!(\"{x:>w$} {{}}\")",
    "dbg!(x)",
    "if x { 1 } else { 2 }",
    "match x { 1 => {} _ => f().await, }",
    "for i in f().await? { continue }",
    "'a: loop { break 'a }",
    "while let Some(x) = it.next() { x?; }",
    "'b: { break 'b }",
    "unsafe { *p }",
    "const { loop {} }",
    "async { return 1? }",
    "async || 1",
    "|| 'l: { 1 }",
    "|x| -> i32 { #![allow(unused)] x }",
    "move |(a, b), c| a.await",
    "[0; { loop {} }]",
    "x as u8",
    "&mut *x",
    "-1",
    "!true",
    "..=5",
    "P { x: 1, ..p }",
    "a.b[c](d)?.e",
    "0x1f_u8",
    "1.",
    "1..2",
    "b'\\''",
    "b\"\\xff\"",
    "r#\"a\"b\"#",
    "c\"x\"",
    "'\\u{1F600}'",
    "'static",
    ":dep serde = \"1\"",
    ":vars",
    "!ls -l",
    "%time f()",
    "%%opt 3",
    "?f",
    ":type x",
    "::f()",
    "% 3",
    ":help\n",
    "\u{feff}",
    "\0",
    "\u{202e}",
    "\r\n",
    "\r",
    "\t",
    " ",
    "\n",
    "é",
    "变量",
    "🦀",
    "\u{a0}",
    "\u{2028}",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "'",
    "`",
    "r#\"",
    "/*",
    "*/",
    "//",
    "#",
    "#!",
    "$x",
    "\\",
    ";",
    ",",
    ".",
    "?",
    ".await",
    "=>",
    "->",
    "::",
    "<",
    ">",
    "=",
    "|",
    "&&",
    "@",
    "_",
    "~",
    "else",
    "let",
    "in",
    "where",
    "yield 1",
    "gen {}",
    "do yeet 1",
    "become f()",
    "box x",
    "builtin # x",
    "safe static Q: u8;",
    "auto trait X {}",
    "unsafe extern \"C\" {}",
    "dyn Tr",
    "impl Tr",
    "fn",
    "match",
    "r#",
    "'r#a",
    "br",
    "cr#",
    "\\u{",
    "1e",
    "0b",
    "0x",
    "1_",
    "b'",
    "//!",
    "///",
    "/**/",
    "/**",
    "/*!",
];

/// Ways to put a text inside another.
const FRAMES: &[(&str, &str)] = &[
    ("{ ", " }"),
    ("fn h() { ", " }"),
    ("async { ", " };"),
    ("let z = ", ";"),
    ("(", ")"),
    ("|| ", ""),
    ("loop { ", " }"),
    ("mod n { ", " }"),
    ("impl P { ", " }"),
    ("println!(\"{}\", ", ");"),
    ("vec![", "]"),
    ("macro_rules! k { () => { ", " } }"),
    ("/* ", " */"),
    ("\"", "\""),
    ("r#\"", "\"#"),
    ("match ", " { _ => 1 }"),
    ("if ", " {}"),
    ("unsafe { ", " }"),
    ("&", ""),
    ("", ".await"),
    ("", "?"),
    ("", ";"),
    ("const _: () = { ", " };"),
    ("#[", "]"),
    ("let _ = async move { ", " }.await;"),
    ("foo!{", "}"),
];

/// A generator of numbers that are always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// A place between two characters.
    fn boundary(&mut self, text: &str) -> usize {
        let at = self.below(text.len() + 1);
        (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(5) {
            let fragment = (*self.of(FRAGMENTS)).to_owned();
            text.push_str(&match self.below(3) {
                0 => {
                    let (open, close) = *self.of(FRAMES);
                    let more = *self.of(FRAGMENTS);
                    format!("{open}{fragment} {more}{close}")
                }
                1 => {
                    let (open, close) = *self.of(FRAMES);
                    format!("{open}{fragment}{close}")
                }
                _ => fragment,
            });
            text.push_str(self.of::<&str>(&["\n", " ", "\n", "\r\n", ";", ""]));
        }
        for _ in 0..self.below(3) {
            self.mutate(&mut text);
        }
        text
    }

    fn mutate(&mut self, text: &mut String) {
        let (one, other) = (self.boundary(text), self.boundary(text));
        let range = one.min(other)..one.max(other);
        match self.below(5) {
            0 => text.insert_str(one, self.of::<&str>(FRAGMENTS)),
            1 => drop(
                text.drain(
                    range.start
                        ..(range.start..=range.end)
                            .take(8)
                            .filter(|at| text.is_char_boundary(*at))
                            .last()
                            .unwrap_or(range.start),
                ),
            ),
            2 => text.replace_range(range, ""),
            3 => {
                let copy = text[range].to_owned();
                text.insert_str(one, &copy);
            }
            _ => {
                let (open, close) = *self.of(FRAMES);
                text.insert_str(range.end, close);
                text.insert_str(range.start, open);
            }
        }
    }
}

/// What does not hold for a text.
fn fails(text: &str) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(|| check(text))).err()?;
    let message = payload.downcast_ref::<String>().cloned();
    Some(message.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

/// The shortest text that comes of a failing one by leaving out parts of it.
fn shrink(mut text: String) -> String {
    let mut length = text.len() / 2;
    while length > 0 {
        let mut at = 0;
        while at + length <= text.len() {
            let shorter = match (text.get(..at), text.get(at + length..)) {
                (Some(before), Some(behind)) => format!("{before}{behind}"),
                _ => text.clone(),
            };
            if shorter.len() < text.len() && fails(&shorter).is_some() {
                text = shorter;
            } else {
                at += 1;
            }
        }
        length /= 2;
    }
    text
}

/// Runs on a stack like that of the kernel's main thread.
fn with_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(test).unwrap();
    if let Err(payload) = thread.join() {
        std::panic::resume_unwind(payload);
    }
}

/// `BOUCLE_FUZZ_SECONDS` makes this as long as one likes, with other texts each time.
#[test]
fn whatever_is_typed_is_treated_as_it_was_typed() {
    with_stack(|| {
        let seconds = std::env::var("BOUCLE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
        let (mut random, until) = match seconds {
            None => (Random(0x0005_DEEC_E66D), None),
            Some(seconds) => {
                let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
                (Random(now | 1), Some(Instant::now() + Duration::from_secs(seconds)))
            }
        };
        let mut count = 0u64;
        while until.map_or(count < 4000, |until| Instant::now() < until) {
            count += 1;
            let text = random.text();
            if fails(&text).is_some() {
                let shortest = shrink(text);
                panic!("for {shortest:?}, the {count}th text: {}", fails(&shortest).unwrap_or_default());
            }
        }
    });
}

/// What was found once.
#[test]
fn known_troublemakers() {
    with_stack(|| {
        for text in [
            "",
            "\0",
            "\u{feff}1",
            "é",
            "r#\"",
            "'",
            "/*",
            "1;\r\n",
            "a\r",
            "#!",
            "//!",
            ":dep \u{a0}",
            "static N: u8 = 5",
            "thread_local!(static Z: u8 = 1)",
            "match x { _ => 1 }f().await",
            "|| unsafe { 1 } + 1",
            "use r",
            "return.await",
            "match return / e { _ => 1 }",
            "let f = &|| () else {}",
            "for()in 0..||n{}",
            "||let y=5||{}",
            "||///\nlet _={}",
            "n!(\"\"r#\"\")",
        ] {
            check(text);
        }
    });
}
