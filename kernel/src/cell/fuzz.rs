//! What must hold for every text that anybody may type, and a generator of such texts. Only compiled for tests and for the
//! fuzz target in `kernel/fuzz`, which calls [`check`] with bytes of its own choice.
//!
//! - Nothing panics, and the same text gives the same pieces, wherever it stands in a cell.
//! - All ranges lie in the text, on the boundaries of characters, in order and apart from one another.
//! - Taking out of a source's text what the engine has inserted gives back the user's.
//! - Each byte of generated source that counts as the user's is that byte of the cell, and all of a statement is there.
//! - What could be parsed can be parsed when it has been put together.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::assemble::{Form, Layout, assemble, assemble_unparsed};
use super::complete::{IsComplete, is_complete};
use super::item_macros::ItemMacros;
use super::plan::{CellPlan, Known, Purpose, plan};
use super::source::{Generated, Source};
use super::split::{Parsed, split, split_part, unsplit};
use crate::magics::{Segment, is_open, segments};

/// Checks everything about a text.
///
/// # Panics
/// If anything does not hold.
pub(crate) fn check(text: &str) {
    for is_name in [false, true] {
        check_segments(text, segments(text, |_| is_name).unwrap_or_default());
    }
    let complete = is_complete(text);
    match split("In[1]", text, &ItemMacros::new()) {
        Ok(parsed) => {
            assert_eq!(complete, IsComplete::Complete, "the cell runs, and a console does not see that it is complete");
            check_parsed(&parsed, 0..text.len());
            check_shifted(text, &parsed);
        }
        Err(error) => {
            assert!(error.at.start <= text.len(), "an error outside the text");
            check_unparsed(&Arc::new(unsplit("In[1]", text, 0..text.len())), error.lexical);
        }
    }
}

fn check_segments(text: &str, segments: Vec<Segment>) {
    let mut at = 0;
    for segment in segments {
        let range = match segment {
            Segment::Code(range) => {
                if let Ok(parsed) = split_part("In[1]", text, range.clone(), &ItemMacros::new()) {
                    check_parsed(&parsed, range.clone());
                } else {
                    check_unparsed(&Arc::new(unsplit("In[1]", text, range.clone())), false);
                }
                range
            }
            Segment::Command(line) => {
                is_open(text, &line);
                let (name, argument) = (line.name.clone(), line.argument.clone());
                check_ranges(text, &(0..text.len()), [name, argument]);
                let begin = line.name.start - line.sigil.text().len();
                assert_eq!(&text[begin..line.name.start], line.sigil.text());
                begin..line.argument.end
            }
        };
        assert!(at <= range.start, "segments overlap");
        at = range.end;
        assert!(text.get(range).is_some(), "a segment is cut in a character");
    }
}

/// The ranges lie in another one, in order, apart from one another.
fn check_ranges(text: &str, within: &Range<usize>, ranges: impl IntoIterator<Item = Range<usize>>) {
    let mut at = within.start;
    for range in ranges {
        assert!(
            at <= range.start && range.start <= range.end && range.end <= within.end,
            "{range:?} of {within:?}, behind {at}"
        );
        assert!(text.get(range.clone()).is_some(), "{range:?} is cut in a character");
        at = range.end;
    }
}

fn check_parsed(parsed: &Parsed, part: Range<usize>) {
    let source = &parsed.source;
    let text = &source.text;
    check_ranges(text, &part, parsed.attributes.iter().cloned());
    check_ranges(text, &part, parsed.items.iter().map(|item| item.range.clone()));
    check_ranges(text, &part, parsed.statements.iter().map(|statement| statement.range.clone()));
    check_ranges(text, &part, source.edits.iter().map(|edit| edit.range.clone()));
    for import in &parsed.uses {
        check_ranges(text, &part, import.segments.iter().cloned());
    }
    for statement in &parsed.statements {
        check_ranges(text, &statement.range, statement.pattern.clone());
    }
    check_text_comes_back(source, &part);
    let is_rust = is_rust(&text[part.clone()]);
    for (form, in_strips) in [(Form::Levels, false), (Form::OneLevel, true), (Form::Flat, false)] {
        let reparsed = split_part(&source.label, text, part.clone(), &ItemMacros::new()).expect("it was split before");
        let (generated, statements) = assembled(reparsed, form, in_strips);
        check_origins(&generated, source, &statements);
        if is_rust {
            syn::parse_file(&generated.text).unwrap_or_else(|error| panic!("{error} in\n{}", generated.text));
        }
    }
}

/// Whether the engine's edits must make valid Rust of a text. What a macro takes need not be Rust, nor what edits make of
/// it; and the parser takes a `let` as the body of a closure and attributes of ranges, where rustc does not.
fn is_rust(text: &str) -> bool {
    #[derive(Default)]
    struct Lenient(bool);
    impl<'ast> syn::visit::Visit<'ast> for Lenient {
        fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
            self.0 |= begins_with_let(&node.body) || matches!(*node.body, syn::Expr::Assign(_));
            syn::visit::visit_expr_closure(self, node);
        }
        fn visit_expr_range(&mut self, node: &'ast syn::ExprRange) {
            self.0 |= !node.attrs.is_empty();
            syn::visit::visit_expr_range(self, node);
        }
    }
    let mut lenient = Lenient::default();
    if let Ok(block) = syn::parse_str::<syn::Block>(&format!("{{{text}\n;}}")) {
        syn::visit::Visit::visit_block(&mut lenient, &block);
    }
    !text.contains('!') && !lenient.0
}

/// Whether an expression begins with a `let`, which only conditions may.
fn begins_with_let(expr: &syn::Expr) -> bool {
    use syn::Expr;
    match expr {
        Expr::Let(_) => true,
        Expr::Assign(expr) => begins_with_let(&expr.left),
        Expr::Binary(expr) => begins_with_let(&expr.left),
        Expr::Range(expr) => expr.start.as_deref().is_some_and(begins_with_let),
        _ => false,
    }
}

fn assembled(parsed: Parsed, form: Form, in_strips: bool) -> (Generated, Vec<Range<usize>>) {
    let statements = parsed.statements.iter().map(|statement| statement.range.clone()).collect();
    let nothing = BTreeMap::new();
    let statics = BTreeMap::new();
    let known = Known {
        items: &[],
        uses: &[],
        variables: &nothing,
        statics: &statics,
        replaced: &[],
        ends: &BTreeSet::new(),
        restarted: &nothing,
        epoch: 0,
    };
    let layout = Layout { form, ..Layout::default() };
    let plan = CellPlan { in_strips, ..plan(parsed, known, Purpose::Run) };
    (assemble(&plan, &layout).0, statements)
}

/// Inserting nothing, or taking out again what was inserted, gives back the same text.
fn check_text_comes_back(source: &Arc<Source>, part: &Range<usize>) {
    let bare = Arc::new(Source { label: source.label.clone(), text: source.text.clone(), edits: Vec::new() });
    let mut generated = Generated::default();
    generated.user(&bare, part.clone());
    assert_eq!(generated.text, source.text[part.clone()], "inserting nothing changes the text");
    let mut generated = Generated::default();
    generated.user(source, part.clone());
    let kept: Vec<u8> = users_bytes(&generated).map(|(at, _)| generated.text.as_bytes()[at]).collect();
    let mut expected = Vec::new();
    let mut at = part.start;
    for edit in source.edits.iter().filter(|edit| generated.makes(edit)) {
        expected.extend_from_slice(&source.text.as_bytes()[at..edit.range.start]);
        at = edit.range.end;
    }
    expected.extend_from_slice(&source.text.as_bytes()[at..part.end]);
    assert_eq!(
        String::from_utf8_lossy(&kept),
        String::from_utf8_lossy(&expected),
        "the user's text does not come back"
    );
}

/// The bytes of generated source that are the user's: where each stands, and where it comes from.
fn users_bytes(generated: &Generated) -> impl Iterator<Item = (usize, usize)> + '_ {
    (0..generated.text.len()).filter(|at| !generated.is_glue(*at)).map(|at| {
        let (_, range) = generated.locate(&(at..at + 1)).expect("the user's text has an origin");
        (at, range.start)
    })
}

fn check_origins(generated: &Generated, source: &Arc<Source>, statements: &[Range<usize>]) {
    let mut seen = vec![0u8; source.text.len()];
    for (at, origin) in users_bytes(generated) {
        assert_eq!(generated.text.as_bytes()[at], source.text.as_bytes()[origin], "byte {at} comes from elsewhere");
        seen[origin] = seen[origin].saturating_add(1);
    }
    for statement in statements {
        for at in statement.clone() {
            let mut edits = source.edits.iter().filter(|edit| generated.makes(edit));
            let is_replaced = edits.clone().any(|edit| edit.range.contains(&at));
            let is_moved = edits.any(|edit| edit.copy.as_ref().is_some_and(|copy| copy.contains(&at)));
            assert_eq!(seen[at], u8::from(is_moved || !is_replaced), "byte {at} of the cell stands {} times", seen[at]);
        }
    }
    for piece in generated.user_pieces() {
        let line = generated.text.split('\n').nth(piece.start.0 - 1).expect("the line is there");
        let rest: String = line.chars().skip(piece.start.1 - 1).take(1).collect();
        assert!(source.text[piece.offset..].starts_with(&rest), "a piece is said to stand elsewhere");
    }
}

fn check_unparsed(source: &Arc<Source>, lexical: bool) {
    let generated = assemble_unparsed(source, lexical);
    check_origins(&generated, source, &[]);
}

/// A part behind others is split as it would be alone.
fn check_shifted(text: &str, parsed: &Parsed) {
    if text.starts_with('\u{feff}') {
        // A mark of the byte order may only stand at the very beginning.
        return;
    }
    let before = ":dep é\n";
    let behind = format!("{before}{text}");
    let shifted = split_part("In[1]", &behind, before.len()..behind.len(), &ItemMacros::new());
    let shifted = shifted.unwrap_or_else(|error| panic!("it cannot be split behind a command: {}", error.message));
    let ranges = |parsed: &Parsed, by: usize| -> Vec<Range<usize>> {
        let statements = parsed.statements.iter().map(|statement| &statement.range);
        let items = parsed.items.iter().map(|item| &item.range);
        let edits = parsed.source.edits.iter().map(|edit| &edit.range);
        statements.chain(items).chain(edits).map(|range| range.start + by..range.end + by).collect()
    };
    assert_eq!(ranges(&shifted, 0), ranges(parsed, before.len()), "it is split differently behind a command");
    let inserts = |parsed: &Parsed| -> Vec<_> { parsed.source.edits.iter().map(|edit| edit.insert.clone()).collect() };
    assert_eq!(inserts(&shifted), inserts(parsed));
}

#[cfg(test)]
mod tests {
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
}
