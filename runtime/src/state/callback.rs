//! A function to call once on the loop, unless somebody cancels it first: the payload of `call_soon`, `call_later`,
//! done callbacks. The ready queue and the timers hold it, the caller's handle cancels it.

use std::cell::Cell;
use std::rc::{Rc, Weak};

use super::cell::AnyCell;
use super::key::Key;

/// A cancellable call.
pub(crate) struct Callback {
    function: Cell<Option<Box<dyn FnOnce()>>>,
    cancelled: Cell<bool>,
    name: &'static str,
    listener: Listener,
}

/// Who waits for a call: for those who ask who awaits whom.
pub(crate) enum Listener {
    Nobody,
    /// A task that is in a function such as `wait_for`.
    Task(Key),
    /// A gathering, or another future that ends when the call has come.
    Future(Weak<AnyCell>),
}

impl Callback {
    /// Wraps `function`; `name` appears in "Exception in callback …".
    pub(crate) fn new(function: Box<dyn FnOnce()>, name: &'static str) -> Self {
        Self { function: Cell::new(Some(function)), cancelled: Cell::new(false), name, listener: Listener::Nobody }
    }

    /// Says which task waits for the call.
    pub(crate) fn for_task(self, key: Key) -> Self {
        Self { listener: Listener::Task(key), ..self }
    }

    /// Says which future waits for the call.
    pub(crate) fn for_future(self, future: &Rc<AnyCell>) -> Self {
        Self { listener: Listener::Future(Rc::downgrade(future)), ..self }
    }

    /// Who waits for the call.
    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
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
