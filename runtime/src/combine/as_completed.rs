//! `as_completed`: results as they come, whoever is first.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::IntoFuture;
use std::rc::Rc;
use std::time::Duration;

use super::alarm::Alarm;
use crate::coroutine::Coroutine;
use crate::current;
use crate::error::TimeoutError;
use crate::iterate::{AsyncIterator, inherent_iteration};
use crate::state::callback::Callback;
use crate::state::what::What;
use crate::sync::Queue;
use crate::task::awaiting::awaiting;
use crate::task::{AnyTask, Task};
use crate::time::Seconds;

/// Schedules all `awaitables` now, in order, and gives their results in the order in which they end: Python's
/// `asyncio.as_completed`, as an async iterator. In a plain `for` loop it gives awaitables instead, each of which has the result
/// of whoever ends next.
///
/// [`next`](AsyncIterator::next) raises the exception of a task that failed, and
/// [`CancelledError`](crate::CancelledError) for one that was cancelled; the iteration may go on after that. It is
/// cancel-safe: a `next` that is dropped takes nothing. Dropping the iterator leaves the tasks running.
///
/// # Panics
/// As [`ensure_future`](crate::ensure_future).
///
/// ```
/// use asyncio::{AsyncIterator, as_completed, sleep};
/// async fn after(milliseconds: u64) -> u64 {
///     sleep(milliseconds as f64 / 1000.0).await;
///     milliseconds
/// }
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// event_loop.run_until_complete(async {
///     let mut results = as_completed([20, 1, 10].map(after));
///     let mut order = vec![];
///     while let Some(result) = results.next().await {
///         order.push(result);
///     }
///     assert_eq!(order, [1, 10, 20]);
///
///     for (next, expected) in as_completed([20, 1, 10].map(after)).into_iter().zip([1, 10, 20]) {
///         assert_eq!(next.await, expected);
///     }
/// });
/// ```
#[track_caller]
pub fn as_completed<I>(awaitables: I) -> AsCompleted<<I::Item as IntoFuture>::Output>
where
    I: IntoIterator,
    I::Item: IntoFuture,
    <I::Item as IntoFuture>::IntoFuture: 'static,
    <I::Item as IntoFuture>::Output: 'static,
{
    let core = current::implied();
    let tasks: Vec<_> = awaitables.into_iter().map(|one| Some(Task::ensure(&core, one.into_future()))).collect();
    let arrivals = Rc::new(Arrivals::new(tasks.len()));
    for (index, task) in tasks.iter().flatten().enumerate() {
        Arrivals::watch(&arrivals, index, task.as_any());
    }
    AsCompleted { left: tasks.len(), race: Race { tasks: RefCell::new(tasks), arrivals } }
}

/// The async iterator of [`as_completed`].
#[must_use = "an async iterator does nothing by itself"]
pub struct AsCompleted<T> {
    race: Race<T>,
    /// How many results nobody has taken yet.
    left: usize,
}

impl<T> AsCompleted<T> {
    /// Limits the whole iteration to `timeout`, counted from now: when it is over, each result that is still missing is a
    /// [`TimeoutError`], and the tasks go on.
    ///
    /// # Panics
    /// As [`ensure_future`](crate::ensure_future).
    ///
    /// ```
    /// use asyncio::{AsyncIterator, TimeoutError, as_completed, sleep};
    /// # let event_loop = asyncio::EventLoop::with_virtual_time();
    /// event_loop.run_until_complete(async {
    ///     let mut results = as_completed([sleep(0.001), sleep(3600)]).timeout(0.02);
    ///     assert_eq!(results.next().await, Some(Ok(())));
    ///     assert_eq!(results.next().await, Some(Err(TimeoutError)));
    ///     assert_eq!(results.next().await, None);
    /// });
    /// ```
    #[track_caller]
    pub fn timeout(self, timeout: impl Seconds) -> AsCompletedWithin<T> {
        Arrivals::limit(&self.race.arrivals, timeout.duration());
        AsCompletedWithin(self)
    }

    async fn arrival(&mut self) -> Option<Result<T, TimeoutError>> {
        if self.left == 0 {
            return None;
        }
        // A cancellation drops this future here, and nothing has been taken.
        let arrival = self.race.arrivals.ended.get().await;
        self.left -= 1;
        Some(self.race.take(arrival))
    }
}

impl<T> AsyncIterator for AsCompleted<T> {
    type Item = T;

    async fn next(&mut self) -> Option<T> {
        self.arrival().await?.ok()
    }
}

inherent_iteration!(impl [T] AsCompleted<T>, T, AsCompleted);

impl<T: 'static> IntoIterator for AsCompleted<T> {
    type Item = Coroutine<T>;
    type IntoIter = Box<dyn Iterator<Item = Coroutine<T>>>;

    /// As many awaitables as there are results; each has the result of whoever ends next.
    fn into_iter(self) -> Self::IntoIter {
        self.race.each(self.left, |result| result.expect("there is no time limit"))
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<AsCompleted left={}>", self.left)
    }
}

/// The async iterator of [`AsCompleted::timeout`].
#[must_use = "an async iterator does nothing by itself"]
#[derive(Debug)]
pub struct AsCompletedWithin<T>(AsCompleted<T>);

impl<T> AsyncIterator for AsCompletedWithin<T> {
    type Item = Result<T, TimeoutError>;

    async fn next(&mut self) -> Option<Result<T, TimeoutError>> {
        self.0.arrival().await
    }
}

inherent_iteration!(impl [T] AsCompletedWithin<T>, Result<T, TimeoutError>, AsCompleted);

impl<T: 'static> IntoIterator for AsCompletedWithin<T> {
    type Item = Coroutine<Result<T, TimeoutError>>;
    type IntoIter = Box<dyn Iterator<Item = Coroutine<Result<T, TimeoutError>>>>;

    /// As many awaitables as there are results; each has the result of whoever ends next.
    fn into_iter(self) -> Self::IntoIter {
        self.0.race.each(self.0.left, |result| result)
    }
}

/// The tasks, and which of them have ended.
struct Race<T> {
    tasks: RefCell<Vec<Option<Task<T>>>>,
    arrivals: Rc<Arrivals>,
}

impl<T> Race<T> {
    /// The result of a task that has ended, or that time is over.
    fn take(&self, arrival: Result<usize, TimeoutError>) -> Result<T, TimeoutError> {
        let task = self.tasks.borrow_mut()[arrival?].take();
        let mut task = task.expect("a task ends once");
        task.as_any().check_result();
        Ok(task.take())
    }

    /// So many awaitables, each of which has the next result.
    fn each<R: 'static>(
        self,
        count: usize,
        finish: fn(Result<T, TimeoutError>) -> R,
    ) -> Box<dyn Iterator<Item = Coroutine<R>>>
    where
        T: 'static,
    {
        let race = Rc::new(self);
        Box::new((0..count).map(move |_| {
            let race = Rc::clone(&race);
            Coroutine::new(awaiting(What::AsCompleted, async move {
                let arrival = race.arrivals.ended.get().await;
                finish(race.take(arrival))
            }))
        }))
    }
}

/// Who has ended and was not asked for yet; needs no types.
struct Arrivals {
    ended: Queue<Result<usize, TimeoutError>>,
    /// How many tasks have not ended, as far as we look.
    running: Cell<usize>,
    alarm: RefCell<Option<Alarm>>,
}

impl Arrivals {
    fn new(count: usize) -> Self {
        Self { ended: Queue::new(0), running: Cell::new(count), alarm: RefCell::default() }
    }

    fn watch(this: &Rc<Self>, index: usize, task: AnyTask) {
        let arrivals = Rc::downgrade(this);
        let tell: Box<dyn FnOnce()> = Box::new(move || {
            if let Some(arrivals) = arrivals.upgrade() {
                arrivals.arrive(Ok(index));
            }
        });
        task.cell().when_done(Rc::new(Callback::new(tell, "as_completed").for_task(current::key())));
    }

    fn limit(this: &Rc<Self>, timeout: Duration) {
        let arrivals = Rc::downgrade(this);
        let alarm = Alarm::after(timeout, move || {
            if let Some(arrivals) = arrivals.upgrade() {
                while arrivals.running.get() > 0 {
                    arrivals.arrive(Err(TimeoutError));
                }
            }
        });
        this.alarm.replace(Some(alarm));
    }

    fn arrive(&self, arrival: Result<usize, TimeoutError>) {
        if let Some(running) = self.running.get().checked_sub(1) {
            self.running.set(running);
            self.ended.put_nowait(arrival).expect("the queue has no limit");
        }
    }
}
