//! `gather`: run awaitables together and have all results, in the order of the arguments.
//! The function takes any number of one type, the macro a few of different types.

use std::cell::Cell;
use std::future::{Future, IntoFuture};
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::current;
use crate::error::Exception;
use crate::state::callback::Callback;
use crate::state::cell::{AnyCell, Head, Parts, Stage, Status, TaskCell, Yields};
use crate::task::step::{end, end_with};
use crate::task::{AnyTask, Task, join};

/// Schedules all `awaitables` now, in order, and returns a future of their results, in the same order: Python's
/// `asyncio.gather(*awaitables)`.
///
/// The first exception reaches the awaiter at once, while the others go on; theirs are not reported. With
/// [`return_exceptions`](Gathering::return_exceptions) exceptions are results like others. Cancelling the returned future,
/// or a task that awaits it, cancels all that have not ended, in order. It is no task of the loop: it has no name. Dropping
/// it cancels nothing. Gathering nothing gives an empty list.
///
/// # Panics
/// As [`ensure_future`](crate::ensure_future).
///
/// ```
/// let event_loop = asyncio::new_event_loop();
/// asyncio::set_event_loop(&event_loop);
/// let squares = asyncio::gather((1..4).map(|n| async move { n * n }));
/// assert_eq!(event_loop.run_until_complete(squares), [1, 4, 9]);
/// ```
#[track_caller]
pub fn gather<I>(awaitables: I) -> Gathering<Vec<Task<<I::Item as IntoFuture>::Output>>>
where
    I: IntoIterator,
    I::Item: IntoFuture,
    <I::Item as IntoFuture>::IntoFuture: 'static,
    <I::Item as IntoFuture>::Output: 'static,
{
    let core = current::implied();
    gather_tasks(awaitables.into_iter().map(|one| Task::ensure(&core, one.into_future())).collect::<Vec<_>>())
}

/// Awaits several things of different types together: `let (a, b) = gather!(one(), two()).await;`. See the function of
/// the same name.
///
/// ```
/// use asyncio::gather;
/// let event_loop = asyncio::new_event_loop();
/// asyncio::set_event_loop(&event_loop);
/// let (n, text) = event_loop.run_until_complete(gather!(async { 1 }, async { "one" }));
/// assert_eq!((n, text), (1, "one"));
///
/// let both = gather!(async { 1 }, async { panic!("no") }).return_exceptions();
/// let (n, failed) = event_loop.run_until_complete(both);
/// assert_eq!((n.unwrap(), failed.unwrap_err().message()), (1, "no"));
/// ```
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
#[doc(hidden)]
pub fn gather_tasks<C: Children>(tasks: C) -> Gathering<C> {
    let cells = cells_of(tasks.list());
    let tasks = Rc::new(Cell::new(Some(tasks)));
    let results = start(Collect { tasks: Rc::clone(&tasks), collect: C::collect }, cells, false);
    Gathering { results, tasks }
}

/// What [`gather()`] returns: a future of the results, which is used as a [`Task`] of them.
#[must_use = "the results of a gathering are had by `.await`"]
pub struct Gathering<C: Children> {
    results: Task<C::Results>,
    tasks: Rc<Cell<Option<C>>>,
}

impl<C: Children> Gathering<C> {
    /// Python's `return_exceptions=True`: each result is a `Result`, and an exception or a cancellation of one does not
    /// keep the awaiter from the others. To be called before anything has ended, that is, at once.
    pub fn return_exceptions(self) -> Task<C::Outcomes> {
        let parts = self.results.as_any().cell().head.if_rare(|rare| rare.parts.take()).flatten();
        // Nobody is told by the old gathering any more: its callbacks find it gone.
        let cells = parts.map(|parts| parts.children.clone()).unwrap_or_default();
        drop(self.results);
        start(Collect { tasks: self.tasks, collect: C::outcomes }, cells, true)
    }
}

impl<C: Children> Deref for Gathering<C> {
    type Target = Task<C::Results>;

    fn deref(&self) -> &Self::Target {
        &self.results
    }
}

impl<C: Children> IntoFuture for Gathering<C> {
    type Output = C::Results;
    type IntoFuture = Task<C::Results>;

    fn into_future(self) -> Task<C::Results> {
        self.results
    }
}

impl<C: Children> std::fmt::Debug for Gathering<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.results.fmt(f)
    }
}

/// Tasks that can be gathered: a vector of one type, or a tuple of up to twelve.
///
/// ```
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
///
/// use asyncio::{Gathering, combine::Children, gather};
///
/// async fn first<C: Children<Results = Vec<u8>>>(together: Gathering<C>) -> u8 {
///     together.await[0]
/// }
///
/// assert_eq!(event_loop.run_until_complete(first(gather([async { 7 }]))), 7);
/// ```
pub trait Children: Unpin + 'static {
    /// Their results, in the same shape.
    type Results: 'static;
    /// Their results and exceptions, in the same shape.
    type Outcomes: 'static;
    /// The tasks, as futures that only `gather` knows how to wait for.
    #[doc(hidden)]
    fn list(&self) -> Vec<AnyTask>;
    /// The results, once all have finished.
    #[doc(hidden)]
    fn collect(self) -> Self::Results;
    /// What became of them, once all have ended.
    #[doc(hidden)]
    fn outcomes(self) -> Self::Outcomes;
}

impl<T: 'static> Children for Vec<Task<T>> {
    type Results = Vec<T>;
    type Outcomes = Vec<Result<T, Exception>>;

    fn list(&self) -> Vec<AnyTask> {
        self.iter().map(Task::as_any).collect()
    }

    fn collect(self) -> Vec<T> {
        self.into_iter().map(|mut task| task.take()).collect()
    }

    fn outcomes(self) -> Self::Outcomes {
        self.into_iter().map(Task::outcome).collect()
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: 'static),*> Children for ($(Task<$name>,)*) {
            type Results = ($($name,)*);
            type Outcomes = ($(Result<$name, Exception>,)*);

            fn list(&self) -> Vec<AnyTask> {
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

            #[allow(clippy::unused_unit, reason = "the empty tuple")]
            fn outcomes(self) -> Self::Outcomes {
                #[allow(non_snake_case, reason = "the type's name serves for its field")]
                let ($($name,)*) = self;
                ($($name.outcome(),)*)
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

/// Turns ended tasks into what the awaiter gets; polled once, when all have ended.
pub(super) struct Collect<C, R> {
    tasks: Rc<Cell<Option<C>>>,
    collect: fn(C) -> R,
}

impl<C, R> Collect<C, R> {
    pub(super) fn new(tasks: C, collect: fn(C) -> R) -> Self {
        Self { tasks: Rc::new(Cell::new(Some(tasks))), collect }
    }
}

impl<C, R> Future for Collect<C, R> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        match self.tasks.take() {
            Some(tasks) => Poll::Ready((self.collect)(tasks)),
            None => Poll::Pending,
        }
    }
}

fn cells_of(tasks: Vec<AnyTask>) -> Vec<Rc<AnyCell>> {
    tasks.iter().map(AnyTask::cell).collect()
}

#[track_caller]
fn start<C: 'static, R: 'static>(collect: Collect<C, R>, children: Vec<Rc<AnyCell>>, keeps: bool) -> Task<R> {
    let cell = Rc::new(TaskCell { head: Head::future(&current::implied()), body: Stage::new(collect) });
    watch(Rc::clone(&cell) as Rc<AnyCell>, children, keeps);
    Task::from_cell(cell as Rc<TaskCell<dyn Yields<R>>>)
}

/// Tells `outer` when the children end.
fn watch(outer: Rc<AnyCell>, children: Vec<Rc<AnyCell>>, keeps: bool) {
    let parts = Rc::new(Parts { children, keeps, ended: Cell::new(0), cancelled: Cell::new(false) });
    outer.head.with_rare(|rare| rare.parts = Some(Rc::clone(&parts)));
    if parts.children.is_empty() {
        finish(&outer);
    }
    for child in &parts.children {
        let (outer_too, ended, parts) = (Rc::clone(&outer), Rc::clone(child), Rc::downgrade(&parts));
        let tell: Box<dyn FnOnce()> = Box::new(move || {
            if let Some(parts) = parts.upgrade() {
                child_ended(&outer_too, &ended, &parts);
            }
        });
        child.when_done(Rc::new(Callback::new(tell, "gather").for_future(&outer)));
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
    if let Some(exception) = exception.filter(|_| !parts.keeps) {
        end_with(outer, exception);
    } else if status == Status::Cancelled && !parts.keeps {
        end_with(outer, Exception::cancelled());
    } else if parts.ended.get() == parts.children.len() {
        if parts.cancelled.get() {
            end_with(outer, Exception::cancelled());
        } else {
            finish(outer);
        }
    }
}

/// All children have ended: what became of them becomes the value.
pub(super) fn finish(outer: &Rc<AnyCell>) {
    if outer.body.poll(&mut Context::from_waker(Waker::noop())).is_ready() {
        end(outer, Status::Finished);
    }
}

impl<T> Task<T> {
    /// What became of an ended task.
    pub(crate) fn outcome(mut self) -> Result<T, Exception> {
        match join::outcome(&self.as_any().cell()) {
            None => Ok(self.take()),
            Some(exception) => Err(exception),
        }
    }
}
