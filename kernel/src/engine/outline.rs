//! Tells those who only look at the notebook what it has: completion and help. Part of the engine.

use std::sync::Arc;

use tokio::sync::watch;

use super::Engine;
use crate::assist::{Outline, project};

impl Engine {
    /// What the notebook has, now and after each change.
    pub(crate) fn outline(&self) -> watch::Receiver<Arc<Outline>> {
        self.outline.subscribe()
    }

    /// Publishes what the notebook has by now.
    pub(super) fn publish_outline(&self) {
        let dependencies = self.session.dependencies();
        let project = self.ready.as_ref().map(|ready| project(&ready.runtime, dependencies, ready.compiler.crates()));
        self.outline.send_replace(Arc::new(Outline {
            items: self.session.items().to_vec(),
            uses: self.session.uses().to_vec(),
            variables: self.session.variables().clone(),
            project,
        }));
    }
}
