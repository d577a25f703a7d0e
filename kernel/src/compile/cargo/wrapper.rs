//! What cargo runs in rustc's place while it builds a runtime or a bundle: this program itself, called by `main`, which becomes rustc.
//!
//! It does three things. rustc is killed when its cargo is, which is killed when the kernel is. And a crate of the user's
//! own gets other symbols whenever its files have changed: the worker, which never unloads a library, may hold an
//! earlier build of the crate, and the loader takes the first symbol of a name that it finds. And the runtime is not built
//! again: that would overwrite what all other bundles are linked with.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The environment variable that makes this program act as rustc. It holds the state of the user's own crates, or nothing
/// while a runtime is built.
pub(in crate::compile) const VARIABLE: &str = "BOUCLE_RUSTC_METADATA";

/// What is printed instead of building the runtime again.
pub(in crate::compile) const REFUSAL: &str = "these crates need another build of the runtime";

/// Becomes rustc, if cargo has called this program in its place. Returns only if that was not so, or failed.
pub(crate) fn become_rustc() -> Option<ExitCode> {
    let metadata = env::var(VARIABLE).ok()?;
    let mut arguments = env::args_os().skip(1);
    let rustc = arguments.next()?;
    let arguments: Vec<OsString> = arguments.collect();
    let mut command = Command::new(&rustc);
    let builds_bundle = !metadata.is_empty();
    if builds_bundle && compiles(&arguments, "asyncio") {
        let _ = writeln!(io::stderr(), "{REFUSAL}");
        return Some(ExitCode::FAILURE);
    }
    if builds_bundle && is_local(&arguments) {
        command.arg(format!("-Cmetadata={metadata}"));
    }
    #[cfg(target_os = "linux")]
    // SAFETY: no memory is involved.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
    let error = command.args(arguments).exec();
    // There is nobody left to tell if this fails.
    let _ = writeln!(io::stderr(), "cannot run `{}`: {error}", rustc.display());
    Some(ExitCode::FAILURE)
}

fn compiles(arguments: &[OsString], name: &str) -> bool {
    arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == name)
}

/// Whether a crate is compiled that comes neither from a registry nor from git: cargo caps the lints of those.
fn is_local(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--crate-name")
        && !arguments.iter().any(|argument| argument == "--cap-lints")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_ones_own_are_told_from_others() {
        let arguments = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(is_local(&arguments("--crate-name mine src/lib.rs")));
        assert!(!is_local(&arguments("--crate-name regex src/lib.rs --cap-lints allow")));
        assert!(!is_local(&arguments("-vV")));
        assert!(compiles(&arguments("--crate-name asyncio src/lib.rs"), "asyncio"));
        assert!(!compiles(&arguments("--crate-name mine --extern asyncio"), "asyncio"));
    }
}
