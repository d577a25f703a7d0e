//! Answers heartbeats: sends back what came in, so that clients know the process is alive.
//! Spawned by `kernel`.
//!
//! A ROUTER serves this better than a REP: it echoes the envelope with the bytes, serves any
//! number of clients, and no client can put it out of step.

use super::router::Router;

/// Echoes until the socket is closed.
pub(crate) async fn echo(mut socket: Router) {
    while let Some(frames) = socket.receiver.next().await {
        socket.sender.send(&frames);
    }
}
