//! Waiting for a task, and reading how it ended. The part of `Task` that needs no types.

use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::repr;
use crate::current;
use crate::error::{Exception, RuntimeError, invalid_state, raise_cancelled};
use crate::state::cell::{AnyCell, Head, Status, Waiter};
use crate::state::waiter::Awaited;
use crate::state::what::What;

/// Ready when the task finished well; raises its exception when it did not. `cell` is asked for only while pending.
#[track_caller]
pub(crate) fn poll(head: &Head, cell: impl FnOnce() -> Rc<AnyCell>, cx: &mut Context<'_>) -> Poll<()> {
    match head.status.get() {
        Status::Finished => Poll::Ready(()),
        Status::Pending => {
            wait(cell(), cx.waker());
            Poll::Pending
        }
        Status::Failed | Status::Cancelled => raise(&cell()),
    }
}

/// Puts the waker among those who are told of the end, and the task into its awaiter's record.
#[track_caller]
fn wait(cell: Rc<AnyCell>, waker: &Waker) {
    if current::with_running(|core| !cell.head.lives_in(core)) == Some(true) {
        other_loop(&cell);
    }
    add_waker(&cell.head, waker);
    let place = Location::caller();
    let old = current::with_task(|task| {
        if std::ptr::addr_eq(task, Rc::as_ptr(&cell)) {
            return Err(cell);
        }
        task.head.awaits_what.set(What::Future);
        task.head.place.set(Some(place));
        Ok(task.head.awaits.replace(Some(Awaited::Future(cell))))
    });
    match old {
        // A task that awaits itself would wait for ever; so does Python's, which raises.
        Some(Err(cell)) => RuntimeError::new(format!("Task cannot await on itself: {}", repr::of(&cell, None))).raise(),
        old => drop(old),
    }
}

fn add_waker(head: &Head, waker: &Waker) {
    let first = head.waiter.take();
    let known = first.as_ref().is_some_and(|first| first.will_wake(waker));
    let others = head.if_rare(|rare| {
        let told = |waiter: &Waiter| matches!(waiter, Waiter::Wake(other) if other.will_wake(waker));
        (rare.waiters.is_empty(), rare.waiters.iter().any(told))
    });
    let (alone, told) = others.unwrap_or((true, false));
    let first = match first {
        Some(first) => {
            if !known && !told {
                head.with_rare(|rare| rare.waiters.push(Waiter::Wake(waker.clone())));
            }
            Some(first)
        }
        None if alone => Some(waker.clone()),
        None => {
            // A done callback was there before us, and is called before us.
            if !told {
                head.with_rare(|rare| rare.waiters.push(Waiter::Wake(waker.clone())));
            }
            None
        }
    };
    head.waiter.set(first);
}

#[cold]
#[track_caller]
fn other_loop(cell: &AnyCell) -> ! {
    let awaiter = current::task().map_or_else(|| "A coroutine".to_owned(), |task| repr::of(&task, None));
    let future = repr::of(cell, None);
    RuntimeError::new(format!("{awaiter} got Future {future} attached to a different loop")).raise()
}

#[cold]
fn raise(cell: &AnyCell) -> ! {
    match cell.seen_exception() {
        Some(exception) => exception.raise(),
        None => raise_cancelled(),
    }
}

/// Raises what `Task::result` raises for a task that has no result.
#[track_caller]
pub(crate) fn check_finished(head: &Head, cell: &AnyCell) {
    match head.status.get() {
        Status::Finished => {}
        Status::Pending => invalid_state("Result is not set."),
        Status::Failed | Status::Cancelled => raise(cell),
    }
}

/// What `Task::exception` returns or raises.
#[track_caller]
pub(crate) fn exception(cell: &AnyCell) -> Option<Exception> {
    match cell.head.status.get() {
        Status::Finished => None,
        Status::Failed => cell.seen_exception(),
        Status::Pending => invalid_state("Exception is not set."),
        Status::Cancelled => raise_cancelled(),
    }
}

/// How a task ended badly, as a value: its exception, or its cancellation.
pub(crate) fn outcome(cell: &AnyCell) -> Option<Exception> {
    match cell.head.status.get() {
        Status::Finished => None,
        Status::Failed => cell.seen_exception(),
        Status::Pending => invalid_state("Result is not set."),
        Status::Cancelled => Some(Exception::cancelled()),
    }
}
