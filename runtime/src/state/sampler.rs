//! Decides which steps are recorded, so that recording costs at most a few percent of the time, and nothing when it is off.
//! Each loop has one, which the driver asks before everything that it runs; all of a thread write one record.
//!
//! Recording a step takes a look at the clock, which is more than a short step takes. So it is paid for by the time that
//! passes: one part in [`SHARE`] of it may be spent, and what was not spent is saved, up to [`SAVINGS`]. A program that
//! mostly waits can pay for every step. One that does nothing but short steps has one of [`UNPAID`] looked at, and the
//! time that steps take then tells by itself when there is enough again.
//!
//! 1. On the way of every step lies one countdown, the same whether recording is on or off.
//! 2. No borrow of the record is held while anybody else's code runs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::record::{End, MarkKind, Record, Subject, Time};
use super::what::What;

/// One part in so many of the time may be spent.
const SHARE: u64 = 60;
/// What recording a step costs, in nanoseconds.
const PRICE: u64 = 100;
/// How much can be saved, in nanoseconds.
const SAVINGS: u64 = 1024 * PRICE;
/// How many steps pass between two looks that nobody can pay for.
const UNPAID: u32 = 512;

/// A thread's record, and whether it is written.
pub(crate) struct Tape {
    on: Cell<bool>,
    /// Tasks with this number and later ones are not recorded.
    limit: Cell<u64>,
    record: RefCell<Record>,
}

thread_local! {
    static TAPE: Rc<Tape> = Rc::new(Tape {
        on: Cell::new(false),
        limit: Cell::new(0),
        record: RefCell::default(),
    });
}

impl Tape {
    /// This thread's.
    pub(crate) fn of_thread() -> Rc<Self> {
        TAPE.with(Rc::clone)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.get()
    }

    /// Begins anew at `zero`; `next` is the number of the next task.
    pub(crate) fn begin(&self, zero: Time, next: u64, zero_was_set: bool) {
        self.on.set(true);
        self.change(|record| *record = Record::new(zero, next, zero_was_set));
    }

    /// Writes nothing from now on. What was recorded stays.
    pub(crate) fn end(&self) {
        self.on.set(false);
        self.limit.set(0);
    }

    /// The record so far; `next` is the number of the next task.
    pub(crate) fn copy(&self, next: u64) -> Record {
        let mut record = self.record.borrow().clone();
        record.left_out += self.refused(next);
        record
    }

    /// How many tasks came when the record took no more.
    fn refused(&self, next: u64) -> u64 {
        if self.is_on() { next.saturating_sub(self.limit.get()) } else { 0 }
    }

    /// Whether it is full, and nobody has asked for its zero.
    fn is_stale(&self, next: u64) -> bool {
        let record = self.record.borrow();
        !record.zero_was_set && record.left_out + self.refused(next) > 0
    }

    /// A loop runs already as the record begins.
    pub(crate) fn resume(&self, home: u16, now: Time) {
        self.change(|record| record.run_begins(home, now));
    }

    fn change(&self, change: impl FnOnce(&mut Record)) {
        let mut record = self.record.borrow_mut();
        change(&mut record);
        self.limit.set(record.limit());
    }

    /// Notes a moment that somebody wants to see.
    pub(crate) fn mark(&self, at: Time, task: u64, kind: impl FnOnce() -> MarkKind) {
        if self.is_on() {
            let kind = kind();
            self.change(|record| record.mark(at, task, kind));
        }
    }

    /// Whether a task may be in the record.
    #[inline]
    fn takes(&self, number: u64) -> bool {
        number < self.limit.get()
    }
}

/// One loop's countdown, and what it may spend.
pub(crate) struct Sampler {
    /// How many steps until the next look.
    left: Cell<u32>,
    /// A step has been recorded whose end is not known yet.
    open: Cell<bool>,
    savings: Cell<u64>,
    last: Cell<Time>,
    home: u16,
    pub(crate) tape: Rc<Tape>,
}

impl Sampler {
    pub(crate) fn new(home: u16) -> Self {
        Self {
            left: Cell::new(1),
            open: Cell::new(false),
            savings: Cell::new(SAVINGS),
            last: Cell::new(0),
            home,
            tape: Tape::of_thread(),
        }
    }

    /// Whether what runs next is to be looked at. To be asked before everything that runs.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        let left = self.left.get().wrapping_sub(1);
        self.left.set(left);
        left == 0
    }

    /// Whether there is a record to write.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.tape.is_on()
    }

    /// Whether a task of this number may be in the record.
    #[inline]
    pub(crate) fn wants(&self, number: u64) -> bool {
        self.tape.takes(number)
    }

    /// Looks at the next thing.
    pub(crate) fn look_again(&self) {
        self.left.set(1);
    }

    /// Something else than before runs: whatever ran has ended. Whether what begins may be recorded.
    pub(crate) fn looks(&self, now: Time) -> bool {
        if !self.is_on() {
            // It is asked again in a minute or so.
            self.left.set(u32::MAX);
            return false;
        }
        self.close(now);
        let earned = now.saturating_sub(self.last.replace(now)) / SHARE;
        let savings = SAVINGS.min(self.savings.get().saturating_add(earned));
        let pays = savings >= PRICE;
        self.savings.set(savings.saturating_sub(PRICE));
        self.left.set(if pays { 1 } else { UNPAID });
        pays
    }

    fn close(&self, now: Time) {
        if self.open.replace(false) {
            self.tape.change(|record| record.pause(now));
        }
    }

    /// A step begins of a task that has waited for its turn since `ready`.
    pub(crate) fn step(&self, number: u64, ready: Time, now: Time, subject: impl FnOnce() -> Subject) {
        if self.tape.takes(number) {
            self.tape.change(|record| record.step(number, ready, now, subject));
            self.open.set(true);
        }
    }

    /// Whether the step that has just been made is in the record.
    #[inline]
    pub(crate) fn has_step(&self) -> bool {
        self.open.get()
    }

    /// What that step has ended with.
    pub(crate) fn waits(&self, what: What, awaited: u64) {
        self.tape.change(|record| record.waits(what, awaited));
    }

    /// Until when the task of this number sleeps.
    pub(crate) fn sleeps(&self, number: u64, until: Time) {
        if self.tape.takes(number) {
            self.tape.change(|record| record.sleeps(number, until));
        }
    }

    /// A task was made that is [wanted](Self::wants).
    pub(crate) fn born(&self, parent: u64, now: Time, subject: Subject) {
        self.tape.change(|record| record.born(subject, parent, now));
    }

    /// A task has another name.
    pub(crate) fn renamed(&self, number: u64, name: &str) {
        if self.tape.takes(number) {
            self.tape.change(|record| record.renamed(number, name));
        }
    }

    /// A task has ended that is [wanted](Self::wants).
    pub(crate) fn ended(&self, number: u64, end: End, now: Time) {
        self.tape.change(|record| record.ended(number, end, now));
    }

    /// The loop has nothing to do.
    pub(crate) fn pauses(&self, now: impl FnOnce() -> Time) {
        if self.open.get() {
            self.looks(now());
        }
    }

    /// The loop begins to run. A record that is full begins anew, unless somebody has set its zero.
    pub(crate) fn run_begins(&self, now: Time, next: u64) {
        self.left.set(1);
        if self.is_on() {
            if self.tape.is_stale(next) {
                self.tape.begin(now, next, false);
            }
            self.tape.change(|record| record.run_begins(self.home, now));
        }
    }

    /// The loop has run.
    pub(crate) fn run_ends(&self, now: Time, interrupted: bool) {
        self.open.set(false);
        if self.is_on() {
            self.tape.change(|record| record.run_ends(self.home, now));
            if interrupted {
                self.tape.mark(now, 0, || MarkKind::Interrupt);
            }
        }
    }
}
