//! What the user reads when a cell does not go well. Called by the engine; renders, and decides nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use boucle_wire::{Failure, Location, Times};

use super::build::Built;
use super::callers::{self, Place};
use super::habits;
use crate::cell::{self, CellPlan};
use crate::compile::{Diagnostic, Level, render::render};
use crate::doctor;
use crate::error::ErrorReport;
use crate::magics;
use crate::publish::{MimeBundle, Publisher, StreamName};
use crate::session::{Change, Ended};
use crate::worker::Death;

/// The name of that error.
pub(super) const INTERRUPT: &str = "KeyboardInterrupt";

/// The error of a cell that the user stopped.
pub(super) fn keyboard_interrupt() -> ErrorReport {
    ErrorReport { ename: INTERRUPT.into(), evalue: String::new(), traceback: vec![INTERRUPT.into()] }
}

/// The engine was asked for a cell before it was ready; `prepare` has always been called before.
pub(super) fn not_ready() -> ErrorReport {
    ErrorReport::plain("RuntimeUnavailable", "the cell runtime is not ready; run the cell again")
}

/// rustc refused the cell.
pub(super) fn refused(errors: &[Diagnostic]) -> ErrorReport {
    let evalue = errors.first().map_or_else(|| "the cell could not be compiled".into(), Diagnostic::headline);
    let mut texts: Vec<String> = errors.iter().map(render).collect();
    // Front ends make links of addresses, but none of them knows the terminals' way to hide one behind a word.
    let explanations: BTreeSet<String> = errors.iter().filter_map(Diagnostic::explanation).collect();
    if !explanations.is_empty() {
        let lines: Vec<String> = explanations.into_iter().collect();
        texts.push(format!("For more information: {}", lines.join("\n                      ")));
    }
    ErrorReport { ename: "CompileError".into(), evalue, traceback: vec![texts.join("\n\n")] }
}

/// There is nothing that cells could run on, for this reason.
pub(super) async fn unavailable(problem: String) -> ErrorReport {
    let reason = problem.clone();
    let explained = tokio::task::spawn_blocking(|| doctor::explain(reason)).await.unwrap_or_else(|_| problem.clone());
    let text = format!(
        "RuntimeUnavailable: {explained}\nhelp: then run the cell again; where a variable of Jupyter's environment has changed, start Jupyter again"
    );
    let first = problem.lines().next().unwrap_or_default().trim_end_matches(':');
    ErrorReport { ename: "RuntimeUnavailable".into(), evalue: first.to_owned(), traceback: vec![text] }
}

/// A command that there is not, or that is not used as it should be.
pub(super) fn bad_command(diagnostic: &Diagnostic) -> ErrorReport {
    ErrorReport {
        ename: "CommandError".into(),
        evalue: diagnostic.message.clone(),
        traceback: vec![render(diagnostic)],
    }
}

/// Shows what rustc warns about in the cell, what it still lacks, and what it takes with it.
pub(super) fn publish_notes(built: &Built, plan: &CellPlan, change: &Change, publisher: &Publisher) {
    let patterns: Vec<_> = plan.parsed.statements.iter().filter_map(|statement| statement.pattern.clone()).collect();
    let concerns_the_cell = |warning: &&Diagnostic| {
        let Some(primary) = warning.primary() else { return false };
        // A variable may be used, changed or needed by a later cell.
        let of_a_variable =
            matches!(warning.code.as_deref(), Some("unused_mut" | "unused_variables" | "unused_assignments"))
                && patterns
                    .iter()
                    .any(|pattern| pattern.start <= primary.range.start && primary.range.end <= pattern.end);
        Arc::ptr_eq(&primary.source, &plan.parsed.source) && !of_a_variable
    };
    let shown: Vec<String> = built
        .warnings
        .iter()
        .filter(|warning| warning.level == Level::Warning)
        .filter(concerns_the_cell)
        .map(render)
        .collect();
    if !shown.is_empty() {
        publisher.stream(StreamName::Stderr, shown.join("\n\n") + "\n");
    }
    let mut notes = [&change.notes[..], &built.notes].concat();
    notes.extend(outdated(change));
    if reads_stdin(plan) {
        notes.push("stdin is empty in a notebook; `input(\"…\")` asks for a line of text".to_owned());
    }
    if !notes.is_empty() {
        let data = MimeBundle::from_iter([("text/plain".to_owned(), notes.join("\n").into())]);
        publisher.display_data(data, MimeBundle::new(), None);
    }
}

/// Whether a cell's code names stdin, and not to give it to another process.
fn reads_stdin(plan: &CellPlan) -> bool {
    let items = plan.parsed.items.iter().map(|item| &item.mentions);
    let mut all = items.chain([&plan.parsed.mentions]);
    let of_processes = ["Command", "Stdio", "create_subprocess_exec", "create_subprocess_shell"];
    all.clone().any(|mentions| mentions.contains("stdin"))
        && !all.any(|mentions| of_processes.iter().any(|name| mentions.contains(*name)))
}

/// Tells what took how long. The linker is the last of those that took the time up to `compiled`; `None` if nothing had
/// to be compiled.
pub(super) fn publish_timing(
    compiled: Duration,
    link: Option<Duration>,
    times: &Times,
    total: Duration,
    publisher: &Publisher,
) {
    let compile = match link {
        Some(link) => {
            format!("compile {}, link {}", magics::duration(compiled.saturating_sub(link)), magics::duration(link))
        }
        None => format!("found compiled {}", magics::duration(compiled)),
    };
    let [load, run, total] = [times.load, times.wall, total].map(magics::duration);
    let text = format!("{compile}, load {load}, run {run}; all in all {total}");
    let data = MimeBundle::from_iter([("text/plain".to_owned(), text.into())]);
    publisher.display_data(data, MimeBundle::new(), None);
}

/// The variables that a change takes away, and why.
pub(super) fn outdated(change: &Change) -> Option<String> {
    let outdated = change.ended.iter().filter_map(|(name, why)| match why {
        Ended::Redefined(cause) | Ended::Rebuilt(cause) => Some((format!("`{name}`"), format!("`{cause}`"))),
        _ => None,
    });
    let (names, causes): (Vec<String>, BTreeSet<String>) = outdated.unzip();
    let causes: Vec<String> = causes.into_iter().collect();
    let text = || format!("dropped, because {} changes: {}", causes.join(", "), names.join(", "));
    (!names.is_empty()).then(text)
}

/// The cell's code failed, perhaps at a known place of a cell, to which these calls have led.
pub(super) fn failed(failure: &Failure, place: Option<&Place>, callers: &[Place]) -> ErrorReport {
    let Failure { name, message, location, causes, .. } = failure;
    let title = match (name.as_str(), message.as_str()) {
        (name, "") => name.to_owned(),
        ("panic", message) => format!("panicked: {message}"),
        (name, message) => format!("{name}: {message}"),
    };
    let causes: Vec<String> = causes.iter().map(|cause| format!("caused by: {cause}")).collect();
    let text = match (place, location) {
        (Some(place), _) => {
            let (source, at) = place;
            let range = cell::failing(&source.text, *at, message, name == "panic");
            let mut error = Diagnostic::error(title, source.clone(), range);
            error.children.extend(causes.iter().map(|cause| Diagnostic::note(cause, None)));
            error.children.extend(habits::advice_on_failure(name, message).map(Diagnostic::help));
            error.children.extend(callers::notes(place, callers));
            render(&error)
        }
        (None, Some(Location { file, line, column })) => {
            [&[title], &causes[..], &[format!("  at {file}:{line}:{column}")]].concat().join("\n")
        }
        (None, None) => [&[title], &causes[..]].concat().join("\n"),
    };
    let evalue = [std::slice::from_ref(message), &causes[..]].concat().join("\n");
    ErrorReport { ename: name.clone(), evalue, traceback: vec![text] }
}

/// The cell took its process with it.
pub(super) fn died(death: &Death, lost: &[String]) -> ErrorReport {
    let lost = match lost {
        [] => "No variables were lost.".to_owned(),
        names => format!("Lost with it: {}.", names.join(", ")),
    };
    let text = format!("{}\n{lost} Functions, types and imports are still there; pending tasks are not.", death.cause);
    ErrorReport {
        ename: death.name.clone(),
        evalue: death.cause.clone(),
        traceback: vec![format!("{}: {text}", death.name)],
    }
}

/// The compiler is not the one that the runtime was built with.
pub(super) fn toolchain_changed(version: &str, lost: &[String]) -> ErrorReport {
    let lost =
        if lost.is_empty() { String::new() } else { format!(" Lost with the old runtime: {}.", lost.join(", ")) };
    ErrorReport::plain(
        "ToolchainChanged",
        format!(
            "the cell runtime was built with {version}, which has been removed or replaced; run the cell again to rebuild it.{lost}"
        ),
    )
}
