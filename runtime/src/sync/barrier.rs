//! `Barrier`: nobody goes on before a number of tasks have come.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use super::condition::Condition;
use super::line::OnDrop;
use crate::error::value_error;
use crate::state::what::What;
use crate::task::awaiting::awaiting;

/// A point that a number of tasks pass together, again and again: Python's `asyncio.Barrier`. Clones are the same barrier.
///
/// ```
/// use asyncio::{Barrier, gather};
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// let barrier = Barrier::new(3);
/// let together = gather((0..3).map(|_| {
///     let barrier = barrier.clone();
///     async move { barrier.wait().await.unwrap() }
/// }));
/// assert_eq!(event_loop.run_until_complete(together), [0, 1, 2]);
/// ```
#[derive(Clone)]
pub struct Barrier {
    state: Rc<State>,
}

struct State {
    news: Condition,
    parties: usize,
    phase: Cell<Phase>,
    count: Cell<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Filling,
    Draining,
    Resetting,
    Broken,
}

/// The barrier was reset or aborted while a task waited at it: Python's `asyncio.BrokenBarrierError`.
///
/// ```
/// use asyncio::{Barrier, BrokenBarrierError, ensure_future, sleep};
///
/// asyncio::run(async {
///     let barrier = Barrier::new(2);
///     let inside = barrier.clone();
///     let waiter = ensure_future(async move { inside.wait().await });
///     sleep(0).await;
///     assert_eq!((barrier.parties(), barrier.n_waiting()), (2, 1));
///     barrier.reset().await;
///     assert_eq!(waiter.await, Err(BrokenBarrierError));
///     barrier.abort().await;
///     assert!(barrier.broken());
///     assert_eq!(barrier.wait().await, Err(BrokenBarrierError));
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenBarrierError;

impl fmt::Display for BrokenBarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier was reset or aborted")
    }
}

impl Error for BrokenBarrierError {}

impl Barrier {
    /// A barrier for `parties` tasks.
    ///
    /// # Panics
    /// Raises [`ValueError`](crate::ValueError) "parties must be > 0".
    #[track_caller]
    #[must_use]
    pub fn new(parties: usize) -> Self {
        if parties < 1 {
            value_error("parties must be > 0");
        }
        let phase = Cell::new(Phase::Filling);
        Self { state: Rc::new(State { news: Condition::new(), parties, phase, count: Cell::new(0) }) }
    }

    /// Waits until all parties have come. The number, from 0, says how many had come before.
    ///
    /// A task that is cancelled while it waits leaves the barrier, which then waits for another one.
    ///
    /// # Errors
    /// [`BrokenBarrierError`] when the barrier is [aborted](Self::abort), or is [reset](Self::reset) meanwhile.
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = Result<usize, BrokenBarrierError>> {
        awaiting(What::Barrier, async move {
            let state = &*self.state;
            let _guard = state.news.acquire().await;
            // The barrier may still let the former ones out.
            state.news.wait_for(|| !matches!(state.phase.get(), Phase::Draining | Phase::Resetting)).await;
            if state.phase.get() == Phase::Broken {
                return Err(BrokenBarrierError);
            }
            let index = state.count.get();
            state.count.set(index + 1);
            let _leave = OnDrop::new(|| state.leave());
            if index + 1 == state.parties {
                state.phase.set(Phase::Draining);
                state.news.notify_all();
            } else {
                state.news.wait_for(|| state.phase.get() != Phase::Filling).await;
                if matches!(state.phase.get(), Phase::Broken | Phase::Resetting) {
                    return Err(BrokenBarrierError);
                }
            }
            Ok(index)
        })
    }

    /// Makes the barrier as new; who waits gets [`BrokenBarrierError`]. Cancel-safe.
    #[track_caller]
    pub fn reset(&self) -> impl Future<Output = ()> {
        awaiting(What::Barrier, async move {
            let state = &*self.state;
            let _guard = state.news.acquire().await;
            state.phase.set(if state.count.get() > 0 { Phase::Resetting } else { Phase::Filling });
            state.news.notify_all();
        })
    }

    /// Makes the barrier unusable: who waits, and who comes later, gets [`BrokenBarrierError`]. Cancel-safe.
    #[track_caller]
    pub fn abort(&self) -> impl Future<Output = ()> {
        awaiting(What::Barrier, async move {
            let state = &*self.state;
            let _guard = state.news.acquire().await;
            state.phase.set(Phase::Broken);
            state.news.notify_all();
        })
    }

    /// How many tasks pass together.
    #[must_use]
    pub fn parties(&self) -> usize {
        self.state.parties
    }

    /// How many wait now.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        if self.state.phase.get() == Phase::Filling { self.state.count.get() } else { 0 }
    }

    /// Whether it was aborted.
    #[must_use]
    pub fn broken(&self) -> bool {
        self.state.phase.get() == Phase::Broken
    }
}

impl State {
    /// The last one who leaves opens the barrier for the next ones.
    fn leave(&self) {
        self.count.set(self.count.get() - 1);
        if self.count.get() == 0 {
            if matches!(self.phase.get(), Phase::Resetting | Phase::Draining) {
                self.phase.set(Phase::Filling);
            }
            self.news.wake_all();
        }
    }
}

/// As Python's: `<Barrier [filling, waiters:1/3]>`.
impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = format!("{:?}", self.state.phase.get()).to_lowercase();
        if self.broken() {
            write!(f, "<Barrier [{phase}]>")
        } else {
            write!(f, "<Barrier [{phase}, waiters:{}/{}]>", self.n_waiting(), self.parties())
        }
    }
}
