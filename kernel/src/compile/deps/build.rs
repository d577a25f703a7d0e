//! From a set of crates to its bundle: finds the finished one, or has cargo build it. Called by the engine.
//!
//! Invariants:
//! 1. One process at a time writes into the workspace; it holds a lock.
//! 2. The runtime is never built anew: its library in the workspace is the one that runs, or the bundle is refused. cargo
//!    removes what it is about to build before it asks for it, so the library is put back before each build.

use std::path::{Path, PathBuf};
use std::{fs, io};

use tokio::sync::watch;

use super::artifacts::{Artifact, Direct, Message, Metadata, messages, of_macros};
use super::local;
use super::lock::Lock;
use super::manifest;
use super::request::Dependencies;
use super::store::{Bundle, Store};
use crate::compile::cargo::{self, Printed, Progress, condense, is_about_the_network, wrapper};
use crate::compile::runtime::{self, Draft, Runtime};

/// The package of a bundle, in a workspace.
const PACKAGE: &str = "runtime/bundle";

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DependencyError {
    /// cargo says no, in its words.
    #[error("{0}")]
    Refused(String),
    /// The registry cannot be reached.
    #[error("{0}\nThis needs the network. Crates that were used before can be had without it.")]
    Offline(String),
    /// A package is only a program.
    #[error("`{0}` is a program, not a library, so that code cannot use it")]
    NoLibrary(String),
    /// The event loop runs on another build of what the crates ask for.
    #[error("these crates need {0}, but the event loop of this notebook runs on another build of it")]
    OtherRuntime(String),
    /// A file could not be read or written.
    #[error("cannot prepare the crates in `{}`: {cause}", folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What went wrong.
        cause: io::Error,
    },
}

/// The bundle of these crates, following the versions of `earlier`, the session's bundle so far. Dropping the future ends
/// cargo and leaves everything as it was.
///
/// # Errors
/// If the crates cannot be had.
pub(crate) async fn provide(
    runtime: &Runtime,
    wanted: &Dependencies,
    earlier: Option<&Bundle>,
    news: &watch::Sender<Progress>,
) -> Result<Bundle, DependencyError> {
    let lock_file = earlier.map_or_else(|| runtime.lock_file(), Bundle::lock_file);
    let lock = fs::read_to_string(&lock_file).map_err(|cause| DependencyError::Folder { folder: lock_file, cause })?;
    let key = Store::key(wanted, &lock);
    find_or_build(runtime, wanted, &key, &lock, news).await
}

/// The same bundle after the user's own crates in it have changed.
///
/// # Errors
/// If they cannot be built any more.
pub(crate) async fn refresh(
    runtime: &Runtime,
    wanted: &Dependencies,
    bundle: &Bundle,
    news: &watch::Sender<Progress>,
) -> Result<Bundle, DependencyError> {
    let file = bundle.lock_file();
    let lock = fs::read_to_string(&file).map_err(|cause| DependencyError::Folder { folder: file, cause })?;
    find_or_build(runtime, wanted, &bundle.key, &lock, news).await
}

async fn find_or_build(
    runtime: &Runtime,
    wanted: &Dependencies,
    key: &str,
    lock: &str,
    news: &watch::Sender<Progress>,
) -> Result<Bundle, DependencyError> {
    let workspace = runtime.workspace();
    let failed = |cause| DependencyError::Folder { folder: workspace.clone(), cause };
    let store = Store::open(runtime).map_err(failed)?;
    if let Some(bundle) = store.find(key) {
        return Ok(bundle);
    }
    let _turn = cargo::wait_for_turn(&runtime.folder.join("bundle.lock"), "crates", news).await.map_err(failed)?;
    // Another kernel may have built it meanwhile.
    if let Some(bundle) = store.find(key) {
        return Ok(bundle);
    }
    let build = Build { runtime, workspace: &workspace, news };
    runtime::put_back(runtime).map_err(failed)?;
    let metadata = build.resolve(wanted, lock).await?;
    build.check_runtime_versions()?;
    let direct = metadata.direct().map_err(DependencyError::NoLibrary)?;
    let packages = metadata.local_packages(&workspace);
    let state = local::state_of(&packages);
    let built = build.compile(&direct, &state).await?;
    let bundle = store.keep(key, &direct, &built, (packages, state), &workspace).map_err(failed)?;
    if let Err(error) = store.prune() {
        tracing::warn!("cannot remove old bundles: {error}");
    }
    Ok(bundle)
}

/// Builds a runtime for crates that need another build of what the event loop runs on: for a session in which nothing has
/// run yet.
///
/// # Errors
/// If it cannot be built.
pub(crate) async fn own_runtime(
    runtime: &Runtime,
    wanted: &Dependencies,
    news: &watch::Sender<Progress>,
) -> Result<Runtime, DependencyError> {
    let manifest = manifest::manifest(wanted);
    let own = runtime.variant(&manifest);
    let failed = |cause| DependencyError::Folder { folder: own.folder.clone(), cause };
    let Some(draft) = Draft::begin(&own, news).await.map_err(failed)? else { return Ok(own.leased()) };
    fs::write(draft.workspace().join(PACKAGE).join("Cargo.toml"), manifest).map_err(failed)?;
    let arguments = ["build", "--release", "-p", "boucle-bundle", "-p", "boucle-worker", "--message-format=json"];
    artifacts_of(draft.build(&arguments, news).await.map_err(failed)?)?;
    draft.finish().map_err(failed)
}

/// One build, while it has its turn.
struct Build<'a> {
    runtime: &'a Runtime,
    workspace: &'a Path,
    news: &'a watch::Sender<Progress>,
}

impl Build<'_> {
    /// Has cargo choose versions, and fetch what is not here yet.
    async fn resolve(&self, wanted: &Dependencies, lock: &str) -> Result<Metadata, DependencyError> {
        let package = self.workspace.join(PACKAGE);
        let write = |path: PathBuf, text: &str| fs::write(path, text).map_err(|cause| self.failed(cause));
        write(package.join("Cargo.toml"), &manifest::manifest(wanted))?;
        write(package.join("src/lib.rs"), &manifest::source(["asyncio"]))?;
        write(self.workspace.join("Cargo.lock"), lock)?;
        let host = self.runtime.toolchain.host();
        let arguments = ["metadata", "--format-version=1", "--filter-platform", host];
        let mut printed = self.cargo(&arguments, "").await?;
        let online = printed.stderr.clone();
        if !printed.succeeded && is_about_the_network(&online) {
            write(self.workspace.join("Cargo.lock"), lock)?;
            printed = self.cargo(&[&arguments[..], &["--offline"]].concat(), "").await?;
            if !printed.succeeded {
                return Err(DependencyError::Offline(condense(&online, &[])));
            }
        }
        if !printed.succeeded {
            return Err(DependencyError::Refused(condense(&printed.stderr, &[])));
        }
        serde_json::from_str(&printed.stdout).map_err(|error| self.failed(error.into()))
    }

    /// Makes sure that the versions under the runtime are those that it was built with.
    fn check_runtime_versions(&self) -> Result<(), DependencyError> {
        let read = |path: PathBuf| fs::read_to_string(path).map_err(|cause| self.failed(cause));
        let built = Lock::parse(&read(self.runtime.lock_file())?);
        let chosen = Lock::parse(&read(self.workspace.join("Cargo.lock"))?);
        let missing = built.runtime_packages_missing_in(&chosen);
        // A version that nobody else asks for is given up when another takes its place.
        let replaced = missing.iter().filter(|(name, _)| !chosen.versions_of(name).is_empty());
        let asked: Vec<String> =
            replaced.map(|(name, _)| format!("`{name}` {}", chosen.versions_of(name).join(" and "))).collect();
        if asked.is_empty() { Ok(()) } else { Err(DependencyError::OtherRuntime(asked.join(", "))) }
    }

    /// Has cargo compile the crates.
    async fn compile(&self, direct: &[Direct], state: &str) -> Result<Built, DependencyError> {
        let names = std::iter::once("asyncio").chain(direct.iter().map(|it| it.name.as_str()));
        let source = self.workspace.join(PACKAGE).join("src/lib.rs");
        fs::write(source, manifest::source(names)).map_err(|cause| self.failed(cause))?;
        let arguments = ["build", "--release", "--frozen", "-p", "boucle-bundle", "--message-format=json"];
        artifacts_of(self.cargo(&arguments, state).await?)
    }

    async fn cargo(&self, arguments: &[&str], state: &str) -> Result<Printed, DependencyError> {
        let toolchain = &self.runtime.toolchain;
        let printed = cargo::run(toolchain, self.workspace, arguments, state, self.news).await;
        printed.map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: io::Error) -> DependencyError {
        DependencyError::Folder { folder: self.workspace.to_owned(), cause }
    }
}

/// What cargo has built.
pub(super) struct Built {
    pub(super) artifacts: Vec<Artifact>,
    /// What it has said about procedural macros and build scripts.
    pub(super) macros: String,
}

/// What cargo has built, or why it has not.
fn artifacts_of(Printed { succeeded, stdout, stderr }: Printed) -> Result<Built, DependencyError> {
    let (mut artifacts, mut errors) = (Vec::new(), Vec::new());
    for message in messages(&stdout) {
        match message {
            Message::Artifact(artifact) => artifacts.push(artifact),
            Message::Diagnostic { message } if message.level == "error" => errors.extend(message.rendered),
            Message::Diagnostic { .. } | Message::Other => {}
        }
    }
    if succeeded {
        Ok(Built { artifacts, macros: of_macros(&stdout) })
    } else if stderr.contains("could not compile `asyncio`") && stderr.contains(wrapper::REFUSAL) {
        Err(DependencyError::OtherRuntime("other features of what `tokio` is built from".to_owned()))
    } else {
        Err(DependencyError::Refused(condense(&stderr, &errors)))
    }
}
