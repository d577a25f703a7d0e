//! The socket on which all clients see what happens in the kernel. One task owns it.
//! Spawned by `kernel`, fed through the queue of `publish::Outbox`.
//!
//! Invariants:
//! 1. Messages leave in the order of the queue; none is merged or dropped here. (zeromq drops
//!    messages of a subscriber that is 100,000 behind.)
//! 2. No subscriber is waited for: zeromq has a queue and a writer for each.

use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedReceiver;
use zeromq::{PubSocket, SocketSend, ZmqMessage};

use super::in_flight::InFlight;
use crate::protocol::wire::{Outgoing, Wire};
use crate::publish::{Message, ToIopub};

/// A bound PUB socket.
pub(crate) struct Iopub {
    socket: PubSocket,
    unsent: InFlight,
}

impl Iopub {
    pub(super) fn new(socket: PubSocket, unsent: InFlight) -> Self {
        Self { socket, unsent }
    }

    /// Sends what comes through `queue`, until all its senders are gone.
    pub(crate) async fn run(mut self, wire: Rc<Wire>, mut queue: UnboundedReceiver<ToIopub>) {
        while let Some(item) = queue.recv().await {
            match item {
                ToIopub::Message(message) => self.send(encode(&wire, &message)).await,
                // Nobody waiting any more is fine.
                ToIopub::Flush(done) => drop(done.send(())),
            }
        }
    }

    async fn send(&mut self, mut frames: Vec<Bytes>) {
        self.unsent.track(&mut frames);
        let Ok(message) = ZmqMessage::try_from(frames) else {
            return;
        };
        if let Err(error) = self.socket.send(message).await {
            tracing::warn!("a message on the iopub socket was not sent: {error}");
        }
    }
}

fn encode(wire: &Wire, message: &Message) -> Vec<Bytes> {
    wire.encode(&Outgoing {
        prefix: &[topic(wire, message)],
        msg_type: message.msg_type,
        parent: &message.parent,
        metadata: &message.metadata,
        content: &message.content,
    })
}

/// What subscribers can filter by: `stream.stdout`, else `kernel.SESSION.TYPE`.
fn topic(wire: &Wire, message: &Message) -> Bytes {
    let topic = match message.content["name"].as_str() {
        Some(name) if message.msg_type == "stream" => format!("stream.{name}"),
        _ => format!("kernel.{}.{}", wire.session(), message.msg_type),
    };
    Bytes::from(topic)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::wire::EMPTY_OBJECT;

    #[test]
    fn topics_name_the_stream_or_the_type() {
        let wire = Wire::new("");
        let message = |msg_type, content| Message { parent: EMPTY_OBJECT, msg_type, metadata: json!({}), content };
        let stream = message("stream", json!({"name": "stdout", "text": ""}));
        assert_eq!(topic(&wire, &stream), "stream.stdout");
        let status = message("status", json!({"execution_state": "idle"}));
        let expected = format!("kernel.{}.status", wire.session());
        assert_eq!(topic(&wire, &status), expected);
    }
}
