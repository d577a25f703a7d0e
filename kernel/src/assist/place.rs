//! Finds out what stands at a place of a cell: Rust, the name of a command, a crate. Pure.

use std::ops::Range;

use crate::cell::{Lexeme, lexeme};
use crate::magics::{self, Command, Segment, Sigil};

/// What stands at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Rust code: the cell without its commands, which have become blanks, so that offsets are the same.
    Code(String),
    /// The name of a command, with what it begins with.
    Command(Range<usize>),
    /// What stands behind `:dep`: the name of a crate.
    Crate(Range<usize>),
    /// A string, a comment, or what only a command understands.
    Other,
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
            true if at <= line.name.end && line.sigil != Sigil::Question => {
                return Place::Command(whole.start..line.name.end);
            }
            true => Some(match magics::parse(text, &line) {
                Ok(Command::Type(range) | Command::Time(range) | Command::Timeit { code: range, .. }) => range,
                _ if line.sigil == Sigil::Question => line.name.start..whole.end,
                Ok(Command::Doc(_)) => line.argument.clone(),
                _ if &text[line.name.clone()] == "dep" => return of_dependency(text, &line.argument, at),
                _ => return Place::Other,
            }),
        };
        let kept = kept.unwrap_or(whole.end..whole.end);
        for blank in [whole.start..kept.start, kept.end..whole.end] {
            code.replace_range(blank.clone(), &blanks(&text[blank]));
        }
    }
    if is_code(&code, at) { Place::Code(code) } else { Place::Other }
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

/// Behind the name of the crate, cargo alone knows what may come.
fn of_dependency(text: &str, argument: &Range<usize>, at: usize) -> Place {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let start = argument.start.min(at);
    match text[start..at].chars().all(is_name) {
        true => Place::Crate(start..at),
        false => Place::Other,
    }
}

/// Whether a place lies outside of strings and comments. In the braces of a string, as in `"{x}"`, there is code again.
fn is_code(text: &str, at: usize) -> bool {
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
            Lexeme::Comment(_) if inside => return false,
            Lexeme::Unfinished if text[from..].starts_with("/*") => return false,
            Lexeme::String(_) | Lexeme::Unfinished if inside => return in_braces(&text[from..at]),
            _ => {}
        }
        from = end;
    }
    true
}

fn in_braces(before: &str) -> bool {
    before.rfind('{').is_some_and(|open| !before[open..].contains(['}', ':']) && !before[..open].ends_with('{'))
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
    fn strings_and_comments_are_not() {
        for marked in [
            "\"a|\"",
            "\"a|",
            "// a|",
            "// a|\nx",
            "/* a|",
            "/* | */",
            "println!(\"{{x|}}\")",
            "println!(\"{x:|}\")",
            "r#\"|\"#",
        ] {
            assert_eq!(at(marked), Place::Other, "{marked}");
        }
    }

    #[test]
    fn commands_are_told_from_their_arguments() {
        assert_eq!(at(":va|"), Place::Command(0..3));
        assert_eq!(at("x;\n:|"), Place::Command(3..4));
        assert_eq!(at("%%ti|"), Place::Command(0..4));
        assert_eq!(at(":dep ser|"), Place::Crate(5..8));
        assert_eq!(at(":dep |"), Place::Crate(5..5));
        assert_eq!(at(":dep serde = { ver|"), Place::Other);
        assert_eq!(at(":opt |"), Place::Other);
        assert_eq!(at("!ls |"), Place::Other);
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
