//! What the loop says when an exception has no taker: "Task exception was never retrieved", "Exception in callback".
//! Called by steps, callbacks and the drop of a task's last handle; `EventLoop::set_exception_handler` redirects it.

use std::fmt;
use std::rc::Rc;

use crate::error::Exception;
use crate::state::core::Core;

/// Who hears of exceptions without a taker, instead of stderr: for `EventLoop::set_exception_handler`.
pub type ExceptionHandler = Rc<dyn Fn(&Report)>;

/// An exception that nobody took: Python's exception handler context.
#[derive(Debug, Clone)]
pub struct Report {
    message: String,
    subject: Option<String>,
    exception: Exception,
}

impl Report {
    pub(crate) fn new(message: String, subject: Option<String>, exception: Exception) -> Self {
        Self { message, subject, exception }
    }

    /// What happened: "Task exception was never retrieved", "Exception in callback tick".
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The task concerned, as its `Debug` form.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The exception.
    #[must_use]
    pub fn exception(&self) -> &Exception {
        &self.exception
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.message)?;
        if let Some(subject) = &self.subject {
            writeln!(f, "future: {subject}")?;
        }
        if let Some(location) = self.exception.location() {
            write!(f, "{location}: ")?;
        }
        write!(f, "{}", self.exception)
    }
}

/// Delivers a report: to the loop's handler, else to stderr.
#[expect(clippy::print_stderr, reason = "the place where Python writes these, too")]
pub(crate) fn deliver(core: Option<&Core>, report: &Report) {
    let handler = core.and_then(|core| core.handler.borrow().clone());
    match handler {
        Some(handler) => handler(report),
        None => eprintln!("{report}"),
    }
}
