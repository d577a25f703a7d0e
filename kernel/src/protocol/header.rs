//! The headers of Jupyter messages: reads those of requests, makes those of our own messages.
//! Called by `protocol::incoming` and `protocol::wire`.

use std::cell::Cell;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::PROTOCOL_VERSION;

/// What we read of a request's header; the rest of it is kept as bytes only.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Header {
    pub(crate) msg_type: String,
    /// The subshell that it is for, if not the main shell.
    #[serde(default)]
    pub(crate) subshell_id: Option<String>,
}

/// What we read of a parent header.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Parent {
    pub(crate) msg_id: Option<String>,
}

/// The header of a message that we send.
#[derive(Debug, Serialize)]
pub(crate) struct OwnHeader<'a> {
    pub(crate) msg_id: String,
    session: &'a str,
    username: &'static str,
    date: String,
    msg_type: &'a str,
    version: &'static str,
}

/// Makes headers with unique ids; one for the life of the kernel.
#[derive(Debug)]
pub(crate) struct Headers {
    session: String,
    sent: Cell<u64>,
}

impl Headers {
    pub(crate) fn new() -> Self {
        Self { session: Uuid::new_v4().to_string(), sent: Cell::new(0) }
    }

    /// The id of this run of the kernel, also part of the iopub topics.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// A header with a new id. Ids never repeat: clients drop a message whose signature they
    /// have already seen.
    pub(crate) fn next<'a>(&'a self, msg_type: &'a str) -> OwnHeader<'a> {
        let number = self.sent.get();
        self.sent.set(number + 1);
        OwnHeader {
            msg_id: format!("{}_{number}", self.session),
            session: &self.session,
            username: "boucle",
            date: date(Timestamp::now()),
            msg_type,
            version: PROTOCOL_VERSION,
        }
    }
}

/// ISO 8601 with exactly six decimals: jupyter_client leaves dates with nanoseconds unparsed.
fn date(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_microseconds() {
        let time = Timestamp::new(1_795_370_000, 123_456_789).expect("a valid time");
        assert_eq!(date(time), "2026-11-22T17:53:20.123456Z");
        let whole = Timestamp::new(1_795_370_000, 0).expect("a valid time");
        assert_eq!(date(whole), "2026-11-22T17:53:20.000000Z");
    }

    #[test]
    fn ids_differ() {
        let headers = Headers::new();
        assert_ne!(headers.next("status").msg_id, headers.next("status").msg_id);
    }
}
