//! Runs one cell and tells the kernel how it ended. Called by `main`.

use std::any::Any;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use asyncio::cell::{Failed, Scope};
use asyncio::error::Exception;
use boucle_wire::{Done, Failure, FromWorker, Run, Stored};

use crate::control::Kernel;
use crate::{load, places};

/// How often stdout is flushed while a cell runs: a line that has only been begun appears after this time.
const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// Runs a cell to its end.
pub(crate) fn run(scope: &Scope, kernel: &Kernel, run: Run) -> Done {
    let Run { cell, library, forget, discard, file, pieces } = run;
    places::add(file, pieces);
    // What an earlier cell caught itself is no business of this one.
    places::take_last();
    let entry = load::load(&library);
    let loaded = entry.is_ok();
    let ending = catch_unwind(AssertUnwindSafe(|| {
        scope.begin(&forget, discard);
        match entry {
            Ok(Some(entry)) => entry(scope),
            Ok(None) => Ok(()),
            Err(message) => Err(Box::new(asyncio::RuntimeError::new(message)) as Box<dyn Any + Send>),
        }
    }));
    let failure = ending.and_then(|ending| ending).err().map(describe);
    // stdout is line-buffered; the rest of it belongs before the reply. When it is closed, so be it.
    let _ = io::stdout().flush();
    kernel.end();
    let stored = scope.stored().into_iter().map(|stored| Stored { name: stored.name, site: stored.site }).collect();
    Done { cell, loaded, stored, variables: scope.names(), failure }
}

/// What ended a cell, in words.
fn describe(payload: Box<dyn Any + Send>) -> Failure {
    if let Some(failed) = payload.downcast_ref::<Failed>() {
        let place = failed.location;
        let location = Some(places::translate(place.file(), place.line(), place.column()));
        return Failure { name: failed.name.clone(), message: failed.message.clone(), location };
    }
    let (name, message) = asyncio::error::describe(&*payload);
    let location = match payload.downcast_ref::<Exception>() {
        Some(exception) => exception.location().and_then(places::parse),
        None if name == "KeyboardInterrupt" || name == "CancelledError" => None,
        None => places::take_last(),
    };
    // Dropping a payload can panic; that must not end the worker.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
    Failure { name, message, location }
}

/// Sends a value to be shown, behind all that was printed before it.
pub(crate) fn show(kernel: &Kernel, result: bool, representations: Vec<(String, String)>) {
    let _ = io::stdout().flush();
    let Some(cell) = kernel.current_cell() else { return };
    // If the kernel is gone, this process is about to end.
    let _ = kernel.send(&FromWorker::Show { cell, result, data: representations.into_iter().collect() });
}

/// Flushes stdout while cells run, so that `print!` without a line break is seen.
pub(crate) fn flush_while_cells_run(kernel: Kernel) {
    let flush = move || loop {
        kernel.wait_for_cell();
        thread::sleep(FLUSH_EVERY);
        // Waits while the cell holds the lock, as it must.
        let _ = io::stdout().flush();
    };
    // Without this thread partial lines come late, and nothing else is amiss.
    let _ = thread::Builder::new().name("boucle-flush".into()).spawn(flush);
}

/// Tells the user, on stderr.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
