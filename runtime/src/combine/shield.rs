//! `shield`: wait for something without passing one's own cancellation on to it.

use std::future::IntoFuture;
use std::rc::Rc;

use super::gather::{Collect, finish};
use crate::current;
use crate::state::callback::Callback;
use crate::state::cell::{AnyCell, Head, Stage, Status, TaskCell, Yields};
use crate::task::Task;
use crate::task::step::{end, end_with};

/// Waits for `awaitable`, which goes on when the waiting is cancelled: Python's `asyncio.shield`.
///
/// A coroutine becomes a task at once. Cancelling the returned future, or the task that awaits it, cancels only the
/// waiting: the awaiter raises [`CancelledError`](crate::CancelledError), and the task goes on to its end. When the task
/// itself is cancelled, so is the returned future. A task that has ended is returned as it is. Cancel-safe; dropping the
/// returned future leaves the task running, and reports its exception if it fails later.
///
/// # Panics
/// As [`ensure_future`](crate::ensure_future).
///
/// ```
/// let event_loop = asyncio::new_event_loop();
/// asyncio::set_event_loop(&event_loop);
/// let saving = asyncio::ensure_future(async { asyncio::sleep(0.001).await });
/// let watched = saving.as_any();
/// event_loop.run_until_complete(async move {
///     assert!(asyncio::wait_for(asyncio::shield(saving), 0).await.is_err());
///     assert!(!watched.cancelled());
/// });
/// ```
#[track_caller]
pub fn shield<F>(awaitable: F) -> Task<F::Output>
where
    F: IntoFuture,
    F::IntoFuture: 'static,
    F::Output: 'static,
{
    let inner = Task::ensure(&current::implied(), awaitable.into_future());
    if inner.done() {
        return inner;
    }
    let watched = inner.as_any().cell();
    let home = watched.head.home().unwrap_or_else(current::implied);
    let collect = Collect::new(inner, |mut inner: Task<F::Output>| inner.take());
    let cell = Rc::new(TaskCell { head: Head::future(&home), body: Stage::new(collect) });
    protect(&(Rc::clone(&cell) as Rc<AnyCell>), &watched);
    Task::from_cell(cell as Rc<TaskCell<dyn Yields<F::Output>>>)
}

/// Ends `outer` as `inner` ends, unless it has been cancelled by then.
fn protect(outer: &Rc<AnyCell>, inner: &Rc<AnyCell>) {
    let (outer_too, ended) = (Rc::clone(outer), Rc::clone(inner));
    let tell: Box<dyn FnOnce()> = Box::new(move || inner_ended(&outer_too, &ended));
    let tell = Rc::new(Callback::new(tell, "shield").for_future(outer));
    inner.when_done(Rc::clone(&tell));
    outer.head.with_rare(|rare| rare.shields = Some(Rc::downgrade(inner)));
    let inner = Rc::clone(inner);
    let stop: Box<dyn FnOnce()> = Box::new(move || {
        if inner.head.is_pending() {
            inner.forget(&tell);
        }
    });
    outer.when_done(Rc::new(Callback::new(stop, "shield")));
}

fn inner_ended(outer: &Rc<AnyCell>, inner: &AnyCell) {
    let exception = inner.seen_exception();
    if !outer.head.is_pending() {
        return;
    }
    match exception {
        Some(exception) => end_with(outer, exception),
        None if inner.head.status.get() == Status::Cancelled => end(outer, Status::Cancelled),
        None => finish(outer),
    }
}
