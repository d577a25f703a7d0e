//! Tells folders that a running kernel uses from those that are left over. Runtimes and sessions hold leases on theirs;
//! `prune` asks for them.
//!
//! A lease is a lock on a file in the folder, which the system gives back when the process ends, however it ends. When a
//! lease was last taken is when that file was last changed.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const FILE: &str = "in-use";

/// Keeps a folder from being removed for as long as it, or a clone of it, lives.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    _file: Arc<File>,
}

impl Lease {
    /// Takes a lease. Somebody may be about to remove the folder: the caller has to see whether it is still there.
    ///
    /// # Errors
    /// If the folder is not there, or may be neither written to nor locked.
    pub(super) fn take(folder: &Path) -> io::Result<Lease> {
        let path = folder.join(FILE);
        let file = File::options().create(true).append(true).open(&path).or_else(|_| File::open(&path))?;
        file.lock_shared()?;
        // Where this fails, the folder seems older than it is, and nobody can remove it anyway.
        let _ = file.set_modified(SystemTime::now());
        Ok(Lease { _file: Arc::new(file) })
    }
}

/// Makes sure that nobody uses a folder or has used it for the given time. As long as the result lives, nobody begins to.
pub(super) fn unused(folder: &Path, for_time: Duration) -> Option<File> {
    let path = folder.join(FILE);
    let used = fs::metadata(&path).or_else(|_| fs::metadata(folder)).ok()?.modified().ok()?;
    if used.elapsed().unwrap_or_default() < for_time {
        return None;
    }
    let lock = File::options().create(true).append(true).open(&path).ok()?;
    lock.try_lock().ok()?;
    Some(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_while_anybody_holds_a_lease() {
        let folder = tempfile::tempdir().unwrap();
        let lease = Lease::take(folder.path()).unwrap();
        let another = lease.clone();
        assert!(unused(folder.path(), Duration::ZERO).is_none());
        drop(lease);
        assert!(unused(folder.path(), Duration::ZERO).is_none());
        drop(another);
        assert!(unused(folder.path(), Duration::from_secs(60)).is_none(), "it was used a moment ago");
        assert!(unused(folder.path(), Duration::ZERO).is_some());
    }
}
