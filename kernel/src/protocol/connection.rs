//! Reads the connection file, in which the front end says where to listen and which key to use.
//! Called once, by `kernel::run`, before anything else happens.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::sockets::curve::ServerKey;

/// The only signature scheme that Jupyter clients use.
const SIGNATURE_SCHEME: &str = "hmac-sha256";

/// What the front end wrote into the connection file.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Connection {
    /// An address for `tcp`, a path prefix for `ipc`.
    pub(crate) ip: String,
    #[serde(default)]
    pub(crate) transport: Transport,
    pub(crate) shell_port: u16,
    pub(crate) iopub_port: u16,
    pub(crate) stdin_port: u16,
    pub(crate) control_port: u16,
    pub(crate) hb_port: u16,
    /// Signs every message; empty means that messages are not signed.
    #[serde(default)]
    pub(crate) key: String,
    #[serde(default = "default_scheme")]
    signature_scheme: String,
    /// With which connections are encrypted, if they are to be.
    #[serde(default, rename = "curve_secretkey", deserialize_with = "server_key")]
    pub(crate) curve: Option<ServerKey>,
}

/// How the front end reaches the sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    #[default]
    Tcp,
    Ipc,
}

/// Why a connection file cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ConnectionError {
    #[error("cannot read the connection file `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the connection file `{}` is not valid: {source}", path.display())]
    Invalid { path: PathBuf, source: serde_json::Error },
    #[error(
        "the connection file `{}` asks for the signature scheme `{scheme}`, \
         but only `{SIGNATURE_SCHEME}` is supported",
        path.display()
    )]
    Scheme { path: PathBuf, scheme: String },
}

impl Connection {
    /// Reads and checks the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, ConnectionError> {
        let text = fs::read(path).map_err(|source| ConnectionError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    fn parse(text: &[u8], path: &Path) -> Result<Self, ConnectionError> {
        let connection: Self = serde_json::from_slice(text)
            .map_err(|source| ConnectionError::Invalid { path: path.to_owned(), source })?;
        // Without a key nothing is signed, so the scheme does not matter; jupyter_client then
        // sometimes writes an empty one.
        if !connection.key.is_empty() && connection.signature_scheme != SIGNATURE_SCHEME {
            return Err(ConnectionError::Scheme { path: path.to_owned(), scheme: connection.signature_scheme });
        }
        Ok(connection)
    }
}

/// Its public key, which stands in the file too, is for clients.
fn server_key<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ServerKey>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    ServerKey::from_z85(&text).map(Some).ok_or_else(|| D::Error::custom("`curve_secretkey` is not a key in Z85"))
}

fn default_scheme() -> String {
    SIGNATURE_SCHEME.to_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const PORTS: &str = r#""shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5"#;

    #[track_caller]
    fn check(text: &str, expected: Expect) {
        let shown = match Connection::parse(text.as_bytes(), Path::new("kernel-1.json")) {
            Ok(connection) => format!("{:?} {}", connection.transport, connection.ip),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn missing_optional_fields_and_unknown_ones_are_fine() {
        check(&format!(r#"{{"ip":"127.0.0.1",{PORTS},"kernel_name":"boucle","later":[1]}}"#), expect!["Tcp 127.0.0.1"]);
        check(&format!(r#"{{"ip":"/tmp/k","transport":"ipc",{PORTS},"key":""}}"#), expect!["Ipc /tmp/k"]);
    }

    #[test]
    fn errors_name_the_file_and_the_cause() {
        check(
            "{",
            expect!["the connection file `kernel-1.json` is not valid: EOF while parsing an object at line 1 column 1"],
        );
        check(
            &format!(r#"{{"ip":"::1",{PORTS},"curve_secretkey":"too short"}}"#),
            expect![
                "the connection file `kernel-1.json` is not valid: `curve_secretkey` is not a key in Z85 at line 1 column 116"
            ],
        );
        check(
            r#"{"ip":"127.0.0.1"}"#,
            expect!["the connection file `kernel-1.json` is not valid: missing field `shell_port` at line 1 column 18"],
        );
        check(
            &format!(r#"{{"ip":"::1",{PORTS},"key":"k","signature_scheme":"hmac-md5"}}"#),
            expect![
                "the connection file `kernel-1.json` asks for the signature scheme `hmac-md5`, but only `hmac-sha256` is supported"
            ],
        );
    }
}
