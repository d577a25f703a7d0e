//! Asks the client of a cell for a line of text, over the stdin socket. Set up by `kernel`; `handlers::execute` makes an
//! [`Asker`] for a cell whose client allows it, and the worker's questions go through that.
//!
//! Invariants:
//! 1. A question goes to the client that has sent the cell, with the cell as its parent.
//! 2. Only one question is open at a time; what is typed when none is open answers nothing.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::{Mutex, oneshot};

use crate::protocol::incoming::Incoming;
use crate::protocol::request::Request;
use crate::protocol::wire::{Outgoing, Wire};
use crate::sockets::router::{Receiver, Router, Sender};

/// The stdin socket. Clones are the same.
#[derive(Clone)]
pub(crate) struct Stdin(Rc<Socket>);

struct Socket {
    wire: Rc<Wire>,
    sender: Sender,
    open: RefCell<Option<Open>>,
    turn: Mutex<()>,
}

/// A question that the user sees.
struct Open {
    identities: Vec<Bytes>,
    id: String,
    answer: oneshot::Sender<String>,
}

/// Asks the client that has sent a cell.
#[derive(Clone)]
pub(crate) struct Asker {
    stdin: Stdin,
    identities: Vec<Bytes>,
    parent: Bytes,
}

impl Stdin {
    /// Takes the socket over, and reads it until the kernel ends: so it also notices clients that leave.
    pub(crate) fn serve(router: Router, wire: Rc<Wire>) -> Self {
        let stdin =
            Self(Rc::new(Socket { wire, sender: router.sender, open: RefCell::default(), turn: Mutex::default() }));
        tokio::task::spawn_local(stdin.clone().listen(router.receiver));
        stdin
    }

    /// For a cell that has come as this request.
    pub(crate) fn asker(&self, incoming: &Incoming) -> Asker {
        Asker { stdin: self.clone(), identities: incoming.identities.clone(), parent: incoming.parent.clone() }
    }

    async fn listen(self, mut receiver: Receiver) {
        while let Some(frames) = receiver.next().await {
            match self.0.wire.decode(frames) {
                Ok(incoming) => self.take(incoming),
                Err(error) => tracing::warn!("dropped a message on stdin: {error}"),
            }
        }
    }

    fn take(&self, incoming: Incoming) {
        let Socket { wire, open, .. } = &*self.0;
        let Ok(Request::InputReply(reply)) = incoming.request else {
            return tracing::warn!("a `{}` on the stdin channel means nothing there", incoming.msg_type);
        };
        // Not all clients say which question they answer.
        let answers = |open: &mut Open| {
            let about = incoming.about.as_deref().filter(|id| id.starts_with(wire.session()));
            open.identities == incoming.identities && about.is_none_or(|id| id == open.id)
        };
        match open.borrow_mut().take_if(answers) {
            // Whoever has asked may have just given up.
            Some(open) => drop(open.answer.send(reply.value)),
            None => tracing::debug!("an `input_reply` to a question that is not asked any more"),
        }
    }
}

impl Asker {
    /// Asks, when all earlier questions have been answered, and returns what was typed. Dropping the future withdraws the
    /// question; its field stays until the front end removes it.
    pub(crate) async fn ask(&self, prompt: String, secret: bool) -> String {
        let Socket { wire, sender, open, turn } = &*self.stdin.0;
        let _turn = turn.lock().await;
        let (id, frames) = wire.encode_with_id(&Outgoing {
            prefix: &self.identities,
            msg_type: "input_request",
            parent: &self.parent,
            metadata: &json!({}),
            content: &json!({ "prompt": prompt, "password": secret }),
            buffers: &[],
        });
        let (answer, typed) = oneshot::channel();
        *open.borrow_mut() = Some(Open { identities: self.identities.clone(), id, answer });
        let _withdrawn = Withdraw(open);
        sender.send(&frames);
        // The sender is dropped only by who withdraws the question.
        typed.await.unwrap_or_default()
    }
}

/// Closes the open question when this is dropped.
struct Withdraw<'a>(&'a RefCell<Option<Open>>);

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        self.0.take();
    }
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").field("identities", &self.identities).finish_non_exhaustive()
    }
}
