//! Runs shell commands, with their output as it comes. Called by the engine, and by `main` for the guard.
//!
//! Between the kernel and the shell stands a guard, this program once more: it leads the group of all that the command
//! starts, and ends that group when the kernel is gone, however it went.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::output::Output;
use super::process::{kill_group, pipe};
use crate::publish::Publisher;

/// How long an interrupted command may take to end by itself.
const GRACE: Duration = Duration::from_millis(500);

/// Runs `sh -c` with the command, without input; its output is published as it comes. `None` if a change of
/// `interrupts` ended it. What it leaves running in the background is sent SIGHUP. Dropping the future kills everything.
///
/// # Errors
/// If it cannot be started, or not be waited for.
pub(crate) async fn run(
    command: &str,
    environment: &[(String, String)],
    publisher: &Publisher,
    interrupts: &mut watch::Receiver<u64>,
) -> io::Result<Option<ExitStatus>> {
    let (stdout, stdout_writer) = pipe()?;
    let (stderr, stderr_writer) = pipe()?;
    let mut guard = Command::new(this_program()?);
    guard
        .args(["shell", "--", command])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        // Held open for as long as the kernel lives.
        .stdin(Stdio::piped())
        .stdout(stdout_writer)
        .stderr(stderr_writer)
        .process_group(0)
        .kill_on_drop(true);
    let output = Output::start(stdout, stderr)?;
    output.publish_for(publisher, None).await;
    let mut running = Running { child: guard.spawn()? };
    // The writing ends were copied into the child; with ours open, the pipes would never end.
    drop(guard);
    let held = running.child.stdin.take();
    let ended = tokio::select! {
        biased;
        Ok(()) = interrupts.changed() => {
            running.interrupt().await;
            None
        }
        status = running.child.wait() => Some(status?),
    };
    output.end().await;
    drop(held);
    Ok(ended)
}

/// The program that runs here, also when its file has been replaced.
fn this_program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    Ok(if path.exists() { path } else { "/proc/self/exe".into() })
}

/// A guard that is killed with its group when this is dropped before it has ended.
struct Running {
    child: Child,
}

impl Running {
    /// Asks the group to end, then makes it.
    async fn interrupt(&mut self) {
        kill_group(&self.child, libc::SIGINT);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            kill_group(&self.child, libc::SIGKILL);
            // It cannot resist that.
            let _ = self.child.wait().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        kill_group(&self.child, libc::SIGKILL);
    }
}

/// The guard's own life: runs the command and returns the exit code for it. It ends, with the whole group, when its
/// standard input closes.
///
/// # Errors
/// If there is no shell.
pub(crate) fn guard(command: &str) -> io::Result<u8> {
    // A handler, unlike ignoring, is not inherited by the shell.
    extern "C" fn outlive(_: libc::c_int) {}
    for signal in [libc::SIGINT, libc::SIGHUP] {
        let handler = outlive as extern "C" fn(libc::c_int);
        // SAFETY: the handler does nothing, which is safe at any time.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
    let mut shell = std::process::Command::new("sh").arg("-c").arg(command).stdin(Stdio::null()).spawn()?;
    thread::spawn(|| {
        while matches!(io::stdin().read(&mut [0]), Ok(1)) {}
        // SAFETY: no memory is involved; the group is the one that this process leads.
        unsafe { libc::kill(0, libc::SIGKILL) };
    });
    let status = shell.wait()?;
    // SAFETY: as above; this process outlives the signal.
    unsafe { libc::kill(0, libc::SIGHUP) };
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    let code = status.code().or(signal.map(|signal| 128 + signal)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}
