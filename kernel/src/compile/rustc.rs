//! Compiles generated source with one direct call of rustc. Called by the engine.
//!
//! Every cell has the same crate name, and the same metadata until a type changes, so that the types of the notebook keep
//! their `TypeId`s from cell to cell.
//! Dropping the future of a compilation kills rustc and the linker it may have started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use tokio::process::Command;

use super::cache::{Cache, Entry};
use super::deps::Bundle;
use super::diagnostics::{Diagnostic, Level, Raw, resolve};
use super::link::Linker;
use super::mir;
use super::runtime::Runtime;
use super::tool;
use crate::cell::Generated;

/// What the files in the workshop are called, beside the source.
const OBJECT: &str = "cell.o";
const LIBRARY: &str = "cell.so";

/// Compiles for one session.
#[derive(Debug)]
pub(crate) struct Compiler {
    runtime: Runtime,
    /// `None` where rustc has to link.
    linker: Option<Linker>,
    cache: Cache,
    /// The crates that the notebook has added.
    crates: Option<Bundle>,
    /// Where sources and unfinished libraries lie.
    workshop: tempfile::TempDir,
    /// What the user has set for the compiler.
    environment: Vec<(String, String)>,
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
    /// Types of different epochs have different `TypeId`s, whatever their names.
    pub(crate) epoch: u32,
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
    /// The types alone.
    Types,
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
    /// How long the linker took; `None` if nothing had to be compiled.
    pub(crate) link: Option<Duration>,
}

/// Why rustc could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// The toolchain that built the runtime has gone or has been replaced.
    #[error("the Rust toolchain has changed since the cell runtime was built with {0}")]
    ToolchainChanged(String),
    /// rustc recursed too deeply.
    #[error(
        "rustc ran out of stack: an expression of the cell is too long or nested too deeply; split it into several"
    )]
    TooLong,
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
        let linker = Linker::of(&runtime.toolchain, workshop.path()).map_err(failed)?;
        Ok(Compiler { runtime, linker, cache, crates: None, workshop, environment: Vec::new() })
    }

    /// Sets an environment variable for all later compilations.
    pub(crate) fn set_variable(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The crates that cells can use, beside the runtime.
    pub(crate) fn crates(&self) -> Option<&Bundle> {
        self.crates.as_ref()
    }

    /// Has all later cells compiled with these crates.
    pub(crate) fn use_crates(&mut self, crates: Option<Bundle>) {
        self.crates = crates;
    }

    /// Compiles something small and forgets it, so that the first cell does not wait for the disk.
    pub(crate) async fn warm_up(&self) -> Result<(), CompileError> {
        let failed = |cause| CompileError::Folder { folder: self.workshop.path().to_owned(), cause };
        fs::write(self.workshop.path().join("warm-up"), "pub fn boucle_cell() { println!(); }").map_err(failed)?;
        self.run("warm-up", &format!("--emit=obj={OBJECT}"), 0, 0).await?;
        if let Some(linker) = &self.linker {
            self.link(linker).await?;
        }
        Ok(())
    }

    /// Compiles, or finds what an earlier compilation of the same source made.
    pub(crate) async fn compile(&self, request: Request<'_>) -> Result<Verdict, CompileError> {
        let Request { generated, file, product, opt_level, epoch } = request;
        let tool = include_str!("rustc.rs");
        let environment = if self.environment.is_empty() { String::new() } else { format!("{:?}", self.environment) };
        let crates = self.crates.as_ref().map_or("", |bundle| &bundle.id);
        let flags = format!("{product:?} {opt_level} {epoch}");
        let key = Cache::key(&[tool, file, &generated.text, crates, &flags, &environment]);
        let accepted = |entry: Entry, link: Option<Duration>| {
            let resolved = entry.warnings.iter().filter_map(|raw| resolve(raw, file, generated));
            Verdict::Accepted(Compiled {
                library: self.cache.library(&key),
                warnings: resolved.collect(),
                types: entry.types,
                link,
            })
        };
        // What the compiler reads beside the source may change without it.
        let reads_more = ["include", "env!"].iter().any(|word| generated.text.contains(word));
        if let Some(entry) = self.cache.get(&key).filter(|_| !reads_more) {
            return Ok(accepted(entry, None));
        }
        let failed = |cause| CompileError::Folder { folder: self.workshop.path().to_owned(), cause };
        fs::write(self.workshop.path().join(file), &generated.text).map_err(failed)?;
        let linker = self.linker.as_ref().filter(|_| Linker::suits(&generated.text));
        let code = if linker.is_some() { format!("obj={OBJECT}") } else { format!("link={LIBRARY}") };
        let emit = match product {
            Product::Check => "--emit=metadata=cell.rmeta".to_owned(),
            Product::Library => format!("--emit={code}"),
            Product::LibraryAndTypes => format!("--emit={code},mir=cell.mir"),
            Product::Types => "--emit=mir=cell.mir".to_owned(),
        };
        let (diagnostics, other, success) = self.run(file, &emit, opt_level, epoch).await?;
        let _ = fs::remove_file(self.workshop.path().join(file));
        if !success {
            let refused: Vec<Diagnostic> = diagnostics.iter().filter_map(|raw| resolve(raw, file, generated)).collect();
            let errors = || refused.iter().filter(|diagnostic| diagnostic.level == Level::Error);
            if errors().any(Diagnostic::is_about_the_runtime) {
                return Err(self.toolchain_changed());
            }
            return match errors().next() {
                Some(_) => Ok(Verdict::Refused(refused)),
                None if other.contains("overflowed its stack") => Err(CompileError::TooLong),
                None => Err(CompileError::Crashed(other)),
            };
        }
        let mut entry = Entry::default();
        entry.warnings = diagnostics;
        let runs = matches!(product, Product::Library | Product::LibraryAndTypes);
        let begun = Instant::now();
        if let Some(linker) = linker.filter(|_| runs) {
            self.link(linker).await?;
        }
        let link = begun.elapsed();
        let library = self.workshop.path().join(LIBRARY);
        if matches!(product, Product::LibraryAndTypes | Product::Types) {
            entry.types =
                mir::stored_types(&fs::read_to_string(self.workshop.path().join("cell.mir")).map_err(failed)?);
        }
        let library = runs.then_some(library.as_path());
        self.cache.put(&key, entry.clone(), library).map_err(failed)?;
        Ok(accepted(entry, Some(link)))
    }

    /// Runs rustc: its diagnostics, whatever else it wrote, and whether it succeeded.
    async fn run(
        &self,
        file: &str,
        emit: &str,
        opt_level: u8,
        epoch: u32,
    ) -> Result<(Vec<Raw>, String, bool), CompileError> {
        let mut command = Command::new(&self.runtime.toolchain.rustc);
        command
            .args([
                file,
                "--edition",
                "2024",
                "--crate-name",
                "cell",
                "--crate-type",
                "cdylib",
                "--error-format",
                "json",
            ])
            .args(["-Cprefer-dynamic", "-Ccodegen-units=1", "-Cdebug-assertions=on"])
            .arg(format!("-Cmetadata=boucle-{epoch}"))
            .arg(format!("-Copt-level={opt_level}"))
            .arg("--extern")
            .arg(prefixed("asyncio=", &self.runtime.library()))
            .arg("-L")
            .arg(prefixed("dependency=", &self.runtime.dependencies()))
            .args(self.crates.iter().flat_map(arguments_for))
            .arg(emit)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = tool::run(command, self.workshop.path()).await.map_err(|_| self.toolchain_changed())?;
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

    /// Links the object file that rustc has made.
    async fn link(&self, linker: &Linker) -> Result<(), CompileError> {
        let command = linker.command(OBJECT, LIBRARY);
        let output = tool::run(command, self.workshop.path()).await.map_err(|_| self.toolchain_changed())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(CompileError::Crashed(String::from_utf8_lossy(&output.stderr).into_owned())),
        }
    }

    fn toolchain_changed(&self) -> CompileError {
        CompileError::ToolchainChanged(self.runtime.toolchain.short_version().to_owned())
    }
}

/// What tells rustc of a bundle's crates. It reads their metadata; their code is found in the worker, which has loaded the
/// bundle.
fn arguments_for(bundle: &Bundle) -> Vec<OsString> {
    let mut arguments = vec!["-L".into(), prefixed("dependency=", &bundle.dependencies())];
    for (name, file) in &bundle.externs {
        arguments.extend(["--extern".into(), prefixed(&format!("{name}="), file)]);
    }
    arguments
}

fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut text = OsString::from(prefix);
    text.push(path);
    text
}
