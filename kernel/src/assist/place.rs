//! Finds out what stands at a place of a cell: Rust, the name of a command, a crate, a file. Pure.

use std::ops::Range;

use crate::cell::{Lexeme, lexeme};
use crate::magics::{self, Command, Line, Segment, Sigil};

/// What stands at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Rust code: the cell without its commands, which have become blanks, so that offsets are the same.
    Code(String),
    /// The name of a command, with what it begins with.
    Command(Range<usize>),
    /// What stands behind the name of a command.
    Argument {
        /// The name, with what it begins with.
        command: Range<usize>,
        /// What is already there, up to the place.
        typed: Range<usize>,
        kind: Argument,
    },
    /// A string, which may be the path of a file, up to the place.
    String(Range<usize>),
    /// A comment, or what only a format understands.
    Other,
}

/// What a command wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// The name of a crate.
    Crate,
    /// The path of a file.
    File,
    /// One of the command's own words, or what only it understands.
    Word,
}

/// What stands at byte `at` of a cell. `is_name` tells whether the notebook knows a name.
pub(super) fn place(text: &str, at: usize, is_name: impl Fn(&str) -> bool) -> Place {
    let segments = magics::segments(text, is_name).unwrap_or_default();
    let mut code = text.to_owned();
    for segment in segments {
        let Segment::Command(line) = segment else { continue };
        let whole = line.name.start - line.sigil.text().len()..line.argument.end.max(line.name.end);
        let is_here = whole.start <= at && at <= with_blanks(text, whole.end);
        let kept = match is_here {
            false => None,
            true if at <= line.name.end && !matches!(line.sigil, Sigil::Question | Sigil::Bang) => {
                return Place::Command(whole.start..line.name.end);
            }
            true => Some(match magics::parse(text, &line) {
                Ok(Command::Type(range) | Command::Time(range) | Command::Timeit { code: range, .. }) => range,
                _ if line.sigil == Sigil::Question => line.name.start..whole.end,
                Ok(Command::Doc(_)) => line.argument.clone(),
                _ => return argument(text, &line, at),
            }),
        };
        let kept = kept.unwrap_or(whole.end..whole.end);
        for blank in [whole.start..kept.start, kept.end..whole.end] {
            code.replace_range(blank.clone(), &blanks(&text[blank]));
        }
    }
    match around(&code, at) {
        Around::Code => Place::Code(code),
        Around::String(start) => Place::String(start..at),
        Around::Other => Place::Other,
    }
}

/// The end of the blanks behind a place.
fn with_blanks(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    at + rest.len() - rest.trim_start_matches([' ', '\t']).len()
}

/// As many bytes as the text has, in as many lines.
fn blanks(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// What is wanted behind the name of a command.
fn argument(text: &str, line: &Line, at: usize) -> Place {
    let name = &text[line.name.clone()];
    let begin = line.argument.start.min(at);
    let before = &text[begin..at];
    let is_of_crate = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let word = at - before.len() + before.rfind([' ', '\t', '"', '\'', '=', '<', '>']).map_or(0, |before| before + 1);
    let (kind, start) = match name {
        "dep" if before.chars().all(is_of_crate) => (Argument::Crate, begin),
        // In a string there may be a path.
        "dep" if before.matches('"').count() % 2 == 1 => (Argument::File, word),
        "load" | "" => (Argument::File, word),
        _ => (Argument::Word, begin),
    };
    let command = line.name.start - line.sigil.text().len()..line.name.end;
    Place::Argument { command, typed: start..at, kind }
}

/// What a place of some Rust code lies in.
enum Around {
    Code,
    /// A string that has begun there, without its quote.
    String(usize),
    Other,
}

/// In the braces of a string, as in `"{x}"`, there is code again.
fn around(text: &str, at: usize) -> Around {
    let mut from = 0;
    while from < at {
        let lexeme = lexeme(text, from);
        let end = lexeme.length().map_or(text.len() + 1, |length| from + length);
        let inside = match lexeme {
            // A line comment goes on behind its last character.
            Lexeme::Comment(_) if text[from..].starts_with("//") => at <= end,
            _ => at < end,
        };
        match lexeme {
            Lexeme::Comment(_) if inside => return Around::Other,
            Lexeme::Unfinished if text[from..].starts_with("/*") => return Around::Other,
            Lexeme::String(_) | Lexeme::Unfinished if inside => return in_string(&text[from..at], from),
            _ => {}
        }
        from = end;
    }
    Around::Code
}

/// `before` is a string from its beginning, which lies at byte `from`, up to the place.
fn in_string(before: &str, from: usize) -> Around {
    let in_braces = |open: usize| !before[open..].contains(['}', ':']) && !before[..open].ends_with('{');
    match (before.rfind('{'), before.find('"')) {
        (Some(open), _) if in_braces(open) => Around::Code,
        (None, Some(quote)) => Around::String(from + quote + 1),
        _ => Around::Other,
    }
}

/// Where the brackets stand that are opened in a text and not closed.
pub(super) fn brackets(text: &str) -> Vec<usize> {
    let mut open = Vec::new();
    for (at, lexeme) in lexemes(text) {
        match lexeme {
            Lexeme::Open(_) => open.push(at),
            Lexeme::Close(_) => drop(open.pop()),
            _ => {}
        }
    }
    open
}

/// Where a string or a comment stands that does not end.
pub(super) fn unfinished(text: &str) -> Option<usize> {
    lexemes(text).find_map(|(at, lexeme)| (lexeme == Lexeme::Unfinished).then_some(at))
}

/// The tokens of a text and where they stand; what does not end is the last.
fn lexemes(text: &str) -> impl Iterator<Item = (usize, Lexeme)> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let at = next;
        let found = (at < text.len()).then(|| lexeme(text, at))?;
        next = found.length().map_or(text.len(), |length| at + length);
        Some((at, found))
    })
}

/// The name of what is called around a place: a function, a method, or a macro.
pub(super) fn callee(code: &str, at: usize) -> Option<Range<usize>> {
    for open in brackets(&code[..at]).into_iter().rev() {
        let before = code[..open].trim_end();
        let name = before.strip_suffix('!').unwrap_or(before);
        let is_call = name.len() < before.len() || code[open..].starts_with('(');
        let path = if name.ends_with('>') { name.rfind("::<").map_or(name, |end| &name[..end]) } else { name };
        let word = word_before(code, path.len());
        let is_name = code[word.clone()].starts_with(|c: char| c == '_' || c.is_alphabetic());
        if is_call && is_name && syn::parse_str::<syn::Ident>(&code[word.clone()]).is_ok() {
            return Some(word);
        }
        // Statements are no arguments of what is called around them.
        if code[open..].starts_with('{') {
            return None;
        }
    }
    None
}

/// The identifier that ends at a place, perhaps empty.
pub(super) fn word_before(text: &str, at: usize) -> Range<usize> {
    text[..at].trim_end_matches(is_identifier).len()..at
}

/// The identifier around a place, perhaps empty.
pub(super) fn word_around(text: &str, at: usize) -> Range<usize> {
    let rest = &text[at..];
    word_before(text, at).start..at + rest.len() - rest.trim_start_matches(is_identifier).len()
}

fn is_identifier(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place at the `|` of a text.
    #[track_caller]
    fn at(marked: &str) -> Place {
        let at = marked.find('|').unwrap();
        place(&marked.replacen('|', "", 1), at, |name| name == "known")
    }

    #[test]
    fn code_is_code() {
        for marked in [
            "|",
            "x.|",
            "let x = 5;\nx|",
            "\"a\" |",
            "println!(\"{x|}\")",
            "println!(\"{x|",
            "'a' |",
            "/* a */ |",
            "// a\n|",
        ] {
            assert_eq!(at(marked), Place::Code(marked.replacen('|', "", 1)), "{marked}");
        }
    }

    #[test]
    fn strings_and_comments_are_told_from_it() {
        for marked in ["// a|", "// a|\nx", "/* a|", "/* | */", "println!(\"{{x|}}\")", "println!(\"{x:|}\")"] {
            assert_eq!(at(marked), Place::Other, "{marked}");
        }
        assert_eq!(at("f(\"a|\""), Place::String(3..4));
        assert_eq!(at("\"a/é|"), Place::String(1..5));
        assert_eq!(at("r#\"|\"#"), Place::String(3..3));
    }

    #[test]
    fn commands_are_told_from_their_arguments() {
        assert_eq!(at(":va|"), Place::Command(0..3));
        assert_eq!(at("x;\n:|"), Place::Command(3..4));
        assert_eq!(at("%%ti|"), Place::Command(0..4));
    }

    #[track_caller]
    fn check_argument(marked: &str, expected: &str, kind: Argument) {
        let Place::Argument { command, typed, kind: found } = at(marked) else { panic!("{marked}: {:?}", at(marked)) };
        let text = marked.replacen('|', "", 1);
        assert_eq!((format!("{} {}", &text[command], &text[typed]), found), (expected.to_owned(), kind), "{marked}");
    }

    #[test]
    fn arguments_are_told_apart() {
        check_argument(":dep ser|", ":dep ser", Argument::Crate);
        check_argument(":dep |", ":dep ", Argument::Crate);
        check_argument(":dep serde = { ver|", ":dep serde = { ver", Argument::Word);
        check_argument(":dep shapes = { path = \"../sh|\" }", ":dep ../sh", Argument::File);
        check_argument(":opt |", ":opt ", Argument::Word);
        check_argument(":load no|", ":load no", Argument::File);
        check_argument("x;\n!ls sr|", "! sr", Argument::File);
        check_argument("!ls |", "! ", Argument::File);
        check_argument("!cat <a/b|", "! a/b", Argument::File);
    }

    #[test]
    fn calls_are_found_around_their_arguments() {
        for (marked, expected) in [
            ("f(|", "f"),
            ("a.b(1, |", "b"),
            ("f(g(1), |)", "f"),
            ("f((1, |", "f"),
            ("f::<u8>(|", "f"),
            ("println!(\"{}\", |", "println"),
            ("vec![|", "vec"),
            ("Vec::<Vec<u8>>::with_capacity(|", "with_capacity"),
            ("f(|x| x + |", "f"),
            ("f(|x| { |", ""),
            ("if (|", ""),
            ("a[|", ""),
            ("f() + |", ""),
            ("f(\"(|", "f"),
        ] {
            let at = marked.rfind('|').unwrap();
            let code = format!("{}{}", &marked[..at], &marked[at + 1..]);
            assert_eq!(callee(&code, at).map(|name| &code[name]).unwrap_or_default(), expected, "{marked}");
        }
    }

    #[test]
    fn the_code_of_a_command_is_seen_alone() {
        assert_eq!(at("é;\n:vars\n:type x.|"), Place::Code("é;\n     \n      x.".into()));
        assert_eq!(at("%timeit -n 10 f(|)"), Place::Code("              f()".into()));
        assert_eq!(at("?slee|"), Place::Code(" slee".into()));
        assert_eq!(at(":doc slee|"), Place::Code("     slee".into()));
        assert_eq!(at(":dep regex\nRegex::|"), Place::Code("          \nRegex::".into()));
    }

    #[test]
    fn words_are_found_on_both_sides() {
        assert_eq!(word_before("é.übér + 1", 9), 3..9);
        assert_eq!(word_around("foo.bar(", 5), 4..7);
        assert_eq!(word_around("( )", 1), 1..1);
    }
}
