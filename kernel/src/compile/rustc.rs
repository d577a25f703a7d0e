//! Compiles generated source with one direct call of rustc. Called by the engine.
//!
//! Every cell has the same crate name, and the same metadata until a type changes, so that the types of the notebook keep
//! their `TypeId`s from cell to cell.
//! Dropping the future of a compilation kills rustc and the linker it may have started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use tokio::process::Command;

use super::cache::{Cache, Entry};
use super::deps::Bundle;
use super::diagnostics::{Diagnostic, Level, Raw, resolve};
use super::lease::Lease;
use super::lines;
use super::link::Linker;
use super::mir;
use super::prune::SESSION;
use super::runtime::Runtime;
use super::tool;
use crate::cell::{Generated, Source};

/// What the files in the workshop are called, beside the source.
const OBJECT: &str = "cell.o";
const LIBRARY: &str = "cell.so";

/// The level from which on a cell is compiled like a release, without checks for overflow.
pub(crate) const RELEASE: u8 = 2;

/// How a library is made and what is read from it: an entry of the cache is as good as what made it.
const MAKING: &str = concat!(include_str!("rustc.rs"), include_str!("link.rs"), include_str!("mir.rs"));

/// Compiles for one session.
#[derive(Debug)]
pub(crate) struct Compiler {
    runtime: Runtime,
    /// `None` where rustc has to link.
    linker: Option<Linker>,
    cache: Cache,
    setting: Arc<Setting>,
    /// How the libraries of this session were made.
    recipes: Mutex<BTreeMap<PathBuf, Recipe>>,
    /// Why nothing can be kept, if that is so, and whether the user has been told.
    trouble: OnceLock<String>,
    told: AtomicBool,
    workshop: Workshop,
}

/// What a notebook has chosen for its cells, until it chooses something else.
#[derive(Debug, Clone, Default)]
struct Setting {
    /// The crates that the notebook has added.
    crates: Option<Bundle>,
    /// What the user has set for the compiler.
    environment: Vec<(String, String)>,
}

/// How a library was made.
#[derive(Debug, Clone)]
struct Recipe {
    generated: Arc<Generated>,
    opt_level: u8,
    epoch: u32,
    setting: Arc<Setting>,
}

/// The session's own folder: sources and unfinished libraries lie there, and the libraries that the worker has loaded.
#[derive(Debug)]
struct Workshop {
    folder: tempfile::TempDir,
    _lease: Lease,
}

/// What to compile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) generated: &'a Arc<Generated>,
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
    /// The same library once more, with a table of the lines that its code comes from.
    Lines,
    /// The types alone.
    Types,
}

impl Product {
    /// Whether it is what the worker runs.
    fn is_run(self) -> bool {
        matches!(self, Product::Library | Product::LibraryAndTypes)
    }
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
    #[error(
        "cannot compile in `{}`: {cause}; see that there is room and that it may be written to, or set BOUCLE_CACHE_DIR to \
         another folder",
        folder.display()
    )]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What went wrong.
        cause: io::Error,
    },
}

impl Workshop {
    fn open(parent: &Path) -> io::Result<Workshop> {
        fs::create_dir_all(parent)?;
        let folder = tempfile::Builder::new().prefix(SESSION).tempdir_in(parent)?;
        Ok(Workshop { _lease: Lease::take(folder.path())?, folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the library of this name lies.
    fn library(&self, name: &str) -> PathBuf {
        self.path().join(format!("{name}{}", env::consts::DLL_SUFFIX))
    }

    /// A path that no library has had: the worker never loads a second one of the same path.
    fn new_library(&self) -> PathBuf {
        let mut paths = (0u64..).map(|number| self.library(&number.to_string()));
        paths.find(|path| !path.exists()).unwrap_or_default()
    }
}

impl Compiler {
    /// A compiler on top of a runtime, keeping its results in the given folder.
    pub(crate) fn new(runtime: Runtime, cache_folder: &Path) -> Result<Compiler, CompileError> {
        let cache = Cache::new(cache_folder, &runtime.key);
        // Where the cache cannot be written to, cells run all the same.
        let workshop = Workshop::open(cache.folder()).or_else(|cause| {
            tracing::warn!("cannot compile in `{}`: {cause}", cache.folder().display());
            let folder = env::temp_dir();
            Workshop::open(&folder).map_err(|cause| CompileError::Folder { folder, cause })
        })?;
        let linker = Linker::of(&runtime.toolchain, workshop.path())
            .map_err(|cause| CompileError::Folder { folder: workshop.path().to_owned(), cause })?;
        let (trouble, told) = (OnceLock::new(), AtomicBool::new(false));
        let (setting, recipes) = Default::default();
        Ok(Compiler { runtime, linker, cache, setting, recipes, trouble, told, workshop })
    }

    /// Sets an environment variable for all later compilations.
    pub(crate) fn set_variable(&mut self, name: &str, value: &str) {
        let environment = &mut Arc::make_mut(&mut self.setting).environment;
        environment.retain(|(known, _)| known != name);
        environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The crates that cells can use, beside the runtime.
    pub(crate) fn crates(&self) -> Option<&Bundle> {
        self.setting.crates.as_ref()
    }

    /// Has all later cells compiled with these crates.
    pub(crate) fn use_crates(&mut self, crates: Option<Bundle>) {
        Arc::make_mut(&mut self.setting).crates = crates;
    }

    /// Compiles something small and forgets it, so that the first cell does not wait for the disk.
    pub(crate) async fn warm_up(&self) -> Result<(), CompileError> {
        let source = "pub fn boucle_cell() { println!(); }";
        fs::write(self.workshop.path().join("warm-up"), source).map_err(|cause| self.failed(cause))?;
        self.run(&self.setting, "warm-up", &[&format!("--emit=obj={OBJECT}")], 0, 0).await?;
        if let Some(linker) = &self.linker {
            self.link(linker).await?;
        }
        Ok(())
    }

    /// Compiles, or finds what an earlier compilation of the same source made.
    pub(crate) async fn compile(&self, request: Request<'_>) -> Result<Verdict, CompileError> {
        let verdict = self.compile_with(&self.setting, request).await?;
        let Request { generated, opt_level, epoch, .. } = request;
        if let (Verdict::Accepted(compiled), true) = (&verdict, request.product.is_run()) {
            let (generated, setting) = (generated.clone(), self.setting.clone());
            let recipe = Recipe { generated, opt_level, epoch, setting };
            self.recipes().insert(compiled.library.clone(), recipe);
        }
        Ok(verdict)
    }

    /// Where the calls stand that end at these offsets of a library: for each the innermost function first, since some are
    /// compiled into others. Those of the notebook only, and none at all of a library that cannot be made once more.
    ///
    /// Cells are compiled without tables of lines, which would take rustc a tenth more time.
    pub(crate) async fn calls(&self, library: &Path, offsets: &[u64]) -> Vec<Vec<(Arc<Source>, usize)>> {
        let Some(recipe) = self.recipes().get(library).cloned() else { return Vec::new() };
        let Recipe { generated, opt_level, epoch, setting } = &recipe;
        let (opt_level, epoch) = (*opt_level, *epoch);
        let request = Request { generated, product: Product::Lines, opt_level, epoch };
        let Ok(Verdict::Accepted(again)) = self.compile_with(setting, request).await else { return Vec::new() };
        let places = lines::places(library, &again.library, &generated.file(), offsets).unwrap_or_else(|cause| {
            tracing::warn!("cannot read the lines of `{}`: {cause}", again.library.display());
            Vec::new()
        });
        let located = |(line, byte): lines::Place| {
            let (source, at) = generated.locate_call(line as usize, byte as usize)?;
            Some((source.clone(), at))
        };
        places.into_iter().map(|places| places.into_iter().filter_map(located).collect()).collect()
    }

    fn recipes(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Recipe>> {
        self.recipes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn compile_with(&self, setting: &Setting, request: Request<'_>) -> Result<Verdict, CompileError> {
        let Request { generated, product, opt_level, epoch } = request;
        let how = format!("{product:?} {opt_level} {epoch} {:?}", setting.environment);
        let named = |bundle: &Bundle| format!("{} {:?}", bundle.id, bundle.externs.keys());
        let crates = setting.crates.as_ref().map(named).unwrap_or_default();
        let key = Cache::key(&[MAKING, &generated.text, &crates, &how]);
        let file = generated.file();
        // What the compiler reads beside the source may change without it.
        let reads_more = ["include", "env!"].iter().any(|word| generated.text.contains(word));
        let library = if reads_more { self.workshop.new_library() } else { self.workshop.library(&key) };
        let (entry, link) = match self.cache.get(&key).filter(|_| !reads_more) {
            Some((entry, code)) => {
                // The worker may have loaded it already.
                if !code.is_empty() && !library.exists() {
                    fs::write(&library, code).map_err(|cause| self.failed(cause))?;
                }
                (entry, None)
            }
            None => {
                let (entry, link) = self.compile_anew(setting, request, &file, &library).await?;
                if !reads_more && !entry.diagnostics.iter().any(Raw::is_about_libraries) {
                    self.keep(&key, &entry, &library);
                }
                (entry, Some(link))
            }
        };
        let diagnostics = entry.diagnostics.iter().filter_map(|raw| resolve(raw, &file, generated)).collect();
        Ok(match entry.refused {
            true => Verdict::Refused(diagnostics),
            false => Verdict::Accepted(Compiled { library, types: entry.types, warnings: diagnostics, link }),
        })
    }

    /// Has rustc compile into `library`. Also returns how long the linker took.
    async fn compile_anew(
        &self,
        setting: &Setting,
        request: Request<'_>,
        file: &str,
        library: &Path,
    ) -> Result<(Entry, Duration), CompileError> {
        let Request { generated, product, opt_level, epoch } = request;
        let linker = self.linker.as_ref().filter(|_| Linker::suits(&generated.text));
        let mut text = generated.text.clone();
        if linker.is_none() && setting.crates.is_some() {
            // rustc would link copies of the crates, which have statics of their own.
            text.push_str("\nextern crate boucle_bundle as _;\n");
        }
        fs::write(self.workshop.path().join(file), text).map_err(|cause| self.failed(cause))?;
        let code = if linker.is_some() { format!("obj={OBJECT}") } else { format!("link={LIBRARY}") };
        let emit = match product {
            Product::Check => "--emit=metadata=cell.rmeta".to_owned(),
            Product::Library | Product::Lines => format!("--emit={code}"),
            Product::LibraryAndTypes => format!("--emit={code},mir=cell.mir"),
            Product::Types => "--emit=mir=cell.mir".to_owned(),
        };
        let makes_library = product.is_run() || product == Product::Lines;
        let mut what = vec![emit.as_str()];
        what.extend((product == Product::Lines).then_some("-Cdebuginfo=line-tables-only"));
        let (diagnostics, other, success) = self.run(setting, file, &what, opt_level, epoch).await?;
        let _ = fs::remove_file(self.workshop.path().join(file));
        if !success {
            self.rule_out_other_causes(&diagnostics, other, generated, file)?;
            return Ok((Entry { refused: true, diagnostics, ..Entry::default() }, Duration::ZERO));
        }
        let mut types = BTreeMap::new();
        let begun = Instant::now();
        if let Some(linker) = linker.filter(|_| makes_library) {
            self.link(linker).await?;
        }
        let link = begun.elapsed();
        if makes_library {
            fs::rename(self.workshop.path().join(LIBRARY), library).map_err(|cause| self.failed(cause))?;
        }
        if matches!(product, Product::LibraryAndTypes | Product::Types) {
            let mir = fs::read_to_string(self.workshop.path().join("cell.mir")).map_err(|cause| self.failed(cause))?;
            types = mir::stored_types(&mir);
        }
        Ok((Entry { refused: false, types, diagnostics }, link))
    }

    /// Makes sure that rustc failed because of the cell, and of nothing else.
    fn rule_out_other_causes(
        &self,
        diagnostics: &[Raw],
        other: String,
        generated: &Generated,
        file: &str,
    ) -> Result<(), CompileError> {
        let refused: Vec<Diagnostic> = diagnostics.iter().filter_map(|raw| resolve(raw, file, generated)).collect();
        let mut errors = refused.iter().filter(|diagnostic| diagnostic.level == Level::Error);
        if errors.clone().any(Diagnostic::is_about_the_runtime) {
            return Err(self.toolchain_changed());
        }
        if is_full(&other) || errors.clone().any(|error| is_full(&error.message)) {
            return Err(self.failed(io::Error::from_raw_os_error(libc::ENOSPC)));
        }
        match errors.next() {
            Some(_) => Ok(()),
            None if other.contains("overflowed its stack") => Err(CompileError::TooLong),
            None => Err(CompileError::Crashed(other)),
        }
    }

    /// Keeps the answer for the next time, if that is possible.
    fn keep(&self, key: &str, entry: &Entry, library: &Path) {
        let code = if library.exists() { fs::read(library) } else { Ok(Vec::new()) };
        if let Err(cause) = code.and_then(|code| self.cache.put(key, entry, code)) {
            let folder = self.cache.folder().display();
            self.trouble.get_or_init(|| {
                format!("compiled cells cannot be kept in `{folder}`, so each start compiles them anew: {cause}")
            });
        }
    }

    /// What the user should know, although nothing is wrong with any cell; once.
    pub(crate) fn take_note(&self) -> Option<String> {
        let note = self.trouble.get()?;
        (!self.told.swap(true, Ordering::Relaxed)).then(|| note.clone())
    }

    fn failed(&self, cause: io::Error) -> CompileError {
        CompileError::Folder { folder: self.workshop.path().to_owned(), cause }
    }

    /// Runs rustc: its diagnostics, whatever else it wrote, and whether it succeeded.
    async fn run(
        &self,
        setting: &Setting,
        file: &str,
        what: &[&str],
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
            .args(["-Cprefer-dynamic", "-Ccodegen-units=1"])
            // As cargo's profiles have it: who asks for more than the engine would choose asks for a release.
            .arg(if opt_level < RELEASE { "-Cdebug-assertions=on" } else { "-Cdebug-assertions=off" })
            .arg(format!("-Cmetadata=boucle-{epoch}"))
            .arg(format!("-Copt-level={opt_level}"))
            .arg("--extern")
            .arg(prefixed("asyncio=", &self.runtime.library()))
            .arg("-L")
            .arg(prefixed("dependency=", &self.runtime.dependencies()))
            .args(setting.crates.iter().flat_map(arguments_for))
            .args(what)
            .envs(setting.environment.iter().map(|(name, value)| (name, value)));
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
        let problem = String::from_utf8_lossy(&output.stderr);
        match output.status.success() {
            true => Ok(()),
            false if is_full(&problem) => Err(self.failed(io::Error::from_raw_os_error(libc::ENOSPC))),
            false => Err(CompileError::Crashed(problem.into_owned())),
        }
    }

    fn toolchain_changed(&self) -> CompileError {
        CompileError::ToolchainChanged(self.runtime.toolchain.short_version().to_owned())
    }
}

/// Whether a tool says that the disk is full.
fn is_full(problem: &str) -> bool {
    problem.contains("No space left on device") || problem.contains("Disk quota exceeded")
}

/// What tells rustc of a bundle's crates. It reads their metadata; their code is found in the worker, which has loaded the
/// bundle.
fn arguments_for(bundle: &Bundle) -> Vec<OsString> {
    let mut arguments = vec!["-L".into(), prefixed("dependency=", &bundle.dependencies())];
    arguments.extend(["--extern".into(), prefixed("boucle_bundle=", &bundle.library())]);
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
