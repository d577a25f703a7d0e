//! What bytes come from and go to: sockets and pipes, all alike.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream, tcp, unix};

/// The end that is read.
pub(crate) enum Source {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
    Pipe(pipe::Receiver),
}

/// The end that is written.
pub(crate) enum Sink {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
    Pipe(pipe::Sender),
}

/// The two ends of a TCP connection.
pub(super) fn of_tcp(stream: TcpStream) -> (Source, Sink) {
    let (source, sink) = stream.into_split();
    (Source::Tcp(source), Sink::Tcp(sink))
}

/// The two ends of a connection by a Unix socket.
pub(super) fn of_unix(stream: UnixStream) -> (Source, Sink) {
    let (source, sink) = stream.into_split();
    (Source::Unix(source), Sink::Unix(sink))
}

impl Source {
    /// Reads what is there; 0 at the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(match self {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, &mut buffer),
            Self::Unix(half) => Pin::new(half).poll_read(cx, &mut buffer),
            Self::Pipe(pipe) => Pin::new(pipe).poll_read(cx, &mut buffer),
        })?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl Sink {
    /// Writes what can be written now.
    pub(super) fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write(data),
            Self::Unix(half) => half.try_write(data),
            Self::Pipe(pipe) => pipe.try_write(data),
        }
    }

    pub(super) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_write_ready(cx),
            Self::Unix(half) => half.as_ref().poll_write_ready(cx),
            Self::Pipe(pipe) => pipe.poll_write_ready(cx),
        }
    }

    /// Ends a socket: what we write, or both directions. Without effect on pipes, which end when they are dropped.
    pub(super) fn shut_down(&self, both: bool) {
        let descriptor: RawFd = match self {
            Self::Tcp(half) => half.as_ref().as_raw_fd(),
            Self::Unix(half) => half.as_ref().as_raw_fd(),
            Self::Pipe(_) => return,
        };
        // SAFETY: plain integers; the descriptor is open, being borrowed from its owner. It fails when the other side has
        // gone, which is as good.
        unsafe { libc::shutdown(descriptor, if both { libc::SHUT_RDWR } else { libc::SHUT_WR }) };
    }

    pub(super) fn is_pipe(&self) -> bool {
        matches!(self, Self::Pipe(_))
    }

    pub(super) fn peer(&self) -> Option<SocketAddr> {
        if let Self::Tcp(half) = self { half.peer_addr().ok() } else { None }
    }

    pub(super) fn local(&self) -> Option<SocketAddr> {
        if let Self::Tcp(half) = self { half.local_addr().ok() } else { None }
    }
}
