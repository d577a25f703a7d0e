//! A runtime while it is built. Used by `runtime`, and by `deps` for notebooks whose crates need one of their own.
//!
//! Invariants:
//! 1. Who works on a draft holds the lock of all builds.
//! 2. A draft is removed when it cannot be built, and stays when the build is ended: whoever is next goes on with it. cargo knows
//!    what of it is finished.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, io};

use tokio::sync::watch;

use super::{Runtime, WORKSPACE, files, parent_folder};
use crate::compile::cargo::{self, Printed, Progress};
use crate::compile::prune::{DRAFT, is_draft};

/// The runtime to be, and the lock.
#[derive(Debug)]
pub(in crate::compile) struct Draft {
    runtime: Runtime,
    folder: PathBuf,
    _turn: File,
}

impl Draft {
    /// Waits until nobody else builds, and writes the sources. `None` if the runtime has been built meanwhile.
    pub(in crate::compile) async fn begin(
        runtime: &Runtime,
        news: &watch::Sender<Progress>,
    ) -> io::Result<Option<Draft>> {
        let parent = parent_folder();
        fs::create_dir_all(&parent)?;
        let turn = cargo::wait_for_turn(&parent.join("build.lock"), "it", news).await?;
        if runtime.is_built() {
            return Ok(None);
        }
        let draft =
            Draft { runtime: runtime.clone(), folder: parent.join(format!("{DRAFT}{}", runtime.key)), _turn: turn };
        draft.remove_others();
        extract(&draft.workspace())?;
        Ok(Some(draft))
    }

    /// The folder in which cargo runs.
    pub(in crate::compile) fn workspace(&self) -> PathBuf {
        self.folder.join(WORKSPACE)
    }

    /// Has cargo build it with these arguments. Dropping the future ends cargo.
    pub(in crate::compile) async fn build(
        &self,
        arguments: &[&str],
        news: &watch::Sender<Progress>,
    ) -> io::Result<Printed> {
        let printed = cargo::run(&self.runtime.toolchain, &self.workspace(), arguments, "", news).await?;
        if !printed.succeeded {
            // What cannot be removed takes up space, and does no other harm.
            let _ = fs::remove_dir_all(&self.folder);
        }
        Ok(printed)
    }

    /// Puts what was built in its final place, and the workspace with it.
    pub(in crate::compile) fn finish(self) -> io::Result<Runtime> {
        let (draft, folder) = (&self.folder, &self.runtime.folder);
        let workspace = self.workspace();
        let built = workspace.join("target").join("release");
        // There are some already if somebody was killed just here.
        let _ = fs::remove_dir_all(draft.join("deps"));
        fs::create_dir(draft.join("deps"))?;
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
        fs::rename(draft, folder)?;
        Ok(self.runtime.leased())
    }

    /// Removes what others have begun, who were killed.
    fn remove_others(&self) {
        for path in fs::read_dir(parent_folder()).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if is_draft(&path) && path != self.folder {
                let _ = fs::remove_dir_all(path);
            }
        }
    }
}

/// Writes the sources into a workspace. Those that are there keep their times, by which cargo knows what it has built.
pub(super) fn extract(workspace: &Path) -> io::Result<()> {
    for (path, content) in files::FILES {
        let target = workspace.join(path);
        if !fs::read(&target).is_ok_and(|there| there == content.as_bytes()) {
            fs::create_dir_all(target.parent().unwrap_or(workspace))?;
            fs::write(target, content)?;
        }
    }
    Ok(())
}

/// By which cargo knows that what it has built is up to date.
const FINGERPRINTS: &str = ".fingerprint";

/// Makes sure that cargo finds the runtime's library in the workspace built, and as it was. It forgets, and removes, what it
/// begins to build anew, even if it is stopped at once.
pub(in crate::compile) fn put_back(runtime: &Runtime) -> io::Result<()> {
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
