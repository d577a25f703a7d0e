//! Ctrl-C for ordinary programs: a helper thread turns SIGINT into [`request`](super::request).
//! Started when the thread that takes interrupts first runs a loop; the notebook worker has its own source and opts out.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// The program hears SIGINT itself, by `add_signal_handler`.
static REPLACED: AtomicBool = AtomicBool::new(false);

/// Says whether a handler of the program takes the place of the interrupt.
pub(crate) fn replace_signal(replaced: bool) {
    REPLACED.store(replaced, Ordering::Relaxed);
}

static EXTERNAL: AtomicBool = AtomicBool::new(false);

/// Declares that the program itself calls [`request`](super::request), so that running a loop leaves SIGINT alone.
/// To be called before the first loop runs.
pub fn assume_external_source() {
    EXTERNAL.store(true, Ordering::Relaxed);
}

/// Listens to SIGINT from now on, unless the program does so itself. Called before the thread that takes
/// interrupts runs a loop.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    if EXTERNAL.load(Ordering::Relaxed) {
        return;
    }
    ONCE.call_once(|| {
        #[cfg(unix)]
        if is_default() {
            start();
        }
    });
}

/// Whether SIGINT still has its default action. A process started with it ignored (`cmd &` in a script), or one with
/// a handler of its own, keeps what it has, as in Python.
#[cfg(unix)]
fn is_default() -> bool {
    // SAFETY: all-zero bytes are a valid `sigaction`, which the call below overwrites.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null second argument only queries, and `old` is valid for writing.
    let queried = unsafe { libc::sigaction(libc::SIGINT, std::ptr::null(), &raw mut old) };
    queried == 0 && old.sa_sigaction == libc::SIG_DFL
}

#[cfg(unix)]
fn start() {
    use std::sync::mpsc;
    use tokio::signal::unix::{SignalKind, signal};

    let (ready, started) = mpsc::sync_channel::<()>(1);
    let spawned = std::thread::Builder::new().name("asyncio-sigint".into()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async move {
            let Ok(mut interrupts) = signal(SignalKind::interrupt()) else { return };
            drop(ready);
            while interrupts.recv().await.is_some() {
                deliver();
            }
        });
    });
    if spawned.is_ok() {
        // Ends when the helper listens or has given up: either way its sender is gone.
        let _ = started.recv();
    }
}

/// A request that nobody took since the last Ctrl-C means code that never looks: end the process as the user would
/// expect of any other program.
#[cfg(unix)]
fn deliver() {
    if REPLACED.load(Ordering::Relaxed) {
        return;
    }
    if super::is_pending() && !super::is_loop_driven() {
        // SAFETY: both calls take plain integers; restoring the default action and raising is how a process ends
        // by a signal it caught.
        unsafe {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            libc::raise(libc::SIGINT);
        }
    }
    super::request();
}
