//! Starts the worker's process and speaks with it. Called by the engine.

use std::io::{self, PipeReader};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use boucle_wire::{Done, Failure, FromWorker, Run, TaskRow, ToWorker};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;

use super::death::Death;
use super::frames::Frames;
use super::output::Output;
use crate::compile::Runtime;
use crate::publish::{Publisher, StreamName};

/// How long a cell may take to react to an interrupt before the user is told that it does not.
const PATIENCE: Duration = Duration::from_secs(2);

const NO_REACTION: &str = "\
The cell does not react to the interrupt: it is in code that cannot be interrupted.
Interrupt once more to end its process; the variables will be lost, functions and types stay.
";

/// A worker that is ready for a cell.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    frames: Frames,
    output: Output,
    cells: u64,
}

/// How a cell ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It came to its end, well or not.
    Done(Done),
    /// It took its process with it.
    Died(Death),
}

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the process for cells, `{}`: {cause}", program.display())]
pub(crate) struct WorkerError {
    program: PathBuf,
    cause: String,
}

impl Worker {
    /// Starts a worker with these variables in its environment, and waits until it says hello, some 10 ms.
    pub(crate) async fn start(runtime: &Runtime, environment: &[(String, String)]) -> Result<Worker, WorkerError> {
        let program = runtime.worker();
        let mut worker = match Worker::spawn(&program, environment) {
            Ok(worker) => worker,
            Err(error) => return Err(WorkerError { program, cause: error.to_string() }),
        };
        match worker.frames.next().await {
            Ok(FromWorker::Hello { version: boucle_wire::VERSION }) => Ok(worker),
            Ok(_) => Err(WorkerError { program, cause: "it speaks another version of the protocol".into() }),
            Err(error) => {
                let last_words = worker.output.end().await;
                Err(WorkerError { program, cause: format!("{error} {}", last_words.trim()) })
            }
        }
    }

    fn spawn(program: &Path, environment: &[(String, String)]) -> io::Result<Worker> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (stdout, stdout_writer) = pipe()?;
        let (stderr, stderr_writer) = pipe()?;
        let inherited = theirs.as_raw_fd();
        let mut command = Command::new(program);
        command
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env(boucle_wire::SOCKET_FD_VARIABLE, inherited.to_string())
            // Crates that can show things in evcxr ask this variable whether they may.
            .env("EVCXR_IS_RUNTIME", "1")
            .stdin(Stdio::null())
            .stdout(stdout_writer)
            .stderr(stderr_writer)
            // Signals to the kernel's group are the kernel's to pass on.
            .process_group(0)
            .kill_on_drop(true);
        // SAFETY: `fcntl` is safe to call between fork and exec; the descriptor is open until this function returns.
        unsafe {
            command.pre_exec(move || match libc::fcntl(inherited, libc::F_SETFD, 0) {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(()),
            });
        }
        let child = command.spawn()?;
        let output = Output::start(stdout, stderr)?;
        let frames = Frames::start(UnixStream::from_std(ours)?, output.clone());
        Ok(Worker { child, frames, output, cells: 0 })
    }

    /// Whether no cell has run in it, so that there is nothing to lose.
    pub(crate) fn is_unused(&self) -> bool {
        self.cells == 0
    }

    /// Runs a compiled cell to its end. Values to show go to the publisher with `execution_count`, unless it is `None`.
    /// Each change of `interrupts` interrupts the cell.
    pub(crate) async fn run(
        &mut self,
        mut run: Run,
        publisher: &Publisher,
        execution_count: Option<u64>,
        interrupts: &mut watch::Receiver<u64>,
    ) -> Ended {
        self.cells += 1;
        let cell = self.cells;
        run.cell = cell;
        self.output.publish_for(publisher, execution_count);
        if self.frames.send(&ToWorker::Run(run)).await.is_err() {
            return Ended::Died(self.bury(None).await);
        }
        let mut patience: Option<Instant> = None;
        let mut told = false;
        let mut panic = None;
        loop {
            tokio::select! {
                frame = self.frames.next() => match frame {
                    Ok(FromWorker::Done(done)) if done.cell == cell => {
                        self.output.end().await;
                        return Ended::Done(done);
                    }
                    Ok(FromWorker::Panicking(failure)) => panic = Some(failure),
                    Ok(FromWorker::Interrupted { waiting, .. }) => {
                        if waiting && !told {
                            self.output.drain().await;
                            publisher.stream(StreamName::Stderr, NO_REACTION.to_owned());
                        }
                        told = waiting;
                    }
                    Ok(_) => {}
                    Err(_) => return Ended::Died(self.bury(panic.as_ref()).await),
                },
                Ok(()) = interrupts.changed() => {
                    if told {
                        self.kill();
                        self.bury(None).await;
                        return Ended::Died(Death::on_request());
                    }
                    patience.get_or_insert(Instant::now() + PATIENCE);
                    // If the worker has just died, the next frame says so.
                    let _ = self.frames.send(&ToWorker::Interrupt { cell }).await;
                }
                () = at(patience) => {
                    patience = None;
                    let _ = self.frames.send(&ToWorker::IsInterrupted { cell }).await;
                }
            }
        }
    }

    /// Sets an environment variable for the cells to come.
    pub(crate) async fn set_variable(&mut self, name: &str, value: &str) {
        let frame = ToWorker::SetVariable { name: name.to_owned(), value: value.to_owned() };
        // If the worker has just died, the next cell finds out.
        let _ = self.frames.send(&frame).await;
    }

    /// The pending tasks; none if the worker has just died, which the next cell finds out.
    pub(crate) async fn tasks(&mut self) -> Vec<TaskRow> {
        if self.frames.send(&ToWorker::ListTasks).await.is_err() {
            return Vec::new();
        }
        loop {
            match self.frames.next().await {
                Ok(FromWorker::Tasks(tasks)) => return tasks,
                Ok(_) => {}
                Err(_) => return Vec::new(),
            }
        }
    }

    /// Ends the worker and whatever it has started.
    pub(crate) async fn shutdown(mut self) {
        self.kill();
        let _ = self.child.wait().await;
    }

    fn kill(&mut self) {
        kill_group(&self.child, libc::SIGKILL);
    }

    /// The end of a worker whose socket has closed.
    async fn bury(&mut self, panic: Option<&Failure>) -> Death {
        // It closes its socket only by ending, but a cell may have closed it; do not wait for ever.
        let status = match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                self.kill();
                self.child.wait().await
            }
        };
        let last_words = self.output.end().await;
        match status {
            Ok(status) => Death::of(status, &last_words, panic),
            Err(error) => Death { name: "WorkerDied".into(), cause: error.to_string() },
        }
    }
}

/// Sends a signal to the group that a child leads, unless the child has been waited for.
pub(super) fn kill_group(child: &Child, signal: libc::c_int) {
    if let Some(group) = child.id().and_then(|id| libc::pid_t::try_from(id).ok()) {
        // SAFETY: no memory is involved; the group is that of a child that has not been waited for.
        unsafe { libc::killpg(group, signal) };
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// A pipe whose reading end does not block, and that holds more than the usual 64 KiB where the system allows it.
pub(super) fn pipe() -> io::Result<(PipeReader, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    // SAFETY: the descriptor is open, and these calls touch no memory.
    unsafe {
        let flags = libc::fcntl(reader.as_raw_fd(), libc::F_GETFL);
        if flags == -1 || libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) == -1 {
            return Err(io::Error::last_os_error());
        }
        #[cfg(target_os = "linux")]
        libc::fcntl(reader.as_raw_fd(), libc::F_SETPIPE_SZ, 1 << 20);
    }
    Ok((reader, writer))
}
