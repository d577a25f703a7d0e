//! Says whether Boucle can work on this machine, and what to do where it cannot. Called by `main` for `boucle doctor`.
//!
//! ```text
//! machine ─look▶ Facts ─examine▶ Findings ─report▶ text and exit code
//! ```
//!
//! Only `look` touches the machine, so every sentence is tested on machines that nobody has.

mod examine;
mod facts;
mod look;
mod report;

use std::io::{self, Write};

pub(crate) use examine::GET_CC;

/// Looks at the machine and reports what was found.
///
/// Returns whether notebooks can run.
///
/// # Errors
/// If the report cannot be written.
pub(crate) fn run(out: &mut dyn Write) -> io::Result<bool> {
    let facts = look::at_this_machine();
    let findings = examine::examine(&facts);
    out.write_all(report::report(&facts.program, &findings).as_bytes())?;
    Ok(findings.iter().all(|finding| !finding.is_problem()))
}

/// Why no cell can run: the problem that was met, what of this machine may be to blame, and what to do.
pub(crate) fn explain(problem: String) -> String {
    let facts = look::without_jupyter();
    report::explanation(problem, &facts.program, &examine::for_cells(&facts))
}

#[cfg(test)]
mod tests;
