//! Runs a loop: turns exactly as CPython's `_run_once` makes them, inside tokio's `block_on`, which waits for I/O and
//! the first timer. `EventLoop::run_forever` calls [`run`].
//!
//! Before a turn: see whether the user interrupts or the host has work of its own (`visitors`).
//! One turn: take in what other threads sent; append due timers, earliest first; run the handles that are in the queue
//! at that moment, no more. What they schedule waits for the next turn. Between turns tokio's reactor may add wakes.

mod alarm;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::task::{unconstrained, yield_now};

use self::alarm::Alarm;
use crate::coroutine::callback_of;
use crate::current::Running;
use crate::error::{Exception, InTask, KeyboardInterrupt, Kind};
use crate::interrupt;
use crate::report::{Report, deliver};
use crate::state::callback::Callback;
use crate::state::cell::{AnyCell, next_number};
use crate::state::clock::Moment;
use crate::state::core::Core;
use crate::state::loops;
use crate::state::prefetch::AHEAD;
use crate::state::schedule::Next;
use crate::state::timers::Action;
use crate::task::{repr, step};
use crate::visitors;

/// The most turns between two looks at the reactor. Each look costs about a microsecond.
const MOST_TURNS: u32 = 256;
/// The turns of a bundle between two glances at the clock.
const TURNS_PER_GLANCE: u32 = 16;
/// Turns are bundled only while a bundle stays shorter than this, so that I/O waits no longer for it.
const BUNDLE_TIME: Duration = Duration::from_micros(100);

/// tokio's timers ring at most so much later than asked, when its clock jumps.
const TICK: Duration = Duration::from_millis(2);

/// Runs `core` until it is stopped or interrupted. The caller has checked that it may run.
pub(crate) fn run(core: &Rc<Core>) -> Result<(), KeyboardInterrupt> {
    // A virtual clock is only right inside tokio's context, or between runs.
    core.sampler.run_begins(core.clock.now().nanoseconds(), next_number());
    let outcome = drive(core);
    core.sampler.run_ends(core.clock.now().nanoseconds(), outcome.is_err());
    outcome
}

fn drive(core: &Rc<Core>) -> Result<(), KeyboardInterrupt> {
    let run = Run::enter(core);
    let _moving = core.clock.is_virtual().then(|| VirtualTime::begin(core));
    let mut driver = Driver { core, run: &run, alarm: Alarm::default(), turns: 1 };
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

/// The thread knows which loop runs for as long as this lives; afterwards nobody is woken for it.
struct Run<'a> {
    core: &'a Core,
    running: Option<Running<'a>>,
    /// Interrupts are for this thread.
    interruptible: bool,
}

impl<'a> Run<'a> {
    fn enter(core: &'a Rc<Core>) -> Self {
        core.running.set(true);
        Self { core, running: Some(Running::enter(core)), interruptible: interrupt::is_cell_thread() }
    }

    /// Makes the driver known to all who may have to wake it.
    fn set_driver(&self, driver: &Waker) {
        if self.core.schedule.set_driver(Some(driver)) && self.interruptible {
            interrupt::set_idle_waker(Some(driver.clone()));
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.core.running.set(false);
        self.core.stopping.set(false);
        self.core.interrupted.set(false);
        self.core.schedule.set_turning(false);
        self.core.schedule.set_driver(None);
        if self.interruptible {
            interrupt::set_idle_waker(None);
        }
        drop(self.running.take());
    }
}

struct Driver<'a> {
    core: &'a Core,
    run: &'a Run<'a>,
    /// For the first deadline.
    alarm: Alarm,
    /// How many turns the next bundle may have.
    turns: u32,
}

impl Driver<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), KeyboardInterrupt>> {
        let core = self.core;
        self.run.set_driver(cx.waker());
        let began = Instant::now();
        core.schedule.set_time(core.clock.now());
        for turns in 1..=self.turns {
            visitors::let_in();
            if interrupt::take() {
                return Poll::Ready(Err(KeyboardInterrupt));
            }
            if let Some(end) = turn(core) {
                return Poll::Ready(end);
            }
            if core.schedule.is_empty() && self.wait(cx).is_pending() {
                self.turns = 1;
                core.sampler.pauses(|| core.clock.now().nanoseconds());
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
        if !self.core.clock.is_virtual() {
            return self.alarm.poll_real(deadline, now, cx);
        }
        let mut left = deadline.since(now);
        if !self.core.engine.waits_outside() {
            // tokio jumps from tick to tick: it leads us close to the deadline, past its own timers, and the rest is
            // for us, so that virtual time is exact.
            if left < TICK {
                self.core.engine.move_time(left);
                return Poll::Ready(());
            }
            left -= TICK;
        }
        self.alarm.poll_tokio(now.after(left), left, cx)
    }
}

/// One turn. The run's result when it was the last one.
fn turn(core: &Core) -> Option<Result<(), KeyboardInterrupt>> {
    core.check_process();
    let schedule = &core.schedule;
    schedule.set_turning(true);
    schedule.collect();
    if core.timers.first().is_some() {
        let now = core.clock.now();
        schedule.set_time(now);
        schedule.due(core.timers.ring(now));
    }
    let mark = InTask::enter();
    let debug = core.debug.get();
    for _ in 0..schedule.len() {
        let next = schedule.next();
        if core.sampler.is_due() {
            observe(core, next.as_ref());
        }
        let watch = if debug { next.as_ref().and_then(|next| Watch::begin(core, next)) } else { None };
        match next {
            Some(Next::Step(key, task)) => step::run(core, key, task),
            Some(Next::Call(callback)) => call(core, &callback),
            Some(Next::Due) => match fire(core) {
                Some(Action::Step(key)) => loops::wake(key),
                Some(Action::Wake(waker)) => waker.wake(),
                Some(Action::Call(callback)) => call(core, &callback),
                None => {}
            },
            Some(Next::Nothing) => {}
            None => break,
        }
        if let Some(watch) = watch {
            watch.end(core);
        }
        if core.interrupted.get() {
            break;
        }
    }
    drop(mark);
    schedule.set_turning(false);
    if core.interrupted.get() {
        return Some(Err(KeyboardInterrupt));
    }
    core.stopping.get().then_some(Ok(()))
}

/// Looks at the clock before something runs, and records a step where that is wanted.
#[cold]
fn observe(core: &Core, next: Option<&Next>) {
    let now = core.clock.now();
    core.schedule.set_time(now);
    let now = now.nanoseconds();
    if core.sampler.looks(now)
        && let Some(Next::Step(key, task)) = next
    {
        let ready = core.schedule.standing(*key).map_or(now, |(_, since)| since.nanoseconds());
        core.sampler.step(task.head.number(), ready, now, || task.subject(core.number));
    }
}

/// Takes what the next due timer is to do.
fn fire(core: &Core) -> Option<Action> {
    if let Some(sleeper) = core.timers.sleeper(AHEAD) {
        core.schedule.expect(sleeper);
    }
    core.timers.fire()
}

/// In debug mode, how long one handle of a turn takes.
struct Watch {
    began: Moment,
    subject: Subject,
}

enum Subject {
    /// Not counted as a reference: the step drops the value of a task that has none. With how it looked before.
    Task(Weak<AnyCell>, String),
    Callback(&'static str),
}

impl Watch {
    fn begin(core: &Core, next: &Next) -> Option<Self> {
        let subject = match next {
            Next::Step(_, task) => Subject::Task(Rc::downgrade(task), repr::of(task, None)),
            Next::Call(callback) => Subject::Callback(callback_of(callback.name())),
            Next::Due => Subject::Callback("call_later"),
            Next::Nothing => return None,
        };
        Some(Self { began: core.clock.now(), subject })
    }

    fn end(self, core: &Core) {
        let took = core.clock.now().since(self.began);
        if took >= core.slow.get() {
            let subject = match self.subject {
                Subject::Task(task, before) => task.upgrade().map_or(before, |task| repr::of(&task, None)),
                Subject::Callback(name) => format!("<Handle {name}>"),
            };
            let message = format!("Executing {subject} took {:.3} seconds", took.as_secs_f64());
            deliver(Some(core), &Report::remark(message));
        }
    }
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
