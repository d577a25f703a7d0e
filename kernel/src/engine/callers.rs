//! The way from a cell to the place where it panicked, through the functions of the notebook. Called by the engine when a
//! cell has failed: the worker says which calls were on the stack, the compiler where they stand.

use std::sync::Arc;
use std::time::Duration;

use boucle_wire::{Failure, Frame};

use crate::cell::{self, Caller, Source};
use crate::compile::{Compiler, Diagnostic, Span};

/// A place in a cell, as a byte of its text.
pub(super) type Place = (Arc<Source>, usize);

/// The most calls that are shown: so many next to the place, the others next to the cell.
const NEAR: usize = 5;
const FAR: usize = 2;

/// How long the report of a panic may wait for the calls that led there. Where the compiler takes longer, it goes without.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the cell failed, as far as the worker could tell a place in a cell, and the calls that led there, innermost first.
pub(super) async fn trace(failure: &Failure, known: Option<Place>, compiler: &Compiler) -> (Option<Place>, Vec<Place>) {
    let caller = |(source, at): &Place| cell::call(&source.text, *at, None).0;
    // Nothing of the user's calls the cell itself.
    if known.as_ref().is_some_and(|place| caller(place) == Caller::default()) {
        return (known, Vec::new());
    }
    let mut calls = tokio::time::timeout(PATIENCE, calls(&failure.frames, compiler)).await.unwrap_or_default();
    // Functions that blame their callers are behind the place.
    let is_there = |call: &Place, place: &Place| Arc::ptr_eq(&call.0, &place.0) && caller(call) == caller(place);
    let own = known.as_ref().and_then(|place| calls.iter().position(|call| is_there(call, place)));
    let callers = calls.split_off(calls.len().min(own.unwrap_or(0) + 1));
    // A panic in a library is the business of what called the library.
    (known.or_else(|| calls.into_iter().next()), callers)
}

async fn calls(frames: &[Frame], compiler: &Compiler) -> Vec<Place> {
    let mut places = Vec::new();
    for of_one in frames.chunk_by(|one, next| one.library == next.library) {
        let offsets: Vec<u64> = of_one.iter().map(|frame| frame.offset).collect();
        places.extend(compiler.calls(&of_one[0].library, &offsets).await.into_iter().flatten());
    }
    places
}

/// A note for each call that led to a place.
pub(super) fn notes(place: &Place, callers: &[Place]) -> Vec<Diagnostic> {
    let (mut called, _) = cell::call(&place.0.text, place.1, None);
    let mut steps: Vec<(Caller, Span, usize)> = Vec::new();
    for (source, at) in callers {
        let (caller, range) = cell::call(&source.text, *at, called.name());
        called = caller.clone();
        match steps.last_mut() {
            Some((_, last, times)) if Arc::ptr_eq(&last.source, source) && last.range == range => *times += 1,
            _ => steps.push((caller, Span::of(source.clone(), range), 1)),
        }
    }
    let left_out = steps.len().saturating_sub(NEAR + FAR);
    let far = steps.split_off(steps.len().min(NEAR + left_out));
    steps.truncate(NEAR);
    let note = |(caller, span, times): (Caller, Span, usize)| {
        let again = if times > 1 { format!(", {times} times in a row") } else { String::new() };
        Diagnostic::note(format!("called by {caller}{again}"), Some(span))
    };
    let mut notes: Vec<Diagnostic> = steps.into_iter().chain(far).map(note).collect();
    if let Some(behind_the_gap) = notes.get_mut(NEAR).filter(|_| left_out > 0) {
        behind_the_gap.message.insert_str(0, &format!("after {left_out} more calls, "));
    }
    notes
}
