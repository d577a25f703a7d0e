//! Answers questions about code that is not run: is it complete, what could follow, what is this.
//! Called by `handlers::answer`.

use serde_json::{Value, json};

use crate::assist::{Assistant, Completion, Offer};
use crate::engine::{IsComplete, is_complete as classify};
use crate::protocol::request::{Code, Cursor, Inspect};

/// The content of an `is_complete_reply`; `indent` only where the protocol has it.
pub(super) fn is_complete(request: &Code) -> Value {
    match classify(&request.code) {
        IsComplete::Complete => json!({ "status": "complete" }),
        IsComplete::Incomplete { indent } => json!({ "status": "incomplete", "indent": indent }),
        IsComplete::Invalid => json!({ "status": "invalid" }),
    }
}

/// The content of a `complete_reply`.
pub(super) async fn complete(request: &Cursor, assistant: &Assistant) -> Value {
    let Completion { replaces, offers } = assistant.complete(&request.code, request.position()).await;
    let (start, end) = (request.count(replaces.start), request.count(replaces.end));
    let matches: Vec<&str> = offers.iter().map(|offer| offer.text.as_str()).collect();
    let types: Vec<Value> = offers
        .iter()
        .map(|Offer { text, kind, signature, .. }| {
            json!({ "start": start, "end": end, "text": text, "type": kind, "signature": signature })
        })
        .collect();
    json!({
        "status": "ok",
        "matches": matches,
        "cursor_start": start,
        "cursor_end": end,
        // JupyterLab and VS Code show these beside the matches.
        "metadata": { "_jupyter_types_experimental": types },
    })
}

/// The content of an `inspect_reply`.
pub(super) async fn inspect(request: &Inspect, assistant: &Assistant) -> Value {
    let Inspect { cursor, detail_level } = request;
    let help = assistant.inspect(&cursor.code, cursor.position(), *detail_level > 0).await;
    let data = match &help {
        Some(help) => json!({ "text/markdown": help.markdown, "text/plain": help.plain() }),
        None => json!({}),
    };
    json!({ "status": "ok", "found": help.is_some(), "data": data, "metadata": {} })
}
