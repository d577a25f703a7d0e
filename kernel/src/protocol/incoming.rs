//! One request as it came in: who sent it, its header for the answers, and what it asks.
//! Made by `protocol::wire`, consumed by `dispatch`.

use bytes::Bytes;

use super::header::{Header, Parent};
use super::request::Request;
use super::wire::{Parts, WireError};

/// A request with everything that answers to it need.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// Leads the reply back to the client.
    pub(crate) identities: Vec<Bytes>,
    /// The bytes of its header: the parent header of every answer.
    pub(crate) parent: Bytes,
    /// The id of the message that it answers, if it says so.
    pub(crate) about: Option<String>,
    pub(crate) msg_type: String,
    /// The subshell that it is for, if not the main shell.
    pub(crate) subshell: Option<String>,
    pub(crate) metadata: Bytes,
    pub(crate) buffers: Vec<Bytes>,
    /// An error when a field of the content has the wrong type: the client still gets a reply.
    pub(crate) request: Result<Request, serde_json::Error>,
}

impl Incoming {
    /// Gives authenticated frames a meaning. Only an unusable header is an error, because
    /// without one there is nobody to answer.
    pub(crate) fn interpret(parts: Parts) -> Result<Self, WireError> {
        let header: Header = serde_json::from_slice(&parts.header).map_err(WireError::Header)?;
        // Hardly any message has a parent, and a strange one is no reason to drop it.
        let parent: Parent = serde_json::from_slice(&parts.parent).unwrap_or_default();
        Ok(Self {
            about: parent.msg_id,
            identities: parts.identities,
            parent: parts.header,
            request: Request::parse(&header.msg_type, &parts.content),
            msg_type: header.msg_type,
            subshell: header.subshell_id,
            metadata: parts.metadata,
            buffers: parts.buffers,
        })
    }

    /// The type of the reply, or `None` for messages that get none (such as `comm_open`).
    pub(crate) fn reply_type(&self) -> Option<String> {
        let name = self.msg_type.strip_suffix("_request")?;
        Some(format!("{name}_reply"))
    }
}
