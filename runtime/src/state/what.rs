//! What a task can be known to wait for. Whoever suspends a task notes it (`task/awaiting.rs`); `trace` reads it.

use std::fmt;
use std::panic::Location;

/// Where in the source somebody awaits.
pub(crate) type Place = &'static Location<'static>;

/// The kind of thing that a task awaits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A future of which nothing is known: somebody else's, or one written by hand.
    Unknown,
    Sleep,
    /// A task, a gathering, a future completed by hand: [`Awaited`](super::waiter::Awaited) says which.
    Future,
    Lock,
    Event,
    Condition,
    Semaphore,
    Barrier,
    Get,
    Put,
    Join,
    WaitFor,
    Wait,
    AsCompleted,
    TaskGroup,
    Thread,
    Connect,
    Read,
    Drain,
    Server,
    Process,
    Input,
    Comm,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "something else",
            Self::Sleep => "sleep",
            Self::Future => "a future",
            Self::Lock => "Lock.acquire",
            Self::Event => "Event.wait",
            Self::Condition => "Condition.wait",
            Self::Semaphore => "Semaphore.acquire",
            Self::Barrier => "Barrier.wait",
            Self::Get => "Queue.get",
            Self::Put => "Queue.put",
            Self::Join => "Queue.join",
            Self::WaitFor => "wait_for",
            Self::Wait => "wait",
            Self::AsCompleted => "as_completed",
            Self::TaskGroup => "TaskGroup",
            Self::Thread => "a thread",
            Self::Connect => "open_connection",
            Self::Read => "StreamReader.read",
            Self::Drain => "StreamWriter.drain",
            Self::Server => "Server",
            Self::Process => "Process.wait",
            Self::Input => "ainput",
            Self::Comm => "Comm.next",
        })
    }
}
