//! Judges the facts: what is good, what could be better, what keeps notebooks from running, and what to do. Pure.

use std::path::Path;

use super::facts::{Facts, Folder, Jupyter, Kernel};
use crate::compile::toolchain::ToolchainError;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    /// Notebooks run, but something is slower, missing or about to fail.
    Advice,
    /// No notebook can run.
    Problem,
}

/// One line of the report.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) subject: &'static str,
    pub(super) found: String,
    pub(super) hints: Vec<String>,
}

impl Finding {
    pub(super) fn is_problem(&self) -> bool {
        self.verdict == Verdict::Problem
    }

    fn good(subject: &'static str, found: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Good, subject, found: found.into(), hints: Vec::new() }
    }

    fn advice(subject: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Advice, subject, found: found.into(), hints: vec![hint.into()] }
    }

    fn problem(subject: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Problem, ..Finding::advice(subject, found, hint) }
    }
}

const GET_RUST: &str = "install Rust from https://rustup.rs, open a new terminal, and try again";
pub(crate) const GET_CC: &str =
    "Debian, Ubuntu: sudo apt install build-essential; Fedora: sudo dnf install gcc; macOS: xcode-select --install";
/// What a runtime and the first crates take, with some room, in bytes.
const ENOUGH: u64 = 2 << 30;
/// What the runtime alone takes while it is built, in bytes.
const LITTLE: u64 = 300 << 20;

/// The findings, in the order in which things are needed.
pub(super) fn examine(facts: &Facts) -> Vec<Finding> {
    let [rust, linker, cache, temporary] = for_cells(facts);
    let mut findings = vec![rust, linker, runtime(facts), cache, temporary, loopback(facts)];
    findings.extend(completion(facts));
    findings.push(jupyter(facts.jupyter.as_ref()));
    findings.extend(facts.jupyter.as_ref().map(|jupyter| kernels(jupyter, &facts.program)).unwrap_or_default());
    findings
}

/// What cells need to be compiled and run.
pub(super) fn for_cells(facts: &Facts) -> [Finding; 4] {
    [rust(facts), linker(facts), cache(facts), temporary(&facts.temporary)]
}

fn rust(facts: &Facts) -> Finding {
    const SUBJECT: &str = "Rust";
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let tools = match &facts.toolchain {
        Ok(tools) => tools,
        Err(error @ ToolchainError::Missing) => return Finding::problem(SUBJECT, error.to_string(), GET_RUST),
        Err(error @ ToolchainError::Broken { .. }) => {
            let hint = "mend it (`rustup default stable`, where it is rustup's), or put another Rust first on PATH";
            return Finding::problem(SUBJECT, error.to_string(), hint);
        }
    };
    let found = format!("rustc {}, {}", tools.version, tools.rustc.display());
    if numbers(&tools.version) < numbers(wanted) {
        let hint = format!("Boucle needs {wanted} or newer: rustup update stable");
        return Finding::problem(SUBJECT, format!("{found}, is too old"), hint);
    }
    if !tools.cargo {
        return Finding::problem(SUBJECT, format!("{found}, but no `cargo`"), GET_RUST);
    }
    if !tools.shared_std {
        let found = format!("{found}, lacks the standard library as a dynamic library, on which cells run");
        return Finding::problem(SUBJECT, found, "use a toolchain of rustup's: https://rustup.rs");
    }
    Finding::good(SUBJECT, found)
}

/// `1.95` from `1.95.0-nightly`.
fn numbers(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn linker(facts: &Facts) -> Finding {
    const SUBJECT: &str = "linker";
    let is_built = facts.runtime.as_ref().is_some_and(|runtime| runtime.built);
    let lld = facts.toolchain.as_ref().is_ok_and(|tools| tools.lld);
    match &facts.cc {
        Some(cc) if lld => Finding::good(SUBJECT, format!("{}, and the toolchain's own for cells", cc.display())),
        Some(cc) if facts.toolchain.is_err() => Finding::good(SUBJECT, cc.display().to_string()),
        Some(cc) => {
            let found = format!("{}; the toolchain has no `rust-lld`, so cells take some 20 ms longer", cc.display());
            Finding::advice(SUBJECT, found, "a toolchain of rustup's has it: https://rustup.rs")
        }
        None if is_built && lld => {
            Finding::advice(SUBJECT, "no C compiler (`cc`), so `:dep` cannot build most crates", GET_CC)
        }
        None => Finding::problem(SUBJECT, "no C compiler (`cc`), and Rust needs one to link", GET_CC),
    }
}

fn runtime(facts: &Facts) -> Finding {
    const SUBJECT: &str = "cell runtime";
    match &facts.runtime {
        None => Finding::problem(SUBJECT, "cannot be built without Rust", "see above"),
        Some(runtime) if runtime.built => Finding::good(SUBJECT, format!("built, {}", runtime.folder.display())),
        Some(_) => Finding::advice(
            SUBJECT,
            "not built yet for this Rust, so the first notebook has to wait for it",
            "boucle runtime (a minute or two, once; it needs a network unless cargo has the crates already)",
        ),
    }
}

fn cache(facts: &Facts) -> Finding {
    const SUBJECT: &str = "cache";
    let Folder { path, writable, no_exec, free } = &facts.cache;
    let path = path.display();
    let elsewhere = "set BOUCLE_CACHE_DIR to a folder of yours on a disk with room from which programs may run";
    if let Err(cause) = writable {
        return Finding::problem(SUBJECT, format!("{path} cannot be written to: {cause}"), elsewhere);
    }
    if *no_exec {
        let found = format!("{path} is on a file system from which nothing may be run (`noexec`)");
        return Finding::problem(SUBJECT, found, elsewhere);
    }
    let mut found = format!("{path}, {} in use", size(facts.usage.bytes));
    if let Some(free) = free {
        found += &format!(", {} free", size(*free));
    }
    if !facts.usage.others.is_empty() {
        found += &format!(", {} for other versions", runtimes(facts.usage.others.len()));
    }
    let mut hints: Vec<_> = facts.usage.others.iter().map(|folder| format!("rm -r {}", quoted(folder))).collect();
    let needed = if facts.runtime.as_ref().is_some_and(|runtime| runtime.built) { 0 } else { LITTLE };
    hints.push(elsewhere.to_owned());
    let verdict = match free {
        Some(free) if *free < needed => Verdict::Problem,
        Some(free) if *free < ENOUGH => Verdict::Advice,
        // Kernels remove what was not used for a month; with room on the disk there is nothing to do.
        _ => return Finding::good(SUBJECT, found),
    };
    Finding { verdict, subject: SUBJECT, found, hints }
}

fn runtimes(count: usize) -> String {
    if count == 1 { "one runtime".to_owned() } else { format!("{count} runtimes") }
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// `1.2 GB`
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}

fn temporary(folder: &Folder) -> Finding {
    const SUBJECT: &str = "temp folder";
    let path = folder.path.display();
    match &folder.writable {
        Ok(()) => Finding::good(SUBJECT, path.to_string()),
        Err(cause) => {
            // Cells are compiled and run all the same.
            let found = format!("{path} cannot be written to ({cause}), as some programs and crates want to");
            Finding::advice(SUBJECT, found, "set TMPDIR to a folder of yours")
        }
    }
}

fn loopback(facts: &Facts) -> Finding {
    const SUBJECT: &str = "ports";
    match &facts.loopback {
        Ok(()) => Finding::good(SUBJECT, "127.0.0.1 can be listened on"),
        Err(cause) => {
            let found = format!("127.0.0.1 cannot be listened on: {cause}");
            Finding::problem(
                SUBJECT,
                found,
                "front ends reach kernels there: ask whoever runs this machine or container",
            )
        }
    }
}

fn completion(facts: &Facts) -> Option<Finding> {
    const SUBJECT: &str = "completion";
    let tools = facts.toolchain.as_ref().ok()?;
    Some(if !facts.analyzer {
        let found = "`boucle-assist` is not beside this program, so only the names of a notebook are offered";
        Finding::advice(SUBJECT, found, "install Boucle with its default features: ./install.sh, or cargo install")
    } else if !tools.std_sources {
        let found = "the standard library's sources are missing, so its methods are not offered";
        Finding::advice(SUBJECT, found, "rustup component add rust-src")
    } else {
        Finding::good(SUBJECT, "rust-analyzer and the standard library's sources are there")
    })
}

fn jupyter(jupyter: Option<&Jupyter>) -> Finding {
    const SUBJECT: &str = "Jupyter";
    let get_lab = "pip install jupyterlab, in an environment of yours; or run Boucle's ./install.sh, which brings one";
    let Some(jupyter) = jupyter else {
        return Finding::problem(SUBJECT, "there is no `jupyter` on PATH, nor beside this program", get_lab);
    };
    let found = jupyter.program.display().to_string();
    if jupyter.front_ends.is_empty() {
        return Finding::advice(SUBJECT, format!("{found}, with no front end beside it"), get_lab);
    }
    Finding::good(SUBJECT, format!("{found}, with {}", jupyter.front_ends.join(", ")))
}

fn kernels(jupyter: &Jupyter, program: &Path) -> Vec<Finding> {
    const SUBJECT: &str = "kernel";
    let install = format!("{} install", quoted(program));
    let kernels = match &jupyter.kernels {
        Ok(kernels) => kernels,
        Err(cause) => {
            let found = format!("{} could not be asked where it looks for kernels: {cause}", jupyter.program.display());
            return vec![Finding::problem(SUBJECT, found, "mend that Jupyter, or put another one first on PATH")];
        }
    };
    if kernels.is_empty() {
        let searched: Vec<_> = jupyter.searched.iter().map(|folder| folder.display().to_string()).collect();
        let found = format!("this Jupyter does not find Boucle; it looks in {}", searched.join(", "));
        let prefix = "where `--prefix DIR` was used: JUPYTER_PATH=DIR/share/jupyter";
        let finding = Finding::problem(SUBJECT, found, install);
        return vec![Finding { hints: [finding.hints, vec![prefix.to_owned()]].concat(), ..finding }];
    }
    kernels.iter().map(|kernel| judge(kernel, jupyter, &install, SUBJECT)).collect()
}

fn judge(kernel: &Kernel, jupyter: &Jupyter, install: &str, subject: &'static str) -> Finding {
    let Kernel { name, folder, program, .. } = kernel;
    let (folder, starts) = (folder.display(), program.display());
    let options = if name == "boucle" { String::new() } else { format!(" --name {name}") };
    if !kernel.exists {
        let found = format!("`{name}` in {folder} starts {starts}, which is not there");
        let others = jupyter.kernels.iter().flatten().any(|other| other.exists);
        let hint = format!("{install}{options}, with --sys-prefix or --prefix DIR if that is where it was installed");
        let finding = Finding::problem(subject, found, hint);
        return if others { Finding { verdict: Verdict::Advice, ..finding } } else { finding };
    }
    if !kernel.is_this {
        let found = format!("`{name}` in {folder} starts another Boucle, {starts}");
        return Finding::advice(subject, found, format!("to have this one started: {install}{options}"));
    }
    Finding::good(subject, format!("`{name}`, {folder}"))
}
