//! One run in the worker, from handing it over to its end: hears how it ended, passes on interrupts and questions.
//! Made by `process`, awaited by the engine and by the comm handlers.

use std::time::Duration;

use boucle_wire::{Done, FromWorker, ToWorker};
use tokio::sync::watch;
use tokio::time::Instant;

use super::death::Death;
use super::process::Worker;
use super::questions::Questions;
use super::routes::Route;
use crate::publish::{Publisher, StreamName};

/// How long a cell may take to react to an interrupt before the user is told that it does not.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

const NO_REACTION: &str = "\
The cell does not react to the interrupt: it is in code that cannot be interrupted.
Interrupt once more to end its process; the variables will be lost, functions and types stay.
";

/// How a cell ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It came to its end, well or not.
    Done(Done),
    /// It took its process with it.
    Died(Death),
}

/// A run that has been handed over.
pub(crate) struct Running<'a> {
    pub(super) worker: &'a Worker,
    pub(super) cell: u64,
    pub(super) route: Route,
    pub(super) publisher: &'a Publisher,
    pub(super) questions: Questions<'a>,
}

impl Running<'_> {
    /// Waits for its end. Each change of `interrupts` interrupts it.
    pub(crate) async fn end(self, interrupts: &mut watch::Receiver<u64>) -> Ended {
        let Running { worker, cell, mut route, publisher, mut questions } = self;
        let mut patience: Option<Instant> = None;
        let mut told = false;
        let mut panic = None;
        loop {
            tokio::select! {
                frame = route.next() => match frame {
                    Some(FromWorker::Done(done)) => {
                        worker.output.end().await;
                        for answer in questions.end() {
                            worker.tell(&answer).await;
                        }
                        return Ended::Done(done);
                    }
                    Some(FromWorker::Panicking { failure, .. }) => panic = Some(failure),
                    Some(FromWorker::Interrupted { waiting, .. }) => {
                        if waiting && !told {
                            worker.output.drain().await;
                            publisher.stream(StreamName::Stderr, NO_REACTION.to_owned());
                        }
                        told = waiting;
                    }
                    Some(FromWorker::Ask(question)) => {
                        worker.output.drain().await;
                        if let Some(answer) = questions.add(question) {
                            worker.tell(&answer).await;
                        }
                    }
                    Some(FromWorker::Withdraw { question }) => questions.withdraw(question),
                    Some(_) => {}
                    None => return Ended::Died(worker.bury(panic.as_ref()).await),
                },
                answer = questions.next() => worker.tell(&answer).await,
                Ok(()) = interrupts.changed() => {
                    if told {
                        worker.kill().await;
                        worker.bury(None).await;
                        return Ended::Died(Death::on_request());
                    }
                    patience.get_or_insert(Instant::now() + PATIENCE);
                    worker.tell(&ToWorker::Interrupt { cell }).await;
                }
                () = at(patience) => {
                    patience = None;
                    worker.tell(&ToWorker::IsInterrupted { cell }).await;
                }
            }
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
