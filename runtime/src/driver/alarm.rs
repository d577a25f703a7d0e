//! What wakes a loop that sleeps in the system at its first deadline. The driver sets it before it sleeps.
//!
//! tokio's timers count in milliseconds: with one of them a sleep ends 1.1 ms late by median, which lessons show. The
//! system's own end within 0.1 ms. In virtual time the alarm has to be tokio's, since it jumps along.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::state::clock::Moment;

/// Deadlines that lie closer together, in nanoseconds, share one awakening.
const GRAIN: u64 = 1 << 16;

/// The alarm of one run.
#[derive(Default)]
pub(super) struct Alarm {
    /// When it rings, while it is set.
    set: Option<Moment>,
    tokio: Option<Pin<Box<Sleep>>>,
    #[cfg(target_os = "linux")]
    system: Option<Option<timer::Timer>>,
}

impl Alarm {
    /// Waits until tokio's clock shows `wake`, which is `left` from now.
    pub(super) fn poll_tokio(&mut self, wake: Moment, left: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let alarm = self.tokio.get_or_insert_with(|| Box::pin(sleep(left)));
        if self.set.replace(wake) != Some(wake) {
            alarm.as_mut().reset(tokio::time::Instant::now() + left);
        }
        let ringing = alarm.as_mut().poll(cx);
        self.ring(ringing)
    }

    /// Waits until `deadline` on the real clock, which shows `now`; soon after it, but not before, unless something else has
    /// set it off.
    pub(super) fn poll_real(&mut self, deadline: Moment, now: Moment, cx: &mut Context<'_>) -> Poll<()> {
        if deadline <= now {
            return Poll::Ready(());
        }
        let wake = Moment::from_nanoseconds(deadline.nanoseconds() | (GRAIN - 1));
        let left = wake.since(now);
        #[cfg(target_os = "linux")]
        // Where the system has no more descriptors, tokio's alarm does.
        if let Some(timer) = self.system.get_or_insert_with(|| timer::Timer::new().ok()) {
            if self.set.replace(wake) != Some(wake) {
                timer.set(left);
            }
            let ringing = timer.poll(cx);
            return self.ring(ringing);
        }
        self.poll_tokio(wake, left, cx)
    }

    fn ring(&mut self, ringing: Poll<()>) -> Poll<()> {
        if ringing.is_ready() {
            self.set = None;
        }
        ringing
    }
}

#[cfg(target_os = "linux")]
mod timer {
    //! The system's timer, as a descriptor that is readable once it has rung.

    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::ptr;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A timer of the reactor in whose context it was made.
    pub(super) struct Timer {
        descriptor: AsyncFd<OwnedFd>,
    }

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            // SAFETY: the call takes no pointers.
            let made = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
            if made < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the descriptor was made just now, so nobody else owns it.
            let owned = unsafe { OwnedFd::from_raw_fd(made) };
            // SAFETY: the `AsyncFd` owns the descriptor, which is valid, and never gives it away.
            let descriptor = unsafe { AsyncFd::register_with_interest(owned, Interest::READABLE) };
            Ok(Self { descriptor: descriptor.map_err(io::Error::from)? })
        }

        /// Rings once, after `left`, whatever was set before. Nothing is not a time: it rings a nanosecond later.
        pub(super) fn set(&mut self, left: Duration) {
            let left = left.max(Duration::from_nanos(1));
            let at = libc::timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let once = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: at };
            // SAFETY: the descriptor is a timer's, `once` lives during the call, and nothing is asked about the time before.
            // It cannot fail: the time is one, and nothing is written.
            unsafe { libc::timerfd_settime(self.descriptor.as_raw_fd(), 0, &raw const once, ptr::null_mut()) };
        }

        /// Ready when it has rung. It may say so once more when it was set anew at that moment.
        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            match self.descriptor.poll_read_ready(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(mut readable)) => {
                    // Setting it anew takes back that it has rung, so nobody need read it.
                    readable.clear_ready();
                    Poll::Ready(())
                }
                // The reactor is going away, and the loop with it.
                Poll::Ready(Err(_)) => Poll::Ready(()),
            }
        }
    }
}
