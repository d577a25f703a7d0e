//! The subscribers of iopub: reads what they want. Each has a reader and a writer of its own, so none is waited for.
//! Used by `sockets::iopub`, which gets `Event`s.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use tokio::sync::mpsc::UnboundedSender;

use super::backlog::Backlog;
use super::connection::{Peer, Reader, Serve};
use super::zmtp::{self, Change, SocketType};

/// Subscribers send topics: more is not meant for us.
const LONGEST_FRAME: u64 = 1 << 20;

/// Tells subscribers apart.
pub(super) type Id = u64;

/// What happens on the connections.
#[derive(Debug)]
pub(super) enum Event {
    Joined(Id, Rc<Backlog>),
    Changed(Id, Change),
    Left(Id),
}

/// Tells iopub of the subscribers.
pub(super) struct Reception {
    events: UnboundedSender<Event>,
    next: Cell<Id>,
}

impl Reception {
    pub(super) fn new(events: UnboundedSender<Event>) -> Self {
        Self { events, next: Cell::new(0) }
    }

    fn tell(&self, event: Event) {
        // An error means that the kernel is ending.
        let _ = self.events.send(event);
    }

    async fn read(&self, id: Id, mut reader: Reader) -> io::Result<()> {
        loop {
            let frame = reader.frame(LONGEST_FRAME).await?;
            if let Some(change) = zmtp::change(&frame) {
                self.tell(Event::Changed(id, change));
            }
        }
    }
}

impl Serve for Reception {
    const SOCKET: SocketType = SocketType::Xpub;

    async fn serve(&self, peer: Peer) {
        let id = self.next.get();
        self.next.set(id + 1);
        let backlog = Rc::<Backlog>::default();
        self.tell(Event::Joined(id, Rc::clone(&backlog)));
        peer.attend(&backlog, async |reader| self.read(id, reader).await).await;
        self.tell(Event::Left(id));
    }
}
