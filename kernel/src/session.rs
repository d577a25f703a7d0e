//! What a notebook knows between cells: its items, imports and variables. Owned by the engine.
//! It changes only when a cell has been accepted, has run, or has taken its process with it.

mod change;
mod ended;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use boucle_wire::Stored;

use crate::cell::{CellPlan, Item, ItemKind, ItemMacros, Known, Parsed, Source, Static, Use};
use crate::compile::deps::Dependencies;
pub(crate) use change::Change;
pub(crate) use ended::Ended;

/// The state of one notebook, apart from the values, which live in the worker.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The crates that it has asked for and got.
    dependencies: Dependencies,
    /// The current definitions, oldest first.
    items: Vec<Arc<Item>>,
    uses: Vec<Arc<Use>>,
    /// Variable → type.
    variables: BTreeMap<String, String>,
    statics: BTreeMap<String, Static>,
    /// How often types have changed of which there may be values. Types of different epochs are different types for
    /// `dyn Any`, although they have the same name.
    epoch: u32,
    /// The names of the definitions with which a cell has run, so that there may be values of them.
    used: BTreeSet<String>,
    /// Variables that the worker still holds and that the next run has to drop first.
    to_drop: Vec<String>,
    /// Variables of the past, and why they are no more.
    ended: BTreeMap<String, Ended>,
    /// Cell label → its text, for showing where something happened.
    sources: BTreeMap<String, Arc<Source>>,
}

impl Session {
    /// What the planner needs to know for a cell that changes this.
    pub(crate) fn known<'a>(&'a self, change: &'a Change) -> Known<'a> {
        let Session { items, uses, variables, statics, epoch, .. } = self;
        let Change { replaced, ends, restarted, reshapes, .. } = change;
        Known { items, uses, variables, statics, replaced, ends, restarted, epoch: epoch + u32::from(*reshapes) }
    }

    /// The crates that the notebook has added.
    pub(crate) fn dependencies(&self) -> &Dependencies {
        &self.dependencies
    }

    /// The variables and their types.
    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The macros that make items.
    pub(crate) fn item_macros(&self) -> ItemMacros {
        let makes_items = |item: &Arc<Item>| match &item.kind {
            ItemKind::Macro { makes_items: Some(names) } => Some((item.key.clone(), names.clone())),
            _ => None,
        };
        self.items.iter().filter_map(makes_items).collect()
    }

    /// A label for the cell of this number. Cells that are not counted share theirs with the one before.
    pub(crate) fn label(&self, execution_count: u64, code: &str) -> String {
        let plain = format!("In[{execution_count}]");
        let numbered = (2..).map(|number| format!("In[{execution_count}.{number}]"));
        self.first_free(plain, numbered, code)
    }

    /// A label for a text that is no cell.
    pub(crate) fn free_label(&self, name: &str, code: &str) -> String {
        self.first_free(name.to_owned(), (2..).map(|number| format!("{name} ({number})")), code)
    }

    fn first_free(&self, plain: String, numbered: impl Iterator<Item = String>, code: &str) -> String {
        let free = |label: &String| self.sources.get(label).is_none_or(|source| source.text == code);
        std::iter::once(plain.clone()).chain(numbered).find(free).unwrap_or(plain)
    }

    /// The text of a cell by its label.
    pub(crate) fn source(&self, label: &str) -> Option<&Arc<Source>> {
        self.sources.get(label)
    }

    /// The type of a variable.
    pub(crate) fn type_of(&self, variable: &str) -> Option<&str> {
        self.variables.get(variable).map(String::as_str)
    }

    /// The definition of this name.
    pub(crate) fn item(&self, name: &str) -> Option<&Arc<Item>> {
        let named = self.items.iter().rfind(|item| item.key == name);
        named.or_else(|| self.items.iter().rfind(|item| item.provides.contains(name)))
    }

    /// Whether the notebook has given this name to anything.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.variables.contains_key(name)
            || self.items.iter().any(|item| item.provides.contains(name))
            || self.uses.iter().any(|import| import.binds.as_deref() == Some(name))
    }

    /// The current definitions, oldest first.
    pub(crate) fn items(&self) -> &[Arc<Item>] {
        &self.items
    }

    /// The current imports, oldest first.
    pub(crate) fn uses(&self) -> &[Arc<Use>] {
        &self.uses
    }

    /// Whether there is a variable of this name.
    pub(crate) fn has_variable(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// Why there is no variable of this name any more, if there was one.
    pub(crate) fn ended(&self, name: &str) -> Option<&Ended> {
        self.ended.get(name)
    }

    /// Remembers the text of a cell, whatever becomes of it.
    pub(crate) fn remember_source(&mut self, source: &Arc<Source>) {
        self.sources.insert(source.label.clone(), source.clone());
    }

    /// Remembers the names that a cell would have given if it had not been refused.
    pub(crate) fn note_refused(&mut self, label: &str, names: Vec<String>) {
        for name in names {
            if !self.knows(&name) && self.ended.get(&name).is_none_or(|why| matches!(why, Ended::Refused(_))) {
                self.ended.insert(name, Ended::Refused(label.to_owned()));
            }
        }
    }

    /// Remembers the variables that a cell would have set if it had not failed before.
    pub(crate) fn note_not_reached(&mut self, label: &str, names: impl Iterator<Item = String>) {
        for name in names.filter(|name| !self.variables.contains_key(name)).collect::<Vec<_>>() {
            self.ended.insert(name, Ended::NotReached(label.to_owned()));
        }
    }

    /// Takes over what an accepted cell defines, and forgets what it takes the place of.
    /// `broken_uses` are earlier imports that have lost what they import.
    pub(crate) fn commit_definitions(&mut self, parsed: &Parsed, change: Change, broken_uses: &[Arc<Use>]) {
        self.uses.retain(|import| !broken_uses.iter().any(|broken| Arc::ptr_eq(broken, import)));
        for (name, why) in change.ended {
            self.forget(&name, why);
        }
        for key in change.restarted.into_keys() {
            self.restart(key);
        }
        self.epoch += u32::from(change.reshapes);
        self.items.retain(|earlier| !change.replaced.iter().any(|replaced| Arc::ptr_eq(replaced, earlier)));
        for new in &parsed.items {
            self.uses.retain(|import| import.binds.as_deref() != Some(new.key.as_str()));
            self.ended.remove(&new.key);
            self.items.push(new.clone());
            if !new.statics.is_empty() {
                self.restart(new.statics_key());
            }
        }
        for new in &parsed.uses {
            let path = new.path();
            self.uses.retain(|import| {
                let same_name = new.binds.is_some() && import.binds == new.binds;
                !same_name && (import.path() != path || import.binds != new.binds)
            });
            if let Some(name) = &new.binds {
                self.items.retain(|item| item.key != *name);
            }
            self.uses.push(new.clone());
        }
    }

    /// Takes over a set of crates, and forgets the variables whose types are of another build of one.
    pub(crate) fn commit_dependencies(&mut self, dependencies: Dependencies, change: Change) {
        self.dependencies = dependencies;
        for (name, why) in change.ended {
            self.forget(&name, why);
        }
        for key in change.restarted.into_keys() {
            self.restart(key);
        }
        self.epoch += u32::from(change.reshapes);
    }

    /// The statics of this key begin again in the next cell that uses them.
    fn restart(&mut self, key: String) {
        let known = self.statics.entry(key).or_default();
        *known = Static { version: known.version + 1, loaded: false };
    }

    /// Gives up a variable; the worker drops it before it runs the next cell.
    pub(crate) fn forget(&mut self, name: &str, why: Ended) {
        if self.variables.remove(name).is_some() {
            self.to_drop.push(name.to_owned());
        }
        self.ended.insert(name.to_owned(), why);
    }

    /// Gives up a variable whose type cannot be named any more where cells run.
    pub(crate) fn lose_out_of_reach(&mut self, name: &str) {
        if let Some(ty) = self.variables.get(name).cloned() {
            self.forget(name, Ended::OutOfReach(ty));
        }
    }

    /// The variables that the worker has to drop before it runs a cell; it is asked once.
    pub(crate) fn take_dropped(&mut self) -> Vec<String> {
        std::mem::take(&mut self.to_drop)
    }

    /// The worker loads the library of a cell: what it defines is there from now on.
    pub(crate) fn commit_loaded(&mut self, plan: &CellPlan) {
        self.used.extend(plan.items.iter().chain(&plan.parsed.items).flat_map(|item| item.provides.iter().cloned()));
        for (name, Static { version, .. }) in plan.defined_statics() {
            self.statics.insert(name.clone(), Static { version, loaded: true });
        }
    }

    /// The library of a cell could not be loaded after all.
    pub(crate) fn take_back_loaded(&mut self, plan: &CellPlan) {
        for (name, Static { version, .. }) in plan.defined_statics() {
            if let Some(known) = self.statics.get_mut(name).filter(|known| known.version == version) {
                known.loaded = false;
            }
        }
    }

    /// Takes over which variables a run has left: what it stored, with the types of the sites, and which of those that it
    /// had taken exist now.
    pub(crate) fn commit_variables(
        &mut self,
        label: &str,
        stored: &[Stored],
        types: &BTreeMap<u32, String>,
        taken: &[(String, String)],
        existing: &[String],
    ) {
        for Stored { name, site } in stored {
            if let Some(ty) = types.get(site) {
                self.variables.insert(name.clone(), ty.clone());
                self.ended.remove(name);
            }
        }
        for (name, _) in taken.iter().filter(|(name, _)| !existing.contains(name)) {
            if let Some(ty) = self.variables.remove(name) {
                self.ended.insert(name.clone(), Ended::moved(label, &ty));
            }
        }
    }

    /// Takes over which of a cell's variables could not be kept. If it has run to its end, they hide earlier ones of
    /// their names all the same: those must not be found in their place.
    pub(crate) fn commit_ended(&mut self, reasons: &BTreeMap<String, Ended>, finished: bool) {
        for (name, why) in reasons {
            if finished || !self.variables.contains_key(name) {
                self.forget(name, why.clone());
            }
        }
    }

    /// Forgets everything but the texts, whose labels are not to be used again. The worker is a new one.
    pub(crate) fn clear(&mut self) {
        let sources = std::mem::take(&mut self.sources);
        *self = Session { sources, ..Session::default() };
    }

    /// The worker has died: its variables are gone, and statics begin anew. Returns the names of what was lost.
    pub(crate) fn lose_variables(&mut self, cause: &str) -> Vec<String> {
        self.to_drop.clear();
        self.used.clear();
        for known in self.statics.values_mut() {
            known.loaded = false;
        }
        let lost: Vec<String> = std::mem::take(&mut self.variables).into_keys().collect();
        self.ended.extend(lost.iter().map(|name| (name.clone(), Ended::Lost(cause.to_owned()))));
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::split;

    fn session(cells: &[&str]) -> Session {
        let mut session = Session::default();
        for (index, text) in cells.iter().enumerate() {
            let parsed = split(&format!("In[{index}]"), text, &session.item_macros()).unwrap();
            let change = session.change(&parsed, &[]);
            session.commit_definitions(&parsed, change, &[]);
        }
        session
    }

    fn keys(session: &Session) -> Vec<&str> {
        session.items.iter().map(|item| item.key.as_str()).collect()
    }

    #[test]
    fn the_latest_definition_wins() {
        let session = session(&["fn f() -> i32 { 1 }", "fn g() {}", "fn f() -> i32 { 2 }"]);
        assert_eq!(keys(&session), ["g", "f"]);
        assert!(session.items[1].text().contains('2'));
    }

    #[test]
    fn inherent_impls_add_up_and_trait_impls_are_replaced() {
        let session = session(&[
            "struct P;",
            "impl P { fn a() {} }",
            "impl P { fn b() {} }",
            "impl P { fn a() { 2; } }",
            "impl Clone for P { fn clone(&self) -> P { P } }",
            "impl Clone for P { fn clone(&self) -> P { *self } }",
        ]);
        assert_eq!(session.items.len(), 4);
    }

    #[test]
    fn imports_are_replaced_by_name() {
        let session = session(&["use a::X; use b::*;", "use c::X;", "use b::*;"]);
        let paths: Vec<String> = session.uses.iter().map(|import| import.path()).collect();
        assert_eq!(paths, ["c::X", "b::*"]);
    }
}
