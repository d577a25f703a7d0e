//! The five sockets of a Jupyter kernel. Bound by `kernel`, used by `dispatch`.
//!
//! Invariants:
//! 1. Only this folder knows ZeroMQ, as a crate or as bytes; elsewhere a message is a list of
//!    frames.
//! 2. Each socket has one owner, and nothing that a client sends ends a socket.

mod backlog;
pub(crate) mod heartbeat;
mod in_flight;
pub(crate) mod iopub;
mod listener;
pub(crate) mod router;
mod subscriber;
mod zmtp;

use zeromq::{RouterSocket, Socket};

use crate::protocol::connection::Connection;
use in_flight::InFlight;
use iopub::Iopub;
use listener::{Bound, IpcFiles};
use router::Router;

pub(crate) use listener::BindError;

/// All sockets, bound and accepting clients.
pub(crate) struct Sockets {
    pub(crate) shell: Router,
    pub(crate) control: Router,
    pub(crate) stdin: Router,
    pub(crate) heartbeat: Router,
    pub(crate) iopub: Iopub,
    /// What has been given to a socket but not yet to the operating system.
    pub(crate) unsent: InFlight,
    /// Removes the socket files of the `ipc` transport when dropped.
    pub(crate) files: IpcFiles,
}

impl Sockets {
    /// Binds all five. Clients can connect, and send, from then on.
    pub(crate) async fn bind(connection: &Connection) -> Result<Self, BindError> {
        let unsent = InFlight::default();
        let mut files = IpcFiles::default();
        let mut listen = |name, port| listener::listen(name, connection, port, &mut files);
        // In the order in which clients look for them: VS Code waits for shell and iopub.
        let shell = listen("shell", connection.shell_port)?;
        let iopub = listen("iopub", connection.iopub_port)?;
        let control = listen("control", connection.control_port)?;
        let stdin = listen("stdin", connection.stdin_port)?;
        let heartbeat = listen("heartbeat", connection.hb_port)?;
        Ok(Self {
            shell: router("shell", shell, &unsent).await?,
            control: router("control", control, &unsent).await?,
            stdin: router("stdin", stdin, &unsent).await?,
            heartbeat: router("heartbeat", heartbeat, &unsent).await?,
            iopub: Iopub::new(iopub.listener, unsent.clone()),
            unsent,
            files,
        })
    }
}

async fn router(name: &'static str, bound: Bound, unsent: &InFlight) -> Result<Router, BindError> {
    let Bound { listener, address } = bound;
    let mut socket = RouterSocket::new();
    match socket.bind_listener(listener).await {
        Ok(_) => Ok(Router::new(name, socket, unsent.clone())),
        Err(source) => Err(BindError::Socket { name, address, source }),
    }
}
