//! What the cell thread has to do, and what it is doing. `control` adds jobs and interrupts them; `main` does them, one
//! after the other, guests also between two turns of a loop that a cell drives.
//!
//! Invariants:
//! 1. An interrupt names its run. A cell that waits here is taken back; a run that is under way gets a
//!    `KeyboardInterrupt` as soon as it is the innermost; any other is not touched. What a comm has to say waits on, or
//!    a widget would have another value here than in the front end.
//! 2. `asyncio`'s pending interrupt is always that of the innermost run.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use boucle_wire::{Run, Work};

/// Something for the cell thread.
#[derive(Debug)]
pub(crate) enum Job {
    Run(Run),
    SetVariable { name: String, value: String },
    SetClock { is_virtual: bool },
    ListTasks,
}

impl Job {
    /// Whether it may be done while a cell drives a loop.
    fn is_guest(&self) -> bool {
        match self {
            Job::Run(run) => run.guest,
            Job::SetVariable { .. } | Job::ListTasks => true,
            Job::SetClock { .. } => false,
        }
    }
}

/// The jobs of the cell thread.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Job>,
    /// The runs that are under way, the innermost last.
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    cell: u64,
    /// An interrupt waits for the end of the guest that runs inside.
    interrupted: bool,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, job: Job) {
        let guest = job.is_guest();
        self.lock().waiting.push_back(job);
        self.changed.notify_all();
        if guest {
            asyncio::cell::knock();
        }
    }

    /// Waits for the next job; a run is under way from here.
    pub(crate) fn next(&self) -> Job {
        let mut state = self.lock();
        loop {
            match state.waiting.pop_front() {
                Some(job) => return self.begin(state, job),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// The next job that may be done while a cell drives a loop.
    pub(crate) fn next_guest(&self) -> Option<Job> {
        let mut state = self.lock();
        let at = state.waiting.iter().position(Job::is_guest)?;
        let job = state.waiting.remove(at)?;
        Some(self.begin(state, job))
    }

    fn begin(&self, mut state: MutexGuard<'_, State>, job: Job) -> Job {
        if let Job::Run(run) = &job {
            if let Some(outer) = state.running.last_mut() {
                outer.interrupted |= asyncio::interrupt::is_pending();
            }
            asyncio::interrupt::clear();
            state.running.push(Running { cell: run.cell, interrupted: false });
            self.changed.notify_all();
        }
        job
    }

    /// The innermost run has ended: an interrupt that came too late for it is forgotten. The run that goes on, if any.
    pub(crate) fn end(&self) -> Option<u64> {
        let mut state = self.lock();
        state.running.pop();
        asyncio::interrupt::clear();
        let outer = state.running.last_mut()?;
        if std::mem::take(&mut outer.interrupted) {
            asyncio::interrupt::request();
        }
        Some(outer.cell)
    }

    /// Interrupts a run. True if it had not begun: then it never will.
    pub(crate) fn interrupt(&self, cell: u64) -> bool {
        let mut state = self.lock();
        let innermost = state.running.len();
        match state.running.iter_mut().enumerate().find(|(_, running)| running.cell == cell) {
            Some((at, _)) if at + 1 == innermost => asyncio::interrupt::request(),
            Some((_, running)) => running.interrupted = true,
            None => {
                let before = state.waiting.len();
                state.waiting.retain(
                    |job| !matches!(job, Job::Run(run) if run.cell == cell && !matches!(run.work, Work::Comm(_))),
                );
                return state.waiting.len() < before;
            }
        }
        false
    }

    /// Whether an interrupt of this run is still waiting to be raised.
    pub(crate) fn is_interrupted(&self, cell: u64) -> bool {
        let state = self.lock();
        let innermost = state.running.last().is_some_and(|running| running.cell == cell);
        let waits = state.running.iter().any(|running| running.cell == cell && running.interrupted);
        waits || (innermost && asyncio::interrupt::is_pending())
    }

    /// The run that is under way, the innermost if there are several.
    pub(crate) fn current(&self) -> Option<u64> {
        self.lock().running.last().map(|running| running.cell)
    }

    /// Waits until something runs.
    pub(crate) fn wait_for_run(&self) {
        let mut state = self.lock();
        while state.running.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
