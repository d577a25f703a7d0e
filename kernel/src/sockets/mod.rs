//! The five sockets of a Jupyter kernel. Bound by `kernel`, used by `dispatch`.
//!
//! Invariants:
//! 1. Only this folder knows the `zeromq` crate; elsewhere a message is a list of frames.
//! 2. Each socket has one owner, and nothing that a client sends ends a socket.

pub(crate) mod heartbeat;
mod in_flight;
pub(crate) mod iopub;
mod listener;
pub(crate) mod router;

use zeromq::{PubSocket, RouterSocket, Socket};

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
        // The order is that in which clients look for them: VS Code waits for shell and iopub.
        let shell = bind::<RouterSocket>("shell", connection, connection.shell_port, &mut files);
        let shell = Router::new("shell", shell.await?, unsent.clone());
        let iopub = bind::<PubSocket>("iopub", connection, connection.iopub_port, &mut files);
        let iopub = Iopub::new(iopub.await?, unsent.clone());
        let control = bind::<RouterSocket>("control", connection, connection.control_port, &mut files);
        let control = Router::new("control", control.await?, unsent.clone());
        let stdin = bind::<RouterSocket>("stdin", connection, connection.stdin_port, &mut files);
        let stdin = Router::new("stdin", stdin.await?, unsent.clone());
        let heartbeat = bind::<RouterSocket>("heartbeat", connection, connection.hb_port, &mut files);
        let heartbeat = Router::new("heartbeat", heartbeat.await?, unsent.clone());
        Ok(Self { shell, control, stdin, heartbeat, iopub, unsent, files })
    }
}

async fn bind<S: Socket>(
    name: &'static str,
    connection: &Connection,
    port: u16,
    files: &mut IpcFiles,
) -> Result<S, BindError> {
    let Bound { listener, address } = listener::listen(name, connection, port, files)?;
    let mut socket = S::new();
    match socket.bind_listener(listener).await {
        Ok(_) => Ok(socket),
        Err(source) => Err(BindError::Socket { name, address, source }),
    }
}
