//! What `doctor` says on machines that lack one thing or another.

use std::path::PathBuf;

use expect_test::{Expect, expect};

use super::examine::{Verdict, examine, for_cells};
use super::facts::{Facts, Folder, Jupyter, Kernel, Runtime, Tools, Usage};
use super::report::{explanation, report};
use crate::compile::toolchain::ToolchainError;

/// A machine that has everything.
fn good() -> Facts {
    Facts {
        program: "/home/ada/.cargo/bin/boucle".into(),
        analyzer: true,
        toolchain: Ok(Tools {
            rustc: "/rust/bin/rustc".into(),
            version: "1.95.0".into(),
            cargo: true,
            shared_std: true,
            lld: true,
            std_sources: true,
        }),
        cc: Some("/usr/bin/cc".into()),
        runtime: Some(Runtime { folder: "/cache/boucle/runtime/1f".into(), built: true }),
        cache: folder("/cache/boucle", 70_000_000_000),
        usage: Usage { bytes: 1_250_000_000, others: Vec::new() },
        temporary: folder("/tmp", 70_000_000_000),
        loopback: Ok(()),
        jupyter: Some(Jupyter {
            program: "/opt/venv/bin/jupyter".into(),
            front_ends: vec!["lab", "console"],
            kernels: Ok(vec![kernel("boucle")]),
            searched: vec!["/home/ada/.local/share/jupyter".into(), "/usr/share/jupyter".into()],
        }),
    }
}

fn folder(path: &str, free: u64) -> Folder {
    Folder { path: path.into(), writable: Ok(()), no_exec: false, free: Some(free) }
}

fn kernel(name: &str) -> Kernel {
    Kernel {
        name: name.into(),
        folder: PathBuf::from("/home/ada/.local/share/jupyter/kernels").join(name),
        program: "/home/ada/.cargo/bin/boucle".into(),
        exists: true,
        is_this: true,
    }
}

fn tools(facts: &mut Facts) -> &mut Tools {
    facts.toolchain.as_mut().expect("a good machine")
}

fn jupyter(facts: &mut Facts) -> &mut Jupyter {
    facts.jupyter.as_mut().expect("a good machine")
}

fn kernels(facts: &mut Facts) -> &mut Vec<Kernel> {
    jupyter(facts).kernels.as_mut().expect("a good machine")
}

/// The report for a good machine with one change: the lines that are not good, and the last one.
#[track_caller]
fn check(change: impl FnOnce(&mut Facts), expected: Expect) {
    let mut facts = good();
    change(&mut facts);
    let findings: Vec<_> = examine(&facts).into_iter().filter(|finding| finding.verdict != Verdict::Good).collect();
    assert!(findings.iter().all(|finding| !finding.hints.is_empty()), "what is not good has a way out");
    let text = report(&facts.program, &findings);
    expected.assert_eq(text.split_once("\n\n").expect("a heading").1);
}

#[test]
fn all_is_well() {
    expect![[r#"
        Boucle 0.1.0, /home/ada/.cargo/bin/boucle

          ✓ Rust          rustc 1.95.0, /rust/bin/rustc
          ✓ linker        /usr/bin/cc, and the toolchain's own for cells
          ✓ cell runtime  built, /cache/boucle/runtime/1f
          ✓ cache         /cache/boucle, 1.2 GB in use, 70.0 GB free
          ✓ temp folder   /tmp
          ✓ ports         127.0.0.1 can be listened on
          ✓ completion    rust-analyzer and the standard library's sources are there
          ✓ Jupyter       /opt/venv/bin/jupyter, with lab, console
          ✓ kernel        `boucle`, /home/ada/.local/share/jupyter/kernels/boucle

        All is well.
    "#]]
    .assert_eq(&report(&good().program, &examine(&good())));
}

#[test]
fn no_rust() {
    check(
        |facts| {
            facts.toolchain = Err(ToolchainError::Missing);
            facts.runtime = None;
        },
        expect![[r#"
              ✗ Rust          there is no `rustc` on PATH or in cargo's folder
                              hint: install Rust from https://rustup.rs, open a new terminal, and try again
              ✗ cell runtime  cannot be built without Rust
                              hint: see above

            2 things have to be mended before notebooks can run.
        "#]],
    );
}

#[test]
fn a_rust_that_is_too_old() {
    check(
        |facts| tools(facts).version = "1.88.0".into(),
        expect![[r#"
          ✗ Rust          rustc 1.88.0, /rust/bin/rustc, is too old
                          hint: Boucle needs 1.95 or newer: rustup update stable

        One thing has to be mended before notebooks can run.
    "#]],
    );
    check(
        |facts| tools(facts).version = "1.100.0-nightly".into(),
        expect![[r#"

        All is well.
    "#]],
    );
}

#[test]
fn half_a_toolchain() {
    check(
        |facts| tools(facts).cargo = false,
        expect![[r#"
          ✗ Rust          rustc 1.95.0, /rust/bin/rustc, but no `cargo`
                          hint: install Rust from https://rustup.rs, open a new terminal, and try again

        One thing has to be mended before notebooks can run.
    "#]],
    );
    check(
        |facts| tools(facts).shared_std = false,
        expect![[r#"
          ✗ Rust          rustc 1.95.0, /rust/bin/rustc, lacks the standard library as a dynamic library, on which cells run
                          hint: use a toolchain of rustup's: https://rustup.rs

        One thing has to be mended before notebooks can run.
    "#]],
    );
    check(
        |facts| tools(facts).lld = false,
        expect![[r#"
          ! linker        /usr/bin/cc; the toolchain has no `rust-lld`, so cells take some 20 ms longer
                          hint: a toolchain of rustup's has it: https://rustup.rs

        Notebooks can run; one thing could be better.
    "#]],
    );
    check(
        |facts| facts.analyzer = false,
        expect![[r#"
          ! completion    `boucle-assist` is not beside this program, so only the names of a notebook are offered
                          hint: install Boucle with its default features: ./install.sh, or cargo install

        Notebooks can run; one thing could be better.
    "#]],
    );
    check(
        |facts| tools(facts).std_sources = false,
        expect![[r#"
          ! completion    the standard library's sources are missing, so its methods are not offered
                          hint: rustup component add rust-src

        Notebooks can run; one thing could be better.
    "#]],
    );
}

#[test]
fn no_c_compiler() {
    check(
        |facts| facts.cc = None,
        expect![[r#"
          ! linker        no C compiler (`cc`), so `:dep` cannot build most crates
                          hint: Debian, Ubuntu: sudo apt install build-essential; Fedora: sudo dnf install gcc; macOS: xcode-select --install

        Notebooks can run; one thing could be better.
    "#]],
    );
    check(
        |facts| {
            facts.cc = None;
            facts.runtime.as_mut().expect("a good machine").built = false;
        },
        expect![[r#"
              ✗ linker        no C compiler (`cc`), and Rust needs one to link
                              hint: Debian, Ubuntu: sudo apt install build-essential; Fedora: sudo dnf install gcc; macOS: xcode-select --install
              ! cell runtime  not built yet for this Rust, so the first notebook has to wait for it
                              hint: boucle runtime (a minute or two, once; it needs a network unless cargo has the crates already)

            One thing has to be mended before notebooks can run.
        "#]],
    );
}

#[test]
fn a_cache_that_cannot_be_used() {
    check(
        |facts| facts.cache.writable = Err("Read-only file system (os error 30)".into()),
        expect![[r#"
          ✗ cache         /cache/boucle cannot be written to: Read-only file system (os error 30)
                          hint: set BOUCLE_CACHE_DIR to a folder of yours on a disk with room from which programs may run

        One thing has to be mended before notebooks can run.
    "#]],
    );
    check(
        |facts| facts.cache.no_exec = true,
        expect![[r#"
          ✗ cache         /cache/boucle is on a file system from which nothing may be run (`noexec`)
                          hint: set BOUCLE_CACHE_DIR to a folder of yours on a disk with room from which programs may run

        One thing has to be mended before notebooks can run.
    "#]],
    );
}

#[test]
fn little_room() {
    check(
        |facts| {
            facts.cache.free = Some(900_000_000);
            facts.usage.others = vec!["/cache/boucle/runtime/0a".into()];
        },
        expect![[r#"
              ! cache         /cache/boucle, 1.2 GB in use, 900 MB free, one runtime for other versions
                              hint: rm -r /cache/boucle/runtime/0a
                              hint: set BOUCLE_CACHE_DIR to a folder of yours on a disk with room from which programs may run

            Notebooks can run; one thing could be better.
        "#]],
    );
    check(
        |facts| {
            facts.cache.free = Some(12_345_678);
            facts.runtime.as_mut().expect("a good machine").built = false;
        },
        expect![[r#"
              ! cell runtime  not built yet for this Rust, so the first notebook has to wait for it
                              hint: boucle runtime (a minute or two, once; it needs a network unless cargo has the crates already)
              ✗ cache         /cache/boucle, 1.2 GB in use, 12 MB free
                              hint: set BOUCLE_CACHE_DIR to a folder of yours on a disk with room from which programs may run

            One thing has to be mended before notebooks can run.
        "#]],
    );
}

#[test]
fn no_temporary_files_and_no_ports() {
    check(
        |facts| {
            facts.temporary.writable = Err("Permission denied (os error 13)".into());
            facts.loopback = Err("Cannot assign requested address (os error 99)".into());
        },
        expect![[r#"
              ! temp folder   /tmp cannot be written to (Permission denied (os error 13)), as some programs and crates want to
                              hint: set TMPDIR to a folder of yours
              ✗ ports         127.0.0.1 cannot be listened on: Cannot assign requested address (os error 99)
                              hint: front ends reach kernels there: ask whoever runs this machine or container

            One thing has to be mended before notebooks can run.
        "#]],
    );
}

#[test]
fn no_jupyter() {
    check(
        |facts| facts.jupyter = None,
        expect![[r#"
          ✗ Jupyter       there is no `jupyter` on PATH, nor beside this program
                          hint: pip install jupyterlab, in an environment of yours; or run Boucle's ./install.sh, which brings one

        One thing has to be mended before notebooks can run.
    "#]],
    );
    check(
        |facts| jupyter(facts).front_ends.clear(),
        expect![[r#"
          ! Jupyter       /opt/venv/bin/jupyter, with no front end beside it
                          hint: pip install jupyterlab, in an environment of yours; or run Boucle's ./install.sh, which brings one

        Notebooks can run; one thing could be better.
    "#]],
    );
    check(
        |facts| jupyter(facts).kernels = Err("ModuleNotFoundError: No module named 'jupyter_core'".into()),
        expect![[r#"
              ✗ kernel        /opt/venv/bin/jupyter could not be asked where it looks for kernels: ModuleNotFoundError: No module named 'jupyter_core'
                              hint: mend that Jupyter, or put another one first on PATH

            One thing has to be mended before notebooks can run.
        "#]],
    );
}

#[test]
fn a_jupyter_that_does_not_find_the_kernel() {
    check(
        |facts| kernels(facts).clear(),
        expect![[r#"
          ✗ kernel        this Jupyter does not find Boucle; it looks in /home/ada/.local/share/jupyter, /usr/share/jupyter
                          hint: /home/ada/.cargo/bin/boucle install
                          hint: where `--prefix DIR` was used: JUPYTER_PATH=DIR/share/jupyter

        One thing has to be mended before notebooks can run.
    "#]],
    );
}

#[test]
fn what_is_to_be_typed_works_in_a_shell() {
    check(
        |facts| {
            facts.program = "/home/ada/Ada's tools/boucle".into();
            kernels(facts).clear();
        },
        expect![[r#"
              ✗ kernel        this Jupyter does not find Boucle; it looks in /home/ada/.local/share/jupyter, /usr/share/jupyter
                              hint: '/home/ada/Ada'\''s tools/boucle' install
                              hint: where `--prefix DIR` was used: JUPYTER_PATH=DIR/share/jupyter

            One thing has to be mended before notebooks can run.
        "#]],
    );
}

#[test]
fn a_kernel_whose_program_is_gone() {
    check(
        |facts| kernels(facts)[0].exists = false,
        expect![[r#"
          ✗ kernel        `boucle` in /home/ada/.local/share/jupyter/kernels/boucle starts /home/ada/.cargo/bin/boucle, which is not there
                          hint: /home/ada/.cargo/bin/boucle install, with --sys-prefix or --prefix DIR if that is where it was installed

        One thing has to be mended before notebooks can run.
    "#]],
    );
    check(
        |facts| {
            let gone = Kernel { exists: false, program: "/old/boucle".into(), ..kernel("rust") };
            kernels(facts).push(gone);
        },
        expect![[r#"
              ! kernel        `rust` in /home/ada/.local/share/jupyter/kernels/rust starts /old/boucle, which is not there
                              hint: /home/ada/.cargo/bin/boucle install --name rust, with --sys-prefix or --prefix DIR if that is where it was installed

            Notebooks can run; one thing could be better.
        "#]],
    );
}

#[test]
fn a_kernel_that_is_another_boucle() {
    check(
        |facts| {
            let other = &mut kernels(facts)[0];
            (other.is_this, other.program) = (false, "/opt/venv/bin/boucle".into());
        },
        expect![[r#"
              ! kernel        `boucle` in /home/ada/.local/share/jupyter/kernels/boucle starts another Boucle, /opt/venv/bin/boucle
                              hint: to have this one started: /home/ada/.cargo/bin/boucle install

            Notebooks can run; one thing could be better.
        "#]],
    );
}

#[test]
fn what_a_cell_is_told_that_cannot_run() {
    let mut facts = good();
    facts.cc = None;
    facts.runtime.as_mut().expect("a good machine").built = false;
    facts.temporary.writable = Err("Permission denied (os error 13)".into());
    let problem = "building the cell runtime failed:\nlinker `cc` not found".to_owned();
    expect![[r#"
        building the cell runtime failed:
        linker `cc` not found
        no C compiler (`cc`), and Rust needs one to link
        help: Debian, Ubuntu: sudo apt install build-essential; Fedora: sudo dnf install gcc; macOS: xcode-select --install
        help: `/home/ada/.cargo/bin/boucle doctor` says what else is missing"#]]
    .assert_eq(&explanation(problem, &facts.program, &for_cells(&facts)));
}

#[test]
fn a_cell_is_told_nothing_twice() {
    let mut facts = good();
    facts.toolchain = Err(ToolchainError::Missing);
    let problem = ToolchainError::Missing.to_string();
    expect![[r#"
        there is no `rustc` on PATH or in cargo's folder
        help: install Rust from https://rustup.rs, open a new terminal, and try again
        help: `/home/ada/.cargo/bin/boucle doctor` says what else is missing"#]]
    .assert_eq(&explanation(problem, &facts.program, &for_cells(&facts)));
}
