//! Advice for people who write what another language, most often Python, would accept. Called by `hints`; text → text.

use crate::compile::{Diagnostic, Span};

/// Names that other languages have, and what to write instead.
const NAMES: &[(&[&str], &str)] = &[
    (&["print"], "print a line with `println!(\"…\")`; values stand in braces: `println!(\"{name} {}\", 1 + 2)`"),
    (&["range"], "numbers from 0 to 2 are `0..3`, with 3 `0..=3`"),
    (&["str"], "a `String` is made with `value.to_string()` or `format!(\"{value}\")`"),
    (&["int", "float"], "numbers are converted with `value as i64`, and read from text with `text.parse::<i64>()`"),
    (&["getpass"], "a text that is not to be shown is read with `password(\"…\")`"),
    (&["null", "nil", "undefined"], "a value that may be missing is an `Option`: `None`, or `Some(value)`"),
    (&["exit", "quit"], "a console is left with `:quit`; a notebook's kernel is shut down by the notebook"),
    (&["pass"], "a block without code is `{}`"),
    (&["dict"], "a dictionary is `std::collections::HashMap::from([(\"key\", 1)])`"),
];

/// How a line may begin that is not Rust, and what to write instead.
const LINES: &[(&[&str], &str)] = &[
    (&["import", "from"], "a name is imported with `use std::…;`, and a crate is added with `:dep name`"),
    (&["class"], "a `struct` holds the fields, and an `impl` the methods"),
    (&["def", "function", "func"], "a function is written `fn name(argument: Type) -> Type { … }`"),
    (
        &["try", "except"],
        "there are no exceptions: functions return a `Result`, which `match` takes apart and `?` passes on",
    ),
    (&["#"], "a comment begins with `//`"),
    (&["var", "const"], "a variable is introduced with `let name = value;`, one that changes with `let mut`"),
];

/// How the messages begin with which the event loop refuses something at run time, in Python's words, and what to write instead.
const REFUSALS: &[(&str, &str)] = &[
    (
        "no running event loop",
        "the lines of a cell run beside the loop: there, `get_event_loop()` is the loop, and `.await` runs it",
    ),
    (
        "There is no current event loop in thread",
        "`run(…)` leaves no loop, and other threads begin without one; `set_event_loop(new_event_loop())` makes one",
    ),
    ("This event loop is already running", "in a coroutine, `.await` waits for another one"),
    ("asyncio.run() cannot be called from a running event loop", "in a coroutine, `.await` waits for another one"),
];

/// What to write instead of what has raised this, if it can be told.
pub(super) fn advice_on_failure(name: &str, message: &str) -> Option<&'static str> {
    let known = |refusal: &&(&str, &str)| name == "RuntimeError" && message.starts_with(refusal.0);
    REFUSALS.iter().find(known).map(|(_, advice)| *advice)
}

/// What to write instead, if it can be told.
pub(super) fn advice(error: &Diagnostic) -> Option<String> {
    let at = error.primary()?;
    let found = match error.code.as_deref() {
        None => of_line(line_of(at), &error.message),
        Some("E0433") if line_of(at).starts_with("#[") && line_of(at).contains("::main") => {
            Some("a cell awaits at its own level and needs no such attribute: leave it out")
        }
        Some("E0614") if at.source.text[..at.range.start].trim_end().ends_with('*') => {
            Some("a power is `2_i32.pow(10)` or `2.0_f64.powf(0.5)`")
        }
        _ => error.unresolved_name().filter(|_| error.is_unresolved_name()).and_then(of_name),
    };
    found
        .or_else(|| {
            is_about_a_future(error).then_some("a future has its value when it is done: write `.await` behind it")
        })
        .map(str::to_owned)
}

fn of_name(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(names, _)| names.contains(&name)).map(|(_, advice)| *advice)
}

/// Advice on a line that rustc cannot parse.
fn of_line(line: &str, message: &str) -> Option<&'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let first = words.first()?.trim_end_matches(':');
    if message.starts_with("prefix `f` is unknown") {
        return Some("text takes values without an `f`: `println!(\"hello {name}\")`, or `format!(…)` for a `String`");
    }
    if !message.starts_with("expected ") {
        return None;
    }
    if let Some((_, advice)) = LINES.iter().find(|(begins, _)| begins.contains(&first)) {
        return Some(advice);
    }
    let opens_block = ["for", "while", "if", "else", "elif", "match", "with"].contains(&first);
    let opens_block = opens_block && (line.ends_with(':') || message == "expected `{`, found `:`");
    match () {
        () if opens_block => Some("a block stands in braces: `for i in 0..3 { … }`, `if n > 1 { … } else { … }`"),
        () if words.contains(&"elif") => Some("`elif` is written `else if`"),
        () if words.contains(&"lambda") => Some("a closure is written `|x| 2 * x`"),
        () if words.contains(&"for") && line.contains('[') => {
            Some("a list is collected from an iterator: `(0..5).map(|n| n * n).collect::<Vec<_>>()`")
        }
        () if message.ends_with("found `is`") => Some("values are compared with `==`; an `Option` has `.is_none()`"),
        () if message.ends_with("found `:`") && line.contains("{\"") => of_name("dict"),
        () => None,
    }
}

fn line_of(at: &Span) -> &str {
    let text = &at.source.text;
    let start = text[..at.range.start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    text[start..end].trim()
}

/// Whether something is wanted of a future that only its value has.
fn is_about_a_future(error: &Diagnostic) -> bool {
    let labels = error.spans.iter().filter_map(|span| span.label.as_deref());
    let names_future = labels.chain([error.message.as_str()]).any(|text| text.contains("Future<Output"));
    let wants_value = matches!(
        error.code.as_deref(),
        Some("E0277" | "E0308" | "E0369" | "E0599" | "E0600" | "E0608" | "E0609" | "E0614")
    );
    names_future && wants_value && !error.message.ends_with("is not a future")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, message: &str, expected: Option<&str>) {
        let found = of_line(line, message);
        assert!(
            found.zip(expected).map_or(found.is_none() && expected.is_none(), |(found, part)| found.contains(part)),
            "{line}: {found:?}"
        );
    }

    #[test]
    fn what_the_loop_refuses_gets_advice() {
        let advice = |name, message| advice_on_failure(name, message).unwrap_or_default();
        assert!(advice("RuntimeError", "no running event loop").contains("get_event_loop()"));
        assert!(advice("RuntimeError", "There is no current event loop in thread 'MainThread'.").contains("`run(…)`"));
        assert!(advice("RuntimeError", "This event loop is already running").contains(".await"));
        assert_eq!(
            (advice("RuntimeError", "Event loop is closed"), advice("panic", "no running event loop")),
            ("", "")
        );
    }

    #[test]
    fn lines_of_python_get_advice_in_rust() {
        check("import math", "expected one of `!`, found `math`", Some("use std"));
        check("for i in range(3):", "expected `{`, found `:`", Some("braces"));
        check("let f = lambda x: x", "expected one of …, found `x`", Some("|x|"));
        check("let l = [n for n in 0..5];", "expected one of …, found keyword `for`", Some("collect"));
        check("let ages = {\"Ada\": 36};", "expected one of …, found `:`", Some("HashMap"));
        check("let a = 1", "expected `;`, found keyword `let`", None);
        check("for i in 0..3 { x y }", "expected one of …, found `y`", None);
    }
}
