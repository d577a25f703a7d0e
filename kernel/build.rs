//! Puts the sources of the runtime into the kernel's binary, which builds them for whichever rustc it finds.
//! Run by cargo before the kernel is compiled.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The packages of the runtime; the kernel is not one of them.
const PACKAGES: [&str; 6] =
    ["runtime", "runtime/base", "runtime/bundle", "runtime/features", "runtime/wire", "runtime/worker"];

fn main() {
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let mut files = vec![PathBuf::from("Cargo.toml"), PathBuf::from("Cargo.lock")];
    for package in PACKAGES {
        files.push(Path::new(package).join("Cargo.toml"));
        collect(&workspace, &Path::new(package).join("src"), &mut files);
    }
    files.sort();
    let mut table = String::from("pub(super) static FILES: &[(&str, &str)] = &[\n");
    for file in files {
        let full = workspace.join(&file);
        println!("cargo::rerun-if-changed={}", full.display());
        let mut content = fs::read_to_string(&full).unwrap_or_else(|error| panic!("{}: {error}", full.display()));
        if file.ends_with("Cargo.toml") {
            content = for_the_runtime(&content);
        }
        writeln!(table, "    ({file:?}, {content:?}),").expect("writing to a string");
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

/// A manifest without what only tests need, and without the kernel as a member and what its packages are built like.
fn for_the_runtime(manifest: &str) -> String {
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
