//! The ready queue, and the gate through which wakers of any thread reach it. The loop drains it turn by turn.
//!
//! On the loop's own thread a wake is a push. From elsewhere it goes into a locked inbox, which the loop empties at the
//! start of its next turn. A closed gate takes nothing: on the owner's thread the runnable is dropped (and its coroutine
//! with it), elsewhere it is leaked, since a coroutine may only be dropped where it lives.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use async_task::Runnable;

use super::callback::Callback;
use super::timers::Timer;
use crate::thread_id;

/// One entry of the ready queue: what a turn runs.
pub(crate) enum Handle {
    /// A step of a task.
    Task(Runnable),
    /// A function asked for by `call_soon`, or a done callback.
    Call(Rc<Callback>),
    /// A timer that came due.
    Due(Rc<Timer>),
}

/// What other threads may put into a loop.
pub(crate) enum Injected {
    /// A task woken from afar.
    Task(Runnable),
    /// A function given to `call_soon_threadsafe`.
    Call(Box<dyn FnOnce() + Send>),
}

/// The entrance to one loop, shared by all wakers of its tasks.
pub(crate) struct Gate {
    owner: u64,
    local: Local,
    knocked: AtomicBool,
    inbox: Mutex<Inbox>,
}

/// The part that only the owner's thread touches.
struct Local {
    queue: RefCell<VecDeque<Handle>>,
    /// A turn is running, so whoever pushes need not wake the driver.
    turning: Cell<bool>,
    closed: Cell<bool>,
}

struct Inbox {
    open: bool,
    items: Vec<Injected>,
    driver: Option<Waker>,
}

// SAFETY: `local` is only reached through `Gate::local`, which hands it out on the owner's thread alone; thread numbers
// are never reused. What it holds when the last reference goes on another thread is nothing: the core empties the queue
// and closes the gate, on the owner's thread, before it lets go, and a closed gate takes nothing in.
unsafe impl Sync for Gate {}
// SAFETY: as above; the remaining fields are `Send`.
unsafe impl Send for Gate {}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            owner: thread_id::current(),
            local: Local { queue: RefCell::default(), turning: Cell::new(false), closed: Cell::new(false) },
            knocked: AtomicBool::new(false),
            inbox: Mutex::new(Inbox { open: true, items: Vec::new(), driver: None }),
        }
    }

    #[inline]
    fn local(&self) -> Option<&Local> {
        (self.owner == thread_id::current()).then_some(&self.local)
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task was woken; called by async-task on whichever thread did it.
    #[inline]
    pub(crate) fn schedule(&self, runnable: Runnable) {
        match self.local() {
            Some(local) if local.closed.get() => drop(runnable),
            Some(local) => self.push_local(local, Handle::Task(runnable)),
            None => {
                if let Err(Injected::Task(runnable)) = self.inject(Injected::Task(runnable)) {
                    mem::forget(runnable);
                }
            }
        }
    }

    /// Appends to the queue; only on the owner's thread, else the handle is leaked (see the module).
    pub(crate) fn push(&self, handle: Handle) {
        match self.local() {
            Some(local) if local.closed.get() => drop(handle),
            Some(local) => self.push_local(local, handle),
            None => mem::forget(handle),
        }
    }

    #[inline]
    fn push_local(&self, local: &Local, handle: Handle) {
        local.queue.borrow_mut().push_back(handle);
        if !local.turning.get() {
            self.wake_driver();
        }
    }

    #[cold]
    fn wake_driver(&self) {
        let driver = self.inbox().driver.clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Hands something in from any thread and wakes the loop.
    ///
    /// # Errors
    /// Gives it back when the loop is closed.
    pub(crate) fn inject(&self, item: Injected) -> Result<(), Injected> {
        let driver = {
            let mut inbox = self.inbox();
            if !inbox.open {
                return Err(item);
            }
            inbox.items.push(item);
            self.knocked.store(true, Ordering::Release);
            inbox.driver.clone()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(())
    }

    /// Whom to wake when something arrives between turns; `None` when nobody drives the loop.
    pub(crate) fn set_driver(&self, driver: Option<Waker>) {
        let old = mem::replace(&mut self.inbox().driver, driver);
        drop(old);
    }

    /// Says whether a turn is running. Owner's thread only.
    pub(crate) fn set_turning(&self, turning: bool) {
        self.local.turning.set(turning);
    }

    /// Moves what other threads handed in to the end of the queue. Owner's thread only.
    #[inline]
    pub(crate) fn collect(&self) {
        if self.knocked.load(Ordering::Acquire) {
            self.collect_inbox();
        }
    }

    #[cold]
    fn collect_inbox(&self) {
        let items = {
            let mut inbox = self.inbox();
            self.knocked.store(false, Ordering::Relaxed);
            mem::take(&mut inbox.items)
        };
        let mut queue = self.local.queue.borrow_mut();
        queue.extend(items.into_iter().map(|item| match item {
            Injected::Task(runnable) => Handle::Task(runnable),
            Injected::Call(function) => Handle::Call(Rc::new(Callback::new(function, "call_soon_threadsafe"))),
        }));
    }

    /// How many handles are ready, not counting the inbox. Owner's thread only.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.local.queue.borrow().len()
    }

    /// Whether there is nothing to run. Owner's thread only.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0 && !self.knocked.load(Ordering::Acquire)
    }

    /// The next handle. Owner's thread only.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Handle> {
        self.local.queue.borrow_mut().pop_front()
    }

    /// Takes nothing in from now on and drops what waits. Owner's thread only.
    pub(crate) fn close(&self) {
        self.local.closed.set(true);
        let items = {
            let mut inbox = self.inbox();
            inbox.open = false;
            mem::take(&mut inbox.items)
        };
        let queue = self.local.queue.take();
        drop(items);
        drop(queue);
    }
}
