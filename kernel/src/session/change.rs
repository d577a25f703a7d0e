//! What a cell changes in the notebook by what it defines: which definitions it replaces, and what no longer fits them.
//! Made by the session before the cell is compiled, taken over by it once the cell is accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Ended, Session};
use crate::cell::{Item, Parsed, Use, identifiers_in};

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
        let holds = |ty: &str| identifiers_in(ty).find(|name| changed.contains(*name)).map(str::to_owned);
        let outdated =
            self.variables.iter().filter_map(|(name, ty)| Some((name.clone(), Ended::Redefined(holds(ty)?))));
        let values = parsed.items.iter().filter(|new| new.namespaces.values && self.variables.contains_key(&new.key));
        let hidden = values.map(|new| (new.key.clone(), Ended::Hidden(parsed.source.label.clone())));
        let ended: BTreeMap<String, Ended> = outdated.chain(hidden).collect();
        let remaining = self.items.iter().filter(|item| !replaced.iter().any(|gone| Arc::ptr_eq(gone, item)));
        let restarted: BTreeMap<String, String> = remaining
            .flat_map(|item| item.statics.iter().map(move |part| (item, part)))
            .filter_map(|(item, part)| Some((item.statics_key(), part.mentions.intersection(&changed).next()?.clone())))
            .filter(|(key, _)| self.statics.get(key).is_some_and(|known| known.loaded))
            .collect();
        let reshapes = !changed.is_disjoint(&self.used);
        let ends = ended.keys().cloned().collect();
        Change { notes: notes(parsed, &replaced, &restarted), replaced, ended, ends, restarted, reshapes }
    }

    /// The names whose meaning as a part of types changes.
    fn changed_shapes(&self, parsed: &Parsed, replaced: &[Arc<Item>]) -> BTreeSet<String> {
        let is_kept =
            |earlier: &Item| parsed.items.iter().any(|new| new.replaces(earlier) && new.text() == earlier.text());
        let mut changed: BTreeSet<String> =
            replaced.iter().filter(|earlier| !is_kept(earlier)).flat_map(|earlier| earlier.shapes()).collect();
        for new in &parsed.uses {
            let same_name = |earlier: &&Arc<Use>| new.binds.is_some() && earlier.binds == new.binds;
            if self.uses.iter().find(same_name).is_some_and(|earlier| earlier.path() != new.path()) {
                changed.extend(new.binds.clone());
            }
        }
        loop {
            let shaped = self.items.iter().filter(|item| !item.mentions.is_disjoint(&changed));
            let more: Vec<String> =
                shaped.flat_map(|item| item.shapes()).filter(|name| !changed.contains(name)).collect();
            if more.is_empty() {
                return changed;
            }
            changed.extend(more);
        }
    }
}

fn notes(parsed: &Parsed, replaced: &[Arc<Item>], restarted: &BTreeMap<String, String>) -> Vec<String> {
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
