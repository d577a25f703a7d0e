//! What time it is for a loop. Timers are kept by it, `EventLoop::time` shows it, the driver starts, stops and moves it.
//!
//! The real clock is the system's. A virtual one stands still, except that the driver moves it to the next deadline
//! when nothing else is left to do; while its loop runs it is tokio's paused clock, so that tokio's own timers agree.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A point in time on a loop's clock: nanoseconds since the process first asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// So far away that it never comes, and still leaves room for additions.
    const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

    /// `delay` later, or never.
    pub(crate) fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(delay)))
    }

    /// The moment when a clock shows `time`.
    pub(crate) fn at(time: Duration) -> Self {
        Self(nanoseconds(time))
    }

    /// How long after `earlier` this is; nothing when it is before.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    pub(crate) fn nanoseconds(self) -> u64 {
        self.0
    }

    pub(crate) fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// As `EventLoop::time` shows it.
    pub(crate) fn seconds(self) -> f64 {
        Duration::from_nanos(self.0).as_secs_f64()
    }

    /// What the system's clock says.
    pub(crate) fn real() -> Self {
        static ZERO: OnceLock<Instant> = OnceLock::new();
        Self::at(ZERO.get_or_init(Instant::now).elapsed())
    }
}

fn nanoseconds(time: Duration) -> u64 {
    // A century fits.
    u64::try_from(time.min(Moment::NEVER).as_nanos()).unwrap_or(u64::MAX)
}

/// One loop's clock. It never goes back, not even when it changes from virtual to real.
pub(crate) struct Clock {
    /// What it showed when it was last set.
    shown: Cell<Moment>,
    pace: Cell<Pace>,
}

/// What has moved a clock since it was set.
#[derive(Clone, Copy)]
enum Pace {
    /// The system's clock, which then showed this.
    Real(Moment),
    /// tokio's clock, which then showed this: a virtual clock while its loop runs.
    Tokio(tokio::time::Instant),
    /// Nothing: a virtual clock between runs.
    Still,
}

impl Clock {
    /// A real clock. All of them show the same.
    pub(crate) fn new() -> Self {
        let now = Moment::real();
        Self { shown: Cell::new(now), pace: Cell::new(Pace::Real(now)) }
    }

    /// A clock that goes on from this one, if this one is virtual.
    pub(crate) fn successor(&self) -> Self {
        let clock = Self::new();
        if self.is_virtual() {
            clock.make_virtual();
            clock.shown.set(self.now());
        }
        clock
    }

    /// What it shows.
    #[inline]
    pub(crate) fn now(&self) -> Moment {
        let elapsed = match self.pace.get() {
            Pace::Real(then) => Moment::real().since(then),
            Pace::Tokio(then) => then.elapsed(),
            Pace::Still => Duration::ZERO,
        };
        self.shown.get().after(elapsed)
    }

    pub(crate) fn is_virtual(&self) -> bool {
        !matches!(self.pace.get(), Pace::Real(_))
    }

    /// Changes to virtual time, or back to real time.
    pub(crate) fn set_virtual(&self, is_virtual: bool) {
        if is_virtual {
            self.make_virtual();
        } else if self.is_virtual() {
            self.make_real();
        }
    }

    /// Goes on with the system's clock.
    pub(crate) fn make_real(&self) {
        self.set(Pace::Real(Moment::real()));
    }

    /// Stands still from now on.
    pub(crate) fn make_virtual(&self) {
        self.set(Pace::Still);
    }

    /// The loop of a virtual clock begins to run, inside tokio's context; its clock is paused by now.
    pub(crate) fn follow_tokio(&self) {
        self.set(Pace::Tokio(tokio::time::Instant::now()));
    }

    /// Moves a virtual clock that stands still.
    pub(crate) fn skip(&self, time: Duration) {
        self.shown.set(self.now().after(time));
    }

    fn set(&self, pace: Pace) {
        self.shown.set(self.now());
        self.pace.set(pace);
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Duration, Moment};

    #[test]
    fn a_clock_goes_on_where_it_was_when_it_changes() {
        let clock = Clock::new();
        clock.make_virtual();
        let start = clock.now();
        clock.skip(Duration::from_secs(1000));
        assert_eq!(clock.now().since(start), Duration::from_secs(1000));
        clock.make_real();
        assert!(clock.now().since(start) >= Duration::from_secs(1000));
        assert!(!clock.successor().is_virtual());
    }

    #[test]
    fn what_is_too_far_away_is_as_good_as_never() {
        let never = Moment::at(Duration::MAX);
        assert_eq!(never, Moment::at(Moment::NEVER));
        assert!(never.after(Duration::MAX) > never);
        assert_eq!(Moment::at(Duration::ZERO).since(never), Duration::ZERO);
    }
}
