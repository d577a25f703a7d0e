//! Runs a tool of the toolchain as a child that neither outlives the kernel nor an interrupt. Called by `rustc`.

use std::io;
use std::path::Path;
use std::process::{Output, Stdio};

use tokio::process::Command;

/// Runs the command in the folder and collects what it prints. Dropping the future kills it, and what it has started.
///
/// # Errors
/// If the program cannot be started, or not be waited for.
pub(super) async fn run(mut command: Command, folder: &Path) -> io::Result<Output> {
    command
        .current_dir(folder)
        // Long expressions need more stack than rustc takes by itself.
        .env("RUST_MIN_STACK", "268435456")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    die_with_the_kernel(&mut command);
    let child = command.spawn()?;
    let group = child.id().map(KillGroup);
    let output = child.wait_with_output().await;
    // The group is gone; its number may soon be somebody else's.
    std::mem::forget(group);
    output
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
