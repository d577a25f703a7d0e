//! `boucle-worker`: the process in which the cells of a notebook run. Started by the kernel, one at a time.
//!
//! The main thread owns the variables and the event loop and runs one cell after the other. A second thread listens to
//! the kernel, so that an interrupt reaches a cell that runs; a third one flushes stdout meanwhile.
//!
//! Invariants:
//! 1. Only `load` opens libraries, and nothing ever closes one: values and tasks keep pointing into it.
//! 2. An interrupt names its cell, and is dropped when that cell is not running: it never hits the next one.
//! 3. When the kernel is gone, so is this process, and whatever it started.

mod ask;
mod control;
mod frames;
mod limits;
mod load;
mod places;
mod run;
mod show;

use std::process::ExitCode;

use asyncio::cell::Scope;
use boucle_wire::{FromWorker, VERSION};

use control::{Job, Kernel};

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            run::complain(&format!("boucle-worker: {problem}"));
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (kernel, jobs) = Kernel::connect()?;
    limits::apply();
    asyncio::interrupt::set_cell_thread();
    asyncio::interrupt::assume_external_source();
    places::install_panic_hook(kernel.clone());
    run::flush_while_cells_run(kernel.clone());
    show::tell(kernel.clone());
    ask::tell(kernel.clone());
    let scope = Scope::default();
    kernel.send(&FromWorker::Hello { version: VERSION })?;
    // Plain code may use tokio's sockets and timers as if a loop ran. All loops of the thread share what this enters.
    let any_loop = asyncio::new_event_loop();
    let _context = any_loop.enter();
    asyncio::cell::record_timeline();
    for job in jobs {
        match job {
            Job::Run(cell) => kernel.send(&FromWorker::Done(run::run(&scope, &kernel, cell)))?,
            Job::SetVariable { name, value } => run::set_variable(&name, &value),
            Job::SetClock { is_virtual } => asyncio::set_virtual_time(is_virtual),
            Job::ListTasks => kernel.send(&FromWorker::Tasks(run::pending_tasks()))?,
        }
    }
    Ok(())
}
