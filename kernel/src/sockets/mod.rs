//! The five sockets of a Jupyter kernel. Bound by `kernel`, used by `dispatch`.
//!
//! Invariants:
//! 1. Only this folder knows ZeroMQ; elsewhere a message is a list of frames.
//! 2. Each socket has one owner, and nothing that a client sends ends a socket.

mod backlog;
mod connection;
pub(crate) mod curve;
pub(crate) mod heartbeat;
mod in_flight;
pub(crate) mod iopub;
mod listener;
pub(crate) mod router;
mod subscriber;
mod zmtp;

use crate::protocol::connection::Connection;
use in_flight::InFlight;
use iopub::Iopub;
use listener::IpcFiles;
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
    /// Binds all five. Clients can connect, and send, from then on. Within a `LocalSet`.
    pub(crate) fn bind(connection: &Connection) -> Result<Self, BindError> {
        let unsent = InFlight::default();
        let mut files = IpcFiles::default();
        let mut listen = |name, port| listener::listen(name, connection, port, &mut files);
        // In the order in which clients look for them: VS Code waits for shell and iopub.
        let shell = listen("shell", connection.shell_port)?;
        let iopub = listen("iopub", connection.iopub_port)?;
        let control = listen("control", connection.control_port)?;
        let stdin = listen("stdin", connection.stdin_port)?;
        let heartbeat = listen("heartbeat", connection.hb_port)?;
        let key = || connection.curve.clone();
        let router = |name, listener| Router::new(name, listener, key(), unsent.clone());
        Ok(Self {
            shell: router("shell", shell),
            control: router("control", control),
            stdin: router("stdin", stdin),
            heartbeat: router("heartbeat", heartbeat),
            iopub: Iopub::new(iopub, key(), unsent.clone()),
            unsent,
            files,
        })
    }
}
