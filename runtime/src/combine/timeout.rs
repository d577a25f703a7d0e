//! `timeout`: a time limit around a piece of a coroutine, inside its task.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::alarm::Alarm;
use super::scope::{Body, Left, awaited_now};
use crate::current;
use crate::error::{TimeoutError, misuse, raise_cancelled};
use crate::event_loop::get_running_loop;
use crate::state::waiter::Awaited;
use crate::time::Seconds;

/// Runs `body` for at most `delay`, counted from the await: Python's `async with asyncio.timeout(delay)`.
///
/// When the time is over the body is cancelled: what it awaits, if that is a task, else the body itself, which is dropped at
/// its await point. No task is needed, and the body may borrow. 0, negative numbers and NaN end the body at its first await
/// that suspends for more than a turn; infinity is no limit. Of nested limits the innermost that is over decides.
///
/// Cancel-safe as far as the body is: dropping it drops the body.
///
/// # Errors
/// [`TimeoutError`] when the body was cancelled because the time was over.
///
/// # Panics
/// Raises what the body raises, and [`RuntimeError`](crate::RuntimeError) "Timeout should be used inside a task".
///
/// ```
/// # let event_loop = asyncio::EventLoop::with_virtual_time();
/// event_loop.run_until_complete(async {
///     let mut rounds = 0;
///     let outcome = asyncio::timeout(0.01, async {
///         loop {
///             asyncio::sleep(0.002).await;
///             rounds += 1;
///         }
///     });
///     let outcome: Result<(), _> = outcome.await;
///     assert_eq!(outcome, Err(asyncio::TimeoutError));
///     assert_eq!(rounds, 4);
/// });
/// ```
pub fn timeout<'a, F>(delay: impl Seconds, body: F) -> Within<'a, F::Output>
where
    F: IntoFuture,
    F::IntoFuture: 'a,
{
    Timeout::new(delay).within(body)
}

/// As [`timeout`], until the loop's clock ([`EventLoop::time`](crate::EventLoop::time)) shows `when`: Python's
/// `async with asyncio.timeout_at(when)`.
///
/// # Errors
/// As [`timeout`].
///
/// # Panics
/// As [`timeout`].
///
/// ```
/// # let event_loop = asyncio::new_event_loop();
/// let when = event_loop.time() + 0.001;
/// let outcome = event_loop.run_until_complete(asyncio::timeout_at(when, asyncio::sleep(10)));
/// assert_eq!(outcome, Err(asyncio::TimeoutError));
/// ```
pub fn timeout_at<'a, F>(when: f64, body: F) -> Within<'a, F::Output>
where
    F: IntoFuture,
    F::IntoFuture: 'a,
{
    Timeout::with(Limit::At(when)).within(body)
}

/// A time limit that can be moved while its body runs: Python's `asyncio.Timeout`. Clones are the same limit.
///
/// ```
/// # let event_loop = asyncio::new_event_loop();
/// event_loop.run_until_complete(async {
///     let limit = asyncio::Timeout::new(0.01);
///     let inside = limit.clone();
///     let body = async move {
///         inside.reschedule(f64::INFINITY);
///         asyncio::sleep(0.02).await;
///     };
///     assert_eq!(limit.within(body).await, Ok(()));
///     assert!(!limit.expired());
/// });
/// ```
#[derive(Clone)]
pub struct Timeout {
    state: Rc<State>,
}

struct State {
    limit: Cell<Limit>,
    stage: Cell<Stage>,
    alarm: RefCell<Option<Alarm>>,
    /// What the body awaits, and whom to wake when that does not heed the end of the time.
    awaited: Cell<Option<Awaited>>,
    waker: Cell<Option<Waker>>,
    /// Nothing that the body awaits heeded the end: drop it.
    drop_body: Cell<bool>,
    /// How many cancellations of the task there were when the body began.
    cancels: Cell<u16>,
}

#[derive(Clone, Copy)]
enum Limit {
    After(std::time::Duration),
    At(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Created,
    Active,
    Expiring,
    Expired,
    Finished,
}

impl Timeout {
    /// A limit of `delay`, counted from the await of its body.
    #[must_use]
    pub fn new(delay: impl Seconds) -> Self {
        Self::with(Limit::After(delay.duration()))
    }

    fn with(limit: Limit) -> Self {
        let state = State {
            limit: Cell::new(limit),
            stage: Cell::new(Stage::Created),
            alarm: RefCell::new(None),
            awaited: Cell::new(None),
            waker: Cell::new(None),
            drop_body: Cell::new(false),
            cancels: Cell::new(0),
        };
        Self { state: Rc::new(state) }
    }

    /// Runs `body` under this limit, once.
    ///
    /// # Errors
    /// As [`timeout`].
    ///
    /// # Panics
    /// As [`timeout`]; and raises [`RuntimeError`](crate::RuntimeError) "Timeout has already been entered".
    pub fn within<'a, F>(&self, body: F) -> Within<'a, F::Output>
    where
        F: IntoFuture,
        F::IntoFuture: 'a,
    {
        Within { limit: self.clone(), body: Body::new(body.into_future()), entered: false }
    }

    /// When the time will be over, on the clock of [`EventLoop::time`](crate::EventLoop::time); `None` before the body has
    /// begun.
    #[must_use]
    pub fn when(&self) -> Option<f64> {
        match self.state.limit.get() {
            Limit::At(when) => Some(when),
            Limit::After(_) => None,
        }
    }

    /// Moves the end of the time; infinity means no limit. One that has passed ends the body in the next turn.
    ///
    /// # Panics
    /// Raises [`RuntimeError`](crate::RuntimeError) when the body has not begun or has been left.
    #[track_caller]
    pub fn reschedule(&self, when: f64) {
        match self.state.stage.get() {
            Stage::Active => State::arm(&self.state, when),
            Stage::Created => misuse("Timeout has not been entered"),
            Stage::Expiring => misuse("Cannot change state of expiring Timeout"),
            Stage::Expired => misuse("Cannot change state of expired Timeout"),
            Stage::Finished => misuse("Cannot change state of finished Timeout"),
        }
    }

    /// Whether the body was cancelled because the time was over.
    #[must_use]
    pub fn expired(&self) -> bool {
        matches!(self.state.stage.get(), Stage::Expiring | Stage::Expired)
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Timeout [{}]>", format!("{:?}", self.state.stage.get()).to_lowercase())
    }
}

impl State {
    fn enter(this: &Rc<Self>) {
        let Some(task) = current::task() else { misuse("Timeout should be used inside a task") };
        if this.stage.replace(Stage::Active) != Stage::Created {
            misuse("Timeout has already been entered");
        }
        this.cancels.set(task.head.cancels.get());
        let when = match this.limit.get() {
            Limit::At(when) => when,
            Limit::After(delay) => get_running_loop().time() + delay.as_secs_f64(),
        };
        Self::arm(this, when);
    }

    fn arm(this: &Rc<Self>, when: f64) {
        // What is not a number is no time at all, as elsewhere.
        let when = if when.is_nan() { f64::NEG_INFINITY } else { when };
        this.limit.set(Limit::At(when));
        drop(this.alarm.take());
        if when < f64::INFINITY {
            let state = Rc::downgrade(this);
            let alarm = Alarm::at(when, move || {
                if let Some(state) = state.upgrade() {
                    state.expire();
                }
            });
            this.alarm.replace(Some(alarm));
        }
    }

    /// The time is over: as Python's `task.cancel()`, but only up to the body.
    fn expire(&self) {
        self.stage.set(Stage::Expiring);
        let delivered = self.awaited.take().is_some_and(|awaited| awaited.cancel());
        if !delivered {
            self.drop_body.set(true);
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }

    /// The body has been left. Whether that is because of the limit.
    fn exit(&self) -> bool {
        drop(self.alarm.take());
        drop(self.awaited.take());
        drop(self.waker.take());
        let expiring = self.stage.get() == Stage::Expiring;
        self.stage.set(if expiring { Stage::Expired } else { Stage::Finished });
        let cancels = current::task().map_or(0, |task| task.head.cancels.get());
        expiring && cancels <= self.cancels.get()
    }

    /// Notes whom to wake and what the body awaits.
    fn suspend(&self, waker: &Waker) {
        drop(self.awaited.replace(awaited_now()));
        let known = self.waker.take().filter(|known| known.will_wake(waker));
        self.waker.set(Some(known.unwrap_or_else(|| waker.clone())));
    }
}

/// The future of [`timeout`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Within<'a, T> {
    limit: Timeout,
    body: Body<'a, T>,
    entered: bool,
}

impl<T> Future for Within<'_, T> {
    type Output = Result<T, TimeoutError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let state = Rc::clone(&this.limit.state);
        if !this.entered {
            State::enter(&state);
            this.entered = true;
        }
        let left = if state.drop_body.get() {
            this.body.leave().unwrap_or(Left::Cancelled)
        } else {
            match this.body.poll(cx) {
                Poll::Ready(left) => left,
                Poll::Pending => {
                    state.suspend(cx.waker());
                    return Poll::Pending;
                }
            }
        };
        let over = state.exit();
        match left {
            Left::Value(value) => Poll::Ready(Ok(value)),
            Left::Cancelled if over => Poll::Ready(Err(TimeoutError)),
            Left::Cancelled => raise_cancelled(),
            Left::Raised(payload) => resume_unwind(payload),
        }
    }
}

impl<T> Drop for Within<'_, T> {
    fn drop(&mut self) {
        // A limit whose body was dropped must not ring.
        drop(self.limit.state.alarm.take());
    }
}

impl<T> fmt::Debug for Within<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limit.fmt(f)
    }
}
