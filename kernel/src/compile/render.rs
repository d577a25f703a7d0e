//! Shows a diagnostic in rustc's own look, with the cell's line and column. Called by the engine.

use std::sync::Arc;

use annotate_snippets::renderer::{Ansi256Color, Style};
use annotate_snippets::{AnnotationKind, Group, Level as Look, Patch, Renderer, Snippet};

use super::diagnostics::{Diagnostic, Level, Span};
use crate::cell::Source;

/// rustc's look, in colors of middle brightness. Nobody tells a kernel whether its front end is dark. Each of these has a
/// contrast of 3 or more with JupyterLab's light red and its dark red, on which errors stand, and with black and white. The
/// usual sixteen have not: Jupyter shows them as it likes, and what is bold dark on dark.
const RENDERER: Renderer = Renderer::styled()
    .error(bold(196))
    .warning(bold(166))
    .info(bold(32))
    .note(bold(64))
    .help(bold(30))
    .line_num(bold(32))
    .context(bold(32))
    .addition(bold(64))
    .removal(bold(196));

const fn bold(number: u8) -> Style {
    Ansi256Color(number).on_default().bold()
}

/// The diagnostic as text with ANSI colors, without a final line break.
pub(crate) fn render(diagnostic: &Diagnostic) -> String {
    let mut title = look(diagnostic.level).primary_title(diagnostic.message.as_str());
    if let Some(code) = diagnostic.code.as_deref().filter(|code| code.starts_with('E')) {
        title = title.id(code);
    }
    let mut first = with_snippets(Group::with_title(title), &diagnostic.spans);
    let mut groups = Vec::new();
    for child in &diagnostic.children {
        let suggests = child.spans.iter().any(|span| span.replacement.is_some());
        if child.spans.is_empty() {
            first = first.element(look(child.level).message(child.message.as_str()));
        } else {
            let group = Group::with_title(look(child.level).secondary_title(child.message.as_str()));
            groups.push(if suggests { with_patches(group, &child.spans) } else { with_snippets(group, &child.spans) });
        }
    }
    groups.insert(0, first);
    RENDERER.render(&groups)
}

fn look(level: Level) -> Look<'static> {
    match level {
        Level::Error => Look::ERROR,
        Level::Warning => Look::WARNING,
        Level::Note => Look::NOTE,
        Level::Help => Look::HELP,
    }
}

/// The spans by cell, the primary one's cell first.
fn by_source(spans: &[Span]) -> Vec<(&Arc<Source>, Vec<&Span>)> {
    let mut groups: Vec<(&Arc<Source>, Vec<&Span>)> = Vec::new();
    for span in spans.iter().filter(|span| span.primary).chain(spans.iter().filter(|span| !span.primary)) {
        match groups.iter_mut().find(|(source, _)| Arc::ptr_eq(source, &span.source)) {
            Some((_, spans)) => spans.push(span),
            None => groups.push((&span.source, vec![span])),
        }
    }
    groups
}

fn with_snippets<'a>(mut group: Group<'a>, spans: &'a [Span]) -> Group<'a> {
    for (source, spans) in by_source(spans) {
        let annotations = spans.into_iter().map(|span| {
            let kind = if span.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            kind.span(span.range.clone()).label(span.label.as_deref())
        });
        group =
            group.element(Snippet::source(source.text.as_str()).path(source.label.as_str()).annotations(annotations));
    }
    group
}

fn with_patches<'a>(mut group: Group<'a>, spans: &'a [Span]) -> Group<'a> {
    for (source, spans) in by_source(spans) {
        for spans in alternatives(spans) {
            let patches =
                spans.iter().filter_map(|span| Some(Patch::new(span.range.clone(), span.replacement.as_deref()?)));
            group = group.element(Snippet::source(source.text.as_str()).path(source.label.as_str()).patches(patches));
        }
    }
    group
}

/// The spans of one suggestion after the other: rustc writes them in one row, and each changes its places once.
fn alternatives(spans: Vec<&Span>) -> Vec<Vec<&Span>> {
    let clash = |one: &Span, other: &Span| {
        one.range == other.range || one.range.start < other.range.end && other.range.start < one.range.end
    };
    let mut suggestions: Vec<Vec<&Span>> = Vec::new();
    for span in spans {
        match suggestions.last_mut().filter(|last| !last.iter().any(|earlier| clash(earlier, span))) {
            Some(last) => last.push(span),
            None => suggestions.push(vec![span]),
        }
    }
    suggestions
}
