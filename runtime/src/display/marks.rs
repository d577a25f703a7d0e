//! What gives a `Debug` form its structure: delimiters and separators, outside of literals. Read by `layout` and `table`.

/// How many bytes a separator has: a sign and a space.
pub(super) const SEPARATOR: usize = 2;

/// Something that separates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// `(`, `[` or `{`.
    Open(char),
    /// Its counterpart, named after what it closes.
    Close(char),
    /// `, `
    Comma,
    /// `: `
    Colon,
    /// A quotation mark that nothing closes: the rest of the text is a literal.
    Unclosed,
}

/// Where something begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) byte: usize,
    /// How many characters stand before it.
    pub(super) column: usize,
}

/// The marks of a text, in one pass.
pub(super) fn marks(text: &str) -> impl Iterator<Item = (Place, Mark)> {
    let mut place = Place { byte: 0, column: 0 };
    std::iter::from_fn(move || {
        loop {
            let rest = &text[place.byte..];
            let here = place;
            let first = rest.chars().next()?;
            let mut step = |bytes: usize, columns: usize| {
                place = Place { byte: place.byte + bytes, column: place.column + columns };
            };
            let mark = match first {
                '(' | '[' | '{' => Mark::Open(first),
                ')' => Mark::Close('('),
                ']' => Mark::Close('['),
                '}' => Mark::Close('{'),
                ',' if rest.starts_with(", ") => Mark::Comma,
                ':' if rest.starts_with(": ") => Mark::Colon,
                '"' | '\'' => match literal(rest, first) {
                    Some((bytes, columns)) => {
                        step(bytes, columns);
                        continue;
                    }
                    None if first == '"' => {
                        step(rest.len(), 0);
                        return Some((here, Mark::Unclosed));
                    }
                    // An apostrophe is a letter to a `Debug` form of somebody's own.
                    None => {
                        step(1, 1);
                        continue;
                    }
                },
                _ => {
                    step(first.len_utf8(), 1);
                    continue;
                }
            };
            let length = if matches!(mark, Mark::Comma | Mark::Colon) { SEPARATOR } else { 1 };
            step(length, length);
            return Some((here, mark));
        }
    })
}

/// The bytes and the characters of the literal that the text begins with, if its quote is closed.
fn literal(text: &str, quote: char) -> Option<(usize, usize)> {
    // A character is 10 letters at most, as in `'\u{10ffff}'`, and the quotes.
    let most = if quote == '"' { usize::MAX } else { 12 };
    let (mut escaped, mut letters) = (false, 0);
    for (count, (byte, c)) in text.char_indices().enumerate().skip(1).take(most) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => {
                let is_literal = quote == '"' || letters == 1 || text[1..].starts_with('\\');
                return is_literal.then_some((byte + 1, count + 1));
            }
            _ => letters += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found: String = marks(text)
            .map(|(place, mark)| match mark {
                Mark::Unclosed => '!',
                _ => text[place.byte..].chars().next().expect("a place inside the text"),
            })
            .collect();
        assert_eq!(found, expected, "in {text}");
        for (place, _) in marks(text) {
            assert_eq!(place.column, text[..place.byte].chars().count(), "in {text}");
        }
    }

    #[test]
    fn literals_hide_what_is_in_them() {
        check(r#"[("a, b: {", 1), ("é\"", '('), ('\'', '\u{301}')]"#, "[(,),(,),(,)]");
        check(r#"{'"': "\\", 'é': "'"}"#, "{:,:}");
        check("S { a: it's (the's) 'x }", "{:()}");
        check(r#"["a", "b, c"#, "[,!");
        check(r#"["a\"#, "[!");
        check("a,b:c", "");
    }
}
