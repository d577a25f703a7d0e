//! What `look` finds on a machine and `examine` judges. Nothing but data.

use std::path::PathBuf;

use crate::compile::toolchain::ToolchainError;

/// Everything that is known of a machine. Errors are what the system or a program said.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// This program.
    pub(super) program: PathBuf,
    /// Whether the program is there that completion comes from.
    pub(super) analyzer: bool,
    pub(super) toolchain: Result<Tools, ToolchainError>,
    /// The compiler that links what cargo builds.
    pub(super) cc: Option<PathBuf>,
    /// Where what cells run on is, or will be.
    pub(super) runtime: Option<Runtime>,
    pub(super) cache: Folder,
    pub(super) usage: Usage,
    pub(super) temporary: Folder,
    /// Whether a port of this machine's own can be listened on, as every kernel does.
    pub(super) loopback: Result<(), String>,
    pub(super) jupyter: Option<Jupyter>,
}

/// The Rust toolchain.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    pub(super) rustc: PathBuf,
    /// `1.95.0`
    pub(super) version: String,
    pub(super) cargo: bool,
    /// The standard library as a dynamic library, which all cells share.
    pub(super) shared_std: bool,
    /// The linker that comes with it.
    pub(super) lld: bool,
    /// The standard library's sources, by themselves or in its documentation.
    pub(super) std_sources: bool,
}

/// What cells run on, for this toolchain.
#[derive(Debug, Clone)]
pub(super) struct Runtime {
    pub(super) folder: PathBuf,
    pub(super) built: bool,
}

/// A folder that kernels write to.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) writable: Result<(), String>,
    /// Whether its file system lets nothing be run or loaded.
    pub(super) no_exec: bool,
    /// In bytes, where the system tells.
    pub(super) free: Option<u64>,
}

/// What the cache holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage {
    pub(super) bytes: u64,
    /// The runtimes for other versions of Rust or of Boucle.
    pub(super) others: Vec<PathBuf>,
}

/// A Jupyter, as it sees itself.
#[derive(Debug, Clone)]
pub(super) struct Jupyter {
    pub(super) program: PathBuf,
    /// The front ends beside it: `lab`, `notebook`, `console`.
    pub(super) front_ends: Vec<&'static str>,
    /// The kernels of ours among those that it finds, or why it could not be asked.
    pub(super) kernels: Result<Vec<Kernel>, String>,
    /// Where it looks, in its order.
    pub(super) searched: Vec<PathBuf>,
}

/// A kernelspec that starts a Boucle.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    /// What it starts, with an absolute path where it can be told.
    pub(super) program: PathBuf,
    pub(super) exists: bool,
    pub(super) is_this: bool,
}
