//! `sleep`, and what counts as a number of seconds. Coroutines await it; the loop's timers do the work.

use std::cell::Cell;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::current;
use crate::state::core::Core;
use crate::state::key::Key;
use crate::state::timers::{Action, TimerKey};
use crate::state::what::What;
use crate::task::awaiting::note;

/// A length of time: any number of seconds, or a [`Duration`]. Negative numbers and NaN count as 0, and what is too
/// long for a [`Duration`] as the longest one.
///
/// ```
/// use std::time::Duration;
/// use asyncio::Seconds;
///
/// assert_eq!(0.5.duration(), Duration::from_millis(500));
/// assert_eq!(2.duration(), Duration::from_secs(2));
/// assert_eq!((-1).duration(), Duration::ZERO);
/// assert_eq!(f64::NAN.duration(), Duration::ZERO);
/// assert_eq!(f64::INFINITY.duration(), Duration::MAX);
/// ```
pub trait Seconds {
    /// This length as a [`Duration`].
    fn duration(self) -> Duration;
}

impl Seconds for Duration {
    fn duration(self) -> Duration {
        self
    }
}

impl Seconds for f64 {
    fn duration(self) -> Duration {
        from_float(self)
    }
}

impl Seconds for f32 {
    fn duration(self) -> Duration {
        from_float(self.into())
    }
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl Seconds for $ty {
            fn duration(self) -> Duration {
                // What does not fit is negative (0) or longer than any clock (the maximum).
                u64::try_from(self).map_or_else(
                    |_| if self > 0 { Duration::MAX } else { Duration::ZERO },
                    Duration::from_secs,
                )
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

fn from_float(seconds: f64) -> Duration {
    if seconds > 0.0 { Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX) } else { Duration::ZERO }
}

/// Suspends the coroutine for `delay`: seconds as a number, or a [`Duration`]. 0, negative numbers and NaN suspend it
/// for one turn. Never wakes early. Dropping it cancels it.
///
/// The time counts from the first poll, that is from `.await`, as in Python.
///
/// # Panics
/// The await raises [`RuntimeError`](crate::RuntimeError) "no running event loop" outside a loop's run.
///
/// ```
/// use std::time::{Duration, Instant};
/// use asyncio::sleep;
///
/// let began = Instant::now();
/// asyncio::run(async {
///     sleep(0.002).await;
///     sleep(Duration::from_millis(1)).await;
///     sleep(0).await;
/// });
/// assert!(began.elapsed() >= Duration::from_millis(3));
/// ```
pub fn sleep(delay: impl Seconds) -> Sleep {
    Sleep { stage: Stage::New(delay.duration()) }
}

/// The future of [`sleep`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    stage: Stage,
}

enum Stage {
    New(Duration),
    /// For a delay of 0: gave its turn away.
    Yielded,
    Armed(Armed),
    Done,
}

struct Armed {
    timer: TimerKey,
    core: Weak<Core>,
    /// The task that is woken, nobody's key for other wakers.
    sleeper: Cell<Key>,
}

impl Future for Sleep {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &self.stage {
            Stage::New(Duration::ZERO) => {
                cx.waker().wake_by_ref();
                self.stage = Stage::Yielded;
                Poll::Pending
            }
            Stage::New(delay) => {
                let core = current::expect_running();
                let deadline = core.clock.now().after(*delay);
                let timer = core.timers.arm(deadline, Action::wake(cx.waker()));
                if core.sampler.is_on() {
                    current::with_task(|task| core.sampler.sleeps(task.head.number(), deadline.nanoseconds()));
                }
                let sleeper = Cell::new(Key::of(cx.waker()).unwrap_or(Key::NOWHERE));
                self.stage = Stage::Armed(Armed { timer, core: Rc::downgrade(&core), sleeper });
                note(What::Sleep, Location::caller());
                Poll::Pending
            }
            Stage::Armed(armed) if armed.waits(cx.waker()) => {
                note(What::Sleep, Location::caller());
                Poll::Pending
            }
            Stage::Yielded | Stage::Armed(..) | Stage::Done => {
                self.stage = Stage::Done;
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Stage::Armed(armed) = &self.stage
            && let Some(core) = armed.core.upgrade()
        {
            core.timers.cancel(armed.timer);
        }
    }
}

impl Armed {
    /// Whether the timer has still to fire; `waker` is the one to be woken then. A loop that is gone wakes nobody.
    fn waits(&self, waker: &Waker) -> bool {
        let Some(core) = self.core.upgrade() else { return true };
        let armed = core.timers.is_armed(self.timer);
        if armed && Key::of(waker) != Some(self.sleeper.get()) {
            core.timers.set_waker(self.timer, waker);
            self.sleeper.set(Key::of(waker).unwrap_or(Key::NOWHERE));
        }
        armed || core.closed.get()
    }
}

impl std::fmt::Debug for Sleep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<coroutine object sleep>")
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Seconds};

    #[test]
    fn any_number_is_a_length_of_time() {
        assert_eq!(2.duration(), Duration::from_secs(2));
        assert_eq!(0.25.duration(), Duration::from_millis(250));
        assert_eq!(0.5f32.duration(), Duration::from_millis(500));
        for nothing in [-1.0, -0.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(nothing.duration(), Duration::ZERO);
        }
        assert_eq!((-3).duration(), Duration::ZERO);
        assert_eq!(i128::MIN.duration(), Duration::ZERO);
        assert_eq!(u128::MAX.duration(), Duration::MAX);
        assert_eq!(f64::INFINITY.duration(), Duration::MAX);
    }
}
