//! `run` and `Runner`: a whole asynchronous program in one call or a few, as Python's `asyncio.run`. For `main` functions.

use std::fmt;
use std::future::IntoFuture;

use super::{EventLoop, new_event_loop, set_event_loop};
use crate::current;
use crate::error::{KeyboardInterrupt, misuse, raise_interrupt};
use crate::interrupt::catch_interrupt;
use crate::task::AnyTask;

/// Runs `main` on a new loop, cancels what is left of its tasks, closes the loop, and returns `main`'s result. No
/// loop is current afterwards.
///
/// # Panics
/// Unwinds with what `main` raises. On an interrupt `main` is cancelled first and may clean up; if it then ends as
/// cancelled, this unwinds with [`KeyboardInterrupt`](crate::KeyboardInterrupt). Raises
/// [`RuntimeError`](crate::RuntimeError) "asyncio.run() cannot be called from a running event loop".
#[track_caller]
pub fn run<F>(main: F) -> F::Output
where
    F: IntoFuture,
    F::IntoFuture: 'static,
    F::Output: 'static,
{
    if current::is_running() {
        misuse("asyncio.run() cannot be called from a running event loop");
    }
    Runner::new().run(main)
}

/// Several main coroutines on one loop, which is wound up in the end: Python's `asyncio.Runner`.
///
/// Dropping it cancels the tasks that are left, runs them to their ends, and closes the loop; no loop is current afterwards.
///
/// ```
/// let runner = asyncio::Runner::new();
/// let one = runner.run(async { 1 });
/// assert_eq!(runner.run(async move { one + 1 }), 2);
/// runner.close();
/// ```
pub struct Runner {
    event_loop: EventLoop,
}

impl Runner {
    /// A runner with a new loop.
    ///
    /// # Panics
    /// As [`new_event_loop`].
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it asks the system for descriptors, and may be refused")]
    pub fn new() -> Self {
        Self { event_loop: new_event_loop() }
    }

    /// Its loop.
    ///
    /// ```
    /// let runner = asyncio::Runner::new();
    /// runner.run(async {});
    /// assert!(!runner.get_loop().is_closed());
    /// ```
    #[must_use]
    pub fn get_loop(&self) -> EventLoop {
        self.event_loop.clone()
    }

    /// Runs `main` to its end and returns its result; other tasks stay for the next run. Its loop is the current one from
    /// now on.
    ///
    /// # Panics
    /// As [`run`]; the message is "Runner.run() cannot be called from a running event loop".
    #[track_caller]
    pub fn run<F>(&self, main: F) -> F::Output
    where
        F: IntoFuture,
        F::IntoFuture: 'static,
        F::Output: 'static,
    {
        if current::is_running() {
            misuse("Runner.run() cannot be called from a running event loop");
        }
        self.event_loop.check_runnable();
        set_event_loop(&self.event_loop);
        let mut task = self.event_loop.create_task(main);
        self.complete(&task.as_any());
        task.take()
    }

    /// Winds up, as dropping the runner does.
    pub fn close(self) {
        drop(self);
    }

    fn complete(&self, main: &AnyTask) {
        if catch_interrupt(|| self.event_loop.complete(main)).is_ok() {
            return;
        }
        if main.was_interrupted() {
            raise_interrupt();
        }
        main.cancel();
        if self.settle(main).is_err() || main.cancelled() {
            raise_interrupt();
        }
        main.check_result();
    }

    /// Runs until `task` has ended, however.
    fn settle(&self, task: &AnyTask) -> Result<(), KeyboardInterrupt> {
        if task.done() { Ok(()) } else { self.event_loop.wait_for_end(task) }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let left = self.event_loop.all_tasks();
        for task in &left {
            task.cancel();
        }
        for task in &left {
            // A second interrupt cuts the cleanup short. It cannot be raised here: we may be unwinding already.
            if self.settle(task).is_err() {
                break;
            }
        }
        set_event_loop(None);
        self.event_loop.close();
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Runner of {:?}>", self.event_loop)
    }
}
