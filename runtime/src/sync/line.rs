//! Who waits for a primitive, longest first. Each of them has one or two lines.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::state::waiter::Waiter;

/// Waiters in the order of their coming. One that was woken stays in line until it runs, unless it was taken out.
#[derive(Default)]
pub(super) struct Line {
    waiters: RefCell<VecDeque<Rc<Waiter>>>,
    /// A waiter whose wait is over, for the next one who comes.
    spare: Cell<Option<Rc<Waiter>>>,
}

impl Line {
    /// A new waiter at the end, which does not heed cancellations.
    pub(super) fn join(&self) -> Rc<Waiter> {
        let waiter = self.spare.take().unwrap_or_else(Waiter::new);
        self.push(&waiter);
        waiter
    }

    /// A new waiter at the end, which heeds cancellations.
    pub(super) fn join_heeding(&self) -> Rc<Waiter> {
        let waiter = Waiter::heeding();
        self.push(&waiter);
        waiter
    }

    fn push(&self, waiter: &Rc<Waiter>) {
        self.waiters.borrow_mut().push_back(Rc::clone(waiter));
    }

    /// Takes a waiter out, wherever it stands.
    pub(super) fn leave(&self, waiter: &Rc<Waiter>) {
        let mut waiters = self.waiters.borrow_mut();
        if let Some(at) = waiters.iter().position(|other| Rc::ptr_eq(other, waiter)) {
            waiters.remove(at);
        }
    }

    /// Keeps a waiter that has left the line, if nobody else refers to it.
    pub(super) fn recycle(&self, waiter: Rc<Waiter>) {
        if Rc::strong_count(&waiter) == 1 {
            waiter.reset();
            self.spare.set(Some(waiter));
        }
    }

    /// Wakes the first in line, if it still waits.
    pub(super) fn wake_first(&self) {
        let first = self.waiters.borrow().front().cloned();
        if let Some(first) = first {
            first.release();
        }
    }

    /// Wakes the first who still waits. Whether there was one.
    pub(super) fn wake_next(&self) -> bool {
        let next = self.waiters.borrow().iter().find(|waiter| waiter.is_waiting()).cloned();
        next.is_some_and(|next| next.release())
    }

    /// Wakes the first `count` who still wait.
    pub(super) fn wake(&self, count: usize) {
        let next: Vec<_> =
            self.waiters.borrow().iter().filter(|waiter| waiter.is_waiting()).take(count).cloned().collect();
        for waiter in next {
            waiter.release();
        }
    }

    /// Takes waiters out up to the first who still waits, and wakes that one.
    pub(super) fn call_next(&self) {
        loop {
            let Some(next) = self.waiters.borrow_mut().pop_front() else { return };
            if next.release() {
                return;
            }
        }
    }

    /// Takes all out and wakes them.
    pub(super) fn call_all(&self) {
        let all = self.waiters.take();
        for waiter in all {
            waiter.release();
        }
    }

    /// Whether anybody is in line whose wait was not cancelled.
    pub(super) fn has_claims(&self) -> bool {
        self.waiters.borrow().iter().any(|waiter| !waiter.is_cancelled())
    }

    /// How many are in line.
    pub(super) fn len(&self) -> usize {
        self.waiters.borrow().len()
    }
}

/// Puts things in order when a wait ends early: its future was dropped, as every cancellation does.
pub(super) struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> OnDrop<F> {
    pub(super) fn new(function: F) -> Self {
        Self(function)
    }

    /// The wait has ended well.
    pub(super) fn disarm(self) {
        std::mem::forget(self);
    }
}

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
