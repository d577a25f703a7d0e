//! Answers questions about code that is not run: is it complete, what could follow, what is this.
//! Called by `handlers::answer`.

use serde_json::{Value, json};

use crate::engine::{IsComplete, is_complete as classify};
use crate::protocol::request::{Code, Cursor};

/// The content of an `is_complete_reply`; `indent` only where the protocol has it.
pub(super) fn is_complete(request: &Code) -> Value {
    match classify(&request.code) {
        IsComplete::Complete => json!({ "status": "complete" }),
        IsComplete::Incomplete { indent } => json!({ "status": "incomplete", "indent": indent }),
        IsComplete::Invalid => json!({ "status": "invalid" }),
    }
}

/// The content of a `complete_reply`: nothing to offer at the cursor, yet.
pub(super) fn complete(request: &Cursor) -> Value {
    let cursor = request.position();
    json!({
        "status": "ok",
        "matches": [],
        "cursor_start": cursor,
        "cursor_end": cursor,
        "metadata": {},
    })
}

/// The content of an `inspect_reply`: nothing found, yet.
pub(super) fn inspect() -> Value {
    json!({ "status": "ok", "found": false, "data": {}, "metadata": {} })
}
