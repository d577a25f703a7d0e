//! Asks in the terminal, for programs outside a notebook. Called by `input`.

use std::io::{self, Write};

use crate::error::InputError;

/// Writes the prompt and reads a line. A secret one is not echoed, if it comes from a terminal.
pub(super) fn ask(prompt: &str, secret: bool) -> Result<String, InputError> {
    let mut stdout = io::stdout();
    // Nothing can be done about a closed stdout.
    let _ = write!(stdout, "{prompt}").and_then(|()| stdout.flush());
    let quiet = secret.then(Quiet::begin).flatten();
    let mut line = String::new();
    let length = io::stdin()
        .read_line(&mut line)
        .map_err(|error| InputError::new(format!("cannot read from stdin: {error}")))?;
    if quiet.is_some() {
        // The line break was not echoed either.
        let _ = writeln!(stdout);
    }
    if length == 0 {
        return Err(InputError::new("stdin has come to its end"));
    }
    let text = line.strip_suffix('\n').unwrap_or(&line);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// The terminal does not echo for as long as this lives.
struct Quiet {
    before: libc::termios,
}

impl Quiet {
    /// `None` if stdin is no terminal.
    fn begin() -> Option<Self> {
        // SAFETY: all zeros is a valid `termios`, and the calls read or fill the one that they are given.
        unsafe {
            let mut before: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(libc::STDIN_FILENO, &raw mut before) != 0 {
                return None;
            }
            let mut quiet = before;
            quiet.c_lflag &= !libc::ECHO;
            (libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const quiet) == 0).then_some(Self { before })
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: the pointer is to the settings that the system gave.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const self.before) };
    }
}
