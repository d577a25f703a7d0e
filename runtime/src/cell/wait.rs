//! `.await` at the top level of a cell: drives the notebook's event loop until the future is done.
//! Generated code calls [`wait`] where the user wrote `.await`.

use crate::{Coroutine, get_event_loop};

/// Boxes a future that a cell binds to a variable, for later cells to await: its own type has no name.
pub fn coroutine<F: Future + 'static>(future: F) -> Coroutine<F::Output> {
    Coroutine::new(future)
}

/// Runs the event loop until the future is done, and returns its output. Other tasks run meanwhile, and stay where they
/// are afterwards. The future may borrow: an interrupt or a panic drops it before this function is left.
///
/// # Panics
/// With what the future raised, and with `KeyboardInterrupt`.
#[track_caller]
pub fn wait<F: IntoFuture>(future: F) -> F::Output {
    get_event_loop().block_on(future.into_future())
}
