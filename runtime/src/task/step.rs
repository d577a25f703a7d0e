//! The life of a task without its types: it enters a loop, takes steps, ends, tells who waits.
//! `Task` starts tasks here; the driver calls the steps.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::repr;
use crate::context;
use crate::current::{self, Stepping};
use crate::error::{Exception, InTask, Kind};
use crate::report::{Report, deliver};
use crate::state::callback::Callback;
use crate::state::cell::{AnyCell, Rare, Status, Waiter};
use crate::state::core::Core;
use crate::state::key::Key;
use crate::state::record::End;
use crate::state::waiter::Awaited;
use crate::state::what::What;

/// Enters a new task into `core`: its first step goes to the end of the ready queue.
#[track_caller]
pub(crate) fn admit(core: &Core, cell: Rc<AnyCell>) {
    core.check_closed();
    if !core.running.get() {
        core.schedule.set_time(core.clock.now());
    }
    if let Some(values) = context::inherited() {
        cell.head.with_rare(|rare| rare.context = Some(values));
    }
    if core.sampler.wants(cell.head.number()) {
        record_birth(core, &cell);
    }
    let key = core.schedule.admit(Rc::clone(&cell));
    cell.head.key.set(key);
}

#[cold]
fn record_birth(core: &Core, cell: &AnyCell) {
    let parent = current::with_task(|task| task.head.number()).unwrap_or(0);
    core.sampler.born(parent, core.clock.now().nanoseconds(), cell.subject(core.number));
}

/// Makes one step of a task that the turn has taken from the queue.
pub(crate) fn run(core: &Core, key: Key, cell: Rc<AnyCell>) {
    if step(&cell, key) {
        core.schedule.suspend(key);
        if core.sampler.has_step() {
            record_wait(core, &cell);
        }
    } else if Rc::strong_count(&cell) == 1 {
        // Nobody will ask for the value, whose destructor is not ours.
        clear_quietly(&cell);
    }
}

#[cold]
fn record_wait(core: &Core, cell: &AnyCell) {
    let awaits = cell.head.awaits.take();
    let awaited = match &awaits {
        Some(Awaited::Future(other)) => other.head.number(),
        _ => 0,
    };
    cell.head.awaits.set(awaits);
    core.sampler.waits(cell.head.awaits_what.get(), awaited);
}

/// Whether the task has suspended; otherwise it has ended.
fn step(cell: &Rc<AnyCell>, key: Key) -> bool {
    let head = &cell.head;
    drop(head.awaits.take());
    head.awaits_what.set(What::Unknown);
    let stepping = Stepping::enter(cell);
    if head.must_cancel.get() {
        let dropped = catch_unwind(AssertUnwindSafe(|| cell.body.clear()));
        drop(stepping);
        match dropped {
            Ok(()) => end(cell, Status::Cancelled),
            Err(payload) => fail(cell, payload),
        }
        return false;
    }
    let waker = key.waker();
    let polled = catch_unwind(AssertUnwindSafe(|| cell.body.poll(&mut Context::from_waker(&waker))));
    drop(stepping);
    match polled {
        Ok(Poll::Pending) => return true,
        // Cancelled by itself in its last step, with no await point left to heed it: Python discards the value, too.
        Ok(Poll::Ready(())) if head.must_cancel.get() => {
            clear_quietly(cell);
            end(cell, Status::Cancelled);
        }
        Ok(Poll::Ready(())) => end(cell, Status::Finished),
        Err(payload) => {
            clear_quietly(cell);
            fail(cell, payload);
        }
    }
    false
}

/// Drops the body of a task that has already ended badly: a second panic adds nothing.
fn clear_quietly(cell: &AnyCell) {
    let _mark = InTask::enter();
    let _ = catch_unwind(AssertUnwindSafe(|| cell.body.clear()));
}

/// Ends a task whose step panicked.
#[cold]
fn fail(cell: &Rc<AnyCell>, payload: Box<dyn Any + Send>) {
    let exception = Exception::from_payload(&*payload);
    match exception.kind() {
        Kind::Cancelled => end(cell, Status::Cancelled),
        kind => {
            if kind == Kind::Interrupt
                && let Some(core) = cell.head.home()
            {
                core.interrupted.set(true);
            }
            end_with(cell, exception);
        }
    }
}

/// Ends a task or future with an exception.
pub(crate) fn end_with(cell: &AnyCell, exception: Exception) {
    cell.head.with_rare(|rare| rare.exception = Some(exception));
    cell.head.unseen.set(true);
    end(cell, Status::Failed);
    if !cell.head.held.get() {
        cell.report_unseen();
    }
}

/// Ends a task or future: out of the registry, and everybody who waits goes to the ready queue, in order.
pub(crate) fn end(cell: &AnyCell, status: Status) {
    let head = &cell.head;
    head.status.set(status);
    drop(head.awaits.take());
    let first = head.waiter.take();
    let others = head.if_rare(|rare| std::mem::take(&mut rare.waiters)).unwrap_or_default();
    let core = head.home();
    if let Some(core) = &core {
        if head.number() != 0 && core.sampler.wants(head.number()) {
            record_end(core, head.number(), status);
        }
        let registered = core.schedule.remove(head.key.replace(Key::NOWHERE));
        drop(registered);
    }
    if let Some(waker) = first {
        waker.wake();
    }
    for waiter in others {
        match (waiter, &core) {
            (Waiter::Wake(waker), _) => waker.wake(),
            (Waiter::Call(callback), Some(core)) => core.schedule.call(callback),
            (Waiter::Call(_), None) => {}
        }
    }
}

#[cold]
fn record_end(core: &Core, number: u64, status: Status) {
    let end = match status {
        Status::Pending | Status::Finished => End::Finished,
        Status::Failed => End::Failed,
        Status::Cancelled => End::Cancelled,
    };
    core.sampler.ended(number, end, core.clock.now().nanoseconds());
}

/// Ends a task whose frame goes away: if it is still pending its coroutine is dropped, and it counts as cancelled.
pub(crate) fn abandon(cell: &Rc<AnyCell>) {
    clear_quietly(cell);
    cell.head.held.set(false);
    cell.head.unseen.set(false);
    if cell.head.is_pending() {
        end(cell, Status::Cancelled);
    }
}

impl AnyCell {
    /// Asks the task to stop: what it awaits first, else itself in its next step. False when it has ended.
    pub(crate) fn cancel(&self) -> bool {
        let head = &self.head;
        if !head.is_pending() {
            return false;
        }
        if head.number() == 0 {
            return self.cancel_future();
        }
        head.cancels.set(head.cancels.get().saturating_add(1));
        if let Some(inner) = head.awaits.take() {
            let delivered = inner.cancel();
            head.awaits.set(Some(inner));
            // What cannot be cancelled any more wakes the task by itself, and so does what was cancelled just now.
            head.must_cancel.set(!delivered);
            return true;
        }
        head.must_cancel.set(true);
        if let Some(core) = head.home() {
            core.schedule.wake(head.key.get());
        }
        true
    }

    /// A future ends at once; but a gathering is cancelled by cancelling its children, in order, and ends when they have.
    fn cancel_future(&self) -> bool {
        let Some(parts) = self.head.if_rare(|rare| rare.parts.clone()).flatten() else {
            end(self, Status::Cancelled);
            return true;
        };
        let mut reached = false;
        for child in &parts.children {
            reached |= child.cancel();
        }
        parts.cancelled.set(parts.cancelled.get() || reached);
        reached
    }

    /// Adds a done callback; one of an ended task goes to the ready queue at once.
    pub(crate) fn when_done(&self, callback: Rc<Callback>) {
        if self.head.is_pending() {
            self.head.with_rare(|rare| rare.waiters.push(Waiter::Call(callback)));
        } else if let Some(core) = self.head.home() {
            core.schedule.call(callback);
        }
    }

    /// Forgets a done callback that was added with [`when_done`](Self::when_done).
    pub(crate) fn forget(&self, callback: &Rc<Callback>) {
        callback.cancel();
        let is_it = |waiter: &Waiter| matches!(waiter, Waiter::Call(other) if Rc::ptr_eq(other, callback));
        let at = |rare: &mut Rare| rare.waiters.iter().position(is_it).map(|at| rare.waiters.remove(at));
        drop(self.head.if_rare(at).flatten());
    }

    /// Takes one cancellation back; the number of those left. A task that has not been stopped by then goes on.
    pub(crate) fn uncancel(&self) -> u32 {
        let left = self.head.cancels.get().saturating_sub(1);
        self.head.cancels.set(left);
        if left == 0 {
            self.head.must_cancel.set(false);
        }
        left.into()
    }

    /// The exception of a failed task, which counts as retrieved from now on.
    pub(crate) fn seen_exception(&self) -> Option<Exception> {
        self.head.unseen.set(false);
        self.head.if_rare(|rare| rare.exception.clone()).flatten()
    }

    /// Says that nobody took the exception, once.
    pub(crate) fn report_unseen(&self) {
        if self.head.if_rare(|rare| rare.grouped) == Some(true) || !self.head.unseen.replace(false) {
            return;
        }
        if let Some(exception) = self.seen_exception() {
            let message = format!("{} exception was never retrieved", repr::kind(self));
            deliver(self.head.home().as_deref(), &Report::new(message, Some(repr::of(self, None)), exception));
        }
    }

    /// Ends the task because its loop goes away: says so, and drops the coroutine here and now.
    pub(crate) fn evict(&self, core: &Core) {
        deliver(Some(core), &Report::destroyed(repr::of(self, None)));
        drop(self.head.awaits.take());
        drop(self.head.waiter.take());
        let waiters = self.head.if_rare(|rare| std::mem::take(&mut rare.waiters));
        drop(waiters);
        self.head.key.set(Key::NOWHERE);
        clear_quietly(self);
    }
}
