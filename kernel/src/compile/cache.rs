//! Compiled cells, kept by what they were compiled from: an unchanged cell is not compiled again, today or tomorrow.
//! Called by `rustc`. Several kernels may share the folder: entries appear whole, by renaming, or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::diagnostics::Raw;

/// The size in bytes above which the oldest entries go.
const LIMIT: u64 = 1 << 30;

/// How long a session's folder is unchanged before nobody can be using it any more: a session compiles there.
const ABANDONED: Duration = Duration::from_secs(30 * 24 * 3600);

/// A folder of compiled cells.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// What is kept beside a library.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Store site → type.
    pub(crate) types: std::collections::BTreeMap<u32, String>,
    /// What rustc had to say.
    pub(crate) warnings: Vec<Raw>,
    /// The library's length in bytes, by which a damaged one is told; `None` when the cell was only checked.
    library: Option<u64>,
}

impl Cache {
    /// Opens the folder, making it if need be.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Cache> {
        fs::create_dir_all(&folder)?;
        Ok(Cache { folder })
    }

    /// The key of everything that a compilation depends on.
    pub(crate) fn key(parts: &[&str]) -> String {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Where the library of a key lies.
    pub(crate) fn library(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.so"))
    }

    fn entry(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }

    /// The entry of a key, if it is there and whole.
    pub(crate) fn get(&self, key: &str) -> Option<Entry> {
        let entry: Entry = serde_json::from_slice(&fs::read(self.entry(key)).ok()?).ok()?;
        if let Some(length) = entry.library {
            let library = fs::File::options().append(true).open(self.library(key)).ok()?;
            if library.metadata().ok()?.len() != length {
                return None;
            }
            // What was used lately is kept longest.
            let _ = library.set_modified(SystemTime::now());
        }
        Some(entry)
    }

    /// Adds an entry, moving the library here from a folder of the same file system.
    pub(crate) fn put(&self, key: &str, mut entry: Entry, library: Option<&Path>) -> io::Result<()> {
        if let Some(library) = library {
            entry.library = Some(fs::metadata(library)?.len());
            fs::rename(library, self.library(key))?;
        }
        let draft = tempfile::NamedTempFile::new_in(&self.folder)?;
        serde_json::to_writer(&draft, &entry)?;
        draft.persist(self.entry(key))?;
        Ok(())
    }

    /// Removes the entries unused for longest until the rest is within the limit.
    pub(crate) fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.folder)?.flatten() {
            let Ok(metadata) = file.metadata() else { continue };
            if metadata.is_dir() {
                // A session compiles in it; one that was killed has left it.
                let age = metadata.modified()?.elapsed().unwrap_or_default();
                if age > ABANDONED {
                    fs::remove_dir_all(file.path())?;
                }
            } else {
                files.push((metadata.modified()?, metadata.len(), file.path()));
            }
        }
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        files.sort();
        for (_, length, path) in files {
            if total <= LIMIT {
                break;
            }
            fs::remove_file(path)?;
            total -= length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("cells")).unwrap();
        let library = folder.path().join("fresh.so");
        fs::write(&library, b"code").unwrap();
        assert!(cache.get("k").is_none());
        cache.put("k", Entry::default(), Some(&library)).unwrap();
        assert!(cache.get("k").is_some());
        fs::write(cache.library("k"), b"cod").unwrap();
        assert!(cache.get("k").is_none(), "a damaged library counts as missing");
        fs::write(cache.entry("k"), b"{").unwrap();
        assert!(cache.get("k").is_none(), "a damaged entry counts as missing");
    }

    #[test]
    fn keys_keep_their_parts_apart() {
        assert_ne!(Cache::key(&["ab", "c"]), Cache::key(&["a", "bc"]));
        assert_eq!(Cache::key(&["a"]).len(), 64);
    }
}
