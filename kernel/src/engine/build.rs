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

use super::hints;
use crate::cell::{
    CellPlan, Form, Generated, Item, ItemKind, Layout, Site, SiteMode, Source, SyntaxError, Use, assemble,
    assemble_unparsed, is_balanced,
};
use crate::compile::{
    CompileError, Compiled, Compiler, Diagnostic, Level, Product, Request, Span, Verdict, fn_pointer, is_future,
    is_nameable,
};
use crate::session::{Ended, Session};

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
    session: &Session,
    label: &str,
    file: &str,
    opt_level: Option<u8>,
) -> Result<Built, Refusal> {
    let opt_level =
        opt_level.unwrap_or_else(|| u8::from(plan.parsed.loops || plan.items.iter().any(|item| item.loops)));
    let layout = Layout::default();
    let mut attempt = Attempt { plan, label, layout, built: Built::default(), refused: None };
    loop {
        let (generated, sites) = assemble(attempt.plan, &attempt.layout);
        let product = match (attempt.plan.runs(), sites.is_empty()) {
            (false, _) => Product::Check,
            (true, true) => Product::Library,
            (true, false) => Product::LibraryAndTypes,
        };
        let request = Request { generated: &generated, file, product, opt_level, epoch: attempt.plan.epoch };
        match compiler.compile(request).await? {
            Verdict::Accepted(compiled) if attempt.name_types(&compiled.types) => {}
            Verdict::Accepted(compiled) => {
                attempt.built.notes.extend(compiler.take_note());
                return Ok(attempt.finish(compiled, generated, &sites));
            }
            Verdict::Refused(diagnostics) => {
                if let Some(site) = errors(&diagnostics).find_map(Diagnostic::take_of_a_hidden_type) {
                    return Err(Refusal::OutOfReach(sites[site as usize].name.clone()));
                }
                if let Some(item) = replaced_item(attempt.plan, &diagnostics) {
                    return Err(Refusal::Replaces(item));
                }
                if !attempt.adapt(&diagnostics, &sites) {
                    return attempt.give_up(diagnostics, session);
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

/// A cell on its way through rustc, and the choices made so far.
struct Attempt<'a> {
    plan: &'a mut CellPlan,
    label: &'a str,
    layout: Layout,
    built: Built,
    /// What rustc said before definitions of earlier cells were left out.
    refused: Option<Vec<Diagnostic>>,
}

impl Attempt<'_> {
    /// Gives the variables a type that can be written down, where that is possible and has not been done yet. Returns
    /// whether there is anything new to try.
    fn name_types(&mut self, types: &BTreeMap<u32, String>) -> bool {
        let mode = |ty: &str| match fn_pointer(ty) {
            Some(pointer) => Some(SiteMode::Pointer(pointer.to_owned())),
            None => is_future(ty).then_some(SiteMode::Boxed),
        };
        let unnamed = types.iter().filter(|(site, _)| !self.layout.modes.contains_key(site));
        let named: Vec<(u32, SiteMode)> = unnamed.filter_map(|(site, ty)| Some((*site, mode(ty)?))).collect();
        let is_new = !named.is_empty();
        self.layout.modes.extend(named);
        is_new
    }

    /// Changes the cell so that rustc may accept it; `false` if there is no way.
    fn adapt(&mut self, diagnostics: &[Diagnostic], sites: &[Site]) -> bool {
        self.give_up_stores(diagnostics, sites)
            || self.flatten(diagnostics)
            || self.drop_import(diagnostics)
            || self.resort_to_prelude(diagnostics)
            || self.show_nothing(diagnostics)
            || self.leave_out_broken(diagnostics)
    }

    /// A variable that cannot be stored ends with the cell.
    fn give_up_stores(&mut self, diagnostics: &[Diagnostic], sites: &[Site]) -> bool {
        let omitted = sites_to_omit(diagnostics, &self.layout.modes, self.label);
        let statements = &self.plan.parsed.statements;
        let is_reset = |name: &String| statements.iter().any(|statement| statement.assigns.contains(name));
        let moved = omitted.iter().filter(|(_, why)| matches!(why, Ended::Moved(_)));
        let moved = moved.map(|(site, _)| &sites[*site as usize].name);
        let reset: Vec<String> =
            moved.filter(|name| is_reset(name) && !self.layout.reset.contains(*name)).cloned().collect();
        if !reset.is_empty() {
            self.layout.reset.extend(reset);
            self.layout.modes.clear();
            self.built.ended.clear();
            return true;
        }
        let is_new = !omitted.is_empty();
        for (site, why) in omitted {
            self.layout.modes.insert(site, SiteMode::Omit);
            self.built.ended.insert(sites[site as usize].name.clone(), why);
        }
        is_new
    }

    /// Levels may be what the borrow checker objects to; then there have to be fewer.
    fn flatten(&mut self, diagnostics: &[Diagnostic]) -> bool {
        let form = match self.layout.form {
            Form::Levels if self.plan.takes.is_empty() => Form::Flat,
            Form::Levels => Form::OneLevel,
            Form::OneLevel => Form::Flat,
            Form::Flat => return false,
        };
        let is_worth_it = errors(diagnostics).any(is_about_borrowing);
        if is_worth_it {
            self.layout = Layout { form, silent: self.layout.silent, ..Layout::default() };
            self.built.ended.clear();
        }
        is_worth_it
    }

    /// An import of an earlier cell may have lost what it imports.
    fn drop_import(&mut self, diagnostics: &[Diagnostic]) -> bool {
        let Some(broken) = broken_import(self.plan, diagnostics) else { return false };
        let (path, label) = (broken.path(), &broken.source.label);
        self.built.notes.push(format!("`use {path}` of {label} is no more: it has nothing to import"));
        self.plan.uses.retain(|import| !Arc::ptr_eq(import, &broken));
        self.built.dropped_uses.push(broken);
        true
    }

    /// What no glob of the user's imports may be a name of the prelude.
    fn resort_to_prelude(&mut self, diagnostics: &[Diagnostic]) -> bool {
        let unknown: BTreeSet<&str> = errors(diagnostics)
            .filter(|error| error.is_unresolved_name())
            .filter_map(Diagnostic::unresolved_name)
            .collect();
        let (found, reserve): (Vec<_>, Vec<_>) =
            self.plan.reserve.drain(..).partition(|path| unknown.contains(path.rsplit("::").next().unwrap_or(path)));
        let is_new = !found.is_empty();
        self.plan.prelude.extend(found);
        self.plan.reserve = reserve;
        is_new
    }

    /// What stands where the final expression would be may have no value. If it never ends, rustc finds no type for it
    /// in what the engine has written; if it is a macro that makes statements, rustc finds no expression.
    fn show_nothing(&mut self, diagnostics: &[Diagnostic]) -> bool {
        let has_no_type = |error: &Diagnostic| error.code.as_deref() == Some("E0282") && error.primary().is_none();
        let is_statements = |error: &Diagnostic| error.message.starts_with("expected expression, found");
        let is_shown = !self.layout.silent && self.plan.parsed.statements.iter().any(|statement| statement.shown);
        self.layout.silent |= is_shown && errors(diagnostics).any(|error| has_no_type(error) || is_statements(error));
        is_shown && self.layout.silent
    }

    /// Names tell more often than rustc that a definition of an earlier cell is needed. One that is wrong by now must not
    /// be in the way of a cell that does without it.
    fn leave_out_broken(&mut self, diagnostics: &[Diagnostic]) -> bool {
        let is_broken = |item: &Arc<Item>| {
            let within =
                |span: &Span| Arc::ptr_eq(&span.source, &item.source) && item.range.contains(&span.range.start);
            errors(diagnostics).filter_map(Diagnostic::primary).any(within)
        };
        let before = self.plan.items.len();
        self.plan.items.retain(|item| !is_broken(item));
        let is_new = self.plan.items.len() < before;
        if is_new && self.refused.is_none() {
            self.refused = Some(diagnostics.to_vec());
        }
        is_new
    }

    /// There is nothing left to try: an excuse, or what rustc said of the whole.
    fn give_up(mut self, diagnostics: Vec<Diagnostic>, session: &Session) -> Result<Built, Refusal> {
        let diagnostics = self.refused.take().unwrap_or(diagnostics);
        match excuse(self.plan, session, &diagnostics) {
            Some(note) => {
                let Built { dropped_uses, mut notes, .. } = self.built;
                notes.push(note);
                Ok(Built { dropped_uses, notes, ..Built::default() })
            }
            None => Err(Refusal::Cell(diagnostics)),
        }
    }

    fn finish(self, compiled: Compiled, generated: Generated, sites: &[Site]) -> Built {
        let Compiled { library, types, warnings, link } = compiled;
        let Built { dropped_uses, mut notes, mut ended, .. } = self.built;
        notes.extend(waiting_main(self.plan));
        let (types, unnameable): (BTreeMap<u32, String>, BTreeMap<u32, String>) =
            types.into_iter().partition(|(_, ty)| is_nameable(ty));
        for (site, ty) in &unnameable {
            let why = Ended::Unnameable { label: self.label.to_owned(), ty: ty.clone() };
            ended.insert(sites[*site as usize].name.clone(), why);
        }
        // What a name means at the end of the cell is what counts.
        let is_omitted = |site: &u32| self.layout.modes.get(site) == Some(&SiteMode::Omit);
        let last = |name: &str| sites.iter().rposition(|site| site.name == name).map(|site| site as u32);
        ended.retain(|name, _| last(name).is_some_and(|site| is_omitted(&site) || unnameable.contains_key(&site)));
        let discard = unnameable.into_keys().collect();
        Built { library, generated, types, discard, warnings, ended, dropped_uses, notes, link }
    }
}

/// What somebody should know who is used to programs that begin at `main`.
fn waiting_main(plan: &CellPlan) -> Option<String> {
    let defines_main = plan.parsed.items.iter().any(|item| item.key == "main" && item.kind == ItemKind::Other);
    (defines_main && !plan.runs())
        .then(|| "`main` is a function like any other here; it runs when a cell calls it".into())
}

fn errors(diagnostics: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error)
}

/// The stores that rustc refuses and that still happen, each with what ends its variable with the cell of this label.
fn sites_to_omit(diagnostics: &[Diagnostic], modes: &BTreeMap<u32, SiteMode>, label: &str) -> Vec<(u32, Ended)> {
    errors(diagnostics)
        .filter_map(|error| {
            let site = *error.stores.first()?;
            let why = match error.code.as_deref() {
                Some("E0382") => Ended::Moved,
                Some("E0381") => Ended::Unset,
                _ => Ended::Borrowed,
            };
            (modes.get(&site) != Some(&SiteMode::Omit)).then(|| (site, why(label.to_owned())))
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
fn excuse(plan: &CellPlan, session: &Session, diagnostics: &[Diagnostic]) -> Option<String> {
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
        let variable = error.unresolved_name().is_some_and(|name| session.has_variable(name));
        // A name that rustc knows how to import, a field, and a macro are more likely forgotten than yet to come; and a
        // wrong import would be in the way of every later cell.
        let known = ["consider importing", "you might have meant to use the available"];
        let importable = error.children.iter().any(|child| known.iter().any(|start| child.message.starts_with(start)));
        let importable = importable || is_attribute(error);
        let imported = plan.parsed.uses.iter().any(|import| is_within(import, error));
        error.is_unresolved_name() && error.code.is_some() && !importable && !variable && !imported
    };
    if !errors(diagnostics).filter(of_this_cell).all(excusable) {
        return None;
    }
    let names: BTreeSet<&str> = errors(diagnostics).filter_map(Diagnostic::unresolved_name).collect();
    let named = |name: &str| match hints::nearest_name(name, false, Some(&plan.parsed), session) {
        Some(near) => format!("`{name}` (did you mean `{}`?)", near.name),
        None => format!("`{name}`"),
    };
    let names: Vec<String> = names.into_iter().map(named).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    Some(format!("{} {are} not defined yet; this cell is kept, and checked when it is used", names.join(", ")))
}

/// Whether the error is about the path of an attribute.
fn is_attribute(error: &Diagnostic) -> bool {
    error.primary().is_some_and(|at| at.source.text[..at.range.start].ends_with("#["))
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
    // A text with unbalanced delimiters would only be made worse by more of them.
    let generated = assemble_unparsed(source, is_balanced(&source.text));
    let request =
        Request { generated: &generated, file: &source.label, product: Product::Check, opt_level: 0, epoch: 0 };
    match compiler.compile(request).await? {
        Verdict::Refused(mut diagnostics) => {
            // What rustc goes on to say is guesswork: it does not know the names of the notebook here, and after what
            // is no token not even where statements begin.
            if diagnostics.iter().any(is_about_syntax) {
                diagnostics.retain(is_about_syntax);
            }
            if error.lexical {
                diagnostics.truncate(1);
            }
            Ok(diagnostics)
        }
        // rustc has no objection: then the parser's has to do.
        Verdict::Accepted(_) => Ok(vec![Diagnostic::error(error.message, source.clone(), error.at)]),
    }
}

fn is_about_syntax(diagnostic: &Diagnostic) -> bool {
    let of_the_lexer = ["E0585", "E0586", "E0748", "E0753", "E0758", "E0762", "E0763", "E0765", "E0766", "E0768"];
    let code = diagnostic.code.as_deref();
    diagnostic.level == Level::Error && code.is_none_or(|code| of_the_lexer.contains(&code))
}
