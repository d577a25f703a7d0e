//! Runs cells: counts them, announces their code, publishes their error and makes the reply.
//! Called by `dispatch` on the shell channel only, one cell at a time for each subshell.

use std::cell::Cell;

use serde_json::{Map, Value, json};

use super::Context;
use crate::engine::{CellRequest, Executed, SharedEngine, Turn};
use crate::error::{ErrorReport, catch_panic};
use crate::history::History;
use crate::lifecycle::{Interrupt, Stop};
use crate::protocol::request::Execute;
use crate::publish::{Aside, Publisher};
use crate::stdin::Asker;

/// The cells of a session, on all subshells: the engine that runs them, and their number.
pub(crate) struct Cells {
    engine: SharedEngine,
    interrupt: Interrupt,
    stop: Stop,
    history: History,
    /// The `execution_count` of the last cell that was counted.
    count: Cell<u64>,
}

/// A cell that has been run.
pub(crate) struct Done {
    /// The content of the `execute_reply`.
    pub(crate) reply: Value,
    pub(crate) failed: bool,
}

impl Cells {
    pub(crate) fn new(context: &Context) -> Self {
        let Context { engine, interrupt, stop, history, .. } = context;
        Self {
            engine: engine.clone(),
            interrupt: interrupt.clone(),
            stop: stop.clone(),
            history: history.clone(),
            count: Cell::new(0),
        }
    }

    /// Runs a cell of the main shell, or a guest, which is one of a subshell; who has sent it can be asked for input if there
    /// is an asker and the request allows it. When the kernel is asked to end meanwhile, the cell is left where it is.
    pub(crate) async fn execute(
        &self,
        request: &Execute,
        guest: bool,
        publisher: &Publisher,
        asker: Option<&Asker>,
    ) -> Done {
        self.interrupt.forget_signals();
        // Silent cells and those of tools (`store_history: false`) take no number, and are not remembered.
        let remembered = request.store_history && !request.silent;
        let count = self.count.get() + u64::from(remembered);
        self.count.set(count);
        if remembered && !request.code.trim().is_empty() {
            self.history.add_input(count, &request.code);
        }
        if !request.silent {
            publisher.execute_input(&request.code, count);
        }
        let (publisher, aside) = publisher.noting();
        let cell = CellRequest {
            code: &request.code,
            execution_count: count,
            silent: request.silent,
            asker: asker.filter(|_| request.allow_stdin),
        };
        let run = async {
            let mut turn = tokio::select! {
                biased;
                // The engine does not know of this cell yet, so it cannot be the one to interrupt it.
                () = self.interrupt.pressed() => return Err(interrupted()),
                turn = self.engine.turn(guest) => turn,
            };
            match turn.execute(&cell, &publisher).await {
                Executed::Ok => Ok(user_expressions(request, &mut turn, &publisher).await),
                Executed::Error(report) => Err(report),
            }
        };
        let outcome = tokio::select! {
            biased;
            () = self.stop.requested() => None,
            outcome = catch_panic(run) => Some(outcome),
        };
        if let Some(value) = aside.take_value().filter(|_| remembered) {
            self.history.add_output(count, value.as_str().unwrap_or_default().to_owned());
        }
        match outcome {
            Some(Ok(Ok(answers))) => Done { reply: ok(count, answers, &aside), failed: false },
            Some(Ok(Err(report))) => Done { reply: error(count, &report, request, &publisher), failed: true },
            Some(Err(message)) => {
                let report = ErrorReport::of_panic(&message);
                Done { reply: error(count, &report, request, &publisher), failed: true }
            }
            None => Done { reply: self.aborted(), failed: true },
        }
    }

    /// The reply to a cell that is not run because one before it has failed.
    pub(crate) fn aborted(&self) -> Value {
        json!({
            "status": "aborted",
            "execution_count": self.count.get(),
            "user_expressions": {},
            "payload": [],
        })
    }
}

fn ok(count: u64, user_expressions: Map<String, Value>, aside: &Aside) -> Value {
    json!({
        "status": "ok",
        "execution_count": count,
        "user_expressions": user_expressions,
        "payload": aside.take_payload(),
    })
}

fn error(count: u64, report: &ErrorReport, request: &Execute, publisher: &Publisher) -> Value {
    if !request.silent {
        publisher.error(report);
    }
    error_reply(report, count)
}

/// The reply to a cell that has failed, with all fields that strict clients insist on.
pub(crate) fn error_reply(report: &ErrorReport, count: u64) -> Value {
    let mut reply = report.reply();
    reply["execution_count"] = json!(count);
    reply["user_expressions"] = json!({});
    reply["payload"] = json!([]);
    reply
}

fn interrupted() -> ErrorReport {
    ErrorReport::plain(
        "KeyboardInterrupt",
        "the cell was still waiting, for the kernel to be ready or for another cell; run it again later",
    )
}

/// The value of each expression that was asked for, or why it has none. One that fails does not fail the cell.
async fn user_expressions(request: &Execute, turn: &mut Turn, publisher: &Publisher) -> Map<String, Value> {
    let mut answers = Map::new();
    for (name, expression) in request.user_expressions.iter().flatten() {
        let (publisher, aside) = publisher.keeping_value();
        let evaluated = match expression.as_str() {
            Some(code) => turn.evaluate(name, code, &publisher).await,
            None => Executed::Error(ErrorReport::plain("InvalidRequest", "a user expression must be text")),
        };
        let answer = match evaluated {
            Executed::Ok => {
                let nothing = || json!({ "data": { "text/plain": "()" }, "metadata": {} });
                let mut shown = aside.take_value().unwrap_or_else(nothing);
                shown["status"] = json!("ok");
                shown
            }
            Executed::Error(report) => report.reply(),
        };
        answers.insert(name.clone(), answer);
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comms::Comms;
    use crate::engine::Engine;

    /// Runs a cell while the engine never gets warm, and does `then` meanwhile.
    async fn run_cold(then: impl FnOnce(&Interrupt, &Stop)) -> (Value, Vec<&'static str>) {
        let (engine, interrupter) = Engine::new(Comms::default());
        let (interrupt, stop) = (Interrupt::new(interrupter), Stop::default());
        let engine = SharedEngine::new(engine);
        let _warming = engine.turn(false).await;
        let history = History::in_memory();
        let count = Cell::new(0);
        let cells = Cells { engine, interrupt: interrupt.clone(), stop: stop.clone(), history, count };
        let (publisher, published) = Publisher::for_tests();
        let request = Execute::default();
        let (done, ()) =
            tokio::join!(cells.execute(&request, false, &publisher, None), async { then(&interrupt, &stop) });
        (done.reply, published.take().into_iter().map(|(msg_type, _)| msg_type).collect())
    }

    #[tokio::test]
    async fn a_cell_that_waits_for_the_engine_can_be_interrupted() {
        let (reply, published) = run_cold(|interrupt, _| interrupt.press()).await;
        assert_eq!((&reply["status"], &reply["ename"]), (&json!("error"), &json!("KeyboardInterrupt")));
        assert_eq!(published, ["execute_input", "error"]);
    }

    #[tokio::test]
    async fn a_cell_that_waits_for_the_engine_does_not_delay_the_end() {
        let (reply, published) = run_cold(|_, stop| stop.request("test")).await;
        assert_eq!(reply["status"], "aborted");
        assert_eq!(published, ["execute_input"]);
    }
}
