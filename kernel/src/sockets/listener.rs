//! Opens the listeners behind the sockets, for TCP and for Unix sockets (`ipc`).
//! Called by `sockets::Sockets::bind`.
//!
//! Errors name the socket and the address; a restarted kernel finds the socket files of its predecessor.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::protocol::connection::{Connection, Transport};

/// Accepts connections.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Ipc(UnixListener),
}

/// The socket files of the `ipc` transport. The kernel owns them: dropping this removes them.
#[derive(Debug, Default)]
pub(crate) struct IpcFiles(Vec<PathBuf>);

impl Drop for IpcFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            // A file that somebody else has removed is no reason to complain.
            let _ = fs::remove_file(path);
        }
    }
}

/// Why a socket is not there.
#[derive(Debug, Error)]
#[error("cannot listen on `{address}` for the {name} socket: {source} (is another kernel using this connection file?)")]
pub(crate) struct BindError {
    name: &'static str,
    address: String,
    source: io::Error,
}

/// Listens where `connection` says the socket called `name` should be.
pub(super) fn listen(
    name: &'static str,
    connection: &Connection,
    port: u16,
    files: &mut IpcFiles,
) -> Result<Listener, BindError> {
    let address = match connection.transport {
        Transport::Tcp => format!("{}:{port}", bare_host(&connection.ip)),
        Transport::Ipc => format!("{}-{port}", connection.ip),
    };
    let listener = match connection.transport {
        Transport::Tcp => listen_tcp(&connection.ip, port),
        Transport::Ipc => listen_ipc(&address, files),
    };
    listener.map_err(|source| BindError { name, address, source })
}

fn listen_tcp(ip: &str, port: u16) -> io::Result<Listener> {
    // The standard library sets SO_REUSEADDR, so a restarted kernel gets its ports at once.
    TcpListener::bind((bare_host(ip), port)).map(Listener::Tcp)
}

/// ZeroMQ writes `*` for all interfaces, and IPv6 addresses in brackets.
fn bare_host(ip: &str) -> &str {
    match ip {
        "*" => "0.0.0.0",
        _ => ip.trim_start_matches('[').trim_end_matches(']'),
    }
}

fn listen_ipc(path: &str, files: &mut IpcFiles) -> io::Result<Listener> {
    let path = Path::new(path);
    // Left behind by a kernel that was killed; anything but a socket is not ours to remove.
    if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    files.0.push(path.to_owned());
    Ok(Listener::Ipc(listener))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipc(prefix: &Path) -> Connection {
        let json = serde_json::json!({
            "ip": prefix, "transport": "ipc",
            "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
        });
        serde_json::from_value(json).expect("a valid connection")
    }

    #[test]
    fn stale_socket_files_are_replaced_and_removed_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = ipc(&folder.path().join("kernel"));
        let path = folder.path().join("kernel-1");
        drop(UnixListener::bind(&path).expect("a stale socket"));

        let mut files = IpcFiles::default();
        assert!(listen("shell", &connection, 1, &mut files).is_ok());
        assert!(path.exists());
        drop(files);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = ipc(&folder.path().join("kernel"));
        fs::write(folder.path().join("kernel-2"), "precious").expect("a file");
        let mut files = IpcFiles::default();
        let Err(error) = listen("iopub", &connection, 2, &mut files) else {
            panic!("the name is taken");
        };
        assert!(error.to_string().contains("for the iopub socket"));
        drop(files);
        assert!(folder.path().join("kernel-2").exists());
    }

    #[test]
    fn hosts_as_zeromq_writes_them() {
        assert_eq!(bare_host("*"), "0.0.0.0");
        assert_eq!(bare_host("[::1]"), "::1");
        assert_eq!(bare_host("127.0.0.1"), "127.0.0.1");
    }
}
