//! The comms that are open, by what was said of them on both sides. `worker` and the handlers of comm messages keep it;
//! `comm_info` asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use boucle_wire::{CommEvent, CommKind};
use serde_json::{Map, Value, json};

/// Comm → target. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comms(Arc<Mutex<BTreeMap<String, String>>>);

impl Comms {
    /// Takes note of what happens to a comm, on either side.
    pub(crate) fn note(&self, event: &CommEvent) {
        match &event.kind {
            CommKind::Open { target } => drop(self.open().insert(event.id.clone(), target.clone())),
            CommKind::Close => drop(self.open().remove(&event.id)),
            CommKind::Message => {}
        }
    }

    /// Closes all; their ids.
    pub(crate) fn close_all(&self) -> Vec<String> {
        std::mem::take(&mut *self.open()).into_keys().collect()
    }

    /// The comms to a target, or all, as a `comm_info_reply` lists them.
    pub(crate) fn list(&self, target: Option<&str>) -> Map<String, Value> {
        let open = self.open();
        let meant = open.iter().filter(|(_, of)| target.is_none_or(|target| target == *of));
        meant.map(|(id, target)| (id.clone(), json!({ "target_name": target }))).collect()
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
