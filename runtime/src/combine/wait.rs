//! `wait`: until the first, all, or the first that fails of some tasks have ended, or for a time.

use std::cell::Cell;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::alarm::Alarm;
use super::gather::{Children, Gathering};
use crate::current;
use crate::error::value_error;
use crate::futures;
use crate::state::callback::Callback;
use crate::state::cell::{AnyCell, Status};
use crate::state::waiter::Waiter;
use crate::state::what::What;
use crate::task::awaiting::note;
use crate::task::{AnyTask, Task};
use crate::time::Seconds;

/// When [`wait`] returns, a timeout apart.
///
/// ```
/// use asyncio::{ALL_COMPLETED, FIRST_EXCEPTION, ReturnWhen, ensure_future, sleep, wait};
///
/// async fn done_of_three(when: ReturnWhen) -> usize {
///     let failing = ensure_future(async { panic!("no") });
///     let tasks = [ensure_future(sleep(0)), failing, ensure_future(sleep(0.01))];
///     let (done, _) = wait(&tasks).return_when(when).await;
///     assert!(tasks[1].exception().is_some());
///     done.len()
/// }
///
/// # let event_loop = asyncio::EventLoop::with_virtual_time();
/// event_loop.run_until_complete(async {
///     assert!(done_of_three(FIRST_EXCEPTION).await < 3);
///     assert_eq!(done_of_three(ALL_COMPLETED).await, 3);
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnWhen {
    /// When any of them has ended.
    FirstCompleted,
    /// When any of them has raised an exception, else when all have ended. A cancelled one has raised none.
    FirstException,
    /// When all of them have ended.
    AllCompleted,
}

/// Python's `asyncio.FIRST_COMPLETED`.
pub const FIRST_COMPLETED: ReturnWhen = ReturnWhen::FirstCompleted;
/// Python's `asyncio.FIRST_EXCEPTION`.
pub const FIRST_EXCEPTION: ReturnWhen = ReturnWhen::FirstException;
/// Python's `asyncio.ALL_COMPLETED`.
pub const ALL_COMPLETED: ReturnWhen = ReturnWhen::AllCompleted;

/// What [`wait`] can wait for: tasks, futures completed by hand, gatherings, and references to them. Coroutines are
/// refused, as in Python: make them tasks first.
///
/// ```
/// use asyncio::{combine::Waitable, ensure_future, sleep, wait};
///
/// async fn settle(tasks: &[impl Waitable]) {
///     let (_, pending) = wait(tasks).timeout(0.01).await;
///     for task in pending {
///         task.as_waitable().cancel();
///     }
/// }
///
/// asyncio::run(async {
///     let tasks = [0.0, 3600.0].map(|seconds| ensure_future(sleep(seconds)));
///     settle(&tasks).await;
///     sleep(0).await;
///     assert!(!tasks[0].cancelled() && tasks[1].cancelled());
/// });
/// ```
pub trait Waitable {
    /// The same, without its type.
    fn as_waitable(&self) -> AnyTask;
}

impl<T> Waitable for Task<T> {
    fn as_waitable(&self) -> AnyTask {
        self.as_any()
    }
}

impl Waitable for AnyTask {
    fn as_waitable(&self) -> AnyTask {
        self.clone()
    }
}

impl<T> Waitable for futures::Future<T> {
    fn as_waitable(&self) -> AnyTask {
        self.as_any()
    }
}

impl<C: Children> Waitable for Gathering<C> {
    fn as_waitable(&self) -> AnyTask {
        self.as_any()
    }
}

impl<W: Waitable> Waitable for &W {
    fn as_waitable(&self) -> AnyTask {
        (**self).as_waitable()
    }
}

impl<W: Waitable> Waitable for &mut W {
    fn as_waitable(&self) -> AnyTask {
        (**self).as_waitable()
    }
}

/// Waits for several tasks, and returns those that have ended and those that have not, each in the order given: Python's
/// `asyncio.wait`, where they are sets. [`timeout`](Wait::timeout) and [`return_when`](Wait::return_when) say when to return
/// earlier than when all have ended.
///
/// Nothing is raised and nobody is cancelled, neither when the time is over nor when the waiting itself is cancelled or
/// dropped: it is cancel-safe, and given references to tasks it loses none of them.
///
/// # Panics
/// The await raises [`ValueError`](crate::ValueError) "Set of Tasks/Futures is empty.", and
/// [`RuntimeError`](crate::RuntimeError) "no running event loop" outside a loop's run.
///
/// ```
/// use asyncio::{FIRST_COMPLETED, ensure_future, sleep, wait};
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// event_loop.run_until_complete(async {
///     let tasks = [0.001, 10.0].map(|seconds| ensure_future(sleep(seconds)));
///     let (done, pending) = wait(tasks).return_when(FIRST_COMPLETED).await;
///     assert_eq!((done.len(), pending.len()), (1, 1));
/// });
/// ```
pub fn wait<I>(tasks: I) -> Wait<I::Item>
where
    I: IntoIterator,
    I::Item: Waitable,
{
    let tasks: Vec<I::Item> = tasks.into_iter().collect();
    let cells = tasks.iter().map(|task| task.as_waitable().cell()).collect();
    Wait { tasks, watch: Watch { cells, timeout: None, return_when: ALL_COMPLETED, armed: None } }
}

/// The future of [`wait`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Wait<W> {
    tasks: Vec<W>,
    watch: Watch,
}

/// The tasks are handed on, never pinned.
impl<W> Unpin for Wait<W> {}

impl<W: Waitable> Wait<W> {
    /// Returns after `timeout` at the latest, counted from the await. 0, negative numbers and NaN mean: after the tasks
    /// have had one turn; infinity means no limit.
    pub fn timeout(mut self, timeout: impl Seconds) -> Self {
        self.watch.timeout = Some(timeout.duration());
        self
    }

    /// Returns earlier than when all have ended.
    pub fn return_when(mut self, return_when: ReturnWhen) -> Self {
        self.watch.return_when = return_when;
        self
    }
}

impl<W: Waitable> Future for Wait<W> {
    type Output = (Vec<W>, Vec<W>);

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.watch.poll(cx).is_pending() {
            note(What::Wait, Location::caller());
            return Poll::Pending;
        }
        let tasks = std::mem::take(&mut self.tasks);
        Poll::Ready(tasks.into_iter().partition(|task| task.as_waitable().done()))
    }
}

impl<W> std::fmt::Debug for Wait<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<coroutine object wait>")
    }
}

/// The part of a [`Wait`] that needs no types.
struct Watch {
    cells: Vec<Rc<AnyCell>>,
    timeout: Option<Duration>,
    return_when: ReturnWhen,
    armed: Option<Armed>,
}

/// Callbacks on all the tasks, until the wait is over.
struct Armed {
    waiter: Rc<Waiter>,
    callbacks: Vec<(Rc<AnyCell>, Rc<Callback>)>,
    _alarm: Option<Alarm>,
}

impl Watch {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.cells.is_empty() {
            value_error("Set of Tasks/Futures is empty.");
        }
        let armed = self.armed.get_or_insert_with(|| Armed::new(&self.cells, self.timeout, self.return_when));
        if armed.waiter.poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.armed = None;
        Poll::Ready(())
    }
}

impl Armed {
    fn new(cells: &[Rc<AnyCell>], timeout: Option<Duration>, return_when: ReturnWhen) -> Self {
        let waiter = Waiter::new();
        let over = Rc::clone(&waiter);
        let alarm = timeout.map(|timeout| {
            Alarm::after(timeout, move || {
                over.release();
            })
        });
        let left = Rc::new(Cell::new(cells.len()));
        let awaiter = current::key();
        let watch = |cell: &Rc<AnyCell>| {
            let (ended, left, waiter) = (Rc::clone(cell), Rc::clone(&left), Rc::clone(&waiter));
            let tell: Box<dyn FnOnce()> = Box::new(move || {
                left.set(left.get() - 1);
                let enough = match return_when {
                    ReturnWhen::FirstCompleted => true,
                    ReturnWhen::FirstException => ended.head.status.get() == Status::Failed,
                    ReturnWhen::AllCompleted => false,
                };
                if enough || left.get() == 0 {
                    waiter.release();
                }
            });
            let callback = Rc::new(Callback::new(tell, "wait").for_task(awaiter));
            cell.when_done(Rc::clone(&callback));
            (Rc::clone(cell), callback)
        };
        Self { callbacks: cells.iter().map(watch).collect(), waiter, _alarm: alarm }
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        for (cell, callback) in self.callbacks.drain(..) {
            cell.forget(&callback);
        }
    }
}
