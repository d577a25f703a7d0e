//! The way from a cell to the place where it panicked, through the functions of the notebook: the worker knows their names,
//! and the session their texts. Called by the engine when a cell has failed.

use std::ops::Range;
use std::sync::Arc;

use boucle_wire::Failure;

use crate::cell::{self, Source};
use crate::compile::Diagnostic;
use crate::session::Session;

/// The most functions that are shown one by one.
const MOST: usize = 6;

/// A note for each function on the way, and for the cell with this label; none for what the cell's own level does.
pub(super) fn of(failure: &Failure, label: &str, session: &Session) -> Vec<Diagnostic> {
    let steps = failure.callers.windows(2).filter_map(|pair| {
        let callee = pair[0].rsplit("::").next()?;
        let (source, calls) = places(&pair[1], callee, label, session)?;
        let caller = match pair[1].as_str() {
            "" => "the cell".to_owned(),
            name => format!("`{name}`"),
        };
        Some(Diagnostic::note(format!("called by {caller}"), &source, calls))
    });
    steps.take(MOST).collect()
}

/// Where the caller calls the callee.
fn places(caller: &str, callee: &str, label: &str, session: &Session) -> Option<(Arc<Source>, Vec<Range<usize>>)> {
    if caller.is_empty() {
        let source = session.source(label)?;
        let calls = cell::calls(&source.text, None, callee);
        return (!calls.is_empty()).then(|| (source.clone(), calls));
    }
    let name = caller.rsplit("::").next()?;
    // The latest definition is the one that ran.
    session.items().iter().rev().filter(|item| item.mentions.contains(name) || item.key == name).find_map(|item| {
        let calls = cell::calls(item.text(), Some(name), callee);
        let shifted = |range: &Range<usize>| item.range.start + range.start..item.range.start + range.end;
        (!calls.is_empty()).then(|| (item.source.clone(), calls.iter().map(shifted).collect()))
    })
}
