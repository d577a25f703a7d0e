//! Work for other threads, and work from them: `to_thread` and `run_in_executor` keep blocking code from stopping the loop;
//! `run_coroutine_threadsafe` lets another thread use it.

mod concurrent;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

pub use concurrent::{ConcurrentFuture, run_coroutine_threadsafe};

use crate::error::{Exception, InTask, RuntimeError, raise_cancelled};
use crate::event_loop::EventLoop;
use crate::state::engine::{Engine, Outside};
use crate::state::what::What;
use crate::task::awaiting::{awaiting, note};

/// Runs `function` on another thread and waits for its result, while the loop goes on: Python's `asyncio.to_thread`. It
/// begins when this is awaited. What it needs moves into the closure.
///
/// A thread cannot be stopped: when the awaiting is cancelled or dropped, a function that has begun goes on alone, and its
/// result is lost; one that has not begun never does. While it is awaited, virtual time does not jump.
///
/// # Panics
/// Raises what the function raises, and [`RuntimeError`] when the operating system gives no thread.
///
/// ```
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// let sum: u64 = event_loop.run_until_complete(asyncio::to_thread(|| (1..=10).sum()));
/// assert_eq!(sum, 55);
/// ```
#[track_caller]
pub fn to_thread<R: Send + 'static>(function: impl FnOnce() -> R + Send + 'static) -> impl Future<Output = R> {
    awaiting(What::Thread, async move { InExecutor::start(function).await })
}

impl EventLoop {
    /// Runs `function` on another thread, from now on; the result is awaited. Python's `loop.run_in_executor(None, …)`.
    ///
    /// Python's own executors have no counterpart: there is one pool for a thread and its loops, of up to 512 threads.
    /// Otherwise as [`to_thread`].
    ///
    /// ```
    /// # let event_loop = asyncio::new_event_loop();
    /// let two = event_loop.run_in_executor(|| 1 + 1);
    /// assert_eq!(event_loop.block_on(two), 2);
    /// ```
    pub fn run_in_executor<R: Send + 'static>(&self, function: impl FnOnce() -> R + Send + 'static) -> InExecutor<R> {
        InExecutor::start(function)
    }
}

/// What a thread gives back, whatever its type.
type Outcome = Result<Box<dyn Any + Send>, Exception>;

/// The result of a function that runs on another thread, to be awaited. Dropping it is as cancelling [`to_thread`].
///
/// ```
/// use asyncio::InExecutor;
///
/// # let event_loop = asyncio::new_event_loop();
/// let sum: InExecutor<u64> = event_loop.run_in_executor(|| (1..=100).sum());
/// assert_eq!(event_loop.block_on(sum), 5050);
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct InExecutor<R> {
    job: Job,
    result: PhantomData<fn() -> R>,
}

impl<R: Send + 'static> InExecutor<R> {
    fn start(function: impl FnOnce() -> R + Send + 'static) -> Self {
        Self { job: Job::start(Box::new(move || Box::new(function()))), result: PhantomData }
    }
}

impl<R: 'static> Future for InExecutor<R> {
    type Output = R;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let Poll::Ready(value) = self.job.poll(cx) else {
            note(What::Thread, Location::caller());
            return Poll::Pending;
        };
        match value.downcast() {
            Ok(value) => Poll::Ready(*value),
            Err(_) => unreachable!("the function returns this type"),
        }
    }
}

impl<R> fmt::Debug for InExecutor<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Future of a thread>")
    }
}

/// The part that needs no types.
struct Job {
    handle: JoinHandle<Outcome>,
    /// Keeps virtual time from jumping.
    _outside: Outside,
}

impl Job {
    #[track_caller]
    fn start(function: Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>) -> Self {
        let engine = match Engine::of_thread() {
            Ok(engine) => engine,
            Err(error) => RuntimeError::new(format!("cannot start a thread: {error}")).raise(),
        };
        let work = move || {
            // The exception has an owner, so no panic hook is to print it here.
            let _mark = InTask::enter();
            catch_unwind(AssertUnwindSafe(function)).map_err(|payload| Exception::from_payload(&*payload))
        };
        Self { handle: engine.runtime().spawn_blocking(work), _outside: engine.work_outside() }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Box<dyn Any + Send>> {
        match Pin::new(&mut self.handle).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Ok(value))) => Poll::Ready(value),
            Poll::Ready(Ok(Err(exception))) => exception.raise(),
            // The runtime is going away.
            Poll::Ready(Err(_)) => raise_cancelled(),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Without effect once the function has begun.
        self.handle.abort();
    }
}
