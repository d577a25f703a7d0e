//! Compiles generated source with one direct call of rustc. Called by the engine.
//!
//! Every cell has the same crate name and metadata, so that a type of the notebook keeps its `TypeId` from cell to cell.
//! Dropping the future of a compilation kills rustc and the linker it may have started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{fs, io};

use tokio::process::Command;

use super::cache::{Cache, Entry};
use super::diagnostics::{Diagnostic, Level, Raw, resolve};
use super::mir;
use super::runtime::Runtime;
use crate::cell::Generated;

/// Compiles for one session.
#[derive(Debug)]
pub(crate) struct Compiler {
    runtime: Runtime,
    cache: Cache,
    /// Where sources and unfinished libraries lie.
    workshop: tempfile::TempDir,
}

/// What to compile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) generated: &'a Generated,
    /// The name that `file!()` and panics give.
    pub(crate) file: &'a str,
    pub(crate) product: Product,
    /// rustc's `opt-level`.
    pub(crate) opt_level: u8,
}

/// What is wanted of rustc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    /// Nothing but its opinion.
    Check,
    /// A library that the worker can load.
    Library,
    /// The same, and the types of the variables that it stores.
    LibraryAndTypes,
}

/// What rustc said.
#[derive(Debug)]
pub(crate) enum Verdict {
    Accepted(Compiled),
    Refused(Vec<Diagnostic>),
}

/// An accepted cell.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Meaningless after a mere check.
    pub(crate) library: PathBuf,
    /// Store site → type.
    pub(crate) types: BTreeMap<u32, String>,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Why rustc could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// The toolchain that built the runtime has gone or has been replaced.
    #[error("the Rust toolchain has changed since the cell runtime was built with {0}")]
    ToolchainChanged(String),
    /// rustc failed without a diagnostic.
    #[error("rustc failed without saying what is wrong with the cell:\n{0}")]
    Crashed(String),
    /// A file could not be read or written.
    #[error("cannot compile in `{}`: {cause}", folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What went wrong.
        cause: io::Error,
    },
}

impl Compiler {
    /// A compiler on top of a runtime, keeping its results in the given folder.
    pub(crate) fn new(runtime: Runtime, cache_folder: &Path) -> Result<Compiler, CompileError> {
        let folder = cache_folder.join("cells").join(&runtime.key);
        let failed = |cause| CompileError::Folder { folder: folder.clone(), cause };
        let cache = Cache::open(folder.clone()).map_err(failed)?;
        let workshop = tempfile::Builder::new().prefix("session-").tempdir_in(&folder).map_err(failed)?;
        Ok(Compiler { runtime, cache, workshop })
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Compiles, or finds what an earlier compilation of the same source made.
    pub(crate) async fn compile(&self, request: Request<'_>) -> Result<Verdict, CompileError> {
        let Request { generated, file, product, opt_level } = request;
        let key = Cache::key(&[file, &generated.text, &format!("{product:?} {opt_level}")]);
        let accepted = |entry: Entry| {
            let resolved = entry.warnings.iter().filter_map(|raw| resolve(raw, file, generated));
            Verdict::Accepted(Compiled {
                library: self.cache.library(&key),
                warnings: resolved.collect(),
                types: entry.types,
            })
        };
        if let Some(entry) = self.cache.get(&key) {
            return Ok(accepted(entry));
        }
        let failed = |cause| CompileError::Folder { folder: self.workshop.path().to_owned(), cause };
        fs::write(self.workshop.path().join(file), &generated.text).map_err(failed)?;
        let (diagnostics, other, success) = self.run(file, product, opt_level).await?;
        let _ = fs::remove_file(self.workshop.path().join(file));
        if !success {
            let refused: Vec<Diagnostic> = diagnostics.iter().filter_map(|raw| resolve(raw, file, generated)).collect();
            let errors = || refused.iter().filter(|diagnostic| diagnostic.level == Level::Error);
            if errors().any(|error| matches!(error.code.as_deref(), Some("E0460" | "E0463" | "E0514" | "E0786"))) {
                return Err(CompileError::ToolchainChanged(self.runtime.toolchain.short_version().to_owned()));
            }
            return match errors().next() {
                Some(_) => Ok(Verdict::Refused(refused)),
                None => Err(CompileError::Crashed(other)),
            };
        }
        let mut entry = Entry::default();
        entry.warnings = diagnostics;
        let library = self.workshop.path().join("cell.so");
        if product == Product::LibraryAndTypes {
            entry.types =
                mir::stored_types(&fs::read_to_string(self.workshop.path().join("cell.mir")).map_err(failed)?);
        }
        let library = (product != Product::Check).then_some(library.as_path());
        self.cache.put(&key, entry.clone(), library).map_err(failed)?;
        Ok(accepted(entry))
    }

    /// Runs rustc: its diagnostics, whatever else it wrote, and whether it succeeded.
    async fn run(&self, file: &str, product: Product, opt_level: u8) -> Result<(Vec<Raw>, String, bool), CompileError> {
        let mut command = Command::new(&self.runtime.toolchain.rustc);
        command
            .arg(file)
            .args(["--edition", "2024", "--crate-name", "cell", "--crate-type", "cdylib", "--error-format", "json"])
            .args([
                "-Cmetadata=boucle",
                "-Cprefer-dynamic",
                "-Ccodegen-units=1",
                "-Cdebug-assertions=on",
                "-Cstrip=debuginfo",
            ])
            .arg(format!("-Copt-level={opt_level}"))
            .arg("--extern")
            .arg(prefixed("asyncio=", &self.runtime.library()))
            .arg("-L")
            .arg(prefixed("dependency=", &self.runtime.dependencies()))
            .arg(match product {
                Product::Check => "--emit=metadata=cell.rmeta",
                Product::Library => "--emit=link=cell.so",
                Product::LibraryAndTypes => "--emit=link=cell.so,mir=cell.mir",
            })
            .current_dir(self.workshop.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        die_with_the_kernel(&mut command);
        let child = command.spawn().map_err(|_| self.toolchain_changed())?;
        let group = child.id().map(KillGroup);
        let output = child
            .wait_with_output()
            .await
            .map_err(|cause| CompileError::Folder { folder: self.workshop.path().to_owned(), cause })?;
        // The group is gone; its number may soon be somebody else's.
        std::mem::forget(group);
        let (mut diagnostics, mut other) = (Vec::new(), String::new());
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            match serde_json::from_str(line) {
                Ok(diagnostic) => diagnostics.push(diagnostic),
                Err(_) => {
                    other.push_str(line);
                    other.push('\n');
                }
            }
        }
        Ok((diagnostics, other, output.status.success()))
    }

    fn toolchain_changed(&self) -> CompileError {
        CompileError::ToolchainChanged(self.runtime.toolchain.short_version().to_owned())
    }
}

fn prefixed(prefix: &str, path: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(prefix);
    text.push(path);
    text
}

/// Has the system kill the child when the kernel is killed. The kernel starts its children from its main thread, whose
/// end is the kernel's.
fn die_with_the_kernel(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: `prctl` is safe to call between fork and exec, and nothing else happens there.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
}

/// Kills a process group when dropped: a linker would survive its rustc.
struct KillGroup(u32);

impl Drop for KillGroup {
    fn drop(&mut self) {
        if let Ok(group) = libc::pid_t::try_from(self.0) {
            // SAFETY: no memory is involved. The group may be gone, which is fine; its number is that of a child that
            // has not been waited for.
            unsafe { libc::killpg(group, libc::SIGKILL) };
        }
    }
}
