//! rustc's diagnostics in terms of the user's cells.
//! `rustc` reads them as JSON; `resolve` maps their spans from the generated source to the cells; `render` shows them.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cell::{Generated, Source};

/// A diagnostic as rustc writes it with `--error-format=json`; only what is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Raw {
    message: String,
    code: Option<RawCode>,
    level: String,
    spans: Vec<RawSpan>,
    children: Vec<Raw>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RawCode {
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RawSpan {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
    label: Option<String>,
    suggested_replacement: Option<String>,
    expansion: Option<Box<RawExpansion>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RawExpansion {
    span: RawSpan,
}

impl Raw {
    /// Whether it says that a library is missing or of another compiler, which the cell can do nothing about.
    pub(super) fn is_about_libraries(&self) -> bool {
        self.code.as_ref().is_some_and(|code| is_about_libraries(&code.code))
    }
}

fn is_about_libraries(code: &str) -> bool {
    matches!(code, "E0460" | "E0463" | "E0514" | "E0786")
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

impl Span {
    /// A place that is marked, and nothing more.
    pub(crate) fn of(source: Arc<Source>, range: Range<usize>) -> Span {
        Span { source, range, primary: true, label: None, replacement: None }
    }
}

impl Diagnostic {
    /// An error of the engine's own.
    pub(crate) fn error(message: impl Into<String>, source: Arc<Source>, range: Range<usize>) -> Diagnostic {
        let spans = vec![Span::of(source, range)];
        Diagnostic { level: Level::Error, spans, ..Diagnostic::help(message) }
    }

    /// A note of the engine's own, about a place or about nothing that can be shown.
    pub(crate) fn note(message: impl Into<String>, at: Option<Span>) -> Diagnostic {
        Diagnostic { level: Level::Note, spans: at.into_iter().collect(), ..Diagnostic::help(message) }
    }

    /// Help of the engine's own that replaces the text at a place.
    pub(crate) fn suggestion(message: impl Into<String>, at: &Span, range: Range<usize>, text: String) -> Diagnostic {
        let span = Span { replacement: Some(text), ..Span::of(at.source.clone(), range) };
        Diagnostic { spans: vec![span], ..Diagnostic::help(message) }
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

    /// The variable whose type cannot be named where the cell runs. Lints that the cell denies or forbids may also be about
    /// how a variable is taken; they say nothing of its type.
    pub(crate) fn take_of_a_hidden_type(&self) -> Option<u32> {
        let is_lint = self.code.as_deref().is_none_or(|code| !code.starts_with('E') || code == "E0453");
        self.take.filter(|_| !is_lint)
    }

    /// The place it is about.
    pub(crate) fn primary(&self) -> Option<&Span> {
        self.spans.iter().find(|span| span.primary)
    }

    /// Whether it says that the libraries under every cell are missing or of another compiler.
    pub(crate) fn is_about_the_runtime(&self) -> bool {
        self.code.as_deref().is_some_and(is_about_libraries)
            && ["`std`", "`core`", "`alloc`", "`asyncio`", "`tokio`"].iter().any(|name| self.message.contains(name))
    }

    /// Whether it says what the other one says too, at the same place or at one within it, so that the user would
    /// read it twice.
    pub(crate) fn covers(&self, other: &Diagnostic) -> bool {
        let same_place = match (self.primary(), other.primary()) {
            (Some(outer), Some(inner)) => {
                Arc::ptr_eq(&outer.source, &inner.source)
                    && outer.range.start <= inner.range.start
                    && inner.range.end <= outer.range.end
            }
            (None, None) => true,
            _ => false,
        };
        let label = |diagnostic: &Diagnostic| diagnostic.primary().and_then(|span| span.label.clone());
        same_place && self.message == other.message && self.code == other.code && label(self) == label(other)
    }

    /// Whether rustc proposes something for it.
    pub(crate) fn has_suggestion(&self) -> bool {
        let proposes = |child: &Diagnostic| {
            child.message.starts_with("consider importing") || child.spans.iter().any(|span| span.replacement.is_some())
        };
        self.children.iter().any(proposes)
    }

    /// The address of rustc's explanation of its code.
    pub(crate) fn explanation(&self) -> Option<String> {
        let code = self.code.as_deref().filter(|code| code.starts_with('E'))?;
        Some(format!("https://doc.rust-lang.org/error_codes/{code}.html"))
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
    ["__boucle", "boucle_cell", "asyncio::cell", "Scope::", "cell::wait", "`wait`", "a bound in `question"]
        .iter()
        .any(|name| message.contains(name))
        || ["to implement `Question`", "to implement `DisplayedQuestion`", "the trait `Question` is"]
            .iter()
            .any(|text| message.contains(text))
        // Files that are gone when the user reads this, and options that nobody can give.
        || ["the full name for the type has been written to", "consider using `--verbose`"]
            .iter()
            .any(|start| message.starts_with(start))
}

/// A message without what only holds for the generated source: the places in the names of closures, and the crate.
fn translate(message: &str, file: &str, generated: &Generated) -> String {
    let message = message.replace(" to your crate (`cell`)", " to the cell");
    let of_closure = format!("@{file}:");
    let mut parts = message.split(&of_closure);
    let mut translated = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // `{closure@In[1]:2:59: 2:66}`
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(part.len());
        let mut numbers = part[..end].trim_end_matches(':').split(':').map(str::parse);
        let place = match (numbers.next(), numbers.next()) {
            (Some(Ok(line)), Some(Ok(column))) => generated.locate_line(line, column),
            _ => None,
        };
        let rest = &part[part.find('}').unwrap_or(end)..];
        match place {
            Some((source, offset)) => {
                let (line, column) = source.line_column(offset);
                translated.push_str(&format!("@{}:{line}:{column}{rest}", source.label));
            }
            None => translated.push_str(rest),
        }
    }
    translated
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
            let demands = |label: &str| label.contains("'static") || label.starts_with("argument requires that");
            let must_be_static = raw.label.as_deref().is_some_and(demands);
            stores.insert(if must_be_static { 0 } else { stores.len() }, site);
        }
        if raw.is_primary {
            take = take.or(generated.take_at(&range));
        }
        let Some((source, range)) = generated.locate(&range) else { continue };
        let label = raw.label.as_deref().filter(|label| !is_internal(label));
        let label = label.map(|label| translate(label, file, generated));
        let (range, replacement) = match raw.suggested_replacement.clone() {
            Some(text) => in_parentheses_before_await(&source.text, range, text),
            None => (range, None),
        };
        spans.push(Span { source, range, primary: raw.is_primary, label, replacement });
    }
    // The place that rustc means may be the engine's; the first of the user's has to stand for it.
    if !spans.iter().any(|span| span.primary)
        && let Some(first) = spans.first_mut()
    {
        first.primary = true;
    }
    let children = raw.children.iter().filter_map(|child| resolve_child(child, file, generated)).collect();
    Some(Diagnostic {
        level,
        code: raw.code.as_ref().map(|code| code.code.clone()),
        message: translate(&raw.message, file, generated),
        spans,
        children,
        stores,
        take,
    })
}

/// rustc reads `t.await` of a cell as a call, into which it would write `&mut t`; the user's has to become `(&mut t).await`.
fn in_parentheses_before_await(text: &str, range: Range<usize>, replacement: String) -> (Range<usize>, Option<String>) {
    let behind = &text[range.end..];
    let awaited = behind.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(behind.len());
    if range.is_empty() && ["&", "&mut "].contains(&replacement.as_str()) && behind[awaited..].starts_with(".await") {
        let end = range.end + awaited;
        (range.start..end, Some(format!("({replacement}{})", &behind[..awaited])))
    } else {
        (range, Some(replacement))
    }
}

/// Maps a note or help, unless it has nothing to say without the places that are not the user's.
fn resolve_child(raw: &Raw, file: &str, generated: &Generated) -> Option<Diagnostic> {
    let mut child = resolve(raw, file, generated).filter(|child| !child.message.is_empty())?;
    let all_kept = child.spans.len() == raw.spans.len();
    if is_internal(&raw.message) {
        return None;
    }
    let proposals: Vec<&str> = raw.spans.iter().filter_map(|span| span.suggested_replacement.as_deref()).collect();
    if !all_kept && !proposals.is_empty() {
        // What rustc would write at the head of the generated source belongs at the head of the cell.
        child.spans.clear();
        let imports = proposals.iter().filter(|text| text.starts_with("use ") && !is_internal(text));
        let imports: Vec<String> = imports.map(|text| format!("`{}`", text.trim())).collect();
        if !imports.is_empty() {
            child.message = format!("{}: {}", child.message, imports.join(" or "));
        }
    } else if child.spans.is_empty() && !all_kept {
        let points = |words: &str| child.message.ends_with(words) || child.message.contains(&format!("{words},"));
        if points(" here") || child.message.contains("the following other types implement") {
            return None;
        }
    }
    Some(child)
}

/// The place in `file` where a span's macro was called, or the span itself.
fn outermost<'a>(span: &'a RawSpan, file: &str) -> Option<&'a RawSpan> {
    let called_from = span.expansion.as_ref().and_then(|expansion| outermost(&expansion.span, file));
    called_from.or((span.file_name == file).then_some(span))
}
