//! Starts the worker's process and speaks with it. Called by the engine.

use std::io::{self, PipeReader};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use boucle_wire::{Failure, FromWorker, Run, TaskRow, ToWorker, Work};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, oneshot};

use super::death::Death;
use super::frames::{self, Writer};
use super::output::Output;
use super::questions::Questions;
use super::routes::Routes;
use super::run::{PATIENCE, Running};
use crate::comms::Comms;
use crate::compile::Runtime;
use crate::publish::Publisher;
use crate::stdin::Asker;

/// A worker that is ready for a cell.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Mutex<Child>,
    writer: Writer,
    routes: Routes,
    pub(super) output: Output,
    runs: AtomicU64,
    handing_over: Mutex<()>,
}

/// For whom a cell runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Audience<'a> {
    pub(crate) publisher: &'a Publisher,
    /// The number of the value to show, unless it is not to be shown.
    pub(crate) execution_count: Option<u64>,
    /// Who can be asked for input.
    pub(crate) asker: Option<&'a Asker>,
}

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the process for cells, `{}`: {cause}", program.display())]
pub(crate) struct WorkerError {
    program: PathBuf,
    cause: String,
}

impl Worker {
    /// Starts a worker with these variables in its environment, and waits until it says hello, some 10 ms. What happens to
    /// its comms is noted.
    pub(crate) async fn start(
        runtime: &Runtime,
        environment: &[(String, String)],
        comms: &Comms,
    ) -> Result<Worker, WorkerError> {
        let program = runtime.worker();
        let (worker, hello) = match Worker::spawn(&program, environment, comms) {
            Ok(worker) => worker,
            Err(error) => return Err(WorkerError { program, cause: error.to_string() }),
        };
        match hello.await {
            Ok(FromWorker::Hello { version: boucle_wire::VERSION }) => Ok(worker),
            Ok(_) => Err(WorkerError { program, cause: "it speaks another version of the protocol".into() }),
            Err(_) => {
                let last_words = worker.output.end().await;
                Err(WorkerError { program, cause: format!("it has ended at once {}", last_words.trim()) })
            }
        }
    }

    /// Starts the process; the worker, and its greeting.
    fn spawn(
        program: &Path,
        environment: &[(String, String)],
        comms: &Comms,
    ) -> io::Result<(Worker, oneshot::Receiver<FromWorker>)> {
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
        let routes = Routes::default();
        let hello = routes.answer();
        let writer = frames::start(UnixStream::from_std(ours)?, routes.clone(), comms.clone(), output.clone());
        Ok((
            Worker {
                child: Mutex::new(child),
                writer,
                routes,
                output,
                runs: AtomicU64::new(0),
                handing_over: Mutex::default(),
            },
            hello,
        ))
    }

    /// Whether no cell has run in it, so that there is nothing to lose.
    pub(crate) fn is_unused(&self) -> bool {
        self.runs.load(Ordering::Relaxed) == 0
    }

    /// Hands something to run over: a compiled cell, or what a message of a comm asks for. A guest may run between two
    /// turns of a loop that another run drives; it waits for the others' end if there is no such loop. Runs begin in the
    /// order of handing over.
    pub(crate) async fn hand_over<'a>(&'a self, work: Work, guest: bool, audience: Audience<'a>) -> Running<'a> {
        let Audience { publisher, execution_count, asker } = audience;
        let _one_after_another = self.handing_over.lock().await;
        let cell = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let (route, alone) = self.routes.run(cell, publisher, execution_count);
        if alone {
            self.output.publish_for(publisher, execution_count).await;
        }
        self.tell(&ToWorker::Run(Run { cell, guest, announce: !alone, work })).await;
        Running { worker: self, cell, route, publisher, questions: Questions::new(asker) }
    }

    /// Sends a frame. If the worker has just ended, whoever waits for what it says finds out.
    pub(super) async fn tell(&self, frame: &ToWorker) {
        let _ = self.writer.send(frame).await;
    }

    /// Sets an environment variable for the cells to come.
    pub(crate) async fn set_variable(&self, name: &str, value: &str) {
        self.tell(&ToWorker::SetVariable { name: name.to_owned(), value: value.to_owned() }).await;
    }

    /// Lets the event loops' time jump, or pass again.
    pub(crate) async fn set_clock(&self, is_virtual: bool) {
        self.tell(&ToWorker::SetClock { is_virtual }).await;
    }

    /// The pending tasks; none if the worker has just died, which the next cell finds out.
    pub(crate) async fn tasks(&self) -> Vec<TaskRow> {
        let answer = self.routes.answer();
        self.tell(&ToWorker::ListTasks).await;
        match answer.await {
            Ok(FromWorker::Tasks(tasks)) => tasks,
            _ => Vec::new(),
        }
    }

    /// Ends the worker and whatever it has started.
    pub(crate) async fn shutdown(&self) {
        self.kill().await;
        let _ = self.child.lock().await.wait().await;
    }

    pub(super) async fn kill(&self) {
        kill_group(&*self.child.lock().await, libc::SIGKILL);
    }

    /// The end of a worker whose socket has closed.
    pub(super) async fn bury(&self, panic: Option<&Failure>) -> Death {
        let mut child = self.child.lock().await;
        // It closes its socket only by ending, but a cell may have closed it; do not wait for ever.
        let status = match tokio::time::timeout(PATIENCE, child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                kill_group(&child, libc::SIGKILL);
                child.wait().await
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
