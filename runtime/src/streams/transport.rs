//! What bytes go through: sockets and pipes, all alike.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::task::{Context, Poll};

use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream};

/// An open connection or one end of a pipe.
pub(crate) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    PipeIn(pipe::Receiver),
    PipeOut(pipe::Sender),
}

fn wrong_end() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the other end of the pipe")
}

impl Transport {
    /// Reads what is there; 0 at the end.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let read = match self {
                Self::Tcp(stream) => stream.try_read(buffer),
                Self::Unix(stream) => stream.try_read(buffer),
                Self::PipeIn(pipe) => pipe.try_read(buffer),
                Self::PipeOut(_) => Err(wrong_end()),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => return Poll::Ready(read),
            }
            let ready = match self {
                Self::Tcp(stream) => stream.poll_read_ready(cx),
                Self::Unix(stream) => stream.poll_read_ready(cx),
                Self::PipeIn(pipe) => pipe.poll_read_ready(cx),
                Self::PipeOut(_) => Poll::Ready(Err(wrong_end())),
            };
            match ready {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {}
            }
        }
    }

    /// Writes what can be written now.
    pub(crate) fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(data),
            Self::Unix(stream) => stream.try_write(data),
            Self::PipeOut(pipe) => pipe.try_write(data),
            Self::PipeIn(_) => Err(wrong_end()),
        }
    }

    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
            Self::PipeOut(pipe) => pipe.poll_write_ready(cx),
            Self::PipeIn(_) => Poll::Ready(Err(wrong_end())),
        }
    }

    /// Ends a socket: what we write, or both directions. Without effect on pipes, which end when they are dropped.
    pub(crate) fn shut_down(&self, both: bool) {
        let descriptor: RawFd = match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
            Self::PipeIn(_) | Self::PipeOut(_) => return,
        };
        // SAFETY: plain integers; the descriptor is open, being borrowed from its owner. It fails when the other side has
        // gone, which is as good.
        unsafe { libc::shutdown(descriptor, if both { libc::SHUT_RDWR } else { libc::SHUT_WR }) };
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        if let Self::Tcp(stream) = self { stream.peer_addr().ok() } else { None }
    }

    pub(crate) fn local(&self) -> Option<SocketAddr> {
        if let Self::Tcp(stream) = self { stream.local_addr().ok() } else { None }
    }
}
