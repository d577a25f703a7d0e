//! What cargo runs in rustc's place while it builds a bundle: this program itself, called by `main`, which becomes rustc.
//!
//! It adds two things. rustc is killed when its cargo is, which is killed when the kernel is. And a crate of the user's
//! own gets other symbols whenever its files have changed: the worker, which never unloads a library, may hold an
//! earlier build of the crate, and the loader takes the first symbol of a name that it finds.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The environment variable that makes this program act as rustc. It holds the state of the user's own crates.
pub(super) const VARIABLE: &str = "BOUCLE_RUSTC_METADATA";

/// Becomes rustc, if cargo has called this program in its place. Returns only if that was not so, or failed.
pub(crate) fn become_rustc() -> Option<ExitCode> {
    let metadata = env::var(VARIABLE).ok()?;
    let mut arguments = env::args_os().skip(1);
    let rustc = arguments.next()?;
    let arguments: Vec<OsString> = arguments.collect();
    let mut command = Command::new(&rustc);
    if is_local(&arguments) {
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

/// Whether a crate is compiled that comes neither from a registry nor from git: cargo caps the lints of those.
fn is_local(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--crate-name")
        && !arguments.iter().any(|argument| argument == "--cap-lints")
}
