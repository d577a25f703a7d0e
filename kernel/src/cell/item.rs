//! What a notebook keeps of the items and imports that its cells define.
//! Made by `split`, kept by the session, put into later cells by `plan`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::own::Own;
use super::shape::Shape;
use super::source::Source;

/// One item of a cell, as the session remembers it.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    /// The name it is redefined by: the identifier, or the header of an `impl`.
    pub(crate) key: String,
    /// None for an `impl` and other items without a name.
    pub(crate) namespaces: Namespaces,
    /// The names whose mention asks for this item.
    pub(crate) provides: BTreeSet<String>,
    /// The names that it mentions itself.
    pub(crate) mentions: BTreeSet<String>,
    /// What of it decides what the bytes of a value mean.
    pub(crate) shape: Shape,
    pub(crate) source: Arc<Source>,
    /// Where it stands in the source, attributes included.
    pub(crate) range: Range<usize>,
    /// Whether its code loops, so that it is worth optimizing.
    pub(crate) loops: bool,
    /// The statics in it, at whatever depth; the whole of an item that is one.
    pub(crate) statics: Vec<StaticPart>,
}

impl Item {
    /// Whether it is a function that is marked as a test.
    pub(crate) fn is_test(&self) -> bool {
        self.has_attribute("#[test]")
    }

    /// Whether it is only there where tests are run.
    pub(crate) fn is_for_tests(&self) -> bool {
        self.has_attribute("#[cfg(test)]")
    }

    /// Whether an attribute stands before it, alone on a line or in front of others.
    fn has_attribute(&self, attribute: &str) -> bool {
        let mut lines = self.text().lines().map(str::trim_start).take_while(|line| line.starts_with(['#', '/']));
        lines.any(|line| line.starts_with(attribute))
    }
}

/// A `static`, or a key of `thread_local!`. However often the code around it is compiled, it has to stay the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StaticPart {
    /// Where it stands in the source: attributes included, and the semicolon of a `static`.
    pub(crate) range: Range<usize>,
    pub(crate) visibility: Range<usize>,
    pub(crate) name: String,
    /// `static NAME: T`, or `NAME` alone for a key.
    pub(crate) declaration: Range<usize>,
    pub(crate) kind: StaticKind,
    /// The names that its type and its initial value mention.
    pub(crate) mentions: BTreeSet<String>,
}

/// What kind of static it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StaticKind {
    Plain,
    Mutable,
    /// A key of `thread_local!` for values of the type that stands here.
    ThreadLocal(Range<usize>),
}

/// In which of Rust's namespaces a definition takes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Namespaces {
    pub(crate) types: bool,
    pub(crate) values: bool,
    pub(crate) macros: bool,
}

impl Namespaces {
    pub(crate) const TYPES: Namespaces = Namespaces { types: true, values: false, macros: false };
    pub(crate) const VALUES: Namespaces = Namespaces { types: false, values: true, macros: false };
    pub(crate) const BOTH: Namespaces = Namespaces { types: true, values: true, macros: false };
    pub(crate) const MACROS: Namespaces = Namespaces { types: false, values: false, macros: true };

    fn overlap(self, other: Namespaces) -> bool {
        self.types && other.types || self.values && other.values || self.macros && other.macros
    }
}

/// What matters about the kind of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemKind {
    /// A struct, enum or union: variables depend on its definition.
    Type,
    /// Another name of a type.
    Alias,
    /// A trait, and the names of its constants, which impls without one of their own have from it.
    Trait { constants: BTreeSet<String> },
    /// An `impl`; the names in its header, and those of what it defines.
    Impl { self_type: BTreeSet<String>, header: BTreeSet<String>, defines: BTreeSet<String> },
    /// A `static` or a key of `thread_local!`: defined once, declared wherever it is used later.
    Static,
    /// A `macro_rules!` macro. If a call of it makes items, the names that it gives them by itself.
    Macro { makes_items: Option<BTreeSet<String>> },
    /// A call of a macro that makes items.
    MacroCall,
    /// An `extern crate`, which may bring in macros that do not name it.
    ExternCrate,
    /// A module, and the names that it or a module in it gives to anything.
    Module { defines: BTreeSet<String> },
    /// A function, constant or anything else that can be compiled again wherever it is used.
    Other,
}

impl Item {
    /// The item's text as the user wrote it.
    pub(crate) fn text(&self) -> &str {
        &self.source.text[self.range.clone()]
    }

    /// The names through which this definition takes part in the shape of types, in a notebook that has these
    /// definitions of its own.
    pub(crate) fn shapes(&self, own: &Own<'_>) -> Vec<String> {
        match &self.kind {
            _ if self.shape.is_empty() => Vec::new(),
            ItemKind::Impl { self_type, header, .. } => {
                own.subjects(self_type, header).into_iter().map(str::to_owned).collect()
            }
            ItemKind::MacroCall => self.provides.iter().cloned().collect(),
            ItemKind::Trait { constants } => constants.iter().chain([&self.key]).cloned().collect(),
            _ if self.namespaces == Namespaces::default() => self.provides.iter().cloned().collect(),
            _ => vec![self.key.clone()],
        }
    }

    /// Whether this definition takes the place of the earlier one, as far as names tell. What only rustc can tell, such
    /// as that two `impl` headers mean the same, comes on top.
    ///
    /// Two inherent `impl` blocks of one type stand side by side unless they define the same name; everything else is
    /// known by its name within its namespaces.
    pub(crate) fn replaces(&self, earlier: &Item) -> bool {
        if self.key != earlier.key {
            return false;
        }
        match (&self.kind, &earlier.kind) {
            (ItemKind::Impl { defines, .. }, ItemKind::Impl { defines: earlier_defines, .. }) => {
                self.key.contains(" for ") || !defines.is_disjoint(earlier_defines)
            }
            // Items without a name are known by their text.
            _ => {
                self.namespaces == earlier.namespaces && self.namespaces == Namespaces::default()
                    || self.namespaces.overlap(earlier.namespaces)
            }
        }
    }

    /// What an `impl` that takes the place of the earlier one lacks of it.
    pub(crate) fn lost_of(&self, earlier: &Item) -> Vec<String> {
        match (&self.kind, &earlier.kind) {
            (ItemKind::Impl { defines, .. }, ItemKind::Impl { defines: earlier, .. }) => {
                earlier.difference(defines).cloned().collect()
            }
            _ => Vec::new(),
        }
    }

    /// By what the session counts the definitions of the statics in it.
    pub(crate) fn statics_key(&self) -> String {
        match &self.kind {
            // Several blocks may have the same header.
            ItemKind::Impl { defines, .. } => {
                format!("{} {}", self.key, defines.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
            }
            _ if self.namespaces.types => format!("type {}", self.key),
            _ => self.key.clone(),
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
    /// The name with which the path begins, in the notebook or among the crates.
    pub(crate) fn root(&self) -> Option<&str> {
        let mut segments = self.segments.iter().map(|range| &self.source.text[range.clone()]);
        segments.find(|segment| !matches!(*segment, "crate" | "self" | "super"))
    }

    /// The path as text, for comparing and for spotting what the engine replaces.
    pub(crate) fn path(&self) -> String {
        let segments: Vec<&str> = self.segments.iter().map(|range| &self.source.text[range.clone()]).collect();
        segments.join("::")
    }
}
