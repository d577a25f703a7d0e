//! `run`: a whole asynchronous program in one call, as Python's `asyncio.run`. For ordinary `main` functions.

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
    let program = Program::start();
    let task = program.event_loop.create_task(main);
    program.complete(&task.as_any());
    // Ended well by now, so this takes no further turn that anybody could see.
    program.event_loop.run_until_complete(task)
}

/// A loop that is wound up however the program ends.
struct Program {
    event_loop: EventLoop,
}

impl Program {
    #[track_caller]
    fn start() -> Self {
        let event_loop = new_event_loop();
        set_event_loop(&event_loop);
        Self { event_loop }
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

impl Drop for Program {
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
