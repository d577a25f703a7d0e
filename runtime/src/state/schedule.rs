//! A loop's tasks and the queue of what runs next. Everything here belongs to the loop's own thread.
//!
//! Each pending task has a place in a table, which says how its next step stands:
//!
//! ```text
//! Idle ──wake──▶ Queued ──its turn──▶ Running ──suspends──▶ Idle
//!                  ▲                     │wake
//!                  └──suspends── Woken ◀─┘
//! ```
//!
//! So a task is in the queue at most once, and one that is woken while it runs goes to the end of the queue when it
//! suspends: after what it has scheduled itself, as in Python. No foreign code runs while the record is borrowed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use super::callback::Callback;
use super::cell::AnyCell;
use super::clock::Moment;
use super::free::Free;
use super::inbox::Inbox;
use super::key::Key;
use super::loops::Letter;
use super::prefetch::{AHEAD, prefetch};
use crate::error::misuse;

/// So many tasks stay in the processor's cache by themselves.
const CACHED: usize = 4096;

/// What a turn runs next.
pub(crate) enum Next {
    /// A step of a task.
    Step(Key, Rc<AnyCell>),
    /// A task that has ended meanwhile.
    Nothing,
    /// A function asked for by `call_soon`, or a done callback.
    Call(Rc<Callback>),
    /// The first of the timers that came due.
    Due,
}

/// One entry of the queue.
enum Entry {
    Task(Key),
    Call(Rc<Callback>),
    /// The first of the timers that came due.
    Due,
}

/// How a task's next step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Idle,
    Queued,
    Running,
    Woken,
}

/// A place in the table.
struct Place {
    task: Option<Rc<AnyCell>>,
    /// Counts who has lived here.
    tenant: u32,
    step: Step,
    /// When it became so.
    since: Moment,
}

/// A loop's tasks and its queue.
pub(crate) struct Schedule {
    home: u16,
    table: RefCell<Table>,
    /// What the loop's clock showed when it was last asked: at the latest when this turn, or this bundle of turns, began.
    now: Cell<Moment>,
    /// A turn is running, so whoever pushes need not wake the driver.
    turning: Cell<bool>,
    closed: Cell<bool>,
    /// Whom to wake when something is pushed between turns.
    driver: RefCell<Option<Waker>>,
    pub(crate) inbox: Arc<Inbox<Letter>>,
}

#[derive(Default)]
struct Table {
    places: Vec<Place>,
    free: Free,
    queue: VecDeque<Entry>,
}

impl Table {
    #[inline]
    fn place(&mut self, home: u16, key: Key) -> Option<&mut Place> {
        let at = key.place();
        self.places.get_mut(at).filter(|place| Key::new(home, place.tenant, at as u32) == key)
    }

    /// Fetches the places of tasks that come soon, and what is at those that come sooner.
    #[inline]
    fn look_ahead(&self) {
        if let Some(Entry::Task(later)) = self.queue.get(2 * AHEAD) {
            prefetch(self.places.as_ptr().wrapping_add(later.place()));
        }
        if let Some(Entry::Task(soon)) = self.queue.get(AHEAD)
            && let Some(Place { task: Some(task), .. }) = self.places.get(soon.place())
        {
            let cell = Rc::as_ptr(task).cast::<[u8; 64]>();
            for line in 0..3 {
                prefetch(cell.wrapping_add(line));
            }
        }
    }

    /// A place for a new task.
    fn settle(&mut self, task: Rc<AnyCell>, since: Moment) -> (u32, u32) {
        if let Some(at) = self.free.take() {
            let place = &mut self.places[at as usize];
            (place.task, place.step, place.since) = (Some(task), Step::Queued, since);
            return (at, place.tenant);
        }
        let at = self.places.len();
        if at >= Key::PLACES - 1 {
            misuse("too many tasks");
        }
        self.places.push(Place { task: Some(task), tenant: 0, step: Step::Queued, since });
        (at as u32, 0)
    }
}

impl Schedule {
    pub(crate) fn new(home: u16, inbox: Arc<Inbox<Letter>>, now: Moment) -> Self {
        Self {
            home,
            table: RefCell::default(),
            now: Cell::new(now),
            turning: Cell::new(false),
            closed: Cell::new(false),
            driver: RefCell::new(None),
            inbox,
        }
    }

    /// Keeps a new task and puts its first step at the end of the queue.
    pub(crate) fn admit(&self, task: Rc<AnyCell>) -> Key {
        let key = {
            let mut table = self.table.borrow_mut();
            let (place, tenant) = table.settle(task, self.now.get());
            let key = Key::new(self.home, tenant, place);
            table.queue.push_back(Entry::Task(key));
            key
        };
        self.nudge();
        key
    }

    /// Puts the next step of a task at the end of the queue, unless it is there.
    #[inline]
    pub(crate) fn wake(&self, key: Key) {
        {
            let mut table = self.table.borrow_mut();
            let Some(place) = table.place(self.home, key) else { return };
            match place.step {
                Step::Queued | Step::Woken => return,
                Step::Running => {
                    place.step = Step::Woken;
                    return;
                }
                Step::Idle => (place.step, place.since) = (Step::Queued, self.now.get()),
            }
            table.queue.push_back(Entry::Task(key));
        }
        self.nudge();
    }

    /// A task will be woken soon.
    #[inline]
    pub(crate) fn expect(&self, key: Key) {
        prefetch(self.table.borrow().places.as_ptr().wrapping_add(key.place()));
    }

    /// A task that runs has suspended.
    #[inline]
    pub(crate) fn suspend(&self, key: Key) {
        let mut table = self.table.borrow_mut();
        let Some(place) = table.place(self.home, key) else { return };
        place.since = self.now.get();
        if mem::replace(&mut place.step, Step::Idle) == Step::Woken {
            place.step = Step::Queued;
            table.queue.push_back(Entry::Task(key));
        }
    }

    /// Forgets a task that has ended; what the loop held of it.
    pub(crate) fn remove(&self, key: Key) -> Option<Rc<AnyCell>> {
        let mut table = self.table.borrow_mut();
        let place = table.place(self.home, key)?;
        let task = place.task.take();
        place.tenant = place.tenant.wrapping_add(1);
        table.free.give(key.place() as u32);
        task
    }

    /// Appends a function to the queue. A closed loop drops it.
    pub(crate) fn call(&self, callback: Rc<Callback>) {
        if !self.closed.get() {
            self.table.borrow_mut().queue.push_back(Entry::Call(callback));
            self.nudge();
        }
    }

    /// Appends so many timers that came due.
    #[inline]
    pub(crate) fn due(&self, count: usize) {
        self.table.borrow_mut().queue.extend((0..count).map(|_| Entry::Due));
    }

    #[inline]
    fn nudge(&self) {
        if !self.turning.get() {
            self.wake_driver();
        }
    }

    #[cold]
    fn wake_driver(&self) {
        let driver = self.driver.borrow().clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Whom to wake when something arrives between turns; `None` when nobody drives the loop. False when that was known.
    pub(crate) fn set_driver(&self, driver: Option<&Waker>) -> bool {
        let known = match (driver, &*self.driver.borrow()) {
            (Some(new), Some(old)) => new.will_wake(old),
            (None, None) => true,
            _ => false,
        };
        if !known {
            let old = self.driver.replace(driver.cloned());
            drop(old);
            self.inbox.set_driver(driver.cloned());
        }
        !known
    }

    /// Says whether a turn is running.
    pub(crate) fn set_turning(&self, turning: bool) {
        self.turning.set(turning);
    }

    /// Moves what other threads handed in to the end of the queue.
    #[inline]
    pub(crate) fn collect(&self) {
        if self.inbox.has_mail() {
            self.collect_mail();
        }
    }

    #[cold]
    fn collect_mail(&self) {
        for letter in self.inbox.take() {
            match letter {
                Letter::Wake(key) => self.wake(key),
                Letter::Call(function) => self.call(Rc::new(Callback::new(function, "call_soon_threadsafe"))),
            }
        }
    }

    /// How many entries are in the queue, not counting the inbox.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.table.borrow().queue.len()
    }

    /// Whether there is nothing to run.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0 && !self.inbox.has_mail()
    }

    /// Takes the next entry from the queue. A task is running from now on.
    #[inline]
    pub(crate) fn next(&self) -> Option<Next> {
        let mut table = self.table.borrow_mut();
        if table.places.len() > CACHED {
            table.look_ahead();
        }
        Some(match table.queue.pop_front()? {
            Entry::Task(key) => match table.place(self.home, key) {
                Some(Place { task: Some(task), step, .. }) => {
                    *step = Step::Running;
                    Next::Step(key, Rc::clone(task))
                }
                _ => Next::Nothing,
            },
            Entry::Call(callback) => Next::Call(callback),
            Entry::Due => Next::Due,
        })
    }

    /// Notes what the loop's clock shows.
    #[inline]
    pub(crate) fn set_time(&self, now: Moment) {
        self.now.set(now);
    }

    /// How a pending task's next step stands, and since when.
    pub(crate) fn standing(&self, key: Key) -> Option<(Step, Moment)> {
        self.table.borrow_mut().place(self.home, key).map(|place| (place.step, place.since))
    }

    /// All pending tasks, oldest first.
    pub(crate) fn tasks(&self) -> Vec<Rc<AnyCell>> {
        let mut tasks: Vec<_> = self.table.borrow().places.iter().filter_map(|place| place.task.clone()).collect();
        tasks.sort_by_key(|task| task.head.number());
        tasks
    }

    /// Takes nothing in from now on and drops what waits in the queue.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        let letters = self.inbox.close();
        let queue = mem::take(&mut self.table.borrow_mut().queue);
        drop(letters);
        drop(queue);
    }
}
