//! Tells the host when the loop of its thread has nothing to do and waits in the system: the worker need not flush what cells
//! print as long as nobody prints. The engine in `state` tells it.

use std::cell::Cell;

thread_local! {
    static HOST: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// From now on `host` is called when a loop of this thread begins to wait, and when it goes on, in turn.
pub fn watch_rest(host: fn()) {
    HOST.set(Some(host));
}

/// A loop of this thread begins to wait, or goes on.
pub(crate) fn changes() {
    if let Some(host) = HOST.get() {
        host();
    }
}
