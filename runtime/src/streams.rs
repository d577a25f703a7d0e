//! Connections: `open_connection`, `start_server`, over TCP and Unix sockets, and what one reads and writes at their ends.
//! Programs use them for the network; `subprocess` uses the same ends for pipes.

mod reader;
mod server;
mod transport;
mod writer;

use std::io;
use std::path::Path;

use tokio::net::{TcpStream, UnixStream};

use crate::error::of_attempt;
use crate::state::what::What;
use crate::task::awaiting::awaiting;

pub use reader::{IncompleteReadError, LimitOverrunError, ReadError, StreamReader};
pub use server::{Server, start_server, start_unix_server};
pub use writer::StreamWriter;

pub(crate) use transport::{Sink, Source};

/// Opens a TCP connection to `port` of `host`, a name or an address: Python's `asyncio.open_connection`. Cancel-safe.
///
/// # Errors
/// What the operating system says: the name is unknown, the connection was refused, and so on.
///
/// ```
/// use asyncio::{open_connection, start_server};
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// event_loop.run_until_complete(async {
///     let server = start_server(async |mut reader, mut writer| {
///         let line = reader.readline().await.unwrap();
///         writer.write(&line);
///     }, "127.0.0.1", 0).await.unwrap();
///     let port = server.local_addr().unwrap().port();
///
///     let (mut reader, mut writer) = open_connection("127.0.0.1", port).await.unwrap();
///     writer.write(b"hello\n");
///     assert_eq!(reader.readline().await.unwrap(), b"hello\n");
///     server.close();
/// });
/// ```
#[track_caller]
pub fn open_connection(host: &str, port: u16) -> impl Future<Output = io::Result<(StreamReader, StreamWriter)>> {
    awaiting(What::Connect, async move {
        let connected = TcpStream::connect((host, port)).await;
        let failed = |error| of_attempt(format_args!("cannot connect to {host}:{port}"), &error);
        Ok(ends(transport::of_tcp(connected.map_err(failed)?)))
    })
}

/// Opens a connection to the Unix socket at `path`: Python's `asyncio.open_unix_connection`. Cancel-safe.
///
/// # Errors
/// As [`open_connection`].
///
/// ```
/// use asyncio::{open_unix_connection, start_unix_server};
///
/// # let path = std::env::temp_dir().join(format!("asyncio-example-{}", std::process::id()));
/// # let socket = path.clone();
/// asyncio::run(async move {
///     let server = start_unix_server(async |_, mut writer| writer.write(b"welcome\n"), &path).await.unwrap();
///     let (mut reader, _writer) = open_unix_connection(&path).await.unwrap();
///     assert_eq!(reader.readline().await.unwrap(), b"welcome\n");
///     server.close();
/// });
/// # std::fs::remove_file(&socket).unwrap();
/// ```
#[track_caller]
pub fn open_unix_connection(path: impl AsRef<Path>) -> impl Future<Output = io::Result<(StreamReader, StreamWriter)>> {
    awaiting(What::Connect, async move {
        let path = path.as_ref();
        let failed = |error| of_attempt(format_args!("cannot connect to `{}`", path.display()), &error);
        Ok(ends(transport::of_unix(UnixStream::connect(path).await.map_err(failed)?)))
    })
}

/// The two ends of a connection.
fn ends((source, sink): (Source, Sink)) -> (StreamReader, StreamWriter) {
    (StreamReader::new(source), StreamWriter::new(sink))
}
