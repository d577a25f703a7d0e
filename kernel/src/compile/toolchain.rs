//! Finds the Rust toolchain that compiles cells: the real rustc under its sysroot, past rustup's proxy.
//! Called when the runtime is prepared.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A toolchain that was found to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// The compiler itself.
    pub(crate) rustc: PathBuf,
    /// The cargo that belongs to it.
    pub(crate) cargo: PathBuf,
    /// The folder of the toolchain's own libraries.
    pub(crate) libraries: PathBuf,
    /// What `rustc -vV` prints.
    pub(crate) version: String,
}

/// Why no toolchain could be used.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ToolchainError {
    /// There is no rustc to be found.
    #[error("there is no `rustc` on PATH or in cargo's folder")]
    Missing,
    /// It is there and does not work.
    #[error("cannot use `{}`: {cause}", rustc.display())]
    Broken {
        /// What was run.
        rustc: PathBuf,
        /// What went wrong.
        cause: String,
    },
}

impl Toolchain {
    /// Finds the toolchain. Runs rustc twice, which takes some 30 ms.
    pub(crate) fn find() -> Result<Toolchain, ToolchainError> {
        let proxy = find_program("rustc").ok_or(ToolchainError::Missing)?;
        let sysroot = PathBuf::from(ask(&proxy, &["--print", "sysroot"])?.trim());
        let real = sysroot.join("bin").join("rustc");
        let rustc = if real.exists() { real } else { proxy };
        let version = ask(&rustc, &["-vV"])?;
        let libraries = sysroot.join("lib").join("rustlib").join(host_of(&version)).join("lib");
        let cargo = sysroot.join("bin").join("cargo");
        let cargo = if cargo.exists() { cargo } else { find_program("cargo").unwrap_or_else(|| "cargo".into()) };
        Ok(Toolchain { rustc, cargo, libraries, version })
    }

    /// The system that it runs on, as `x86_64-unknown-linux-gnu`.
    pub(crate) fn host(&self) -> &str {
        host_of(&self.version)
    }

    /// The toolchain's own folder; its libraries are in `lib/rustlib/<host>/lib`.
    pub(crate) fn sysroot(&self) -> PathBuf {
        self.libraries.ancestors().nth(4).unwrap_or(&self.libraries).to_owned()
    }

    /// `rustc 1.95.0`
    pub(crate) fn short_version(&self) -> &str {
        let line = self.version.lines().next().unwrap_or("rustc");
        line.split(" (").next().unwrap_or(line)
    }
}

fn host_of(version: &str) -> &str {
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default()
}

/// A program on PATH or, for a kernel started from a desktop without the user's PATH, in cargo's folder.
fn find_program(name: &str) -> Option<PathBuf> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    on_path(name).or_else(|| Some(cargo_home?.join("bin").join(name)).filter(|program| program.is_file()))
}

/// A program on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn ask(rustc: &Path, arguments: &[&str]) -> Result<String, ToolchainError> {
    let broken = |cause: String| ToolchainError::Broken { rustc: rustc.to_owned(), cause };
    let output =
        Command::new(rustc).args(arguments).stdin(Stdio::null()).output().map_err(|error| broken(error.to_string()))?;
    if !output.status.success() {
        return Err(broken(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
