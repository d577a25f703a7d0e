//! The values of context variables, as tasks and callbacks carry them. `context.rs` gives them names and types.

use std::any::Any;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A value has been set anywhere in the process. Until then, nobody pays for contexts.
static USED: AtomicBool = AtomicBool::new(false);

/// Whether there may be contexts with values.
#[inline]
pub(crate) fn is_used() -> bool {
    USED.load(Ordering::Relaxed)
}

/// Values by variable. Clones share them until one of them changes.
#[derive(Clone, Default)]
pub(crate) struct Values(Rc<HashMap<u64, Rc<dyn Any>>>);

impl Values {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, variable: u64) -> Option<Rc<dyn Any>> {
        self.0.get(&variable).cloned()
    }

    /// Sets or removes a value; the one before.
    #[must_use = "dropping it may run foreign code, which no borrow may be held for"]
    pub(crate) fn replace(&mut self, variable: u64, value: Option<Rc<dyn Any>>) -> Option<Rc<dyn Any>> {
        USED.store(true, Ordering::Relaxed);
        let values = Rc::make_mut(&mut self.0);
        match value {
            Some(value) => values.insert(variable, value),
            None => values.remove(&variable),
        }
    }
}
