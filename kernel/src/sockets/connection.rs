//! The connections of all sockets, from when they are accepted until the peer has said what it is. Used by `sockets::router`
//! and `sockets::subscriber`, which serve the peers.
//!
//! Invariant: whoever can reach a port can send anything, so nothing is believed: lengths are limited, memory is taken only
//! for what has come, and a peer that does not greet in time is dropped.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::backlog::Backlog;
use super::listener::Listener;
use super::zmtp::{self, SocketType};

/// A peer that does not finish its greeting by then is no peer.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);

/// Where frames of a peer come from.
pub(super) type Reader = BufReader<Box<dyn AsyncRead + Unpin>>;
type Writer = Box<dyn AsyncWrite + Unpin>;

/// A connection whose peer has greeted as it should.
pub(super) struct Peer {
    /// What the peer calls itself; empty if it does not care.
    pub(super) identity: Bytes,
    pub(super) reader: Reader,
    writer: Writer,
}

/// Serves the peers of a socket.
pub(super) trait Serve: 'static {
    /// What the socket is.
    const SOCKET: SocketType;

    /// Serves one connection to its end.
    async fn serve(&self, peer: Peer);
}

/// Accepts connections for as long as the kernel runs.
pub(super) async fn accept<S: Serve>(listener: Listener, server: S) {
    let server = Rc::new(server);
    let accepted = match listener {
        Listener::Tcp(listener) => accept_tcp(listener, &server).await,
        Listener::Ipc(listener) => accept_ipc(listener, &server).await,
    };
    if let Err(error) = accepted {
        tracing::error!("a {} socket cannot accept connections: {error}", S::SOCKET.name());
    }
}

async fn accept_tcp<S: Serve>(listener: std::net::TcpListener, server: &Rc<S>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = accept_one(|| listener.accept()).await;
        // Without it, small messages wait for the acknowledgment of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("a peer gets its messages late: {error}");
        }
        let (reader, writer) = stream.into_split();
        spawn_local(greet(Rc::clone(server), Box::new(reader), Box::new(writer)));
    }
}

async fn accept_ipc<S: Serve>(listener: std::os::unix::net::UnixListener, server: &Rc<S>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    loop {
        let (stream, _) = accept_one(|| listener.accept()).await;
        let (reader, writer) = stream.into_split();
        spawn_local(greet(Rc::clone(server), Box::new(reader), Box::new(writer)));
    }
}

/// Accepts a connection, however long it takes. Errors are those of one connection, or of too
/// many open files, which pass.
async fn accept_one<T, F: Future<Output = io::Result<T>>>(accept: impl Fn() -> F) -> T {
    loop {
        match accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!("a client could not connect: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn greet<S: Serve>(server: Rc<S>, reader: Box<dyn AsyncRead + Unpin>, mut writer: Writer) {
    let mut reader = BufReader::new(reader);
    match timeout(HANDSHAKE_LIMIT, handshake(S::SOCKET, &mut reader, &mut writer)).await {
        Ok(Ok(identity)) => server.serve(Peer { identity, reader, writer }).await,
        Ok(Err(error)) => tracing::debug!("not a peer of a {} socket: {error}", S::SOCKET.name()),
        Err(_) => tracing::debug!("not a peer of a {} socket: it did not greet in time", S::SOCKET.name()),
    }
}

/// Greets, and gives the identity of the peer.
async fn handshake(socket: SocketType, reader: &mut Reader, writer: &mut Writer) -> io::Result<Bytes> {
    writer.write_all(&zmtp::GREETING).await?;
    let mut greeting = [0; 64];
    reader.read_exact(&mut greeting).await?;
    zmtp::check_greeting(&greeting)?;
    writer.write_all(&zmtp::ready(socket)).await?;
    zmtp::check_ready(socket, &zmtp::read_frame(reader, zmtp::LONGEST_COMMAND).await?)
}

impl Peer {
    /// Reads from the peer and writes its backlog to it, until either ends or the backlog is closed.
    pub(super) async fn attend(self, backlog: &Backlog, read: impl AsyncFnOnce(Reader) -> io::Result<()>) {
        let Peer { reader, writer, .. } = self;
        let ended = tokio::select! {
            ended = read(reader) => ended,
            ended = write(writer, backlog) => ended,
            // Also while the writer waits for a peer that does not read.
            () = backlog.closed() => Ok(()),
        };
        backlog.close();
        match ended {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => tracing::debug!("a peer is gone: {error}"),
            _ => tracing::debug!("a peer has left"),
        }
    }
}

async fn write(mut writer: Writer, backlog: &Backlog) -> io::Result<()> {
    loop {
        let batch = backlog.next_batch().await;
        // The batch is kept until it is written: dropping it says that it was sent.
        if let [message] = &batch[..] {
            writer.write_all(message).await?;
        } else {
            writer.write_all(&batch.concat()).await?;
        }
        backlog.written(batch.iter().map(Bytes::len).sum());
    }
}
