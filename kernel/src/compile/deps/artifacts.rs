//! Reads what cargo says about a bundle: which crates it has, and where cargo has put what they were compiled to.
//! Called by `build`; pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What `cargo metadata` says, as far as it matters.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    /// `None` for packages from a path.
    source: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    /// What code calls the crate; empty if the package has no library.
    name: String,
    pkg: String,
}

/// One line of `cargo build --message-format=json`.
#[derive(Debug, Deserialize)]
#[serde(tag = "reason")]
pub(super) enum Message {
    #[serde(rename = "compiler-artifact")]
    Artifact(Artifact),
    #[serde(rename = "compiler-message")]
    Diagnostic { message: Rendered },
    #[serde(other)]
    Other,
}

/// What a crate was compiled to.
#[derive(Debug, Deserialize)]
pub(super) struct Artifact {
    package_id: String,
    target: Target,
    filenames: Vec<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// A diagnostic of rustc's.
#[derive(Debug, Deserialize)]
pub(super) struct Rendered {
    pub(super) level: String,
    pub(super) rendered: Option<String>,
}

/// A crate that a bundle makes usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Direct {
    /// What code calls it.
    pub(super) name: String,
    pub(super) version: String,
    /// cargo's name for the package.
    pub(super) id: String,
}

impl Metadata {
    /// The crates that the bundle names, without the runtime.
    ///
    /// # Errors
    /// The name of a package that has no library.
    pub(super) fn direct(&self) -> Result<Vec<Direct>, String> {
        let of_bundle = |node: &&Node| self.package(&node.id).is_some_and(|package| package.name == "boucle-bundle");
        let edges = self.resolve.nodes.iter().find(of_bundle).map_or(&[][..], |node| &node.deps);
        let packages = edges.iter().filter_map(|edge| Some((edge, self.package(&edge.pkg)?)));
        packages
            .filter(|(_, package)| !["asyncio", "boucle-base"].contains(&package.name.as_str()))
            .map(|(edge, Package { id, version, name, .. })| match edge.name.as_str() {
                "" => Err(name.clone()),
                used => Ok(Direct { name: used.to_owned(), version: version.clone(), id: id.clone() }),
            })
            .collect()
    }

    /// The folders of the packages that come from a path outside of the workspace.
    pub(super) fn local_packages(&self, workspace: &Path) -> Vec<PathBuf> {
        let local = self.packages.iter().filter(|package| package.source.is_none());
        let folders = local.filter_map(|package| package.manifest_path.parent().map(Path::to_owned));
        folders.filter(|folder| !folder.starts_with(workspace)).collect()
    }

    fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }
}

/// What the lines hold that cargo has written; others are left out.
pub(super) fn messages(stdout: &str) -> Vec<Message> {
    stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Of what cargo has written, the lines that tell where procedural macros lie, and what build scripts have made: for the
/// analyzer, which reads cargo's own form.
pub(super) fn of_macros(stdout: &str) -> String {
    let parts = ["\"kind\":[\"proc-macro\"]", "\"reason\":\"build-script-executed\""];
    let lines = stdout.lines().filter(|line| parts.iter().any(|part| line.contains(part)));
    lines.flat_map(|line| [line, "\n"]).collect()
}

impl Artifact {
    /// The file that rustc needs of a crate: an rlib, or the library of a procedural macro or of the bundle.
    pub(super) fn library(&self) -> Option<&Path> {
        let kinds = ["lib", "rlib", "dylib", "proc-macro", "cdylib", "staticlib"];
        if !self.target.kind.iter().any(|kind| kinds.contains(&kind.as_str())) {
            return None;
        }
        let has = |path: &&PathBuf, wanted: &str| path.extension().is_some_and(|extension| extension == wanted);
        let of = |wanted: &str| self.filenames.iter().find(|path| has(path, wanted));
        of("rlib").or_else(|| of(std::env::consts::DLL_EXTENSION)).map(PathBuf::as_path)
    }

    /// Whether it is of a package from a path.
    pub(super) fn is_local(&self) -> bool {
        self.package_id.starts_with("path+")
    }

    /// The crate's name.
    pub(super) fn name(&self) -> String {
        self.target.name.replace('-', "_")
    }
}

/// Crate name → its file, for the direct dependencies.
///
/// # Errors
/// The name of a crate without a file that rustc can use.
pub(super) fn externs(direct: &[Direct], artifacts: &[Artifact]) -> Result<BTreeMap<String, PathBuf>, String> {
    let file = |wanted: &Direct| {
        // A package that is also used by a build script is built twice, and the one for the bundle last.
        let of_package = artifacts.iter().rev().filter(|artifact| artifact.package_id == wanted.id);
        of_package.filter_map(Artifact::library).next().map(Path::to_owned)
    };
    let entry = |wanted: &Direct| Some((wanted.name.clone(), file(wanted)?));
    direct.iter().map(|wanted| entry(wanted).ok_or_else(|| wanted.name.clone())).collect()
}
