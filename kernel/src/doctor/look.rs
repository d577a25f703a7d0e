//! Looks at the machine: the only part of `doctor` that does. Changes nothing, and takes well under a second.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use std::{env, io};

use rustix::fs::{StatVfsMountFlags, statvfs};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::facts::{Facts, Folder, Jupyter, Kernel, Runtime, Tools, Usage};
use crate::assist;
use crate::compile::runtime;
use crate::compile::toolchain::{Toolchain, on_path};
use crate::install::spec::{self, Kernelspec};

/// How long Jupyter may take to say where it looks for kernels.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that `examine` wants to know.
pub(super) fn at_this_machine() -> Facts {
    let facts = without_jupyter();
    Facts { jupyter: jupyter(&facts.program), ..facts }
}

/// Everything but which Jupyter there is.
pub(super) fn without_jupyter() -> Facts {
    let cache = runtime::cache_folder();
    let located = runtime::locate().ok().map(|found| Runtime { built: found.is_built(), folder: found.folder });
    Facts {
        program: spec::program().unwrap_or_else(|_| PathBuf::from("boucle")),
        toolchain: Toolchain::find().map(tools),
        cc: on_path("cc"),
        usage: usage(&cache, located.as_ref()),
        cache: folder(cache),
        temporary: temporary(),
        loopback: TcpListener::bind("127.0.0.1:0").map(drop).map_err(|error| error.to_string()),
        runtime: located,
        analyzer: assist::program().is_file(),
        jupyter: None,
    }
}

fn tools(toolchain: Toolchain) -> Tools {
    let host = toolchain.libraries.parent().unwrap_or(Path::new(""));
    let is_shared_std = |name: &str| {
        name.starts_with(&format!("{}std-", env::consts::DLL_PREFIX)) && name.ends_with(env::consts::DLL_SUFFIX)
    };
    Tools {
        version: toolchain.short_version().trim_start_matches("rustc ").to_owned(),
        cargo: toolchain.cargo.is_file(),
        shared_std: entries(&toolchain.libraries).any(|path| is_shared_std(&name_of(&path))),
        lld: host.join("bin/rust-lld").is_file(),
        std_sources: boucle_assist::library::is_known(&toolchain.sysroot()),
        rustc: toolchain.rustc,
    }
}

/// A folder, which need not be there yet: then what counts is the one in which it would be made.
fn folder(path: PathBuf) -> Folder {
    let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let writable = tempfile::Builder::new().prefix(".boucle-doctor").tempfile_in(there);
    let system = statvfs(there).ok();
    Folder {
        writable: writable.map(drop).map_err(cause),
        no_exec: system.as_ref().is_some_and(|system| system.f_flag.contains(StatVfsMountFlags::NOEXEC)),
        free: system.map(|system| system.f_bavail * system.f_frsize),
        path,
    }
}

/// The temp folder. Nobody makes it where it is missing.
fn temporary() -> Folder {
    let path = env::temp_dir();
    match fs::metadata(&path) {
        Ok(_) => folder(path),
        Err(error) => Folder { writable: Err(error.to_string()), ..folder(path) },
    }
}

/// What the system says, without the name that `tempfile` adds to it.
fn cause(error: io::Error) -> String {
    error.to_string().split(" at path ").next().unwrap_or_default().to_owned()
}

/// What runtimes, crates and cells take.
fn usage(cache: &Path, present: Option<&Runtime>) -> Usage {
    let mut seen = HashSet::new();
    let bytes = runtime::parts_of(cache).map(|part| bytes_in(&part, &mut seen)).sum();
    let others = entries(&runtime::runtimes(cache)).filter(|path| path.is_dir() && !runtime::is_draft(path));
    let is_other = |path: &PathBuf| present.is_none_or(|present| present.folder != *path);
    Usage { bytes, others: others.filter(is_other).collect() }
}

/// The bytes on the disk, each file counted once however many names it has.
fn bytes_in(folder: &Path, seen: &mut HashSet<u64>) -> u64 {
    const BLOCK: u64 = 512;
    let mut bytes = 0;
    for path in entries(folder) {
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => bytes += bytes_in(&path, seen),
            Ok(found) if found.nlink() == 1 || seen.insert(found.ino()) => bytes += found.blocks() * BLOCK,
            _ => {}
        }
    }
    bytes
}

/// The Jupyter that this program was installed for: beside it in an environment, the one on PATH, or the one that
/// `install.sh` keeps for it.
fn jupyter(program: &Path) -> Option<Jupyter> {
    let bin = program.parent()?;
    let beside = bin.join("jupyter");
    let private = bin.with_file_name("venv").join("bin/jupyter");
    let is_there = |path: &PathBuf| path.is_file();
    let program = Some(beside).filter(is_there).or_else(|| on_path("jupyter")).or(Some(private).filter(is_there))?;
    let (searched, failure) = match ask_for_folders(&program) {
        Ok(folders) => (folders, None),
        Err(cause) => (Vec::new(), Some(cause)),
    };
    let front_ends = ["lab", "notebook", "console", "qtconsole"];
    let has = |name: &&str| program.with_file_name(format!("jupyter-{name}")).is_file();
    Some(Jupyter {
        front_ends: front_ends.into_iter().filter(has).collect(),
        kernels: failure.map_or_else(|| Ok(kernels(&searched)), Err),
        searched,
        program,
    })
}

/// Jupyter's data folders, from itself: its environment and its configuration have a say. That takes it a tenth of a
/// second; listing its kernels would take it one.
fn ask_for_folders(jupyter: &Path) -> Result<Vec<PathBuf>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let output = runtime.block_on(async {
        let mut command = Command::new(jupyter);
        command.args(["--paths", "--json"]).stdin(Stdio::null()).kill_on_drop(true);
        timeout(PATIENCE, command.output()).await
    });
    let output = output.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?;
    let output = output.map_err(|error| error.to_string())?;
    let answer: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    let data = answer.as_ref().and_then(|answer| answer["data"].as_array());
    let folders = data.map(|data| data.iter().filter_map(Value::as_str).map(PathBuf::from).collect());
    folders.ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        // Python's tracebacks end with what went wrong.
        said.trim().lines().last().map_or_else(|| output.status.to_string(), str::to_owned)
    })
}

/// Our kernels in these folders. The first of a name hides the others.
fn kernels(folders: &[PathBuf]) -> Vec<Kernel> {
    let mut seen = HashSet::new();
    let mut kernels = Vec::new();
    for folder in folders.iter().flat_map(|folder| entries(&folder.join("kernels"))) {
        let name = name_of(&folder).to_ascii_lowercase();
        let Ok(spec) = Kernelspec::read(&folder) else { continue };
        if seen.insert(name.clone()) && spec.is_ours() {
            kernels.push(kernel(name, folder, &spec));
        }
    }
    kernels.sort_by(|one, other| one.name.cmp(&other.name));
    kernels
}

fn kernel(name: String, folder: PathBuf, spec: &Kernelspec) -> Kernel {
    let program = spec.starts(&folder);
    let found = if program.components().count() > 1 { program.canonicalize().ok() } else { on_path(&spec.program) };
    let this = env::current_exe().and_then(|program| program.canonicalize()).ok();
    Kernel {
        name,
        folder,
        exists: found.is_some(),
        is_this: found.is_some() && found == this,
        program: found.unwrap_or(program),
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
