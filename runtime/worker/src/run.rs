//! Runs one cell, or the callbacks of a comm, and tells the kernel how it ended. Called by `main`.

use std::any::Any;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use asyncio::cell::{Failed, Scope};
use asyncio::error::Exception;
use boucle_wire::{Done, Failure, FrameError, FromWorker, Library, Run, Stored, TaskRow, Work};

use crate::control::Kernel;
use crate::flush::flush;
use crate::{comm, frames, load, places};

/// Runs a cell, or what a message of a comm asks for, to its end, and tells the kernel how it ended.
///
/// # Errors
/// If the kernel is gone.
pub(crate) fn run(scope: &Scope, kernel: &Kernel, run: Run) -> Result<(), FrameError> {
    let Run { cell, announce, work, .. } = run;
    if announce {
        flush();
        kernel.ask(&FromWorker::Begins { cell })?;
        if matches!(work, Work::Comm(_)) {
            // What was pressed until now was meant for the cell that this message has waited for.
            asyncio::interrupt::clear();
        }
    }
    // What an earlier cell caught itself is no business of this one.
    places::take_last();
    let mut done = Done { cell, ..Done::default() };
    match work {
        Work::Library(library) => run_library(scope, library, &mut done),
        Work::Comm(event) => {
            done.failure = catch_unwind(AssertUnwindSafe(|| comm::deliver(event))).err().map(describe);
        }
    }
    // stdout is line-buffered; the rest of it belongs before the reply.
    flush();
    done.variables = scope.names();
    let outer = kernel.jobs().end();
    kernel.send(&FromWorker::Done(done))?;
    match outer {
        Some(cell) => kernel.ask(&FromWorker::Begins { cell }),
        None => Ok(()),
    }
}

fn run_library(scope: &Scope, library: Library, done: &mut Done) {
    let Library { crates, path, forget, discard, file, pieces } = library;
    places::add(file, pieces);
    let begun = Instant::now();
    let entry = load::load(&crates, &path);
    done.loaded = entry.is_ok();
    done.times.load = begun.elapsed();
    let (begun, processor) = (Instant::now(), processor_time());
    let ending = catch_unwind(AssertUnwindSafe(|| {
        scope.begin(&forget, discard);
        match entry {
            Ok(Some(entry)) => entry(scope),
            Ok(None) => Ok(()),
            Err(message) => Err(Box::new(asyncio::RuntimeError::new(message)) as Box<dyn Any + Send>),
        }
    }));
    done.times.wall = begun.elapsed();
    done.times.processor = processor_time().saturating_sub(processor);
    done.failure = ending.and_then(|ending| ending).err().map(describe);
    done.stored = scope.end().into_iter().map(|stored| Stored { name: stored.name, site: stored.site }).collect();
}

/// The end of a run that was interrupted before it began.
pub(crate) fn interrupted(cell: u64) -> Done {
    Done { cell, failure: Some(describe(Box::new(asyncio::KeyboardInterrupt))), ..Done::default() }
}

/// The processor time that this process has used.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a `timespec` that lives during the call. The clock exists wherever cells run.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Sets an environment variable of this process, and of what cells start in it.
pub(crate) fn set_variable(name: &str, value: &str) {
    // SAFETY: no cell runs, and this process's own threads do not read the environment. A thread that a cell has left
    // behind might; what it reads there would race with a cell that sets a variable in the same way.
    unsafe { std::env::set_var(name, value) };
}

/// The tasks of the current loop that have not ended.
pub(crate) fn pending_tasks() -> Vec<TaskRow> {
    let tasks = catch_unwind(|| asyncio::get_event_loop().inspect_tasks()).unwrap_or_default();
    let row = |task: asyncio::TaskInfo| TaskRow {
        name: task.name,
        coroutine: task.coroutine,
        state: task.state.to_string(),
        awaits: task.awaits,
        place: task.place,
        since: Duration::try_from_secs_f64(task.since).unwrap_or_default(),
        awaited_by: task.awaited_by,
    };
    tasks.into_iter().map(row).collect()
}

/// What ended a cell, in words.
fn describe(payload: Box<dyn Any + Send>) -> Failure {
    if let Some(failed) = payload.downcast_ref::<Failed>() {
        let place = failed.location;
        let location = Some(places::translate(place.file(), place.line(), place.column()));
        let (name, message, causes) = (failed.name.clone(), failed.message.clone(), failed.causes.clone());
        return Failure { name, message, location, causes, frames: Vec::new() };
    }
    let (name, message) = asyncio::error::describe(&*payload);
    let (location, addresses) = match payload.downcast_ref::<Exception>() {
        Some(exception) => (exception.location().and_then(places::parse), exception.frames().to_vec()),
        None if name == "KeyboardInterrupt" || name == "CancelledError" => (None, Vec::new()),
        None => places::take_last(),
    };
    // Dropping a payload can panic; that must not end the worker.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
    Failure { name, message, location, causes: Vec::new(), frames: frames::located(&addresses) }
}

/// Tells the user, on stderr.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
