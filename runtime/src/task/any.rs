//! Tasks as a list: `all_tasks`, `current_task`, and the handle they give, which knows no result type.
//! For notebooks and monitors that watch tasks they did not start.

use std::fmt;
use std::rc::Rc;

use super::{join, repr};
use crate::current;
use crate::error::{Exception, Kind};
use crate::state::cell::{AnyCell, Status};

/// A task seen from outside: everything but its result. Clones refer to the same task and compare equal.
///
/// ```
/// use asyncio::{AnyTask, all_tasks, current_task, ensure_future, sleep};
///
/// async fn idle() {
///     sleep(3600).await;
/// }
///
/// asyncio::run(async {
///     let task = ensure_future(idle());
///     let [main, seen]: [AnyTask; 2] = all_tasks().try_into().unwrap();
///     assert_eq!(Some(main), current_task());
///     assert_eq!(seen, task.as_any());
///     assert_eq!((seen.name(), seen.coroutine_name()), (task.name(), "idle"));
///     seen.cancel();
///     assert_eq!((seen.cancelling(), seen.uncancel()), (1, 0));
///     seen.cancel();
///     sleep(0).await;
///     assert!(seen.done() && seen.cancelled());
///
///     let fine = ensure_future(async {}).as_any();
///     sleep(0).await;
///     assert!(fine.exception().is_none());
/// });
/// ```
#[derive(Clone)]
pub struct AnyTask {
    cell: Rc<AnyCell>,
}

impl AnyTask {
    pub(crate) fn new(cell: Rc<AnyCell>) -> Self {
        Self { cell }
    }

    pub(crate) fn cell(&self) -> Rc<AnyCell> {
        Rc::clone(&self.cell)
    }

    /// Whether a `KeyboardInterrupt` ended the task: then it has stopped the loop by itself.
    pub(crate) fn was_interrupted(&self) -> bool {
        let kind = self.cell.head.if_rare(|rare| rare.exception.as_ref().map(Exception::kind)).flatten();
        kind == Some(Kind::Interrupt)
    }

    /// Raises what kept the task from finishing well.
    #[track_caller]
    pub(crate) fn check_result(&self) {
        join::check_finished(&self.cell.head, &self.cell);
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn done(&self) -> bool {
        !self.cell.head.is_pending()
    }

    /// Whether the task was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.cell.head.status.get() == Status::Cancelled
    }

    /// Asks the task to stop, as [`Task::cancel`](crate::Task::cancel).
    pub fn cancel(&self) -> bool {
        self.cell.cancel()
    }

    /// How many cancellations of the task have not been taken back, as [`Task::cancelling`](crate::Task::cancelling).
    #[must_use]
    pub fn cancelling(&self) -> u32 {
        self.cell.head.cancels.get().into()
    }

    /// Takes one cancellation back, as [`Task::uncancel`](crate::Task::uncancel).
    pub fn uncancel(&self) -> u32 {
        self.cell.uncancel()
    }

    /// The exception that ended the task, as [`Task::exception`](crate::Task::exception).
    ///
    /// # Panics
    /// As [`Task::exception`](crate::Task::exception).
    #[track_caller]
    #[must_use]
    pub fn exception(&self) -> Option<Exception> {
        join::exception(&self.cell)
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self) -> String {
        repr::name(&self.cell)
    }

    /// The name of the function whose coroutine the task runs.
    #[must_use]
    pub fn coroutine_name(&self) -> &'static str {
        repr::coroutine(&self.cell)
    }
}

impl PartialEq for AnyTask {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.cell, &other.cell)
    }
}

impl Eq for AnyTask {}

impl fmt::Debug for AnyTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&repr::of(&self.cell, None))
    }
}

/// The tasks of the running loop that have not ended, oldest first: Python's `asyncio.all_tasks`.
///
/// # Panics
/// Raises [`RuntimeError`](crate::RuntimeError) "no running event loop" outside a coroutine; there, ask
/// [`EventLoop::all_tasks`](crate::EventLoop::all_tasks). A notebook's cell means the current loop.
#[track_caller]
#[must_use]
pub fn all_tasks() -> Vec<AnyTask> {
    of_loop(&current::at_hand())
}

pub(crate) fn of_loop(core: &crate::state::core::Core) -> Vec<AnyTask> {
    core.schedule.tasks().into_iter().map(AnyTask::new).collect()
}

/// The task whose coroutine is running, `None` in a callback: Python's `asyncio.current_task`.
///
/// # Panics
/// Raises [`RuntimeError`](crate::RuntimeError) "no running event loop" outside a loop's run.
#[track_caller]
#[must_use]
pub fn current_task() -> Option<AnyTask> {
    drop(current::expect_running());
    current::task().map(AnyTask::new)
}
