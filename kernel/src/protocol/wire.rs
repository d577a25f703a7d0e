//! The layout of messages on the wire: takes the frames of a message apart and puts them
//! together. Called by `dispatch` and `sockets::iopub`.
//!
//! ```text
//! identities… | <IDS|MSG> | signature | header | parent_header | metadata | content | buffers…
//! ```
//!
//! Invariant: buffers are not part of the signature; a message with buffers is as good as one
//! without.

use std::cell::RefCell;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::header::Headers;
use super::incoming::Incoming;
use super::replay::Seen;
use super::signature::Signer;

/// Ends the list of identities.
const DELIMITER: &[u8] = b"<IDS|MSG>";

/// A JSON object without members, as bytes.
pub(crate) const EMPTY_OBJECT: Bytes = Bytes::from_static(b"{}");

/// Encodes and decodes all messages of one connection.
#[derive(Debug)]
pub(crate) struct Wire {
    signer: Signer,
    headers: Headers,
    seen: RefCell<Seen>,
}

/// The frames of an incoming message, taken apart and authenticated but not interpreted.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) identities: Vec<Bytes>,
    pub(crate) header: Bytes,
    pub(crate) parent: Bytes,
    pub(crate) metadata: Bytes,
    pub(crate) content: Bytes,
    pub(crate) buffers: Vec<Bytes>,
}

/// A message to be encoded.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    /// ROUTER identities of the client, or the topic on iopub.
    pub(crate) prefix: &'a [Bytes],
    pub(crate) msg_type: &'a str,
    /// The bytes of the request's header.
    pub(crate) parent: &'a Bytes,
    pub(crate) metadata: &'a Value,
    pub(crate) content: &'a Value,
    pub(crate) buffers: &'a [Bytes],
}

/// Why an incoming message was dropped.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    #[error("there is no `<IDS|MSG>` frame among its {frames} frames")]
    NoDelimiter { frames: usize },
    #[error("only {found} of the 5 frames after `<IDS|MSG>` are there")]
    Truncated { found: usize },
    #[error("its signature is not valid (does the client use the key of another kernel?)")]
    BadSignature,
    #[error("its signature has been used before")]
    Replayed,
    #[error("its header is not valid: {0}")]
    Header(serde_json::Error),
}

impl Wire {
    pub(crate) fn new(key: &str) -> Self {
        Self { signer: Signer::new(key), headers: Headers::new(), seen: RefCell::default() }
    }

    /// The id of this run of the kernel.
    pub(crate) fn session(&self) -> &str {
        self.headers.session()
    }

    /// Reads one message from its frames.
    pub(crate) fn decode(&self, frames: Vec<Bytes>) -> Result<Incoming, WireError> {
        Incoming::interpret(self.authenticate(frames)?)
    }

    fn authenticate(&self, mut frames: Vec<Bytes>) -> Result<Parts, WireError> {
        let delimiter = frames
            .iter()
            .position(|frame| frame == DELIMITER)
            .ok_or(WireError::NoDelimiter { frames: frames.len() })?;
        let body = frames.split_off(delimiter + 1);
        frames.truncate(delimiter);
        let [signature, header, parent, metadata, content, buffers @ ..] = &body[..] else {
            return Err(WireError::Truncated { found: body.len() });
        };
        let digest =
            self.signer.verify(signature, [header, parent, metadata, content]).map_err(|_| WireError::BadSignature)?;
        // Only valid signatures are remembered, or anybody could fill the memory with junk.
        if let Some(digest) = digest
            && !self.seen.borrow_mut().insert(digest)
        {
            return Err(WireError::Replayed);
        }
        Ok(Parts {
            identities: frames,
            header: header.clone(),
            parent: parent.clone(),
            metadata: metadata.clone(),
            content: content.clone(),
            buffers: buffers.to_vec(),
        })
    }

    /// Makes the frames of one message, with a new header.
    pub(crate) fn encode(&self, message: &Outgoing<'_>) -> Vec<Bytes> {
        self.encode_with_id(message).1
    }

    /// As `encode`, with the message's id.
    pub(crate) fn encode_with_id(&self, message: &Outgoing<'_>) -> (String, Vec<Bytes>) {
        let header = self.headers.next(message.msg_type);
        let id = header.msg_id.clone();
        let header = json(&header);
        let metadata = json(message.metadata);
        let content = json(message.content);
        let signature = self.signer.sign([&header, message.parent, &metadata, &content]);
        let mut frames = message.prefix.to_vec();
        frames.extend([Bytes::from_static(DELIMITER), signature, header, message.parent.clone(), metadata, content]);
        frames.extend_from_slice(message.buffers);
        (id, frames)
    }
}

fn json(value: &impl Serialize) -> Bytes {
    // Our values have string keys only and no custom serializer, so this cannot fail; an empty
    // object would at least be readable.
    serde_json::to_vec(value).map_or(EMPTY_OBJECT, Bytes::from)
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
