//! Runs cargo in a runtime's workspace, and follows what it prints. Called by `build`.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::watch;

use super::progress::{self, Progress};
use super::wrapper;
use crate::compile::toolchain::Toolchain;
use crate::compile::{runtime, tool};

/// What a call of cargo has printed.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) succeeded: bool,
    pub(super) stdout: String,
    /// Without what is about progress.
    pub(super) stderr: String,
}

/// Runs cargo in a workspace with the given arguments. `state` is that of the user's own crates. Dropping the future kills cargo and
/// every rustc that it has started.
pub(super) async fn run(
    toolchain: &Toolchain,
    workspace: &Path,
    arguments: &[&str],
    state: &str,
    news: &watch::Sender<Progress>,
) -> io::Result<Printed> {
    let mut command = runtime::cargo(toolchain, workspace);
    command
        .args(arguments)
        .env("RUSTC_WRAPPER", std::env::current_exe()?)
        .env(wrapper::VARIABLE, state)
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "120")
        .env("CARGO_NET_RETRY", "1")
        .stdout(Stdio::piped());
    let mut cargo = tool::start(Command::from(command))?;
    let (stdout, stderr) = cargo.take_output();
    let (stdout, stderr) = tokio::join!(read_all(stdout), follow(stderr, news));
    let succeeded = cargo.wait().await?.success();
    Ok(Printed { succeeded, stdout: stdout?, stderr: stderr? })
}

async fn read_all(source: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut source) = source {
        source.read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads stderr to its end: news go to `news`, the rest is returned.
async fn follow(source: Option<impl AsyncRead + Unpin>, news: &watch::Sender<Progress>) -> io::Result<String> {
    let Some(mut source) = source else { return Ok(String::new()) };
    let (mut pending, mut rest) = (Vec::new(), String::new());
    loop {
        let length = source.read_buf(&mut pending).await?;
        // cargo draws its bar over and over, each time on the same line.
        while let Some(end) = pending.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let line: Vec<u8> = pending.drain(..=end).collect();
            take(&String::from_utf8_lossy(&line[..end]), news, &mut rest);
        }
        if length == 0 {
            take(&String::from_utf8_lossy(&pending), news, &mut rest);
            return Ok(rest);
        }
    }
}

fn take(line: &str, news: &watch::Sender<Progress>, rest: &mut String) {
    match progress::parse(line) {
        Some(Progress { steps: None, doing }) if doing.is_empty() => {}
        Some(latest) => drop(news.send_replace(latest)),
        None => {
            rest.push_str(line);
            rest.push('\n');
        }
    }
}
