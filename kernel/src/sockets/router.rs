//! The sockets on which requests come in and replies go out: shell, control and stdin.
//! Made by `sockets::Sockets::bind`; `dispatch` reads from and sends to them.

use bytes::Bytes;
use zeromq::{RouterRecvHalf, RouterSendHalf, RouterSocket, SocketRecv, SocketSend, ZmqMessage};

use super::in_flight::InFlight;

/// A bound ROUTER socket.
pub(crate) struct Router {
    pub(crate) receiver: Receiver,
    pub(crate) sender: Sender,
}

/// Receives from all clients of a socket.
pub(crate) struct Receiver {
    name: &'static str,
    half: RouterRecvHalf,
}

/// Sends to the client whose identity is the first frame.
#[derive(Clone)]
pub(crate) struct Sender {
    name: &'static str,
    half: RouterSendHalf,
    unsent: InFlight,
}

impl Router {
    pub(super) fn new(name: &'static str, socket: RouterSocket, unsent: InFlight) -> Self {
        let (sender, receiver) = socket.split();
        Self { receiver: Receiver { name, half: receiver }, sender: Sender { name, half: sender, unsent } }
    }
}

impl Receiver {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The frames of the next message, the client's identity first. `None` when the socket is
    /// closed, which no client can bring about.
    pub(crate) async fn next(&mut self) -> Option<Vec<Bytes>> {
        match self.half.recv().await {
            Ok(message) => Some(message.into_vec()),
            Err(error) => {
                tracing::warn!("the {} socket is closed: {error}", self.name);
                None
            }
        }
    }
}

impl Sender {
    /// Queues a message. A client that has gone away is not an error for anybody else.
    pub(crate) async fn send(&mut self, mut frames: Vec<Bytes>) {
        if let Some(last) = frames.pop() {
            frames.push(self.unsent.track(last));
        }
        let Ok(message) = ZmqMessage::try_from(frames) else {
            return;
        };
        if let Err(error) = self.half.send(message).await {
            tracing::warn!("a message on the {} socket was not sent: {error}", self.name);
        }
    }
}
