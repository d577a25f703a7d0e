//! Decides what a cell's crate must hold: the cell itself, and what it needs of earlier cells.
//! Called by the engine with the split cell and what the session knows; pure.
//!
//! A cell needs the earlier items that it mentions, those that they mention, and so on; with a type come its impls.
//! So the cost of a cell follows what it uses, not how long the notebook is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::item::{Item, ItemKind, Use};
use super::mentions::identifiers_in;
use super::own::Own;
use super::prelude::{METHODS, PRELUDE};
use super::split::Parsed;

/// What the session knows before a cell runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// The current definitions, oldest first.
    pub(crate) items: &'a [Arc<Item>],
    /// The current imports, oldest first.
    pub(crate) uses: &'a [Arc<Use>],
    /// The variables and their types.
    pub(crate) variables: &'a BTreeMap<String, String>,
    /// The notebook's statics.
    pub(crate) statics: &'a BTreeMap<String, Static>,
    /// The definitions that the cell takes the place of.
    pub(crate) replaced: &'a [Arc<Item>],
    /// The variables that it ends, so that it cannot use them.
    pub(crate) ends: &'a BTreeSet<String>,
    /// The statics that it makes begin again.
    pub(crate) restarted: &'a BTreeMap<String, String>,
    /// The epoch of types in which it runs.
    pub(crate) epoch: u32,
}

/// Which definition of a `static` is the current one, and whether the worker has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Static {
    /// Counts the definitions, so that each has a symbol of its own.
    pub(crate) version: u32,
    /// Whether a library that the worker has loaded defines it; otherwise the next cell that uses it has to.
    pub(crate) loaded: bool,
}

/// What a cell's code is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Purpose {
    /// To run it, and to show the value of its final expression.
    #[default]
    Run,
    /// To run it over and over and measure how long it takes. So many times in a row, or as many as it takes if this is
    /// 0; and so many rows.
    Measure { loops: u64, rows: u32 },
    /// To know the type of its final expression. It does not run.
    Type,
}

/// How a cell's values and errors are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Formats {
    /// Of values; without one Rust's own.
    pub(crate) value: Option<ValueFormat>,
    /// Whether values are shown with their types.
    pub(crate) types: bool,
    pub(crate) error: ErrorFormat,
}

/// How a value is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ValueFormat {
    /// By its `Debug` form, with this format string.
    Debug(String),
    /// By its `Display` form, if it has one.
    Display,
}

/// How an error is written that `?` has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ErrorFormat {
    /// What it says, and what its causes say.
    #[default]
    Explained,
    /// `{:?}`
    Debug,
    /// `{:#?}`
    Pretty,
    /// `{}`
    Display,
}

/// What a cell's crate is made of.
#[derive(Debug)]
pub(crate) struct CellPlan {
    pub(crate) parsed: Parsed,
    /// The items of earlier cells that it needs.
    pub(crate) items: Vec<Arc<Item>>,
    /// The imports of earlier cells. All of them: a trait is needed for its methods, which do not name it.
    pub(crate) uses: Vec<Arc<Use>>,
    /// The variables that it takes from the store, with their types.
    pub(crate) takes: Vec<(String, String)>,
    /// What it takes from the prelude, as paths.
    pub(crate) prelude: Vec<&'static str>,
    pub(crate) purpose: Purpose,
    /// The names of the prelude that a glob may import from elsewhere, so that rustc has to tell whether one does.
    pub(crate) reserve: Vec<&'static str>,
    pub(crate) formats: Formats,
    /// The notebook's statics, the cell's own included.
    pub(crate) statics: BTreeMap<String, Static>,
    /// The epoch of types.
    pub(crate) epoch: u32,
    /// Whether loops may go on for a while without looking whether they are interrupted.
    pub(crate) in_strips: bool,
}

impl CellPlan {
    /// The statics that this cell defines, in their current version: its own, and those that the worker lacks.
    pub(crate) fn defined_statics(&self) -> impl Iterator<Item = (&String, Static)> {
        let keys = self.parsed.items.iter().chain(&self.items).filter(|item| !item.statics.is_empty());
        let known = keys.filter_map(|item| self.statics.get_key_value(&item.statics_key()));
        known.map(|(key, found)| (key, *found)).filter(|(_, found)| !found.loaded)
    }

    /// Whether there is anything to run, rather than only definitions to check.
    pub(crate) fn runs(&self) -> bool {
        !self.parsed.statements.is_empty() || self.parsed.items.iter().any(|item| item.kind == ItemKind::Static)
    }
}

/// Plans the crate of a cell.
pub(crate) fn plan(parsed: Parsed, known: Known<'_>, purpose: Purpose) -> CellPlan {
    let is_replaced = |earlier: &Arc<Item>| known.replaced.iter().any(|item| Arc::ptr_eq(item, earlier));
    let candidates: Vec<&Arc<Item>> = known.items.iter().filter(|earlier| !is_replaced(earlier)).collect();
    let uses = remaining_uses(&parsed, known.uses);

    let takes: Vec<(String, String)> = known
        .variables
        .iter()
        .filter(|(name, _)| parsed.mentions.contains(*name) && !known.ends.contains(*name))
        .map(|(name, ty)| (name.clone(), ty.clone()))
        .collect();

    let mut wanted = parsed.mentions.clone();
    wanted.extend(parsed.items.iter().flat_map(|item| item.mentions.iter().cloned()));
    wanted.extend(takes.iter().flat_map(|(_, ty)| identifiers_in(ty).map(str::to_owned)));
    wanted.extend(
        uses.iter()
            .chain(&parsed.uses)
            .flat_map(|import| import.segments.iter().map(|range| import.source.text[range.clone()].to_owned())),
    );
    let items = reachable(&candidates, &parsed.items, &mut wanted);

    let mut statics = known.statics.clone();
    let new = parsed.items.iter().filter(|item| !item.statics.is_empty()).map(|item| item.statics_key());
    for key in new.chain(known.restarted.keys().cloned()) {
        let version = statics.get(&key).map_or(1, |earlier| earlier.version + 1);
        statics.insert(key, Static { version, loaded: false });
    }
    let defined: BTreeSet<&str> = items
        .iter()
        .chain(&parsed.items)
        .map(|item| item.key.as_str())
        .chain(uses.iter().chain(&parsed.uses).filter_map(|import| import.binds.as_deref()))
        .collect();
    let is_needed = |path: &&str| {
        let name = path.rsplit("::").next().unwrap_or(path);
        wanted.contains(name) && !defined.contains(name)
    };
    let is_called = |path: &&str| METHODS.iter().any(|(of, method)| of == path && wanted.contains(*method));
    let names: Vec<&'static str> = PRELUDE.iter().copied().filter(is_needed).collect();
    let globs = uses.iter().chain(&parsed.uses).any(|import| may_import_prelude_names(import));
    let (mut prelude, reserve) = if globs { (Vec::new(), names) } else { (names, Vec::new()) };
    prelude.extend(METHODS.iter().map(|(of, _)| *of).filter(is_called).filter(|of| !is_needed(of)));
    CellPlan {
        items,
        uses,
        takes,
        prelude,
        reserve,
        statics,
        epoch: known.epoch,
        in_strips: false,
        purpose,
        formats: Formats::default(),
        parsed,
    }
}

/// Whether the import is a glob that may bring in names that the prelude has too; the user's come first.
fn may_import_prelude_names(import: &Use) -> bool {
    let path = import.path();
    let mut segments = path.split("::");
    let of_the_library = matches!(segments.next(), Some("std" | "core" | "alloc"));
    let module = segments.next();
    let has_such_names = matches!(module, Some("future" | "sync" | "task" | "thread"));
    path.ends_with('*') && (has_such_names || !of_the_library)
}

/// The earlier imports that the cell does not replace with an item or import of its own.
fn remaining_uses(parsed: &Parsed, uses: &[Arc<Use>]) -> Vec<Arc<Use>> {
    let replaced = |name: &str| {
        parsed.items.iter().any(|item| item.key == name)
            || parsed.uses.iter().any(|import| import.binds.as_deref() == Some(name))
    };
    uses.iter().filter(|import| import.binds.as_deref().is_none_or(|name| !replaced(name))).cloned().collect()
}

/// The candidates that the wanted names ask for, directly or through one another, in their order.
fn reachable(candidates: &[&Arc<Item>], new: &[Arc<Item>], wanted: &mut BTreeSet<String>) -> Vec<Arc<Item>> {
    let own = Own::among(candidates.iter().copied().chain(new));
    let mut taken = vec![false; candidates.len()];
    loop {
        let mut grew = false;
        for (item, taken) in candidates.iter().zip(&mut taken) {
            if !*taken && is_wanted(item, &own, wanted) {
                *taken = true;
                grew = true;
                wanted.extend(item.mentions.iter().cloned());
            }
        }
        if !grew {
            break;
        }
    }
    let taken = candidates.iter().zip(taken).filter(|(_, taken)| *taken);
    let mut items: Vec<Arc<Item>> = taken.map(|(item, _)| Arc::clone(item)).collect();
    // In whatever order cells have run, the source is the same.
    items.sort_by(|one, other| one.text().cmp(other.text()));
    items
}

fn is_wanted(item: &Item, own: &Own<'_>, wanted: &BTreeSet<String>) -> bool {
    match &item.kind {
        ItemKind::Impl { self_type, header, .. } => {
            own.subjects(self_type, header).into_iter().any(|name| wanted.contains(name))
        }
        kind => *kind == ItemKind::ExternCrate || !item.provides.is_disjoint(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::super::split::split;
    use super::*;

    fn nothing_known<'a>(nothing: &'a BTreeMap<String, String>, statics: &'a BTreeMap<String, Static>) -> Known<'a> {
        const NONE: &BTreeSet<String> = &BTreeSet::new();
        let (items, uses, replaced) = (&[], &[], &[]);
        Known { items, uses, variables: nothing, statics, replaced, ends: NONE, restarted: nothing, epoch: 0 }
    }

    /// Plans a cell after earlier ones; returns the keys of the earlier items that it needs.
    fn needs(earlier: &[&str], cell: &str) -> Vec<String> {
        let mut items = Vec::new();
        for (index, text) in earlier.iter().enumerate() {
            items.extend(split(&format!("In[{index}]"), text, &BTreeMap::new()).unwrap().items);
        }
        let new = split("In[9]", cell, &BTreeMap::new()).unwrap();
        let replaced: Vec<_> =
            items.iter().filter(|item| new.items.iter().any(|new| new.replaces(item))).cloned().collect();
        let (nothing, no_statics) = (BTreeMap::new(), BTreeMap::new());
        let known = Known { items: &items, replaced: &replaced, ..nothing_known(&nothing, &no_statics) };
        plan(new, known, Purpose::Run).items.iter().map(|item| item.key.clone()).collect()
    }

    #[test]
    fn a_cell_takes_what_it_reaches() {
        let earlier = [
            "fn a() { b() }",
            "fn b() {}",
            "fn c() {}",
            "struct P; impl P { fn new() -> P { P } }",
            "impl Clone for P { fn clone(&self) -> P { c(); P } }",
        ];
        assert_eq!(needs(&earlier, "a()"), ["a", "b"]);
        assert_eq!(needs(&earlier, "1 + 1"), Vec::<String>::new());
        assert_eq!(needs(&earlier, "P::new()"), ["c", "impl impl Clone for P { }", "impl impl P { }", "P"]);
        assert_eq!(needs(&earlier, "fn b() -> i32 { 5 } a()"), ["a"]);
    }

    #[test]
    fn a_trait_comes_with_its_methods_and_impls_for_foreign_types() {
        let earlier = [
            "trait Double { fn double(&self) -> i32; }",
            "impl Double for i32 { fn double(&self) -> i32 { 2 * self } }",
        ];
        assert_eq!(needs(&earlier, "5.double()"), ["impl impl Double for i32 { }", "Double"]);
    }

    #[test]
    fn the_prelude_gives_way_to_the_users_names() {
        let (nothing, no_statics) = (BTreeMap::new(), BTreeMap::new());
        let known = nothing_known(&nothing, &no_statics);
        assert_eq!(
            plan(split("In[1]", "sleep(1).await", &BTreeMap::new()).unwrap(), known, Purpose::Run).prelude,
            ["sleep"]
        );
        let shown = split("In[1]", "Html(1).mime_bundle()", &BTreeMap::new()).unwrap();
        assert_eq!(plan(shown, known, Purpose::Run).prelude, ["display::Html", "display::Rich"]);
        assert!(
            plan(split("In[1]", "fn sleep() {} sleep()", &BTreeMap::new()).unwrap(), known, Purpose::Run)
                .prelude
                .is_empty()
        );
        assert!(
            plan(
                split("In[1]", "use tokio::time::sleep; sleep(d).await", &BTreeMap::new()).unwrap(),
                known,
                Purpose::Run
            )
            .prelude
            .is_empty()
        );
    }
}
