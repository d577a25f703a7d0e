//! `boucle-assist`: what completion and help come from. The kernel starts it when they are first asked for.
//!
//! It is a program of its own, so that neither starting a kernel nor its memory pays for what only some notebooks use.

use std::process::ExitCode;

fn main() -> ExitCode {
    match boucle_assist::serve() {
        Ok(()) => ExitCode::SUCCESS,
        // The kernel is gone, and nobody else listens.
        Err(_) => ExitCode::FAILURE,
    }
}
