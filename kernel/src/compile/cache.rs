//! Compiled cells, kept by what they were compiled from: an unchanged cell is not compiled again, today or tomorrow.
//! Called by `rustc`; `prune` keeps the folder within bounds.
//!
//! Invariants, since several kernels share the folder and anything may happen to it:
//! 1. An entry is one file, which appears whole, by renaming, or not at all. Two kernels that make the same one replace
//!    each other's by its equal.
//! 2. An entry ends with a hash of itself. One that was damaged counts as missing, and is made again.
//! 3. Nothing runs from here: a session takes copies. So an entry may be removed or replaced at any time.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::diagnostics::Raw;
use super::prune::{self, Bounds};

/// How the names of entries end.
pub(super) const EXTENSION: &str = "cell";

/// The compiled cells for one runtime.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    /// The folder of everything that can be made again.
    root: PathBuf,
    folder: PathBuf,
    /// The bytes that this process has added since it last pruned.
    added: Arc<AtomicU64>,
}

/// What rustc answered.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Whether it refused the cell, so that there is nothing but diagnostics.
    pub(crate) refused: bool,
    /// Store site → type.
    pub(crate) types: BTreeMap<u32, String>,
    pub(crate) diagnostics: Vec<Raw>,
}

impl Cache {
    /// The compiled cells for a runtime, in the folder of everything that can be made again.
    pub(crate) fn new(root: &Path, runtime: &str) -> Cache {
        Cache { root: root.to_owned(), folder: prune::cells(root).join(runtime), added: Arc::default() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
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

    fn entry(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.{EXTENSION}"))
    }

    /// The entry of a key and its library, which is empty if there is none; `None` unless the entry is there and whole.
    pub(crate) fn get(&self, key: &str) -> Option<(Entry, Vec<u8>)> {
        let path = self.entry(key);
        let found = unseal(fs::read(&path).ok()?)?;
        // What was used lately is kept longest.
        if let Ok(file) = fs::File::options().append(true).open(&path) {
            let _ = file.set_modified(SystemTime::now());
        }
        Some(found)
    }

    /// Adds an entry and its library, or an empty one.
    ///
    /// # Errors
    /// If the folder cannot be written to; then there is no entry.
    pub(crate) fn put(&self, key: &str, entry: &Entry, library: Vec<u8>) -> io::Result<()> {
        let sealed = seal(entry, library)?;
        let mut draft = match tempfile::NamedTempFile::new_in(&self.folder) {
            // Somebody may have emptied the cache while the kernel runs.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.folder)?;
                tempfile::NamedTempFile::new_in(&self.folder)?
            }
            opened => opened?,
        };
        draft.write_all(&sealed)?;
        draft.persist(self.entry(key))?;
        let added = self.added.fetch_add(sealed.len() as u64, Ordering::Relaxed);
        if added > Bounds::default().bytes / 16 {
            self.prune();
        }
        Ok(())
    }

    /// Keeps the folder within bounds.
    pub(crate) fn prune(&self) {
        self.added.store(0, Ordering::Relaxed);
        prune::prune(&self.root, &Bounds::default());
    }
}

const HASH: usize = 32;
const LENGTH: usize = size_of::<u64>();

/// An entry as it stands in its file: the library, what is known of it, the length of that, and the hash of all before.
fn seal(entry: &Entry, library: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut sealed = library;
    let known = serde_json::to_vec(entry)?;
    sealed.extend_from_slice(&known);
    sealed.extend_from_slice(&(known.len() as u64).to_le_bytes());
    let hash = Sha256::digest(&sealed);
    sealed.extend_from_slice(&hash);
    Ok(sealed)
}

fn unseal(mut sealed: Vec<u8>) -> Option<(Entry, Vec<u8>)> {
    let (content, hash) = sealed.split_at_checked(sealed.len().checked_sub(HASH)?)?;
    if Sha256::digest(content)[..] != *hash {
        return None;
    }
    let (content, length) = content.split_last_chunk::<LENGTH>()?;
    let known = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let library = content.len().checked_sub(known)?;
    let entry = serde_json::from_slice(&content[library..]).ok()?;
    sealed.truncate(library);
    Some((entry, sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Entry {
        Entry { types: BTreeMap::from([(0, "i32".to_owned())]), ..Entry::default() }
    }

    #[test]
    fn entries_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), "runtime");
        assert!(cache.get("k").is_none());
        cache.put("k", &sample(), b"code".to_vec()).unwrap();
        assert_eq!(cache.get("k"), Some((sample(), b"code".to_vec())));
        cache.put("k", &sample(), Vec::new()).unwrap();
        assert_eq!(cache.get("k"), Some((sample(), Vec::new())), "a new entry takes the place of the old one");
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let whole = seal(&sample(), b"a library".to_vec()).unwrap();
        assert!(unseal(whole.clone()).is_some());
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            assert_eq!(unseal(damaged), None, "a flipped bit in byte {at}");
            assert_eq!(unseal(whole[..at].to_vec()), None, "cut after {at} bytes");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cells"), "not a folder").unwrap();
        let cache = Cache::new(folder.path(), "runtime");
        assert!(cache.put("k", &sample(), Vec::new()).is_err());
        assert!(cache.get("k").is_none());
    }

    #[test]
    fn keys_keep_their_parts_apart() {
        assert_ne!(Cache::key(&["ab", "c"]), Cache::key(&["a", "bc"]));
        assert_eq!(Cache::key(&["a"]).len(), 64);
    }
}
