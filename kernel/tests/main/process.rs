//! Starts kernels for the tests, and looks at how they end.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub(crate) const KEY: &str = "a0436f6c-1916-498b-8eb9-e81ab9368e84";

/// A connection file in a folder of its own.
pub(crate) struct Connection {
    folder: TempDir,
    pub(crate) json: Value,
}

impl Connection {
    /// Unix sockets: no other process can take their names.
    pub(crate) fn ipc() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let prefix = folder.path().join("kernel").display().to_string();
        Self::write(folder, "ipc", &prefix, [1, 2, 3, 4, 5])
    }

    /// TCP on ports that are free, which is found out by listening on all of them at once.
    pub(crate) fn tcp() -> Self {
        let listeners = [(); 5].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
        let ports = listeners.map(|listener| listener.local_addr().expect("an address").port());
        Self::write(tempfile::tempdir().expect("a folder"), "tcp", "127.0.0.1", ports)
    }

    fn write(folder: TempDir, transport: &str, ip: &str, ports: [u16; 5]) -> Self {
        let [shell, iopub, stdin, control, heartbeat] = ports;
        let json = json!({
            "transport": transport, "ip": ip, "key": KEY, "signature_scheme": "hmac-sha256",
            "shell_port": shell, "iopub_port": iopub, "stdin_port": stdin, "control_port": control,
            "hb_port": heartbeat, "kernel_name": "boucle",
        });
        let connection = Self { folder, json };
        fs::write(connection.file(), connection.json.to_string()).expect("a connection file");
        connection
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("connection.json")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where a socket is, by the name of its port in the file.
    pub(crate) fn endpoint(&self, port: &str) -> String {
        let (ip, port) = (self.json["ip"].as_str().expect("text"), &self.json[port]);
        match self.json["transport"].as_str() {
            Some("ipc") => format!("ipc://{ip}-{port}"),
            _ => format!("tcp://{ip}:{port}"),
        }
    }
}

pub(crate) fn boucle() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boucle"));
    command
        .env_remove("BOUCLE_LOG")
        .env_remove("JPY_PARENT_PID")
        .env("BOUCLE_HISTORY", ":memory:")
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(crate) fn start(connection: &Connection) -> Child {
    boucle().arg("kernel").arg(connection.file()).spawn().expect("the kernel starts")
}

pub(crate) fn signal(kernel: &Child, name: &str) {
    let pid = kernel.id().expect("it runs").to_string();
    let status = std::process::Command::new("kill").args(["-s", name, &pid]).status();
    assert!(status.expect("kill starts").success());
}

/// Waits for the end; gives what the kernel has written to stderr.
pub(crate) async fn ended_well(kernel: Child) -> String {
    let Output { status, stderr, .. } = kernel.wait_with_output().await.expect("it can be waited for");
    let stderr = String::from_utf8(stderr).expect("text");
    assert!(status.success(), "{status}: {stderr}");
    stderr
}
