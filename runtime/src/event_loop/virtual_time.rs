//! Virtual time: a loop whose clock jumps instead of waiting, so that a program full of sleeps ends at once and says the
//! same. For lessons, notebooks that are run as tests, and tests of one's own.

use super::{EventLoop, new_event_loop};
use crate::current;
use crate::error::misuse;
use crate::state::loops;
use crate::time::Seconds;

/// Changes all loops of this thread, as [`EventLoop::set_virtual_time`], and says what time those have that it makes from
/// now on. Loops that run now stay as they are. What a notebook's `:clock virtual` does.
///
/// ```
/// asyncio::set_virtual_time(true);
/// let event_loop = asyncio::new_event_loop();
/// event_loop.block_on(asyncio::sleep(3600));
/// asyncio::set_virtual_time(false);
/// assert!(!event_loop.has_virtual_time());
/// ```
pub fn set_virtual_time(is_virtual: bool) {
    current::set_new_time(is_virtual);
    for core in loops::of_thread() {
        if !core.running.get() {
            core.clock.set_virtual(is_virtual);
        }
    }
}

impl EventLoop {
    /// A new loop in virtual time: its clock stands still while code runs and between runs; when nothing is ready it
    /// jumps to the next deadline, exactly. tokio's own timers jump along.
    ///
    /// It does not jump while something outside may still answer: a tokio resource (socket, pipe, process) that this
    /// thread has open, whether anybody reads from it or not, or a thread that works for
    /// `to_thread` and is awaited. Then the loop waits in real time, and its clock shows how long
    /// that took. Threads and signals that nobody told the loop about cannot hold it up.
    ///
    /// ```
    /// use asyncio::{EventLoop, sleep};
    ///
    /// let event_loop = EventLoop::with_virtual_time();
    /// let start = event_loop.time();
    /// event_loop.block_on(sleep(3600));
    /// assert!((event_loop.time() - start - 3600.0).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// As [`new_event_loop`].
    #[track_caller]
    #[must_use]
    pub fn with_virtual_time() -> Self {
        let event_loop = new_event_loop();
        event_loop.set_virtual_time(true);
        event_loop
    }

    /// Whether the loop's clock jumps instead of waiting.
    #[must_use]
    pub fn has_virtual_time(&self) -> bool {
        self.core.clock.is_virtual()
    }

    /// Changes to virtual time or back to real time. The clock goes on from where it is, and timers keep their
    /// deadlines on it.
    ///
    /// # Panics
    /// Raises [`RuntimeError`](crate::RuntimeError) "This event loop is already running".
    ///
    /// ```
    /// let event_loop = asyncio::new_event_loop();
    /// event_loop.set_virtual_time(true);
    /// assert!(event_loop.has_virtual_time());
    /// event_loop.block_on(asyncio::sleep(3600));
    /// ```
    #[track_caller]
    pub fn set_virtual_time(&self, is_virtual: bool) {
        if self.is_running() {
            misuse("This event loop is already running");
        }
        self.core.clock.set_virtual(is_virtual);
    }

    /// Moves a virtual clock, as code does that computes or blocks for so long: no turn is given away, and what comes
    /// due by it runs in the next turn. [`show_timer`](crate::show_timer) shows it.
    ///
    /// # Panics
    /// Raises [`RuntimeError`](crate::RuntimeError) when the loop's time is real.
    ///
    /// ```
    /// let event_loop = asyncio::EventLoop::with_virtual_time();
    /// let before = event_loop.time();
    /// event_loop.advance_time(1.5);
    /// assert!((event_loop.time() - before - 1.5).abs() < 1e-6);
    /// ```
    #[track_caller]
    pub fn advance_time(&self, by: impl Seconds) {
        if !self.has_virtual_time() {
            misuse("the time of this event loop is real");
        }
        self.core.spend(by.duration());
    }
}
