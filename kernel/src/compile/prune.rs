//! Keeps the cache folder within bounds. Called by `cache`: when a kernel has started, and when it has added a lot.
//!
//! ```text
//! runtime/<key>/            one runtime; kernels that use it hold a lease
//! cells/<key>/              what was compiled for it
//! cells/<key>/session-…/    where a kernel compiles, under a lease
//! cells/<key>/….cell        the entries, of which nothing runs
//! ```
//!
//! Other kernels may use and prune the same folder meanwhile, so what is gone is gone, and what cannot be removed stays:
//! there are no errors.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::cache::EXTENSION;
use super::lease;

/// How the names of the folders begin in which sessions compile.
pub(super) const SESSION: &str = "session-";
/// How the names of the folders begin in which runtimes are built, and to which they are moved to be removed.
pub(super) const DRAFT: &str = "build-";

/// How much is kept.
#[derive(Debug)]
pub(super) struct Bounds {
    /// The disk space that entries may take, in bytes, those of all runtimes together.
    pub(super) bytes: u64,
    /// How long a runtime that nobody uses is kept.
    pub(super) runtime: Duration,
    /// How long the folder of a session that was killed is kept. A new one has no lease for a moment.
    pub(super) session: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        let hour = Duration::from_secs(3600);
        Bounds { bytes: 1 << 30, runtime: 30 * 24 * hour, session: hour }
    }
}

/// The folder of all runtimes.
pub(crate) fn runtimes(root: &Path) -> PathBuf {
    root.join("runtime")
}

/// The folder of what was compiled for them.
pub(super) fn cells(root: &Path) -> PathBuf {
    root.join("cells")
}

/// What kernels keep in the cache folder; others may keep something there, too.
pub(crate) fn parts_of(root: &Path) -> impl Iterator<Item = PathBuf> {
    [runtimes(root), cells(root)].into_iter()
}

/// Removes runtimes that were not used for long, what was compiled for runtimes that are no more, what killed sessions
/// have left, and of the entries those unused for longest, until the rest is within bounds.
pub(super) fn prune(root: &Path, bounds: &Bounds) {
    for runtime in entries(&runtimes(root)).filter(|path| path.is_dir()) {
        if let Some(_lock) = lease::unused(&runtime, bounds.runtime) {
            remove_whole(&runtime);
        }
    }
    let mut kept = Vec::new();
    for folder in entries(&cells(root)).filter(|path| path.is_dir()) {
        let is_orphan = folder.file_name().is_none_or(|key| !runtimes(root).join(key).exists());
        let mut is_used = false;
        for path in entries(&folder) {
            match is_session(&path) {
                true => match lease::unused(&path, bounds.session) {
                    Some(_lock) => drop(fs::remove_dir_all(&path)),
                    None => is_used = true,
                },
                false => kept.extend(entry(path)),
            }
        }
        if is_orphan && !is_used {
            let _ = fs::remove_dir_all(&folder);
        }
    }
    let mut total: u64 = kept.iter().map(|entry| entry.bytes).sum();
    kept.sort_by_key(|entry| entry.used);
    for Kept { bytes, path, .. } in kept {
        if total <= bounds.bytes {
            break;
        }
        if fs::remove_file(path).is_ok() {
            total -= bytes;
        }
    }
}

/// A file among the entries.
#[derive(Debug)]
struct Kept {
    used: SystemTime,
    bytes: u64,
    path: PathBuf,
}

fn entry(path: PathBuf) -> Option<Kept> {
    let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
    let used = metadata.modified().ok()?;
    // A draft, of a kernel that was killed, or of one that is about to rename it.
    let is_draft = path.extension().is_none_or(|extension| extension != EXTENSION);
    if is_draft && used.elapsed().unwrap_or_default() > Duration::from_secs(3600) {
        let _ = fs::remove_file(&path);
    }
    const BLOCK: u64 = 4096;
    (!is_draft).then_some(Kept { used, bytes: metadata.len().next_multiple_of(BLOCK), path })
}

/// Removes a runtime, which is whole or absent at any time.
fn remove_whole(runtime: &Path) {
    let name = runtime.file_name().unwrap_or_default().to_string_lossy();
    let aside = runtime.with_file_name(format!("{DRAFT}removed-{name}-{}", std::process::id()));
    if is_draft(runtime) {
        let _ = fs::remove_dir_all(runtime);
    } else if fs::rename(runtime, &aside).is_ok() {
        let _ = fs::remove_dir_all(aside);
    }
}

/// Whether a runtime is not finished, or not removed yet.
pub(crate) fn is_draft(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(DRAFT))
}

fn is_session(path: &Path) -> bool {
    path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SESSION))
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::super::lease::Lease;
    use super::*;

    const NOTHING: Bounds = Bounds { bytes: 0, runtime: Duration::ZERO, session: Duration::ZERO };

    /// A cache folder in which these files stand, the first one unused for longest.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (age, file) in files.iter().rev().enumerate() {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, [1; 5000]).unwrap();
            let used = SystemTime::now() - Duration::from_secs(10 * age as u64);
            fs::File::options().append(true).open(path).unwrap().set_modified(used).unwrap();
        }
        root
    }

    #[track_caller]
    fn check(root: &Path, there: &[&str], gone: &[&str]) {
        assert!(there.iter().all(|file| root.join(file).exists()), "{there:?} should be there");
        assert!(!gone.iter().any(|file| root.join(file).exists()), "{gone:?} should be gone");
    }

    #[test]
    fn the_entries_unused_for_longest_go_whatever_their_runtime() {
        let files =
            ["cells/a/1.cell", "cells/b/2.cell", "cells/a/3.cell", "cells/b/4.cell", "runtime/a/x", "runtime/b/x"];
        let root = folder(&files);
        prune(root.path(), &Bounds { bytes: 17_000, ..Bounds::default() });
        check(root.path(), &files[2..], &files[..2]);
    }

    #[test]
    fn unused_runtimes_go_and_what_was_compiled_for_them() {
        let root = folder(&["runtime/a/x", "cells/a/1.cell", "runtime/b/x", "cells/b/2.cell", "runtime/build-x/x"]);
        let lease = Lease::take(&root.path().join("runtime/a")).unwrap();
        let bounds = Bounds { runtime: Duration::ZERO, ..Bounds::default() };
        prune(root.path(), &bounds);
        check(root.path(), &["runtime/a/x", "cells/a/1.cell"], &["runtime/b", "cells/b", "runtime/build-x"]);
        drop(lease);
        prune(root.path(), &Bounds::default());
        check(root.path(), &["runtime/a/x"], &[]);
        prune(root.path(), &bounds);
        check(root.path(), &[], &["runtime/a", "cells/a"]);
    }

    #[test]
    fn a_session_stays_while_its_kernel_runs() {
        let root =
            folder(&["runtime/a/x", "cells/a/session-1/cell.so", "cells/a/session-2/cell.so", "cells/c/session-3/x"]);
        let in_use =
            ["cells/a/session-1", "cells/c/session-3"].map(|path| Lease::take(&root.path().join(path)).unwrap());
        prune(root.path(), &Bounds { bytes: 0, ..Bounds::default() });
        check(root.path(), &["cells/a/session-2"], &[]);
        let _runtime = Lease::take(&root.path().join("runtime/a")).unwrap();
        prune(root.path(), &NOTHING);
        check(root.path(), &["cells/a/session-1/cell.so", "cells/c/session-3/x"], &["cells/a/session-2"]);
        drop(in_use);
    }

    #[test]
    fn drafts_of_running_kernels_stay() {
        let root = folder(&["runtime/a/x", "cells/a/.tmp1", "cells/a/1.cell"]);
        let old = SystemTime::now() - Duration::from_secs(7200);
        let draft = root.path().join("cells/a/.tmp2");
        fs::write(&draft, "x").unwrap();
        fs::File::options().append(true).open(&draft).unwrap().set_modified(old).unwrap();
        prune(root.path(), &Bounds { bytes: 0, ..Bounds::default() });
        check(root.path(), &["cells/a/.tmp1"], &["cells/a/.tmp2", "cells/a/1.cell"]);
    }
}
