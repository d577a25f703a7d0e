//! What waits in a cell. `.await` at its top level drives the notebook's event loop until the future is done: generated
//! code calls [`wait`] there. Where the user wrote `std::thread::sleep` it calls [`thread_sleep`].

use std::time::Duration;

use crate::error::misuse;
use crate::interrupt::{checkpoint, interruptible_sleep};
use crate::{Coroutine, EventLoop, current};

/// Says that this thread runs a notebook's cells: what makes tasks and what awaits always has a loop there.
pub fn assume_notebook() {
    current::assume_notebook();
}

/// Boxes a future that a cell binds to a variable, for later cells to await: its own type has no name.
pub fn coroutine<F: Future + 'static>(future: F) -> Coroutine<F::Output> {
    Coroutine::new(future)
}

/// Runs the event loop until the future is done, and returns its output. Other tasks run meanwhile, and stay where they
/// are afterwards. The future may borrow: an interrupt or a panic drops it before this function is left.
///
/// # Panics
/// With what the future raised, and with `KeyboardInterrupt`; with [`RuntimeError`](crate::RuntimeError) in a cell that runs
/// beside one that drives the loop.
#[track_caller]
pub fn wait<F: IntoFuture>(future: F) -> F::Output {
    if current::is_running() {
        misuse(
            "This event loop is already running, for another cell: `ensure_future(…)` puts work on it, without waiting for it",
        );
    }
    EventLoop::implied().block_on(future.into_future())
}

/// Blocks the thread for `duration`, until an interrupt comes; where the notebook's time is virtual, that just passes.
///
/// # Panics
/// With `KeyboardInterrupt`.
pub fn thread_sleep(duration: Duration) {
    match current::in_virtual_time() {
        Some(core) => {
            checkpoint();
            core.spend(duration);
        }
        None => interruptible_sleep(duration),
    }
}
