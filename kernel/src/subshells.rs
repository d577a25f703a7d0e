//! The subshells of JEP 91: each has a queue of cells of its own, so that one of them can run beside a main cell that
//! drives the event loop. Made and deleted on control, fed by `dispatch::shell`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

use crate::protocol::incoming::Incoming;

/// The queue of a new subshell; it ends when the subshell is deleted.
pub(crate) type Queue = UnboundedReceiver<Incoming>;

/// The subshells that there are. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Subshells {
    open: Rc<RefCell<BTreeMap<String, UnboundedSender<Incoming>>>>,
    new: UnboundedSender<Queue>,
}

impl Subshells {
    /// None yet, and the end that gets the queues of all that will be made.
    pub(crate) fn new() -> (Self, UnboundedReceiver<Queue>) {
        let (new, queues) = unbounded_channel();
        (Self { open: Rc::default(), new }, queues)
    }

    /// Makes one; its id.
    pub(crate) fn create(&self) -> String {
        let (sender, queue) = unbounded_channel();
        let id = Uuid::new_v4().to_string();
        self.open.borrow_mut().insert(id.clone(), sender);
        // An error means that the kernel is ending.
        let _ = self.new.send(queue);
        id
    }

    /// Deletes one; what it was sent before is still dealt with. False if there is none of this id.
    pub(crate) fn delete(&self, id: &str) -> bool {
        self.open.borrow_mut().remove(id).is_some()
    }

    /// The ids of all.
    pub(crate) fn list(&self) -> Vec<String> {
        self.open.borrow().keys().cloned().collect()
    }

    /// Puts a request into the queue of a subshell.
    ///
    /// # Errors
    /// Gives it back if there is no such subshell.
    pub(crate) fn queue(&self, id: &str, incoming: Incoming) -> Result<(), Box<Incoming>> {
        match self.open.borrow().get(id) {
            Some(queue) => queue.send(incoming).map_err(|unsent| Box::new(unsent.0)),
            None => Err(Box::new(incoming)),
        }
    }
}
