//! A function to call once on the loop, unless somebody cancels it first: the payload of `call_soon`, `call_later`,
//! done callbacks. The ready queue and the timers hold it, the caller's handle cancels it.

use std::cell::Cell;

/// A cancellable call.
pub(crate) struct Callback {
    function: Cell<Option<Box<dyn FnOnce()>>>,
    cancelled: Cell<bool>,
    name: &'static str,
}

impl Callback {
    /// Wraps `function`; `name` appears in "Exception in callback …".
    pub(crate) fn new(function: Box<dyn FnOnce()>, name: &'static str) -> Self {
        Self { function: Cell::new(Some(function)), cancelled: Cell::new(false), name }
    }

    /// The function, if it has been neither called nor cancelled.
    pub(crate) fn take(&self) -> Option<Box<dyn FnOnce()>> {
        self.function.take()
    }

    /// Forgets the function and what it captured.
    pub(crate) fn cancel(&self) {
        self.cancelled.set(true);
        drop(self.function.take());
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}
