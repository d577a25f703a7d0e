//! Flushes stdout while cells run, so that what `print!` has begun is seen before its line ends. Started by `main`.
//!
//! Nothing tells that something was printed, so a thread flushes every so often, for as long as anybody may print. When the
//! cell thread's loop waits in the system, and no threads but this program's own are left, it flushes once more and sleeps
//! until the loop goes on: an idle notebook wakes nobody.

use std::fs;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::control::Kernel;

/// A line that has only been begun appears after this time.
const EVERY: Duration = Duration::from_millis(50);
/// The threads of this program: `main`, `boucle-control`, and the one that is started here.
const OURS: usize = 3;

/// Grows whenever the cell thread's loop begins to wait, or goes on; odd while it waits.
static CHANGES: AtomicU64 = AtomicU64::new(0);
/// Whether the flushing thread sleeps until the loop goes on.
static ASLEEP: AtomicBool = AtomicBool::new(false);
static FLUSHER: OnceLock<Thread> = OnceLock::new();

/// Starts to flush. On the cell thread.
pub(crate) fn start(kernel: Kernel) {
    let thread = thread::Builder::new().name("boucle-flush".into()).spawn(move || serve(&kernel));
    // Without this thread partial lines come late, and nothing else is amiss.
    if let Ok(thread) = thread {
        let _ = FLUSHER.set(thread.thread().clone());
        asyncio::cell::watch_rest(note);
    }
}

/// Writes what stdout still holds. When it is closed, so be it.
pub(crate) fn flush() {
    let _ = io::stdout().flush();
}

/// The loop begins to wait, or goes on.
fn note() {
    // Each side first tells the other of itself and then looks, so at least one of them sees what the other says.
    CHANGES.fetch_add(1, Ordering::SeqCst);
    if ASLEEP.load(Ordering::SeqCst)
        && let Some(flusher) = FLUSHER.get()
    {
        flusher.unpark();
    }
}

fn serve(kernel: &Kernel) {
    loop {
        kernel.jobs().wait_for_run();
        thread::sleep(EVERY);
        // In this order: what anybody has printed until then is flushed.
        let changes = CHANGES.load(Ordering::SeqCst);
        let nobody_prints = changes % 2 == 1 && threads() <= OURS;
        // Waits while the cell holds the lock, as it must.
        flush();
        if nobody_prints {
            ASLEEP.store(true, Ordering::SeqCst);
            while CHANGES.load(Ordering::SeqCst) == changes {
                thread::park();
            }
            ASLEEP.store(false, Ordering::SeqCst);
        }
    }
}

/// How many threads this process has; as good as any number if nobody knows.
fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(usize::MAX, Iterator::count)
}
