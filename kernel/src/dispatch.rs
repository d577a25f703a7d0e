//! Takes requests from the shell and control sockets to their handlers, and the replies back.
//! Run by `kernel`: `receive` once per socket, `serve_shell` and `serve_control` once each.
//!
//! Invariants:
//! 1. Each request is answered in `Channel::respond`: busy, handler, reply, idle; also when the
//!    handler panics.
//! 2. Requests of one socket are answered in order. Control never waits for a cell.
//! 3. No message ends a loop.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::engine::Engine;
use crate::error::{ErrorReport, catch_panic};
use crate::handlers::execute::Cells;
use crate::handlers::{self, Context};
use crate::protocol::incoming::Incoming;
use crate::protocol::request::Request;
use crate::protocol::wire::{Outgoing, Wire};
use crate::publish::{Outbox, Publisher, Status};
use crate::sockets::router::{Receiver, Sender};

/// After a failure, how long nothing must have come for all that the client sent before to have arrived.
const QUIET: Duration = Duration::from_millis(5);

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
}

impl Channel {
    /// Answers requests on control until the kernel ends.
    pub(crate) async fn serve_control(mut self, mut requests: UnboundedReceiver<Incoming>) {
        let stop = self.context.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.requested() => return,
                Some(incoming) = requests.recv() => self.answer(&incoming).await,
            }
        }
    }

    /// Answers requests on shell until the kernel ends, then gives the engine back.
    pub(crate) async fn serve_shell(mut self, mut requests: UnboundedReceiver<Incoming>, engine: Engine) -> Engine {
        let stop = self.context.stop.clone();
        let mut cells = Cells::new(engine, self.context.interrupt.clone(), stop.clone());
        // How many of the next requests were sent before a cell failed.
        let mut stale = 0_usize;
        loop {
            let incoming = tokio::select! {
                biased;
                () = stop.requested() => return cells.into_engine().await,
                Some(incoming) = requests.recv() => incoming,
                () = cells.warm_up(), if !cells.is_warm() => continue,
            };
            let abort = stale > 0;
            stale = stale.saturating_sub(1);
            if let Ok(Request::Execute(request)) = &incoming.request {
                let publisher = self.publisher(&incoming);
                let handler = async {
                    if abort {
                        return Some(cells.aborted());
                    }
                    let done = cells.execute(request, &publisher).await;
                    // Before the reply: what a client sends after it has seen the reply is not to be aborted.
                    if done.failed && request.stop_on_error {
                        stale = queued(&requests).await;
                    }
                    Some(done.reply)
                };
                self.respond(&incoming, &publisher, handler).await;
            } else {
                self.answer(&incoming).await;
            }
        }
    }

    /// Answers a request that needs no engine.
    async fn answer(&mut self, incoming: &Incoming) {
        let publisher = self.publisher(incoming);
        let context = Rc::clone(&self.context);
        let handler = async { handlers::answer(incoming, &context, &publisher) };
        self.respond(incoming, &publisher, handler).await;
    }

    /// The one place where a request gets its statuses and its reply.
    async fn respond(
        &mut self,
        incoming: &Incoming,
        publisher: &Publisher,
        handler: impl Future<Output = Option<Value>>,
    ) {
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
            });
            self.replies.send(frames).await;
        }
        publisher.status(Status::Idle);
    }

    fn publisher(&self, incoming: &Incoming) -> Publisher {
        self.outbox.publisher(incoming.parent.clone())
    }
}

/// The number of requests that the client has sent so far and that are still to be answered.
///
/// The last of them may still be on their way through the socket and the tasks that read it, and nothing tells when
/// they have arrived: so this ends when nothing more has come for a moment.
async fn queued(requests: &UnboundedReceiver<Incoming>) -> usize {
    loop {
        let so_far = requests.len();
        tokio::time::sleep(QUIET).await;
        if requests.len() == so_far {
            return so_far;
        }
    }
}
