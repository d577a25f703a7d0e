//! Findings as text: a line for each, what to do below it, and a last line that counts. Pure.

use std::fmt::Write as _;
use std::path::Path;

use super::examine::{Finding, Verdict, quoted};

/// The names of the findings stand in a column of this width.
const COLUMN: usize = 13;

/// The whole report, for the program at this path.
pub(super) fn report(program: &Path, findings: &[Finding]) -> String {
    let mut text = format!("Boucle {}, {}\n\n", env!("CARGO_PKG_VERSION"), program.display());
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Good => '✓',
            Verdict::Advice => '!',
            Verdict::Problem => '✗',
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {mark} {:COLUMN$} {}", finding.subject, finding.found);
        for hint in &finding.hints {
            let _ = writeln!(text, "    {:COLUMN$} hint: {hint}", "");
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let summary = match (count(Verdict::Problem), count(Verdict::Advice)) {
        (0, 0) => "All is well.".to_owned(),
        (0, advice) => format!("Notebooks can run; {} could be better.", things(advice)),
        (problems, _) => format!("{} to be mended before notebooks can run.", needs(problems)),
    };
    let _ = writeln!(text, "\n{summary}");
    text
}

/// A problem that was met, and what may be to blame for it.
pub(super) fn explanation(problem: String, program: &Path, findings: &[Finding]) -> String {
    let mut text = problem;
    for Finding { found, hints, .. } in findings.iter().filter(|finding| finding.is_problem()) {
        if !text.contains(found) {
            let _ = write!(text, "\n{found}");
        }
        for hint in hints {
            let _ = write!(text, "\nhelp: {hint}");
        }
    }
    let _ = write!(text, "\nhelp: `{} doctor` says what else is missing", quoted(program));
    text
}

fn things(count: usize) -> String {
    if count == 1 { "one thing".to_owned() } else { format!("{count} things") }
}

fn needs(count: usize) -> String {
    if count == 1 { "One thing has".to_owned() } else { format!("{count} things have") }
}
