//! A call of the running loop at some time, unless what asked for it goes away first. The time limits use it.

use std::time::Duration;

use crate::event_loop::{EventLoop, Handle, TimerHandle, get_running_loop};

/// A call to come; dropping it cancels it.
#[derive(Debug)]
pub(super) enum Alarm {
    /// In the next turn.
    Soon(Handle),
    /// At its time.
    Later(TimerHandle),
}

impl Alarm {
    /// Calls `function` after `delay`.
    pub(super) fn after(delay: Duration, function: impl FnOnce() + 'static) -> Self {
        Self::Later(EventLoop::implied().call_later(delay, function))
    }

    /// Calls `function` when the loop's clock shows `when`, in the next turn if it does already.
    pub(super) fn at(when: f64, function: impl FnOnce() + 'static) -> Self {
        let running = get_running_loop();
        if when <= running.time() {
            Self::Soon(running.call_soon(function))
        } else {
            Self::Later(running.call_at(when, function))
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        match self {
            Self::Soon(handle) => handle.cancel(),
            Self::Later(timer) => timer.cancel(),
        }
    }
}
