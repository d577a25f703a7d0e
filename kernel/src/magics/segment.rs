//! Finds the commands in the text of a cell, and the Rust code between them. Called by the engine; pure.
//!
//! A command stands on a line of its own where a statement could begin: outside strings, comments and brackets, and not
//! where an expression is still waited for. What is valid Rust stays Rust:
//! - `:name` is a command; `::path` is not, and neither is `:T` behind `let x`, unless it is the name of a command.
//! - `%name` is a command at the beginning of a statement. Behind an expression it is the remainder of a division.
//! - `?name` is a command, alone on its line. `?` and `?.method()` go on with the expression above.
//! - `!text` is a shell command unless it can be a negation: unless what follows is in brackets, a literal, called,
//!   a path, or a name that the notebook knows.
//!
//! A command ends with its line; one that begins with `:` or `%` goes on while brackets or strings are open, and one
//! that begins with `!` while lines end with a backslash.

use std::collections::BTreeSet;
use std::ops::Range;

use super::command::is_known;
use crate::cell::{Lexeme, lexeme};

/// One part of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Rust code, with the comments and blank lines around it.
    Code(Range<usize>),
    Command(Line),
}

/// A command as it is written. Its parts are ranges of the cell's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) sigil: Sigil,
    /// Without the sigil; empty for a shell command.
    pub(crate) name: Range<usize>,
    /// What follows the name, without blanks around it.
    pub(crate) argument: Range<usize>,
}

/// What a command begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sigil {
    /// `:name`
    Colon,
    /// `%name`
    Percent,
    /// `%%name`, which is about the whole cell.
    Cell,
    /// `?name`
    Question,
    /// `!text`
    Bang,
}

impl Sigil {
    /// As it is written.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Sigil::Colon => ":",
            Sigil::Percent => "%",
            Sigil::Cell => "%%",
            Sigil::Question => "?",
            Sigil::Bang => "!",
        }
    }
}

/// The parts of a cell in their order, or `None` if all of it is Rust. `is_name` tells whether the notebook knows a name.
pub(crate) fn segments(text: &str, is_name: impl Fn(&str) -> bool) -> Option<Vec<Segment>> {
    let could_begin_one = |line: &str| line.trim_start().starts_with([':', '!', '%', '?']);
    if !text.lines().any(could_begin_one) {
        return None;
    }
    let mut scan = Scan::new(text, 0, &is_name);
    let (mut segments, mut code_from, mut has_code) = (Vec::new(), 0, false);
    let mut line_begins = true;
    while scan.at < text.len() {
        if line_begins && let Some(line) = scan.command() {
            let begin = line.name.start - line.sigil.text().len();
            if has_code {
                segments.push(Segment::Code(code_from..begin));
            }
            code_from = scan.end_of(&line);
            (scan.at, scan.before, has_code) = (code_from, Before::Statement, false);
            segments.push(Segment::Command(line));
            continue;
        }
        line_begins = text.as_bytes()[scan.at] == b'\n';
        match scan.step() {
            Some(is_code) => has_code |= is_code,
            None => {
                has_code = true;
                break;
            }
        }
    }
    if has_code {
        segments.push(Segment::Code(code_from..text.len()));
    }
    segments.iter().any(|segment| matches!(segment, Segment::Command(_))).then_some(segments)
}

/// Whether the command that the text ends with still waits for closing brackets.
pub(crate) fn is_open(text: &str, line: &Line) -> bool {
    let argument = &text[line.argument.clone()];
    let mut scan = Scan::new(argument, 0, &|_| false);
    while scan.at < argument.len() {
        if scan.step().is_none() {
            return false;
        }
    }
    scan.depth > 0 && matches!(line.sigil, Sigil::Colon | Sigil::Percent)
}

/// Whether the command that the text ends with still waits for a line: its own next one, or the first of its cell.
pub(crate) fn goes_on(text: &str, line: &Line) -> bool {
    match line.sigil {
        Sigil::Bang => text.ends_with('\\'),
        // A whole cell that is still empty.
        Sigil::Cell => !text[line.name.end..].contains('\n'),
        _ => false,
    }
}

/// What stands before a place, on the level of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The end of a statement: here begins another.
    Statement,
    /// Something that can be the end of an expression.
    Expression,
    /// Something that wants more, such as an operator.
    Operator,
}

struct Scan<'a> {
    text: &'a str,
    is_name: &'a dyn Fn(&str) -> bool,
    at: usize,
    depth: usize,
    before: Before,
    /// The words that have been met so far.
    words: BTreeSet<&'a str>,
    /// How many arguments were followed to the end of the text in vain.
    unclosed: std::cell::Cell<u32>,
}

/// After so many arguments whose brackets are never closed, those to come are not followed beyond their line: each takes
/// a look at the whole text.
const HOPELESS: u32 = 8;

/// Words behind which an expression, a type or a block has to come.
const EXPECTANT: &[&str] = &[
    "as", "break", "dyn", "else", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "ref",
    "return", "static", "struct", "trait", "type", "unsafe", "use", "where", "while", "const", "enum", "pub",
];

impl<'a> Scan<'a> {
    fn new(text: &'a str, at: usize, is_name: &'a dyn Fn(&str) -> bool) -> Scan<'a> {
        let (words, unclosed) = (BTreeSet::new(), std::cell::Cell::new(0));
        Scan { text, is_name, at, depth: 0, before: Before::Statement, words, unclosed }
    }

    /// Goes over one lexeme; whether it is code. `None` if it does not end.
    fn step(&mut self) -> Option<bool> {
        let lexeme = lexeme(self.text, self.at);
        let mut length = lexeme.length()?;
        let first = self.text[self.at..].chars().next().unwrap_or(' ');
        let before = match lexeme {
            Lexeme::Comment(_) => self.before,
            Lexeme::Other(_) if first.is_whitespace() => self.before,
            Lexeme::Open(_) => {
                self.depth += 1;
                Before::Operator
            }
            Lexeme::Close(close) => {
                self.depth = self.depth.saturating_sub(1);
                if close == b'}' { Before::Statement } else { Before::Expression }
            }
            Lexeme::Other(_) if is_word(first) => {
                let word = word_at(self.text, self.at);
                length = word.len();
                self.words.insert(word);
                if EXPECTANT.contains(&word) { Before::Operator } else { Before::Expression }
            }
            Lexeme::Other(_) if first == ';' => Before::Statement,
            Lexeme::Other(_) if first != '?' => Before::Operator,
            _ => Before::Expression,
        };
        let is_code = !matches!(lexeme, Lexeme::Comment(_)) && !first.is_whitespace();
        self.before = before;
        self.at += length;
        Some(is_code)
    }

    /// The command that the line which begins here holds, if it holds one.
    fn command(&self) -> Option<Line> {
        if self.depth > 0 || self.before == Before::Operator {
            return None;
        }
        let rest = &self.text[self.at..];
        let line = rest.lines().next()?;
        let start = self.at + (line.len() - line.trim_start().len());
        let line = line.trim();
        let sigil = match line.as_bytes() {
            [b'%', b'%', ..] => Sigil::Cell,
            [b'%', ..] => Sigil::Percent,
            [b':', b':', ..] => return None,
            [b':', ..] => Sigil::Colon,
            [b'?', ..] => Sigil::Question,
            [b'!', ..] => Sigil::Bang,
            _ => return None,
        };
        let name_start = start + sigil.text().len();
        let rest = &line[sigil.text().len()..];
        let name = if sigil == Sigil::Bang { "" } else { word_at(rest, 0) };
        let begins_statement = self.before == Before::Statement;
        let is_command = match sigil {
            Sigil::Colon => begins_statement || is_known(sigil, name),
            Sigil::Cell | Sigil::Percent => begins_statement,
            Sigil::Question => begins_statement || is_path(rest),
            Sigil::Bang => self.is_shell(rest, begins_statement),
        };
        if !is_command {
            return None;
        }
        let name = name_start..name_start + name.len();
        let argument = name.end..self.end_of_argument(sigil, name.end);
        Some(Line { sigil, argument: trimmed(self.text, argument), name })
    }

    /// Whether what follows a `!` is meant for the shell.
    fn is_shell(&self, rest: &str, begins_statement: bool) -> bool {
        if rest.starts_with('=') {
            return false;
        }
        if !begins_statement {
            // A macro's brackets may stand on a line of their own; nothing else goes on with a `!`.
            return !rest.starts_with(['(', '[', '{']);
        }
        let Some(first) = rest.trim_start().chars().next() else { return true };
        if !is_word(first) {
            return !matches!(first, '(' | '{' | '[' | '!' | '-' | '*' | '&' | '\'' | '"' | '|');
        }
        let word = word_at(rest.trim_start(), 0);
        let behind = &rest.trim_start()[word.len()..];
        if first.is_ascii_digit() || matches!(word, "true" | "false" | "if" | "match" | "unsafe" | "self" | "loop") {
            return false;
        }
        if behind.starts_with(['(', '!']) || behind.starts_with("::") {
            return false;
        }
        let known = (self.is_name)(word) || self.words.contains(word);
        // Two words side by side are no expression.
        !known || (behind.starts_with(' ') && behind.trim_start().starts_with(is_word) && !behind.starts_with(" as "))
    }

    fn end_of(&self, line: &Line) -> usize {
        self.end_of_argument(line.sigil, line.name.end)
    }

    /// Where the argument ends that begins here: at the line break, or at the end of the text.
    fn end_of_argument(&self, sigil: Sigil, from: usize) -> usize {
        let line_end = |at: usize| self.text[at..].find('\n').map_or(self.text.len(), |length| at + length);
        let mut end = line_end(from);
        if sigil == Sigil::Bang {
            while end < self.text.len() && self.text[..end].trim_end_matches('\r').ends_with('\\') {
                end = line_end(end + 1);
            }
            return end;
        }
        if matches!(sigil, Sigil::Cell | Sigil::Question) {
            return end;
        }
        if self.unclosed.get() > HOPELESS {
            return end;
        }
        let mut inner = Scan::new(self.text, from, self.is_name);
        while inner.at < self.text.len() && (inner.depth > 0 || self.text.as_bytes()[inner.at] != b'\n') {
            if inner.step().is_none() {
                self.unclosed.update(|count| count + 1);
                return end;
            }
        }
        if inner.depth == 0 {
            return inner.at;
        }
        self.unclosed.update(|count| count + 1);
        end
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn word_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())]
}

/// Whether a text is a path of names, perhaps that of a macro, and nothing else.
fn is_path(text: &str) -> bool {
    let path = text.trim_end().trim_end_matches('!');
    path.split("::").all(|name| name.starts_with(|c: char| is_word(c) && !c.is_numeric()) && name.chars().all(is_word))
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the segments of a cell, one in a line: `code …`, or `: name | argument`. `flag` and `ls` … are known names.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found = segments(text, |name| name == "flag").map_or_else(
            || vec!["rust".to_owned()],
            |segments| {
                let show = |segment: &Segment| match segment {
                    Segment::Code(range) => format!("code {}", text[range.clone()].trim()),
                    Segment::Command(Line { sigil, name, argument }) => {
                        let (name, argument) = (&text[name.clone()], &text[argument.clone()]);
                        format!("{}{name} | {argument}", sigil.text()).trim_end_matches(" | ").to_owned()
                    }
                };
                segments.iter().map(show).collect()
            },
        );
        assert_eq!(found, expected, "{text}");
    }

    #[track_caller]
    fn is_rust(text: &str) {
        check(text, &["rust"]);
    }

    #[test]
    fn cells_of_rust_are_left_alone() {
        for text in [
            "",
            "1 + 1",
            "let x = 5; // :vars",
            "let s = \"\n:vars\n!ls\n\";",
            "let s = r#\"\n%time \"x\"\n\"#;",
            "/*\n:vars\n/* !ls */\n?x\n*/",
            "f(\n:vars\n)",
            "::std::mem::drop(x);",
            "let x\n    :T = 5;",
            "let x\n    : i32 = 5;",
            "fn f<T>() where T\n :Copy {}",
            "let r = a\n    % b;",
            "let r = a\n    %b;",
            "f()\n    ?\n    .g()",
            "f()\n?.g()",
            "f()\n?;",
            "a\n!= b",
            "let a =\n!flag;",
            "a &&\n!b",
            "!flag",
            "  !flag && x",
            "let ok = true;\n!ok",
            "!v.is_empty() && !v.is_empty()\n\n!matches!(v, 1)".split("\n\n").nth(1).unwrap(),
            "!is_done(5)",
            "!(a && b)",
            "!0",
            "!true",
            "!!flag",
            "!*flag",
            "!std::env::args().any(|a| a == b)",
            "!flag as u8",
            "return\n!flag",
        ] {
            is_rust(text);
        }
    }

    #[test]
    fn commands_stand_on_lines_of_their_own() {
        check(":vars", &[":vars"]);
        check("  :vars  \n", &[":vars"]);
        check(":opt 3\r\n1 + 1\r\n", &[":opt | 3", "code 1 + 1"]);
        check("// first\n:dep a = \"1\"\n\n:dep b\nuse a::x;", &[":dep | a = \"1\"", ":dep | b", "code use a::x;"]);
        check("let x = 5;\n:vars\nx + 1\n:help", &["code let x = 5;", ":vars", "code x + 1", ":help"]);
        check("fn f() {}\n:vars", &["code fn f() {}", ":vars"]);
        check("x\n:vars", &["code x", ":vars"]);
        check("/* a */ :vars", &["rust"]);
        check("// only a comment\n:vars\n// and one more", &[":vars"]);
        check(":unknown", &[":unknown"]);
        check(": vars", &[": | vars"]);
        check(":", &[":"]);
    }

    #[test]
    fn arguments_go_on_while_brackets_are_open() {
        check(
            ":dep a = { version = \"1\",\n  features = [\"x\"] }\na::f()",
            &[":dep | a = { version = \"1\",\n  features = [\"x\"] }", "code a::f()"],
        );
        check("%time for i in 0..9 {\n  f(i);\n}\n5", &["%time | for i in 0..9 {\n  f(i);\n}", "code 5"]);
        check(":type (\n1", &[":type | (", "code 1"]);
        check(":env TEXT=it's\n1", &[":env | TEXT=it's", "code 1"]);
        check(":env TEXT=\"\n1", &[":env | TEXT=\"", "code 1"]);
        check(":fmt {:#?}", &[":fmt | {:#?}"]);
    }

    #[test]
    fn the_shell() {
        check("!ls -la", &["! | ls -la"]);
        check("!ls", &["! | ls"]);
        check("! ls", &["! | ls"]);
        check("!", &["!"]);
        check("!./run.sh", &["! | ./run.sh"]);
        check("!echo a \\\n  b\n5", &["! | echo a \\\n  b", "code 5"]);
        check("!/bin/true\n!cat \"it's", &["! | /bin/true", "! | cat \"it's"]);
        check("let flag = 1;\n!flag is set", &["code let flag = 1;", "! | flag is set"]);
        check("x + 1\n!ls", &["code x + 1", "! | ls"]);
        check("!echo {\nx", &["! | echo {", "code x"]);
        check("!$HOME/run", &["! | $HOME/run"]);
    }

    #[test]
    fn percent_and_question_mark() {
        check("%time f()", &["%time | f()"]);
        check("%%time\nf()", &["%%time", "code f()"]);
        check("%%opt 3\nf();\ng()", &["%%opt | 3", "code f();\ng()"]);
        check("let x = 1;\n%timeit x + 1", &["code let x = 1;", "%timeit | x + 1"]);
        check("?sleep", &["?sleep"]);
        check("? sleep", &["? | sleep"]);
        check("f()\n?Vec::push", &["code f()", "?Vec | ::push"]);
        check("??", &["? | ?"]);
    }

    /// Each of these would take minutes if each line were compared with the whole text.
    #[test]
    fn long_cells_of_nonsense_take_no_time() {
        for line in ["!a\n", ":a (\n", "%a \"\n", ":a\n", "?a\n", "(\n!a\n", "/*\n:a\n"] {
            let text = line.repeat(300_000 / line.len());
            let _ = segments(&text, |_| false);
        }
    }

    #[test]
    fn text_that_is_not_rust_is_code() {
        check(":vars\nlet s = \"abc", &[":vars", "code let s = \"abc"]);
        check(":vars\n)\n:vars", &[":vars", "code )", ":vars"]);
        check("(\n:vars", &["rust"]);
        check("let π = 1;\n:vars", &["code let π = 1;", ":vars"]);
    }
}
