//! Which process this is, for loops that are carried into another one by `fork`. A child shares its parent's reactor, so
//! the parent's loops are of no use there; it has none that runs, and may make its own, as in Python. Other than Python's,
//! a child that was forked inside a coroutine can run its own loops on new threads only: its first thread is still deep
//! inside tokio's run.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use super::loops;

/// How many forks lie between the first process and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// This process, as seen from its ancestors and descendants.
#[inline]
pub(crate) fn current() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Counts forks from now on.
pub(crate) fn watch_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler may run in the child of a process with several threads: it takes no lock and no memory.
        // It stays valid, since this library is never unloaded. A failure to register leaves forks uncounted.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

/// Runs in the child, on the thread that has forked.
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    loops::forget_running();
}
