//! What a notebook knows between cells: its items, imports and variables. Owned by the engine.
//! `commit_definitions` and `commit_variables` are its only mutators.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use boucle_wire::Stored;

use crate::cell::{CellPlan, Item, ItemKind, Known, Parsed, Source, Static, Use, identifiers_in};

/// The state of one notebook, apart from the values, which live in the worker.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The current definitions, oldest first.
    items: Vec<Arc<Item>>,
    uses: Vec<Arc<Use>>,
    /// Variable → type.
    variables: BTreeMap<String, String>,
    statics: BTreeMap<String, Static>,
    /// Variables of the past, and why they are no more.
    ended: BTreeMap<String, Ended>,
    /// Cell label → its text, for showing where something happened.
    sources: BTreeMap<String, Arc<Source>>,
}

/// Why a variable is not there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The cell of this label moved it.
    Moved(String),
    /// It borrowed from another variable.
    Borrowed(String),
    /// Its type, of a closure for example, has no name.
    Unnameable(String),
    /// A type that it holds was redefined.
    Redefined(String),
    /// The worker that held it died.
    Lost(String),
}

impl Session {
    /// What the planner needs to know.
    pub(crate) fn known(&self) -> Known<'_> {
        Known { items: &self.items, uses: &self.uses, variables: &self.variables, statics: &self.statics }
    }

    /// A label for the cell of this number. Cells that are not counted share theirs with the one before.
    pub(crate) fn label(&self, execution_count: u64, code: &str) -> String {
        let plain = format!("In[{execution_count}]");
        let numbered = (2..).map(|number| format!("In[{execution_count}.{number}]"));
        let free = |label: &String| self.sources.get(label).is_none_or(|source| source.text == code);
        std::iter::once(plain.clone()).chain(numbered).find(free).unwrap_or(plain)
    }

    /// The text of a cell by its label.
    pub(crate) fn source(&self, label: &str) -> Option<&Arc<Source>> {
        self.sources.get(label)
    }

    /// Why there is no variable of this name any more, if there was one.
    pub(crate) fn ended(&self, name: &str) -> Option<&Ended> {
        self.ended.get(name)
    }

    /// Remembers the text of a cell, whatever becomes of it.
    pub(crate) fn remember_source(&mut self, source: &Arc<Source>) {
        self.sources.insert(source.label.clone(), source.clone());
    }

    /// The types that the cell gives another definition, and the variables that hold them, directly or inside others.
    /// These variables are forgotten here; the worker has to drop them before it runs the cell.
    pub(crate) fn forget_redefined(&mut self, parsed: &Parsed) -> Vec<String> {
        let mut changed: BTreeSet<&str> = BTreeSet::new();
        for new in parsed.items.iter().filter(|item| item.kind == ItemKind::Type) {
            if self.items.iter().any(|earlier| new.replaces(earlier) && new.text() != earlier.text()) {
                changed.insert(&new.key);
            }
        }
        loop {
            let more = self.items.iter().find(|item| {
                item.kind == ItemKind::Type
                    && !changed.contains(item.key.as_str())
                    && item.mentions.iter().any(|name| changed.contains(name.as_str()))
            });
            let Some(item) = more else { break };
            changed.insert(&item.key);
        }
        let holds = |ty: &str| identifiers_in(ty).find(|name| changed.contains(name)).map(str::to_owned);
        let dropped: Vec<(String, String)> =
            self.variables.iter().filter_map(|(name, ty)| Some((name.clone(), holds(ty)?))).collect();
        for (name, ty) in &dropped {
            self.variables.remove(name);
            self.ended.insert(name.clone(), Ended::Redefined(ty.clone()));
        }
        dropped.into_iter().map(|(name, _)| name).collect()
    }

    /// Takes over what an accepted cell defines.
    pub(crate) fn commit_definitions(&mut self, parsed: &Parsed) {
        for new in &parsed.items {
            self.items.retain(|earlier| !new.replaces(earlier));
            self.uses.retain(|import| import.binds.as_deref() != Some(new.key.as_str()));
            self.items.push(new.clone());
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

    /// The worker has loaded the library of a cell: what it defines is there from now on.
    pub(crate) fn commit_statics(&mut self, plan: &CellPlan) {
        for (name, Static { version, .. }) in plan.defined_statics() {
            self.statics.insert(name.clone(), Static { version, loaded: true });
        }
    }

    /// Takes over which variables a run has left: what it stored, with the types of the sites, and what exists now.
    pub(crate) fn commit_variables(
        &mut self,
        label: &str,
        stored: &[Stored],
        types: &BTreeMap<u32, String>,
        existing: &[String],
        reasons: &BTreeMap<String, Ended>,
    ) {
        for Stored { name, site } in stored {
            if let Some(ty) = types.get(site) {
                self.variables.insert(name.clone(), ty.clone());
                self.ended.remove(name);
            }
        }
        let gone: Vec<String> = self.variables.keys().filter(|name| !existing.contains(name)).cloned().collect();
        for name in gone {
            self.variables.remove(&name);
            self.ended.insert(name, Ended::Moved(label.to_owned()));
        }
        self.ended.extend(
            reasons
                .iter()
                .filter(|(name, _)| !self.variables.contains_key(*name))
                .map(|(name, why)| (name.clone(), why.clone())),
        );
    }

    /// The worker has died: its variables are gone, and statics begin anew. Returns the names of what was lost.
    pub(crate) fn lose_variables(&mut self, cause: &str) -> Vec<String> {
        for known in self.statics.values_mut() {
            known.loaded = false;
        }
        let lost: Vec<String> = std::mem::take(&mut self.variables).into_keys().collect();
        self.ended.extend(lost.iter().map(|name| (name.clone(), Ended::Lost(cause.to_owned()))));
        lost
    }
}

impl Ended {
    /// What to tell a user who still uses the variable, and what to do about it.
    pub(crate) fn explain(&self, name: &str) -> String {
        match self {
            Ended::Moved(label) => format!(
                "`{name}` was moved in {label}; to keep it, use `{name}.clone()` or `&{name}` there, and run its definition again"
            ),
            Ended::Borrowed(label) => format!(
                "`{name}` of {label} borrows from something that ends with its cell, so it ended too; keep an owned value, such as a clone, instead"
            ),
            Ended::Unnameable(label) => format!(
                "`{name}` of {label} has a type without a name (that of a closure, for example), so it ended with its cell; \
                write a `fn`, or box it: `let {name}: Box<dyn Fn(…) -> …> = Box::new(…)`"
            ),
            Ended::Redefined(ty) => {
                format!("`{name}` was dropped when its type `{ty}` was redefined; run its definition again")
            }
            Ended::Lost(cause) => format!("`{name}` was lost with its process ({cause}); run its definition again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::split;

    fn session(cells: &[&str]) -> Session {
        let mut session = Session::default();
        for (index, text) in cells.iter().enumerate() {
            session.commit_definitions(&split(&format!("In[{index}]"), text).unwrap());
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

    #[test]
    fn redefining_a_type_drops_what_holds_it() {
        let mut session = session(&["struct P { x: i32 }", "struct Line { a: P }", "struct Q;"]);
        let types = [(0, "std::vec::Vec<P>"), (1, "Line"), (2, "Q")].map(|(site, ty)| (site, ty.to_owned()));
        let stored = ["v", "l", "q"].iter().zip(0..).map(|(name, site)| Stored { name: (*name).to_owned(), site });
        let names = ["v", "l", "q"].map(str::to_owned);
        session.commit_variables("In[3]", &stored.collect::<Vec<_>>(), &types.into(), &names, &BTreeMap::new());
        assert!(session.forget_redefined(&split("In[4]", "struct P { x: i32 }").unwrap()).is_empty());
        assert_eq!(session.forget_redefined(&split("In[4]", "struct P { x: u8 }").unwrap()), ["l", "v"]);
        assert_eq!(session.known().variables.keys().collect::<Vec<_>>(), ["q"]);
    }
}
