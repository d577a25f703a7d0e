//! Answers `history_request`s. Called by `handlers::answer`.

use serde_json::{Value, json};

use crate::history::{Access, Entry, History, Query};
use crate::protocol::request::{AccessType, History as Request};

/// As many lines as a tail has unless the client says otherwise; IPython's default, too.
const TAIL: u32 = 10;

/// The content of a `history_reply`. What a cell has shown comes with it only if the client wants it. `raw` makes no
/// difference: code is run as it was typed.
pub(super) async fn reply(request: &Request, history: &History) -> Value {
    let found = history.find(query(request)).await;
    let rows = found.into_iter().map(|Entry { session, line, source, output }| match request.output {
        // Strict clients want text also where nothing was shown.
        Some(true) => json!([session, line, [source, output.unwrap_or_default()]]),
        _ => json!([session, line, source]),
    });
    json!({ "status": "ok", "history": rows.collect::<Vec<_>>() })
}

fn query(request: &Request) -> Query {
    // A negative number of lines means all of them, as it does in IPython.
    let limit = request.n.map(|n| u32::try_from(n).ok());
    match request.hist_access_type {
        AccessType::Tail => Query { access: Access::Tail, limit: limit.unwrap_or(Some(TAIL)) },
        AccessType::Search => {
            let pattern = request.pattern.clone().unwrap_or_else(|| "*".to_owned());
            let access = Access::Search { pattern, unique: request.unique.unwrap_or(false) };
            Query { access, limit: limit.flatten() }
        }
        AccessType::Range => {
            let (session, start) = (request.session.unwrap_or(0), request.start.unwrap_or(0));
            Query { access: Access::Range { session, start, stop: request.stop }, limit: None }
        }
    }
}
