//! Who waits for what the worker says: the cells that run, and those who have asked it something. `frames` delivers;
//! `process` waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use boucle_wire::{Done, FromWorker, Question, ToWorker};
use tokio::sync::{mpsc, oneshot};

use crate::publish::Publisher;

/// Why a question gets no answer that nobody can be asked.
const NOBODY: &str = "no cell runs, so nobody can be asked; ask while a cell waits, for example with `.await`";

/// The addresses of all who wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Routes(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// Nothing will come any more.
    closed: bool,
    runs: Vec<Run>,
    /// Those who wait for an answer, in the order of asking, which is that of the answers.
    askers: VecDeque<oneshot::Sender<FromWorker>>,
}

/// A run that has not ended.
#[derive(Debug)]
struct Run {
    cell: u64,
    /// For whom it is, and the number of the value that it shows.
    publisher: Publisher,
    execution_count: Option<u64>,
    frames: mpsc::UnboundedSender<FromWorker>,
}

/// What the worker says about one run. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Route {
    routes: Routes,
    cell: u64,
    frames: mpsc::UnboundedReceiver<FromWorker>,
}

impl Routes {
    /// From now on, what concerns this run goes to the returned route. Also whether it is the only one.
    pub(super) fn run(&self, cell: u64, publisher: &Publisher, execution_count: Option<u64>) -> (Route, bool) {
        let (sender, frames) = mpsc::unbounded_channel();
        let mut table = self.lock();
        let alone = table.runs.is_empty();
        if !table.closed {
            table.runs.push(Run { cell, publisher: publisher.clone(), execution_count, frames: sender });
        }
        (Route { routes: self.clone(), cell, frames }, alone)
    }

    /// For whom a run is, and the number of the value that it shows.
    pub(super) fn audience(&self, cell: u64) -> Option<(Publisher, Option<u64>)> {
        let table = self.lock();
        let run = table.runs.iter().find(|run| run.cell == cell)?;
        Some((run.publisher.clone(), run.execution_count))
    }

    /// Where the next answer arrives; an error when the worker ends before.
    pub(super) fn answer(&self) -> oneshot::Receiver<FromWorker> {
        let (sender, answer) = oneshot::channel();
        let mut table = self.lock();
        if !table.closed {
            table.askers.push_back(sender);
        }
        answer
    }

    /// Passes a frame on. What is to be told the worker at once.
    pub(super) fn deliver(&self, frame: FromWorker) -> Option<ToWorker> {
        let mut table = self.lock();
        let cell = match &frame {
            FromWorker::Done(Done { cell, .. }) | FromWorker::Interrupted { cell, .. } => Some(*cell),
            FromWorker::Panicking { cell, .. } | FromWorker::Ask(Question { cell, .. }) => *cell,
            FromWorker::Withdraw { .. } => {
                // Only one of them knows the question.
                table.runs.retain(|run| run.frames.send(frame.clone()).is_ok());
                return None;
            }
            _ => {
                if let Some(asker) = table.askers.pop_front() {
                    // Who does not wait any more has no use for it.
                    let _ = asker.send(frame);
                }
                return None;
            }
        };
        let run = table.runs.iter().find(|run| Some(run.cell) == cell);
        let unheard = match run {
            Some(run) => run.frames.send(frame).err()?.0,
            None => frame,
        };
        match unheard {
            FromWorker::Ask(Question { number, .. }) => {
                Some(ToWorker::Answer { question: number, answer: Err(NOBODY.to_owned()) })
            }
            _ => None,
        }
    }

    /// The worker says nothing more.
    pub(super) fn close(&self) {
        *self.lock() = Table { closed: true, ..Table::default() };
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    /// The next frame about the run; `None` when the worker has ended. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<FromWorker> {
        self.frames.recv().await
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.routes.lock().runs.retain(|run| run.cell != self.cell);
    }
}
