//! The state of the user's own crates, those that come from a path. Used by `store` and `build`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::compile::cache::Cache;

/// A text that changes when a file of one of the packages does, or when one comes or goes. Takes about a millisecond for a
/// hundred files.
pub(super) fn state_of(packages: &[PathBuf]) -> String {
    let mut files = Vec::new();
    for package in packages {
        collect(package, &mut files);
    }
    files.sort();
    let parts: Vec<&str> = files.iter().map(String::as_str).collect();
    Cache::key(&parts)[..16].to_owned()
}

/// Adds what is known about each file below a folder. What cannot be read counts as absent.
fn collect(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        // cargo's products, version control, and notebooks, which are saved all the time.
        if name == "target" || name.starts_with('.') || name.ends_with(".ipynb") {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            collect(&path, files);
        } else {
            let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let nanoseconds = modified.unwrap_or_default().as_nanos();
            files.push(format!("{} {} {nanoseconds}", path.display(), metadata.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_changes_with_the_sources_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let packages = [folder.path().to_owned()];
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("lib.rs", "fn a() {}");
        let first = state_of(&packages);
        write("notes.ipynb", "{}");
        fs::create_dir(folder.path().join("target")).unwrap();
        write("target/x", "x");
        assert_eq!(state_of(&packages), first);
        write("lib.rs", "fn ab() {}");
        let second = state_of(&packages);
        assert_ne!(second, first);
        write("new.rs", "");
        assert_ne!(state_of(&packages), second);
    }
}
