//! Who wants to be called when. `sleep` and `call_later` put timers in, the turn takes the due ones out, by deadline,
//! then by order of asking.
//!
//! A timer is a place in a table, which its owner knows by a key; the heap holds the key and whom to wake. Cancelling
//! empties the place, and the key surfaces in the heap for nothing, unless more than half of the heap is like that:
//! then it is swept. So cancelling costs next to nothing, and a program that arms and cancels for ever does not grow.
//!
//! With a million timers nearly every look at a place misses the processor's cache, so a place is four bytes. What few
//! timers have, a function or somebody else's waker, lies elsewhere.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::rc::Rc;
use std::task::Waker;

use super::callback::Callback;
use super::clock::Moment;
use super::free::Free;
use super::key::Key;
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
    /// Make a step of the task that sleeps.
    Step(Key),
    /// Wake whoever sleeps.
    Wake(Waker),
    /// Call a function.
    Call(Rc<Callback>),
}

impl Action {
    /// What wakes a sleeper.
    #[inline]
    pub(crate) fn wake(waker: &Waker) -> Self {
        Key::of(waker).map_or_else(|| Self::Wake(waker.clone()), Self::Step)
    }
}

/// A timer on its way through the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    key: TimerKey,
    /// Whom to wake, unless its place says that it is another action.
    sleeper: Key,
}

/// The tenant of a place, above two marks.
#[derive(Clone, Copy)]
struct Place(u32);

impl Place {
    /// The time has come; the timer has left the heap.
    const DUE: u32 = 1;
    /// Its action is among the others.
    const OTHER: u32 = 2;
    const MARKS: u32 = Self::DUE | Self::OTHER;

    fn tenant(self) -> u32 {
        self.0 & !Self::MARKS
    }

    fn has(self, mark: u32) -> bool {
        self.0 & mark != 0
    }

    /// Whoever comes next: tenants start anew after a billion.
    fn next(self) -> Self {
        Self(self.tenant().wrapping_add(Self::MARKS + 1))
    }
}

/// All timers of a loop.
#[derive(Default)]
pub(crate) struct Timers {
    table: RefCell<Table>,
}

#[derive(Default)]
struct Table {
    places: Vec<Place>,
    free: Free,
    heap: RadixHeap<Timer>,
    /// Those that have left the heap and wait for their turn.
    due: VecDeque<Timer>,
    /// What is more than the step of a task, by place.
    others: HashMap<u32, Action>,
    /// How many keys in the heap belong to nobody.
    dead: usize,
}

impl Table {
    #[inline]
    fn find(&mut self, key: TimerKey) -> Option<&mut Place> {
        self.places.get_mut(key.place as usize).filter(|place| place.tenant() == key.tenant)
    }

    fn settle(&mut self) -> TimerKey {
        if let Some(place) = self.free.take() {
            return TimerKey { place, tenant: self.places[place as usize].tenant() };
        }
        let place = u32::try_from(self.places.len()).unwrap_or_else(|_| misuse("too many timers"));
        self.places.push(Place(0));
        TimerKey { place, tenant: 0 }
    }

    /// Sets the action of a timer that does more than make a step of its sleeper; what it did before.
    fn set_other(&mut self, key: TimerKey, action: Action) -> Option<Action> {
        let place = self.find(key)?;
        place.0 |= Place::OTHER;
        self.others.insert(key.place, action)
    }

    /// Makes room for another timer: how the old one stood, and what it would have done if that is among the others.
    #[inline]
    fn vacate(&mut self, key: TimerKey) -> Option<(Place, Option<Action>)> {
        let place = self.find(key)?;
        let old = mem::replace(place, place.next());
        self.free.give(key.place);
        let other = if old.has(Place::OTHER) { self.others.remove(&key.place) } else { None };
        Some((old, other))
    }

    fn sweep(&mut self) {
        if self.dead > SWEEP_AT_LEAST && self.dead * 2 > self.heap.len() {
            let places = &self.places;
            self.heap.retain(|timer| places[timer.key.place as usize].tenant() == timer.key.tenant);
            self.dead = 0;
        }
    }
}

impl Timers {
    /// Adds a timer.
    pub(crate) fn arm(&self, deadline: Moment, action: Action) -> TimerKey {
        let mut table = self.table.borrow_mut();
        let key = table.settle();
        let sleeper = match action {
            Action::Step(sleeper) => sleeper,
            other => {
                table.set_other(key, other);
                Key::NOWHERE
            }
        };
        table.heap.push(deadline.nanoseconds(), Timer { key, sleeper });
        key
    }

    /// Whether the timer has neither fired nor been cancelled.
    #[inline]
    pub(crate) fn is_armed(&self, key: TimerKey) -> bool {
        self.table.borrow_mut().find(key).is_some()
    }

    /// The sleeper is polled by somebody new.
    pub(crate) fn set_waker(&self, key: TimerKey, waker: &Waker) {
        let old = {
            let mut table = self.table.borrow_mut();
            if matches!(table.others.get(&key.place), Some(Action::Wake(known)) if known.will_wake(waker)) {
                return;
            }
            table.set_other(key, Action::wake(waker))
        };
        // Somebody else's waker may run anything when it is dropped.
        drop(old);
    }

    /// Takes a timer away. Harmless for one that has fired.
    pub(crate) fn cancel(&self, key: TimerKey) {
        let other = {
            let mut table = self.table.borrow_mut();
            let Some((old, other)) = table.vacate(key) else { return };
            if !old.has(Place::DUE) {
                table.dead += 1;
                table.sweep();
            }
            other
        };
        drop(other);
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

    /// Takes the timers that are due at `now` out of the heap, earliest first. How many: so often has
    /// [`fire`](Self::fire) to be called.
    pub(crate) fn ring(&self, now: Moment) -> usize {
        let mut table = self.table.borrow_mut();
        let before = table.due.len();
        while let Some(timer) = table.heap.pop_up_to(now.nanoseconds()) {
            match table.find(timer.key) {
                Some(place) => {
                    place.0 |= Place::DUE;
                    table.due.push_back(timer);
                }
                None => table.dead -= 1,
            }
        }
        table.due.len() - before
    }

    /// What to do for the first of the timers that came due, unless it was cancelled after all.
    #[inline]
    pub(crate) fn fire(&self) -> Option<Action> {
        let mut table = self.table.borrow_mut();
        let timer = table.due.pop_front()?;
        let (_, other) = table.vacate(timer.key)?;
        Some(other.unwrap_or(Action::Step(timer.sleeper)))
    }

    /// Whom the timer wakes that fires after `ahead` others.
    #[inline]
    pub(crate) fn sleeper(&self, ahead: usize) -> Option<Key> {
        self.table.borrow().due.get(ahead).map(|timer| timer.sleeper)
    }

    /// The tasks that sleep, by address, and until when.
    pub(crate) fn sleepers(&self) -> HashMap<Key, Moment> {
        let table = self.table.borrow();
        let is_armed = |timer: &Timer| table.places[timer.key.place as usize].tenant() == timer.key.tenant;
        let armed = table.heap.iter().filter(|(_, timer)| is_armed(timer));
        armed.map(|(deadline, timer)| (timer.sleeper, Moment::from_nanoseconds(deadline))).collect()
    }

    /// Drops all timers.
    pub(crate) fn clear(&self) {
        let table = self.table.take();
        drop(table);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use super::{Action, Key, Moment, Timers};

    fn sleeper(number: u32) -> Action {
        Action::Step(Key::new(0, 0, number))
    }

    /// What fires at `now`: of each timer the number of its sleeper.
    fn fired(timers: &Timers, now: Moment) -> Vec<usize> {
        (0..timers.ring(now))
            .filter_map(|_| match timers.fire()? {
                Action::Step(key) => Some(key.place()),
                Action::Wake(_) | Action::Call(_) => Some(usize::MAX),
            })
            .collect()
    }

    #[test]
    fn timers_come_by_deadline_then_by_order_of_arming() {
        let (timers, now) = (Timers::default(), Moment::real());
        let after = |milliseconds| now.after(Duration::from_millis(milliseconds));
        for (number, milliseconds) in [(0, 20), (1, 10), (2, 20), (3, 10)] {
            timers.arm(after(milliseconds), sleeper(number));
        }
        assert_eq!(timers.first(), Some(after(10)));
        assert_eq!(timers.ring(now), 0, "never early");
        assert_eq!(fired(&timers, after(1000)), [1, 3, 0, 2]);
    }

    #[test]
    fn a_cancelled_timer_does_not_fire_even_when_it_is_due() {
        let (timers, now) = (Timers::default(), Moment::real());
        let (first, second) = (timers.arm(now, sleeper(1)), timers.arm(now, sleeper(2)));
        timers.cancel(first);
        assert!(!timers.is_armed(first) && timers.is_armed(second));
        assert_eq!(timers.ring(now), 1);
        assert!(timers.is_armed(second), "until it fires");
        timers.cancel(second);
        assert!(timers.fire().is_none() && timers.ring(now) == 0);
        let third = timers.arm(now, sleeper(3));
        timers.cancel(first);
        assert!(timers.is_armed(third), "an old key means nobody");
    }

    #[test]
    fn whoever_polled_last_is_woken() {
        let (timers, now) = (Timers::default(), Moment::real());
        let [first, second] = [1, 2].map(|number| timers.arm(now, sleeper(number)));
        timers.set_waker(first, &Key::new(0, 0, 7).waker());
        timers.set_waker(second, Waker::noop());
        assert_eq!(fired(&timers, now), [7, usize::MAX]);
        timers.arm(now, sleeper(5));
        assert_eq!(fired(&timers, now), [5], "the next tenant of the place inherits nothing");
    }

    #[test]
    fn arming_and_cancelling_for_ever_takes_no_room() {
        let (timers, now) = (Timers::default(), Moment::real());
        for _ in 0..10_000 {
            let key = timers.arm(now, Action::Wake(Waker::noop().clone()));
            timers.cancel(key);
        }
        assert!(timers.table.borrow().heap.len() <= 101);
        assert!(timers.table.borrow().places.len() == 1 && timers.table.borrow().others.is_empty());
        assert_eq!(timers.first(), None);
    }
}
