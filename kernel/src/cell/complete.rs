//! Tells a console whether what has been typed so far is a whole cell. Called for `is_complete_request`.

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
        Scan::Balanced => match split("In[?]", code) {
            Ok(_) => IsComplete::Complete,
            // The parser wanted more than there is.
            Err(error) if !error.lexical && error.message.contains("unexpected end of input") => {
                IsComplete::Incomplete { indent: "    ".into() }
            }
            Err(_) => IsComplete::Invalid,
        },
    }
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
    let bytes = code.as_bytes();
    let mut open = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &code[at..];
        let length = match bytes[at] {
            b'/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => match block_comment(rest) {
                Some(length) => length,
                None => return Scan::InsideToken,
            },
            b'"' => match string(rest) {
                Some(length) => length,
                None => return Scan::InsideToken,
            },
            b'r' | b'b' | b'c' if !continues_identifier(&code[..at]) => match raw_string(rest) {
                Raw::None => 1,
                Raw::Whole(length) => length,
                Raw::Open => return Scan::InsideToken,
            },
            b'\'' => character(rest),
            b'(' | b'[' | b'{' => {
                open.push(bytes[at]);
                1
            }
            close @ (b')' | b']' | b'}') => {
                let matching = match close {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                if open.pop() != Some(matching) {
                    return Scan::Mismatched;
                }
                1
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        at += length;
    }
    if open.is_empty() { Scan::Balanced } else { Scan::Open { depth: open.len() } }
}

fn continues_identifier(before: &str) -> bool {
    before.ends_with(|c: char| c == '_' || c.is_alphanumeric())
}

fn block_comment(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    loop {
        let rest = text.get(at..)?;
        let open = rest.find("/*");
        let close = rest.find("*/")?;
        match open {
            Some(open) if open < close => {
                depth += 1;
                at += open + 2;
            }
            _ => {
                depth -= 1;
                at += close + 2;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
    }
}

fn string(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

enum Raw {
    None,
    Whole(usize),
    Open,
}

fn raw_string(text: &str) -> Raw {
    let prefix = text.len() - text.trim_start_matches(['b', 'c']).len();
    let Some(after_r) = text[prefix..].strip_prefix('r').filter(|_| prefix <= 1) else { return Raw::None };
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    if !after_r[hashes..].starts_with('"') {
        return Raw::None;
    }
    let start = prefix + 1 + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    text[start..].find(&end).map_or(Raw::Open, |at| Raw::Whole(start + at + end.len()))
}

/// The length of a character literal, or of the quote alone where it begins a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => text[2..].char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 3),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
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
