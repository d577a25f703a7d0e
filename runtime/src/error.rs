//! What goes wrong in an event loop, as types: the exceptions of Python's `asyncio` that this crate raises itself.
//! Every layer above raises them; whoever catches a panic (a task, the notebook worker) asks [`describe`] what it was.
//!
//! An exception is a panic here. Misuse raises one of the types below as the panic's payload, with Python's wording;
//! what a task raised is kept as an [`Exception`], which can be cloned and raised again in every awaiter.

mod exception;
mod hook;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{panic_any, resume_unwind};

pub use exception::Exception;
pub(crate) use exception::Kind;
pub(crate) use hook::{InTask, install_hook, take_origin};
pub use hook::{assume_external_hook, in_task, note_origin, note_panic};

/// The user asked to stop (■ in a notebook, Ctrl-C in a terminal): Python's `KeyboardInterrupt`.
///
/// [`EventLoop::run_forever`](crate::EventLoop::run_forever) returns it, everything else unwinds with it as payload;
/// [`catch_interrupt`](crate::catch_interrupt) turns the latter into the former.
///
/// ```
/// use asyncio::{KeyboardInterrupt, catch_interrupt};
///
/// let outcome = catch_interrupt(|| std::panic::panic_any(KeyboardInterrupt));
/// assert_eq!(outcome, Err::<(), _>(KeyboardInterrupt));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyboardInterrupt;

impl fmt::Display for KeyboardInterrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyboardInterrupt")
    }
}

impl Error for KeyboardInterrupt {}

/// A task that somebody waits for was cancelled: Python's `asyncio.CancelledError`.
///
/// Unwinds out of `task.await`; a task that lets it pass counts as cancelled itself.
///
/// ```
/// use asyncio::{CancelledError, ensure_future, sleep, wait};
///
/// asyncio::run(async {
///     let task = ensure_future(sleep(10));
///     task.cancel();
///     wait([&task]).await;
///     let raised = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| *task.result()));
///     assert!(raised.unwrap_err().is::<CancelledError>());
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelledError;

impl fmt::Display for CancelledError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelledError")
    }
}

impl Error for CancelledError {}

/// The time that was given is over: Python's `TimeoutError`.
///
/// What [`wait_for`](crate::wait_for) and [`timeout`](crate::timeout()) return, so that `?` passes it on.
///
/// ```
/// use asyncio::{TimeoutError, sleep, wait_for};
///
/// async fn patient() -> Result<(), TimeoutError> {
///     wait_for(sleep(10), 0.001).await?;
///     Ok(())
/// }
///
/// assert_eq!(asyncio::run(patient()), Err(TimeoutError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeoutError;

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is over")
    }
}

impl Error for TimeoutError {}

/// Several exceptions at once: Python's `ExceptionGroup`, which a [`TaskGroup`](crate::TaskGroup) ends with.
///
/// ```
/// use asyncio::{ExceptionGroup, TaskGroup};
///
/// let outcome = asyncio::run(TaskGroup::run(async |group| {
///     group.create_task(async { panic!("one") });
///     group.create_task(async { panic!("two") });
/// }));
/// let error: ExceptionGroup = outcome.unwrap_err();
/// assert_eq!(error.message(), "unhandled errors in a TaskGroup");
/// let messages: Vec<_> = error.exceptions().iter().map(|exception| exception.message()).collect();
/// assert_eq!(messages, ["one", "two"]);
/// ```
#[derive(Debug, Clone)]
pub struct ExceptionGroup {
    message: String,
    exceptions: Vec<Exception>,
}

impl ExceptionGroup {
    pub(crate) fn of_tasks(exceptions: Vec<Exception>) -> Self {
        Self { message: "unhandled errors in a TaskGroup".to_owned(), exceptions }
    }

    /// What they have in common.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The exceptions, in the order of their coming.
    #[must_use]
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }
}

impl fmt::Display for ExceptionGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.exceptions.len() == 1 { "" } else { "s" };
        write!(f, "{} ({} sub-exception{plural})", self.message, self.exceptions.len())
    }
}

impl Error for ExceptionGroup {}

/// The queue was shut down: Python's `asyncio.QueueShutDown`, raised by `put` and `get`.
///
/// ```
/// use asyncio::{Queue, QueueShutDown};
///
/// let queue = Queue::new(0);
/// queue.shutdown(false);
/// let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| queue.put_nowait(1)));
/// assert!(refused.unwrap_err().is::<QueueShutDown>());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueShutDown;

impl fmt::Display for QueueShutDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue was shut down")
    }
}

impl Error for QueueShutDown {}

macro_rules! with_message {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            message: String,
        }

        impl $name {
            /// An error that says `message`.
            #[must_use]
            pub fn new(message: impl Into<String>) -> Self {
                Self { message: message.into() }
            }

            /// What went wrong, in Python's words where Python has the same error.
            #[must_use]
            pub fn message(&self) -> &str {
                &self.message
            }

            /// Raises this error: unwinds with it as the panic's payload.
            #[track_caller]
            pub(crate) fn raise(self) -> ! {
                panic_any(self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.message)
            }
        }

        impl Error for $name {}
    };
}

with_message! {
    /// An operation that makes no sense now, such as running a closed loop: Python's `RuntimeError`.
    RuntimeError
}

with_message! {
    /// A result or an exception was asked for that is not there yet: Python's `asyncio.InvalidStateError`.
    InvalidStateError
}

with_message! {
    /// A value that cannot be used in this place, such as a task of another loop: Python's `ValueError`.
    ValueError
}

with_message! {
    /// Nobody could be asked, or nobody answered: what [`input`](crate::input) raises. Python has `EOFError` for that, and
    /// IPython `StdinNotImplementedError`.
    InputError
}

/// Raises [`RuntimeError`] with a fixed message; out of line, so that callers stay small.
#[cold]
#[track_caller]
pub(crate) fn misuse(message: &str) -> ! {
    RuntimeError::new(message).raise()
}

/// Raises [`InvalidStateError`] with a fixed message.
#[cold]
#[track_caller]
pub(crate) fn invalid_state(message: &str) -> ! {
    InvalidStateError::new(message).raise()
}

/// Raises [`ValueError`] with a fixed message.
#[cold]
#[track_caller]
pub(crate) fn value_error(message: &str) -> ! {
    ValueError::new(message).raise()
}

/// Raises [`CancelledError`] in whoever waits. It is no fault, so no panic hook runs.
#[cold]
pub(crate) fn raise_cancelled() -> ! {
    resume_unwind(Box::new(CancelledError))
}

/// Raises [`KeyboardInterrupt`]. It is no fault, so no panic hook runs.
#[cold]
pub(crate) fn raise_interrupt() -> ! {
    resume_unwind(Box::new(KeyboardInterrupt))
}

/// Names what a panic carried: the exception's name and its message (Jupyter's `ename` and `evalue`).
///
/// Knows the types of this module, an [`Exception`] raised again, and the strings of `panic!`, whose name is `panic`.
/// Any other payload is a `panic` too, with a message that says it has none.
///
/// ```
/// let payload = std::panic::catch_unwind(|| panic!("division by zero")).unwrap_err();
/// assert_eq!(asyncio::error::describe(&*payload), ("panic".into(), "division by zero".into()));
/// ```
#[must_use]
pub fn describe(payload: &(dyn Any + Send)) -> (String, String) {
    let (name, message) = name_and_message(payload);
    (name.to_owned(), message)
}

/// As [`describe`], for a panic hook.
///
/// ```standalone_crate
/// std::panic::set_hook(Box::new(|info| {
///     let (name, message) = asyncio::error::describe_panic(info);
///     assert_eq!((name.as_str(), message.as_str()), ("panic", "no"));
/// }));
/// assert!(std::panic::catch_unwind(|| panic!("no")).is_err());
/// ```
#[must_use]
pub fn describe_panic(info: &std::panic::PanicHookInfo<'_>) -> (String, String) {
    let (name, message) = name_and_message(info.payload());
    (name.to_owned(), message)
}

/// As [`describe`]; the names are few and known, so they need no allocation.
fn name_and_message(payload: &(dyn Any + Send)) -> (&'static str, String) {
    if let Some(exception) = payload.downcast_ref::<Exception>() {
        (exception.name(), exception.message().to_owned())
    } else if payload.is::<KeyboardInterrupt>() {
        ("KeyboardInterrupt", String::new())
    } else if payload.is::<CancelledError>() {
        ("CancelledError", String::new())
    } else if let Some(error) = payload.downcast_ref::<QueueShutDown>() {
        ("QueueShutDown", error.to_string())
    } else if let Some(error) = payload.downcast_ref::<RuntimeError>() {
        ("RuntimeError", error.message.clone())
    } else if let Some(error) = payload.downcast_ref::<InvalidStateError>() {
        ("InvalidStateError", error.message.clone())
    } else if let Some(error) = payload.downcast_ref::<ValueError>() {
        ("ValueError", error.message.clone())
    } else if let Some(error) = payload.downcast_ref::<InputError>() {
        ("InputError", error.message.clone())
    } else if let Some(text) = payload.downcast_ref::<&'static str>() {
        ("panic", (*text).to_owned())
    } else if let Some(text) = payload.downcast_ref::<String>() {
        ("panic", text.clone())
    } else {
        ("panic", "a value without a message".to_owned())
    }
}

/// What the system says of an attempt, behind what was attempted: it does not name the file, program or address itself.
pub(crate) fn of_attempt(attempt: impl fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{attempt}: {error}"))
}
