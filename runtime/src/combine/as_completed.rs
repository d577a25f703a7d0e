//! `as_completed`: results as they come, whoever is first.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::IntoFuture;
use std::rc::Rc;
use std::time::Duration;

use super::alarm::Alarm;
use crate::current;
use crate::error::TimeoutError;
use crate::iterate::{AsyncIterator, inherent_iteration};
use crate::state::callback::Callback;
use crate::state::waiter::Waiter;
use crate::task::{AnyTask, Task};
use crate::time::Seconds;

/// Schedules all `awaitables` now, in order, and gives their results in the order in which they end: Python's
/// `asyncio.as_completed`, as an async iterator.
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
    let core = current::get();
    let tasks: Vec<_> = awaitables.into_iter().map(|one| Some(Task::ensure(&core, one.into_future()))).collect();
    let arrivals = Rc::new(Arrivals::new(tasks.len()));
    for (index, task) in tasks.iter().flatten().enumerate() {
        Arrivals::watch(&arrivals, index, task.as_any());
    }
    AsCompleted { tasks, arrivals }
}

/// The async iterator of [`as_completed`].
#[must_use = "an async iterator does nothing by itself"]
pub struct AsCompleted<T> {
    tasks: Vec<Option<Task<T>>>,
    arrivals: Rc<Arrivals>,
}

impl<T> AsCompleted<T> {
    /// Limits the whole iteration to `timeout`, counted from now: when it is over, each result that is still missing is a
    /// [`TimeoutError`], and the tasks go on.
    ///
    /// # Panics
    /// Raises [`RuntimeError`](crate::RuntimeError) "no running event loop" outside a loop's run.
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
    pub fn timeout(self, timeout: impl Seconds) -> AsCompletedWithin<T> {
        let alarm = Arrivals::limit(&self.arrivals, timeout.duration());
        AsCompletedWithin { inner: self, _alarm: alarm }
    }

    async fn arrival(&mut self) -> Option<Result<T, TimeoutError>> {
        let index = self.arrivals.next().await?;
        let Ok(index) = index else { return Some(Err(TimeoutError)) };
        let mut task = self.tasks[index].take()?;
        task.as_any().check_result();
        Some(Ok(task.take()))
    }
}

impl<T> AsyncIterator for AsCompleted<T> {
    type Item = T;

    async fn next(&mut self) -> Option<T> {
        self.arrival().await?.ok()
    }
}

inherent_iteration!(impl [T] AsCompleted<T>, T, AsCompleted);

impl<T> std::fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<AsCompleted left={}>", self.arrivals.left())
    }
}

/// The async iterator of [`AsCompleted::timeout`].
#[must_use = "an async iterator does nothing by itself"]
#[derive(Debug)]
pub struct AsCompletedWithin<T> {
    inner: AsCompleted<T>,
    _alarm: Alarm,
}

impl<T> AsyncIterator for AsCompletedWithin<T> {
    type Item = Result<T, TimeoutError>;

    async fn next(&mut self) -> Option<Result<T, TimeoutError>> {
        self.inner.arrival().await
    }
}

inherent_iteration!(impl [T] AsCompletedWithin<T>, Result<T, TimeoutError>, AsCompleted);

/// Who has ended and was not asked for yet; needs no types.
struct Arrivals {
    state: RefCell<State>,
}

struct State {
    ended: VecDeque<Result<usize, TimeoutError>>,
    /// How many results nobody has taken yet.
    left: usize,
    /// How many tasks have not ended, as far as we look.
    running: usize,
    waiter: Option<Rc<Waiter>>,
}

impl Arrivals {
    fn new(count: usize) -> Self {
        Self { state: RefCell::new(State { ended: VecDeque::new(), left: count, running: count, waiter: None }) }
    }

    fn left(&self) -> usize {
        self.state.borrow().left
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

    fn limit(this: &Rc<Self>, timeout: Duration) -> Alarm {
        let arrivals = Rc::clone(this);
        Alarm::after(timeout, move || {
            while arrivals.state.borrow().running > 0 {
                arrivals.arrive(Err(TimeoutError));
            }
        })
    }

    fn arrive(&self, arrival: Result<usize, TimeoutError>) {
        let waiter = {
            let mut state = self.state.borrow_mut();
            if state.running == 0 {
                return;
            }
            state.running -= 1;
            state.ended.push_back(arrival);
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.release();
        }
    }

    /// The next who has ended; `None` when all have been given.
    async fn next(&self) -> Option<Result<usize, TimeoutError>> {
        loop {
            let waiter = {
                let mut state = self.state.borrow_mut();
                if state.left == 0 {
                    return None;
                }
                if let Some(arrival) = state.ended.pop_front() {
                    state.left -= 1;
                    return Some(arrival);
                }
                Rc::clone(state.waiter.insert(Waiter::new()))
            };
            // Not heeding: a cancellation drops this future, and nothing has been taken.
            let _ = waiter.wait().await;
        }
    }
}
