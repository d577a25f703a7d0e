//! Runs a tool of the toolchain as a child that neither outlives the kernel nor an interrupt. Called by `rustc`.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// Runs the command in the folder and collects what it prints. Dropping the future kills it, and what it has started.
///
/// # Errors
/// If the program cannot be started, or not be waited for.
pub(super) async fn run(mut command: Command, folder: &Path) -> io::Result<Output> {
    // Long expressions need more stack than rustc takes by itself.
    command.current_dir(folder).env("RUST_MIN_STACK", "268435456").stdout(Stdio::null());
    let Running { child, group } = start(command)?;
    let output = child.wait_with_output().await;
    // The group is gone; its number may soon be somebody else's.
    std::mem::forget(group);
    output
}

/// A tool that runs. Dropping it kills it, and what it has started.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Option<KillGroup>,
}

/// Starts the command. Its stderr is piped; its stdout is left as the command has it.
///
/// # Errors
/// If the program cannot be started.
pub(super) fn start(mut command: Command) -> io::Result<Running> {
    command.stdin(Stdio::null()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    die_with_the_kernel(&mut command);
    let child = command.spawn()?;
    let group = child.id().map(KillGroup);
    Ok(Running { child, group })
}

impl Running {
    /// The piped output; each can be taken once.
    pub(super) fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// If the system cannot wait for it.
    pub(super) async fn wait(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        // The group is gone; its number may soon be somebody else's.
        std::mem::forget(self.group.take());
        status
    }
}

/// Has the system kill the child when the kernel is killed. The kernel starts its children from its main thread, whose
/// end is the kernel's.
fn die_with_the_kernel(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: `prctl` is safe to call between fork and exec, and nothing else happens there.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
}

/// Kills a process group when dropped: a linker would survive its rustc.
#[derive(Debug)]
struct KillGroup(u32);

impl Drop for KillGroup {
    fn drop(&mut self) {
        if let Ok(group) = libc::pid_t::try_from(self.0) {
            // SAFETY: no memory is involved. The group may be gone, which is fine; its number is that of a child that
            // has not been waited for.
            unsafe { libc::killpg(group, libc::SIGKILL) };
        }
    }
}
