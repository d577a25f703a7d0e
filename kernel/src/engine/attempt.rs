//! What to try next when rustc refuses a cell, or names a type that cannot be written down. Called by `build`.
//!
//! Each way changes the plan or the layout, and says whether that is worth another compilation; the first that is, is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::build::{Built, Refusal};
use super::hints;
use crate::cell::{CellPlan, Edit, ErrorFormat, Form, Generated, Item, ItemKind, Layout, Site, SiteMode, Use};
use crate::compile::{Compiled, Diagnostic, Level, Span, fn_pointer, is_future, is_nameable};
use crate::session::{Ended, Session};

/// A cell on its way through rustc, and the choices made so far.
pub(super) struct Attempt<'a> {
    pub(super) plan: &'a mut CellPlan,
    pub(super) label: &'a str,
    pub(super) layout: Layout,
    pub(super) built: Built,
    /// What rustc said before definitions of earlier cells were left out.
    pub(super) refused: Option<Vec<Diagnostic>>,
}

impl Attempt<'_> {
    /// Gives the variables a type that can be written down, where that is possible and has not been done yet. Returns
    /// whether there is anything new to try.
    pub(super) fn name_types(&mut self, types: &BTreeMap<u32, String>) -> bool {
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
    pub(super) fn adapt(&mut self, diagnostics: &[Diagnostic], sites: &[Site]) -> bool {
        self.give_up_stores(diagnostics, sites)
            || self.flatten(diagnostics)
            || self.drop_import(diagnostics)
            || self.resort_to_prelude(diagnostics)
            || self.show_nothing(diagnostics)
            || self.settle_for_debug(diagnostics)
            || self.leave_out_broken(diagnostics)
            || self.look_at_each_turn()
    }

    /// A range may be one of something that has no strips; and what is wrong should be said of what the user wrote.
    fn look_at_each_turn(&mut self) -> bool {
        let sources = self.plan.items.iter().chain(&self.plan.parsed.items).map(|item| &item.source);
        let is_new = self.plan.in_strips
            && sources.chain([&self.plan.parsed.source]).any(|source| source.edits.iter().any(Edit::is_for_strips));
        self.plan.in_strips = false;
        is_new
    }

    /// A variable that cannot be stored ends with the cell.
    fn give_up_stores(&mut self, diagnostics: &[Diagnostic], sites: &[Site]) -> bool {
        let omitted = sites_to_omit(diagnostics, &self.layout.modes, self.label);
        let statements = &self.plan.parsed.statements;
        let is_reset = |name: &String| statements.iter().any(|statement| statement.assigns.contains(name));
        let moved = omitted
            .iter()
            .filter(|(_, why)| matches!(why, Ended::Moved(_) | Ended::Awaited(_) | Ended::PartlyMoved(_)));
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
            let name = &sites[site as usize].name;
            let why = match (why, self.plan.takes.iter().find(|(taken, _)| taken == name)) {
                (Ended::Moved(label), Some((_, ty))) => Ended::moved(&label, ty),
                (why, _) => why,
            };
            self.built.ended.insert(name.clone(), why);
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

    /// An error that `?` meets need not be able to say what it is.
    fn settle_for_debug(&mut self, diagnostics: &[Diagnostic]) -> bool {
        let is_bound = |error: &Diagnostic| error.code.as_deref() == Some("E0277");
        let is_new = self.plan.formats.error == ErrorFormat::Explained
            && self.plan.parsed.asks_questions()
            && errors(diagnostics).any(is_bound);
        if is_new {
            self.plan.formats.error = ErrorFormat::Debug;
        }
        is_new
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
    pub(super) fn give_up(mut self, diagnostics: Vec<Diagnostic>, session: &Session) -> Result<Built, Refusal> {
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

    pub(super) fn finish(self, compiled: Compiled, generated: Arc<Generated>, sites: &[Site]) -> Built {
        let Compiled { library, types, warnings, link } = compiled;
        let Built { dropped_uses, mut notes, mut ended, .. } = self.built;
        notes.extend(waiting_main(self.plan));
        notes.extend(waiting_tests(self.plan));
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

/// What somebody should know who is used to `cargo test`.
fn waiting_tests(plan: &CellPlan) -> Option<String> {
    let items = &plan.parsed.items;
    let uncalled = |item: &&Arc<Item>| item.is_test() && !plan.parsed.mentions.contains(&item.key);
    let tests: Vec<String> = items.iter().filter(uncalled).map(|item| format!("`{}()`", item.key)).collect();
    if !tests.is_empty() {
        return Some(format!("a test is a function like any other here; run {}", tests.join(", ")));
    }
    let of_tests = items.iter().find(|item| item.is_for_tests())?;
    Some(format!("`{}` is not there, as it is `#[cfg(test)]`; without that its functions can be called", of_tests.key))
}

pub(super) fn errors(diagnostics: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error)
}

/// The stores that rustc refuses and that still happen, each with what ends its variable with the cell of this label.
fn sites_to_omit(diagnostics: &[Diagnostic], modes: &BTreeMap<u32, SiteMode>, label: &str) -> Vec<(u32, Ended)> {
    errors(diagnostics)
        .filter_map(|error| {
            let site = *error.stores.first()?;
            let why = match error.code.as_deref() {
                Some("E0382") if error.message.starts_with("use of partially moved") => Ended::PartlyMoved,
                Some("E0382") if moves_task(error) => Ended::Awaited,
                Some("E0382") => Ended::Moved,
                Some("E0381") => Ended::Unset,
                _ => Ended::Borrowed,
            };
            (modes.get(&site) != Some(&SiteMode::Omit)).then(|| (site, why(label.to_owned())))
        })
        .collect()
}

/// Whether it is a task that has been moved.
fn moves_task(error: &Diagnostic) -> bool {
    let labels = error.spans.iter().filter_map(|span| span.label.as_deref());
    labels.into_iter().any(|label| label.contains("has type `Task<") || label.contains("has type `asyncio::Task<"))
}

/// Whether the borrow checker, which sees the closures of the levels, is the one that objects.
fn is_about_borrowing(error: &Diagnostic) -> bool {
    let number = error.code.as_deref().and_then(|code| code.strip_prefix('E')?.parse::<u32>().ok());
    matches!(number, Some(373 | 381..=384 | 499..=510 | 515 | 521 | 594 | 596 | 597 | 626 | 700..=716))
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
