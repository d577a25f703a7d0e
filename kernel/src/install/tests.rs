//! Tests of `install` and `uninstall` in a temporary prefix.

use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::*;
use crate::args::Place;

fn target(prefix: &TempDir, name: &str) -> Target {
    Target { place: Place { prefix: Some(prefix.path().to_owned()), ..Place::default() }, name: name.to_owned() }
}

/// Checks what is said, without the parts that differ from run to run.
#[track_caller]
fn check(prefix: &TempDir, result: Result<(), InstallError>, out: Vec<u8>, expected: Expect) {
    let mut said = String::from_utf8(out).expect("text");
    if let Err(error) = result {
        said.push_str(&error.to_string());
    }
    let program = spec::program().expect("this program");
    let said =
        said.replace(&prefix.path().display().to_string(), "PREFIX").replace(&program.display().to_string(), "PROGRAM");
    expected.assert_eq(&said);
}

#[track_caller]
fn check_install(prefix: &TempDir, name: &str, replace: bool, expected: Expect) {
    let mut out = Vec::new();
    let result = install(&target(prefix, name), None, replace, &mut out);
    check(prefix, result, out, expected);
}

#[track_caller]
fn check_uninstall(prefix: &TempDir, name: &str, expected: Expect) {
    let mut out = Vec::new();
    let result = uninstall(&target(prefix, name), &mut out);
    check(prefix, result, out, expected);
}

fn foreign_spec(prefix: &TempDir) -> PathBuf {
    let folder = prefix.path().join("share/jupyter/kernels/rust");
    fs::create_dir_all(&folder).expect("a folder");
    let json = r#"{"argv": ["/usr/bin/evcxr_jupyter", "--control_file", "{connection_file}"]}"#;
    fs::write(folder.join(KERNEL_JSON), json).expect("a file");
    fs::write(folder.join("kernel.js"), "").expect("a file");
    folder
}

#[test]
fn installing_twice_and_uninstalling_leaves_nothing() {
    let prefix = tempfile::tempdir().expect("a folder");
    check_install(
        &prefix,
        "Boucle",
        false,
        expect![[r#"
            installed kernel `boucle` ("Rust (Boucle)") in PREFIX/share/jupyter/kernels/boucle
            it runs PROGRAM
        "#]],
    );
    let folder = prefix.path().join("share/jupyter/kernels/boucle");
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("the folder is there").map(|entry| entry.expect("an entry").file_name()).collect();
    files.sort();
    assert_eq!(files, [KERNEL_JSON, "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"]);
    check_install(
        &prefix,
        "boucle",
        false,
        expect![[r#"
            up to date: kernel `boucle` ("Rust (Boucle)") in PREFIX/share/jupyter/kernels/boucle
            it runs PROGRAM
        "#]],
    );
    check_uninstall(
        &prefix,
        "boucle",
        expect![[r#"
            removed kernel `boucle` from PREFIX/share/jupyter/kernels
        "#]],
    );
    assert!(!folder.exists());
    check_uninstall(&prefix, "boucle", expect!["there is no kernel `boucle` in `PREFIX/share/jupyter/kernels`"]);
}

#[test]
fn another_programs_kernel_is_only_replaced_when_asked() {
    let prefix = tempfile::tempdir().expect("a folder");
    let folder = foreign_spec(&prefix);
    check_install(
        &prefix,
        "rust",
        false,
        expect![
            "`PREFIX/share/jupyter/kernels/rust` belongs to another program (`/usr/bin/evcxr_jupyter`); use another `--name`, or `--replace` to install Boucle in its place"
        ],
    );
    check_uninstall(
        &prefix,
        "rust",
        expect![
            "`PREFIX/share/jupyter/kernels/rust` belongs to another program (`/usr/bin/evcxr_jupyter`), so it was not removed"
        ],
    );
    check_install(
        &prefix,
        "rust",
        true,
        expect![[r#"
            installed kernel `rust` ("Rust") in PREFIX/share/jupyter/kernels/rust
            it runs PROGRAM
        "#]],
    );
    assert!(!folder.join("kernel.js").exists());
}

#[test]
fn errors_say_what_to_do() {
    let prefix = tempfile::tempdir().expect("a folder");
    for name in ["", "..", "a/b", "é"] {
        assert!(matches!(kernel_name(name), Err(InstallError::Name(_))), "{name}");
    }
    fs::write(prefix.path().join("share"), "").expect("a file");
    check_install(
        &prefix,
        "boucle",
        false,
        expect!["cannot write `PREFIX/share/jupyter/kernels/boucle`: Not a directory (os error 20)"],
    );
}
