//! `Semaphore`, `BoundedSemaphore`: so many at a time, in the order of their coming.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::event::write_waiters;
use super::line::{Line, OnDrop};
use crate::error::value_error;
use crate::state::what::What;
use crate::task::awaiting::awaiting;

/// Lets a number of tasks at a time into a piece of code: Python's `asyncio.Semaphore`. Clones are the same semaphore.
///
/// Python's `async with semaphore:` is `let _permit = semaphore.acquire().await;`.
///
/// ```
/// use asyncio::{Semaphore, gather, sleep};
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// let two = Semaphore::new(2);
/// event_loop.run_until_complete(gather((0..8).map(|_| {
///     let two = two.clone();
///     async move {
///         let _permit = two.acquire().await;
///         sleep(0.001).await;
///     }
/// })));
/// assert!(!two.locked());
/// ```
#[derive(Clone)]
pub struct Semaphore {
    state: Rc<State>,
}

struct State {
    value: Cell<usize>,
    /// What the value may not exceed.
    bound: usize,
    line: Line,
}

impl Semaphore {
    /// A semaphore with `value` permits; with 0, all wait until somebody calls [`release`](Self::release).
    #[must_use]
    pub fn new(value: usize) -> Self {
        Self::with_bound(value, usize::MAX)
    }

    fn with_bound(value: usize, bound: usize) -> Self {
        Self { state: Rc::new(State { value: Cell::new(value), bound, line: Line::default() }) }
    }

    /// Whether [`acquire`](Self::acquire) would have to wait.
    #[must_use]
    pub fn locked(&self) -> bool {
        self.state.value.get() == 0 || self.state.line.has_claims()
    }

    /// Waits until a permit is free and nobody waits longer, and takes it; gives no turn away when that is so at once.
    /// Cancel-safe: one who is cancelled while it waits passes its place on.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Permit> {
        awaiting(What::Semaphore, async move {
            let state = &*self.state;
            if self.locked() {
                let waiter = state.line.join();
                let passing_on = OnDrop::new(|| {
                    state.line.leave(&waiter);
                    if !waiter.is_cancelled() && !waiter.is_waiting() {
                        state.add();
                    }
                });
                let _ = waiter.wait().await;
                passing_on.disarm();
                state.line.leave(&waiter);
                if state.value.get() > 0 {
                    state.pass();
                }
            } else {
                state.value.set(state.value.get() - 1);
            }
            Permit { semaphore: Some(self.clone()) }
        })
    }

    /// Adds a permit, one that was [forgotten](Permit::forget) or a new one, and wakes the first who waits.
    pub fn release(&self) {
        self.state.add();
    }
}

impl State {
    fn add(&self) {
        if self.value.get() < self.bound {
            self.value.set(self.value.get() + 1);
            self.pass();
        }
    }

    /// Gives a permit to the first who still waits.
    fn pass(&self) {
        if self.line.wake_next() {
            self.value.set(self.value.get() - 1);
        }
    }

    fn write(&self, name: &str, locked: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if locked {
            write!(f, "<{name} [locked")?;
        } else {
            write!(f, "<{name} [unlocked, value:{}", self.value.get())?;
        }
        write_waiters(f, &self.line)
    }
}

/// As Python's: `<Semaphore [unlocked, value:1]>`.
impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.write("Semaphore", self.locked(), f)
    }
}

/// A semaphore whose value never exceeds the initial one: Python's `asyncio.BoundedSemaphore`. Clones are the same.
///
/// ```
/// let one = asyncio::BoundedSemaphore::new(1);
/// assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| one.release())).is_err());
/// ```
#[derive(Clone)]
pub struct BoundedSemaphore {
    inner: Semaphore,
}

impl BoundedSemaphore {
    /// A semaphore with `value` permits.
    #[must_use]
    pub fn new(value: usize) -> Self {
        Self { inner: Semaphore::with_bound(value, value) }
    }

    /// As [`Semaphore::locked`].
    #[must_use]
    pub fn locked(&self) -> bool {
        self.inner.locked()
    }

    /// As [`Semaphore::acquire`].
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Permit> {
        self.inner.acquire()
    }

    /// Gives a [forgotten](Permit::forget) permit back.
    ///
    /// # Panics
    /// Raises [`ValueError`](crate::ValueError) "BoundedSemaphore released too many times".
    #[track_caller]
    pub fn release(&self) {
        if self.inner.state.value.get() >= self.inner.state.bound {
            value_error("BoundedSemaphore released too many times");
        }
        self.inner.release();
    }
}

/// As Python's: `<BoundedSemaphore [locked]>`.
impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.state.write("BoundedSemaphore", self.locked(), f)
    }
}

/// A permit is taken while this lives.
///
/// ```
/// use asyncio::sync::{Permit, Semaphore};
///
/// asyncio::run(async {
///     let semaphore = Semaphore::new(1);
///     let permit: Permit = semaphore.acquire().await;
///     assert!(semaphore.locked());
///     permit.forget();
///     assert!(semaphore.locked());
///     semaphore.release();
///     assert!(!semaphore.locked());
/// });
/// ```
#[must_use = "the permit is given back when this is dropped: write `let _permit = semaphore.acquire().await;`"]
pub struct Permit {
    semaphore: Option<Semaphore>,
}

impl Permit {
    /// Keeps the permit, for a later `release` of the semaphore.
    pub fn forget(mut self) {
        self.semaphore = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(semaphore) = self.semaphore.take() {
            semaphore.state.add();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Permit of {:?}>", self.semaphore)
    }
}
