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
        Scan::InsideToken => IsComplete::Incomplete { indent: String::new() },
        Scan::Balanced => match split("In[?]", code, &ItemMacros::new()) {
            Ok(_) => IsComplete::Complete,
            // The parser wanted more than there is.
            Err(error) if !error.lexical && error.message.contains("unexpected end of input") => {
                IsComplete::Incomplete { indent: "    ".into() }
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
    /// This many delimiters are still open.
    Open {
        depth: usize,
    },
    /// A string or block comment is not closed.
    InsideToken,
}

/// Follows delimiters, skipping over strings, characters and comments.
fn scan(code: &str) -> Scan {
    let mut open = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let lexeme = lexeme(code, at);
        match lexeme {
            Lexeme::Open(delimiter) => open.push(delimiter),
            Lexeme::Close(close) => {
                let matching = match close {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                if open.pop() != Some(matching) {
                    return Scan::Mismatched;
                }
            }
            _ => {}
        }
        let Some(length) = lexeme.length() else { return Scan::InsideToken };
        at += length;
    }
    if open.is_empty() { Scan::Balanced } else { Scan::Open { depth: open.len() } }
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
        check("#[derive(Debug)]", "incomplete 4");
    }

    #[test]
    fn hopeless_cells() {
        check("fn f() }", "invalid");
        check("(]", "invalid");
        check("let = 5;", "invalid");
    }
}
