//! `gather`: run awaitables together and have all results, in the order of the arguments.
//! The function takes any number of one type, the macro a few of different types.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::current;
use crate::error::Exception;
use crate::state::callback::Callback;
use crate::state::cell::{AnyCell, Head, Parts, Stage, Status, TaskCell, Yields};
use crate::state::core::Core;
use crate::task::Task;
use crate::task::step::{end, end_with};

/// Schedules all `awaitables` now, in order, and returns a future of their results, in the same order: Python's
/// `asyncio.gather(*awaitables)`.
///
/// The first exception reaches the awaiter at once, while the others go on; theirs are not reported. Cancelling the
/// returned future cancels all that have not ended, in order. It is no task of the loop: it has no name. Dropping it
/// cancels nothing.
///
/// # Panics
/// As [`ensure_future`](crate::ensure_future).
#[track_caller]
pub fn gather<I>(awaitables: I) -> Task<Vec<<I::Item as Future>::Output>>
where
    I: IntoIterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: 'static,
{
    let core = current::get();
    let tasks: Vec<_> = awaitables.into_iter().map(|awaitable| Task::ensure(&core, awaitable)).collect();
    start(&core, tasks)
}

/// Awaits several things of different types together: `let (a, b) = gather!(one(), two()).await;`. See the function of
/// the same name.
#[macro_export]
macro_rules! gather {
    ($($awaitable:expr),* $(,)?) => {
        $crate::combine::gather_tasks(($($crate::ensure_future($awaitable),)*))
    };
}

/// What [`gather!`](crate::gather!) expands to: waits for tasks that exist already.
///
/// # Panics
/// As [`get_event_loop`](crate::get_event_loop).
#[track_caller]
pub fn gather_tasks<C: Children>(tasks: C) -> Task<C::Results> {
    start(&current::get(), tasks)
}

/// Tasks that can be gathered: a vector of one type, or a tuple of up to twelve.
pub trait Children: Unpin + 'static {
    /// Their results, in the same shape.
    type Results: 'static;
    /// The tasks, as futures that only `gather` knows how to wait for.
    #[doc(hidden)]
    fn list(&self) -> Vec<crate::AnyTask>;
    /// The results, once all have finished.
    #[doc(hidden)]
    fn collect(self) -> Self::Results;
}

impl<T: 'static> Children for Vec<Task<T>> {
    type Results = Vec<T>;

    fn list(&self) -> Vec<crate::AnyTask> {
        self.iter().map(Task::as_any).collect()
    }

    fn collect(self) -> Vec<T> {
        self.into_iter().map(|mut task| task.take()).collect()
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: 'static),*> Children for ($(Task<$name>,)*) {
            type Results = ($($name,)*);

            fn list(&self) -> Vec<crate::AnyTask> {
                #[allow(non_snake_case, reason = "the type's name serves for its field")]
                let ($($name,)*) = self;
                vec![$($name.as_any()),*]
            }

            #[allow(clippy::unused_unit, reason = "the empty tuple")]
            fn collect(self) -> Self::Results {
                #[allow(non_snake_case, reason = "the type's name serves for its field")]
                let ($(mut $name,)*) = self;
                ($($name.take(),)*)
            }
        }
    };
}

tuples!();
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

/// Turns finished tasks into their results; polled once, when all have finished.
struct Collect<C>(Option<C>);

impl<C: Children> Future for Collect<C> {
    type Output = C::Results;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<C::Results> {
        match self.0.take() {
            Some(tasks) => Poll::Ready(tasks.collect()),
            None => Poll::Pending,
        }
    }
}

#[track_caller]
fn start<C: Children>(core: &Rc<Core>, tasks: C) -> Task<C::Results> {
    let children = tasks.list();
    let cell = Rc::new(TaskCell { head: Head::future(core), body: Stage::new(Collect(Some(tasks))) });
    watch(Rc::clone(&cell) as Rc<AnyCell>, children.iter().map(crate::AnyTask::cell).collect());
    Task::from_cell(cell as Rc<TaskCell<dyn Yields<C::Results>>>)
}

/// Tells `outer` when the children end.
fn watch(outer: Rc<AnyCell>, children: Vec<Rc<AnyCell>>) {
    if children.is_empty() {
        finish(&outer);
        return;
    }
    let parts = Rc::new(Parts { children, ended: Cell::new(0), cancelled: Cell::new(false) });
    outer.head.with_rare(|rare| rare.parts = Some(Rc::clone(&parts)));
    for child in &parts.children {
        let (outer, ended, parts) = (Rc::clone(&outer), Rc::clone(child), Rc::downgrade(&parts));
        let tell: Box<dyn FnOnce()> = Box::new(move || {
            if let Some(parts) = parts.upgrade() {
                child_ended(&outer, &ended, &parts);
            }
        });
        child.when_done(Rc::new(Callback::new(tell, "gather")));
    }
}

/// One child has ended. The first that ended badly decides; otherwise the last one completes the whole.
fn child_ended(outer: &Rc<AnyCell>, child: &AnyCell, parts: &Parts) {
    parts.ended.set(parts.ended.get() + 1);
    let status = child.head.status.get();
    // Read in any case: siblings of a failure are not to be reported later.
    let exception = child.seen_exception();
    if !outer.head.is_pending() {
        return;
    }
    if let Some(exception) = exception {
        end_with(outer, exception);
    } else if status == Status::Cancelled {
        end_with(outer, Exception::cancelled());
    } else if parts.ended.get() == parts.children.len() {
        if parts.cancelled.get() {
            end_with(outer, Exception::cancelled());
        } else {
            finish(outer);
        }
    }
}

/// All children have finished: their results become the value.
fn finish(outer: &Rc<AnyCell>) {
    if outer.body.poll(&mut Context::from_waker(Waker::noop())).is_ready() {
        end(outer, Status::Finished);
    }
}
