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

/// Judges the text of a cell.
pub(crate) fn is_complete(code: &str) -> IsComplete {
    let scan = scan(code);
    match scan {
        Scan::Mismatched => IsComplete::Invalid,
        Scan::Open { depth } => IsComplete::Incomplete { indent: "    ".repeat(depth) },
        // In a string every blank counts.
        Scan::InsideString => IsComplete::Incomplete { indent: String::new() },
        Scan::InsideComment => IsComplete::Incomplete { indent: indent_of_last_line(code).to_owned() },
        Scan::Balanced => match split("In[?]", code, &ItemMacros::new()) {
            Ok(_) => IsComplete::Complete,
            // The parser wanted more than there is.
            Err(error) if !error.lexical && error.message.contains("unexpected end of input") => {
                let indent = if ends_with_attribute(code) { indent_of_last_line(code) } else { "    " };
                IsComplete::Incomplete { indent: indent.to_owned() }
            }
            Err(_) => IsComplete::Invalid,
        },
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
    /// On so many lines, delimiters are opened that are not closed.
    Open {
        depth: usize,
    },
    InsideString,
    /// A block comment is not closed.
    InsideComment,
}

/// Follows delimiters, skipping over strings, characters and comments.
fn scan(code: &str) -> Scan {
    let mut open: Vec<(u8, usize)> = Vec::new();
    let (mut at, mut line) = (0, 0);
    while at < code.len() {
        let lexeme = lexeme(code, at);
        match lexeme {
            Lexeme::Open(delimiter) => open.push((delimiter, line)),
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
        line += code[at..at + length].matches('\n').count();
        at += length;
    }
    if open.is_empty() {
        return Scan::Balanced;
    }
    // What opens on one line indents once.
    open.dedup_by_key(|(_, line)| *line);
    Scan::Open { depth: open.len() }
}

/// The blanks that the last line begins with.
fn indent_of_last_line(code: &str) -> &str {
    let line = code.lines().last().unwrap_or_default();
    &line[..line.len() - line.trim_start().len()]
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
            Lexeme::Comment(_) => ends |= depth == 0 && text.starts_with("///") && !text.starts_with("////"),
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
    }
}
