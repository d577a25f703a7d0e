//! rustc's diagnostics in terms of the user's cells.
//! `rustc` reads them as JSON; `resolve` maps their spans from the generated source to the cells; `render` shows them.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cell::{Generated, Source};

/// A diagnostic as rustc writes it with `--error-format=json`; only what is used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Raw {
    message: String,
    code: Option<RawCode>,
    level: String,
    spans: Vec<RawSpan>,
    children: Vec<Raw>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RawCode {
    code: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RawSpan {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
    label: Option<String>,
    suggested_replacement: Option<String>,
    expansion: Option<Box<RawExpansion>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RawExpansion {
    span: RawSpan,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
    Note,
    Help,
}

/// A diagnostic whose spans lie in cells.
#[derive(Debug, Clone)]
pub(crate) struct Diagnostic {
    pub(crate) level: Level,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) spans: Vec<Span>,
    /// Notes and help, which have no children themselves.
    pub(crate) children: Vec<Diagnostic>,
    /// The stores of variables that it is about, most telling first: those that must not happen.
    pub(crate) stores: Vec<u32>,
    /// The variable whose type, as it is written where the variable is taken, is what it is about.
    pub(crate) take: Option<u32>,
}

/// A place that a diagnostic shows.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) source: Arc<Source>,
    pub(crate) range: Range<usize>,
    pub(crate) primary: bool,
    pub(crate) label: Option<String>,
    pub(crate) replacement: Option<String>,
}

impl Diagnostic {
    /// An error of the engine's own.
    pub(crate) fn error(message: impl Into<String>, source: Arc<Source>, range: Range<usize>) -> Diagnostic {
        let span = Span { source, range, primary: true, label: None, replacement: None };
        Diagnostic {
            level: Level::Error,
            code: None,
            message: message.into(),
            spans: vec![span],
            children: Vec::new(),
            stores: Vec::new(),
            take: None,
        }
    }

    /// Help of the engine's own.
    pub(crate) fn help(message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            level: Level::Help,
            code: None,
            message: message.into(),
            spans: Vec::new(),
            children: Vec::new(),
            stores: Vec::new(),
            take: None,
        }
    }

    /// The place it is about.
    pub(crate) fn primary(&self) -> Option<&Span> {
        self.spans.iter().find(|span| span.primary)
    }

    /// Whether it says that the libraries under every cell are missing or of another compiler.
    pub(crate) fn is_about_the_runtime(&self) -> bool {
        matches!(self.code.as_deref(), Some("E0460" | "E0463" | "E0514" | "E0786"))
            && ["`std`", "`core`", "`alloc`", "`asyncio`", "`tokio`"].iter().any(|name| self.message.contains(name))
    }

    /// Whether the user would read the same twice.
    pub(crate) fn says_the_same_as(&self, other: &Diagnostic) -> bool {
        let place =
            |diagnostic: &Diagnostic| diagnostic.primary().map(|span| (Arc::as_ptr(&span.source), span.range.clone()));
        self.message == other.message && self.code == other.code && place(self) == place(other)
    }

    /// Whether it says that a name is not known, which a later cell may mend.
    pub(crate) fn is_unresolved_name(&self) -> bool {
        match self.code.as_deref() {
            Some("E0405" | "E0412" | "E0422" | "E0423" | "E0425" | "E0433" | "E0531" | "E0574") => true,
            Some(_) => false,
            None => self.message.starts_with("cannot find macro"),
        }
    }

    /// The name that is not known, for [`Diagnostic::is_unresolved_name`].
    pub(crate) fn unresolved_name(&self) -> Option<&str> {
        self.message.split('`').nth(1)
    }

    /// `error[E0425]: cannot find …`, for Jupyter's `evalue`.
    pub(crate) fn headline(&self) -> String {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
            Level::Help => "help",
        };
        match &self.code {
            Some(code) if code.starts_with('E') => format!("{level}[{code}]: {}", self.message),
            _ => format!("{level}: {}", self.message),
        }
    }
}

/// Names that only generated code has; a note that mentions one has nothing to say to the user.
fn is_internal(message: &str) -> bool {
    ["__boucle", "boucle_cell", "asyncio::cell", "Scope::", "cell::wait", "`wait`"]
        .iter()
        .any(|name| message.contains(name))
}

/// Maps a diagnostic to the cells. `file` is the generated source's name. `None` for rustc's closing summary.
pub(crate) fn resolve(raw: &Raw, file: &str, generated: &Generated) -> Option<Diagnostic> {
    let level = match raw.level.as_str() {
        "error" | "error: internal compiler error" => Level::Error,
        "warning" => Level::Warning,
        "note" => Level::Note,
        "help" => Level::Help,
        _ => return None,
    };
    let summary =
        ["aborting due to", "warning emitted", "warnings emitted", "For more information", "Some errors have"];
    if raw.spans.is_empty() && summary.iter().any(|text| raw.message.contains(text)) {
        return None;
    }
    let mut stores = Vec::new();
    let mut take = None;
    let mut spans = Vec::new();
    for raw in &raw.spans {
        let Some(at) = outermost(raw, file) else { continue };
        let range = at.byte_start..at.byte_end;
        if level == Level::Warning && raw.is_primary && generated.is_glue(range.start) {
            // What the engine has written may look odd; that is no business of the user's.
            return None;
        }
        if let Some(site) = generated.store_at(&range) {
            // What is asked to live for ever by its store tells more than what is moved or dropped there.
            let must_be_static = raw.label.as_deref().is_some_and(|label| label.contains("'static"));
            stores.insert(if must_be_static { 0 } else { stores.len() }, site);
        }
        if raw.is_primary {
            take = take.or(generated.take_at(&range));
        }
        let Some((source, range)) = generated.locate(&range) else { continue };
        let label = raw.label.clone().filter(|label| !is_internal(label));
        let replacement = raw.suggested_replacement.clone();
        spans.push(Span { source, range, primary: raw.is_primary, label, replacement });
    }
    // The place that rustc means may be the engine's; the first of the user's has to stand for it.
    if !spans.iter().any(|span| span.primary)
        && let Some(first) = spans.first_mut()
    {
        first.primary = true;
    }
    let children = raw
        .children
        .iter()
        .filter(|child| !is_internal(&child.message))
        .filter_map(|child| resolve(child, file, generated))
        .filter(|child| !child.message.is_empty())
        .collect();
    Some(Diagnostic {
        level,
        code: raw.code.as_ref().map(|code| code.code.clone()),
        message: raw.message.clone(),
        spans,
        children,
        stores,
        take,
    })
}

/// The place in `file` where a span's macro was called, or the span itself.
fn outermost<'a>(span: &'a RawSpan, file: &str) -> Option<&'a RawSpan> {
    let called_from = span.expansion.as_ref().and_then(|expansion| outermost(&expansion.span, file));
    called_from.or((span.file_name == file).then_some(span))
}
