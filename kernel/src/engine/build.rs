//! Compiles a planned cell, and again with other choices where rustc's answer asks for them. Called by the engine.
//!
//! The first attempt keeps every variable and lays the cell out in levels. What rustc refuses about a store means that
//! the variable cannot be kept: it was moved, or it borrows. What the borrow checker refuses otherwise gets a second
//! opinion on the cell as the user wrote it, flat: either it is right, and its words are about the user's code, or the
//! levels were to blame.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cell::{
    CellPlan, Form, Generated, Item, Layout, Site, SiteMode, Source, SyntaxError, Use, assemble, assemble_unparsed,
};
use crate::compile::{
    CompileError, Compiled, Compiler, Diagnostic, Level, Product, Request, Span, Verdict, is_future, is_nameable,
};
use crate::session::Ended;

/// A cell that is ready to run.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) library: PathBuf,
    pub(super) generated: Generated,
    /// Store site → type, for the variables that can be kept.
    pub(super) types: BTreeMap<u32, String>,
    /// The stores to be ignored, because the type has no name.
    pub(super) discard: Vec<u32>,
    pub(super) warnings: Vec<Diagnostic>,
    /// The variables that end with the cell, and why.
    pub(super) ended: BTreeMap<String, Ended>,
    /// Earlier imports that have lost what they import, and are no more.
    pub(super) dropped_uses: Vec<Arc<Use>>,
    /// What the user should know, although nothing is wrong with the cell.
    pub(super) notes: Vec<String>,
    /// How long the linker took; `None` if nothing had to be compiled.
    pub(super) link: Option<Duration>,
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(super) enum Refusal {
    /// rustc refused the cell.
    Cell(Vec<Diagnostic>),
    /// The cell redefines what this item of an earlier cell defines, although their names do not tell.
    Replaces(Arc<Item>),
    /// The type of this variable cannot be named where the cell runs.
    OutOfReach(String),
    /// rustc could not be asked.
    Tool(CompileError),
}

impl From<CompileError> for Refusal {
    fn from(error: CompileError) -> Refusal {
        Refusal::Tool(error)
    }
}

/// Compiles the cell that messages call `label`, in a notebook with the given variables, from a file of the given name.
/// Without an `opt_level` that of rustc follows from the code.
pub(super) async fn build(
    compiler: &Compiler,
    plan: &mut CellPlan,
    variables: &BTreeMap<String, String>,
    label: &str,
    file: &str,
    opt_level: Option<u8>,
) -> Result<Built, Refusal> {
    let mut dropped_uses = Vec::new();
    let mut notes = Vec::new();
    let mut ended: BTreeMap<String, Ended> = BTreeMap::new();
    let opt_level =
        opt_level.unwrap_or_else(|| u8::from(plan.parsed.loops || plan.items.iter().any(|item| item.loops)));
    let mut layout = Layout { optimized: opt_level > 0, ..Layout::default() };
    loop {
        let (generated, sites) = assemble(plan, &layout);
        let product = match (plan.runs(), sites.is_empty()) {
            (false, _) => Product::Check,
            (true, true) => Product::Library,
            (true, false) => Product::LibraryAndTypes,
        };
        let request = Request { generated: &generated, file, product, opt_level, epoch: plan.epoch };
        match compiler.compile(request).await? {
            Verdict::Accepted(compiled) => {
                let futures: Vec<u32> = compiled
                    .types
                    .iter()
                    .filter(|(site, ty)| is_future(ty) && !layout.modes.contains_key(site))
                    .map(|(site, _)| *site)
                    .collect();
                if futures.is_empty() {
                    return Ok(Built { dropped_uses, notes, ..finish(compiled, generated, &sites, ended, label) });
                }
                layout.modes.extend(futures.into_iter().map(|site| (site, SiteMode::Boxed)));
            }
            Verdict::Refused(diagnostics) => {
                if let Some(site) = errors(&diagnostics).find_map(|error| error.take) {
                    return Err(Refusal::OutOfReach(sites[site as usize].name.clone()));
                }
                if let Some(item) = replaced_item(plan, &diagnostics) {
                    return Err(Refusal::Replaces(item));
                }
                let omitted = sites_to_omit(&diagnostics, &layout.modes);
                let is_reset =
                    |name: &String| plan.parsed.statements.iter().any(|statement| statement.assigns.contains(name));
                let moved = omitted.iter().filter(|(_, borrows)| !borrows).map(|(site, _)| &sites[*site as usize].name);
                let reset: Vec<String> =
                    moved.filter(|name| is_reset(name) && !layout.reset.contains(*name)).cloned().collect();
                if !reset.is_empty() {
                    layout.reset.extend(reset);
                    layout.modes.clear();
                    ended.clear();
                } else if !omitted.is_empty() {
                    for (site, borrows) in omitted {
                        layout.modes.insert(site, SiteMode::Omit);
                        let why = if borrows { Ended::Borrowed } else { Ended::Moved };
                        ended.insert(sites[site as usize].name.clone(), why(label.to_owned()));
                    }
                } else if layout.form == Form::Levels && errors(&diagnostics).any(is_about_borrowing) {
                    layout = Layout { form: Form::Flat, optimized: layout.optimized, ..Layout::default() };
                    ended.clear();
                } else if let Some(broken) = broken_import(plan, &diagnostics) {
                    let (path, label) = (broken.path(), &broken.source.label);
                    notes.push(format!("`use {path}` of {label} is no more: it has nothing to import"));
                    plan.uses.retain(|import| !Arc::ptr_eq(import, &broken));
                    dropped_uses.push(broken);
                } else if let Some(note) = excuse(plan, variables, &diagnostics) {
                    notes.push(note);
                    return Ok(Built { dropped_uses, notes, ..Built::default() });
                } else {
                    return Err(Refusal::Cell(diagnostics));
                }
            }
        }
    }
}

/// The type of the final expression of a cell that is planned for this purpose, as the compiler writes it, or what it objects.
pub(super) async fn type_of(
    compiler: &Compiler,
    plan: &CellPlan,
    file: &str,
) -> Result<Result<String, Vec<Diagnostic>>, CompileError> {
    let (generated, _) = assemble(plan, &Layout::default());
    let request = Request { generated: &generated, file, product: Product::Types, opt_level: 0, epoch: plan.epoch };
    match compiler.compile(request).await? {
        Verdict::Accepted(compiled) => {
            // The type that the compiler names is that of a reference to the value.
            let found = compiled.types.get(&0).and_then(|ty| ty.strip_prefix('&'));
            Ok(Ok(found.unwrap_or("()").to_owned()))
        }
        Verdict::Refused(diagnostics) => Ok(Err(diagnostics)),
    }
}

fn errors(diagnostics: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error)
}

/// The stores that rustc refuses and that still happen, each with whether it is for borrowing rather than moving.
fn sites_to_omit(diagnostics: &[Diagnostic], modes: &BTreeMap<u32, SiteMode>) -> Vec<(u32, bool)> {
    errors(diagnostics)
        .filter_map(|error| {
            let site = *error.stores.first()?;
            let moved = matches!(error.code.as_deref(), Some("E0382" | "E0381"));
            (modes.get(&site) != Some(&SiteMode::Omit)).then_some((site, !moved))
        })
        .collect()
}

/// Whether the borrow checker, which sees the closures of the levels, is the one that objects.
fn is_about_borrowing(error: &Diagnostic) -> bool {
    let number = error.code.as_deref().and_then(|code| code.strip_prefix('E')?.parse::<u32>().ok());
    matches!(number, Some(373 | 381..=384 | 499..=510 | 515 | 521 | 594 | 596 | 597 | 626 | 700..=716))
}

/// The item of an earlier cell that defines the same as this cell, as rustc says: two headers of an `impl` may mean the
/// same without being spelt the same.
fn replaced_item(plan: &CellPlan, diagnostics: &[Diagnostic]) -> Option<Arc<Item>> {
    let conflicts = |error: &&Diagnostic| matches!(error.code.as_deref(), Some("E0119" | "E0428" | "E0592"));
    let spans = |error: &Diagnostic| error.spans.clone();
    errors(diagnostics).filter(conflicts).map(spans).find_map(|spans| {
        let of_this_cell = spans.iter().any(|span| Arc::ptr_eq(&span.source, &plan.parsed.source));
        let holds = |item: &&Arc<Item>| {
            let is_in = |span: &Span| Arc::ptr_eq(&span.source, &item.source) && item.range.contains(&span.range.start);
            spans.iter().any(is_in)
        };
        plan.items.iter().find(holds).filter(|_| of_this_cell).cloned()
    })
}

/// An import of an earlier cell that rustc cannot resolve any more.
fn broken_import(plan: &CellPlan, diagnostics: &[Diagnostic]) -> Option<Arc<Use>> {
    let is_broken = |import: &&Arc<Use>| errors(diagnostics).any(|error| is_within(import, error));
    plan.uses.iter().find(is_broken).cloned()
}

fn is_within(import: &Arc<Use>, error: &Diagnostic) -> bool {
    error.primary().is_some_and(|span| {
        let holds = |segment: &Range<usize>| segment.contains(&span.range.start);
        Arc::ptr_eq(&span.source, &import.source) && import.segments.iter().any(holds)
    })
}

/// Why a cell of definitions is accepted although rustc refuses it, in words for the user: what it lacks may come in a
/// later cell, and what no longer fits it may be redefined in the next one. Both are checked when they are used.
fn excuse(plan: &CellPlan, variables: &BTreeMap<String, String>, diagnostics: &[Diagnostic]) -> Option<String> {
    if plan.runs() {
        return None;
    }
    let of_this_cell =
        |error: &&Diagnostic| error.primary().is_none_or(|span| Arc::ptr_eq(&span.source, &plan.parsed.source));
    if !errors(diagnostics).any(|error| of_this_cell(&error)) {
        let cells = errors(diagnostics).filter_map(|error| Some(error.primary()?.source.label.clone()));
        let cells: Vec<String> = cells.collect::<BTreeSet<_>>().into_iter().collect();
        let cells = cells.join(" and ");
        return Some(format!("what {cells} defines no longer fits this; it is checked again when it is used"));
    }
    let excusable = |error: &Diagnostic| {
        // A variable is never visible in a function, however late it comes.
        let variable = error.unresolved_name().is_some_and(|name| variables.contains_key(name));
        // A name that rustc knows how to import, and a macro, are more likely forgotten than yet to come; and a wrong
        // import would be in the way of every later cell.
        let importable = error.children.iter().any(|child| child.message.contains("consider importing"));
        let imported = plan.parsed.uses.iter().any(|import| is_within(import, error));
        error.is_unresolved_name() && error.code.is_some() && !importable && !variable && !imported
    };
    if !errors(diagnostics).filter(of_this_cell).all(excusable) {
        return None;
    }
    let names = errors(diagnostics).filter_map(|error| Some(format!("`{}`", error.unresolved_name()?)));
    let names: Vec<String> = names.collect::<BTreeSet<_>>().into_iter().collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    Some(format!("{} {are} not defined yet; this cell is kept, and checked when it is used", names.join(", ")))
}

fn finish(
    compiled: Compiled,
    generated: Generated,
    sites: &[Site],
    mut ended: BTreeMap<String, Ended>,
    label: &str,
) -> Built {
    let Compiled { library, types, warnings, link } = compiled;
    let (types, unnameable): (BTreeMap<u32, String>, BTreeMap<u32, String>) =
        types.into_iter().partition(|(_, ty)| is_nameable(ty));
    for site in unnameable.keys() {
        ended.insert(sites[*site as usize].name.clone(), Ended::Unnameable(label.to_owned()));
    }
    let discard = unnameable.into_keys().collect();
    Built { library, generated, types, discard, warnings, ended, link, ..Built::default() }
}

/// What is wrong with a text that could not be parsed, in rustc's words if it has any.
///
/// # Errors
/// If rustc could not be asked.
pub(super) async fn explain_syntax(
    compiler: &Compiler,
    source: &Arc<Source>,
    error: SyntaxError,
) -> Result<Vec<Diagnostic>, CompileError> {
    if error.message.contains("too deeply") {
        // rustc would run out of stack.
        return Ok(vec![Diagnostic::error(error.message, source.clone(), error.at)]);
    }
    let generated = assemble_unparsed(source, error.lexical);
    let request =
        Request { generated: &generated, file: &source.label, product: Product::Check, opt_level: 0, epoch: 0 };
    match compiler.compile(request).await? {
        Verdict::Refused(diagnostics) => Ok(diagnostics),
        // rustc has no objection: then the parser's has to do.
        Verdict::Accepted(_) => Ok(vec![Diagnostic::error(error.message, source.clone(), error.at)]),
    }
}
