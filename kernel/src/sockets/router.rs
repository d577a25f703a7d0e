//! The sockets on which requests come in and replies go out: shell, control, stdin and the heartbeat.
//! Made by `sockets::Sockets::bind`; `dispatch` and `stdin` read from and send to them.
//!
//! These are ROUTERs of our own. What made them necessary, and what they cost, stands in ARCHITECTURE.md.
//!
//! Invariants:
//! 1. Messages of one client come in its order, and leave in the order in which they were sent.
//! 2. Of the connections of an identity, the client is the one that was made or has spoken last: who comes back gets the
//!    replies to what was asked before, and a connection that is only left over takes none away.
//! 3. No client is waited for. One that is hopelessly behind is disconnected.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;

use super::backlog::Backlog;
use super::connection::{Peer, Reader, Serve, accept};
use super::curve::ServerKey;
use super::in_flight::InFlight;
use super::listener::Listener;
use super::zmtp::{self, SocketType};

/// The longest message, all its frames together.
const LONGEST_MESSAGE: u64 = 1 << 30;
/// What a frame costs besides its bytes, roughly, so that many empty ones are not free.
const FRAME_COST: u64 = 64;
/// A client with more than this to read is disconnected.
const HOPELESS: usize = 1 << 30;

/// A bound ROUTER socket.
pub(crate) struct Router {
    pub(crate) receiver: Receiver,
    pub(crate) sender: Sender,
}

/// Receives from all clients of a socket.
pub(crate) struct Receiver {
    name: &'static str,
    messages: UnboundedReceiver<Vec<Bytes>>,
}

/// Sends to the client whose identity is the first frame.
#[derive(Clone)]
pub(crate) struct Sender {
    name: &'static str,
    clients: Clients,
    unsent: InFlight,
}

/// What each client has still to get.
type Clients = Rc<RefCell<HashMap<Bytes, Rc<Backlog>>>>;

/// Takes in what clients send.
struct Reception {
    messages: UnboundedSender<Vec<Bytes>>,
    clients: Clients,
    /// How many clients came without an identity.
    anonymous: Cell<u32>,
}

impl Router {
    /// Accepts clients from now on. Within a `LocalSet`.
    pub(super) fn new(name: &'static str, listener: Listener, key: Option<ServerKey>, unsent: InFlight) -> Self {
        let (sender, messages) = unbounded_channel();
        let clients = Clients::default();
        let reception = Reception { messages: sender, clients: Rc::clone(&clients), anonymous: Cell::new(0) };
        spawn_local(accept(listener, key, reception));
        Self { receiver: Receiver { name, messages }, sender: Sender { name, clients, unsent } }
    }
}

impl Receiver {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The frames of the next message, the client's identity first. `None` when the socket is
    /// closed, which no client can bring about.
    pub(crate) async fn next(&mut self) -> Option<Vec<Bytes>> {
        self.messages.recv().await
    }
}

impl Sender {
    /// Queues a message. A client that has gone away is not an error for anybody else.
    pub(crate) fn send(&self, frames: &[Bytes]) {
        let Some((identity, frames)) = frames.split_first() else { return };
        let clients = self.clients.borrow();
        let Some(backlog) = clients.get(identity) else {
            return tracing::debug!("a message on the {} socket was not sent: its client has left", self.name);
        };
        if backlog.bytes() > HOPELESS {
            tracing::warn!("disconnected a client of the {} socket that does not read its replies", self.name);
            return backlog.close();
        }
        backlog.push(self.unsent.track(zmtp::encode(frames)));
    }
}

impl Reception {
    /// What to call a peer: as it wishes, or by a name that no peer can wish for.
    fn identity_of(&self, peer: &Peer) -> Bytes {
        match peer.identity.first() {
            Some(first) if *first != 0 => peer.identity.clone(),
            _ => {
                let number = self.anonymous.get();
                self.anonymous.set(number.wrapping_add(1));
                let mut identity = BytesMut::new();
                identity.put_u8(0);
                identity.put_u32(number);
                identity.freeze()
            }
        }
    }

    async fn read(&self, identity: &Bytes, backlog: &Rc<Backlog>, mut reader: Reader) -> io::Result<()> {
        loop {
            let message = read_message(identity, &mut reader).await?;
            self.clients.borrow_mut().insert(identity.clone(), Rc::clone(backlog));
            // An error means that the kernel is ending.
            let _ = self.messages.send(message);
        }
    }
}

/// The frames of one message, behind the identity of its sender. Commands are left out: they say that the peer is alive.
async fn read_message(identity: &Bytes, reader: &mut Reader) -> io::Result<Vec<Bytes>> {
    let mut frames = vec![identity.clone()];
    let mut left = LONGEST_MESSAGE;
    loop {
        let frame = reader.frame(left).await?;
        let cost = frame.body.len() as u64 + FRAME_COST;
        left = left.checked_sub(cost).ok_or_else(|| zmtp::invalid("the message is too long"))?;
        if !frame.is_command {
            frames.push(frame.body);
            if !frame.more {
                return Ok(frames);
            }
        }
    }
}

impl Serve for Reception {
    const SOCKET: SocketType = SocketType::Router;

    async fn serve(&self, peer: Peer) {
        let identity = self.identity_of(&peer);
        let backlog = Rc::<Backlog>::default();
        // An earlier connection of this identity is not closed: its peer would come back at once, and be the newest.
        // Jupyter's server leaves such connections open when a browser has come back.
        self.clients.borrow_mut().insert(identity.clone(), Rc::clone(&backlog));
        peer.attend(&backlog, async |reader| self.read(&identity, &backlog, reader).await).await;
        let mut clients = self.clients.borrow_mut();
        if clients.get(&identity).is_some_and(|known| Rc::ptr_eq(known, &backlog)) {
            clients.remove(&identity);
        }
    }
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
