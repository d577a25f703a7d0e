//! Who wants to be called when: a heap by deadline, then by order of asking. `sleep` and `call_later` put timers in, the
//! turn takes the due ones out.
//!
//! A cancelled timer stays in the heap until it surfaces, or until more than half of the heap is cancelled: so that
//! cancelling costs nothing, and a program that arms and cancels for ever does not grow.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::task::Waker;

use super::callback::Callback;
use super::clock::Moment;

/// Below this many cancelled timers a sweep is not worth its time (Python's own bound).
const SWEEP_AT_LEAST: usize = 100;

/// One thing to do at a time.
pub(crate) struct Timer {
    fired: Cell<bool>,
    cancelled: Cell<bool>,
    action: Action,
}

enum Action {
    /// Wake the task that sleeps.
    Wake(Cell<Option<Waker>>),
    /// Call a function.
    Call(Rc<Callback>),
}

impl Timer {
    pub(crate) fn sleeper(waker: Waker) -> Self {
        Self { fired: Cell::new(false), cancelled: Cell::new(false), action: Action::Wake(Cell::new(Some(waker))) }
    }

    pub(crate) fn call(callback: Rc<Callback>) -> Self {
        Self { fired: Cell::new(false), cancelled: Cell::new(false), action: Action::Call(callback) }
    }

    pub(crate) fn has_fired(&self) -> bool {
        self.fired.get()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        match &self.action {
            Action::Wake(_) => self.cancelled.get(),
            Action::Call(callback) => callback.is_cancelled(),
        }
    }

    /// Forgets the function, if there is one.
    pub(crate) fn cancel_call(&self) {
        if let Action::Call(callback) = &self.action {
            callback.cancel();
        }
    }

    /// The sleeper is polled by somebody new.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        if let Action::Wake(cell) = &self.action {
            let old = cell.replace(None).filter(|old| old.will_wake(waker));
            cell.set(Some(old.unwrap_or_else(|| waker.clone())));
        }
    }

    /// Marks the timer as having come due; the function to call, when it has one.
    pub(crate) fn fire(&self) -> Option<&Rc<Callback>> {
        if self.is_cancelled() {
            return None;
        }
        self.fired.set(true);
        match &self.action {
            Action::Wake(cell) => {
                if let Some(waker) = cell.take() {
                    waker.wake();
                }
                None
            }
            Action::Call(callback) => Some(callback),
        }
    }
}

struct Entry {
    deadline: Moment,
    order: u64,
    timer: Rc<Timer>,
}

impl Ord for Entry {
    /// Reversed: the heap keeps its greatest entry on top, and the earliest one belongs there.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.deadline, other.order).cmp(&(self.deadline, self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

/// All timers of one loop.
#[derive(Default)]
pub(crate) struct Timers {
    heap: RefCell<BinaryHeap<Entry>>,
    armed: Cell<u64>,
    cancelled: Cell<usize>,
}

impl Timers {
    /// Adds a timer.
    pub(crate) fn arm(&self, deadline: Moment, timer: Rc<Timer>) {
        let order = self.armed.get();
        self.armed.set(order + 1);
        self.heap.borrow_mut().push(Entry { deadline, order, timer });
    }

    /// Takes a timer out of consideration. Harmless for one that has fired.
    pub(crate) fn cancel(&self, timer: &Timer) {
        if timer.has_fired() || timer.cancelled.replace(true) {
            return;
        }
        let waker = match &timer.action {
            Action::Wake(cell) => cell.take(),
            Action::Call(callback) => {
                callback.cancel();
                None
            }
        };
        drop(waker);
        self.cancelled.set(self.cancelled.get() + 1);
        self.sweep();
    }

    fn sweep(&self) {
        let cancelled = self.cancelled.get();
        if cancelled > SWEEP_AT_LEAST && cancelled * 2 > self.heap.borrow().len() {
            let entries = self.heap.take().into_vec();
            let (dead, live): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.timer.is_cancelled());
            self.cancelled.set(0);
            self.heap.replace(live.into());
            drop(dead);
        }
    }

    /// Whether no timer is armed, cancelled ones included.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.borrow().is_empty()
    }

    /// The deadline of the first timer that counts.
    pub(crate) fn first(&self) -> Option<Moment> {
        loop {
            let surfaced = {
                let mut heap = self.heap.borrow_mut();
                let first = heap.peek()?;
                if !first.timer.is_cancelled() {
                    return Some(first.deadline);
                }
                heap.pop()
            };
            self.forget_one(&surfaced);
        }
    }

    /// The earliest timer that is due at `now`, removed.
    pub(crate) fn pop_due(&self, now: Moment) -> Option<Rc<Timer>> {
        let entry = {
            let mut heap = self.heap.borrow_mut();
            if heap.peek()?.deadline > now {
                return None;
            }
            heap.pop()
        };
        self.forget_one(&entry);
        entry.map(|entry| entry.timer)
    }

    fn forget_one(&self, entry: &Option<Entry>) {
        if entry.as_ref().is_some_and(|entry| entry.timer.cancelled.get()) {
            self.cancelled.set(self.cancelled.get().saturating_sub(1));
        }
    }

    /// Drops all timers.
    pub(crate) fn clear(&self) {
        let heap = self.heap.take();
        self.cancelled.set(0);
        drop(heap);
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::task::Waker;
    use std::time::Duration;

    use super::{Moment, Timer, Timers};

    #[test]
    fn timers_come_by_deadline_then_by_order_of_arming() {
        let (timers, now) = (Timers::default(), Moment::real());
        let armed: Vec<_> =
            [20, 10, 20, 10].map(|after| (after, Rc::new(Timer::sleeper(Waker::noop().clone())))).into();
        for (after, timer) in &armed {
            timers.arm(now.after(Duration::from_millis(*after)), Rc::clone(timer));
        }
        assert_eq!(timers.first(), Some(now.after(Duration::from_millis(10))));
        assert!(timers.pop_due(now).is_none(), "never early");
        let order: Vec<_> = std::iter::from_fn(|| timers.pop_due(now.after(Duration::from_secs(1)))).collect();
        let expected = [1, 3, 0, 2].map(|index: usize| &armed[index].1);
        assert!(order.iter().zip(expected).all(|(got, expected)| Rc::ptr_eq(got, expected)));
    }

    #[test]
    fn arming_and_cancelling_for_ever_takes_no_room() {
        let (timers, now) = (Timers::default(), Moment::real());
        for _ in 0..10_000 {
            let timer = Rc::new(Timer::sleeper(Waker::noop().clone()));
            timers.arm(now, Rc::clone(&timer));
            timers.cancel(&timer);
        }
        assert!(timers.heap.borrow().len() <= 101);
        assert_eq!(timers.first(), None);
        assert!(timers.is_empty());
    }
}
