//! The names of crates that `:dep` may be about: those that cargo has met on this machine, so that no network is needed.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::offer::{Offer, Rank};
use crate::engine::POPULAR;

/// The crates whose names begin with `typed`: first those that people look for most.
pub(super) fn crates(typed: &str) -> Vec<Offer> {
    matching(known(&cargo_home().join("registry/index")), typed)
}

fn matching(known: BTreeSet<String>, typed: &str) -> Vec<Offer> {
    let popular: BTreeSet<&str> = POPULAR.split_whitespace().collect();
    let others =
        known.iter().map(String::as_str).filter(|name| !popular.contains(name)).map(|name| (Rank::Language, name));
    let all = popular.iter().map(|name| (Rank::Notebook, *name)).chain(others);
    let begins = |name: &str| name.replace('_', "-").starts_with(&typed.replace('_', "-"));
    all.filter(|(_, name)| begins(name))
        .map(|(rank, name)| Offer { text: name.to_owned(), kind: "crate".into(), signature: String::new(), rank })
        .collect()
}

/// The names in the part of the registries' indexes that cargo has on disk: a file for each crate.
fn known(indexes: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for index in fs::read_dir(indexes).into_iter().flatten().flatten() {
        collect(&index.path().join(".cache"), 0, &mut names);
    }
    names
}

/// The files lie two folders deep (`se/rd/serde`, `3/l/log`), or one if their names are short.
fn collect(folder: &Path, depth: usize, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < 2 => collect(&entry.path(), depth + 1, names),
            Ok(kind) if kind.is_file() && depth > 0 => names.extend(entry.file_name().to_str().map(str::to_owned)),
            _ => {}
        }
    }
}

fn cargo_home() -> PathBuf {
    let set = env::var_os("CARGO_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let home = || PathBuf::from(env::var_os("HOME").as_deref().unwrap_or(OsStr::new("/"))).join(".cargo");
    set.unwrap_or_else(home)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_index_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("some-registry/.cache");
        for file in ["se/rd/serde", "se/rd/serde-rare", "3/l/log", "2/zz", "CACHEDIR.TAG"] {
            let file = cache.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        assert_eq!(known(folder.path()).into_iter().collect::<Vec<_>>(), ["log", "serde", "serde-rare", "zz"]);
        assert_eq!(known(&folder.path().join("none")), BTreeSet::new());
    }

    #[test]
    fn what_people_look_for_comes_first() {
        let known = BTreeSet::from(["serde-rare".to_owned(), "serde".to_owned(), "log".to_owned()]);
        let texts = |typed| matching(known.clone(), typed).into_iter().map(|offer| offer.text).collect::<Vec<_>>();
        assert_eq!(texts("serd"), ["serde", "serde_json", "serde_yaml", "serde-rare"]);
        assert_eq!(texts("serde_r"), ["serde-rare"]);
    }
}
