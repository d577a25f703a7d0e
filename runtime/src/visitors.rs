//! Work for the cell thread from outside: done between two turns of whichever loop runs there. The worker runs cells of
//! other front ends and what widgets report this way; the driver lets it in.
//!
//! 1. After a [`knock`] the host is called on the cell thread before the next turn of a loop that runs there, and an idle
//!    loop is woken for it. While no loop runs, nobody is let in.
//! 2. While the host is at work, no turn is: it may schedule tasks and stop the loop, but not run one.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::interrupt;

static KNOCKED: AtomicBool = AtomicBool::new(false);

type Host = Rc<dyn Fn()>;

thread_local! {
    static HOST: RefCell<Option<Host>> = const { RefCell::new(None) };
}

/// Makes this the thread that lets in who knocks; `host` does the work.
pub fn welcome(host: impl Fn() + 'static) {
    HOST.set(Some(Rc::new(host)));
}

/// There is work for the host. From any thread.
pub fn knock() {
    KNOCKED.store(true, Ordering::SeqCst);
    interrupt::wake_idle();
}

/// Has the work done that there is.
#[inline]
pub(crate) fn let_in() {
    if KNOCKED.load(Ordering::Relaxed) && interrupt::is_cell_thread() {
        work();
    }
}

#[cold]
fn work() {
    if KNOCKED.swap(false, Ordering::SeqCst)
        && let Some(host) = HOST.with_borrow(Option::clone)
    {
        host();
    }
}
