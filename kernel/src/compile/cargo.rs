//! Runs cargo in a runtime's workspace, and follows what it prints. Called by `runtime`, and by `deps` for a notebook's crates.

mod complaint;
mod progress;
pub(crate) mod wrapper;

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::watch;

use super::tool;
use super::toolchain::Toolchain;
pub(super) use complaint::{condense, is_about_the_network};
pub(crate) use progress::Progress;

/// How often a lock is asked for that another kernel holds.
const LOCK_POLL: Duration = Duration::from_millis(50);

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
    let mut command = command(toolchain, workspace);
    command
        .args(arguments)
        .env("RUSTC_WRAPPER", std::env::current_exe()?)
        .env(wrapper::VARIABLE, state)
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "120")
        .env("CARGO_NET_RETRY", "1")
        .stdout(Stdio::piped());
    let mut cargo = tool::start(command)?;
    let (stdout, stderr) = cargo.take_output();
    let (stdout, stderr) = tokio::join!(read_all(stdout), follow(stderr, news));
    let succeeded = cargo.wait().await?.success();
    Ok(Printed { succeeded, stdout: stdout?, stderr: stderr? })
}

/// cargo in a runtime's workspace. Flags and environment are the same for whatever is built there: otherwise cargo would
/// build the runtime anew, and what links against it would not fit the one that runs.
pub(super) fn command(toolchain: &Toolchain, workspace: &Path) -> Command {
    // The worker finds the library beside itself and std in the toolchain, wherever else the environment may point; a
    // cell finds both already loaded.
    let flags = [
        "-Cprefer-dynamic".to_owned(),
        "-Clink-arg=-Wl,--disable-new-dtags".to_owned(),
        "-Clink-arg=-Wl,-rpath,$ORIGIN".to_owned(),
        format!("-Clink-arg=-Wl,-rpath,{}", toolchain.libraries.display()),
    ];
    let mut command = Command::new(&toolchain.cargo);
    command
        .current_dir(workspace)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("RUSTC", &toolchain.rustc)
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env("CARGO_TARGET_DIR", "target")
        .env_remove("CARGO_BUILD_TARGET");
    command
}

/// Waits until no other kernel builds under this lock. Dropping the file lets the next one in.
pub(super) async fn wait_for_turn(lock: &Path, what: &str, news: &watch::Sender<Progress>) -> io::Result<File> {
    let lock = File::create(lock)?;
    while let Err(error) = lock.try_lock() {
        if let TryLockError::Error(error) = error {
            return Err(error);
        }
        let doing = format!("waiting for another notebook that builds {what}");
        news.send_replace(Progress { steps: None, doing });
        tokio::time::sleep(LOCK_POLL).await;
    }
    Ok(lock)
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
