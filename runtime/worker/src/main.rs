//! `boucle-worker`: the process in which the cells of a notebook run. Started by the kernel, one at a time.
//!
//! The main thread owns the variables and the event loop and runs one cell after the other, and guests between two turns of
//! a loop that a cell drives. A second thread listens to
//! the kernel, so that an interrupt reaches a cell that runs; a third one flushes stdout meanwhile.
//!
//! Invariants:
//! 1. Only `load` opens libraries, and nothing ever closes one: values and tasks keep pointing into it.
//! 2. An interrupt names its cell, and is dropped when that cell is not running: it never hits the next one.
//! 3. When the kernel is gone, so is this process, and whatever it started.

mod ask;
mod comm;
mod control;
mod flush;
mod frames;
mod jobs;
mod limits;
mod load;
mod places;
mod run;
mod show;

use std::convert::Infallible;
use std::process::ExitCode;
use std::rc::Rc;

use asyncio::cell::Scope;
use boucle_wire::{FrameError, FromWorker, VERSION};

use control::Kernel;
use jobs::Job;

fn main() -> ExitCode {
    let Err(problem) = serve();
    run::complain(&format!("boucle-worker: {problem}"));
    ExitCode::FAILURE
}

fn serve() -> Result<Infallible, Box<dyn std::error::Error>> {
    let kernel = Kernel::connect()?;
    limits::apply();
    asyncio::interrupt::set_cell_thread();
    asyncio::interrupt::assume_external_source();
    places::install_panic_hook(kernel.clone());
    flush::start(kernel.clone());
    show::tell(kernel.clone());
    ask::tell(kernel.clone());
    comm::tell(kernel.clone());
    let scope = Rc::new(Scope::default());
    kernel.send(&FromWorker::Hello { version: VERSION })?;
    // Plain code may use tokio's sockets and timers as if a loop ran. All loops of the thread share what this enters.
    let any_loop = asyncio::new_event_loop();
    let _context = any_loop.enter();
    asyncio::cell::assume_notebook();
    asyncio::cell::record_timeline();
    let (guests, scope_of_guests) = (kernel.clone(), Rc::clone(&scope));
    asyncio::cell::welcome(move || {
        while let Some(job) = guests.jobs().next_guest() {
            // If the kernel is gone, this process is about to end.
            let _ = perform(job, &scope_of_guests, &guests);
        }
    });
    loop {
        perform(kernel.jobs().next(), &scope, &kernel)?;
    }
}

fn perform(job: Job, scope: &Scope, kernel: &Kernel) -> Result<(), FrameError> {
    match job {
        Job::Run(run) => run::run(scope, kernel, run),
        Job::SetVariable { name, value } => {
            run::set_variable(&name, &value);
            Ok(())
        }
        Job::SetClock { is_virtual } => {
            asyncio::set_virtual_time(is_virtual);
            Ok(())
        }
        Job::ListTasks => kernel.send(&FromWorker::Tasks(run::pending_tasks())),
    }
}
