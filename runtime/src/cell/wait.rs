//! `.await` at the top level of a cell: drives the notebook's event loop until the future is done.
//! Generated code calls [`wait`] where the user wrote `.await`.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::show::describe_future;
use crate::get_event_loop;

/// A future that a cell has bound to a variable, for later cells to await. Its own type has no name.
pub struct Coroutine<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    name: &'static str,
}

impl<T> Future for Coroutine<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.future.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for Coroutine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe_future(self.name))
    }
}

/// Boxes a future so that a variable can hold it.
pub fn coroutine<F: Future + 'static>(future: F) -> Coroutine<F::Output> {
    Coroutine { future: Box::pin(future), name: type_name::<F>() }
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
