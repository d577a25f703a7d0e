//! TEST DOUBLE, to be replaced: echoes cells instead of running them, so that the Jupyter side
//! compiles and can be tested. Called by `handlers::execute` and `kernel`.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Notify;

use crate::error::ErrorReport;
use crate::publish::{MimeBundle, Publisher, StreamName};

/// What the engine needs to know.
#[derive(Debug, Default)]
pub(crate) struct EngineConfig {}

/// Runs cells.
#[derive(Debug)]
pub(crate) struct Engine {
    interrupted: Arc<Notify>,
}

/// Interrupts what the engine does, from anywhere.
#[derive(Debug, Clone)]
pub(crate) struct Interrupter {
    interrupted: Arc<Notify>,
}

/// A cell to run.
#[derive(Debug)]
pub(crate) struct CellRequest<'a> {
    pub(crate) code: &'a str,
    pub(crate) execution_count: u64,
    pub(crate) silent: bool,
}

/// How a cell ended.
#[derive(Debug)]
pub(crate) enum Executed {
    Ok,
    Error(ErrorReport),
}

/// Whether a front end should run what was typed, or let the user go on typing.
#[derive(Debug)]
pub(crate) enum IsComplete {
    Complete,
    #[expect(dead_code, reason = "the test double does not look at the code")]
    Incomplete {
        indent: String,
    },
    #[expect(dead_code, reason = "the test double does not look at the code")]
    Invalid,
    #[expect(dead_code, reason = "the test double does not look at the code")]
    Unknown,
}

impl Engine {
    pub(crate) fn new(_config: EngineConfig) -> (Self, Interrupter) {
        let interrupted = Arc::<Notify>::default();
        let engine = Self { interrupted: Arc::clone(&interrupted) };
        (engine, Interrupter { interrupted })
    }

    pub(crate) async fn warm_up(&mut self) {}

    pub(crate) async fn execute(&mut self, cell: &CellRequest<'_>, publisher: &Publisher) -> Executed {
        if cell.code.starts_with("loop") {
            self.interrupted.notified().await;
            return Executed::Error(ErrorReport::plain("KeyboardInterrupt", ""));
        }
        if cell.code.starts_with("panic!") {
            return Executed::Error(ErrorReport::plain("panic", cell.code));
        }
        if cell.code.starts_with("print") {
            publisher.stream(StreamName::Stdout, "out".to_owned());
            publisher.stream(StreamName::Stderr, "err".to_owned());
            publisher.flush().await;
            return Executed::Ok;
        }
        if cell.code.starts_with("display") {
            let id = "id".to_owned();
            publisher.clear_output(true);
            publisher.display_data(MimeBundle::new(), MimeBundle::new(), Some(id.clone()));
            publisher.update_display_data(MimeBundle::new(), MimeBundle::new(), id);
            return Executed::Ok;
        }
        if !cell.silent {
            let data = MimeBundle::from_iter([("text/plain".to_owned(), json!(cell.code))]);
            publisher.execute_result(cell.execution_count, data);
        }
        Executed::Ok
    }

    pub(crate) async fn shutdown(self) {}
}

impl Interrupter {
    pub(crate) fn interrupt(&self) {
        self.interrupted.notify_waiters();
    }
}

/// Classifies the code that a console has so far.
pub(crate) fn is_complete(_code: &str) -> IsComplete {
    IsComplete::Complete
}
