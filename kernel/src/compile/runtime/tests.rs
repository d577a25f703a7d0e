//! Tests of the sources that the kernel carries along, and of where they are built.

use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::compile::cargo;

/// The packages of a lock file.
fn locked(text: &str) -> BTreeSet<(String, String)> {
    let lock: toml::Table = text.parse().expect("a lock file");
    let field = |package: &toml::Value, name| package[name].as_str().expect("text").to_owned();
    let packages = lock["package"].as_array().expect("packages").iter();
    packages.map(|package| (field(package, "name"), field(package, "version"))).collect()
}

#[test]
fn the_lock_file_names_what_the_runtime_needs_and_little_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let workspace = folder.path();
    draft::extract(workspace).expect("sources");
    let read = || fs::read_to_string(workspace.join("Cargo.lock")).expect("a lock file");
    let ours = locked(&read());
    let toolchain = Toolchain::find().expect("a toolchain");
    // Writes a lock file as it should be, from this one.
    let mut cargo = cargo::command(&toolchain, workspace).into_std();
    let asked = cargo.args(["metadata", "--offline", "--format-version=1"]).output().expect("cargo starts");
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let needed = locked(&read());
    assert!(needed.is_subset(&ours), "cargo had to choose versions: {:?}", needed.difference(&ours));
    // What only another feature of a crate needs, which nobody here has, is not worth finding out.
    assert!(ours.len() <= needed.len() + 5, "not needed: {:?}", ours.difference(&needed));
}

#[track_caller]
fn check(variables: &[(&str, &str)], expected: &str) {
    let variable = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| OsString::from(value))
    };
    assert_eq!(cache_folder_of(variable, Some("/h".into())), Some(expected.into()));
}

#[test]
fn the_cache_is_where_the_user_says() {
    check(&[], "/h/.cache/boucle");
    check(&[("XDG_CACHE_HOME", "/x")], "/x/boucle");
    check(&[("XDG_CACHE_HOME", "/x"), ("BOUCLE_CACHE_DIR", "/b")], "/b");
    check(&[("XDG_CACHE_HOME", "x")], "/h/.cache/boucle");
    check(&[("XDG_CACHE_HOME", ""), ("BOUCLE_CACHE_DIR", "")], "/h/.cache/boucle");
    assert_eq!(cache_folder_of(|_| None, None), None);
}
