//! Who wants to be called when. `sleep` and `call_later` put timers in, the turn takes the due ones out, by deadline,
//! then by order of asking.
//!
//! A timer is a place in a table, which its owner knows by a key; the heap holds keys only. Cancelling empties the
//! place, and the key surfaces in the heap for nothing, unless more than half of the heap is like that: then it is
//! swept. So cancelling costs next to nothing, and a program that arms and cancels for ever does not grow.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;
use std::task::Waker;

use super::callback::Callback;
use super::clock::Moment;
use super::radix::RadixHeap;
use crate::error::misuse;

/// Below this many cancelled timers a sweep is not worth its time (Python's own bound).
const SWEEP_AT_LEAST: usize = 100;

/// A timer's place, and which tenant of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey {
    place: u32,
    tenant: u32,
}

/// What to do at the time.
pub(crate) enum Action {
    /// Wake the task that sleeps.
    Wake(Waker),
    /// Call a function.
    Call(Rc<Callback>),
}

/// A timer as the table holds it.
enum Timer {
    None,
    Armed(Action),
    /// Its time has come; it waits in the ready queue.
    Due(Action),
}

struct Place {
    timer: Timer,
    tenant: u32,
}

/// All timers of a loop.
#[derive(Default)]
pub(crate) struct Timers {
    table: RefCell<Table>,
}

#[derive(Default)]
struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
    heap: RadixHeap<TimerKey>,
    /// How many keys in the heap belong to nobody.
    dead: usize,
}

impl Table {
    #[inline]
    fn find(&mut self, key: TimerKey) -> Option<&mut Timer> {
        let place = &mut self.places[key.place as usize];
        (place.tenant == key.tenant).then_some(&mut place.timer)
    }

    fn settle(&mut self, action: Action) -> TimerKey {
        let timer = Timer::Armed(action);
        if let Some(place) = self.free.pop() {
            let free = &mut self.places[place as usize];
            free.timer = timer;
            return TimerKey { place, tenant: free.tenant };
        }
        let place = u32::try_from(self.places.len()).unwrap_or_else(|_| misuse("too many timers"));
        self.places.push(Place { timer, tenant: 0 });
        TimerKey { place, tenant: 0 }
    }

    fn vacate(&mut self, key: TimerKey) -> Timer {
        let place = &mut self.places[key.place as usize];
        if place.tenant != key.tenant {
            return Timer::None;
        }
        place.tenant = place.tenant.wrapping_add(1);
        self.free.push(key.place);
        mem::replace(&mut place.timer, Timer::None)
    }

    fn sweep(&mut self) {
        if self.dead > SWEEP_AT_LEAST && self.dead * 2 > self.heap.len() {
            let places = &self.places;
            self.heap.retain(|key| places[key.place as usize].tenant == key.tenant);
            self.dead = 0;
        }
    }
}

impl Timers {
    /// Adds a timer.
    pub(crate) fn arm(&self, deadline: Moment, action: Action) -> TimerKey {
        let mut table = self.table.borrow_mut();
        let key = table.settle(action);
        table.heap.push(deadline.nanoseconds(), key);
        key
    }

    /// Whether the timer has neither fired nor been cancelled.
    pub(crate) fn is_armed(&self, key: TimerKey) -> bool {
        self.table.borrow_mut().find(key).is_some()
    }

    /// The sleeper is polled by somebody who may be new.
    pub(crate) fn set_waker(&self, key: TimerKey, waker: &Waker) {
        let old = {
            let mut table = self.table.borrow_mut();
            match table.find(key) {
                Some(Timer::Armed(Action::Wake(known)) | Timer::Due(Action::Wake(known)))
                    if !known.will_wake(waker) =>
                {
                    Some(mem::replace(known, waker.clone()))
                }
                _ => None,
            }
        };
        // Somebody else's waker may run anything when it is dropped.
        drop(old);
    }

    /// Takes a timer away. Harmless for one that has fired.
    pub(crate) fn cancel(&self, key: TimerKey) {
        let timer = {
            let mut table = self.table.borrow_mut();
            let timer = table.vacate(key);
            if matches!(timer, Timer::Armed(_)) {
                table.dead += 1;
                table.sweep();
            }
            timer
        };
        drop(timer);
    }

    /// The deadline of the first timer. It may be one that was cancelled, but not if all were.
    #[inline]
    pub(crate) fn first(&self) -> Option<Moment> {
        let table = self.table.borrow();
        if table.heap.len() == table.dead {
            return None;
        }
        table.heap.least().map(Moment::from_nanoseconds)
    }

    /// The earliest timer that is due at `now`, which has to be fired then.
    #[inline]
    pub(crate) fn pop_due(&self, now: Moment) -> Option<TimerKey> {
        let mut table = self.table.borrow_mut();
        loop {
            let key = table.heap.pop_up_to(now.nanoseconds())?;
            if let Some(timer) = table.find(key) {
                if let Timer::Armed(action) = mem::replace(timer, Timer::None) {
                    *timer = Timer::Due(action);
                }
                return Some(key);
            }
            table.dead -= 1;
        }
    }

    /// What to do for a timer that came due, unless it was cancelled after all.
    #[inline]
    pub(crate) fn fire(&self, key: TimerKey) -> Option<Action> {
        match self.table.borrow_mut().vacate(key) {
            Timer::Armed(action) | Timer::Due(action) => Some(action),
            Timer::None => None,
        }
    }

    /// Drops all timers.
    pub(crate) fn clear(&self) {
        let timers: Vec<_> = {
            let mut table = self.table.borrow_mut();
            table.heap = RadixHeap::default();
            table.dead = 0;
            (0..table.places.len() as u32)
                .map(|place| {
                    let tenant = table.places[place as usize].tenant;
                    // Free places are vacated too, which does no harm: the table is not used again.
                    table.vacate(TimerKey { place, tenant })
                })
                .collect()
        };
        drop(timers);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use super::{Action, Moment, Timers};

    fn sleeper() -> Action {
        Action::Wake(Waker::noop().clone())
    }

    #[test]
    fn timers_come_by_deadline_then_by_order_of_arming() {
        let (timers, now) = (Timers::default(), Moment::real());
        let after = |milliseconds| now.after(Duration::from_millis(milliseconds));
        let keys = [20, 10, 20, 10].map(|milliseconds| timers.arm(after(milliseconds), sleeper()));
        assert_eq!(timers.first(), Some(after(10)));
        assert!(timers.pop_due(now).is_none(), "never early");
        let order: Vec<_> = std::iter::from_fn(|| timers.pop_due(after(1000))).collect();
        assert_eq!(order, [1, 3, 0, 2].map(|index: usize| keys[index]));
    }

    #[test]
    fn a_cancelled_timer_does_not_fire_even_when_it_is_due() {
        let (timers, now) = (Timers::default(), Moment::real());
        let (first, second) = (timers.arm(now, sleeper()), timers.arm(now, sleeper()));
        timers.cancel(first);
        assert!(!timers.is_armed(first) && timers.is_armed(second));
        assert_eq!(timers.pop_due(now), Some(second));
        timers.cancel(second);
        assert!(timers.fire(second).is_none() && timers.pop_due(now).is_none());
        let third = timers.arm(now, sleeper());
        timers.cancel(first);
        assert!(timers.is_armed(third), "an old key means nobody");
    }

    #[test]
    fn arming_and_cancelling_for_ever_takes_no_room() {
        let (timers, now) = (Timers::default(), Moment::real());
        for _ in 0..10_000 {
            let key = timers.arm(now, sleeper());
            timers.cancel(key);
        }
        assert!(timers.table.borrow().heap.len() <= 101);
        assert_eq!(timers.table.borrow().places.len(), 1);
        assert_eq!(timers.first(), None);
    }
}
