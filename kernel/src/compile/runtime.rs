//! Where what cells run on is, the `asyncio` library and the worker: built once for each version of rustc.
//! Called when a kernel starts, by `boucle runtime`, and when the toolchain turns out to have changed.
//!
//! The sources come with the kernel's binary. A finished runtime appears in the cache under the hash of its sources and
//! of rustc's version, by renaming: so it is whole or absent, whoever builds at the same time. The workspace in which it
//! was built stays: a notebook's crates are built there too, on top of the very same libraries (see `deps`).

mod draft;

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{self, PathBuf};

use tokio::sync::watch;

use super::cache::Cache;
use super::cargo::{Progress, condense, is_about_the_network};
use super::lease::Lease;
pub(crate) use super::prune::{is_draft, parts_of, runtimes};
use super::toolchain::{Toolchain, ToolchainError};
pub(super) use draft::{Draft, put_back};

mod files {
    include!(concat!(env!("OUT_DIR"), "/runtime_files.rs"));
}

/// The folder of the sources, in a runtime and in its draft.
const WORKSPACE: &str = "workspace";

/// How a runtime is built counts as well as what it is built from.
const MAKING: &str = concat!(include_str!("cargo.rs"), include_str!("runtime/draft.rs"));

/// The runtime for one compiler.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    pub(crate) toolchain: Toolchain,
    /// Identifies the sources, the compiler and the flags.
    pub(crate) key: String,
    /// Holds `libasyncio.so`, `boucle-worker` and, in `deps`, the libraries that they were built from; in `workspace` what
    /// they were built in.
    pub(crate) folder: PathBuf,
    /// Keeps it from being removed; there is none before it is built, and where nothing can be written.
    _lease: Option<Lease>,
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeError {
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The cache cannot be used.
    #[error("cannot prepare the cell runtime in `{}`: {cause}", folder.display())]
    Folder { folder: PathBuf, cause: io::Error },
    /// cargo says no, in its words.
    #[error("building the cell runtime with {version} failed:\n{complaint}")]
    Build { version: String, complaint: String },
    /// cargo has not got the crates, and cannot get them.
    #[error("cannot get the crates that cells run on:\n{0}\nThis needs the network, once")]
    Offline(String),
}

impl Runtime {
    /// Whether it is there. It appears whole or not at all.
    pub(crate) fn is_built(&self) -> bool {
        self.folder.exists()
    }

    /// The same, kept from being removed if it is there.
    pub(super) fn leased(self) -> Runtime {
        Runtime { _lease: Lease::take(&self.folder).ok(), ..self }
    }

    /// The library that cells link against.
    pub(crate) fn library(&self) -> PathBuf {
        self.folder.join(format!("{}asyncio{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX))
    }

    /// The folder with the metadata of what the library was built from.
    pub(crate) fn dependencies(&self) -> PathBuf {
        self.folder.join("deps")
    }

    /// The runtime that is built together with the crates of this manifest, whether it has been built or not.
    pub(super) fn variant(&self, manifest: &str) -> Runtime {
        let key = Cache::key(&[&self.key, manifest])[..16].to_owned();
        Runtime { toolchain: self.toolchain.clone(), folder: parent_folder().join(&key), key, _lease: None }
    }

    /// The workspace in which it was built.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.join(WORKSPACE)
    }

    /// The versions of what it was built from.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.folder.join("Cargo.lock")
    }

    /// The program in which cells run.
    pub(crate) fn worker(&self) -> PathBuf {
        self.folder.join(format!("boucle-worker{}", env::consts::EXE_SUFFIX))
    }
}

/// The source files of the event loop's library, with their paths.
pub(crate) fn sources() -> impl Iterator<Item = (&'static str, &'static str)> {
    files::FILES.iter().filter(|(path, _)| path.contains("src/") && !path.contains("worker")).copied()
}

/// The folder for everything that can be made again: `$BOUCLE_CACHE_DIR`, or `boucle` in the user's cache folder. Kernel
/// gateways start kernels without `HOME`; then the system knows where the user is at home.
pub(crate) fn cache_folder() -> PathBuf {
    let folder =
        cache_folder_of(|name| env::var_os(name), env::home_dir()).unwrap_or_else(|| env::temp_dir().join("boucle"));
    // Kernels run in the folders of their notebooks, and cargo in one of ours.
    path::absolute(&folder).unwrap_or(folder)
}

/// A relative `XDG_CACHE_HOME` is to be ignored, as its specification says.
fn cache_folder_of(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("BOUCLE_CACHE_DIR").or_else(|| {
        let general = set("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
        Some(general.or_else(|| Some(home?.join(".cache")))?.join("boucle"))
    })
}

/// The runtime for the present toolchain, whether it has been built or not.
pub(crate) fn locate() -> Result<Runtime, RuntimeError> {
    let toolchain = Toolchain::find()?;
    let mut parts = vec![toolchain.version.as_str(), MAKING];
    parts.extend(files::FILES.iter().flat_map(|(path, content)| [*path, *content]));
    let key = Cache::key(&parts)[..16].to_owned();
    Ok(Runtime { folder: parent_folder().join(&key), key, toolchain, _lease: None })
}

/// The runtime for the present toolchain, if it has been built.
pub(crate) fn find() -> Option<Runtime> {
    let runtime = locate().ok()?.leased();
    runtime.is_built().then_some(runtime)
}

/// The runtime for the present toolchain, which is built if need be: that takes up to a minute or two. Dropping the future
/// ends the build; the next one goes on from there.
///
/// # Errors
/// If there is no usable toolchain, or the runtime cannot be built.
pub(crate) async fn ensure(news: &watch::Sender<Progress>) -> Result<Runtime, RuntimeError> {
    let located = tokio::task::spawn_blocking(locate).await;
    let runtime = located.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?.leased();
    if runtime.is_built() {
        return Ok(runtime);
    }
    let folder = parent_folder();
    let failed = |cause| RuntimeError::Folder { folder: folder.clone(), cause };
    let Some(draft) = Draft::begin(&runtime, news).await.map_err(failed)? else { return Ok(runtime.leased()) };
    let arguments = ["build", "--release", "-p", "asyncio", "-p", "boucle-worker", "-p", "boucle-bundle"];
    let refused = |complaint| RuntimeError::Build { version: runtime.toolchain.short_version().to_owned(), complaint };
    let printed = draft.build(&arguments, news).await.map_err(|error| refused(format!("cannot run cargo: {error}")))?;
    match printed.succeeded {
        true => draft.finish().map_err(failed),
        false if is_about_the_network(&printed.stderr) => Err(RuntimeError::Offline(condense(&printed.stderr, &[]))),
        false => Err(refused(condense(&printed.stderr, &[]))),
    }
}

/// The folder of all runtimes.
fn parent_folder() -> PathBuf {
    runtimes(&cache_folder())
}

#[cfg(test)]
mod tests;
