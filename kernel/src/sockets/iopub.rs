//! The socket on which all clients see what happens in the kernel. One task owns it.
//! Spawned by `kernel`, fed through the queue of `publish::Outbox`.
//!
//! This is an XPUB of our own: no crate welcomes every subscriber, keeps a stuck one from
//! holding up the kernel, and never loses a status or a result, all at once.
//!
//! Invariants:
//! 1. Messages leave in the order of the queue; none is merged.
//! 2. No subscriber is waited for: each has its own backlog and writer.
//! 3. Only stream text is ever left out, for a subscriber that is far behind, and it is told so.
//!    One that is hopelessly behind is disconnected.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::spawn_local;

use super::backlog::Backlog;
use super::connection::accept;
use super::curve::ServerKey;
use super::in_flight::InFlight;
use super::listener::Listener;
use super::subscriber::{Event, Id, Reception};
use super::zmtp::{self, Change};
use crate::protocol::wire::{EMPTY_OBJECT, Outgoing, Wire};
use crate::publish::{Message, ToIopub};

/// A subscriber with more than this to read gets no stream text.
const FAR_BEHIND: usize = 64 << 20;
/// A subscriber with more than this to read is disconnected.
const HOPELESS: usize = 1 << 30;

/// A bound XPUB socket.
pub(crate) struct Iopub {
    listener: Listener,
    key: Option<ServerKey>,
    unsent: InFlight,
}

struct Subscriber {
    backlog: Rc<Backlog>,
    topics: Vec<Bytes>,
    /// Stream messages left out since the last notice, and the parent of the last of them.
    skipped: u64,
    skipped_parent: Bytes,
}

/// The subscribers and what is needed to write to them.
struct Subscribers {
    wire: Rc<Wire>,
    unsent: InFlight,
    all: BTreeMap<Id, Subscriber>,
}

impl Iopub {
    pub(super) fn new(listener: Listener, key: Option<ServerKey>, unsent: InFlight) -> Self {
        Self { listener, key, unsent }
    }

    /// Sends what comes through `queue`, until all its senders are gone.
    pub(crate) async fn run(self, wire: Rc<Wire>, mut queue: UnboundedReceiver<ToIopub>) {
        let (events, mut happened) = unbounded_channel();
        spawn_local(accept(self.listener, self.key, Reception::new(events)));
        let mut subscribers = Subscribers { wire, unsent: self.unsent, all: BTreeMap::new() };
        loop {
            // Subscriptions first: who has subscribed before a message should get it.
            let item = tokio::select! {
                biased;
                Some(event) = happened.recv() => {
                    subscribers.apply(event);
                    continue;
                }
                item = queue.recv() => item,
            };
            match item {
                Some(ToIopub::Message(message)) => subscribers.publish(&message),
                // Nobody waiting any more is fine.
                Some(ToIopub::Flush(done)) => drop(done.send(())),
                None => return,
            }
        }
    }
}

impl Subscribers {
    fn apply(&mut self, event: Event) {
        match event {
            Event::Joined(id, backlog) => {
                let subscriber = Subscriber { backlog, topics: Vec::new(), skipped: 0, skipped_parent: EMPTY_OBJECT };
                self.all.insert(id, subscriber);
            }
            Event::Left(id) => drop(self.all.remove(&id)),
            Event::Changed(id, Change::Subscribe(topic)) => self.subscribe(id, topic),
            Event::Changed(id, Change::Cancel(topic)) => {
                if let Some(subscriber) = self.all.get_mut(&id)
                    && let Some(index) = subscriber.topics.iter().position(|known| *known == topic)
                {
                    subscriber.topics.swap_remove(index);
                }
            }
        }
    }

    /// Welcomes the subscriber, so that it knows from when on it misses nothing.
    fn subscribe(&mut self, id: Id, topic: Bytes) {
        let Some(subscriber) = self.all.get_mut(&id) else {
            return;
        };
        subscriber.topics.push(topic.clone());
        if let Ok(subscription) = std::str::from_utf8(&topic) {
            let content = json!({ "subscription": subscription });
            let message = encode(&self.wire, topic.clone(), "iopub_welcome", &EMPTY_OBJECT, &content);
            subscriber.backlog.push(self.unsent.track(message));
        }
    }

    fn publish(&mut self, message: &Message) {
        let topic = topic(&self.wire, message);
        // Encoded even when nobody listens: ids and dates go on as if somebody did.
        let encoded = zmtp::encode(&self.wire.encode(&Outgoing {
            prefix: std::slice::from_ref(&topic),
            msg_type: message.msg_type,
            parent: &message.parent,
            metadata: &message.metadata,
            content: &message.content,
            buffers: &message.buffers,
        }));
        let encoded = self.unsent.track(encoded);
        let is_stream = message.msg_type == "stream";
        for subscriber in self.all.values_mut().filter(|subscriber| subscriber.wants(&topic)) {
            let behind = subscriber.backlog.bytes();
            if behind > HOPELESS {
                tracing::warn!("disconnected a subscriber that is {behind} bytes behind");
                subscriber.backlog.close();
            } else if is_stream && behind > FAR_BEHIND {
                subscriber.skipped += 1;
                subscriber.skipped_parent = message.parent.clone();
            } else {
                if let Some(notice) = subscriber.take_notice(&self.wire) {
                    subscriber.backlog.push(self.unsent.track(notice));
                }
                subscriber.backlog.push(encoded.clone());
            }
        }
    }
}

impl Subscriber {
    fn wants(&self, topic: &[u8]) -> bool {
        self.topics.iter().any(|prefix| topic.starts_with(prefix))
    }

    /// Says once what was left out, before anything else is sent.
    fn take_notice(&mut self, wire: &Wire) -> Option<Bytes> {
        let skipped = std::mem::take(&mut self.skipped);
        if skipped == 0 {
            return None;
        }
        let text = format!("[{skipped} pieces of output are missing here: they came faster than they were read]\n");
        let content = json!({ "name": "stderr", "text": text });
        Some(encode(wire, Bytes::from_static(b"stream.stderr"), "stream", &self.skipped_parent, &content))
    }
}

/// A message of the socket itself.
fn encode(wire: &Wire, topic: Bytes, msg_type: &str, parent: &Bytes, content: &Value) -> Bytes {
    let metadata = &json!({});
    zmtp::encode(&wire.encode(&Outgoing { prefix: &[topic], msg_type, parent, metadata, content, buffers: &[] }))
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
#[path = "iopub_tests.rs"]
mod tests;
