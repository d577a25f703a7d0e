//! The connections of all sockets, from when they are accepted until the peer has said what it is. Used by `sockets::router`
//! and `sockets::subscriber`, which serve the peers.
//!
//! Invariant: whoever can reach a port can send anything, so nothing is believed: lengths are limited, memory is taken only
//! for what has come, and a peer that does not greet in time is dropped, or earlier if many others want to greet.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::backlog::Backlog;
use super::curve::{self, Opener, Sealer, ServerKey, Welcomed};
use super::listener::Listener;
use super::zmtp::{self, Frame, Mechanism, SocketType};

/// A peer that does not finish its greeting by then is no peer.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
/// Of so many that have not finished it, the one that has taken longest goes when another comes. A kernel must not run out
/// of descriptors because somebody looks for open ports.
const MOST_GREETING: usize = 64;

type Source = BufReader<Box<dyn AsyncRead + Unpin>>;
type Sink = Box<dyn AsyncWrite + Unpin>;

/// Where frames of a peer come from.
pub(super) struct Reader {
    source: Source,
    opener: Option<Opener>,
}

/// Where messages for a peer go.
struct Writer {
    sink: Sink,
    sealer: Option<Sealer>,
}

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

/// Who serves, and how connections are protected.
struct Server<S> {
    key: Option<ServerKey>,
    server: S,
    /// Each who greets may go on until this is dropped.
    greeting: RefCell<VecDeque<oneshot::Sender<()>>>,
}

impl<S> Server<S> {
    /// Admits a peer to the greeting. The future resolves if others need its place.
    fn admit(&self) -> oneshot::Receiver<()> {
        let (place, lost) = oneshot::channel();
        let mut greeting = self.greeting.borrow_mut();
        greeting.retain(|place| !place.is_closed());
        if greeting.len() == MOST_GREETING {
            greeting.pop_front();
        }
        greeting.push_back(place);
        lost
    }
}

/// Accepts connections for as long as the kernel runs.
/// Each peer has to encrypt if there is a `key`.
pub(super) async fn accept<S: Serve>(listener: Listener, key: Option<ServerKey>, server: S) {
    let server = Rc::new(Server { key, server, greeting: RefCell::default() });
    let accepted = match listener {
        Listener::Tcp(listener) => accept_tcp(listener, &server).await,
        Listener::Ipc(listener) => accept_ipc(listener, &server).await,
    };
    if let Err(error) = accepted {
        tracing::error!("a {} socket cannot accept connections: {error}", S::SOCKET.name());
    }
}

async fn accept_tcp<S: Serve>(listener: std::net::TcpListener, server: &Rc<Server<S>>) -> io::Result<()> {
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

async fn accept_ipc<S: Serve>(listener: std::os::unix::net::UnixListener, server: &Rc<Server<S>>) -> io::Result<()> {
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

async fn greet<S: Serve>(server: Rc<Server<S>>, source: Box<dyn AsyncRead + Unpin>, sink: Sink) {
    let handshake = handshake(S::SOCKET, server.key.as_ref(), BufReader::new(source), sink);
    let greeted = tokio::select! {
        greeted = timeout(HANDSHAKE_LIMIT, handshake) => greeted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        _ = server.admit() => Err(zmtp::invalid("others have taken its place")),
    };
    match greeted {
        Ok(peer) => server.server.serve(peer).await,
        Err(error) => tracing::debug!("not a peer of a {} socket: {error}", S::SOCKET.name()),
    }
}

/// Greets, and encrypts the connection if there is a key.
async fn handshake(
    socket: SocketType,
    key: Option<&ServerKey>,
    mut source: Source,
    mut sink: Sink,
) -> io::Result<Peer> {
    let mechanism = if key.is_some() { Mechanism::Curve } else { Mechanism::Null };
    sink.write_all(&zmtp::greeting(mechanism)).await?;
    let mut greeting = [0; 64];
    source.read_exact(&mut greeting).await?;
    zmtp::check_greeting(mechanism, &greeting)?;
    let Some(key) = key else {
        sink.write_all(&zmtp::ready(socket)).await?;
        let identity = zmtp::check_ready(socket, &zmtp::read_frame(&mut source, zmtp::LONGEST_COMMAND).await?)?;
        let (reader, writer) = (Reader { source, opener: None }, Writer { sink, sealer: None });
        return Ok(Peer { identity, reader, writer });
    };
    let (welcomed, welcome) = Welcomed::new(key, &zmtp::read_frame(&mut source, zmtp::LONGEST_COMMAND).await?)?;
    sink.write_all(&zmtp::command(&welcome)).await?;
    let initiate = zmtp::read_frame(&mut source, zmtp::LONGEST_COMMAND).await?;
    let (metadata, opener, mut sealer) = welcomed.initiate(&initiate)?;
    let identity = zmtp::check_properties(socket, &metadata)?;
    sink.write_all(&zmtp::command(&sealer.ready(&zmtp::properties(socket))?)).await?;
    let (reader, writer) = (Reader { source, opener: Some(opener) }, Writer { sink, sealer: Some(sealer) });
    Ok(Peer { identity, reader, writer })
}

impl Reader {
    /// The next frame, of at most `longest` bytes. Not cancel safe.
    pub(super) async fn frame(&mut self, longest: u64) -> io::Result<Frame> {
        match &mut self.opener {
            None => zmtp::read_frame(&mut self.source, longest).await,
            Some(opener) => opener.open(&zmtp::read_frame(&mut self.source, longest + curve::OVERHEAD).await?),
        }
    }
}

impl Writer {
    /// Writes whole messages.
    async fn write(&mut self, messages: &[u8]) -> io::Result<()> {
        match &mut self.sealer {
            None => self.sink.write_all(messages).await,
            Some(sealer) => self.sink.write_all(&sealer.seal(messages)?).await,
        }
    }
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
            writer.write(message).await?;
        } else {
            writer.write(&batch.concat()).await?;
        }
        backlog.written(batch.iter().map(Bytes::len).sum());
    }
}
