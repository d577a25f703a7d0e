//! One event loop's own record: its gate, its timers, its pending tasks, and whether it runs.
//! The public handle is `EventLoop`; tasks refer back to it weakly.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::cell::AnyCell;
use super::clock::Clock;
use super::engine::Engine;
use super::ready::Gate;
use super::timers::Timers;
use crate::error::misuse;
use crate::report::ExceptionHandler;

/// What one event loop consists of.
pub(crate) struct Core {
    pub(crate) gate: Arc<Gate>,
    pub(crate) clock: Clock,
    pub(crate) timers: Timers,
    pub(crate) tasks: RefCell<Pending>,
    pub(crate) running: Cell<bool>,
    /// `stop()` was called; the present or next turn is the last one.
    pub(crate) stopping: Cell<bool>,
    /// A handle of this turn raised `KeyboardInterrupt`.
    pub(crate) interrupted: Cell<bool>,
    pub(crate) closed: Cell<bool>,
    /// What lives as long as the loop is open: readers, writers, signal handlers, by number.
    pub(crate) attached: RefCell<HashMap<u64, Rc<dyn Any>>>,
    pub(crate) handler: RefCell<Option<ExceptionHandler>>,
    /// Tells loops apart in `Debug`; counts all loops of the process.
    pub(crate) number: u64,
    // Last, so that tasks are dropped while their reactor lives.
    pub(crate) engine: Rc<Engine>,
}

impl Core {
    pub(crate) fn new(engine: Rc<Engine>, clock: Clock) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        Self {
            gate: Arc::new(Gate::new()),
            clock,
            timers: Timers::default(),
            tasks: RefCell::default(),
            running: Cell::new(false),
            stopping: Cell::new(false),
            interrupted: Cell::new(false),
            closed: Cell::new(false),
            attached: RefCell::default(),
            handler: RefCell::default(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            engine,
        }
    }

    /// Raises "Event loop is closed" when it is.
    #[track_caller]
    pub(crate) fn check_closed(&self) {
        if self.closed.get() {
            misuse("Event loop is closed");
        }
    }

    /// Lets virtual time pass.
    pub(crate) fn spend(&self, time: Duration) {
        if self.running.get() {
            self.engine.move_time(time);
        } else {
            self.clock.skip(time);
        }
    }

    /// Closes the loop: drops callbacks, timers and the coroutines of pending tasks, in this order.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.gate.close();
        self.timers.clear();
        drop(self.attached.take());
        loop {
            // One at a time: a destructor may run anything, except that nothing can join a closed loop.
            let Some(cell) = self.tasks.borrow_mut().any() else { break };
            cell.evict();
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.close();
    }
}

/// The tasks of a loop that have not ended: places in a vector, free ones chained.
#[derive(Default)]
pub(crate) struct Pending {
    places: Vec<Option<Rc<AnyCell>>>,
    free: Vec<u32>,
}

impl Pending {
    /// Keeps `cell`; the place to remove it from later.
    pub(crate) fn insert(&mut self, cell: Rc<AnyCell>) -> u32 {
        if let Some(place) = self.free.pop() {
            self.places[place as usize] = Some(cell);
            return place;
        }
        let place = u32::try_from(self.places.len()).unwrap_or_else(|_| misuse("too many tasks"));
        self.places.push(Some(cell));
        place
    }

    pub(crate) fn remove(&mut self, place: u32) -> Option<Rc<AnyCell>> {
        let cell = self.places.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(cell)
    }

    /// Removes one that is left.
    fn any(&mut self) -> Option<Rc<AnyCell>> {
        loop {
            if let Some(cell) = self.places.pop()? {
                return Some(cell);
            }
        }
    }

    /// All of them, oldest first.
    pub(crate) fn list(&self) -> Vec<Rc<AnyCell>> {
        let mut cells: Vec<_> = self.places.iter().flatten().map(Rc::clone).collect();
        cells.sort_by_key(|cell| cell.head.number());
        cells
    }
}
