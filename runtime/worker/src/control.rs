//! The worker's side of the socket to the kernel. Used by `main`, and by all who report something.

use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{env, io, process, thread};

use boucle_wire::{FrameError, FromWorker, SOCKET_FD_VARIABLE, ToWorker};

use crate::ask::Questions;
use crate::jobs::{Job, Jobs};
use crate::run;

/// The kernel, as the worker knows it.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    writer: Arc<Mutex<Writer>>,
    jobs: Arc<Jobs>,
    answers: Arc<Answers>,
    questions: Arc<Questions>,
}

#[derive(Debug)]
struct Writer {
    socket: UnixStream,
    /// How many frames have been sent that the kernel answers.
    asked: u64,
}

/// The frames that the kernel has answered.
#[derive(Debug, Default)]
struct Answers {
    count: Mutex<u64>,
    grown: Condvar,
}

impl Kernel {
    /// Takes over the inherited socket and starts to listen.
    pub(crate) fn connect() -> io::Result<Kernel> {
        let missing =
            || io::Error::other(format!("{SOCKET_FD_VARIABLE} does not name a socket; `boucle` starts this program"));
        let number: i32 = env::var(SOCKET_FD_VARIABLE)
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|fd| *fd > 2)
            .ok_or_else(missing)?;
        // SAFETY: `fcntl` touches no memory and tells whether the descriptor is open.
        if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
            return Err(missing());
        }
        // SAFETY: the descriptor is open, the kernel passed it for this purpose, and this runs once, before anything
        // else could have taken it.
        let reader = UnixStream::from(unsafe { OwnedFd::from_raw_fd(number) });
        let writer = Arc::new(Mutex::new(Writer { socket: reader.try_clone()?, asked: 0 }));
        let kernel = Kernel { writer, jobs: Arc::default(), answers: Arc::default(), questions: Arc::default() };
        let listener = kernel.clone();
        thread::Builder::new().name("boucle-control".into()).spawn(move || listen(&reader, &listener))?;
        Ok(kernel)
    }

    /// Sends a frame.
    pub(crate) fn send(&self, frame: &FromWorker) -> Result<(), FrameError> {
        boucle_wire::write(&self.writer().socket, frame)
    }

    /// Sends a frame that the kernel answers with `Shown`, and waits for that. From any thread.
    pub(crate) fn ask(&self, frame: &FromWorker) -> Result<(), FrameError> {
        let number = {
            let mut writer = self.writer();
            boucle_wire::write(&writer.socket, frame)?;
            writer.asked += 1;
            writer.asked
        };
        // When the kernel is gone, so is this process.
        let mut answered = self.answers.count.lock().unwrap_or_else(PoisonError::into_inner);
        while *answered < number {
            answered = self.answers.grown.wait(answered).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// What there is to do, and what is under way.
    pub(crate) fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// The questions that have no answer yet.
    pub(crate) fn questions(&self) -> &Questions {
        &self.questions
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(mut reader: &UnixStream, kernel: &Kernel) {
    let jobs = kernel.jobs();
    loop {
        match boucle_wire::read(&mut reader) {
            Ok(ToWorker::Run(run)) => jobs.add(Job::Run(run)),
            Ok(ToWorker::SetVariable { name, value }) => jobs.add(Job::SetVariable { name, value }),
            Ok(ToWorker::SetClock { is_virtual }) => jobs.add(Job::SetClock { is_virtual }),
            Ok(ToWorker::ListTasks) => jobs.add(Job::ListTasks),
            Ok(ToWorker::Shown) => {
                *kernel.answers.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                kernel.answers.grown.notify_all();
            }
            Ok(ToWorker::Answer { question, answer }) => kernel.questions.answer(question, answer),
            Ok(ToWorker::Interrupt { cell }) => {
                if jobs.interrupt(cell) {
                    // If the kernel is gone, the next read says so.
                    let _ = kernel.send(&FromWorker::Done(run::interrupted(cell)));
                }
            }
            Ok(ToWorker::IsInterrupted { cell }) => {
                let waiting = jobs.is_interrupted(cell);
                let _ = kernel.send(&FromWorker::Interrupted { cell, waiting });
            }
            Err(_) => end_everything(),
        }
    }
}

/// The kernel is gone: ends this process, which may be busy with a cell, and the processes that cells have started.
fn end_everything() -> ! {
    // SAFETY: no memory is involved. The kernel made this process the leader of a group of its own.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            libc::killpg(libc::getpgrp(), libc::SIGKILL);
        }
    }
    process::abort()
}
