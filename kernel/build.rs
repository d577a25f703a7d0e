//! Puts the sources of the runtime into the kernel's binary, which builds them for whichever rustc it finds.
//! Run by cargo before the kernel is compiled.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::{Table, Value};

/// The packages of the runtime; the kernel is not one of them.
const PACKAGES: [&str; 6] =
    ["runtime", "runtime/base", "runtime/bundle", "runtime/features", "runtime/wire", "runtime/worker"];

fn main() {
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let mut paths = vec![PathBuf::from("Cargo.toml"), PathBuf::from("Cargo.lock")];
    for package in PACKAGES {
        paths.push(Path::new(package).join("Cargo.toml"));
        collect(&workspace, &Path::new(package).join("src"), &mut paths);
    }
    let mut files: BTreeMap<PathBuf, String> = paths.into_iter().map(|path| read(&workspace, path)).collect();
    let manifests: Vec<Table> =
        PACKAGES.iter().map(|package| parse(&files[&Path::new(package).join("Cargo.toml")])).collect();
    let lock = files.get_mut(Path::new("Cargo.lock")).expect("it was read");
    *lock = lock_for_the_runtime(parse(lock), &manifests);
    let mut table = String::from("pub(super) static FILES: &[(&str, &str)] = &[\n");
    for (path, content) in files {
        writeln!(table, "    ({path:?}, {content:?}),").expect("writing to a string");
    }
    table.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("runtime_files.rs");
    fs::write(out, table).expect("cargo's output folder is writable");
}

fn collect(workspace: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", workspace.join(folder).display());
    for entry in fs::read_dir(workspace.join(folder)).expect("the runtime lies beside the kernel").flatten() {
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            collect(workspace, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(workspace: &Path, path: PathBuf) -> (PathBuf, String) {
    let full = workspace.join(&path);
    println!("cargo::rerun-if-changed={}", full.display());
    let content = fs::read_to_string(&full).unwrap_or_else(|error| panic!("{}: {error}", full.display()));
    let content = if path.ends_with("Cargo.toml") { manifest_for_the_runtime(&content) } else { content };
    (path, content)
}

fn parse(toml: &str) -> Table {
    toml.parse().expect("cargo has read it, too")
}

/// A manifest without what only tests need, and without the kernel as a member and what its packages are built like.
fn manifest_for_the_runtime(manifest: &str) -> String {
    let mut kept = String::new();
    let mut keep = true;
    for line in manifest.lines() {
        if line.starts_with('[') {
            keep = !matches!(line, "[dev-dependencies]" | "[[bench]]" | "[[test]]" | "[[example]]")
                && !line.starts_with("[profile.");
        }
        if keep {
            kept.push_str(&line.replace("\"kernel\", \"kernel/assist\", ", ""));
            kept.push('\n');
        }
    }
    kept
}

/// A lock file with nothing but what is under these packages, and without what only their tests need. So the runtime is not
/// built anew whenever something else of the kernel changes.
fn lock_for_the_runtime(mut lock: Table, manifests: &[Table]) -> String {
    let Some(Value::Array(packages)) = lock.get_mut("package") else { panic!("a lock file has packages") };
    for manifest in manifests {
        let name = text(&manifest["package"], "name");
        let wanted = manifest.get("dependencies").and_then(Value::as_table);
        let is_wanted = |of: &Value| wanted.is_some_and(|wanted| wanted.contains_key(words(of).0));
        let package = packages.iter_mut().find(|package| text(package, "name") == name).expect("it is locked");
        if let Some(Value::Array(dependencies)) = package.get_mut("dependencies") {
            dependencies.retain(is_wanted);
        }
    }
    let mut kept = vec![false; packages.len()];
    let mut open: Vec<&Value> = manifests.iter().map(|manifest| &manifest["package"]["name"]).collect();
    while let Some(dependency) = open.pop() {
        let (name, version) = words(dependency);
        let is_it = |package: &Value| {
            text(package, "name") == name && version.is_none_or(|version| text(package, "version") == version)
        };
        let at = packages.iter().position(is_it).expect("it is locked");
        if !std::mem::replace(&mut kept[at], true) {
            open.extend(packages[at].get("dependencies").and_then(Value::as_array).into_iter().flatten());
        }
    }
    let mut kept = kept.into_iter();
    packages.retain(|_| kept.next() == Some(true));
    toml::to_string(&lock).expect("it was a lock file")
}

/// A dependency in a lock file: `name`, or `name version` if there are several.
fn words(dependency: &Value) -> (&str, Option<&str>) {
    let mut words = dependency.as_str().expect("text").split(' ');
    (words.next().unwrap_or_default(), words.next())
}

fn text<'a>(table: &'a Value, field: &str) -> &'a str {
    table[field].as_str().expect("text")
}
