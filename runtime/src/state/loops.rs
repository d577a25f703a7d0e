//! Finding a loop by the number in a task's address: on its own thread the loop itself, from elsewhere its inbox.
//! Wakers look here; the driver says which loop runs.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};
use std::sync::{Arc, PoisonError, RwLock};

use super::core::Core;
use super::inbox::Inbox;
use super::key::Key;
use crate::error::misuse;

/// What other threads may put into a loop.
pub(crate) enum Letter {
    /// Wake this task.
    Wake(Key),
    /// Call this function: `call_soon_threadsafe`.
    Call(Box<dyn FnOnce() + Send>),
}

impl Letter {
    /// Whether `next` adds nothing to `self`.
    pub(crate) fn repeats(&self, next: &Self) -> bool {
        matches!((self, next), (Self::Wake(first), Self::Wake(second)) if first == second)
    }
}

/// The inboxes of all loops of the process, by number; numbers are given out in a circle.
struct Directory {
    inboxes: Vec<Option<Arc<Inbox<Letter>>>>,
    next: usize,
}

static DIRECTORY: RwLock<Directory> = RwLock::new(Directory { inboxes: Vec::new(), next: 0 });

/// How many loops a process can have at a time.
const MOST_LOOPS: usize = 1 << 16;

thread_local! {
    /// The loop that runs. Not counted as a reference, since wakers ask for it all the time: see [`Running`].
    static RUNNING: Cell<Option<NonNull<Core>>> = const { Cell::new(None) };
    /// The process was forked while a loop ran on this thread.
    static FORKED_INSIDE: Cell<bool> = const { Cell::new(false) };
    /// All loops of this thread.
    static HOME: RefCell<Vec<(u16, Weak<Core>)>> = const { RefCell::new(Vec::new()) };
}

/// Gives a new loop its number.
#[track_caller]
pub(crate) fn register(inbox: Arc<Inbox<Letter>>) -> u16 {
    let mut directory = DIRECTORY.write().unwrap_or_else(PoisonError::into_inner);
    let Directory { inboxes, next } = &mut *directory;
    if inboxes.len() < MOST_LOOPS {
        // While there are numbers that nobody has had, old wakers cannot meet a stranger.
        inboxes.push(Some(inbox));
        return (inboxes.len() - 1) as u16;
    }
    let free = (0..MOST_LOOPS).map(|step| (*next + step) % MOST_LOOPS).find(|&number| inboxes[number].is_none());
    let Some(number) = free else { misuse("too many event loops") };
    inboxes[number] = Some(inbox);
    *next = number + 1;
    number as u16
}

/// Makes a new loop known on its own thread.
pub(crate) fn settle(core: &Rc<Core>) {
    HOME.with(|home| home.borrow_mut().push((core.number, Rc::downgrade(core))));
}

/// The loops of this thread.
pub(crate) fn of_thread() -> Vec<Rc<Core>> {
    HOME.with(|home| home.borrow().iter().filter_map(|(_, core)| core.upgrade()).collect())
}

/// Forgets a loop that goes away.
pub(crate) fn unregister(number: u16) {
    let mut directory = DIRECTORY.write().unwrap_or_else(PoisonError::into_inner);
    let inbox = directory.inboxes[usize::from(number)].take();
    drop(directory);
    drop(inbox);
    // A thread that ends may have forgotten its loops already.
    let _ = HOME.try_with(|home| home.borrow_mut().retain(|(other, _)| *other != number));
}

/// Wakes a task, whichever thread this is and whether the task is still there or not.
#[inline]
pub(crate) fn wake(key: Key) {
    let here = with_running(|core| {
        let here = core.number == key.home();
        if here {
            core.schedule.wake(key);
        }
        here
    });
    if here != Some(true) {
        wake_elsewhere(key);
    }
}

/// Wakes a task of a loop that is not the running one.
#[cold]
fn wake_elsewhere(key: Key) {
    let home = HOME.try_with(|home| {
        let home = home.borrow();
        home.iter().find(|(number, _)| *number == key.home()).and_then(|(_, core)| core.upgrade())
    });
    if let Ok(Some(core)) = home {
        core.schedule.wake(key);
        return;
    }
    let inbox = {
        let directory = DIRECTORY.read().unwrap_or_else(PoisonError::into_inner);
        directory.inboxes.get(usize::from(key.home())).cloned().flatten()
    };
    if let Some(inbox) = inbox {
        // A closed loop has dropped the task.
        let _ = inbox.send(Letter::Wake(key), Letter::repeats);
    }
}

/// Works with the loop that runs on this thread, if one does.
#[inline]
pub(crate) fn with_running<R>(work: impl FnOnce(&Core) -> R) -> Option<R> {
    let core = RUNNING.get()?;
    // SAFETY: the pointer came from the reference that `Running` borrows, and `Running` resets it before that ends. It
    // is dropped no earlier than `work` returns: it lives in a frame further down this thread's stack.
    Some(work(unsafe { core.as_ref() }))
}

/// The loop that runs on this thread.
#[inline]
pub(crate) fn running() -> Option<Rc<Core>> {
    let core = RUNNING.get()?.as_ptr().cast_const();
    // SAFETY: the pointer came from `Rc::as_ptr`, and the reference it was taken from is borrowed by the `Running`
    // that will reset `RUNNING`; so that reference exists now, and one more may be made.
    unsafe {
        Rc::increment_strong_count(core);
        Some(Rc::from_raw(core))
    }
}

/// No loop runs on this thread any more: it belongs to a new process.
pub(super) fn forget_running() {
    FORKED_INSIDE.set(FORKED_INSIDE.get() || RUNNING.take().is_some());
}

/// Whether this thread is the copy of one that ran a loop when its process was forked.
pub(crate) fn was_forked_inside() -> bool {
    FORKED_INSIDE.get()
}

/// Names the loop that runs, for as long as this lives.
pub(crate) struct Running<'a> {
    outer: Option<NonNull<Core>>,
    borrow: PhantomData<&'a Rc<Core>>,
}

impl<'a> Running<'a> {
    /// A run of `core` begins. The guard must be dropped, not forgotten; it stays inside the function of the run.
    pub(crate) fn enter(core: &'a Rc<Core>) -> Self {
        let outer = RUNNING.replace(NonNull::new(Rc::as_ptr(core).cast_mut()));
        Self { outer, borrow: PhantomData }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        RUNNING.set(self.outer);
    }
}
