//! What a cell changes in the notebook by what it defines: which definitions it replaces, and what no longer fits them.
//! Made by the session before the cell is compiled, taken over by it once the cell is accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Ended, Session};
use crate::cell::{Item, ItemKind, Own, Parsed, Use, identifiers_in};

/// What a cell's definitions do to those before.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// The earlier definitions whose place they take.
    pub(crate) replaced: Vec<Arc<Item>>,
    /// The variables that end, and why: their type changes, directly or through other definitions, so that their values
    /// must not be read as the new type; or a function has taken their name.
    pub(crate) ended: BTreeMap<String, Ended>,
    /// The names of those.
    pub(crate) ends: BTreeSet<String>,
    /// The statics that have to begin again for the same reason, and the name that changes.
    pub(crate) restarted: BTreeMap<String, String>,
    /// Whether there may be values of what changes, behind `dyn Any` for example.
    pub(crate) reshapes: bool,
    /// What the user should know of it.
    pub(crate) notes: Vec<String>,
}

impl Change {
    /// Adds variables that end, and why.
    fn end(&mut self, ended: impl IntoIterator<Item = (String, Ended)>) {
        for (name, why) in ended {
            self.ends.insert(name.clone());
            self.ended.insert(name, why);
        }
    }
}

impl Session {
    /// What a cell changes. `conflicting` are the earlier definitions that rustc, rather than their names, has told to be
    /// in its way.
    pub(crate) fn change(&self, parsed: &Parsed, conflicting: &[Arc<Item>]) -> Change {
        let in_the_way = |earlier: &&Arc<Item>| {
            parsed.items.iter().any(|new| new.replaces(earlier))
                || parsed.uses.iter().any(|import| import.binds.as_deref() == Some(earlier.key.as_str()))
                || conflicting.iter().any(|item| Arc::ptr_eq(item, earlier))
        };
        let replaced: Vec<Arc<Item>> = self.items.iter().filter(in_the_way).cloned().collect();
        let changed = self.changed_shapes(parsed, &replaced);
        let mut change = self.effects(&changed, replaced);
        let values = parsed.items.iter().filter(|new| new.namespaces.values && self.variables.contains_key(&new.key));
        change.end(values.map(|new| (new.key.clone(), Ended::Hidden(parsed.source.label.clone()))));
        Change { notes: notes(parsed, &change), ..change }
    }

    /// What changes when these crates are other builds from now on.
    pub(crate) fn change_of_crates(&self, crates: &BTreeSet<String>) -> Change {
        let is_theirs = |path: &str| path.split("::").next().is_some_and(|first| crates.contains(first));
        let imports = self.uses.iter().filter(|import| is_theirs(&import.path()));
        let own = Own::among(self.items.iter());
        let mut changed = crates.clone();
        for import in imports {
            match &import.binds {
                Some(name) => changed.extend([name.clone()]),
                // Whatever the notebook defines may be made of what a glob has brought in.
                None => changed.extend(self.items.iter().flat_map(|item| item.shapes(&own))),
            }
        }
        let changed = self.spread(changed);
        let of_the_notebook = changed.difference(crates).cloned().collect();
        let mut change = self.effects(&of_the_notebook, Vec::new());
        // A variable's type names a crate only where a path begins: `std::time::Duration` has nothing to do with `time`.
        let begins = |ty: &str, name: &str| {
            let path = format!("{name}::");
            ty.match_indices(&path)
                .any(|(at, _)| !ty[..at].ends_with(|c: char| c == ':' || c == '_' || c.is_alphanumeric()))
        };
        let of = |ty: &str| crates.iter().find(|name| begins(ty, name)).cloned();
        let of_crates = self.variables.iter().filter_map(|(name, ty)| Some((name.clone(), Ended::Rebuilt(of(ty)?))));
        change.end(of_crates);
        change
    }

    /// What follows from a change of what these names mean as parts of types.
    fn effects(&self, changed: &BTreeSet<String>, replaced: Vec<Arc<Item>>) -> Change {
        let holds = |ty: &str| identifiers_in(ty).find(|name| changed.contains(*name)).map(str::to_owned);
        let outdated =
            self.variables.iter().filter_map(|(name, ty)| Some((name.clone(), Ended::Redefined(holds(ty)?))));
        let remaining = self.items.iter().filter(|item| !replaced.iter().any(|gone| Arc::ptr_eq(gone, item)));
        let restarted: BTreeMap<String, String> = remaining
            .flat_map(|item| item.statics.iter().map(move |part| (item, part)))
            .filter_map(|(item, part)| Some((item.statics_key(), part.mentions.intersection(changed).next()?.clone())))
            .filter(|(key, _)| self.statics.get(key).is_some_and(|known| known.loaded))
            .collect();
        let reshapes = !changed.is_disjoint(&self.used);
        let mut change = Change { replaced, restarted, reshapes, ..Change::default() };
        change.end(outdated);
        change
    }

    /// The names whose meaning as a part of types changes.
    fn changed_shapes(&self, parsed: &Parsed, replaced: &[Arc<Item>]) -> BTreeSet<String> {
        let own = Own::among(self.items.iter());
        let mut changed = BTreeSet::new();
        for earlier in replaced {
            let new = parsed.items.iter().find(|new| new.replaces(earlier));
            if new.is_none_or(|new| new.shape != earlier.shape) {
                // Either may have a part in types that the other has not: a constant that a trait gives otherwise.
                changed.extend([Some(earlier), new].into_iter().flatten().flat_map(|item| item.shapes(&own)));
            }
        }
        for new in &parsed.uses {
            let same_name = |earlier: &&Arc<Use>| new.binds.is_some() && earlier.binds == new.binds;
            if self.uses.iter().find(same_name).is_some_and(|earlier| earlier.path() != new.path()) {
                changed.extend(new.binds.clone());
            }
        }
        self.spread(changed)
    }

    /// The names, and those of all definitions that they are a part of, directly or through one another.
    fn spread(&self, mut changed: BTreeSet<String>) -> BTreeSet<String> {
        let own = Own::among(self.items.iter());
        loop {
            let shaped = self.items.iter().filter(|item| item.shape.follows(&changed));
            let imported = self.uses.iter().filter(|import| import.root().is_some_and(|root| changed.contains(root)));
            let more: Vec<String> = shaped
                .flat_map(|item| item.shapes(&own))
                .chain(imported.flat_map(|import| self.brought_by(import)))
                .filter(|name| !changed.contains(name))
                .collect();
            if more.is_empty() {
                return changed;
            }
            changed.extend(more);
        }
    }

    /// The names that an import brings from what the notebook defines.
    fn brought_by(&self, import: &Use) -> Vec<String> {
        if let Some(name) = &import.binds {
            return vec![name.clone()];
        }
        let modules = self.items.iter().filter(|item| import.root() == Some(item.key.as_str()));
        let defined = modules.filter_map(|item| match &item.kind {
            ItemKind::Module { defines } => Some(defines.iter().cloned()),
            _ => None,
        });
        defined.flatten().collect()
    }
}

fn notes(parsed: &Parsed, Change { replaced, restarted, .. }: &Change) -> Vec<String> {
    let quoted = |names: Vec<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut notes = Vec::new();
    for earlier in replaced {
        let lost: Vec<String> = match parsed.items.iter().find(|new| new.replaces(earlier)) {
            Some(new) => new.lost_of(earlier),
            None => Vec::new(),
        };
        if !lost.is_empty() {
            let label = &earlier.source.label;
            notes.push(format!("this replaces an `impl` of {label}, which also had {}", quoted(lost)));
        }
    }
    for (name, ty) in restarted {
        notes.push(format!("`{name}` begins again, because `{ty}` changes"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::split;

    /// The variables of the given types that a redefinition outdates.
    #[track_caller]
    fn check_outdated(cells: &[&str], types: &[&str], redefinition: &str, expected: &[&str]) {
        let mut session = Session::default();
        for text in cells {
            let parsed = split("In[1]", text, &session.item_macros()).unwrap();
            let change = session.change(&parsed, &[]);
            session.commit_definitions(&parsed, change, &[]);
        }
        session.variables = types.iter().map(|ty| (format!("v: {ty}"), (*ty).to_owned())).collect();
        let outdated = session.change(&split("In[9]", redefinition, &BTreeMap::new()).unwrap(), &[]).ended;
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
    fn another_build_of_a_crate_outdates_its_types_only() {
        let mut session = Session::default();
        for text in ["use time::Date; struct Day { date: Date }", "struct Plain;"] {
            let parsed = split("In[1]", text, &session.item_macros()).unwrap();
            let change = session.change(&parsed, &[]);
            session.commit_definitions(&parsed, change, &[]);
        }
        let types = ["Day", "Plain", "i32", "std::time::Duration", "std::vec::Vec<time::Date>", "serde_json::Value"];
        session.variables = types.iter().map(|ty| (format!("v: {ty}"), (*ty).to_owned())).collect();
        let change = session.change_of_crates(&BTreeSet::from(["time".to_owned(), "json".to_owned()]));
        assert_eq!(change.ended.into_keys().collect::<Vec<_>>(), ["v: Day", "v: std::vec::Vec<time::Date>"]);
    }

    #[test]
    fn what_shapes_nothing_outdates_nothing() {
        let iterators = "struct A { n: u8 } impl Iterator for A { type Item = u8; fn next(&mut self) -> Option<u8> { None } } \
                         struct B { n: u8 } impl Iterator for B { type Item = u8; fn next(&mut self) -> Option<u8> { None } }";
        let types = ["A", "B"];
        check_outdated(&[iterators], &types, "struct A { n: u16 }", &["A"]);
        check_outdated(&[iterators], &types, "#[derive(Debug)] struct A { n: u8 }", &[]);
        let next = "impl Iterator for A { type Item = u8; fn next(&mut self) -> Option<u8> { Some(1) } }";
        check_outdated(&[iterators], &types, next, &[]);
        let other =
            "use std::ops::Mul; struct M; impl Mul<A> for M { type Output = M; fn mul(self, _: A) -> M { self } }";
        check_outdated(&[iterators, other], &["A", "B", "M"], "struct B;", &["B"]);
        check_outdated(&["trait T { fn a(&self) {} }"], &["Box<dyn T>"], "trait T { fn a(&self) { todo!() } }", &[]);
        check_outdated(&["mod m { pub struct P; fn f() {} }"], &["m::P"], "mod m { pub struct P; fn g() {} }", &[]);
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
        let with_import = "mod m { pub struct X(pub u8); } use m::X; struct P { x: X } struct Q;";
        check_outdated(&[with_import], &["P", "Q"], "mod m { pub struct X(pub String); }", &["P"]);
        check_outdated(
            &["mod m { pub struct X(pub u8); } use m::*; struct P { x: X }"],
            &["P", "std::string::String"],
            "mod m { pub struct X(pub String); }",
            &["P"],
        );
        let with_constant = "trait Tr { const N: usize = 1; } struct X; impl Tr for X {} struct P { x: [u8; X::N] }";
        check_outdated(&[with_constant], &["P"], "impl Tr for X { const N: usize = 2; }", &["P"]);
        check_outdated(&[with_constant], &["P"], "trait Tr { const N: usize = 2; }", &["P"]);
        check_outdated(
            &["struct X; impl X { const fn n() -> usize { 1 } } struct P { x: [u8; X::n()] }"],
            &["P"],
            "impl X { const fn n() -> usize { 2 } }",
            &["P"],
        );
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
