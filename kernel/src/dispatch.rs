//! Takes requests from the shell and control sockets to their handlers, and the replies back.
//! Run by `kernel`: `receive` once per socket, `serve_control` and `shell::serve` once each.
//!
//! Invariants:
//! 1. Each request is answered in `Channel::respond`: busy, handler, reply, idle; also when the
//!    handler panics.
//! 2. Cells run in the order in which they were sent. Nothing else waits for a cell.
//! 3. While a cell runs, the last status that was published is `busy`.
//! 4. No message ends a loop.

pub(crate) mod shell;

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::error::{ErrorReport, catch_panic};
use crate::handlers::{self, Context};
use crate::protocol::incoming::Incoming;
use crate::protocol::request::Request;
use crate::protocol::wire::{Outgoing, Wire};
use crate::publish::{Outbox, Publisher, Status};
use crate::sockets::router::{Receiver, Sender};

/// Reads messages, also while an earlier one is being answered. What is not a valid message is
/// logged and dropped.
pub(crate) async fn receive(mut socket: Receiver, wire: Rc<Wire>, requests: UnboundedSender<Incoming>) {
    while let Some(frames) = socket.next().await {
        match wire.decode(frames) {
            // An error means that the kernel is ending.
            Ok(incoming) => drop(requests.send(incoming)),
            Err(error) => tracing::warn!("dropped a message on {}: {error}", socket.name()),
        }
    }
}

/// Answers the requests of one socket.
pub(crate) struct Channel {
    pub(crate) wire: Rc<Wire>,
    pub(crate) outbox: Outbox,
    pub(crate) replies: Sender,
    pub(crate) context: Rc<Context>,
    pub(crate) running: Running,
}

impl Channel {
    /// Answers requests on control until the kernel ends.
    pub(crate) async fn serve_control(self, mut requests: UnboundedReceiver<Incoming>) {
        let stop = self.context.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.requested() => return,
                Some(incoming) = requests.recv() => self.answer(&incoming).await,
            }
        }
    }

    /// Answers a request that needs no engine.
    async fn answer(&self, incoming: &Incoming) {
        let publisher = self.publisher(incoming);
        let handler = handlers::answer(incoming, &self.context, &publisher);
        self.respond(incoming, &publisher, handler).await;
    }

    /// The one place where a request gets its statuses and its reply.
    async fn respond(&self, incoming: &Incoming, publisher: &Publisher, handler: impl Future<Output = Option<Value>>) {
        let cell = matches!(incoming.request, Ok(Request::Execute(_))).then(|| self.running.begin());
        publisher.status(Status::Busy);
        let content =
            catch_panic(handler).await.unwrap_or_else(|message| Some(ErrorReport::of_panic(&message).reply()));
        if let (Some(content), Some(reply_type)) = (content, incoming.reply_type()) {
            let frames = self.wire.encode(&Outgoing {
                prefix: &incoming.identities,
                msg_type: &reply_type,
                parent: &incoming.parent,
                metadata: &json!({}),
                content: &content,
                buffers: &[],
            });
            self.replies.send(&frames);
        }
        drop(cell);
        publisher.status(Status::Idle);
        if self.running.any() {
            // Front ends show the last status that came, whichever request it belongs to.
            self.outbox.without_parent().status(Status::Busy);
        }
    }

    fn publisher(&self, incoming: &Incoming) -> Publisher {
        self.outbox.publisher(incoming.parent.clone())
    }
}

/// How many cells run, on all channels together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(Rc<Cell<usize>>);

/// One of the cells that run.
struct RunningCell(Running);

impl Running {
    fn begin(&self) -> RunningCell {
        self.0.set(self.0.get() + 1);
        RunningCell(self.clone())
    }

    fn any(&self) -> bool {
        self.0.get() > 0
    }
}

impl Drop for RunningCell {
    fn drop(&mut self) {
        let Running(count) = &self.0;
        count.set(count.get() - 1);
    }
}
