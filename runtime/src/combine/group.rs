//! `TaskGroup`: tasks that end together. If one fails, the others are cancelled, and nobody is left behind.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::scope::{Body, Left};
use crate::current;
use crate::error::{Exception, ExceptionGroup, KeyboardInterrupt, Kind, RuntimeError, raise_cancelled};
use crate::state::callback::Callback;
use crate::state::cell::{AnyCell, Status};
use crate::state::key::Key;
use crate::state::waiter::Waiter;
use crate::state::what::What;
use crate::task::awaiting::note;
use crate::task::{AnyTask, Task};

/// A group of tasks that are all awaited: Python's `asyncio.TaskGroup`, entered with [`TaskGroup::run`] instead of
/// `async with`. Clones are the same group.
#[derive(Clone)]
pub struct TaskGroup {
    state: Rc<State>,
}

struct State {
    /// The task that runs the body.
    parent: Cell<Key>,
    tasks: RefCell<Vec<Rc<AnyCell>>>,
    errors: RefCell<Vec<Exception>>,
    /// A `KeyboardInterrupt`, which is raised as it is.
    interrupt: Cell<bool>,
    aborting: Cell<bool>,
    exiting: Cell<bool>,
    /// The group itself has cancelled its body.
    body_cancelled: Cell<bool>,
    /// Where cancellations of the body arrive.
    scope: Rc<Waiter>,
    /// Where the end waits for the last task.
    last: RefCell<Option<Rc<Waiter>>>,
}

impl TaskGroup {
    /// Runs `body` with a new group, then waits for the tasks it has started: Python's
    /// `async with asyncio.TaskGroup() as group: …`. The value is the body's.
    ///
    /// When a task fails, or the body raises, or the awaiting task is cancelled, the body and the remaining tasks are
    /// cancelled and waited for. The body may borrow.
    ///
    /// Cancelling the task that awaits this is heeded once all tasks of the group have ended. Dropping it instead cancels
    /// them without waiting.
    ///
    /// # Errors
    /// [`ExceptionGroup`] with what the tasks, and last the body, have raised.
    ///
    /// # Panics
    /// Raises [`CancelledError`](crate::CancelledError) when cancelled from outside, unless there are errors, and
    /// [`KeyboardInterrupt`] when one of the tasks did.
    ///
    /// ```
    /// use asyncio::{TaskGroup, sleep};
    /// # let event_loop = asyncio::new_event_loop();
    /// event_loop.run_until_complete(async {
    ///     let sum = TaskGroup::run(async |group| {
    ///         let one = group.create_task(async { 1 });
    ///         let two = group.create_task(async { 2 });
    ///         one.await + two.await
    ///     });
    ///     assert_eq!(sum.await.unwrap(), 3);
    ///
    ///     let failing = TaskGroup::run(async |group| {
    ///         group.create_task(async { panic!("no") });
    ///         sleep(10).await;
    ///     });
    ///     let error = failing.await.unwrap_err();
    ///     assert_eq!(error.to_string(), "unhandled errors in a TaskGroup (1 sub-exception)");
    ///     assert_eq!(error.exceptions()[0].message(), "no");
    /// });
    /// ```
    pub fn run<'a, B, T>(body: B) -> GroupRun<'a, T>
    where
        B: AsyncFnOnce(Self) -> T + 'a,
        T: 'a,
    {
        let group = Self::new();
        let inside = group.clone();
        GroupRun { group, stage: Stage::Body(Body::new(async move { body(inside).await })), cancelled: false }
    }

    fn new() -> Self {
        let state = State {
            parent: Cell::new(Key::NOWHERE),
            tasks: RefCell::default(),
            errors: RefCell::default(),
            interrupt: Cell::new(false),
            aborting: Cell::new(false),
            exiting: Cell::new(false),
            body_cancelled: Cell::new(false),
            scope: Waiter::heeding(),
            last: RefCell::default(),
        };
        Self { state: Rc::new(state) }
    }

    /// Schedules `coroutine` in the group.
    ///
    /// # Panics
    /// Raises [`RuntimeError`] when the group is finished or shutting down, and "no running event loop" outside a run.
    #[track_caller]
    pub fn create_task<F>(&self, coroutine: F) -> Task<F::Output>
    where
        F: IntoFuture,
        F::IntoFuture: 'static,
        F::Output: 'static,
    {
        self.check_open();
        let task = Task::ensure(&current::expect_running(), coroutine.into_future());
        self.admit(&task.as_any());
        task
    }

    #[track_caller]
    fn check_open(&self) {
        let state = &self.state;
        if state.exiting.get() && state.tasks.borrow().is_empty() {
            RuntimeError::new(format!("TaskGroup {self:?} is finished")).raise();
        }
        if state.aborting.get() {
            RuntimeError::new(format!("TaskGroup {self:?} is shutting down")).raise();
        }
    }

    fn admit(&self, task: &AnyTask) {
        let cell = task.cell();
        cell.head.with_rare(|rare| rare.grouped = true);
        self.state.tasks.borrow_mut().push(Rc::clone(&cell));
        let (state, ended) = (Rc::clone(&self.state), Rc::clone(&cell));
        let tell: Box<dyn FnOnce()> = Box::new(move || state.task_ended(&ended));
        cell.when_done(Rc::new(Callback::new(tell, "TaskGroup").for_task(self.state.parent.get())));
    }
}

impl fmt::Debug for TaskGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<TaskGroup")?;
        match self.state.tasks.borrow().len() {
            0 => {}
            count => write!(f, " tasks={count}")?,
        }
        match self.state.errors.borrow().len() {
            0 => {}
            count => write!(f, " errors={count}")?,
        }
        f.write_str(if self.state.aborting.get() { " cancelling>" } else { " entered>" })
    }
}

impl State {
    fn abort(&self) {
        self.aborting.set(true);
        let tasks = self.tasks.borrow().clone();
        for task in tasks {
            task.cancel();
        }
    }

    fn task_ended(&self, task: &Rc<AnyCell>) {
        self.tasks.borrow_mut().retain(|other| !Rc::ptr_eq(other, task));
        if self.tasks.borrow().is_empty() {
            let last = self.last.borrow().clone();
            if let Some(last) = last {
                last.release();
            }
        }
        if task.head.status.get() != Status::Failed {
            return;
        }
        let Some(exception) = task.seen_exception() else { return };
        self.interrupt.set(self.interrupt.get() || exception.kind() == Kind::Interrupt);
        self.errors.borrow_mut().push(exception);
        if !self.aborting.get() && !self.body_cancelled.get() {
            self.abort();
            self.body_cancelled.set(true);
            // After its body the group waits somewhere else, and is woken by its last task.
            if self.scope.is_waiting() {
                self.scope.cancel();
            }
        }
    }
}

/// The future of [`TaskGroup::run`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct GroupRun<'a, T> {
    group: TaskGroup,
    stage: Stage<'a, T>,
    /// A cancellation came from outside.
    cancelled: bool,
}

enum Stage<'a, T> {
    Body(Body<'a, T>),
    /// The body was left; the last tasks are waited for.
    Ending(Option<T>, Option<Box<dyn Any + Send>>),
}

/// The value is handed on, never pinned; the body is in a box.
impl<T> Unpin for GroupRun<'_, T> {}

impl<T> Future for GroupRun<'_, T> {
    type Output = Result<T, ExceptionGroup>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.group.state.parent.set(current::key());
        if let Stage::Body(body) = &mut this.stage {
            let Poll::Ready(left) = body.poll_in(&this.group.state.scope, cx) else { return Poll::Pending };
            let (value, raised) = match left {
                Left::Value(value) => (Some(value), None),
                Left::Raised(payload) => (None, Some(payload)),
                Left::Cancelled => (None, None),
            };
            this.cancelled = this.group.body_left(value.is_some(), raised.is_none());
            this.stage = Stage::Ending(value, raised);
        }
        if this.group.poll_last(cx, &mut this.cancelled).is_pending() {
            note(What::TaskGroup, Location::caller());
            return Poll::Pending;
        }
        let Stage::Ending(value, raised) = &mut this.stage else { unreachable!("the body was left above") };
        this.group.end(this.cancelled, raised.take());
        match value.take() {
            Some(value) if this.group.state.errors.borrow().is_empty() => Poll::Ready(Ok(value)),
            _ => Poll::Ready(Err(ExceptionGroup::of_tasks(this.group.state.errors.take()))),
        }
    }
}

impl TaskGroup {
    /// The body was left. Whether that is because of a cancellation from outside.
    fn body_left(&self, well: bool, quietly: bool) -> bool {
        let state = &self.state;
        state.exiting.set(true);
        if well {
            return false;
        }
        if !state.aborting.get() {
            state.abort();
        }
        let others = current::task().is_some_and(|task| task.head.cancels.get() > 0);
        quietly && (!state.body_cancelled.get() || others)
    }

    /// Waits until no task is left. A cancellation from outside aborts the group, but does not end the waiting.
    fn poll_last(&self, cx: &mut Context<'_>, cancelled: &mut bool) -> Poll<()> {
        loop {
            let waiter = self.state.last.borrow().clone();
            let Some(waiter) = waiter else {
                if self.state.tasks.borrow().is_empty() {
                    return Poll::Ready(());
                }
                self.state.last.replace(Some(Waiter::heeding()));
                continue;
            };
            // Also when the last task has ended: a cancellation in the same turn counts.
            let Poll::Ready(outcome) = waiter.poll(cx) else { return Poll::Pending };
            self.state.last.replace(None);
            if outcome.is_err() && !self.state.aborting.get() {
                *cancelled = true;
                self.state.abort();
            }
        }
    }

    /// Raises what is no error of the group.
    fn end(&self, cancelled: bool, raised: Option<Box<dyn Any + Send>>) {
        let state = &self.state;
        if state.interrupt.get() {
            resume_unwind(Box::new(KeyboardInterrupt));
        }
        if let Some(payload) = raised {
            if payload.is::<KeyboardInterrupt>() {
                resume_unwind(payload);
            }
            state.errors.borrow_mut().push(Exception::from_payload(&*payload));
        }
        if cancelled && state.errors.borrow().is_empty() {
            raise_cancelled();
        }
    }
}

impl<T> Drop for GroupRun<'_, T> {
    fn drop(&mut self) {
        if !self.group.state.tasks.borrow().is_empty() {
            self.group.state.abort();
        }
    }
}

impl<T> fmt::Debug for GroupRun<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)
    }
}
