//! Waiting at a [`Waiter`], and what the current task is known to await.
//! `sync` and `combine` suspend their callers with it.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::current;
use crate::state::waiter::{Awaited, State, Waiter};

/// The wait was cancelled, and whoever waits has asked to hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cancelled;

impl Waiter {
    /// Waits for the release.
    pub(crate) fn poll(self: &Rc<Self>, cx: &mut Context<'_>) -> Poll<Result<(), Cancelled>> {
        match self.state.get() {
            State::Released => Poll::Ready(Ok(())),
            State::Cancelled => Poll::Ready(Err(Cancelled)),
            State::Waiting => {
                let known = self.waker.take().filter(|known| known.will_wake(cx.waker()));
                self.waker.set(Some(known.unwrap_or_else(|| cx.waker().clone())));
                set_awaited(Some(Awaited::Waiter(Rc::clone(self))));
                Poll::Pending
            }
        }
    }

    /// As [`poll`](Self::poll), around what the body of a scope has just registered as awaited.
    pub(crate) fn poll_around(self: &Rc<Self>, cx: &mut Context<'_>) -> Poll<Result<(), Cancelled>> {
        let inner = take_awaited();
        drop(self.inner.replace(inner));
        self.poll(cx)
    }

    /// A future of the release.
    pub(crate) fn wait(self: &Rc<Self>) -> Wait {
        Wait(Rc::clone(self))
    }
}

/// What the current task has registered as awaited in this step, taken out.
pub(crate) fn take_awaited() -> Option<Awaited> {
    current::with_task(|task| task.head.awaits.take()).flatten()
}

/// Says what the current task awaits.
pub(crate) fn set_awaited(awaited: Option<Awaited>) {
    let old = current::with_task(|task| task.head.awaits.replace(awaited));
    drop(old);
}

/// The future of [`Waiter::wait`].
pub(crate) struct Wait(Rc<Waiter>);

impl Future for Wait {
    type Output = Result<(), Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}
