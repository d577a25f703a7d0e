//! Plain functions on the loop: `call_soon`, `call_later`, `call_at`, and `call_soon_threadsafe` for other threads.
//! For code that is no coroutine, and for threads that have something to tell one.

use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::EventLoop;
use crate::context::bound;
use crate::coroutine::callback_of;
use crate::error::{RuntimeError, misuse};
use crate::state::callback::Callback;
use crate::state::clock::Moment;
use crate::state::core::Core;
use crate::state::inbox::Inbox;
use crate::state::loops::Letter;
use crate::state::timers::{Action, TimerKey};
use crate::time::Seconds;

impl EventLoop {
    /// Calls `function` in the next turn, after what is in the queue already.
    ///
    /// # Panics
    /// Raises [`RuntimeError`] "Event loop is closed".
    #[track_caller]
    pub fn call_soon(&self, function: impl FnOnce() + 'static) -> Handle {
        let name = std::any::type_name_of_val(&function);
        self.soon(Callback::new(bound(Box::new(function)), name))
    }

    #[track_caller]
    fn soon(&self, callback: Callback) -> Handle {
        self.core.check_closed();
        let callback = Rc::new(callback);
        self.core.schedule.call(Rc::clone(&callback));
        Handle { callback }
    }

    /// Calls `function` after `delay`, given in seconds (a number) or as a `Duration`. Never earlier; functions with
    /// equal deadlines are called in the order of asking.
    ///
    /// # Panics
    /// Raises [`RuntimeError`] "Event loop is closed".
    #[track_caller]
    pub fn call_later(&self, delay: impl Seconds, function: impl FnOnce() + 'static) -> TimerHandle {
        let name = std::any::type_name_of_val(&function);
        self.at(self.core.clock.now().after(delay.duration()), Callback::new(bound(Box::new(function)), name))
    }

    /// Calls `function` when [`time`](Self::time) has reached `when`.
    ///
    /// # Panics
    /// Raises [`RuntimeError`] "Event loop is closed".
    #[track_caller]
    pub fn call_at(&self, when: f64, function: impl FnOnce() + 'static) -> TimerHandle {
        let name = std::any::type_name_of_val(&function);
        self.at(Moment::at(when.duration()), Callback::new(bound(Box::new(function)), name))
    }

    #[track_caller]
    fn at(&self, deadline: Moment, callback: Callback) -> TimerHandle {
        self.core.check_closed();
        let callback = Rc::new(callback);
        let timer = self.core.timers.arm(deadline, Action::Call(Rc::clone(&callback)));
        TimerHandle { core: Rc::downgrade(&self.core), timer, callback, deadline }
    }

    /// Calls `function` in the next turn, and wakes the loop for it. From another thread, use [`handle`](Self::handle).
    ///
    /// # Panics
    /// Raises [`RuntimeError`] "Event loop is closed".
    #[track_caller]
    pub fn call_soon_threadsafe(&self, function: impl FnOnce() + Send + 'static) {
        self.handle().call_soon_threadsafe(function);
    }

    /// What other threads may hold of this loop.
    #[must_use]
    pub fn handle(&self) -> LoopHandle {
        LoopHandle { inbox: Arc::clone(&self.core.schedule.inbox) }
    }
}

/// A function waiting in the ready queue: Python's `asyncio.Handle`. Dropping it changes nothing.
///
/// ```
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
///
/// use asyncio::Handle;
///
/// let handle: Handle = event_loop.call_soon(|| unreachable!());
/// handle.cancel();
/// assert!(handle.cancelled());
/// event_loop.run_until_complete(async {});
/// ```
pub struct Handle {
    callback: Rc<Callback>,
}

impl Handle {
    /// The function is not called any more, and what it captured is dropped now.
    pub fn cancel(&self) {
        self.callback.cancel();
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.callback.is_cancelled()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cancelled = if self.cancelled() { " cancelled" } else { "" };
        write!(f, "<Handle{cancelled} {}>", callback_of(self.callback.name()))
    }
}

/// A function waiting for its time: Python's `asyncio.TimerHandle`. Dropping it changes nothing.
///
/// ```
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
///
/// use asyncio::{TimerHandle, get_running_loop};
///
/// let soon: TimerHandle = event_loop.call_later(0.002, || get_running_loop().stop());
/// let never = event_loop.call_at(event_loop.time() + 0.001, || unreachable!());
/// assert!(never.when() < soon.when());
/// never.cancel();
/// assert!(never.cancelled() && !soon.cancelled());
/// event_loop.run_forever().unwrap();
/// ```
pub struct TimerHandle {
    core: Weak<Core>,
    timer: TimerKey,
    callback: Rc<Callback>,
    deadline: Moment,
}

impl TimerHandle {
    /// The function is not called any more, and what it captured is dropped now.
    pub fn cancel(&self) {
        if let Some(core) = self.core.upgrade() {
            core.timers.cancel(self.timer);
        }
        self.callback.cancel();
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.callback.is_cancelled()
    }

    /// When the function is due, on the clock of [`EventLoop::time`].
    #[must_use]
    pub fn when(&self) -> f64 {
        self.deadline.seconds()
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cancelled = if self.cancelled() { " cancelled" } else { "" };
        write!(f, "<TimerHandle{cancelled} when={:.6}>", self.when())
    }
}

/// A loop as other threads see it: something to send functions to. Clones are cheap.
///
/// ```
/// use asyncio::{LoopHandle, get_running_loop, new_event_loop};
///
/// let event_loop = new_event_loop();
/// let handle: LoopHandle = event_loop.handle();
/// std::thread::spawn(move || handle.call_soon_threadsafe(|| get_running_loop().stop()));
/// event_loop.run_forever().unwrap();
///
/// let handle = event_loop.handle();
/// event_loop.close();
/// assert_eq!(handle.try_call_soon(|| ()).unwrap_err().message(), "Event loop is closed");
/// ```
#[derive(Clone)]
pub struct LoopHandle {
    inbox: Arc<Inbox<Letter>>,
}

impl LoopHandle {
    /// Calls `function` on the loop's thread in its next turn; wakes an idle loop. When the loop does not run now, the
    /// function waits for its next run.
    ///
    /// # Panics
    /// Raises [`RuntimeError`] "Event loop is closed".
    #[track_caller]
    pub fn call_soon_threadsafe(&self, function: impl FnOnce() + Send + 'static) {
        if self.send(Box::new(function)).is_err() {
            misuse("Event loop is closed");
        }
    }

    fn send(&self, function: Box<dyn FnOnce() + Send>) -> Result<(), Letter> {
        self.inbox.send(Letter::Call(function), Letter::repeats)
    }

    /// As [`call_soon_threadsafe`](Self::call_soon_threadsafe), for whoever expects the loop to be gone one day.
    ///
    /// # Errors
    /// [`RuntimeError`] "Event loop is closed".
    pub fn try_call_soon(&self, function: impl FnOnce() + Send + 'static) -> Result<(), RuntimeError> {
        self.send(Box::new(function)).map_err(|_| RuntimeError::new("Event loop is closed"))
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<LoopHandle>")
    }
}
