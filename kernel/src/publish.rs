//! Sends messages on iopub. The `Publisher` of a request is passed to whatever may have something
//! to show for it; it may outlive the request, so a thread's late output still finds its cell.
//! Called by `dispatch`, `handlers` and the engine; read by `sockets::iopub`.
//!
//! Invariants:
//! 1. All messages go through one queue, so they leave in the order in which they were published.
//! 2. Publishing never waits: the queue has no bound, and who reads it waits for no subscriber.

mod aside;

use std::sync::{Arc, Mutex, PoisonError};

use boucle_wire::{Buffer, CommEvent, CommKind};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::error::ErrorReport;
use crate::protocol::wire::EMPTY_OBJECT;
pub(crate) use aside::Aside;
use aside::Wants;

/// One value in several representations: MIME type → data.
pub(crate) type MimeBundle = Map<String, Value>;

/// What `sockets::iopub` is asked to do.
#[derive(Debug)]
pub(crate) enum ToIopub {
    Message(Message),
    /// Answered when all earlier messages have been handed to the socket.
    Flush(oneshot::Sender<()>),
}

/// A message for all subscribers.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The bytes of the header of the request that it belongs to.
    pub(crate) parent: Bytes,
    pub(crate) msg_type: &'static str,
    pub(crate) metadata: Value,
    pub(crate) content: Value,
    pub(crate) buffers: Vec<Bytes>,
}

/// The two streams of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamName {
    Stdout,
    Stderr,
}

/// What the kernel is doing, for the request that is the parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Published exactly once, without a parent.
    Starting,
    Busy,
    Idle,
}

/// Makes publishers; one for the life of the kernel.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    queue: mpsc::UnboundedSender<ToIopub>,
}

/// Publishes for one parent header.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    sink: Sink,
    parent: Bytes,
    /// For who wants to know what else there is.
    aside: Option<Aside>,
}

#[derive(Debug, Clone)]
enum Sink {
    Iopub(mpsc::UnboundedSender<ToIopub>),
    /// For unit tests: keeps the messages.
    #[cfg_attr(not(test), expect(dead_code, reason = "only made by unit tests"))]
    Collected(Arc<Mutex<Vec<Message>>>),
}

impl Outbox {
    /// An outbox, and the end from which iopub reads.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<ToIopub>) {
        let (queue, receiver) = mpsc::unbounded_channel();
        (Self { queue }, receiver)
    }

    /// A publisher whose messages carry `parent` as their parent header.
    pub(crate) fn publisher(&self, parent: Bytes) -> Publisher {
        Publisher { sink: Sink::Iopub(self.queue.clone()), parent, aside: None }
    }

    /// A publisher for what no request has asked for.
    pub(crate) fn without_parent(&self) -> Publisher {
        self.publisher(EMPTY_OBJECT)
    }
}

impl Publisher {
    /// The same publisher, which also keeps the plain text of the value that it publishes.
    pub(crate) fn noting(&self) -> (Publisher, Aside) {
        self.with_aside(Wants::Text)
    }

    /// The same publisher, which keeps the value instead of publishing it.
    pub(crate) fn keeping_value(&self) -> (Publisher, Aside) {
        self.with_aside(Wants::All)
    }

    fn with_aside(&self, wants: Wants) -> (Publisher, Aside) {
        let aside = Aside::new(wants);
        (Publisher { aside: Some(aside.clone()), ..self.clone() }, aside)
    }

    pub(crate) fn status(&self, status: Status) {
        let state = match status {
            Status::Starting => "starting",
            Status::Busy => "busy",
            Status::Idle => "idle",
        };
        self.publish("status", json!({ "execution_state": state }));
    }

    /// Shows the code of a cell to all clients. Published by the execute handler.
    pub(crate) fn execute_input(&self, code: &str, execution_count: u64) {
        self.publish("execute_input", json!({ "code": code, "execution_count": execution_count }));
    }

    /// Output of the process. The caller joins what was written in quick succession: clients
    /// stop reading above 1,000 messages a second.
    pub(crate) fn stream(&self, name: StreamName, text: String) {
        let name = match name {
            StreamName::Stdout => "stdout",
            StreamName::Stderr => "stderr",
        };
        self.publish("stream", json!({ "name": name, "text": text }));
    }

    /// The value of a cell.
    pub(crate) fn execute_result(&self, execution_count: u64, data: MimeBundle, metadata: Map<String, Value>) {
        if self.aside.as_ref().is_some_and(|aside| !aside.take_note(&data, &metadata)) {
            return;
        }
        let content = json!({ "execution_count": execution_count, "data": data, "metadata": metadata });
        self.publish("execute_result", content);
    }

    /// Something to show that is not the value of the cell. With a `display_id` it can be
    /// changed later.
    pub(crate) fn display_data(&self, data: MimeBundle, metadata: Map<String, Value>, display_id: Option<String>) {
        self.publish("display_data", display(data, metadata, display_id));
    }

    /// Another content for all that is displayed under this name.
    pub(crate) fn update_display_data(&self, data: MimeBundle, metadata: Map<String, Value>, display_id: String) {
        self.publish("update_display_data", display(data, metadata, Some(display_id)));
    }

    /// Removes the output of the cell; with `wait`, when there is something in its place.
    pub(crate) fn clear_output(&self, wait: bool) {
        self.publish("clear_output", json!({ "wait": wait }));
    }

    /// Shows a text in the front end's pager, or else among the output, once the cell has ended well.
    pub(crate) fn page(&self, plain: &str, markdown: &str) {
        self.add_to_reply(|aside| aside.add_page(plain, markdown));
    }

    /// Puts a text into the cell in the place of what was run, once that has ended well.
    pub(crate) fn set_next_input(&self, text: &str) {
        let payload = json!({ "source": "set_next_input", "text": text, "replace": true });
        self.add_to_reply(|aside| aside.add_payload(payload));
    }

    /// Asks the front end to end, once the cell has ended well; notebooks do not heed it.
    pub(crate) fn ask_exit(&self) {
        self.add_to_reply(|aside| aside.add_payload(json!({ "source": "ask_exit", "keepkernel": false })));
    }

    fn add_to_reply(&self, add: impl FnOnce(&Aside)) {
        // Without an aside, nobody makes a reply.
        if let Some(aside) = &self.aside {
            add(aside);
        }
    }

    /// The failure of a cell. Published by the execute handler, not by the engine.
    pub(crate) fn error(&self, report: &ErrorReport) {
        self.publish("error", Value::Object(report.fields()));
    }

    /// Tells all clients what happens to a comm on the kernel's side.
    pub(crate) fn comm(&self, event: CommEvent) {
        let CommEvent { id, kind, data, metadata, buffers } = event;
        let mut content = json!({ "comm_id": id, "data": data });
        let msg_type = match kind {
            CommKind::Open { target } => {
                content["target_name"] = target.into();
                "comm_open"
            }
            CommKind::Message => "comm_msg",
            CommKind::Close => "comm_close",
        };
        let buffers = buffers.into_iter().map(|Buffer(bytes)| bytes.into()).collect();
        self.send(Message { parent: self.parent.clone(), msg_type, metadata, content, buffers });
    }

    /// Tells all clients that a comm does not exist (any more).
    pub(crate) fn comm_close(&self, id: &str) {
        self.comm(CommEvent::close(id));
    }

    /// Tells all clients that the kernel is about to end.
    pub(crate) fn shutdown(&self, restart: bool) {
        self.publish("shutdown_reply", json!({ "status": "ok", "restart": restart }));
    }

    /// Resolves when everything published before, by anybody, was handed to the socket.
    pub(crate) async fn flush(&self) {
        if let Sink::Iopub(queue) = &self.sink {
            let (done, flushed) = oneshot::channel();
            if queue.send(ToIopub::Flush(done)).is_ok() {
                // An error means that iopub has ended: then there is nothing left to wait for.
                let _ = flushed.await;
            }
        }
    }

    fn publish(&self, msg_type: &'static str, content: Value) {
        let parent = self.parent.clone();
        self.send(Message { parent, msg_type, metadata: json!({}), content, buffers: Vec::new() });
    }

    fn send(&self, message: Message) {
        match &self.sink {
            // An error means that the kernel is ending and that nobody reads any more.
            Sink::Iopub(queue) => drop(queue.send(ToIopub::Message(message))),
            Sink::Collected(messages) => messages.lock().unwrap_or_else(PoisonError::into_inner).push(message),
        }
    }
}

fn display(data: MimeBundle, metadata: Map<String, Value>, display_id: Option<String>) -> Value {
    // `transient` must be an object even when it is empty: clients reject null.
    let transient = display_id.map_or_else(|| json!({}), |id| json!({ "display_id": id }));
    json!({ "data": data, "metadata": metadata, "transient": transient })
}

/// The messages of a `Publisher::for_tests()`.
#[cfg(test)]
#[derive(Debug, Clone)]
pub(crate) struct Published(Arc<Mutex<Vec<Message>>>);

#[cfg(test)]
impl Publisher {
    /// A publisher whose messages can be looked at.
    pub(crate) fn for_tests() -> (Self, Published) {
        let messages = Arc::default();
        let publisher = Self { sink: Sink::Collected(Arc::clone(&messages)), parent: EMPTY_OBJECT, aside: None };
        (publisher, Published(messages))
    }
}

#[cfg(test)]
impl Published {
    /// Takes the messages published since the last call: (message type, content).
    pub(crate) fn take(&self) -> Vec<(&'static str, Value)> {
        let messages = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        messages.into_iter().map(|message| (message.msg_type, message.content)).collect()
    }

    /// Takes all text of one stream.
    pub(crate) fn take_stream(&self, name: &str) -> String {
        self.take()
            .into_iter()
            .filter(|(msg_type, content)| *msg_type == "stream" && content["name"] == name)
            .filter_map(|(_, content)| content["text"].as_str().map(str::to_owned))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn contents_have_every_field_that_clients_insist_on() {
        let (publisher, published) = Publisher::for_tests();
        let data = || MimeBundle::from_iter([("text/plain".to_owned(), json!("2"))]);
        publisher.execute_result(1, data(), Map::new());
        publisher.display_data(data(), Map::new(), Some("d".to_owned()));
        publisher.update_display_data(data(), Map::new(), "d".to_owned());
        publisher.clear_output(true);
        publisher.stream(StreamName::Stderr, "x\n".to_owned());
        publisher.error(&ErrorReport::plain("E", "why"));
        let shown: Vec<String> =
            published.take().iter().map(|(msg_type, content)| format!("{msg_type} {content}")).collect();
        expect![[r#"
            execute_result {"data":{"text/plain":"2"},"execution_count":1,"metadata":{}}
            display_data {"data":{"text/plain":"2"},"metadata":{},"transient":{"display_id":"d"}}
            update_display_data {"data":{"text/plain":"2"},"metadata":{},"transient":{"display_id":"d"}}
            clear_output {"wait":true}
            stream {"name":"stderr","text":"x\n"}
            error {"ename":"E","evalue":"why","traceback":["E: why"]}"#]]
        .assert_eq(&shown.join("\n"));
        assert_eq!(published.take_stream("stderr"), "");
    }

    #[tokio::test]
    async fn flush_comes_after_what_was_published_before() {
        let (outbox, mut queue) = Outbox::new();
        let publisher = outbox.without_parent();
        publisher.status(Status::Busy);
        let reader = async {
            let first = queue.recv().await;
            assert!(matches!(first, Some(ToIopub::Message(_))));
            let Some(ToIopub::Flush(done)) = queue.recv().await else {
                panic!("the flush comes second");
            };
            done.send(()).expect("somebody waits");
        };
        tokio::join!(publisher.flush(), reader);
    }

    #[tokio::test]
    async fn flush_does_not_hang_when_iopub_is_gone() {
        let (outbox, queue) = Outbox::new();
        drop(queue);
        outbox.without_parent().flush().await;
    }
}
