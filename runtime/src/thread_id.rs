//! A number for each thread that is never given out twice, read in one instruction or two.
//! Wakers ask it whether they are at home; interrupts ask it whether they are meant.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    static ID: Cell<u64> = const { Cell::new(0) };
}

/// This thread's number, at least 1.
#[inline]
pub(crate) fn current() -> u64 {
    match ID.get() {
        0 => assign(),
        id => id,
    }
}

#[cold]
fn assign() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    ID.set(id);
    id
}

/// Whether this is the thread that `main` runs on.
pub(crate) fn is_main() -> bool {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: both take no arguments and cannot fail.
        unsafe { libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid()) }
    }
    #[cfg(target_os = "macos")]
    {
        // SAFETY: takes no arguments and cannot fail.
        unsafe { libc::pthread_main_np() == 1 }
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    {
        std::thread::current().name() == Some("main")
    }
}
