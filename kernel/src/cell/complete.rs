//! Tells a console whether what has been typed so far is a whole cell. Called for `is_complete_request`.

use super::item_macros::ItemMacros;
use super::lexer::{Lexeme, lexeme};
use super::split::split;

/// The answer, in Jupyter's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IsComplete {
    Complete,
    /// More must follow; the next line should begin with this.
    Incomplete {
        indent: String,
    },
    Invalid,
}

/// One level of indentation, where the text shows no other.
const LEVEL: &str = "    ";

/// Judges the text of a cell.
pub(crate) fn is_complete(code: &str) -> IsComplete {
    let incomplete = |indent: &str| IsComplete::Incomplete { indent: indent.to_owned() };
    match scan(code) {
        Scan::Mismatched => IsComplete::Invalid,
        Scan::Open(brackets) => incomplete(&indent_within(code, &brackets)),
        // In a string every blank counts.
        Scan::InsideString => incomplete(""),
        Scan::InsideComment => incomplete(indent_of(last_line(code))),
        Scan::Balanced => match wants_more(code) {
            Some(true) if ends_with_blank_lines(code) => IsComplete::Invalid,
            Some(true) => incomplete(&indent_behind(code)),
            Some(false) => IsComplete::Complete,
            None => IsComplete::Invalid,
        },
    }
}

/// Whether something has to follow a text whose delimiters are balanced; `None` if nothing can make it right.
fn wants_more(code: &str) -> Option<bool> {
    // The parser takes `async` for a name that may not stand there, and a function without a body for one of a trait.
    if ["async", "move"].contains(&last_word(code)) {
        return Some(true);
    }
    match split("In[?]", code, &ItemMacros::new()) {
        Ok(parsed) => Some(parsed.items.last().is_some_and(|item| is_open_function(code, item.text()))),
        // The parser wanted more than there is.
        Err(error) => (!error.lexical && error.message.contains("unexpected end of input")).then_some(true),
    }
}

/// Whether the code ends with the head of a function.
fn is_open_function(code: &str, item: &str) -> bool {
    let ends_with_it = code.trim_end().ends_with(item.trim_end()) && !item.trim_end().ends_with([';', '}']);
    ends_with_it && syn::parse_str::<syn::ItemFn>(&format!("{item} {{}}")).is_ok()
}

fn last_word(code: &str) -> &str {
    let code = code.trim_end();
    &code[code.trim_end_matches(|c: char| c == '_' || c.is_alphanumeric()).len()..]
}

/// Whether somebody has answered two times with an empty line: then what is missing is not going to come.
fn ends_with_blank_lines(code: &str) -> bool {
    let mut lines = code.rsplit('\n');
    let blank = |line: Option<&str>| line.is_some_and(|line| line.trim().is_empty());
    blank(lines.next()) && blank(lines.next()) && lines.next().is_some()
}

/// The indentation of a line behind brackets that are open: that of the other lines between them, or one level more than
/// that of the line on which they open. `brackets` are the places of the innermost one and of those around it.
fn indent_within(code: &str, brackets: &[usize]) -> String {
    let line_of = |at: usize| &code[code[..at].rfind('\n').map_or(0, |end| end + 1)..];
    let Some((innermost, around)) = brackets.split_last() else { return String::new() };
    let own = indent_of(line_of(*innermost));
    let inside = code[*innermost..].lines().skip(1).find(|line| !line.trim().is_empty());
    if let Some(inside) = inside.map(indent_of).filter(|inside| inside.len() > own.len() && inside.starts_with(own)) {
        return inside.to_owned();
    }
    let outer = around.iter().rev().map(|at| indent_of(line_of(*at))).find(|outer| outer.len() < own.len());
    let level = outer.and_then(|outer| own.strip_prefix(outer));
    let level = level.unwrap_or(if own.contains('\t') { "\t" } else { LEVEL });
    format!("{own}{level}")
}

/// The indentation of a line with which a statement or an item goes on.
fn indent_behind(code: &str) -> String {
    let line = last_line(code.trim_end());
    let indent = indent_of(line);
    let first = line.split_whitespace().find(|word| !["pub", "async", "unsafe", "const"].contains(word));
    let is_item = matches!(first, Some("fn" | "impl" | "trait" | "enum" | "struct" | "union" | "mod" | "extern"));
    let is_bound = line.trim_end().ends_with(',');
    // What belongs to an item stands below it, and so do the bounds of a `where` and the links of a chain.
    if ends_with_attribute(code) || is_bound || is_item || !indent.is_empty() {
        indent.to_owned()
    } else {
        LEVEL.to_owned()
    }
}

/// Whether each delimiter has its counterpart, and each string and comment its end.
pub(crate) fn is_balanced(code: &str) -> bool {
    scan(code) == Scan::Balanced
}

/// What the delimiters of a text look like.
#[derive(Debug, PartialEq, Eq)]
enum Scan {
    Balanced,
    Mismatched,
    /// Delimiters that stand there are not closed; the innermost comes last.
    Open(Vec<usize>),
    InsideString,
    /// A block comment is not closed.
    InsideComment,
}

/// Follows delimiters, skipping over strings, characters and comments.
fn scan(code: &str) -> Scan {
    let mut open = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let lexeme = lexeme(code, at);
        match lexeme {
            Lexeme::Open(delimiter) => open.push((delimiter, at)),
            Lexeme::Close(close) => {
                let matching = match close {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                if open.pop().is_none_or(|(open, _)| open != matching) {
                    return Scan::Mismatched;
                }
            }
            _ => {}
        }
        let Some(length) = lexeme.length() else {
            return if code[at..].starts_with("/*") { Scan::InsideComment } else { Scan::InsideString };
        };
        at += length;
    }
    match open.is_empty() {
        true => Scan::Balanced,
        false => Scan::Open(open.into_iter().map(|(_, at)| at).collect()),
    }
}

fn last_line(code: &str) -> &str {
    code.lines().last().unwrap_or_default()
}

/// The blanks that a line begins with.
fn indent_of(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Whether the last thing is an attribute or a doc comment, which belongs to what follows. The delimiters are balanced.
fn ends_with_attribute(code: &str) -> bool {
    let (mut at, mut depth) = (0, 0_usize);
    let mut begins = false;
    let mut ends = false;
    while at < code.len() {
        let lexeme = lexeme(code, at);
        let length = lexeme.length().unwrap_or(1);
        let text = &code[at..at + length];
        match lexeme {
            Lexeme::Comment(_) => ends |= depth == 0 && is_documentation(text),
            Lexeme::Open(_) => {
                begins = if depth == 0 { code[..at].ends_with('#') || code[..at].ends_with("#!") } else { begins };
                (depth, ends) = (depth + 1, false);
            }
            Lexeme::Close(_) => {
                depth = depth.saturating_sub(1);
                ends = depth == 0 && begins;
            }
            _ if text.trim().is_empty() => {}
            _ => ends = false,
        }
        at += length;
    }
    ends
}

fn is_documentation(comment: &str) -> bool {
    (comment.starts_with("///") && !comment.starts_with("////"))
        || (comment.starts_with("/**") && !comment.starts_with("/***") && comment.len() > "/**/".len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &str) {
        let found = match is_complete(code) {
            IsComplete::Complete => "complete".into(),
            IsComplete::Incomplete { indent } => format!("incomplete {}", indent.len()),
            IsComplete::Invalid => "invalid".into(),
        };
        assert_eq!(found, expected, "{code}");
    }

    #[test]
    fn whole_cells() {
        for code in [
            "",
            "1 + 1",
            "fn f() {}",
            "let x = 5;",
            "f().await",
            "// {",
            "\"{\"",
            "r#\"{\"#",
            "'{'",
            "/* { /* ( */ */",
            "fn f<'a>(x: &'a str) {}",
            "b'\\''",
            "println!(\"}}\")",
            "x\n    .map(f)",
            "let v = a\n    .b(|x| {\n    })",
            "fn f() {\n        }",
            "trait T { fn f(); }",
            "struct S;\n\n",
            "a..",
        ] {
            check(code, "complete");
        }
    }

    #[test]
    fn unfinished_cells() {
        check("fn f() {", "incomplete 4");
        check("fn f() {\n    if true {", "incomplete 8");
        check("let x = vec![", "incomplete 4");
        check("let x =", "incomplete 4");
        check("\"abc", "incomplete 0");
        check("/* abc", "incomplete 0");
        check("r#\"abc\"", "incomplete 0");
    }

    #[test]
    fn the_next_line_is_indented() {
        for (code, indent) in [
            // braces, and other brackets
            ("struct P {", 4),
            ("impl P {\n    fn f(&self) {", 8),
            ("impl P {\n    fn f(&self) {\n    }", 4),
            ("match x {\n    Some(y) => {", 8),
            ("f(\n    a,", 4),
            ("let v = vec![\n    [1,", 8),
            ("loop { if a {", 4),
            ("ensure_future(async {\n    f(", 8),
            ("a(b(\n    c)", 4),
            ("let f = |x| {", 4),
            ("async {", 4),
            ("println!(\"{{\",", 4),
            // strings: what is put in front of a line would be part of them
            ("let s = \"a", 0),
            ("fn f() {\n    let s = \"a", 0),
            ("fn f() {\n    let s = r#\"a\"", 0),
            ("fn f() {\n    let c = '{';", 4),
            ("fn f() {\n    let s = \"}\";", 4),
            // comments
            ("/* a {", 0),
            ("fn f() {\n    /* a", 4),
            ("fn f() { // }", 4),
            ("fn f() { /* } */", 4),
            // attributes and doc comments stand where the item does
            ("#[derive(Debug)]", 0),
            ("#[derive(\n    Debug,\n    Clone,\n)]", 0),
            ("#[cfg(test)]\n// soon", 0),
            ("/// Says it.", 0),
            ("/// Says it.\n#[inline]", 0),
            ("#[derive(", 4),
            ("struct P {\n    #[serde(skip)]", 4),
            // expressions that go on
            ("let x =", 4),
            ("1 +", 4),
            ("x.", 4),
            ("use std::", 4),
            // items whose body is still to come, and what may stand before it
            ("fn f()", 0),
            ("pub async fn f<T>(x: T) -> i32", 0),
            ("fn f<T>(x: T)\nwhere", 4),
            ("fn f<T>(x: T)\nwhere\n    T: Clone,", 4),
            ("impl T for S", 0),
            ("enum E", 0),
            ("if a", 4),
            ("if a { 1 } else", 4),
            ("let y = match x", 4),
            ("ensure_future(async move", 4),
            ("async", 4),
            ("let t = async move", 4),
            ("|x|", 4),
            // chains
            ("v.iter().", 4),
            ("v\n    .iter().", 4),
            ("v\n    .map(|x| {", 8),
            ("fn f() {\n    let v = a\n        .b();", 4),
            ("a &&", 4),
            // arms
            ("match x {\n    1 => 2,", 4),
            ("match x {\n    1 =>", 4),
            // lines that are indented otherwise
            ("fn f() {\n  if a {", 4),
            ("fn f() {\n  x;", 2),
            ("    if a {", 8),
            ("fn f() {\n\tif a {", 2),
            ("f(1,\n  2,", 2),
            ("impl P {\n    fn f(&self) {\n        x\n        }", 4),
            ("fn f() {\n    x\n", 4),
            ("fn f() {\n    x\n    \n\n", 4),
            // documentation
            ("/** a */", 0),
            // an empty line may still be followed by something
            ("let x =\n", 4),
            ("#[inline]\n", 0),
            // macros
            ("macro_rules! m {\n    ($x:expr) => {", 8),
            ("vec![", 4),
            ("tokio::select! {\n    a = b => {", 8),
        ] {
            check(code, &format!("incomplete {indent}"));
        }
    }

    #[test]
    fn hopeless_cells() {
        check("fn f() }", "invalid");
        check("(]", "invalid");
        check("let = 5;", "invalid");
        // Two empty lines say that nothing more will come.
        check("let x =\n    \n", "invalid");
        check("#[inline]\n\n", "invalid");
    }
}
