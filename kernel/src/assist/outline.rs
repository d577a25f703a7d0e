//! What a notebook has, for those who only look at it: made by the engine after each change, read by the assistant also
//! while a cell runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use boucle_assist::message::Project;
use toml::{Table, Value};

use crate::cell::{Item, Use};
use crate::compile::Runtime;
use crate::compile::deps::{Bundle, Dependencies};

/// A notebook between two of its changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outline {
    /// The current definitions, oldest first.
    pub(crate) items: Vec<Arc<Item>>,
    pub(crate) uses: Vec<Arc<Use>>,
    /// Variable → type.
    pub(crate) variables: BTreeMap<String, String>,
    /// What its code is compiled with; `None` before there is a runtime.
    pub(crate) project: Option<Project>,
}

impl Outline {
    /// The definition of this name.
    pub(crate) fn item(&self, name: &str) -> Option<&Arc<Item>> {
        self.items.iter().rfind(|item| item.key == name)
    }

    /// Whether the notebook has given this name to anything.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.variables.contains_key(name)
            || self.items.iter().any(|item| item.provides.contains(name))
            || self.uses.iter().any(|import| import.binds.as_deref() == Some(name))
    }

    /// The crates that the notebook has added, as code calls them.
    pub(crate) fn crates(&self) -> Vec<String> {
        let manifest = self.project.as_ref().and_then(|project| project.manifest.parse::<Table>().ok());
        let dependencies = manifest.as_ref().and_then(|manifest| manifest.get("dependencies")?.as_table());
        dependencies.into_iter().flatten().map(|(name, _)| name.replace('-', "_")).collect()
    }
}

/// The package that a notebook's code would be in: with the event loop's library, and the crates that it has added.
pub(crate) fn project(runtime: &Runtime, dependencies: &Dependencies, crates: Option<&Bundle>) -> Project {
    let text = |text: &str| Value::String(text.to_owned());
    let library = runtime.workspace().join("runtime").display().to_string();
    let mut all = Table::from_iter([(
        "asyncio".to_owned(),
        Value::Table(Table::from_iter([("path".to_owned(), Value::String(library))])),
    )]);
    all.extend(dependencies.to_table());
    let package = [("name", text("cell")), ("version", text("0.0.0")), ("edition", text("2024"))];
    let manifest = Table::from_iter([
        ("package".to_owned(), Value::Table(package.map(|(key, value)| (key.to_owned(), value)).into_iter().collect())),
        ("dependencies".to_owned(), Value::Table(all)),
        // Whatever lies above its folder is none of its business.
        ("workspace".to_owned(), Value::Table(Table::new())),
    ]);
    Project {
        manifest: manifest.to_string(),
        lock: Some(crates.map_or_else(|| runtime.lock_file(), Bundle::lock_file)),
        built: crates.map(Bundle::macros),
        sysroot: runtime.toolchain.sysroot(),
        library: runtime.folder.join("std"),
    }
}
