//! "Stop!" from outside: one flag that a busy loop polls for free, an idle event loop is woken by, and a blocking
//! sleep ends on. Raised by SIGINT or the worker's control socket; consumed by the thread that runs cells.
//!
//! 1. Any thread may [`request`]; the request stays pending until the cell thread takes it, and is taken once.
//! 2. Only the cell thread takes it: by [`checkpoint`] inside computing code, by the event loop between two steps,
//!    or by [`interruptible_sleep`]. Elsewhere all three ignore it.
//! 3. It is never raised while the thread already unwinds: a destructor must not be torn out of its work.

mod signal;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

pub use signal::assume_external_source;
pub(crate) use signal::{listen, replace_signal};

use crate::error::{KeyboardInterrupt, raise_interrupt};
use crate::thread_id;

static PENDING: AtomicBool = AtomicBool::new(false);
/// The identity of the thread that takes interrupts; 0 stands for the main thread.
static CELL_THREAD: AtomicU64 = AtomicU64::new(0);
/// Whoever waits idly on the cell thread. The lock orders "flag set" against "going to sleep".
static IDLE: Mutex<Option<Waker>> = Mutex::new(None);
static SLEEPER: Condvar = Condvar::new();

/// Raises [`KeyboardInterrupt`] here when one is pending and this is the cell thread.
///
/// Generated code calls it at the start of every loop body and function; it costs one relaxed load.
/// Unwinds without running the panic hook, and consumes the request.
#[inline(always)]
pub fn checkpoint() {
    if PENDING.load(Ordering::Relaxed) {
        raise_pending();
    }
}

#[cold]
#[inline(never)]
fn raise_pending() {
    if take() {
        raise_interrupt();
    }
}

/// Asks the cell thread to stop what it does: wakes its idle loop or its sleep. Callable from any thread (it takes a
/// lock, so not from a signal handler proper). A second request before the first was taken is the same request.
///
/// ```
/// use std::time::Duration;
/// use asyncio::{KeyboardInterrupt, catch_interrupt, interrupt};
///
/// interrupt::set_cell_thread();
/// interrupt::request();
/// assert!(interrupt::is_pending());
/// let asleep = catch_interrupt(|| interrupt::interruptible_sleep(Duration::from_secs(3600)));
/// assert_eq!(asleep, Err(KeyboardInterrupt));
///
/// interrupt::request();
/// assert_eq!(catch_interrupt(|| loop { interrupt::checkpoint() }), Err::<(), _>(KeyboardInterrupt));
///
/// interrupt::request();
/// interrupt::clear();
/// assert!(!interrupt::is_pending());
/// ```
pub fn request() {
    PENDING.store(true, Ordering::SeqCst);
    notify();
    wake_idle();
}

/// Wakes the loop that is driven on the cell thread, if one is, so that it looks around before its next turn.
pub(crate) fn wake_idle() {
    let waker = idle().clone();
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Forgets a pending request, so that it does not hit the next cell.
pub fn clear() {
    PENDING.store(false, Ordering::SeqCst);
}

/// Whether a request waits to be taken.
#[must_use]
pub fn is_pending() -> bool {
    PENDING.load(Ordering::SeqCst)
}

/// Makes the calling thread the one that takes interrupts; without a call that is the main thread.
pub fn set_cell_thread() {
    CELL_THREAD.store(thread_id::current(), Ordering::SeqCst);
}

/// Takes a pending request if this thread may: the caller then owes a [`KeyboardInterrupt`].
pub(crate) fn take() -> bool {
    PENDING.load(Ordering::Relaxed) && is_cell_thread() && !thread::panicking() && PENDING.swap(false, Ordering::SeqCst)
}

/// Whether interrupts are for this thread.
pub(crate) fn is_cell_thread() -> bool {
    match CELL_THREAD.load(Ordering::Relaxed) {
        0 => thread_id::is_main(),
        id => id == thread_id::current(),
    }
}

/// Names who is to be woken by [`request`] while the cell thread drives a loop; `None` when it no longer does.
pub(crate) fn set_idle_waker(waker: Option<Waker>) {
    let old = std::mem::replace(&mut *idle(), waker);
    // Dropped here, outside the lock: a waker's destructor is not ours.
    drop(old);
}

/// Whether the cell thread currently waits for or runs an event loop.
pub(crate) fn is_loop_driven() -> bool {
    idle().is_some()
}

fn idle() -> MutexGuard<'static, Option<Waker>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Blocks the thread for `duration`, as [`std::thread::sleep`], but unwinds with [`KeyboardInterrupt`] as soon as an
/// interrupt is requested on the cell thread.
pub fn interruptible_sleep(duration: Duration) {
    if is_cell_thread() {
        wait_until(Instant::now().checked_add(duration), &mut || false);
    } else {
        thread::sleep(duration);
    }
}

/// Blocks the thread until `ready` or until `end`, which may lie too far away to be a moment; unwinds with
/// [`KeyboardInterrupt`] as soon as an interrupt is requested on the cell thread. Whoever makes it ready calls [`notify`].
pub(crate) fn wait_until(end: Option<Instant>, ready: &mut dyn FnMut() -> bool) {
    const LONG: Duration = Duration::from_secs(3600);
    let mut guard = idle();
    while !ready() {
        if take() {
            drop(guard);
            raise_interrupt();
        }
        let left = end.map_or(LONG, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return;
        }
        guard = SLEEPER.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Lets those who block in [`wait_until`] look again.
pub(crate) fn notify() {
    // With the lock: nobody is between looking and going to sleep.
    drop(idle());
    SLEEPER.notify_all();
}

/// Runs `body` and returns [`KeyboardInterrupt`] as a value when the user interrupted it: Python's
/// `try: … except KeyboardInterrupt`. Every other panic goes on.
///
/// # Errors
/// [`KeyboardInterrupt`] when `body` unwound with it.
///
/// ```
/// use asyncio::{KeyboardInterrupt, catch_interrupt};
///
/// assert_eq!(catch_interrupt(|| 7), Ok(7));
/// assert_eq!(catch_interrupt(|| std::panic::panic_any(KeyboardInterrupt)), Err::<(), _>(KeyboardInterrupt));
/// ```
pub fn catch_interrupt<T>(body: impl FnOnce() -> T) -> Result<T, KeyboardInterrupt> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => Ok(value),
        Err(payload) if payload.is::<KeyboardInterrupt>() => Err(KeyboardInterrupt),
        Err(payload) => resume_unwind(payload),
    }
}
