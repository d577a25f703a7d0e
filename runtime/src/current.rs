//! Which loop and which task this thread is at. `ensure_future`, `sleep` and the loop functions ask; the driver and the
//! steps of tasks set it.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::Rc;

use crate::error::{RuntimeError, misuse};
use crate::state::cell::AnyCell;
use crate::state::clock::Clock;
use crate::state::core::Core;
use crate::state::engine::Engine;
use crate::state::key::Key;
pub(crate) use crate::state::loops::{Running, running, with_running};
use crate::thread_id;

thread_local! {
    static SET: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
    /// `set_event_loop` was called, so none is made by itself any more.
    static WAS_SET: Cell<bool> = const { Cell::new(false) };
    /// This thread runs a notebook's cells.
    static IS_NOTEBOOK: Cell<bool> = const { Cell::new(false) };
    /// Loops that are made begin in virtual time, whatever the current one has.
    static NEW_IS_VIRTUAL: Cell<bool> = const { Cell::new(false) };
    /// The task whose step runs. Not counted as a reference, since every step sets it: see [`Stepping`].
    static TASK: Cell<Option<NonNull<AnyCell>>> = const { Cell::new(None) };
}

/// Whether some loop runs on this thread.
pub(crate) fn is_running() -> bool {
    with_running(|_| ()).is_some()
}

/// Python's `set_event_loop`.
pub(crate) fn set_default(core: Option<Rc<Core>>) {
    WAS_SET.set(true);
    let old = SET.with(|set| set.replace(core));
    if old.as_ref().is_some_and(|old| old.is_inherited()) {
        // Its tasks hold what belongs to the parent process.
        std::mem::forget(old);
        return;
    }
    // Outside the borrow: the old loop's tasks may be dropped here.
    drop(old);
}

/// Python's `get_event_loop`: the running loop, else the one that was set, else in the main thread a new one.
#[track_caller]
pub(crate) fn get() -> Rc<Core> {
    get_or_make(|inherited| thread_id::is_main() && (inherited || !WAS_SET.get()))
}

/// The loop that is meant where none is named: [`get`]'s, and in a notebook always one. In Python's notebooks a loop
/// always runs, so that what awaits and what makes tasks works there even after `run`, which leaves no loop.
#[track_caller]
pub(crate) fn implied() -> Rc<Core> {
    if IS_NOTEBOOK.get() { get_or_make(|_| true) } else { get() }
}

/// The running loop, and in a notebook's cells beside it the current one: Python's notebooks know that as the running one.
#[track_caller]
pub(crate) fn at_hand() -> Rc<Core> {
    if IS_NOTEBOOK.get() { implied() } else { expect_running() }
}

/// The running loop, else the one that was set, else a new one if `may_make` allows it, which is told whether the one that was
/// set belongs to the parent process.
#[track_caller]
fn get_or_make(may_make: impl FnOnce(bool) -> bool) -> Rc<Core> {
    if let Some(core) = running() {
        return core;
    }
    let set = SET.with(|set| set.borrow().clone());
    let inherited = set.as_ref().is_some_and(|core| core.is_inherited());
    if let Some(core) = set.filter(|_| !inherited) {
        return core;
    }
    if !may_make(inherited) {
        no_current();
    }
    let core = new_core();
    set_default(Some(Rc::clone(&core)));
    core
}

/// This thread runs a notebook's cells from now on.
pub(crate) fn assume_notebook() {
    IS_NOTEBOOK.set(true);
}

#[cold]
#[track_caller]
fn no_current() -> ! {
    let thread = std::thread::current();
    let name = match thread.name() {
        Some("main") => "MainThread".to_owned(),
        Some(name) => name.to_owned(),
        None => format!("Thread-{}", thread_id::current()),
    };
    RuntimeError::new(format!("There is no current event loop in thread '{name}'.")).raise()
}

/// The running loop, else the one that was set; none is made.
pub(crate) fn known() -> Option<Rc<Core>> {
    running().or_else(|| SET.try_with(|set| set.borrow().clone()).ok().flatten())
}

/// The loop whose clock this thread goes by: the running one, else the one that was set. One is made only where its time
/// would be virtual.
pub(crate) fn clock_loop() -> Option<Rc<Core>> {
    known().or_else(|| (NEW_IS_VIRTUAL.get() && !WAS_SET.get() && thread_id::is_main()).then(get))
}

/// The loop of virtual time that this thread is at.
pub(crate) fn in_virtual_time() -> Option<Rc<Core>> {
    clock_loop().filter(|core| core.clock.is_virtual())
}

/// A new loop on this thread's engine. Where time is virtual, it goes on in the new loop.
#[track_caller]
pub(crate) fn new_core() -> Rc<Core> {
    match Engine::of_thread() {
        Ok(engine) => {
            let clock = known().map_or_else(Clock::new, |core| core.clock.successor());
            if NEW_IS_VIRTUAL.get() {
                clock.make_virtual();
            }
            Core::new(engine, clock)
        }
        Err(error) => RuntimeError::new(format!("cannot create an event loop: {error}")).raise(),
    }
}

/// Says whether loops that this thread makes from now on begin in virtual time.
pub(crate) fn set_new_time(is_virtual: bool) {
    NEW_IS_VIRTUAL.set(is_virtual);
}

/// The loop that runs on this thread, else raises "no running event loop".
#[track_caller]
pub(crate) fn expect_running() -> Rc<Core> {
    match running() {
        Some(core) => core,
        None => misuse("no running event loop"),
    }
}

/// The task whose step runs on this thread.
pub(crate) fn task() -> Option<Rc<AnyCell>> {
    let cell = TASK.get()?.as_ptr().cast_const();
    // SAFETY: the pointer came from `Rc::as_ptr`, and the reference it was taken from is borrowed by the `Stepping`
    // that will reset `TASK`; so that reference exists now, and one more may be made.
    unsafe {
        Rc::increment_strong_count(cell);
        Some(Rc::from_raw(cell))
    }
}

/// Works with the task whose step runs on this thread, if one does. `work` must not run foreign code.
#[inline]
pub(crate) fn with_task<R>(work: impl FnOnce(&AnyCell) -> R) -> Option<R> {
    let cell = TASK.get()?;
    // SAFETY: the pointer came from `Rc::as_ptr`, and the reference it was taken from is borrowed by the `Stepping`
    // that will reset `TASK` when its frame, further down this thread's stack, is left.
    Some(work(unsafe { cell.as_ref() }))
}

/// The address of the task whose step runs on this thread; that of no task when none does.
pub(crate) fn key() -> Key {
    with_task(|task| task.head.key.get()).unwrap_or(Key::NOWHERE)
}

/// Names the task whose step runs, for as long as this lives.
pub(crate) struct Stepping<'a> {
    outer: Option<NonNull<AnyCell>>,
    borrow: PhantomData<&'a Rc<AnyCell>>,
}

impl<'a> Stepping<'a> {
    /// A step of `cell` begins. The guard must be dropped, not forgotten; it stays inside the function of the step.
    pub(crate) fn enter(cell: &'a Rc<AnyCell>) -> Self {
        let outer = TASK.replace(NonNull::new(Rc::as_ptr(cell).cast_mut()));
        Self { outer, borrow: PhantomData }
    }
}

impl Drop for Stepping<'_> {
    fn drop(&mut self) {
        TASK.set(self.outer);
    }
}
