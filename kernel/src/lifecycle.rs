//! Why and when the kernel ends, and what signals do. Used by `kernel`, `dispatch` and `handlers`.

use std::env;
use std::io;
use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Interrupter;

/// How often the parent is looked for; as often as ipykernel does.
const PARENT_INTERVAL: Duration = Duration::from_secs(1);

/// What the ■ button does, from anywhere.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    engine: Interrupter,
    waiting: Arc<Notify>,
}

impl Interrupt {
    pub(crate) fn new(engine: Interrupter) -> Self {
        Self { engine, waiting: Arc::default() }
    }

    /// Interrupts the cell that runs, or that waits for the engine to be warm.
    pub(crate) fn press(&self) {
        self.engine.interrupt();
        self.waiting.notify_waiters();
    }

    /// Resolves at the next press after the first poll, for a cell that the engine does not know yet.
    pub(crate) async fn pressed(&self) {
        self.waiting.notified().await;
    }
}

/// Ends the kernel, and tells everybody that it is ending.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Asks the kernel to end; asking again changes nothing.
    pub(crate) fn request(&self, reason: &str) {
        if !self.0.send_replace(true) {
            tracing::info!("the kernel ends: {reason}");
        }
    }

    /// Resolves when the kernel has been asked to end, also when that was earlier.
    pub(crate) async fn requested(&self) {
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|stop| *stop).await;
    }
}

/// The signals that the kernel reacts to, caught from the moment this exists.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Replaces the default actions of the signals, which would all kill the process.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// SIGINT interrupts the cell that runs; SIGTERM (all that VS Code sends) and SIGHUP end the
    /// kernel.
    pub(crate) async fn obey(mut self, interrupt: Interrupt, stop: Stop) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => interrupt.press(),
                _ = self.terminate.recv() => stop.request("SIGTERM"),
                _ = self.hang_up.recv() => stop.request("SIGHUP"),
            }
        }
    }
}

/// Ends the kernel when the process that has started it is gone: a front end that was killed
/// sends no `shutdown_request`. Does nothing when no Jupyter front end is the parent.
pub(crate) async fn watch_parent(stop: Stop) {
    // A kernel started by hand, or by process 1 (in a container), has no parent to lose.
    let parent = parent_id();
    if env::var_os("JPY_PARENT_PID").is_none() || parent == 1 {
        return;
    }
    let mut ticks = interval(PARENT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Our own parent may be a wrapper around the kernel rather than `JPY_PARENT_PID`, so what
    // counts is that it changes.
    while parent_id() == parent {
        ticks.tick().await;
    }
    stop.request("the process that started it is gone");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_reaches_those_who_ask_late() {
        let stop = Stop::default();
        stop.clone().request("test");
        stop.requested().await;
        stop.requested().await;
    }
}
