//! Puts the sources of the runtime into the kernel's binary, which builds them for whichever rustc it finds, and tells
//! `kernel_info_reply` the compiler's version.
//! Run by cargo before the kernel is compiled.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let mut files = vec![PathBuf::from("Cargo.toml"), PathBuf::from("Cargo.lock")];
    for package in ["runtime", "runtime/wire", "runtime/worker"] {
        files.push(Path::new(package).join("Cargo.toml"));
        collect(&workspace, &Path::new(package).join("src"), &mut files);
    }
    files.sort();
    let mut table = String::from("pub(super) static FILES: &[(&str, &str)] = &[\n");
    for file in files {
        let full = workspace.join(&file);
        println!("cargo::rerun-if-changed={}", full.display());
        writeln!(table, "    ({:?}, include_str!({:?})),", file, full).expect("writing to a string");
    }
    table.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("runtime_files.rs");
    fs::write(out, table).expect("cargo's output folder is writable");
    if let Some(version) = rust_version() {
        println!("cargo::rustc-env=BOUCLE_RUST_VERSION={version}");
    }
}

/// The `1.95.0` of `rustc 1.95.0 (59807616e 2026-04-14)`.
fn rust_version() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split(' ').nth(1)?.to_owned())
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
