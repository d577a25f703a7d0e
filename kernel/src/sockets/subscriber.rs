//! The connections of iopub's subscribers: accepts them, reads what they want, writes what they
//! get. Each has a reader and a writer of its own, so none is waited for.
//! Spawned by `sockets::iopub`, which gets `Event`s.

use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::backlog::Backlog;
use super::listener::Listener;
use super::zmtp::{self, Change};

/// A peer that does not finish its greeting by then is no subscriber.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);

/// Tells subscribers apart.
pub(super) type Id = u64;

/// What happens on the connections.
#[derive(Debug)]
pub(super) enum Event {
    Joined(Id, Rc<Backlog>),
    Changed(Id, Change),
    Left(Id),
}

type Reader = BufReader<Box<dyn AsyncRead + Unpin>>;
type Writer = Box<dyn AsyncWrite + Unpin>;

/// Accepts subscribers for as long as the kernel runs.
pub(super) async fn accept(listener: Listener, events: UnboundedSender<Event>) {
    let accepted = match listener {
        Listener::Tcp(listener) => accept_tcp(listener, &events).await,
        Listener::Ipc(listener) => accept_ipc(listener, &events).await,
    };
    if let Err(error) = accepted {
        tracing::error!("iopub cannot accept subscribers: {error}");
    }
}

async fn accept_tcp(listener: std::net::TcpListener, events: &UnboundedSender<Event>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    for id in 0.. {
        let (stream, _) = accept_one(|| listener.accept()).await;
        // Without it, small messages wait for the acknowledgment of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("a subscriber gets its messages late: {error}");
        }
        let (reader, writer) = stream.into_split();
        spawn_local(serve(id, Box::new(reader), Box::new(writer), events.clone()));
    }
    Ok(())
}

async fn accept_ipc(listener: std::os::unix::net::UnixListener, events: &UnboundedSender<Event>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    for id in 0.. {
        let (stream, _) = accept_one(|| listener.accept()).await;
        let (reader, writer) = stream.into_split();
        spawn_local(serve(id, Box::new(reader), Box::new(writer), events.clone()));
    }
    Ok(())
}

/// Accepts a connection, however long it takes. Errors are those of one connection, or of too
/// many open files, which pass.
async fn accept_one<T, F: Future<Output = io::Result<T>>>(accept: impl Fn() -> F) -> T {
    loop {
        match accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!("a subscriber could not connect: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves one connection from its greeting to its end.
async fn serve(id: Id, reader: Box<dyn AsyncRead + Unpin>, mut writer: Writer, events: UnboundedSender<Event>) {
    let mut reader = BufReader::new(reader);
    match timeout(HANDSHAKE_LIMIT, handshake(&mut reader, &mut writer)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return tracing::debug!("not a subscriber: {error}"),
        Err(_) => return tracing::debug!("not a subscriber: it did not greet in time"),
    }
    let backlog = Rc::<Backlog>::default();
    // Errors of `send` mean that the kernel is ending.
    let _ = events.send(Event::Joined(id, Rc::clone(&backlog)));
    let ended = tokio::select! {
        ended = read(id, reader, &events) => ended,
        ended = write(writer, &backlog) => ended,
        // Also while the writer waits for a peer that does not read.
        () = backlog.closed() => Ok(()),
    };
    backlog.close();
    match ended {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => tracing::debug!("a subscriber is gone: {error}"),
        _ => tracing::debug!("a subscriber has left"),
    }
    let _ = events.send(Event::Left(id));
}

async fn handshake(reader: &mut Reader, writer: &mut Writer) -> io::Result<()> {
    writer.write_all(&zmtp::GREETING).await?;
    let mut greeting = [0; 64];
    reader.read_exact(&mut greeting).await?;
    zmtp::check_greeting(&greeting)?;
    writer.write_all(&zmtp::ready()).await?;
    zmtp::check_ready(&zmtp::read_frame(reader).await?)
}

async fn read(id: Id, mut reader: Reader, events: &UnboundedSender<Event>) -> io::Result<()> {
    loop {
        let frame = zmtp::read_frame(&mut reader).await?;
        if let Some(change) = zmtp::change(&frame) {
            let _ = events.send(Event::Changed(id, change));
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
        backlog.written(batch.iter().map(bytes::Bytes::len).sum());
    }
}
