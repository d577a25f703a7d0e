//! `start_server`: a task for each client that connects.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;

use tokio::net::{TcpListener, UnixListener};

use super::transport::{of_tcp, of_unix};
use super::{Sink, Source, StreamReader, StreamWriter, ends};
use crate::error::{of_attempt, raise_cancelled};
use crate::event_loop::ensure_future;
use crate::state::what::What;
use crate::sync::Event;
use crate::task::Task;
use crate::task::awaiting::awaiting;

/// Makes a client's coroutine.
type Handler = Box<dyn Fn(StreamReader, StreamWriter) -> Pin<Box<dyn Future<Output = ()>>>>;

/// Listens at `port` of `host`, and starts a task with `handler` for each client that connects: Python's
/// `asyncio.start_server`, with the handler as an async closure. Port 0 lets the system choose one. The host `"0.0.0.0"`
/// stands for all of the machine's addresses.
///
/// The server works while its loop runs, in a task of its own, until [`Server::close`]. Cancel-safe.
///
/// # Errors
/// What the operating system says: the port is in use, and so on.
///
/// ```
/// use asyncio::{Server, open_connection, start_server};
///
/// asyncio::run(async {
///     let server: Server = start_server(async |mut reader, mut writer| {
///         while let Some(Ok(line)) = reader.next().await {
///             writer.write(line.to_uppercase().as_bytes());
///         }
///     }, "127.0.0.1", 0).await.unwrap();
///     assert!(server.is_serving());
///
///     let address = server.local_addr().unwrap();
///     let (mut reader, mut writer) = open_connection("127.0.0.1", address.port()).await.unwrap();
///     writer.write(b"hello\n");
///     writer.write_eof();
///     assert_eq!(reader.read_to_end().await.unwrap(), b"HELLO");
///
///     server.close();
///     server.wait_closed().await;
///     assert!(!server.is_serving());
/// });
/// ```
pub async fn start_server<H>(handler: H, host: &str, port: u16) -> io::Result<Server>
where
    H: AsyncFn(StreamReader, StreamWriter) + 'static,
{
    let listener = TcpListener::bind((host, port)).await;
    let listener = listener.map_err(|error| of_attempt(format_args!("cannot listen at {host}:{port}"), &error))?;
    Ok(Server::start(Listener::Tcp(listener), boxed(handler)))
}

/// Listens at the Unix socket `path`, which is created: Python's `asyncio.start_unix_server`. Otherwise as [`start_server`].
///
/// # Errors
/// As [`start_server`].
///
/// ```
/// use asyncio::{open_unix_connection, start_unix_server, timeout};
///
/// # let path = std::env::temp_dir().join(format!("asyncio-server-{}", std::process::id()));
/// # let socket = path.clone();
/// asyncio::run(async move {
///     let server = start_unix_server(async |_, _| (), &path).await.unwrap();
///     assert!(open_unix_connection(&path).await.is_ok());
///     assert!(timeout(0.001, server.serve_forever()).await.is_err());
/// });
/// # std::fs::remove_file(&socket).unwrap();
/// ```
pub async fn start_unix_server<H>(handler: H, path: impl AsRef<Path>) -> io::Result<Server>
where
    H: AsyncFn(StreamReader, StreamWriter) + 'static,
{
    let path = path.as_ref();
    let listener = UnixListener::bind(path)
        .map_err(|error| of_attempt(format_args!("cannot listen at `{}`", path.display()), &error))?;
    Ok(Server::start(Listener::Unix(listener), boxed(handler)))
}

fn boxed<H: AsyncFn(StreamReader, StreamWriter) + 'static>(handler: H) -> Handler {
    let handler = Rc::new(handler);
    Box::new(move |reader, writer| {
        let handler = Rc::clone(&handler);
        Box::pin(async move { handler(reader, writer).await })
    })
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    async fn accept(&self) -> io::Result<(Source, Sink)> {
        Ok(match self {
            Self::Tcp(listener) => of_tcp(listener.accept().await?.0),
            Self::Unix(listener) => of_unix(listener.accept().await?.0),
        })
    }
}

/// A server that listens: Python's `asyncio.Server`. Clones are the same server; dropping them leaves it serving.
#[derive(Clone)]
pub struct Server {
    state: Rc<State>,
}

struct State {
    address: Option<SocketAddr>,
    accepting: RefCell<Option<Task<()>>>,
    closed: Event,
}

impl Server {
    fn start(listener: Listener, handler: Handler) -> Self {
        let address = if let Listener::Tcp(listener) = &listener { listener.local_addr().ok() } else { None };
        let accepting = ensure_future(serve(listener, handler));
        accepting.set_name("server");
        Self { state: Rc::new(State { address, accepting: RefCell::new(Some(accepting)), closed: Event::new() }) }
    }

    /// Where a TCP server listens.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.state.address
    }

    /// Whether the server accepts connections.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.state.accepting.borrow().as_ref().is_some_and(|accepting| !accepting.done())
    }

    /// Stops listening; clients that are connected stay so.
    pub fn close(&self) {
        if let Some(accepting) = self.state.accepting.take() {
            accepting.cancel();
        }
        self.state.closed.set();
    }

    /// Waits until the server is closed. Cancel-safe.
    #[track_caller]
    pub fn wait_closed(&self) -> impl Future<Output = ()> {
        awaiting(What::Server, async move {
            self.state.closed.wait().await;
        })
    }

    /// Waits until the server is closed, and closes it when the waiting is cancelled or dropped.
    ///
    /// # Panics
    /// Raises [`CancelledError`](crate::CancelledError) when it was closed by somebody else, as in Python.
    #[track_caller]
    pub fn serve_forever(&self) -> impl Future<Output = ()> {
        awaiting(What::Server, async move {
            let _close = CloseOnDrop(self);
            self.wait_closed().await;
            raise_cancelled();
        })
    }
}

struct CloseOnDrop<'a>(&'a Server);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Server serving={} address={:?}>", self.is_serving(), self.state.address)
    }
}

/// Accepts clients until it is cancelled.
async fn serve(listener: Listener, handler: Handler) {
    loop {
        match listener.accept().await {
            Ok(halves) => {
                let (reader, writer) = ends(halves);
                drop(ensure_future(handler(reader, writer)));
            }
            // Out of descriptors, most likely: as Python, try again in a second.
            Err(error) if !is_of_one_client(&error) => crate::time::sleep(1).await,
            Err(_) => {}
        }
    }
}

/// Whether an error concerns only the client that was to be accepted.
fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
