//! What a task raised, kept so that every awaiter can raise it again and anybody can read it.
//! Made where a task or callback is stepped; read through `Task::exception` and the "never retrieved" report.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::hook::Origin;
use super::{CancelledError, KeyboardInterrupt, name_and_message, take_origin};

/// An exception that ended a task: what Python's `task.exception()` returns.
///
/// Cheap to clone: all clones share one record. It is also the payload with which `task.await` unwinds.
///
/// ```
/// use asyncio::{Exception, ensure_future, wait};
///
/// asyncio::run(async {
///     let task = ensure_future(async { panic!("no more {}", "tea") });
///     wait([&task]).await;
///     let exception: Exception = task.exception().unwrap();
///     assert_eq!((exception.name(), exception.message()), ("panic", "no more tea"));
///     assert!(exception.location().unwrap().contains(".rs:"));
///     assert!(exception.frames().is_empty(), "no panic hook has asked for them");
///     assert_eq!(format!("{exception:?}"), "panic('no more tea')");
///
///     let future = asyncio::Future::<i32>();
///     future.set_exception(Exception::new("by hand"));
///     assert_eq!(future.exception().unwrap().to_string(), "Exception: by hand");
///
///     let again = std::panic::catch_unwind(|| Exception::panic("again").raise());
///     assert_eq!(asyncio::error::describe(&*again.unwrap_err()).1, "again");
/// });
/// ```
#[derive(Clone)]
pub struct Exception {
    record: Arc<Record>,
}

struct Record {
    kind: Kind,
    name: &'static str,
    message: String,
    origin: Origin,
}

/// How an exception continues when it is raised again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As this [`Exception`].
    Plain,
    /// As [`CancelledError`], so that the awaiter counts as cancelled.
    Cancelled,
    /// As [`KeyboardInterrupt`], so that the loop stops again.
    Interrupt,
}

impl Exception {
    /// An exception made by hand, for [`Future::set_exception`](crate::futures::Future::set_exception): Python's
    /// `Exception(message)`.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self::plain("Exception", message.into())
    }

    /// As if by `panic!(message)`.
    #[must_use]
    pub fn panic(message: impl Into<String>) -> Self {
        Self::plain("panic", message.into())
    }

    /// An error as an exception: its type's name and its message.
    ///
    /// ```
    /// let error = "x".parse::<i32>().unwrap_err();
    /// assert_eq!(asyncio::Exception::from_error(&error).to_string(), "ParseIntError: invalid digit found in string");
    /// ```
    #[must_use]
    pub fn from_error<E: std::error::Error>(error: &E) -> Self {
        let path = std::any::type_name::<E>();
        let path = &path[..path.find('<').unwrap_or(path.len())];
        Self::plain(path.rsplit("::").next().unwrap_or(path), error.to_string())
    }

    fn plain(name: &'static str, message: String) -> Self {
        Self { record: Arc::new(Record { kind: Kind::Plain, name, message, origin: Origin::default() }) }
    }

    /// Reads a caught panic; the origin of a fresh one is what the panic hook noted on this thread.
    pub(crate) fn from_payload(payload: &(dyn Any + Send)) -> Self {
        let raised_at = take_origin();
        if let Some(again) = payload.downcast_ref::<Self>() {
            return again.clone();
        }
        let kind = if payload.is::<CancelledError>() {
            Kind::Cancelled
        } else if payload.is::<KeyboardInterrupt>() {
            Kind::Interrupt
        } else {
            Kind::Plain
        };
        let (name, message) = name_and_message(payload);
        let origin = if kind == Kind::Plain { raised_at } else { Origin::default() };
        Self { record: Arc::new(Record { kind, name, message, origin }) }
    }

    /// A [`CancelledError`] held as a value: what `gather` keeps when one of its children was cancelled.
    pub(crate) fn cancelled() -> Self {
        Self::from_payload(&CancelledError)
    }

    /// How this exception goes on when raised again.
    pub(crate) fn kind(&self) -> Kind {
        self.record.kind
    }

    /// The exception's name: `panic` for a plain `panic!`, else a type's name such as `RuntimeError`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.record.name
    }

    /// What the panic said; empty when it said nothing.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.record.message
    }

    /// Where it was raised, as `file:line:column`, when the panic hook saw it.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.record.origin.place.as_deref()
    }

    /// The addresses to which the functions that were running then would have returned, innermost first; empty unless the
    /// panic hook took them down with [`note_origin`](super::note_origin).
    #[must_use]
    pub fn frames(&self) -> &[usize] {
        &self.record.origin.frames
    }

    /// Raises it again, without another run of the panic hook.
    pub fn raise(&self) -> ! {
        match self.record.kind {
            Kind::Plain => resume_unwind(Box::new(self.clone())),
            Kind::Cancelled => resume_unwind(Box::new(CancelledError)),
            Kind::Interrupt => resume_unwind(Box::new(KeyboardInterrupt)),
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message().is_empty() {
            f.write_str(self.name())
        } else {
            write!(f, "{}: {}", self.name(), self.message())
        }
    }
}

/// As Python's `repr`: `panic('division by zero')`, `KeyboardInterrupt()`.
impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message().is_empty() {
            write!(f, "{}()", self.name())
        } else {
            write!(f, "{}('{}')", self.name(), self.message())
        }
    }
}

impl std::error::Error for Exception {}
