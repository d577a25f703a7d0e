//! A body that can be cancelled without its task: what a timeout and a task group put around a piece of a coroutine.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::error::CancelledError;
use crate::state::waiter::{Awaited, Waiter};
use crate::task::awaiting::note_around;
use crate::task::wait::{set_awaited, take_awaited};

/// How a body was left.
pub(super) enum Left<T> {
    /// With its value.
    Value(T),
    /// With an exception other than a cancellation.
    Raised(Box<dyn Any + Send>),
    /// By a cancellation, its own or the scope's.
    Cancelled,
}

/// A future that is dropped when its scope is cancelled.
pub(super) struct Body<'a, T> {
    future: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
}

impl<'a, T> Body<'a, T> {
    pub(super) fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self { future: Some(Box::pin(future)) }
    }

    /// Runs the body up to its next await point. Once it has been left it must not be polled again.
    #[track_caller]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Left<T>> {
        let Some(future) = &mut self.future else { return Poll::Ready(Left::Cancelled) };
        let left = match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => {
                note_around(Location::caller());
                return Poll::Pending;
            }
            Ok(Poll::Ready(value)) => Left::Value(value),
            Err(payload) if payload.is::<CancelledError>() => Left::Cancelled,
            Err(payload) => Left::Raised(payload),
        };
        Poll::Ready(self.leave().unwrap_or(left))
    }

    /// Drops the body at its await point; the exception of a destructor counts as the body's.
    pub(super) fn leave(&mut self) -> Option<Left<T>> {
        let future = self.future.take();
        catch_unwind(AssertUnwindSafe(|| drop(future))).err().map(Left::Raised)
    }

    /// Polls the body inside a scope whose cancellations arrive at `scope`, which heeds them: they go to what the body
    /// awaits first, and else the body is dropped.
    #[track_caller]
    pub(super) fn poll_in(&mut self, scope: &Rc<Waiter>, cx: &mut Context<'_>) -> Poll<Left<T>> {
        if scope.is_cancelled() {
            return Poll::Ready(self.leave().unwrap_or(Left::Cancelled));
        }
        match self.poll(cx) {
            Poll::Ready(left) => Poll::Ready(left),
            // Only a waiting scope gets here, so this suspends.
            Poll::Pending => scope.poll_around(cx).map(|_| Left::Cancelled),
        }
    }
}

/// What the body that was just polled awaits; it stays registered.
pub(super) fn awaited_now() -> Option<Awaited> {
    let awaited = take_awaited();
    set_awaited(awaited.clone());
    awaited
}
