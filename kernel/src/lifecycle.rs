//! Why and when the kernel ends, and what signals do. Used by `kernel`, `dispatch` and `handlers`.

use std::env;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, getppid, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Interrupter;

/// How often the parent is looked for where the system cannot tell of its end; as often as ipykernel does.
const PARENT_INTERVAL: Duration = Duration::from_secs(1);

/// What the ■ button does, from anywhere.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    engine: Interrupter,
    waiting: Arc<Notify>,
    signals: Arc<Sigints>,
}

/// How many SIGINTs have come, and how many of them are settled.
#[derive(Debug, Default)]
struct Sigints {
    received: AtomicU64,
    settled: AtomicU64,
}

impl Interrupt {
    pub(crate) fn new(engine: Interrupter) -> Self {
        Self { engine, waiting: Arc::default(), signals: Arc::default() }
    }

    /// Forgets the SIGINTs so far: a cell that begins now is not the one that they were meant for. The task that obeys
    /// signals may hear of them only later.
    pub(crate) fn forget_signals(&self) {
        self.signals.settle();
    }

    /// Interrupts the cell that runs, or that waits for the engine to be warm.
    pub(crate) fn press(&self) {
        self.engine.interrupt();
        self.waiting.notify_waiters();
    }

    /// Tells of each press from now on.
    pub(crate) fn presses(&self) -> watch::Receiver<u64> {
        self.engine.presses()
    }

    /// Resolves at the next press after the first poll, for a cell that the engine does not know yet.
    pub(crate) async fn pressed(&self) {
        self.waiting.notified().await;
    }
}

impl Sigints {
    /// Whether any have come since the last call.
    fn settle(&self) -> bool {
        let received = self.received.load(Ordering::Relaxed);
        self.settled.swap(received, Ordering::Relaxed) != received
    }
}

/// Keeps SIGINT from this thread. Only the kernel's own thread takes it: so a signal has been counted before that thread
/// reads anything that was sent after it.
pub(crate) fn leave_sigint_to_the_kernel() {
    // SAFETY: `set` is made valid by `sigemptyset` before it is read, and the calls only change this thread's mask.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
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
    pub(crate) fn catch(interrupt: &Interrupt) -> io::Result<Self> {
        let sigints = Arc::clone(&interrupt.signals);
        let count = move || {
            sigints.received.fetch_add(1, Ordering::Relaxed);
        };
        // SAFETY: adding to an atomic is all that the handler does, which is allowed in one. It comes before the one
        // that wakes `obey`.
        unsafe { signal_hook_registry::register(libc::SIGINT, count) }?;
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
                _ = self.interrupt.recv() => {
                    if interrupt.signals.settle() {
                        interrupt.press();
                    }
                }
                _ = self.terminate.recv() => stop.request("SIGTERM"),
                _ = self.hang_up.recv() => stop.request("SIGHUP"),
            }
        }
    }
}

/// Ends the kernel when the process that has started it is gone: a front end that was killed
/// sends no `shutdown_request`. Does nothing when no Jupyter front end is the parent.
pub(crate) async fn watch_parent(stop: Stop) {
    // Our own parent may be a wrapper around the kernel rather than `JPY_PARENT_PID`, so what counts is that it ends.
    let Some(parent) = getppid() else { return };
    // A kernel started by hand, or by process 1 (in a container), has no parent to lose.
    if env::var_os("JPY_PARENT_PID").is_none() || parent.is_init() {
        return;
    }
    match end_of(parent) {
        // If it has ended before, the descriptor may be that of another process.
        Ok(end) if getppid() == Some(parent) => drop(end.readable().await),
        Ok(_) => {}
        Err(_) => {
            let mut ticks = interval(PARENT_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while getppid() == Some(parent) {
                ticks.tick().await;
            }
        }
    }
    stop.request("the process that started it is gone");
}

/// Readable when a process has ended.
fn end_of(process: Pid) -> io::Result<AsyncFd<OwnedFd>> {
    let descriptor = pidfd_open(process, PidfdFlags::empty())?;
    // SAFETY: the `AsyncFd` owns the descriptor, which is valid, and never gives it away.
    unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }.map_err(io::Error::from)
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
