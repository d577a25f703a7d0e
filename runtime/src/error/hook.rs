//! Panics inside tasks are exceptions with an owner, so the panic hook must stay silent there, yet it is the only one
//! who knows where a panic happened. Task steps mark themselves; the hook (ours, or the worker's) notes the place.

use std::cell::{Cell, RefCell};
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use super::name_and_message;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static ORIGIN: RefCell<Origin> = const { RefCell::new(Origin { place: None, frames: Vec::new() }) };
}

/// Where a panic came from.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// As `file:line:column`.
    pub(crate) place: Option<String>,
    /// The addresses to which the functions on the stack would have returned, innermost first; empty unless the hook took
    /// them down.
    pub(crate) frames: Vec<usize>,
}

static EXTERNAL: AtomicBool = AtomicBool::new(false);

/// Whether this thread is inside a step of a task or a callback, where a panic is kept and reported by the loop.
/// A panic hook asks this and prints nothing when it holds.
#[must_use]
pub fn in_task() -> bool {
    DEPTH.try_with(Cell::get).unwrap_or(0) > 0
}

/// Remembers where the current panic of this thread happened, for the [`Exception`](super::Exception) made from it.
/// Called from the panic hook of whoever installs one (see [`assume_external_hook`]).
pub fn note_panic(info: &PanicHookInfo<'_>) {
    note_origin(info.location().map(ToString::to_string), Vec::new());
}

/// As [`note_panic`], for a hook that knows more than the panic does: a better place, as `file:line:column`, and the
/// addresses to which the functions on the stack would have returned, innermost first.
pub fn note_origin(place: Option<String>, frames: Vec<usize>) {
    // During the teardown of a thread there is nobody left to tell.
    let _ = ORIGIN.try_with(|last| last.replace(Origin { place, frames }));
}

/// Declares that the program's own panic hook calls [`note_panic`] and heeds [`in_task`], so that running a loop
/// does not install one. To be called before the first loop runs.
pub fn assume_external_hook() {
    EXTERNAL.store(true, Ordering::Relaxed);
}

/// Puts our hook in front of the present one, once per process.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    if EXTERNAL.load(Ordering::Relaxed) || std::thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            note_panic(info);
            if in_task() {
                return;
            }
            match name_and_message(info.payload()) {
                ("panic", _) => previous(info),
                (name, message) => report_own(info, name, &message),
            }
        }));
    });
}

/// The default hook would show one of our payloads as `Box<dyn Any>`.
#[expect(clippy::print_stderr, reason = "this is what a panic hook is for")]
fn report_own(info: &PanicHookInfo<'_>, name: &str, message: &str) {
    match info.location() {
        Some(place) => eprintln!("{place}: {name}: {message}"),
        None => eprintln!("{name}: {message}"),
    }
}

/// Where the last panic of this thread came from; forgotten once taken.
pub(crate) fn take_origin() -> Origin {
    ORIGIN.try_with(RefCell::take).unwrap_or_default()
}

/// Marks the code that runs while it lives as a step whose panics the loop keeps.
pub(crate) struct InTask(());

impl InTask {
    pub(crate) fn enter() -> Self {
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        Self(())
    }
}

impl Drop for InTask {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}
