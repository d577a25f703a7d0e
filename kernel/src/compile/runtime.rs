//! Builds what cells run on, the `asyncio` library and the worker, once for each version of rustc.
//! Called when a kernel starts, by `boucle runtime`, and when the toolchain turns out to have changed.
//!
//! The sources come with the kernel's binary. A finished runtime appears in the cache under the hash of its sources and
//! of rustc's version, by renaming: so it is whole or absent, whoever builds at the same time. The workspace in which it
//! was built stays: a notebook's crates are built there too, on top of the very same libraries (see `deps`).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

use super::cache::Cache;
use super::lease::Lease;
use super::prune::WORKSHOP;
pub(crate) use super::prune::{parts_of, runtimes};

use super::toolchain::{Toolchain, ToolchainError};

mod files {
    include!(concat!(env!("OUT_DIR"), "/runtime_files.rs"));
}

/// The folder of the sources, in a runtime and in the workshop where it is made.
const WORKSPACE: &str = "workspace";

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
    /// cargo failed.
    #[error("building the cell runtime with {version} failed:\n{output}")]
    Build { version: String, output: String },
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
    let of_variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    of_variable("BOUCLE_CACHE_DIR").unwrap_or_else(|| {
        of_variable("XDG_CACHE_HOME")
            .or_else(|| env::home_dir().map(|home| home.join(".cache")))
            .unwrap_or_else(env::temp_dir)
            .join("boucle")
    })
}

/// The runtime for the present toolchain, whether it has been built or not.
pub(crate) fn locate() -> Result<Runtime, RuntimeError> {
    let toolchain = Toolchain::find()?;
    // How it is built counts as well, and that stands in this file.
    let mut parts = vec![toolchain.version.as_str(), include_str!("runtime.rs")];
    parts.extend(files::FILES.iter().flat_map(|(path, content)| [*path, *content]));
    let key = Cache::key(&parts)[..16].to_owned();
    Ok(Runtime { folder: parent_folder().join(&key), key, toolchain, _lease: None })
}

/// The runtime for the present toolchain, which is built if need be: that takes up to a minute or two, and each line of
/// its progress is reported.
pub(crate) fn ensure(progress: &mut dyn FnMut(&str)) -> Result<Runtime, RuntimeError> {
    let runtime = locate()?.leased();
    if runtime.is_built() {
        return Ok(runtime);
    }
    let parent = parent_folder();
    let failed = |cause: io::Error| RuntimeError::Folder { folder: parent.clone(), cause };
    fs::create_dir_all(&parent).map_err(failed)?;
    let lock = File::create(build_lock()).map_err(failed)?;
    if lock.try_lock().is_err() {
        progress("waiting for another process that builds the cell runtime");
        lock.lock().map_err(failed)?;
    }
    let runtime = runtime.leased();
    if runtime.is_built() {
        return Ok(runtime);
    }
    remove_abandoned(&parent);
    progress(&format!("building the cell runtime for {} (once)", runtime.toolchain.short_version()));
    let workshop = workshop().map_err(failed)?;
    let workspace = extract(workshop.path()).map_err(failed)?;
    build(&runtime.toolchain, &workspace, progress)?;
    collect(workshop, &runtime.folder).map_err(failed)?;
    progress("the cell runtime is ready");
    Ok(runtime.leased())
}

/// Removes what builds that were killed have left. Called under the lock, so that none of it is in use.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(WORKSHOP) {
            // What cannot be removed takes up space, and does no other harm.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The folder of all runtimes.
fn parent_folder() -> PathBuf {
    runtimes(&cache_folder())
}

/// The file that is locked by who builds a runtime.
pub(super) fn build_lock() -> PathBuf {
    parent_folder().join("build.lock")
}

/// A place to build a runtime in. Used under the lock.
pub(super) fn workshop() -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(WORKSHOP).tempdir_in(parent_folder())
}

/// Writes the sources into a workshop; the folder in which cargo has to run.
pub(super) fn extract(workshop: &Path) -> io::Result<PathBuf> {
    let workspace = workshop.join(WORKSPACE);
    for (path, content) in files::FILES {
        let target = workspace.join(path);
        fs::create_dir_all(target.parent().unwrap_or(&workspace))?;
        fs::write(target, content)?;
    }
    Ok(workspace)
}

/// cargo in a runtime's workspace. Flags and environment are the same for whatever is built there: otherwise cargo would
/// build the runtime anew, and what links against it would not fit the one that runs.
pub(super) fn cargo(toolchain: &Toolchain, workspace: &Path) -> Command {
    // The worker finds the library beside itself and std in the toolchain, wherever else the environment may point; a
    // cell finds both already loaded.
    let flags = [
        "-Cprefer-dynamic".to_owned(),
        "-Clink-arg=-Wl,--disable-new-dtags".to_owned(),
        "-Clink-arg=-Wl,-rpath,$ORIGIN".to_owned(),
        format!("-Clink-arg=-Wl,-rpath,{}", toolchain.libraries.display()),
    ];
    let mut command = Command::new(&toolchain.cargo);
    command
        .current_dir(workspace)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("RUSTC", &toolchain.rustc)
        // Empty, it overrides what the user's configuration may say.
        .env("RUSTC_WRAPPER", "")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env("CARGO_TARGET_DIR", "target")
        .env_remove("CARGO_BUILD_TARGET")
        .stdin(Stdio::null());
    command
}

fn build(toolchain: &Toolchain, workspace: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), RuntimeError> {
    let failed = |output: String| RuntimeError::Build { version: toolchain.short_version().into(), output };
    let mut child = cargo(toolchain, workspace)
        .args(["build", "--release", "-p", "asyncio", "-p", "boucle-worker", "-p", "boucle-bundle"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("`{}` cannot be run: {error}", toolchain.cargo.display())))?;
    let mut output = String::new();
    if let Some(stderr) = child.stderr.take() {
        let mut stderr = BufReader::new(stderr);
        let mut line = String::new();
        while stderr.read_line(&mut line).is_ok_and(|length| length > 0) {
            progress(line.trim());
            output.push_str(&line);
            line.clear();
        }
        let _ = stderr.read_to_string(&mut output);
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(failed(output)),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Puts what the build made in its final place, and the workshop with it.
pub(super) fn collect(workshop: tempfile::TempDir, folder: &Path) -> io::Result<()> {
    let draft = workshop.path();
    let workspace = draft.join(WORKSPACE);
    let built = workspace.join("target").join("release");
    fs::create_dir_all(draft.join("deps"))?;
    for entry in fs::read_dir(built.join("deps"))?.flatten() {
        let path = entry.path();
        let is_library = path.extension().is_some_and(|extension| {
            extension == "rlib" || format!(".{}", extension.display()) == env::consts::DLL_SUFFIX
        });
        if is_library {
            fs::hard_link(&path, draft.join("deps").join(entry.file_name()))?;
        }
    }
    for name in [
        format!("{}asyncio{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX),
        format!("boucle-worker{}", env::consts::EXE_SUFFIX),
    ] {
        // A copy: whatever is built in the workspace later, what cells run on stays as it is.
        fs::copy(built.join(&name), draft.join(&name))?;
    }
    fs::copy(workspace.join("Cargo.lock"), draft.join("Cargo.lock"))?;
    copy_fingerprint(&built.join(FINGERPRINTS), &draft.join(FINGERPRINTS))?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::rename(workshop.keep(), folder)
}

/// By which cargo knows that what it has built is up to date.
const FINGERPRINTS: &str = ".fingerprint";

/// Makes sure that cargo finds the runtime's library in the workspace built, and as it was. It forgets, and removes, what it
/// begins to build anew, even if it is stopped at once.
pub(super) fn put_back(runtime: &Runtime) -> io::Result<()> {
    let release = runtime.workspace().join("target").join("release");
    for entry in fs::read_dir(runtime.dependencies())?.flatten() {
        let there = release.join("deps").join(entry.file_name());
        let ours = entry.metadata()?.ino();
        if is_runtime(&entry.file_name()) && !fs::metadata(&there).is_ok_and(|there| there.ino() == ours) {
            let _ = fs::remove_file(&there);
            fs::hard_link(entry.path(), there)?;
        }
    }
    copy_fingerprint(&runtime.folder.join(FINGERPRINTS), &release.join(FINGERPRINTS))
}

fn is_runtime(file: &OsStr) -> bool {
    file.to_string_lossy().starts_with("libasyncio.")
}

/// Copies what cargo knows of the runtime's library, with the times, where it differs.
fn copy_fingerprint(from: &Path, to: &Path) -> io::Result<()> {
    let folders = fs::read_dir(from)?.flatten();
    for folder in folders.filter(|folder| folder.file_name().to_string_lossy().starts_with("asyncio-")) {
        let target = to.join(folder.file_name());
        if contents(&target).is_ok_and(|there| contents(&folder.path()).is_ok_and(|ours| ours == there)) {
            continue;
        }
        // What does not belong there has to go, too: cargo repeats what a compilation once printed.
        let _ = fs::remove_dir_all(&target);
        fs::create_dir_all(&target)?;
        for file in fs::read_dir(folder.path())?.flatten() {
            let there = target.join(file.file_name());
            fs::copy(file.path(), &there)?;
            File::options().append(true).open(&there)?.set_modified(file.metadata()?.modified()?)?;
        }
    }
    Ok(())
}

/// The names of the files in a folder, and what they hold.
fn contents(folder: &Path) -> io::Result<BTreeMap<OsString, Vec<u8>>> {
    fs::read_dir(folder)?
        .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), fs::read(entry.path())?))))
        .collect()
}

#[cfg(test)]
#[path = "runtime_tests.rs"]
mod tests;
