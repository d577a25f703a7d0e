//! What must hold for every text that anybody may type; `tests` has a generator of such texts. Only compiled for tests and for the
//! fuzz target in `kernel/fuzz`, which calls [`check`] with bytes of its own choice.
//!
//! - Nothing panics, and the same text gives the same pieces, wherever it stands in a cell.
//! - All ranges lie in the text, on the boundaries of characters, in order and apart from one another.
//! - Taking out of a source's text what the engine has inserted gives back the user's.
//! - Each byte of generated source that counts as the user's is that byte of the cell, and all of a statement is there.
//! - What could be parsed can be parsed when it has been put together.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::assemble::{Form, Layout, assemble, assemble_unparsed};
use super::complete::{IsComplete, is_complete};
use super::item_macros::ItemMacros;
use super::plan::{CellPlan, Known, Purpose, plan};
use super::source::{Generated, Source};
use super::split::{Parsed, split, split_part, unsplit};
use crate::magics::{Segment, is_open, segments};

/// Checks everything about a text.
///
/// # Panics
/// If anything does not hold.
pub(crate) fn check(text: &str) {
    for is_name in [false, true] {
        check_segments(text, segments(text, |_| is_name).unwrap_or_default());
    }
    let complete = is_complete(text);
    match split("In[1]", text, &ItemMacros::new()) {
        Ok(parsed) => {
            assert_eq!(complete, IsComplete::Complete, "the cell runs, and a console does not see that it is complete");
            check_parsed(&parsed, 0..text.len());
            check_shifted(text, &parsed);
        }
        Err(error) => {
            assert!(error.at.start <= text.len(), "an error outside the text");
            check_unparsed(&Arc::new(unsplit("In[1]", text, 0..text.len())), error.lexical);
        }
    }
}

fn check_segments(text: &str, segments: Vec<Segment>) {
    let mut at = 0;
    for segment in segments {
        let range = match segment {
            Segment::Code(range) => {
                if let Ok(parsed) = split_part("In[1]", text, range.clone(), &ItemMacros::new()) {
                    check_parsed(&parsed, range.clone());
                } else {
                    check_unparsed(&Arc::new(unsplit("In[1]", text, range.clone())), false);
                }
                range
            }
            Segment::Command(line) => {
                is_open(text, &line);
                let (name, argument) = (line.name.clone(), line.argument.clone());
                check_ranges(text, &(0..text.len()), [name, argument]);
                let begin = line.name.start - line.sigil.text().len();
                assert_eq!(&text[begin..line.name.start], line.sigil.text());
                begin..line.argument.end
            }
        };
        assert!(at <= range.start, "segments overlap");
        at = range.end;
        assert!(text.get(range).is_some(), "a segment is cut in a character");
    }
}

/// The ranges lie in another one, in order, apart from one another.
fn check_ranges(text: &str, within: &Range<usize>, ranges: impl IntoIterator<Item = Range<usize>>) {
    let mut at = within.start;
    for range in ranges {
        assert!(
            at <= range.start && range.start <= range.end && range.end <= within.end,
            "{range:?} of {within:?}, behind {at}"
        );
        assert!(text.get(range.clone()).is_some(), "{range:?} is cut in a character");
        at = range.end;
    }
}

fn check_parsed(parsed: &Parsed, part: Range<usize>) {
    let source = &parsed.source;
    let text = &source.text;
    check_ranges(text, &part, parsed.attributes.iter().cloned());
    check_ranges(text, &part, parsed.items.iter().map(|item| item.range.clone()));
    check_ranges(text, &part, parsed.statements.iter().map(|statement| statement.range.clone()));
    check_ranges(text, &part, source.edits.iter().map(|edit| edit.range.clone()));
    for import in &parsed.uses {
        check_ranges(text, &part, import.segments.iter().cloned());
    }
    for statement in &parsed.statements {
        check_ranges(text, &statement.range, statement.pattern.clone());
    }
    check_text_comes_back(source, &part);
    let is_rust = is_rust(&text[part.clone()]);
    for (form, in_strips) in [(Form::Levels, false), (Form::OneLevel, true), (Form::Flat, false)] {
        let reparsed = split_part(&source.label, text, part.clone(), &ItemMacros::new()).expect("it was split before");
        let (generated, statements) = assembled(reparsed, form, in_strips);
        check_origins(&generated, source, &statements);
        if is_rust {
            syn::parse_file(&generated.text).unwrap_or_else(|error| panic!("{error} in\n{}", generated.text));
        }
    }
}

/// Whether the engine's edits must make valid Rust of a text. What a macro takes need not be Rust, nor what edits make of
/// it; and the parser takes a `let` as the body of a closure and attributes of ranges, where rustc does not.
fn is_rust(text: &str) -> bool {
    #[derive(Default)]
    struct Lenient(bool);
    impl<'ast> syn::visit::Visit<'ast> for Lenient {
        fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
            self.0 |= begins_with_let(&node.body) || matches!(*node.body, syn::Expr::Assign(_));
            syn::visit::visit_expr_closure(self, node);
        }
        fn visit_expr_range(&mut self, node: &'ast syn::ExprRange) {
            self.0 |= !node.attrs.is_empty();
            syn::visit::visit_expr_range(self, node);
        }
    }
    let mut lenient = Lenient::default();
    if let Ok(block) = syn::parse_str::<syn::Block>(&format!("{{{text}\n;}}")) {
        syn::visit::Visit::visit_block(&mut lenient, &block);
    }
    !text.contains('!') && !lenient.0
}

/// Whether an expression begins with a `let`, which only conditions may.
fn begins_with_let(expr: &syn::Expr) -> bool {
    use syn::Expr;
    match expr {
        Expr::Let(_) => true,
        Expr::Assign(expr) => begins_with_let(&expr.left),
        Expr::Binary(expr) => begins_with_let(&expr.left),
        Expr::Range(expr) => expr.start.as_deref().is_some_and(begins_with_let),
        _ => false,
    }
}

fn assembled(parsed: Parsed, form: Form, in_strips: bool) -> (Generated, Vec<Range<usize>>) {
    let statements = parsed.statements.iter().map(|statement| statement.range.clone()).collect();
    let nothing = BTreeMap::new();
    let statics = BTreeMap::new();
    let known = Known {
        items: &[],
        uses: &[],
        variables: &nothing,
        statics: &statics,
        replaced: &[],
        ends: &BTreeSet::new(),
        restarted: &nothing,
        epoch: 0,
    };
    let layout = Layout { form, ..Layout::default() };
    let plan = CellPlan { in_strips, ..plan(parsed, known, Purpose::Run) };
    (assemble(&plan, &layout).0, statements)
}

/// Inserting nothing, or taking out again what was inserted, gives back the same text.
fn check_text_comes_back(source: &Arc<Source>, part: &Range<usize>) {
    let bare = Arc::new(Source { label: source.label.clone(), text: source.text.clone(), edits: Vec::new() });
    let mut generated = Generated::default();
    generated.user(&bare, part.clone());
    assert_eq!(generated.text, source.text[part.clone()], "inserting nothing changes the text");
    let mut generated = Generated::default();
    generated.user(source, part.clone());
    let kept: Vec<u8> = users_bytes(&generated).map(|(at, _)| generated.text.as_bytes()[at]).collect();
    let mut expected = Vec::new();
    let mut at = part.start;
    for edit in source.edits.iter().filter(|edit| generated.makes(edit)) {
        expected.extend_from_slice(&source.text.as_bytes()[at..edit.range.start]);
        at = edit.range.end;
    }
    expected.extend_from_slice(&source.text.as_bytes()[at..part.end]);
    assert_eq!(
        String::from_utf8_lossy(&kept),
        String::from_utf8_lossy(&expected),
        "the user's text does not come back"
    );
}

/// The bytes of generated source that are the user's: where each stands, and where it comes from.
fn users_bytes(generated: &Generated) -> impl Iterator<Item = (usize, usize)> + '_ {
    (0..generated.text.len()).filter(|at| !generated.is_glue(*at)).map(|at| {
        let (_, range) = generated.locate(&(at..at + 1)).expect("the user's text has an origin");
        (at, range.start)
    })
}

fn check_origins(generated: &Generated, source: &Arc<Source>, statements: &[Range<usize>]) {
    let mut seen = vec![0u8; source.text.len()];
    for (at, origin) in users_bytes(generated) {
        assert_eq!(generated.text.as_bytes()[at], source.text.as_bytes()[origin], "byte {at} comes from elsewhere");
        seen[origin] = seen[origin].saturating_add(1);
    }
    for statement in statements {
        for at in statement.clone() {
            let mut edits = source.edits.iter().filter(|edit| generated.makes(edit));
            let is_replaced = edits.clone().any(|edit| edit.range.contains(&at));
            let is_moved = edits.any(|edit| edit.copy.as_ref().is_some_and(|copy| copy.contains(&at)));
            assert_eq!(seen[at], u8::from(is_moved || !is_replaced), "byte {at} of the cell stands {} times", seen[at]);
        }
    }
    for piece in generated.user_pieces() {
        let line = generated.text.split('\n').nth(piece.start.0 - 1).expect("the line is there");
        let rest: String = line.chars().skip(piece.start.1 - 1).take(1).collect();
        assert!(source.text[piece.offset..].starts_with(&rest), "a piece is said to stand elsewhere");
    }
}

fn check_unparsed(source: &Arc<Source>, lexical: bool) {
    let generated = assemble_unparsed(source, lexical);
    check_origins(&generated, source, &[]);
}

/// A part behind others is split as it would be alone.
fn check_shifted(text: &str, parsed: &Parsed) {
    if text.starts_with('\u{feff}') {
        // A mark of the byte order may only stand at the very beginning.
        return;
    }
    let before = ":dep é\n";
    let behind = format!("{before}{text}");
    let shifted = split_part("In[1]", &behind, before.len()..behind.len(), &ItemMacros::new());
    let shifted = shifted.unwrap_or_else(|error| panic!("it cannot be split behind a command: {}", error.message));
    let ranges = |parsed: &Parsed, by: usize| -> Vec<Range<usize>> {
        let statements = parsed.statements.iter().map(|statement| &statement.range);
        let items = parsed.items.iter().map(|item| &item.range);
        let edits = parsed.source.edits.iter().map(|edit| &edit.range);
        statements.chain(items).chain(edits).map(|range| range.start + by..range.end + by).collect()
    };
    assert_eq!(ranges(&shifted, 0), ranges(parsed, before.len()), "it is split differently behind a command");
    let inserts = |parsed: &Parsed| -> Vec<_> { parsed.source.edits.iter().map(|edit| edit.insert.clone()).collect() };
    assert_eq!(inserts(&shifted), inserts(parsed));
}

#[cfg(test)]
mod tests;
