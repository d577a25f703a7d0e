//! What an `impl` is about, among all that its header names: the part that belongs to the notebook.
//! Asked by `plan`, for which cells an `impl` has to be there, and by the session, for which values it shapes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::item::{Item, ItemKind};

/// The types, traits and modules of a notebook.
#[derive(Debug)]
pub(crate) struct Own<'a> {
    items: BTreeMap<&'a str, &'a Item>,
}

impl<'a> Own<'a> {
    /// Those among these definitions; the latest of several of one name counts.
    pub(crate) fn among(items: impl Iterator<Item = &'a Arc<Item>>) -> Own<'a> {
        let items = items.filter(|item| item.namespaces.types).map(|item| (item.key.as_str(), &**item));
        Own { items: items.collect() }
    }

    /// What an `impl` is about: the notebook's types that it is for; if it is for a foreign type, the notebook's types and
    /// traits in its header; and if there are none, those of its modules, which an import must have brought.
    pub(crate) fn subjects<'b>(
        &self,
        self_type: &'b BTreeSet<String>,
        header: &'b BTreeSet<String>,
    ) -> BTreeSet<&'b str>
    where
        'a: 'b,
    {
        let subjects = self.named_by(self_type);
        if !subjects.is_empty() {
            return subjects;
        }
        let subjects = self.named_by(header);
        if !subjects.is_empty() {
            return subjects;
        }
        header.iter().map(String::as_str).filter(|name| self.is_in_a_module(name)).collect()
    }

    fn is_in_a_module(&self, name: &str) -> bool {
        self.items.values().any(|item| matches!(&item.kind, ItemKind::Module { defines } if defines.contains(name)))
    }

    /// The notebook's definitions among these names; in the place of an alias, those that it stands for.
    fn named_by<'b>(&self, names: &'b BTreeSet<String>) -> BTreeSet<&'b str>
    where
        'a: 'b,
    {
        let mut found = BTreeSet::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut pending: Vec<&'b str> = names.iter().map(String::as_str).collect();
        while let Some(name) = pending.pop() {
            let Some(item) = self.items.get(name).filter(|_| seen.insert(name)) else { continue };
            if item.kind == ItemKind::Alias {
                pending.extend(item.mentions.iter().map(String::as_str));
            } else {
                found.insert(name);
            }
        }
        found
    }
}
