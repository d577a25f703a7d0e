//! What a notebook keeps of the items and imports that its cells define.
//! Made by `split`, kept by the session, put into later cells by `plan`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::source::Source;

/// One item of a cell, as the session remembers it.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    /// The name it is redefined by: the identifier, or the header of an `impl`.
    pub(crate) key: String,
    /// The names whose mention asks for this item.
    pub(crate) provides: BTreeSet<String>,
    /// The names that it mentions itself.
    pub(crate) mentions: BTreeSet<String>,
    pub(crate) source: Arc<Source>,
    /// Where it stands in the source, attributes included.
    pub(crate) range: Range<usize>,
    /// Whether its code loops, so that it is worth optimizing.
    pub(crate) loops: bool,
}

/// What matters about the kind of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemKind {
    /// A struct, enum, union or type alias: variables depend on its definition.
    Type,
    /// A trait.
    Trait,
    /// An `impl`; the names in its header, and those of what it defines.
    Impl { self_type: BTreeSet<String>, header: BTreeSet<String>, defines: BTreeSet<String> },
    /// A `static`: defined once, declared wherever it is used later. The part that declares it (`static NAME: T`),
    /// without visibility and initial value.
    Static { declaration: Range<usize>, mutable: bool },
    /// A `macro_rules!` macro.
    Macro,
    /// A function, constant, module or anything else that can be compiled again wherever it is used.
    Other,
}

impl Item {
    /// The item's text as the user wrote it.
    pub(crate) fn text(&self) -> &str {
        &self.source.text[self.range.clone()]
    }

    /// The names through which this definition takes part in the shape of types. A function takes none, unless the
    /// compiler may evaluate it.
    pub(crate) fn shapes(&self) -> Vec<String> {
        match &self.kind {
            ItemKind::Type | ItemKind::Trait | ItemKind::Macro => vec![self.key.clone()],
            ItemKind::Static { .. } => Vec::new(),
            // An associated type may be a part of other types.
            ItemKind::Impl { header, .. } if self.mentions.contains("type") => header.iter().cloned().collect(),
            ItemKind::Impl { .. } => Vec::new(),
            ItemKind::Other if self.mentions.contains("fn") && !self.mentions.contains("const") => {
                if self.mentions.contains("mod") { self.provides.iter().cloned().collect() } else { Vec::new() }
            }
            ItemKind::Other => self.provides.iter().cloned().collect(),
        }
    }

    /// Whether this definition takes the place of the earlier one.
    ///
    /// Two inherent `impl` blocks of one type stand side by side unless they define the same name; everything else is
    /// known by its name within its namespace.
    pub(crate) fn replaces(&self, earlier: &Item) -> bool {
        match (&self.kind, &earlier.kind) {
            (ItemKind::Impl { defines, .. }, ItemKind::Impl { defines: earlier_defines, .. }) => {
                self.key == earlier.key && (self.key.contains(" for ") || !defines.is_disjoint(earlier_defines))
            }
            (ItemKind::Impl { .. }, _) | (_, ItemKind::Impl { .. }) => false,
            (ItemKind::Macro, other) | (other, ItemKind::Macro) => *other == ItemKind::Macro && self.key == earlier.key,
            _ => self.key == earlier.key,
        }
    }
}

/// One name brought in by a `use` declaration; a tree of imports becomes several of these.
#[derive(Debug)]
pub(crate) struct Use {
    /// The name it binds in the notebook; `None` for a glob or `as _`.
    pub(crate) binds: Option<String>,
    /// The path's segments, each with its place in the source; the last may be `*`.
    pub(crate) segments: Vec<Range<usize>>,
    /// Whether the path begins with `::`.
    pub(crate) absolute: bool,
    /// The name behind `as`.
    pub(crate) rename: Option<Range<usize>>,
    pub(crate) source: Arc<Source>,
}

impl Use {
    /// The path as text, for comparing and for spotting what the engine replaces.
    pub(crate) fn path(&self) -> String {
        let segments: Vec<&str> = self.segments.iter().map(|range| &self.source.text[range.clone()]).collect();
        segments.join("::")
    }
}
