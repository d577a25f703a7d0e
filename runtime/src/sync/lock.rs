//! `Lock`: one at a time, in the order of their coming.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::event::write_waiters;
use super::line::{Line, OnDrop};
use crate::error::misuse;
use crate::state::what::What;
use crate::task::awaiting::awaiting;
use crate::task::wait::Cancelled;

/// Lets one task at a time into a piece of code: Python's `asyncio.Lock`. Clones are the same lock.
///
/// Python's `async with lock:` is `let _guard = lock.acquire().await;`: the lock is released when the guard is dropped. With
/// the guard kept in a variable, [`release`](Self::release) does the same earlier, as Python's `lock.release()`.
///
/// ```
/// use asyncio::{Lock, gather, sleep};
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// let lock = Lock::new();
/// event_loop.run_until_complete(gather((0..3).map(|_| {
///     let lock = lock.clone();
///     async move {
///         let _guard = lock.acquire().await;
///         sleep(0).await;
///         assert!(lock.locked());
///     }
/// })));
/// assert!(!lock.locked());
/// ```
#[derive(Clone, Default)]
pub struct Lock {
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    /// Which acquisition holds the lock; 0 when it is free.
    holder: Cell<u64>,
    acquired: Cell<u64>,
    line: Line,
}

impl Lock {
    /// A lock that is free.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether somebody holds it.
    #[must_use]
    pub fn locked(&self) -> bool {
        self.state.holder.get() != 0
    }

    /// Waits until the lock is free and nobody waits longer, and takes it; gives no turn away when that is so at once.
    /// Cancel-safe: one who is cancelled while it waits passes its place on.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = LockGuard> {
        awaiting(What::Lock, async move {
            if self.locked() || self.state.line.has_claims() {
                let line = &self.state.line;
                let waiter = line.join();
                let passing_on = OnDrop::new(|| {
                    line.leave(&waiter);
                    if !self.locked() {
                        line.wake_first();
                    }
                });
                let _ = waiter.wait().await;
                passing_on.disarm();
                line.leave(&waiter);
            }
            self.state.acquired.set(self.state.acquired.get() + 1);
            let holder = self.state.acquired.get();
            self.state.holder.set(holder);
            LockGuard { lock: self.clone(), holder }
        })
    }

    /// Takes the lock again for an acquisition that has lent it, heeding cancellations.
    pub(super) async fn reacquire(&self, holder: u64) -> Result<(), Cancelled> {
        if self.locked() || self.state.line.has_claims() {
            let line = &self.state.line;
            let waiter = line.join_heeding();
            let passing_on = OnDrop::new(|| {
                line.leave(&waiter);
                if !self.locked() {
                    line.wake_first();
                }
            });
            waiter.wait().await?;
            passing_on.disarm();
            line.leave(&waiter);
        }
        self.state.holder.set(holder);
        Ok(())
    }

    /// Which acquisition holds the lock.
    pub(super) fn holder(&self) -> u64 {
        self.state.holder.get()
    }

    /// Frees the lock, whoever holds it, and wakes the first who waits. Its guard has no effect from then on.
    ///
    /// # Panics
    /// Raises [`RuntimeError`](crate::RuntimeError) "Lock is not acquired."
    #[track_caller]
    pub fn release(&self) {
        if !self.locked() {
            misuse("Lock is not acquired.");
        }
        self.free();
    }

    pub(super) fn free(&self) {
        self.state.holder.set(0);
        self.state.line.wake_first();
    }
}

/// As Python's: `<Lock [unlocked]>`, `<Lock [locked, waiters:1]>`.
impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Lock [{}", if self.locked() { "locked" } else { "unlocked" })?;
        write_waiters(f, &self.state.line)
    }
}

/// The lock is held while this lives. It needs no borrow, so it may be kept in a notebook's variable.
///
/// ```
/// use asyncio::sync::{Lock, LockGuard};
///
/// asyncio::run(async {
///     let lock = Lock::new();
///     let guard: LockGuard = lock.acquire().await;
///     drop(guard);
///     assert!(!lock.locked());
///
///     lock.acquire().await.forget();
///     assert!(lock.locked());
///     lock.release();
///     assert!(!lock.locked());
/// });
/// ```
#[must_use = "the lock is released when its guard is dropped: write `let _guard = lock.acquire().await;`"]
pub struct LockGuard {
    lock: Lock,
    holder: u64,
}

impl LockGuard {
    /// Lets the lock stay locked, for a later [`Lock::release`].
    pub fn forget(mut self) {
        self.holder = u64::MAX;
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if self.lock.holder() == self.holder {
            self.lock.free();
        }
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<LockGuard of {:?}>", self.lock)
    }
}
