//! Other programs: started, talked to through pipes, waited for, ended.

use std::ffi::OsStr;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio as StdStdio};

use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use crate::combine::gather;
use crate::error::of_attempt;
use crate::state::what::What;
use crate::streams::{Sink, Source, StreamReader, StreamWriter};
use crate::task::awaiting::awaiting;

/// Where a program's input comes from, or its output goes to.
///
/// ```
/// use asyncio::subprocess::{PIPE, STDOUT, Stdio, create_subprocess_shell};
///
/// asyncio::run(async {
///     assert_eq!(PIPE, Stdio::Pipe);
///     let mut process = create_subprocess_shell("echo one; echo two >&2").stdout(PIPE).stderr(STDOUT).await.unwrap();
///     assert_eq!(process.communicate(b"").await.unwrap().0, b"one\ntwo\n");
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// Where ours does.
    Inherit,
    /// A pipe to us: Python's `PIPE`.
    Pipe,
    /// Nowhere: Python's `DEVNULL`.
    Null,
    /// For stderr: where stdout goes. Python's `STDOUT`.
    Stdout,
}

/// A pipe between us and the program.
pub const PIPE: Stdio = Stdio::Pipe;
/// Nowhere.
pub const DEVNULL: Stdio = Stdio::Null;
/// For stderr: where stdout goes.
pub const STDOUT: Stdio = Stdio::Stdout;

/// Starts `program` with `arguments`: Python's `asyncio.create_subprocess_exec`. It is started when the result is awaited.
///
/// ```
/// use asyncio::subprocess::{PIPE, create_subprocess_exec};
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// event_loop.run_until_complete(async {
///     let mut process = create_subprocess_exec("echo", ["hello"]).stdout(PIPE).await.unwrap();
///     let (output, _) = process.communicate(b"").await.unwrap();
///     assert_eq!((output.as_slice(), process.returncode()), (&b"hello\n"[..], Some(0)));
/// });
/// ```
pub fn create_subprocess_exec<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> Starting {
    let mut command = Command::new(program);
    command.args(arguments);
    Starting { command, streams: [Stdio::Inherit; 3] }
}

/// Starts a shell with `script`: Python's `asyncio.create_subprocess_shell`. Text of others does not belong into a script.
///
/// ```
/// use asyncio::subprocess::create_subprocess_shell;
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// event_loop.run_until_complete(async {
///     let mut process = create_subprocess_shell("exit 7").await.unwrap();
///     assert_eq!(process.wait().await.unwrap(), 7);
/// });
/// ```
pub fn create_subprocess_shell(script: impl AsRef<OsStr>) -> Starting {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    Starting { command, streams: [Stdio::Inherit; 3] }
}

/// A program to be started by `.await`.
///
/// ```
/// use asyncio::create_subprocess_shell;
/// use asyncio::subprocess::{DEVNULL, PIPE, Starting};
///
/// let starting: Starting = create_subprocess_shell("pwd; echo $COLOR; echo lost >&2").env("COLOR", "red").cwd("/");
/// asyncio::run(async {
///     let mut process = starting.stdin(DEVNULL).stdout(PIPE).stderr(DEVNULL).await.unwrap();
///     let (output, errors) = process.communicate(b"").await.unwrap();
///     assert_eq!((output, errors), (b"/\nred\n".to_vec(), vec![]));
/// });
/// ```
#[must_use = "the program is started by `.await`"]
#[derive(Debug)]
pub struct Starting {
    command: Command,
    streams: [Stdio; 3],
}

impl Starting {
    /// Where its input comes from.
    pub fn stdin(mut self, stdin: Stdio) -> Self {
        self.streams[0] = stdin;
        self
    }

    /// Where its output goes.
    pub fn stdout(mut self, stdout: Stdio) -> Self {
        self.streams[1] = stdout;
        self
    }

    /// Where its errors go.
    pub fn stderr(mut self, stderr: Stdio) -> Self {
        self.streams[2] = stderr;
        self
    }

    /// The folder in which it is started.
    pub fn cwd(mut self, folder: impl AsRef<std::path::Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    fn not_started(&self, error: &io::Error) -> io::Error {
        let command = self.command.as_std();
        let program = command.get_program().display();
        match command.get_current_dir() {
            Some(folder) => of_attempt(format_args!("cannot start `{program}` in `{}`", folder.display()), error),
            None => of_attempt(format_args!("cannot start `{program}`"), error),
        }
    }

    fn start(mut self) -> io::Result<Process> {
        let [stdin, stdout, stderr] = self.streams;
        self.command.stdin(stdio(stdin)?);
        let mut joined = None;
        if stderr == STDOUT {
            let (reader, writer) = io::pipe()?;
            match stdout {
                Stdio::Pipe => {
                    self.command.stdout(writer.try_clone()?).stderr(writer);
                    joined = Some(pipe::Receiver::from_owned_fd(reader.into())?);
                }
                Stdio::Null => drop(self.command.stdout(StdStdio::null()).stderr(StdStdio::null())),
                Stdio::Inherit | Stdio::Stdout => drop(self.command.stderr(io::stdout())),
            }
        } else {
            self.command.stdout(stdio(stdout)?).stderr(stdio(stderr)?);
        }
        let mut child = self.command.kill_on_drop(true).spawn().map_err(|error| self.not_started(&error))?;
        // Its copies of the pipe's end must not keep the pipe open.
        drop(self.command);
        let stdin = match child.stdin.take() {
            Some(stdin) => Some(writer(pipe::Sender::from_owned_fd(stdin.into_owned_fd()?)?)),
            None => None,
        };
        let stdout = match (joined, child.stdout.take()) {
            (Some(joined), _) => Some(reader(joined)),
            (None, Some(stdout)) => Some(reader(pipe::Receiver::from_owned_fd(stdout.into_owned_fd()?)?)),
            (None, None) => None,
        };
        let stderr = match child.stderr.take() {
            Some(stderr) => Some(reader(pipe::Receiver::from_owned_fd(stderr.into_owned_fd()?)?)),
            None => None,
        };
        Ok(Process { pid: child.id().unwrap_or(0), child, returncode: None, stdin, stdout, stderr })
    }
}

fn stdio(stdio: Stdio) -> io::Result<StdStdio> {
    match stdio {
        Stdio::Inherit => Ok(StdStdio::inherit()),
        Stdio::Pipe => Ok(StdStdio::piped()),
        Stdio::Null => Ok(StdStdio::null()),
        Stdio::Stdout => Err(io::Error::new(io::ErrorKind::InvalidInput, "STDOUT can only be used for stderr")),
    }
}

fn reader(pipe: pipe::Receiver) -> StreamReader {
    StreamReader::new(Source::Pipe(pipe))
}

fn writer(pipe: pipe::Sender) -> StreamWriter {
    StreamWriter::new(Sink::Pipe(pipe))
}

/// Starts the program.
///
/// # Errors
/// `NotFound` when there is no such program, and what else the operating system says.
impl IntoFuture for Starting {
    type Output = io::Result<Process>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<Process>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.start() })
    }
}

/// A program that was started: Python's `asyncio.subprocess.Process`. Dropping it kills the program, which Python does not.
///
/// ```
/// use asyncio::{create_subprocess_exec, signal::SIGUSR1, subprocess::Process};
///
/// asyncio::run(async {
///     let mut process: Process = create_subprocess_exec("sleep", ["3600"]).await.unwrap();
///     assert!(process.pid() > 0 && process.returncode().is_none());
///     process.terminate().unwrap();
///     assert_eq!(process.wait().await.unwrap(), -15);
///     assert!(process.send_signal(SIGUSR1).is_err(), "it has ended");
///
///     let mut other = create_subprocess_exec("sleep", ["3600"]).await.unwrap();
///     other.kill().unwrap();
///     assert_eq!(other.wait().await.unwrap(), -9);
/// });
/// ```
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: u32,
    returncode: Option<i32>,
    /// Where we write its input, with [`PIPE`].
    pub stdin: Option<StreamWriter>,
    /// Where we read its output, with [`PIPE`].
    pub stdout: Option<StreamReader>,
    /// Where we read its errors, with [`PIPE`].
    pub stderr: Option<StreamReader>,
}

impl Process {
    /// The number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, once that is known through [`wait`](Self::wait) or [`communicate`](Self::communicate): its exit code, or
    /// the number of the signal that ended it, negative.
    #[must_use]
    pub fn returncode(&self) -> Option<i32> {
        self.returncode
    }

    /// Waits until it has ended, and says how, as [`returncode`](Self::returncode). Its stdin stays open: a program that reads
    /// to the end of it does not end by itself. Cancel-safe.
    ///
    /// # Errors
    /// What the operating system says.
    #[track_caller]
    pub fn wait(&mut self) -> impl Future<Output = io::Result<i32>> {
        awaiting(What::Process, async move {
            if let Some(code) = self.returncode {
                return Ok(code);
            }
            // `Child::wait` closes the stdin it has; ours was taken out.
            let code = code_of(self.child.wait().await?);
            self.returncode = Some(code);
            Ok(code)
        })
    }

    /// Writes `input`, closes its stdin, reads its output and errors to their ends, and waits until it has ended: so that no
    /// pipe fills up. What is not a [`PIPE`] is empty. A program that does not read all its input is no error.
    ///
    /// Not cancel-safe: what has been read by then is lost.
    ///
    /// # Errors
    /// What the operating system says.
    #[track_caller]
    pub fn communicate(&mut self, input: &[u8]) -> impl Future<Output = io::Result<(Vec<u8>, Vec<u8>)>> {
        awaiting(What::Process, async move {
            let (stdin, input) = (self.stdin.take(), input.to_vec());
            let feeding = async move {
                if let Some(mut stdin) = stdin {
                    stdin.write(&input);
                    // As Python: that nobody reads any more is no error.
                    let _ = stdin.drain().await;
                    stdin.close();
                }
                Ok(Vec::new())
            };
            let reading = |stream: Option<StreamReader>| async move {
                match stream {
                    Some(mut stream) => stream.read_to_end().await,
                    None => Ok(Vec::new()),
                }
            };
            let parts: [Part; 3] =
                [Box::pin(feeding), Box::pin(reading(self.stdout.take())), Box::pin(reading(self.stderr.take()))];
            let mut ends = gather(parts).await.into_iter().skip(1);
            let (output, errors) = (ends.next().unwrap_or(Ok(Vec::new()))?, ends.next().unwrap_or(Ok(Vec::new()))?);
            self.wait().await?;
            Ok((output, errors))
        })
    }

    /// Sends it a signal, such as [`SIGTERM`](crate::signal::SIGTERM).
    ///
    /// # Errors
    /// `NotFound` when it has ended and been waited for: Python's `ProcessLookupError`.
    pub fn send_signal(&mut self, signal: i32) -> io::Result<()> {
        // The number belongs to it until it has been waited for, and no longer.
        let Some(pid) = self.child.id().and_then(|pid| libc::pid_t::try_from(pid).ok()) else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the process has ended"));
        };
        // SAFETY: plain integers.
        if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// As [`send_signal`](Self::send_signal).
    pub fn terminate(&mut self) -> io::Result<()> {
        self.send_signal(libc::SIGTERM)
    }

    /// Ends it at once (SIGKILL).
    ///
    /// # Errors
    /// As [`send_signal`](Self::send_signal).
    pub fn kill(&mut self) -> io::Result<()> {
        self.send_signal(libc::SIGKILL)
    }
}

/// One of the things that `communicate` does at the same time.
type Part = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>>>>;

fn code_of(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or(-1)
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Process {}>", self.pid)
    }
}
