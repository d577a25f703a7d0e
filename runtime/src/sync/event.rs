//! `Event`: something has happened, and everybody may know.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::line::{Line, OnDrop};
use crate::state::what::What;
use crate::task::awaiting::awaiting;

/// A flag that tasks can wait for: Python's `asyncio.Event`. Clones are the same event; it begins unset.
///
/// ```
/// use asyncio::{Event, ensure_future};
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// let ready = Event::new();
/// let setter = ready.clone();
/// drop(ensure_future(async move { setter.set() }));
/// event_loop.run_until_complete(async move { ready.wait().await });
/// ```
#[derive(Clone, Default)]
pub struct Event {
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    set: Cell<bool>,
    line: Line,
}

impl Event {
    /// An event that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it is set.
    ///
    /// ```
    /// let event = asyncio::Event::new();
    /// event.set();
    /// assert!(event.is_set());
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.state.set.get()
    }

    /// Sets it, and wakes all who wait, in the order of their coming, even when it is cleared before they run.
    pub fn set(&self) {
        if !self.state.set.replace(true) {
            self.state.line.wake(usize::MAX);
        }
    }

    /// Makes it unset.
    pub fn clear(&self) {
        self.state.set.set(false);
    }

    /// Waits until it is set; gives no turn away when it is. Cancel-safe.
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = ()> {
        awaiting(What::Event, async move {
            if self.is_set() {
                return;
            }
            let line = &self.state.line;
            let waiter = line.join();
            let _leave = OnDrop::new(|| line.leave(&waiter));
            let _ = waiter.wait().await;
        })
    }
}

/// As Python's: `<Event [set]>`, `<Event [unset, waiters:2]>`.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Event [{}", if self.is_set() { "set" } else { "unset" })?;
        write_waiters(f, &self.state.line)
    }
}

/// The end of a primitive's `Debug` form.
pub(super) fn write_waiters(f: &mut fmt::Formatter<'_>, line: &Line) -> fmt::Result {
    match line.len() {
        0 => f.write_str("]>"),
        count => write!(f, ", waiters:{count}]>"),
    }
}
