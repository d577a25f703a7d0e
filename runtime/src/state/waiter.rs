//! A place to wait that is no task: what a lock, a queue or a timeout suspends its caller on, and where a cancellation
//! of that caller arrives. Everything in `sync` and `combine` waits here (`task/wait.rs`);
//! `step.rs` delivers cancellations.
//!
//! A waiter plays the part that a bare future has in Python: it is released or cancelled once, and whoever looks through
//! a list of waiters sees at once which of them still wait.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Waker;

use super::cell::AnyCell;

/// What a task awaits.
#[derive(Clone)]
pub(crate) enum Awaited {
    /// A task, a gathering, or a future completed by hand.
    Future(Rc<AnyCell>),
    /// A primitive.
    Waiter(Rc<Waiter>),
}

impl Awaited {
    /// Passes a cancellation on. True when the awaiter is woken to take note of it, or will be when what it awaits has
    /// ended; false when nobody there heeds it, so that the awaiter's coroutine is to be dropped.
    pub(crate) fn cancel(&self) -> bool {
        match self {
            Self::Future(cell) => cell.cancel(),
            Self::Waiter(waiter) => waiter.cancel(),
        }
    }
}

/// How far a wait is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Released,
    Cancelled,
}

/// One place to wait, for one task.
pub(crate) struct Waiter {
    pub(crate) state: Cell<State>,
    /// A cancellation wakes the one who waits, who then tidies up and raises it; otherwise its coroutine is dropped.
    heeds: bool,
    /// What the body of a scope awaits: a cancellation of the scope goes there first.
    pub(crate) inner: Cell<Option<Awaited>>,
    pub(crate) waker: Cell<Option<Waker>>,
}

impl Waiter {
    /// For a wait that tidies up in its destructor.
    pub(crate) fn new() -> Rc<Self> {
        Self::with(false)
    }

    /// For a wait that has something left to await when it is cancelled.
    pub(crate) fn heeding() -> Rc<Self> {
        Self::with(true)
    }

    fn with(heeds: bool) -> Rc<Self> {
        Rc::new(Self { state: Cell::new(State::Waiting), heeds, inner: Cell::new(None), waker: Cell::new(None) })
    }

    /// Makes the waiter new again, for the next wait of its only owner.
    pub(crate) fn reset(&self) {
        self.state.set(State::Waiting);
        drop(self.waker.take());
        drop(self.inner.take());
    }

    /// Whether it has been neither released nor cancelled.
    pub(crate) fn is_waiting(&self) -> bool {
        self.state.get() == State::Waiting
    }

    /// Whether it was cancelled before anybody released it.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.state.get() == State::Cancelled
    }

    /// Ends the wait; false when it had ended already.
    pub(crate) fn release(&self) -> bool {
        self.leave(State::Released)
    }

    /// A cancellation arrives; see [`Awaited::cancel`].
    pub(crate) fn cancel(&self) -> bool {
        if let Some(inner) = self.inner.take() {
            let delivered = inner.cancel();
            self.inner.set(Some(inner));
            if delivered {
                return true;
            }
        }
        // One that was released a moment ago hears of the cancellation all the same, if it heeds any.
        let now = self.leave(State::Cancelled);
        if self.heeds && !now {
            self.state.set(State::Cancelled);
        }
        self.heeds
    }

    fn leave(&self, state: State) -> bool {
        if !self.is_waiting() {
            return false;
        }
        self.state.set(state);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        true
    }
}
