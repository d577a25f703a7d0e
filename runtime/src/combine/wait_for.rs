//! `wait_for`: one awaitable, a time limit, and the certainty that it has ended afterwards.

use std::future::IntoFuture;
use std::rc::Rc;
use std::time::Duration;

use super::alarm::Alarm;
use crate::current;
use crate::error::{TimeoutError, raise_cancelled};
use crate::state::callback::Callback;
use crate::state::cell::{AnyCell, Status};
use crate::state::waiter::Waiter;
use crate::state::what::What;
use crate::task::awaiting::awaiting;
use crate::task::{AnyTask, Task};
use crate::time::Seconds;

/// Waits for `awaitable` for at most `timeout`: Python's `asyncio.wait_for`. A coroutine becomes a task when this is
/// awaited; when the time is over, or when the waiting itself is cancelled, the task is cancelled and waited for, so that it
/// has ended when `wait_for` returns. To let it go on instead, give it in a [`shield`](crate::shield).
///
/// 0, negative numbers and NaN allow no time at all: only what has ended already gives its result. Infinity is no limit.
/// [`timeout`](crate::timeout) is the cheaper way to limit a future: it needs no task.
///
/// When the task ends in the same turn in which the waiting is cancelled, its result wins and the cancellation is forgotten,
/// as in Python 3.11 (not so in 3.12): nothing is lost. Dropping the future cancels the task without waiting for its end.
///
/// # Errors
/// [`TimeoutError`] when the time was over and the task has been cancelled.
///
/// # Panics
/// Raises what the task raised, also when it did so instead of being cancelled.
///
/// ```
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// event_loop.run_until_complete(async {
///     assert_eq!(asyncio::wait_for(async { 3 }, 1).await, Ok(3));
///     assert_eq!(asyncio::wait_for(asyncio::sleep(10), 0.001).await, Err(asyncio::TimeoutError));
/// });
/// ```
#[track_caller]
pub fn wait_for<F>(awaitable: F, timeout: impl Seconds) -> impl Future<Output = Result<F::Output, TimeoutError>>
where
    F: IntoFuture,
    F::IntoFuture: 'static,
    F::Output: 'static,
{
    let timeout = timeout.duration();
    awaiting(What::WaitFor, async move {
        let mut task = Task::ensure(&current::expect_running(), awaitable.into_future());
        limit(task.as_any(), timeout).await?;
        Ok(task.take())
    })
}

/// Waits until `task` has finished well, or has been cancelled because of `timeout`; raises every other end.
async fn limit(task: AnyTask, timeout: Duration) -> Result<(), TimeoutError> {
    let cell = task.cell();
    let mut unfinished = CancelOnDrop(Some(Rc::clone(&cell)));
    if !timeout.is_zero() {
        let waiter = Waiter::heeding();
        let released = Rc::clone(&waiter);
        let _alarm = Alarm::after(timeout, move || {
            released.release();
        });
        let told = Told::new(&cell, &waiter);
        if waiter.wait().await.is_err() {
            drop(told);
            if cell.head.is_pending() {
                cancel_and_wait(&cell).await;
                raise_cancelled();
            }
        }
    }
    if cell.head.is_pending() {
        cancel_and_wait(&cell).await;
        if cell.head.status.get() == Status::Cancelled {
            return Err(TimeoutError);
        }
    }
    unfinished.0 = None;
    task.check_result();
    Ok(())
}

/// Cancels the task and waits for its end.
async fn cancel_and_wait(cell: &Rc<AnyCell>) {
    let waiter = Waiter::new();
    let _told = Told::new(cell, &waiter);
    cell.cancel();
    let _ = waiter.wait().await;
}

/// A done callback that releases a waiter, for as long as this lives.
struct Told {
    cell: Rc<AnyCell>,
    callback: Rc<Callback>,
}

impl Told {
    fn new(cell: &Rc<AnyCell>, waiter: &Rc<Waiter>) -> Self {
        let waiter = Rc::clone(waiter);
        let tell: Box<dyn FnOnce()> = Box::new(move || {
            waiter.release();
        });
        let callback = Rc::new(Callback::new(tell, "wait_for").for_task(current::key()));
        cell.when_done(Rc::clone(&callback));
        Self { cell: Rc::clone(cell), callback }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.cell.forget(&self.callback);
    }
}

/// The task does not go on alone when the waiting is dropped.
struct CancelOnDrop(Option<Rc<AnyCell>>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            cell.cancel();
        }
    }
}
