//! A future that plain code completes: Python's `asyncio.Future`. Callbacks, readers and other threads' messages use it to
//! tell coroutines something.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::context::bound;
use crate::current;
use crate::error::{Exception, invalid_state, misuse};
use crate::state::callback::Callback;
use crate::state::cell::{AnyCell, Body, Head, Status, TaskCell};
use crate::state::core::Core;
use crate::task::step::{end, end_with};
use crate::task::{AnyTask, join, repr};

/// A result that somebody will set: Python's `asyncio.Future`. Clones are the same future.
///
/// [`asyncio::Future()`](fn@crate::Future) or [`EventLoop::create_future`](crate::EventLoop::create_future) makes one. (In
/// Rust, `Future` without a module is the standard trait, so the type is `asyncio::futures::Future`.)
///
/// Anybody with a clone may await it; each awaiter gets a clone of the result, or the exception raised, or
/// [`CancelledError`](crate::CancelledError). As in Python, a task that is cancelled while it awaits the future cancels the
/// future, and so everybody else who awaits it: [`shield`](crate::shield) prevents that. Awaiting is otherwise cancel-safe.
/// When an exception was set and nobody has looked at it before the last clone goes, the loop reports it.
///
/// ```
/// let event_loop = asyncio::new_event_loop();
/// let answer = event_loop.create_future::<i32>();
/// let setter = answer.clone();
/// event_loop.call_later(0.001, move || setter.set_result(42));
/// assert_eq!(event_loop.run_until_complete(answer), 42);
/// ```
pub struct Future<T: 'static> {
    shared: Rc<Shared<T>>,
}

/// What all clones share; it goes with the last one.
struct Shared<T: 'static> {
    cell: Rc<TaskCell<Slot<T>>>,
}

/// The result, once it is set.
struct Slot<T>(Cell<Option<T>>);

impl<T> Body for Slot<T> {
    fn poll(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn clear(&self) {
        drop(self.0.take());
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

impl<T> Future<T> {
    /// A pending future of the current loop.
    ///
    /// # Panics
    /// As [`get_event_loop`](crate::get_event_loop).
    ///
    /// ```
    /// use asyncio::{Exception, futures::Future};
    ///
    /// asyncio::run(async {
    ///     let future = Future::<i32>::new();
    ///     assert!(!future.done() && !future.as_any().done());
    ///     future.add_done_callback(|| println!("done"));
    ///     future.set_result(6);
    ///     assert_eq!((future.result(), future.await), (6, 6));
    ///
    ///     let given_up = Future::<i32>::new();
    ///     assert!(given_up.cancel() && given_up.cancelled());
    ///
    ///     let failed = Future::<i32>::new();
    ///     failed.set_exception(Exception::from_error(&"x".parse::<i32>().unwrap_err()));
    ///     assert_eq!(failed.exception().unwrap().name(), "ParseIntError");
    /// });
    /// ```
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it belongs to the current loop, and there may be none")]
    pub fn new() -> Self {
        Self::of(&current::implied())
    }

    pub(crate) fn of(core: &Rc<Core>) -> Self {
        let cell = Rc::new(TaskCell { head: Head::future(core), body: Slot(Cell::new(None)) });
        Self { shared: Rc::new(Shared { cell }) }
    }

    fn cell(&self) -> Rc<AnyCell> {
        Rc::clone(&self.shared.cell) as Rc<AnyCell>
    }

    /// Sets the result; who awaits the future goes on in the next turn, in the order of their coming.
    ///
    /// # Panics
    /// Raises [`InvalidStateError`](crate::InvalidStateError) "invalid state" when the future is done.
    #[track_caller]
    pub fn set_result(&self, result: T) {
        check_pending(&self.shared.cell.head);
        self.shared.cell.body.0.set(Some(result));
        end(&*self.shared.cell, Status::Finished);
    }

    /// Sets the exception that the awaiters raise. See [`Exception::new`].
    ///
    /// # Panics
    /// Raises [`InvalidStateError`](crate::InvalidStateError) "invalid state" when the future is done.
    #[track_caller]
    pub fn set_exception(&self, exception: impl Into<Exception>) {
        check_pending(&self.shared.cell.head);
        end_with(&*self.shared.cell, exception.into());
    }

    /// Cancels the future; who awaits it raises [`CancelledError`](crate::CancelledError). False when it is done already.
    pub fn cancel(&self) -> bool {
        self.cell().cancel()
    }

    /// Whether the future has a result or an exception, or was cancelled.
    #[must_use]
    pub fn done(&self) -> bool {
        !self.shared.cell.head.is_pending()
    }

    /// Whether the future was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.shared.cell.head.status.get() == Status::Cancelled
    }

    /// The exception that was set, `None` when a result was.
    ///
    /// # Panics
    /// Raises [`InvalidStateError`](crate::InvalidStateError) "Exception is not set." while the future is pending, and
    /// [`CancelledError`](crate::CancelledError) when it was cancelled.
    #[track_caller]
    #[must_use]
    pub fn exception(&self) -> Option<Exception> {
        join::exception(&self.cell())
    }

    /// Calls `function` on the loop in the turn after the future is done; in the next turn when it is done already.
    pub fn add_done_callback(&self, function: impl FnOnce() + 'static) {
        let name = std::any::type_name_of_val(&function);
        self.cell().when_done(Rc::new(Callback::new(bound(Box::new(function)), name)));
    }

    /// A handle without the result's type, for lists and for [`wait`](fn@crate::wait).
    #[must_use]
    pub fn as_any(&self) -> AnyTask {
        AnyTask::new(self.cell())
    }
}

#[track_caller]
fn check_pending(head: &Head) {
    if !head.is_pending() {
        invalid_state("invalid state");
    }
}

impl<T: Clone> Future<T> {
    /// A clone of the result.
    ///
    /// # Panics
    /// Raises [`InvalidStateError`](crate::InvalidStateError) "Result is not set." while the future is pending, the
    /// exception that was set, or [`CancelledError`](crate::CancelledError).
    #[track_caller]
    #[must_use]
    pub fn result(&self) -> T {
        join::check_finished(&self.shared.cell.head, &self.cell());
        self.copy()
    }

    #[track_caller]
    fn copy(&self) -> T {
        let slot = &self.shared.cell.body.0;
        // Taken out while it is cloned, since `clone` may do anything.
        let Some(value) = slot.take() else { misuse("the result is being cloned already") };
        let copy = value.clone();
        slot.set(Some(value));
        copy
    }
}

impl<T: Clone> std::future::Future for Future<T> {
    type Output = T;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match join::poll(&self.shared.cell.head, || self.cell(), cx) {
            Poll::Ready(()) => Poll::Ready(self.copy()),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Clones are the same future.
impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self { shared: Rc::clone(&self.shared) }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let head = &self.cell.head;
        head.held.set(false);
        if head.unseen.get() {
            (Rc::clone(&self.cell) as Rc<AnyCell>).report_unseen();
        }
    }
}

/// As Python's: `<Future pending>`.
impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.shared.cell.body.0.take();
        let text = repr::of(&self.cell(), value.as_ref().map(|value| value as &dyn Any));
        self.shared.cell.body.0.set(value);
        f.write_str(&text)
    }
}

/// What Python's `asyncio.Future()` does, callable in the same words: a pending future of the current loop.
pub mod constructor {
    /// A pending [`futures::Future`](super::Future) of the current loop, to be completed by hand.
    ///
    /// # Panics
    /// As [`get_event_loop`](crate::get_event_loop).
    ///
    /// ```
    /// # let event_loop = asyncio::new_event_loop();
    /// # asyncio::set_event_loop(&event_loop);
    /// let future = asyncio::Future();
    /// future.set_result("done");
    /// assert_eq!(event_loop.run_until_complete(future), "done");
    /// ```
    #[track_caller]
    #[must_use]
    #[expect(non_snake_case, reason = "the name that it has in Python")]
    pub fn Future<T>() -> super::Future<T> {
        super::Future::new()
    }
}
