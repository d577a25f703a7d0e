//! `Task`: a coroutine that a loop runs by itself, and the handle to its result. What `ensure_future` returns.
//! This file is what a notebook cell compiles per coroutine type, so every method hands on to code without types.

pub(crate) mod any;
pub(crate) mod awaiting;
pub(crate) mod join;
pub(crate) mod repr;
pub(crate) mod scoped;
pub(crate) mod step;
pub(crate) mod wait;

use std::any::{Any, TypeId};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

pub use any::{AnyTask, all_tasks, current_task};

use crate::context::bound;
use crate::coroutine::Coroutine;
use crate::error::{Exception, misuse};
use crate::state::callback::Callback;
use crate::state::cell::{AnyCell, Head, Stage, Status, TaskCell, Yields};
use crate::state::core::Core;

/// A coroutine scheduled on an event loop: Python's `asyncio.Task`.
///
/// Awaiting it, by value or by `&mut`, waits for the end and gives the result, or raises the task's exception again; on
/// a cancelled task it raises [`CancelledError`](crate::CancelledError). The result moves to the first who awaits it.
/// Dropping the handle leaves the task running. Awaiting is cancel-safe by `&mut`; a task that is cancelled while it
/// awaits another cancels that one first, as in Python.
///
/// ```
/// use asyncio::{Task, ensure_future, sleep, wait};
///
/// async fn double(n: i32) -> i32 {
///     sleep(0.001).await;
///     2 * n
/// }
///
/// asyncio::run(async {
///     let mut task: Task<i32> = ensure_future(double(21));
///     task.set_name("doubling");
///     assert_eq!((task.name(), task.get_name(), task.coroutine_name()), ("doubling".into(), "doubling".into(), "double"));
///     assert_eq!(format!("{task:?}"), "<Task pending name='doubling' coro=<double()>>");
///     task.add_done_callback(|| println!("done"));
///     wait([&task]).await;
///     assert!(task.done() && !task.cancelled() && task.exception().is_none());
///     assert_eq!((*task.result(), (&mut task).await), (42, 42));
///
///     let other = ensure_future(double(1));
///     assert!(other.as_any() == other.as_any() && other.cancel());
///     assert_eq!((other.cancelling(), other.uncancel()), (1, 0));
///     assert_eq!(other.await, 2);
/// });
/// ```
pub struct Task<T> {
    cell: Rc<TaskCell<dyn Yields<T>>>,
}

/// A handle may be moved however its result must not be.
impl<T> Unpin for Task<T> {}

impl<T: 'static> Task<T> {
    /// Schedules `coroutine` on `core`; a task passes through as it is.
    #[track_caller]
    pub(crate) fn ensure<F>(core: &Rc<Core>, coroutine: F) -> Self
    where
        F: Future<Output = T> + 'static,
    {
        if TypeId::of::<F>() == TypeId::of::<Self>() {
            let mut same = Some(coroutine);
            if let Some(task) = (&mut same as &mut dyn Any).downcast_mut::<Option<Self>>().and_then(Option::take) {
                return task;
            }
            unreachable!("the types are the same");
        }
        let boxed_type = boxed_type(&coroutine);
        let cell = Rc::new(TaskCell { head: Head::task(core), body: Stage::new(coroutine) });
        if boxed_type.is_some() {
            cell.head.with_rare(|rare| rare.boxed_type = boxed_type);
        }
        step::admit(core, Rc::clone(&cell) as Rc<AnyCell>);
        Self { cell }
    }
}

/// What a [`Coroutine`] holds, if `coroutine` is one. The comparison is decided when this is compiled.
fn boxed_type<F: Future + 'static>(coroutine: &F) -> Option<&'static str>
where
    F::Output: 'static,
{
    (coroutine as &dyn Any).downcast_ref::<Coroutine<F::Output>>().map(Coroutine::becomes_task)
}

impl<T> Task<T> {
    /// A handle to a cell that somebody else ends (a gathering).
    pub(crate) fn from_cell(cell: Rc<TaskCell<dyn Yields<T>>>) -> Self {
        Self { cell }
    }

    fn cell(&self) -> Rc<AnyCell> {
        Rc::clone(&self.cell) as Rc<AnyCell>
    }

    /// The result of a task that has finished, moved out.
    pub(crate) fn take(&mut self) -> T {
        match self.cell.body.take() {
            Some(value) => value,
            None => misuse("cannot await a task twice: its result has been taken"),
        }
    }

    fn head(&self) -> &Head {
        &self.cell.head
    }

    /// Whether the task has ended: with a result, with an exception, or cancelled.
    #[must_use]
    pub fn done(&self) -> bool {
        !self.head().is_pending()
    }

    /// Whether the task was cancelled; true only after the turn in which its coroutine was dropped.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.head().status.get() == Status::Cancelled
    }

    /// Asks the task to stop: in its next turn its coroutine is dropped at the await point where it stands. A task that
    /// awaits another task passes the request on to that one. Returns false when the task has already ended.
    pub fn cancel(&self) -> bool {
        self.cell().cancel()
    }

    /// How many cancellations of the task have not been taken back: Python's `Task.cancelling`.
    #[must_use]
    pub fn cancelling(&self) -> u32 {
        self.head().cancels.get().into()
    }

    /// Takes one cancellation back; the number of those left. When none is left and the task has not been stopped yet, it
    /// goes on. (In Python it may catch the cancellation even later.)
    pub fn uncancel(&self) -> u32 {
        self.cell().uncancel()
    }

    /// The result of a task that has finished.
    ///
    /// # Panics
    /// Raises [`InvalidStateError`](crate::InvalidStateError) "Result is not set." while the task is pending, its
    /// exception when it failed, [`CancelledError`](crate::CancelledError) when it was cancelled, and
    /// [`RuntimeError`](crate::RuntimeError) when an await has taken the result.
    #[track_caller]
    #[must_use]
    pub fn result(&self) -> &T {
        join::check_finished(&self.cell.head, &self.cell());
        match self.cell.body.peek() {
            Some(value) => value,
            None => misuse("the result of this task has been taken by an await"),
        }
    }

    /// The exception that ended the task, `None` when it finished well. Reading it silences the report about it.
    ///
    /// # Panics
    /// Raises [`InvalidStateError`](crate::InvalidStateError) "Exception is not set." while the task is pending, and
    /// [`CancelledError`](crate::CancelledError) when it was cancelled.
    #[track_caller]
    #[must_use]
    pub fn exception(&self) -> Option<Exception> {
        join::exception(&self.cell())
    }

    /// The task's name: `Task-N`, counted over all loops of the process, or what [`set_name`](Self::set_name) said.
    #[must_use]
    pub fn name(&self) -> String {
        repr::name(&self.cell())
    }

    /// The same as [`name`](Self::name), under Python's name.
    #[must_use]
    pub fn get_name(&self) -> String {
        self.name()
    }

    /// Names the task, for its `Debug` form and for reports.
    pub fn set_name(&self, name: &str) {
        self.head().with_rare(|rare| rare.name = Some(name.into()));
        if let Some(core) = self.head().home() {
            core.sampler.renamed(self.head().number(), name);
        }
    }

    /// The name of the function whose coroutine the task runs: `c1` for `ensure_future(c1())`.
    #[must_use]
    pub fn coroutine_name(&self) -> &'static str {
        repr::coroutine(&self.cell())
    }

    /// Calls `function` on the loop in the turn after the task ends; in the next turn when it has ended already.
    pub fn add_done_callback(&self, function: impl FnOnce() + 'static) {
        let name = std::any::type_name_of_val(&function);
        self.cell().when_done(Rc::new(Callback::new(bound(Box::new(function)), name)));
    }

    /// A handle without the result's type, for lists of tasks. It does not count as somebody who reads the exception.
    #[must_use]
    pub fn as_any(&self) -> AnyTask {
        AnyTask::new(self.cell())
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match join::poll(&self.cell.head, || self.cell(), cx) {
            Poll::Ready(()) => Poll::Ready(self.take()),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        let head = &self.cell.head;
        head.held.set(false);
        if head.unseen.get() {
            self.cell().report_unseen();
        }
    }
}

impl<T: 'static> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.cell.body.peek().map(|value| value as &dyn Any);
        f.write_str(&repr::of(&self.cell(), value))
    }
}
