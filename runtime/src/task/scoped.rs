//! A task whose coroutine borrows from the caller's frame: what `EventLoop::block_on` runs.
//! A notebook's top-level `.await` is one, so that it may use the cell's variables.

use std::future::Future;
use std::mem;
use std::rc::Rc;

use super::{AnyTask, step};
use crate::error::misuse;
use crate::state::cell::{AnyCell, Body, Head, Stage, Status, TaskCell, Yields};
use crate::state::core::Core;

/// The caller's hold on such a task; when it goes, so does the coroutine, whatever state it is in.
pub(crate) struct Scoped<F: Future> {
    cell: Rc<TaskCell<Stage<F>>>,
    erased: Rc<AnyCell>,
}

impl<F: Future> Scoped<F> {
    #[track_caller]
    pub(crate) fn start(core: &Rc<Core>, future: F) -> Self {
        let cell = Rc::new(TaskCell { head: Head::task(core), body: Stage::new(future) });
        let erased = erase(Rc::clone(&cell) as Rc<TaskCell<dyn Body + '_>>);
        let scoped = Self { cell, erased };
        step::admit(core, Rc::clone(&scoped.erased));
        scoped
    }

    pub(crate) fn as_any(&self) -> AnyTask {
        AnyTask::new(Rc::clone(&self.erased))
    }

    /// The result, once the task has finished.
    pub(crate) fn into_result(self) -> F::Output {
        match self.cell.body.take() {
            Some(value) => value,
            None => misuse("Result is not set."),
        }
    }
}

/// Forgets how long the coroutine may live.
fn erase<'a>(cell: Rc<TaskCell<dyn Body + 'a>>) -> Rc<AnyCell> {
    // SAFETY: only the lifetime bound of the trait object changes. References to the cell may outlive 'a, in the ready
    // queue or in somebody's `AnyTask`, but by then its body is empty: `Scoped::drop` clears it while 'a lasts, and it
    // cannot be skipped, since `Scoped` is a local of the function that drives the loop and is never leaked. Clearing
    // is refused only during a poll, and no poll is under way once the drive has returned. An empty body holds nothing
    // of lifetime 'a, so its remaining methods and its destructor touch nothing of it.
    unsafe { mem::transmute::<Rc<TaskCell<dyn Body + 'a>>, Rc<AnyCell>>(cell) }
}

impl<F: Future> Drop for Scoped<F> {
    fn drop(&mut self) {
        step::abandon(&self.erased);
        debug_assert!(self.cell.body.peek().is_none() && self.cell.head.status.get() != Status::Pending);
    }
}
