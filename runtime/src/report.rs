//! What the loop says when an exception has no taker ("Task exception was never retrieved", "Exception in callback"), and
//! when a task is lost ("Task was destroyed but it is pending!"). Called by steps, callbacks, the drop of a task's last
//! handle and the end of a loop; `EventLoop::set_exception_handler` redirects it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use crate::error::{Exception, KeyboardInterrupt};
use crate::state::core::Core;

/// Who hears of exceptions without a taker and of lost tasks, instead of stderr: for `EventLoop::set_exception_handler`.
pub type ExceptionHandler = Rc<dyn Fn(&Report)>;

/// An exception that nobody took, or a task that was lost: Python's exception handler context.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use asyncio::{ExceptionHandler, Report, ensure_future};
///
/// let reports: Rc<RefCell<Vec<Report>>> = Rc::default();
/// let all = Rc::clone(&reports);
/// let handler: ExceptionHandler = Rc::new(move |report| all.borrow_mut().push(report.clone()));
/// asyncio::run(async {
///     asyncio::get_running_loop().set_exception_handler(Some(handler));
///     drop(ensure_future(async { panic!("no") }));
///     asyncio::sleep(0).await;
/// });
/// let reports = reports.borrow();
/// assert_eq!(reports[0].message(), "Task exception was never retrieved");
/// assert!(reports[0].subject().unwrap().starts_with("<Task finished name='Task-"));
/// assert_eq!(reports[0].exception().unwrap().message(), "no");
/// ```
#[derive(Debug, Clone)]
pub struct Report {
    message: String,
    subject: Option<String>,
    exception: Option<Exception>,
}

impl Report {
    pub(crate) fn new(message: String, subject: Option<String>, exception: Exception) -> Self {
        Self { message, subject, exception: Some(exception) }
    }

    /// A task is dropped before it has ended.
    pub(crate) fn destroyed(task: String) -> Self {
        Self { message: "Task was destroyed but it is pending!".to_owned(), subject: Some(task), exception: None }
    }

    /// A remark of debug mode.
    pub(crate) fn remark(message: String) -> Self {
        Self { message, subject: None, exception: None }
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

    /// The exception; `None` for a task that was lost.
    #[must_use]
    pub fn exception(&self) -> Option<&Exception> {
        self.exception.as_ref()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(subject) = &self.subject {
            let kind = if self.exception.is_some() { "future" } else { "task" };
            write!(f, "\n{kind}: {subject}")?;
        }
        if let Some(exception) = &self.exception {
            let location = exception.location().map(|location| format!("{location}: ")).unwrap_or_default();
            write!(f, "\n{location}{exception}")?;
        }
        Ok(())
    }
}

/// Delivers a report: to the loop's handler, else to stderr.
#[expect(clippy::print_stderr, reason = "the place where Python writes these, too")]
pub(crate) fn deliver(core: Option<&Core>, report: &Report) {
    let handler = core.and_then(|core| core.handler.borrow().clone());
    match handler {
        Some(handler) => {
            let Err(payload) = catch_unwind(AssertUnwindSafe(|| handler(report))) else { return };
            if payload.is::<KeyboardInterrupt>() && !std::thread::panicking() {
                resume_unwind(payload);
            }
            eprintln!("Unhandled error in exception handler\n{report}");
        }
        None => eprintln!("{report}"),
    }
}
