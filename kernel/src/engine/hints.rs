//! What the notebook knows about an error and rustc does not: why a name is gone, where it would come from, which one may
//! be meant. Called by the engine when rustc has refused a cell; pure.

use std::sync::Arc;

use super::habits;
use crate::cell::{IMPORTABLE, ItemKind, PRELUDE, Parsed};
use crate::compile::{Diagnostic, Level, Span};
use crate::nearest::nearest;
use crate::session::Session;

/// The errors among the diagnostics, each once, with what is to be said about them. `parsed` is the cell, unless it could
/// not be parsed.
pub(super) fn explain(diagnostics: &[Diagnostic], parsed: Option<&Parsed>, session: &Session) -> Vec<Diagnostic> {
    let mut errors = distinct(diagnostics);
    if parsed.is_none() && errors.first().is_some_and(|first| habits::advice(first).is_some()) {
        // What follows from something that is no Rust has no meaning of its own.
        errors.truncate(1);
    }
    for error in &mut errors {
        let hint = reason(error, parsed, session).or_else(|| habits::advice(error));
        if let Some(hint) = hint {
            // Where the cause is known, rustc's guesses would only lead astray.
            error.children.retain(|child| child.level != Level::Help);
            error.children.push(Diagnostic::help(hint));
        } else if let Some(name) = missing_crate(error) {
            let help = match nearest_name(&name, false, parsed, session) {
                Some(near) => near.help(error),
                None => Diagnostic::help(format!("if `{name}` is a crate, add it with `:dep {name}`")),
            };
            error.children.retain(|child| !child.message.starts_with("you might be missing a crate"));
            error.children.push(help);
        } else {
            error.children.extend(guess(error, parsed, session).or_else(|| of_type(error)));
        }
    }
    errors
}

/// The errors. A macro, or the engine's own code, may lead rustc to the same one twice: the narrowest place is kept.
fn distinct(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut errors: Vec<Diagnostic> = Vec::new();
    for error in diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error) {
        if let Some(earlier) = errors.iter_mut().find(|earlier| earlier.covers(error)) {
            *earlier = error.clone();
        } else if !errors.iter().any(|earlier| error.covers(earlier)) {
            errors.push(error.clone());
        }
    }
    errors
}

/// Why a name is not known, if the notebook can tell.
fn reason(error: &Diagnostic, parsed: Option<&Parsed>, session: &Session) -> Option<String> {
    if !error.is_unresolved_name() {
        return None;
    }
    let name = error.unresolved_name()?;
    let at = error.primary()?;
    if session.has_variable(name) || parsed.is_some_and(|parsed| in_item_beside_variable(at, name, parsed)) {
        return Some(format!(
            "`{name}` is a variable of the notebook, which functions cannot see; pass it as an argument, or make it a `static`"
        ));
    }
    if let Some(ended) = session.ended(name) {
        return Some(ended.explain(name));
    }
    if let Some(path) = IMPORTABLE.iter().find(|path| path.rsplit("::").next() == Some(name)) {
        return Some(format!("import it: `use asyncio::{path};`"));
    }
    let of_earlier_cell = parsed.is_some_and(|parsed| !Arc::ptr_eq(&at.source, &parsed.source));
    (of_earlier_cell && nearest_name(name, is_macro(error), parsed, session).is_none())
        .then(|| format!("no cell that has run defines `{name}`; run the one that does, and then this one again"))
}

/// Whether the place lies in an item of a cell that also has a variable of this name.
fn in_item_beside_variable(at: &Span, name: &str, parsed: &Parsed) -> bool {
    let binds = parsed.statements.iter().any(|statement| statement.binds.iter().any(|bound| bound == name));
    let in_item = parsed.items.iter().any(|item| item.range.contains(&at.range.start));
    binds && in_item && Arc::ptr_eq(&at.source, &parsed.source)
}

/// What may be meant by a name that nobody knows: something similar, or a new variable.
fn guess(error: &Diagnostic, parsed: Option<&Parsed>, session: &Session) -> Option<Diagnostic> {
    if !error.is_unresolved_name() || error.has_suggestion() {
        return None;
    }
    let name = error.unresolved_name()?;
    let near = nearest_name(name, is_macro(error), parsed, session).map(|near| near.help(error));
    near.or_else(|| introduction(name, error.primary()?))
}

/// A variable whose type the rest of the notebook would tell, if it were a program.
fn of_type(error: &Diagnostic) -> Option<Diagnostic> {
    let unknown = error.code.as_deref() == Some("E0282") && error.has_suggestion();
    unknown.then(|| {
        Diagnostic::help("a cell is compiled by itself: what later cells put into a variable does not tell its type")
    })
}

fn is_macro(error: &Diagnostic) -> bool {
    error.code.is_none()
}

/// `x = 5`, where there is no `x`.
fn introduction(name: &str, at: &Span) -> Option<Diagnostic> {
    let text = &at.source.text;
    let line = text[..at.range.start].rfind('\n').map_or(0, |newline| newline + 1);
    let behind = text[at.range.end..].trim_start();
    let begins = text[line..at.range.start].trim().is_empty() && behind.starts_with('=') && !behind.starts_with("==");
    let here = at.range.start..at.range.start;
    begins.then(|| {
        Diagnostic::suggestion(format!("to introduce a variable `{name}`, write `let`"), at, here, "let ".into())
    })
}

/// The crate that an error says is missing.
fn missing_crate(error: &Diagnostic) -> Option<String> {
    let says =
        |child: &Diagnostic| child.message.strip_prefix("you might be missing a crate named `").map(str::to_owned);
    let rest = error.children.iter().find_map(says)?;
    Some(rest.split('`').next()?.to_owned())
}

/// A name that resembles another one, and where it comes from.
pub(super) struct Near {
    pub(super) name: String,
    origin: String,
}

impl Near {
    fn help(self, error: &Diagnostic) -> Diagnostic {
        let message = format!("{} has a similar name", self.origin);
        match error.primary() {
            Some(at) => Diagnostic::suggestion(message, at, at.range.clone(), self.name),
            None => Diagnostic::help(message),
        }
    }
}

/// What the notebook, the cell itself or the prelude calls nearly the same. Macros are only meant by macros.
pub(super) fn nearest_name(name: &str, of_macro: bool, parsed: Option<&Parsed>, session: &Session) -> Option<Near> {
    let own = parsed.into_iter().flat_map(|parsed| &parsed.items);
    let items = || {
        let named = own.clone().chain(session.items()).filter(|item| !matches!(item.kind, ItemKind::Impl { .. }));
        named.filter(|item| matches!(item.kind, ItemKind::Macro { .. }) == of_macro)
    };
    let variables = || session.variables().keys().map(String::as_str).filter(|_| !of_macro);
    let prelude = PRELUDE.iter().copied().filter(|prelude| of_macro == (*prelude == "gather"));
    let names = items().map(|item| item.key.as_str()).chain(variables()).chain(prelude);
    let near = nearest(name, names.filter(|candidate| *candidate != name))?;
    let origin = if variables().any(|variable| variable == near) {
        format!("the variable `{near}`")
    } else if let Some(item) = items().find(|item| item.key == near) {
        format!("`{near}` of {}", item.source.label)
    } else {
        format!("`{near}`, which every cell knows,")
    };
    Some(Near { name: near.to_owned(), origin })
}

/// The names that a cell would have defined which was refused: its items, and its variables.
pub(super) fn would_be(parsed: &Parsed) -> Vec<String> {
    let items = parsed.items.iter().filter(|item| !matches!(item.kind, ItemKind::Impl { .. }));
    let variables = parsed.statements.iter().flat_map(|statement| statement.binds.iter().cloned());
    items.map(|item| item.key.clone()).chain(variables).collect()
}

/// The same for a text that cannot be parsed, as far as its words tell.
pub(super) fn would_be_of(text: &str) -> Vec<String> {
    let defines = ["fn", "struct", "enum", "union", "trait", "mod", "type", "const", "static", "let", "mut"];
    let words: Vec<&str> =
        text.split(|c: char| c != '_' && !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let named = words.windows(2).filter(|pair| defines.contains(&pair[0]) && !defines.contains(&pair[1]));
    named.map(|pair| pair[1].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_found_in_text_that_cannot_be_parsed() {
        assert_eq!(would_be_of("fn f( { let mut x = 1; const fn g() } struct S<T"), ["f", "x", "g", "S"]);
    }
}
