//! One task's record: a head that everybody treats alike, and a body that holds the coroutine, then its value.
//! Only the body is generic, and it is behind a vtable: a notebook cell compiles three short methods per coroutine.

use std::cell::{Cell, UnsafeCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use super::callback::Callback;
use super::context::Values;
use super::core::Core;
use super::key::Key;
use super::record::Subject;
use super::waiter::Awaited;
use super::what::{Place, What};
use crate::error::Exception;

/// A task's allocation. `B` is a [`Stage`] when made, and a trait object ever after.
pub(crate) struct TaskCell<B: ?Sized> {
    pub(crate) head: Head,
    pub(crate) body: B,
}

/// A task of which nothing but its existence is known.
pub(crate) type AnyCell = TaskCell<dyn Body>;

/// Where a task stands; see the diagram in `state.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Finished,
    Failed,
    Cancelled,
}

/// What all tasks have.
pub(crate) struct Head {
    home: Weak<Core>,
    /// 0 for a future that is no task (a gathering).
    number: u64,
    /// Its place in the loop's table, while it is pending.
    pub(crate) key: Cell<Key>,
    pub(crate) status: Cell<Status>,
    /// `cancel()` was called and the next step heeds it.
    pub(crate) must_cancel: Cell<bool>,
    /// How often `cancel()` was called on it while it ran, less the calls taken back by `uncancel()`.
    pub(crate) cancels: Cell<u16>,
    /// What kind of thing this task awaits, as far as that is known.
    pub(crate) awaits_what: Cell<What>,
    /// Somebody has a handle, so a failure may still be read.
    pub(crate) held: Cell<bool>,
    /// Failed, and nobody has looked at the exception yet.
    pub(crate) unseen: Cell<bool>,
    /// The first who waits for the task: the usual number of waiters is one.
    pub(crate) waiter: Cell<Option<Waker>>,
    /// What this task awaits, which a cancellation goes to first.
    pub(crate) awaits: Cell<Option<Awaited>>,
    /// Where this task awaits; only of meaning together with `awaits_what`.
    pub(crate) place: Cell<Option<Place>>,
    rare: Cell<Option<Box<Rare>>>,
}

/// What few tasks have.
#[derive(Default)]
pub(crate) struct Rare {
    pub(crate) name: Option<Box<str>>,
    pub(crate) exception: Option<Exception>,
    /// The type inside a boxed coroutine, whose own type says nothing.
    pub(crate) boxed_type: Option<&'static str>,
    /// Everybody who waits, after the first.
    pub(crate) waiters: Vec<Waiter>,
    /// A task group will read the exception, whoever has a handle.
    pub(crate) grouped: bool,
    /// The values of context variables that were set in it or that it was made with.
    pub(crate) context: Option<Values>,
    /// What a shield waits for.
    pub(crate) shields: Option<Weak<AnyCell>>,
    /// What a gathering consists of.
    pub(crate) parts: Option<Rc<Parts>>,
}

/// The children of a gathering, and how far they are.
pub(crate) struct Parts {
    pub(crate) children: Vec<Rc<AnyCell>>,
    /// Exceptions are results like others: `return_exceptions`.
    pub(crate) keeps: bool,
    pub(crate) ended: Cell<usize>,
    pub(crate) cancelled: Cell<bool>,
}

/// Who is told when a task has ended.
pub(crate) enum Waiter {
    /// A coroutine that awaits it.
    Wake(Waker),
    /// A done callback.
    Call(Rc<Callback>),
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// The number of the next task of the process.
pub(crate) fn next_number() -> u64 {
    NUMBER.load(Ordering::Relaxed)
}

impl Head {
    /// The head of a new task, with the next number of the process.
    pub(crate) fn task(home: &Rc<Core>) -> Self {
        Self::with_number(home, NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// The head of a future that ends by other means than a step.
    pub(crate) fn future(home: &Rc<Core>) -> Self {
        Self::with_number(home, 0)
    }

    fn with_number(home: &Rc<Core>, number: u64) -> Self {
        Self {
            home: Rc::downgrade(home),
            number,
            key: Cell::new(Key::NOWHERE),
            status: Cell::new(Status::Pending),
            must_cancel: Cell::new(false),
            cancels: Cell::new(0),
            awaits_what: Cell::new(What::Unknown),
            held: Cell::new(true),
            unseen: Cell::new(false),
            waiter: Cell::new(None),
            awaits: Cell::new(None),
            place: Cell::new(None),
            rare: Cell::new(None),
        }
    }

    /// The loop, unless it is gone.
    pub(crate) fn home(&self) -> Option<Rc<Core>> {
        self.home.upgrade()
    }

    /// Whether `core` is the task's loop.
    pub(crate) fn lives_in(&self, core: &Core) -> bool {
        std::ptr::eq(self.home.as_ptr(), core)
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.status.get() == Status::Pending
    }

    /// Works on the rare part, making it when needed. `work` must not run foreign code.
    pub(crate) fn with_rare<R>(&self, work: impl FnOnce(&mut Rare) -> R) -> R {
        let mut rare = self.rare.take().unwrap_or_default();
        let result = work(&mut rare);
        self.rare.set(Some(rare));
        result
    }

    /// Reads the rare part, if there is one. `work` must not run foreign code.
    pub(crate) fn if_rare<R>(&self, work: impl FnOnce(&mut Rare) -> R) -> Option<R> {
        let mut rare = self.rare.take()?;
        let result = work(&mut rare);
        self.rare.set(Some(rare));
        Some(result)
    }
}

impl AnyCell {
    /// The type name of the task's coroutine, also of one in a box.
    pub(crate) fn type_name(&self) -> &'static str {
        self.head.if_rare(|rare| rare.boxed_type).flatten().unwrap_or_else(|| self.body.type_name())
    }

    /// What a record needs to know of the task, which lives in the loop with the number `home`.
    pub(crate) fn subject(&self, home: u16) -> Subject {
        let name = self.head.if_rare(|rare| rare.name.clone()).flatten();
        Subject { number: self.head.number(), home, type_name: self.type_name(), name }
    }
}

/// What a head needs of its body.
pub(crate) trait Body {
    /// Runs the coroutine until it suspends (`Pending`) or has left its value (`Ready`).
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()>;
    /// Drops the coroutine or the value, where it is.
    fn clear(&self);
    /// The type name of the coroutine, as the compiler gives it.
    fn type_name(&self) -> &'static str;
}

/// A body whose value has the type `T`.
pub(crate) trait Yields<T>: Body {
    /// The value, moved out.
    fn take(&self) -> Option<T>;
    /// The value, if it is there and nobody is at work on it.
    fn peek(&self) -> Option<&T>;
}

/// A coroutine, later its value.
pub(crate) struct Stage<F: Future> {
    slot: UnsafeCell<Slot<F>>,
    /// A reference into the slot is in use. The methods below check it, so that re-entry is refused, not undefined.
    busy: Cell<bool>,
}

enum Slot<F: Future> {
    Coroutine(F),
    Value(F::Output),
    Gone,
}

/// Resets the mark also when the coroutine panics.
struct Busy<'a>(&'a Cell<bool>);

impl<'a> Busy<'a> {
    fn enter(mark: &'a Cell<bool>) -> Option<Self> {
        (!mark.replace(true)).then_some(Self(mark))
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl<F: Future> Stage<F> {
    pub(crate) fn new(coroutine: F) -> Self {
        Self { slot: UnsafeCell::new(Slot::Coroutine(coroutine)), busy: Cell::new(false) }
    }
}

impl<F: Future> Body for Stage<F> {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(_busy) = Busy::enter(&self.busy) else { return Poll::Pending };
        // SAFETY: the cell is not `Sync`, and `busy` was not set: this is the only reference into the slot, and stays
        // so until `_busy` is dropped. `peek` hands references out only to a value, and a task that has one is not polled.
        let slot = unsafe { &mut *self.slot.get() };
        let Slot::Coroutine(coroutine) = slot else { return Poll::Ready(()) };
        // SAFETY: a stage lives in an `Rc` from its creation as a task on and is never moved out of it; the coroutine
        // is dropped in place, by the assignments here and in `clear`, or with the stage.
        let Poll::Ready(value) = unsafe { Pin::new_unchecked(coroutine) }.poll(cx) else { return Poll::Pending };
        *slot = Slot::Value(value);
        Poll::Ready(())
    }

    fn clear(&self) {
        let Some(_busy) = Busy::enter(&self.busy) else { return };
        // SAFETY: as in `poll`. A reference from `peek` cannot be alive: it borrows the task's only handle, and a value
        // is cleared only after that handle has gone or from within its exclusive borrow.
        unsafe { *self.slot.get() = Slot::Gone };
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<F>()
    }
}

impl<F: Future> Yields<F::Output> for Stage<F> {
    fn take(&self) -> Option<F::Output> {
        let _busy = Busy::enter(&self.busy)?;
        // SAFETY: as in `poll` and `clear`; a coroutine stays where it is, only a value is moved.
        let slot = unsafe { &mut *self.slot.get() };
        if !matches!(slot, Slot::Value(_)) {
            return None;
        }
        match std::mem::replace(slot, Slot::Gone) {
            Slot::Value(value) => Some(value),
            Slot::Coroutine(_) | Slot::Gone => None,
        }
    }

    fn peek(&self) -> Option<&F::Output> {
        if self.busy.get() {
            return None;
        }
        // SAFETY: `busy` is not set, so no exclusive reference exists; see `clear` for why none is made while the
        // returned one lives.
        match unsafe { &*self.slot.get() } {
            Slot::Value(value) => Some(value),
            Slot::Coroutine(_) | Slot::Gone => None,
        }
    }
}
