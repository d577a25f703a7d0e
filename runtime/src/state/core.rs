//! One event loop's own record: its tasks and queue, its clock and timers, and whether it runs.
//! The public handle is `EventLoop`; tasks refer back to it weakly.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::engine::Engine;
use super::inbox::Inbox;
use super::loops;
use super::process;
use super::sampler::Sampler;
use super::schedule::Schedule;
use super::timers::Timers;
use crate::error::misuse;
use crate::report::ExceptionHandler;

/// How long a step may take before debug mode reports it: Python's `slow_callback_duration`.
const SLOW: Duration = Duration::from_millis(100);

/// What one event loop consists of.
pub(crate) struct Core {
    pub(crate) schedule: Schedule,
    pub(crate) clock: Clock,
    pub(crate) timers: Timers,
    /// Writes down who does what when, if anybody wants to know.
    pub(crate) sampler: Sampler,
    pub(crate) running: Cell<bool>,
    /// `stop()` was called; the present or next turn is the last one.
    pub(crate) stopping: Cell<bool>,
    /// A handle of this turn raised `KeyboardInterrupt`.
    pub(crate) interrupted: Cell<bool>,
    pub(crate) closed: Cell<bool>,
    /// What lives as long as the loop is open: readers, writers, signal handlers, by number.
    pub(crate) attached: RefCell<HashMap<u64, Rc<dyn Any>>>,
    pub(crate) handler: RefCell<Option<ExceptionHandler>>,
    /// Slow steps and coroutines that nobody awaited are reported.
    pub(crate) debug: Cell<bool>,
    /// What is slow.
    pub(crate) slow: Cell<Duration>,
    /// Tells the loops of the process apart.
    pub(crate) number: u16,
    /// The process that made it.
    process: u32,
    // Last, so that tasks are dropped while their reactor lives.
    pub(crate) engine: Rc<Engine>,
}

impl Core {
    #[track_caller]
    pub(crate) fn new(engine: Rc<Engine>, clock: Clock) -> Rc<Self> {
        let inbox = Arc::new(Inbox::new());
        let number = loops::register(Arc::clone(&inbox));
        let core = Rc::new(Self {
            schedule: Schedule::new(number, inbox, clock.now()),
            clock,
            timers: Timers::default(),
            sampler: Sampler::new(number),
            running: Cell::new(false),
            stopping: Cell::new(false),
            interrupted: Cell::new(false),
            closed: Cell::new(false),
            attached: RefCell::default(),
            handler: RefCell::default(),
            debug: Cell::new(false),
            slow: Cell::new(SLOW),
            number,
            process: process::current(),
            engine,
        });
        loops::settle(&core);
        core
    }

    /// Raises "Event loop is closed" when it is.
    #[track_caller]
    pub(crate) fn check_closed(&self) {
        if self.closed.get() {
            misuse("Event loop is closed");
        }
    }

    /// Whether the process that made the loop has forked, and this is the child.
    #[inline]
    pub(crate) fn is_inherited(&self) -> bool {
        self.process != process::current()
    }

    /// Raises when the loop belongs to the parent process.
    #[track_caller]
    pub(crate) fn check_process(&self) {
        if self.is_inherited() {
            misuse("This event loop belongs to the parent process; make a new one");
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

    /// Closes the loop: drops callbacks, timers and the coroutines of pending tasks, in this order, oldest first. Each
    /// task that is lost by it is reported.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.schedule.close();
        self.timers.clear();
        drop(self.attached.take());
        for task in self.schedule.tasks() {
            // A destructor may run anything, and so may have ended others; but nothing can join a closed loop.
            if let Some(task) = self.schedule.remove(task.head.key.get()) {
                task.evict(self);
            }
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.close();
        loops::unregister(self.number);
    }
}
