//! `run_coroutine_threadsafe`: a coroutine for a loop of another thread, and a result that may be waited for by blocking.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::future::IntoFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Exception, TimeoutError, misuse};
use crate::event_loop::{LoopHandle, create_task};
use crate::state::callback::Callback;
use crate::task::AnyTask;
use crate::time::Seconds;

thread_local! {
    /// The tasks that were started from other threads and have not ended, on the thread of their loop.
    static TASKS: RefCell<HashMap<u64, AnyTask>> = RefCell::default();
}

/// Starts a coroutine on the loop of another thread: Python's `asyncio.run_coroutine_threadsafe`.
///
/// `coroutine` is a closure that makes it, called on the loop's thread: the futures of this crate belong to one thread, so the
/// coroutine itself cannot be sent. When the loop does not run now, the coroutine waits for its next run.
///
/// # Panics
/// Raises [`RuntimeError`](crate::RuntimeError) "Event loop is closed".
///
/// ```
/// use asyncio::{run_coroutine_threadsafe, sleep};
///
/// async fn double(n: i32) -> i32 {
///     sleep(0.001).await;
///     2 * n
/// }
///
/// let event_loop = asyncio::new_event_loop();
/// let handle = event_loop.handle();
/// let other = std::thread::spawn(move || {
///     let answer = run_coroutine_threadsafe(|| double(21), &handle).result();
///     let _ = handle.try_call_soon(|| asyncio::get_running_loop().stop());
///     answer
/// });
/// event_loop.run_forever().unwrap();
/// assert_eq!(other.join().unwrap(), 42);
/// ```
#[track_caller]
pub fn run_coroutine_threadsafe<M, F>(coroutine: M, event_loop: &LoopHandle) -> ConcurrentFuture<F::Output>
where
    M: FnOnce() -> F + Send + 'static,
    F: IntoFuture,
    F::IntoFuture: 'static,
    F::Output: Send + 'static,
{
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let shared = Arc::new(Shared { state: Mutex::new(State::Pending), changed: Condvar::new() });
    let promise = Promise { shared: Arc::clone(&shared), number };
    event_loop.call_soon_threadsafe(move || {
        let task = create_task(coroutine());
        let any = task.as_any();
        TASKS.with(|tasks| tasks.borrow_mut().insert(number, any.clone()));
        let tell: Box<dyn FnOnce()> = Box::new(move || promise.settle(task.outcome()));
        any.cell().when_done(std::rc::Rc::new(Callback::new(tell, "run_coroutine_threadsafe")));
    });
    ConcurrentFuture { shared, number, event_loop: event_loop.clone() }
}

/// The result of a coroutine that runs on another thread's loop: Python's `concurrent.futures.Future`. It may be sent to any
/// thread. Dropping it leaves the coroutine running.
///
/// ```
/// use asyncio::{ConcurrentFuture, get_running_loop, run_coroutine_threadsafe, sleep};
///
/// let event_loop = asyncio::new_event_loop();
/// let handle = event_loop.handle();
/// let other = std::thread::spawn(move || {
///     let long: ConcurrentFuture<()> = run_coroutine_threadsafe(|| sleep(3600), &handle);
///     let (_, long) = long.result_within(0.001).unwrap_err();
///     assert!(!long.done());
///     assert!(long.cancel());
///     handle.call_soon_threadsafe(|| get_running_loop().stop());
/// });
/// event_loop.run_forever().unwrap();
/// other.join().unwrap();
/// ```
pub struct ConcurrentFuture<T> {
    shared: Arc<Shared<T>>,
    number: u64,
    event_loop: LoopHandle,
}

impl<T> ConcurrentFuture<T> {
    /// Blocks this thread until the coroutine has ended, and gives its result. Not to be called on the loop's own thread,
    /// which would wait for itself.
    ///
    /// # Panics
    /// Raises what the coroutine raised; [`CancelledError`](crate::CancelledError) when it was cancelled, or when its loop
    /// was closed.
    #[must_use]
    pub fn result(self) -> T {
        let mut state = self.shared.lock();
        while matches!(*state, State::Pending) {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Self::take(state)
    }

    /// As [`result`](Self::result), for at most `timeout`; the coroutine goes on, and the future is given back.
    ///
    /// # Errors
    /// The future, when the time is over.
    ///
    /// # Panics
    /// As [`result`](Self::result).
    pub fn result_within(self, timeout: impl Seconds) -> Result<T, (TimeoutError, Self)> {
        let end = Instant::now().checked_add(timeout.duration());
        let mut state = self.shared.lock();
        while matches!(*state, State::Pending) {
            let Some(end) = end else {
                state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                return Err((TimeoutError, self));
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(Self::take(state))
    }

    fn take(mut state: MutexGuard<'_, State<T>>) -> T {
        let ended = std::mem::replace(&mut *state, State::Taken);
        drop(state);
        match ended {
            State::Ended(Ok(value)) => value,
            State::Ended(Err(exception)) => exception.raise(),
            State::Pending | State::Taken => misuse("the result has been taken"),
        }
    }

    /// Whether the coroutine has ended.
    #[must_use]
    pub fn done(&self) -> bool {
        !matches!(*self.shared.lock(), State::Pending)
    }

    /// Asks the coroutine to stop, as [`Task::cancel`](crate::Task::cancel). False when it has ended already.
    pub fn cancel(&self) -> bool {
        if self.done() {
            return false;
        }
        let number = self.number;
        let cancel = move || {
            let task = TASKS.with(|tasks| tasks.borrow().get(&number).cloned());
            if let Some(task) = task {
                task.cancel();
            }
        };
        self.event_loop.try_call_soon(cancel).is_ok()
    }
}

impl<T> fmt::Debug for ConcurrentFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.done() { "<Future finished>" } else { "<Future pending>" })
    }
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

enum State<T> {
    Pending,
    Ended(Result<T, Exception>),
    Taken,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The loop's end of it. When it goes without an outcome, the loop has gone, and nobody is to wait any longer.
struct Promise<T> {
    shared: Arc<Shared<T>>,
    number: u64,
}

impl<T> Promise<T> {
    fn settle(&self, outcome: Result<T, Exception>) {
        *self.shared.lock() = State::Ended(outcome);
        self.shared.changed.notify_all();
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let task = TASKS.try_with(|tasks| tasks.borrow_mut().remove(&self.number));
        drop(task);
        if matches!(*self.shared.lock(), State::Pending) {
            self.settle(Err(Exception::cancelled()));
        }
    }
}
