//! Debug mode: the loop says what holds it up, and which coroutines nobody awaited. For programs that behave strangely.

use super::EventLoop;
use crate::time::Seconds;

impl EventLoop {
    /// Switches debug mode on or off: Python's `loop.set_debug`. In debug mode the loop reports, through its
    /// [exception handler](Self::set_exception_handler) or on stderr:
    ///
    /// - steps of tasks and callbacks that took longer than [`slow_callback_duration`](Self::slow_callback_duration), since
    ///   nobody else could run meanwhile: "Executing <Task …> took 0.200 seconds";
    /// - [coroutines](crate::Coroutine) that were dropped before anybody awaited them: "coroutine 'c1' was never awaited".
    ///   (Other futures are the compiler's business, which warns of them.)
    ///
    /// Exceptions that nobody retrieved and tasks that were lost are reported in any mode.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc, thread::sleep, time::Duration};
    /// let event_loop = asyncio::new_event_loop();
    /// let messages = Rc::new(RefCell::new(vec![]));
    /// let log = Rc::clone(&messages);
    /// event_loop.set_exception_handler(Some(Rc::new(move |report| log.borrow_mut().push(report.to_string()))));
    /// event_loop.set_debug(true);
    /// event_loop.set_slow_callback_duration(0.005);
    /// event_loop.run_until_complete(async { sleep(Duration::from_millis(10)) });
    /// assert!(messages.borrow()[0].starts_with("Executing <Task finished name='Task-"));
    /// ```
    pub fn set_debug(&self, debug: bool) {
        self.core.debug.set(debug);
    }

    /// Whether debug mode is on.
    ///
    /// ```
    /// let event_loop = asyncio::new_event_loop();
    /// event_loop.set_debug(true);
    /// assert!(event_loop.get_debug());
    /// ```
    #[must_use]
    pub fn get_debug(&self) -> bool {
        self.core.debug.get()
    }

    /// How long a step or a callback may take before debug mode reports it, in seconds; at first 0.1.
    ///
    /// ```
    /// let event_loop = asyncio::new_event_loop();
    /// assert_eq!(event_loop.slow_callback_duration(), 0.1);
    /// ```
    #[must_use]
    pub fn slow_callback_duration(&self) -> f64 {
        self.core.slow.get().as_secs_f64()
    }

    /// Says how long a step or a callback may take before debug mode reports it.
    pub fn set_slow_callback_duration(&self, limit: impl Seconds) {
        self.core.slow.set(limit.duration());
    }
}
