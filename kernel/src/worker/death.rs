//! Why a worker ended, in words for the user. Made by `process` when the worker's socket closes.

use std::process::ExitStatus;

use boucle_wire::Failure;

/// The end of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Death {
    /// A short name, as Jupyter's `ename`.
    pub(crate) name: String,
    /// What happened, as Jupyter's `evalue`.
    pub(crate) cause: String,
}

impl Death {
    /// Reads an exit status, the last words on stderr, and the panic that may have come before.
    pub(crate) fn of(status: ExitStatus, last_words: &str, panic: Option<&Failure>) -> Death {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        let death = |name: &str, cause: String| Death { name: name.to_owned(), cause };
        match (signal, status.code()) {
            (Some(libc::SIGABRT), _) if last_words.contains("overflowed its stack") => {
                death("StackOverflow", "the cell overflowed its stack, most often by recursion without end".into())
            }
            (Some(libc::SIGABRT), _) if last_words.contains("memory allocation of") => death(
                "MemoryExhausted",
                format!("the cell ran out of memory: {}", last_line(last_words, "memory allocation of")),
            ),
            // A panic that was caught has nothing to do with a later abort.
            (Some(libc::SIGABRT), _)
                if let Some(panic) = panic
                    && last_words.contains("panic") =>
            {
                let place = panic
                    .location
                    .as_ref()
                    .map_or_else(String::new, |at| format!(" at {}:{}:{}", at.file, at.line, at.column));
                death(
                    "SIGABRT",
                    format!("the cell panicked{place} where it could not unwind, and aborted: {}", panic.message),
                )
            }
            (Some(signal), _) => {
                let (name, what) = signal_name(signal);
                death(name, format!("the cell's process was ended by {name} ({what})"))
            }
            (None, Some(code)) => death("SystemExit", format!("the cell ended its process with exit code {code}")),
            (None, None) => death("WorkerDied", format!("the cell's process ended: {status}")),
        }
    }

    /// The user asked for it, by a second interrupt.
    pub(crate) fn on_request() -> Death {
        Death {
            name: "KeyboardInterrupt".into(),
            cause: "the cell did not react to an interrupt, so its process was ended".into(),
        }
    }
}

fn last_line<'a>(text: &'a str, needle: &'a str) -> &'a str {
    text.lines().rev().find(|line| line.contains(needle)).unwrap_or(needle)
}

fn signal_name(signal: i32) -> (&'static str, &'static str) {
    match signal {
        libc::SIGSEGV => ("SIGSEGV", "segmentation fault: invalid memory was accessed"),
        libc::SIGBUS => ("SIGBUS", "bus error: invalid memory was accessed"),
        libc::SIGILL => ("SIGILL", "illegal instruction"),
        libc::SIGFPE => ("SIGFPE", "arithmetic error"),
        libc::SIGABRT => ("SIGABRT", "the program aborted"),
        libc::SIGKILL => ("SIGKILL", "killed, perhaps by the system for want of memory"),
        libc::SIGTERM => ("SIGTERM", "asked to end"),
        libc::SIGPIPE => ("SIGPIPE", "wrote to a closed pipe"),
        libc::SIGXCPU => ("SIGXCPU", "used up its processor time"),
        _ => ("Signal", "a signal"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn the_cause_is_named() {
        let death = |raw, words| Death::of(ExitStatus::from_raw(raw), words, None);
        assert_eq!(death(libc::SIGSEGV, "").name, "SIGSEGV");
        assert_eq!(death(libc::SIGABRT, "thread 'main' has overflowed its stack\n").name, "StackOverflow");
        assert!(death(libc::SIGABRT, "memory allocation of 5 bytes failed\n").cause.contains("5 bytes"));
        assert_eq!(death(3 << 8, "").cause, "the cell ended its process with exit code 3");
    }
}
