//! `finally`: a cleanup that waits, whatever becomes of the body.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::scope::{Body, Left};
use crate::error::raise_cancelled;
use crate::state::waiter::Waiter;

/// Awaits `body`, then `cleanup`, also when the body raises or its task is cancelled: Python's
/// `try: await body finally: await cleanup`. A destructor cannot wait; this can.
///
/// When the task is cancelled, the body is dropped at its await point, the cleanup runs, and then the cancellation goes on. A
/// second cancellation ends the cleanup, too. Dropping the future, as a `select!` does, drops both without running the
/// cleanup.
///
/// # Panics
/// Raises what the body raises, after the cleanup; or what the cleanup raises.
///
/// ```
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// let work = asyncio::ensure_future(asyncio::finally(asyncio::sleep(10), async {
///     asyncio::sleep(0.001).await;
///     println!("cleaned up");
/// }));
/// event_loop.run_until_complete(async move {
///     asyncio::sleep(0).await;
///     work.cancel();
///     asyncio::wait([&work]).await;
///     assert!(work.cancelled());
/// });
/// ```
pub fn finally<'a, F>(body: F, cleanup: impl Future<Output = ()> + 'a) -> Finally<'a, F::Output>
where
    F: IntoFuture,
    F::IntoFuture: 'a,
{
    let stage = Stage::Body(Body::new(body.into_future()), Waiter::heeding());
    Finally { stage, cleanup: Box::pin(cleanup) }
}

/// The future of [`finally`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Finally<'a, T> {
    stage: Stage<'a, T>,
    cleanup: Pin<Box<dyn Future<Output = ()> + 'a>>,
}

enum Stage<'a, T> {
    Body(Body<'a, T>, Rc<Waiter>),
    Cleanup(Option<Left<T>>),
}

/// The value is handed on, never pinned; the futures are in boxes.
impl<T> Unpin for Finally<'_, T> {}

impl<T> Future for Finally<'_, T> {
    type Output = T;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        if let Stage::Body(body, scope) = &mut this.stage {
            let Poll::Ready(left) = body.poll_in(scope, cx) else { return Poll::Pending };
            this.stage = Stage::Cleanup(Some(left));
        }
        if this.cleanup.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let Stage::Cleanup(left) = &mut this.stage else { unreachable!("the body was left above") };
        match left.take() {
            Some(Left::Value(value)) => Poll::Ready(value),
            Some(Left::Raised(payload)) => resume_unwind(payload),
            Some(Left::Cancelled) | None => raise_cancelled(),
        }
    }
}

impl<T> fmt::Debug for Finally<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<coroutine object finally>")
    }
}
