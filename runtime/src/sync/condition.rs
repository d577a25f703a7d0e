//! `Condition`: wait, with a lock lent to others, until one of them says that something has changed.

use std::fmt;
use std::rc::Rc;

use super::event::write_waiters;
use super::line::{Line, OnDrop};
use super::lock::{Lock, LockGuard};
use crate::error::{misuse, raise_cancelled};
use crate::state::what::What;
use crate::task::awaiting::awaiting;

/// A lock and a place to wait for news: Python's `asyncio.Condition`. Clones are the same condition.
///
/// ```
/// use asyncio::{Condition, ensure_future};
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// let news = Condition::new();
/// let reader = news.clone();
/// let reading = ensure_future(async move {
///     let _guard = reader.acquire().await;
///     reader.wait().await;
///     assert!(reader.locked());
/// });
/// event_loop.run_until_complete(async move {
///     let _guard = news.acquire().await;
///     news.notify_all();
/// });
/// event_loop.run_until_complete(reading);
/// ```
#[derive(Clone, Default)]
pub struct Condition {
    lock: Lock,
    line: Rc<Line>,
}

impl Condition {
    /// A condition with a lock of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A condition that shares `lock`: Python's `Condition(lock)`.
    ///
    /// ```
    /// use asyncio::{Condition, Lock, ensure_future, sleep};
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// asyncio::run(async {
    ///     let lock = Lock::new();
    ///     let (changed, count) = (Condition::with_lock(&lock), Rc::new(Cell::new(0)));
    ///     let (inside, seen) = (changed.clone(), Rc::clone(&count));
    ///     let waiter = ensure_future(async move {
    ///         let _guard = inside.acquire().await;
    ///         inside.wait_for(|| seen.get() == 2).await;
    ///     });
    ///     for _ in 0..2 {
    ///         sleep(0).await;
    ///         changed.acquire().await.forget();
    ///         count.set(count.get() + 1);
    ///         changed.notify(1);
    ///         assert!(lock.locked());
    ///         changed.release();
    ///     }
    ///     waiter.await;
    /// });
    /// ```
    #[must_use]
    pub fn with_lock(lock: &Lock) -> Self {
        Self { lock: lock.clone(), line: Rc::default() }
    }

    /// As [`Lock::acquire`].
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = LockGuard> {
        self.lock.acquire()
    }

    /// As [`Lock::locked`].
    #[must_use]
    pub fn locked(&self) -> bool {
        self.lock.locked()
    }

    /// As [`Lock::release`].
    ///
    /// # Panics
    /// As [`Lock::release`].
    #[track_caller]
    pub fn release(&self) {
        self.lock.release();
    }

    /// Releases the lock, waits to be notified, and takes the lock again; the guard that was got before stays valid.
    ///
    /// A task that is cancelled while it waits still waits for the lock before its
    /// [`CancelledError`](crate::CancelledError) is raised, as in Python. A future that is dropped instead gives its place
    /// up and leaves the lock released; the guard then has no effect. A notification to one that is cancelled in the same
    /// turn is lost, as in Python 3.11.
    ///
    /// # Panics
    /// Raises [`RuntimeError`](crate::RuntimeError) "cannot wait on un-acquired lock".
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = ()> {
        awaiting(What::Condition, async move {
            if !self.locked() {
                misuse("cannot wait on un-acquired lock");
            }
            let holder = self.lock.holder();
            self.lock.free();
            let waiter = self.line.join_heeding();
            let leaving = OnDrop::new(|| self.line.leave(&waiter));
            let mut cancelled = waiter.wait().await.is_err();
            drop(leaving);
            while self.lock.reacquire(holder).await.is_err() {
                cancelled = true;
            }
            if cancelled {
                raise_cancelled();
            }
        })
    }

    /// Waits until `predicate` holds, asking it again after each notification.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_for(&self, mut predicate: impl FnMut() -> bool) -> impl Future<Output = ()> {
        awaiting(What::Condition, async move {
            while !predicate() {
                self.wait().await;
            }
        })
    }

    /// Wakes the first `count` who wait; they go on once the lock is free.
    ///
    /// # Panics
    /// Raises [`RuntimeError`](crate::RuntimeError) "cannot notify on un-acquired lock".
    #[track_caller]
    pub fn notify(&self, count: usize) {
        if !self.locked() {
            misuse("cannot notify on un-acquired lock");
        }
        self.line.wake(count);
    }

    /// Wakes all who wait.
    ///
    /// # Panics
    /// As [`notify`](Self::notify).
    #[track_caller]
    pub fn notify_all(&self) {
        self.notify(usize::MAX);
    }

    /// As [`notify_all`](Self::notify_all), for destructors, which may run when the lock has been lost.
    pub(super) fn wake_all(&self) {
        self.line.wake(usize::MAX);
    }
}

/// As Python's: `<Condition [locked, waiters:1]>`.
impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Condition [{}", if self.locked() { "locked" } else { "unlocked" })?;
        write_waiters(f, &self.line)
    }
}
