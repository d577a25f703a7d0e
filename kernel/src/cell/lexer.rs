//! Tells code from strings and comments, one token at a time, also in text that no parser would take.
//! Used by `complete`, and by `magics` to find the commands of a cell.

/// What stands at a place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lexeme {
    /// A comment of this many bytes, without the line break behind it.
    Comment(usize),
    /// A string of this many bytes.
    String(usize),
    /// A character literal of this many bytes, or the quote with which a lifetime begins.
    Quote(usize),
    /// An opening delimiter.
    Open(u8),
    /// A closing delimiter.
    Close(u8),
    /// Any other character, of this many bytes.
    Other(usize),
    /// A string or comment that does not end.
    Unfinished,
}

impl Lexeme {
    /// How many bytes it takes; `None` for what does not end.
    pub(crate) fn length(self) -> Option<usize> {
        match self {
            Lexeme::Comment(length) | Lexeme::String(length) | Lexeme::Quote(length) | Lexeme::Other(length) => {
                Some(length)
            }
            Lexeme::Open(_) | Lexeme::Close(_) => Some(1),
            Lexeme::Unfinished => None,
        }
    }
}

/// What stands at byte `at` of the text, which lies before the end and not inside a string or comment.
pub(crate) fn lexeme(code: &str, at: usize) -> Lexeme {
    let rest = &code[at..];
    let or_unfinished = |found: Option<usize>, kind: fn(usize) -> Lexeme| found.map_or(Lexeme::Unfinished, kind);
    match code.as_bytes()[at] {
        b'/' if rest.starts_with("//") => Lexeme::Comment(rest.find('\n').unwrap_or(rest.len())),
        b'/' if rest.starts_with("/*") => or_unfinished(block_comment(rest), Lexeme::Comment),
        b'"' => or_unfinished(string(rest).map(|end| with_suffix(rest, end)), Lexeme::String),
        b'r' | b'b' | b'c' if !continues_identifier(&code[..at]) => match raw_string(rest) {
            Raw::None => Lexeme::Other(1),
            Raw::Whole(length) => Lexeme::String(with_suffix(rest, length)),
            Raw::Open => Lexeme::Unfinished,
        },
        b'\'' => match character(rest) {
            1 => Lexeme::Quote(1),
            length => Lexeme::Quote(with_suffix(rest, length)),
        },
        open @ (b'(' | b'[' | b'{') => Lexeme::Open(open),
        close @ (b')' | b']' | b'}') => Lexeme::Close(close),
        _ => Lexeme::Other(rest.chars().next().map_or(1, char::len_utf8)),
    }
}

fn continues_identifier(before: &str) -> bool {
    before.ends_with(|c: char| c == '_' || c.is_alphanumeric())
}

/// The length of a literal with the name that follows it at once: that belongs to it, and begins nothing of its own.
fn with_suffix(text: &str, length: usize) -> usize {
    let behind = &text[length..];
    if behind.starts_with(|c: char| c == '_' || c.is_alphabetic()) {
        length + behind.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(behind.len())
    } else {
        length
    }
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
