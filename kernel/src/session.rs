//! What a notebook knows between cells: its items, imports and variables. Owned by the engine.
//! It changes only when a cell has been accepted, has run, or has taken its process with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use boucle_wire::Stored;

use crate::cell::{CellPlan, Item, Known, Parsed, Source, Static, Use, identifiers_in};

/// The state of one notebook, apart from the values, which live in the worker.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The current definitions, oldest first.
    items: Vec<Arc<Item>>,
    uses: Vec<Arc<Use>>,
    /// Variable → type.
    variables: BTreeMap<String, String>,
    statics: BTreeMap<String, Static>,
    /// Variables that the worker still holds and that the next run has to drop first.
    to_drop: Vec<String>,
    /// Variables of the past, and why they are no more.
    ended: BTreeMap<String, Ended>,
    /// Text of a cell → the label of the first cell that had it.
    files: BTreeMap<String, String>,
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
    pub(crate) fn known<'a>(&'a self, outdated: &'a BTreeMap<String, String>) -> Known<'a> {
        let Session { items, uses, variables, statics, .. } = self;
        Known { items, uses, variables, outdated, statics }
    }

    /// A label for the cell of this number. Cells that are not counted share theirs with the one before.
    pub(crate) fn label(&self, execution_count: u64, code: &str) -> String {
        let plain = format!("In[{execution_count}]");
        let numbered = (2..).map(|number| format!("In[{execution_count}.{number}]"));
        let free = |label: &String| self.sources.get(label).is_none_or(|source| source.text == code);
        std::iter::once(plain.clone()).chain(numbered).find(free).unwrap_or(plain)
    }

    /// What to call the generated file of a cell: after the first cell with this text, so that running it again finds
    /// what was compiled then.
    pub(crate) fn file(&self, label: &str, code: &str) -> String {
        self.files.get(code).cloned().unwrap_or_else(|| label.to_owned())
    }

    /// The text of a cell by its label.
    pub(crate) fn source(&self, label: &str) -> Option<&Arc<Source>> {
        self.sources.get(label)
    }

    /// The variables and their types, by name.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, ty)| (name.as_str(), ty.as_str()))
    }

    /// Whether the notebook has given this name to anything.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.variables.contains_key(name)
            || self.items.iter().any(|item| item.provides.contains(name))
            || self.uses.iter().any(|import| import.binds.as_deref() == Some(name))
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
        self.files.entry(source.text.clone()).or_insert_with(|| source.label.clone());
        self.sources.insert(source.label.clone(), source.clone());
    }

    /// The variables whose type changes with the definitions of a cell, directly or through other definitions, and
    /// the name that changes. Their values must not be read as the new type.
    pub(crate) fn outdated(&self, parsed: &Parsed) -> BTreeMap<String, String> {
        let mut changed: BTreeSet<String> = BTreeSet::new();
        for new in &parsed.items {
            for earlier in self.items.iter().filter(|earlier| new.replaces(earlier) && new.text() != earlier.text()) {
                changed.extend(earlier.shapes());
            }
        }
        for new in &parsed.uses {
            let same_name = |earlier: &&Arc<Use>| new.binds.is_some() && earlier.binds == new.binds;
            if self.uses.iter().find(same_name).is_some_and(|earlier| earlier.path() != new.path()) {
                changed.extend(new.binds.clone());
            }
        }
        loop {
            let shapes = self.items.iter().filter(|item| item.mentions.iter().any(|name| changed.contains(name)));
            let more: Vec<String> =
                shapes.flat_map(|item| item.shapes()).filter(|name| !changed.contains(name)).collect();
            if more.is_empty() {
                break;
            }
            changed.extend(more);
        }
        let holds = |ty: &str| identifiers_in(ty).find(|name| changed.contains(*name)).map(str::to_owned);
        self.variables.iter().filter_map(|(name, ty)| Some((name.clone(), holds(ty)?))).collect()
    }

    /// Takes over what an accepted cell defines, and forgets the variables that are outdated by it.
    /// `broken_uses` are earlier imports that have lost what they import.
    pub(crate) fn commit_definitions(
        &mut self,
        parsed: &Parsed,
        outdated: BTreeMap<String, String>,
        broken_uses: &[Arc<Use>],
    ) {
        self.uses.retain(|import| !broken_uses.iter().any(|broken| Arc::ptr_eq(broken, import)));
        for (name, ty) in outdated {
            self.variables.remove(&name);
            self.to_drop.push(name.clone());
            self.ended.insert(name, Ended::Redefined(ty));
        }
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

    /// The variables that the worker has to drop before it runs a cell; it is asked once.
    pub(crate) fn take_outdated(&mut self) -> Vec<String> {
        std::mem::take(&mut self.to_drop)
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
        self.to_drop.clear();
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
            session.commit_definitions(&split(&format!("In[{index}]"), text).unwrap(), BTreeMap::new(), &[]);
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

    /// The variables of the given types that a redefinition outdates.
    #[track_caller]
    fn check_outdated(cells: &[&str], types: &[&str], redefinition: &str, expected: &[&str]) {
        let mut session = session(cells);
        session.variables = types.iter().map(|ty| (format!("v: {ty}"), (*ty).to_owned())).collect();
        let outdated = session.outdated(&split("In[9]", redefinition).unwrap());
        let expected: Vec<String> = expected.iter().map(|ty| format!("v: {ty}")).collect();
        assert_eq!(outdated.into_keys().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn redefining_a_type_outdates_what_holds_it() {
        let cells = ["struct P { x: i32 }", "struct Line { a: P }", "struct Q;"];
        let types = ["Line", "Q", "i32", "std::vec::Vec<P>"];
        check_outdated(&cells, &types, "struct P { x: i32 }", &[]);
        check_outdated(&cells, &types, "struct P { x: u8 }", &["Line", "std::vec::Vec<P>"]);
        check_outdated(&cells, &types, "fn f() -> P { P { x: 1 } }", &[]);
    }

    #[test]
    fn whatever_shapes_a_type_outdates_its_values() {
        check_outdated(&["const N: usize = 2; struct P { a: [u8; N] }"], &["P"], "const N: usize = 64;", &["P"]);
        check_outdated(
            &["mod m { pub struct P(pub u8); }"],
            &["m::P"],
            "mod m { pub struct P(pub String); }",
            &["m::P"],
        );
        check_outdated(&["trait T { fn a(&self); }"], &["Box<dyn T>"], "trait T { fn b(&self); }", &["Box<dyn T>"]);
        check_outdated(&["use a::X; struct P { x: X }"], &["P"], "use b::X;", &["P"]);
        let with_type = "struct X; impl Tr for X { type Out = u8; } struct P { x: <X as Tr>::Out }";
        check_outdated(&[with_type], &["P"], "impl Tr for X { type Out = String; }", &["P"]);
        check_outdated(
            &["const fn n() -> usize { 2 } struct P { a: [u8; n()] }"],
            &["P"],
            "const fn n() -> usize { 3 }",
            &["P"],
        );
    }
}
