//! What a cell leaves besides what is published: its value, for the history or for a reply, and the payload of its own
//! reply. Filled through a `Publisher`, emptied by `handlers::execute`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use super::MimeBundle;

/// Shared by a publisher and by who wants to know. What is taken is there once.
#[derive(Debug, Clone)]
pub(crate) struct Aside {
    wants: Wants,
    kept: Arc<Mutex<Kept>>,
}

/// What is to be done with a cell's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// Publish it, and keep its plain text.
    Text,
    /// Keep it, and publish nothing.
    All,
}

#[derive(Debug, Default)]
struct Kept {
    value: Option<Value>,
    payload: Vec<Value>,
}

impl Aside {
    pub(super) fn new(wants: Wants) -> Self {
        Self { wants, kept: Arc::default() }
    }

    /// The value that was shown: its plain text, or `{data, metadata}` if it was not published.
    pub(crate) fn take_value(&self) -> Option<Value> {
        self.kept().value.take()
    }

    /// What front ends are asked to do when they have the reply.
    pub(crate) fn take_payload(&self) -> Vec<Value> {
        std::mem::take(&mut self.kept().payload)
    }

    /// Keeps what is wanted of a value. Whether the value is to be published.
    pub(super) fn take_note(&self, data: &MimeBundle, metadata: &Map<String, Value>) -> bool {
        self.kept().value = match self.wants {
            Wants::Text => data.get("text/plain").cloned(),
            Wants::All => Some(json!({ "data": data, "metadata": metadata })),
        };
        self.wants == Wants::Text
    }

    pub(super) fn add_payload(&self, payload: Value) {
        self.kept().payload.push(payload);
    }

    /// Adds to the page, since front ends show only one.
    pub(super) fn add_page(&self, plain: &str, markdown: &str) {
        let mut kept = self.kept();
        let is_page = |payload: &&mut Value| payload["source"] == "page";
        match kept.payload.iter_mut().find(is_page) {
            Some(page) => {
                for (mime_type, text) in [("text/plain", plain), ("text/markdown", markdown)] {
                    let so_far = page["data"][mime_type].as_str().unwrap_or_default();
                    page["data"][mime_type] = format!("{so_far}\n\n{text}").into();
                }
            }
            None => {
                let data = json!({ "text/plain": plain, "text/markdown": markdown });
                kept.payload.push(json!({ "source": "page", "data": data, "start": 0 }));
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
