//! Runs a loop: turns exactly as CPython's `_run_once` makes them, inside tokio's `block_on`, which waits for I/O and
//! the first timer. `EventLoop::run_forever` calls [`run`].
//!
//! One turn: take in what other threads sent; append due timers, earliest first; run the handles that are in the queue
//! at that moment, no more. What they schedule waits for the next turn. Between turns tokio's reactor may add wakes.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::task::{unconstrained, yield_now};
use tokio::time::{Sleep, sleep};

use crate::coroutine::callback_of;
use crate::current;
use crate::error::{Exception, InTask, KeyboardInterrupt, Kind};
use crate::interrupt;
use crate::report::{Report, deliver};
use crate::state::callback::Callback;
use crate::state::clock::Moment;
use crate::state::core::Core;
use crate::state::ready::Handle;

/// The most turns between two looks at the reactor. Each look costs about a microsecond.
const MOST_TURNS: u32 = 64;
/// The turns of a bundle between two glances at the clock.
const TURNS_PER_GLANCE: u32 = 8;
/// Turns are bundled only while a bundle stays shorter than this, so that I/O waits no longer for it.
const BUNDLE_TIME: Duration = Duration::from_micros(100);

/// tokio's timers ring at most so much later than asked, when its clock jumps.
const TICK: Duration = Duration::from_millis(2);

/// Runs `core` until it is stopped or interrupted. The caller has checked that it may run.
pub(crate) fn run(core: &Rc<Core>) -> Result<(), KeyboardInterrupt> {
    let _running = Running::enter(core);
    let _moving = core.clock.is_virtual().then(|| VirtualTime::begin(core));
    let mut driver = Driver { core, alarm: None, turns: 1 };
    core.engine.runtime().block_on(unconstrained(async move {
        let mut first = pin!(yield_now());
        // The turn begins with a look at the reactor, as Python's does.
        poll_fn(|cx| first.as_mut().poll(cx)).await;
        poll_fn(|cx| driver.poll(cx)).await
    }))
}

/// The loop's clock is tokio's paused one for as long as this lives.
struct VirtualTime<'a> {
    core: &'a Core,
}

impl<'a> VirtualTime<'a> {
    fn begin(core: &'a Core) -> Self {
        // Without the context tokio shows the system's time.
        let _context = core.engine.runtime().enter();
        core.engine.pause_time();
        core.clock.follow_tokio();
        Self { core }
    }
}

impl Drop for VirtualTime<'_> {
    fn drop(&mut self) {
        let _context = self.core.engine.runtime().enter();
        self.core.clock.make_virtual();
        self.core.engine.resume_time();
    }
}

/// The thread knows which loop runs, and interrupts know whom to wake, for as long as this lives.
struct Running<'a> {
    core: &'a Rc<Core>,
    outer: Option<Rc<Core>>,
}

impl<'a> Running<'a> {
    fn enter(core: &'a Rc<Core>) -> Self {
        core.running.set(true);
        Self { core, outer: current::set_running(Some(Rc::clone(core))) }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.core.running.set(false);
        self.core.stopping.set(false);
        self.core.interrupted.set(false);
        self.core.gate.set_turning(false);
        self.core.gate.set_driver(None);
        if interrupt::is_cell_thread() {
            interrupt::set_idle_waker(None);
        }
        drop(current::set_running(self.outer.take()));
    }
}

struct Driver<'a> {
    core: &'a Rc<Core>,
    /// tokio's timer for the first deadline of ours, and when it rings.
    alarm: Option<(Moment, Pin<Box<Sleep>>)>,
    /// How many turns the next bundle may have.
    turns: u32,
}

impl Driver<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), KeyboardInterrupt>> {
        let core = self.core;
        core.gate.set_driver(Some(cx.waker().clone()));
        if interrupt::is_cell_thread() {
            interrupt::set_idle_waker(Some(cx.waker().clone()));
        }
        let began = Instant::now();
        for turns in 1..=self.turns {
            if interrupt::take() {
                return Poll::Ready(Err(KeyboardInterrupt));
            }
            if let Some(end) = turn(core) {
                return Poll::Ready(end);
            }
            if core.gate.is_empty() && self.wait(cx).is_pending() {
                self.turns = 1;
                return Poll::Pending;
            }
            if turns % TURNS_PER_GLANCE == 0 && began.elapsed() > BUNDLE_TIME {
                break;
            }
        }
        self.adapt(began.elapsed());
        let mut look = pin!(yield_now());
        // Deferred rather than woken: tokio then looks at the reactor without a system call to wake itself.
        match look.as_mut().poll(cx) {
            Poll::Ready(()) => cx.waker().wake_by_ref(),
            Poll::Pending => {}
        }
        Poll::Pending
    }

    /// Long steps mean one turn between looks at the reactor, as in Python; short ones share the price of a look.
    fn adapt(&mut self, took: Duration) {
        self.turns = if took > BUNDLE_TIME { 1.max(self.turns / 4) } else { MOST_TURNS.min(self.turns * 2) };
    }

    /// Arranges to be woken at the first deadline. Ready when that has passed already.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.core.timers.first() else { return Poll::Pending };
        let now = self.core.clock.now();
        let mut left = deadline.since(now);
        if self.core.clock.is_virtual() && !self.core.engine.waits_outside() {
            // tokio jumps from tick to tick: it leads us close to the deadline, past its own timers, and the rest is
            // for us, so that virtual time is exact.
            if left < TICK {
                self.core.engine.move_time(left);
                return Poll::Ready(());
            }
            left -= TICK;
        }
        self.sleep_until(now.after(left), left, cx)
    }

    fn sleep_until(&mut self, wake: Moment, left: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let (known, alarm) = self.alarm.get_or_insert_with(|| (wake, Box::pin(sleep(left))));
        if *known != wake {
            *known = wake;
            alarm.as_mut().reset(tokio::time::Instant::now() + left);
        }
        if alarm.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.alarm = None;
        Poll::Ready(())
    }
}

/// One turn. The run's result when it was the last one.
fn turn(core: &Core) -> Option<Result<(), KeyboardInterrupt>> {
    let gate = &core.gate;
    gate.set_turning(true);
    gate.collect();
    if !core.timers.is_empty() {
        let now = core.clock.now();
        while let Some(timer) = core.timers.pop_due(now) {
            gate.push(Handle::Due(timer));
        }
    }
    let mark = InTask::enter();
    for _ in 0..gate.len() {
        let Some(handle) = gate.pop() else { break };
        match handle {
            Handle::Task(runnable) => {
                runnable.run();
            }
            Handle::Call(callback) => call(core, &callback),
            Handle::Due(timer) => {
                if let Some(callback) = timer.fire() {
                    call(core, callback);
                }
            }
        }
        if core.interrupted.get() {
            break;
        }
    }
    drop(mark);
    gate.set_turning(false);
    if core.interrupted.get() {
        return Some(Err(KeyboardInterrupt));
    }
    core.stopping.get().then_some(Ok(()))
}

/// Runs a callback. An exception is reported and the loop goes on; `KeyboardInterrupt` ends the run.
fn call(core: &Core, callback: &Callback) {
    let Some(function) = callback.take() else { return };
    let Err(payload) = catch_unwind(AssertUnwindSafe(function)) else { return };
    let exception = Exception::from_payload(&*payload);
    if exception.kind() == Kind::Interrupt {
        core.interrupted.set(true);
    } else {
        let message = format!("Exception in callback {}", callback_of(callback.name()));
        deliver(Some(core), &Report::new(message, None, exception));
    }
}
