//! Runs cells: counts them, announces their code, publishes their error and makes the reply.
//! Called by `dispatch` on the shell channel only, one cell at a time.

use serde_json::{Map, Value, json};

use super::Context;
use super::warm_engine::WarmEngine;
use crate::engine::{CellRequest, Engine, Executed};
use crate::error::{ErrorReport, catch_panic};
use crate::history::History;
use crate::lifecycle::{Interrupt, Stop};
use crate::protocol::request::Execute;
use crate::publish::{Aside, Publisher};
use crate::stdin::Asker;

/// The cells of a session: the engine that runs them, and their number.
pub(crate) struct Cells {
    engine: WarmEngine,
    interrupt: Interrupt,
    stop: Stop,
    history: History,
    /// The `execution_count` of the last cell that was counted.
    count: u64,
}

/// A cell that has been run.
pub(crate) struct Done {
    /// The content of the `execute_reply`.
    pub(crate) reply: Value,
    pub(crate) failed: bool,
}

impl Cells {
    pub(crate) fn new(engine: Engine, context: &Context) -> Self {
        let Context { interrupt, stop, history, .. } = context;
        Self {
            engine: WarmEngine::new(engine, stop.clone()),
            interrupt: interrupt.clone(),
            stop: stop.clone(),
            history: history.clone(),
            count: 0,
        }
    }

    /// Warms the engine up; may be dropped and called again.
    pub(crate) async fn warm_up(&mut self) {
        self.engine.wait().await;
    }

    pub(crate) fn is_warm(&self) -> bool {
        self.engine.is_warm()
    }

    /// Runs a cell; who has sent it can be asked for input if there is an asker and the request allows it. When the kernel
    /// is asked to end meanwhile, the engine is left where it is.
    pub(crate) async fn execute(&mut self, request: &Execute, publisher: &Publisher, asker: Option<&Asker>) -> Done {
        self.interrupt.forget_signals();
        // Silent cells and those of tools (`store_history: false`) take no number, and are not remembered.
        let remembered = request.store_history && !request.silent;
        if remembered {
            self.count += 1;
            if !request.code.trim().is_empty() {
                self.history.add_input(self.count, &request.code);
            }
        }
        if !request.silent {
            publisher.execute_input(&request.code, self.count);
        }
        let (publisher, aside) = publisher.noting();
        let cell = CellRequest {
            code: &request.code,
            execution_count: self.count,
            silent: request.silent,
            asker: asker.filter(|_| request.allow_stdin),
        };
        let run = async {
            let engine = tokio::select! {
                biased;
                // The engine does not know of this cell yet, so it cannot be the one to interrupt it.
                () = self.interrupt.pressed() => return Err(interrupted()),
                engine = self.engine.wait() => engine,
            };
            match engine.execute(&cell, &publisher).await {
                Executed::Ok => Ok(user_expressions(request, engine, &publisher).await),
                Executed::Error(report) => Err(report),
            }
        };
        let outcome = tokio::select! {
            biased;
            () = self.stop.requested() => None,
            outcome = catch_panic(run) => Some(outcome),
        };
        if let Some(value) = aside.take_value().filter(|_| remembered) {
            self.history.add_output(self.count, value.as_str().unwrap_or_default().to_owned());
        }
        match outcome {
            Some(Ok(Ok(answers))) => Done { reply: self.ok(answers, &aside), failed: false },
            Some(Ok(Err(report))) => Done { reply: self.error(&report, request, &publisher), failed: true },
            Some(Err(message)) => {
                let report = ErrorReport::of_panic(&message);
                Done { reply: self.error(&report, request, &publisher), failed: true }
            }
            None => Done { reply: self.aborted(), failed: true },
        }
    }

    /// The reply to a cell that is not run because one before it has failed.
    pub(crate) fn aborted(&self) -> Value {
        json!({
            "status": "aborted",
            "execution_count": self.count,
            "user_expressions": {},
            "payload": [],
        })
    }

    /// Gives the engine back at the end; prompt after a stop was requested.
    pub(crate) async fn into_engine(self) -> Engine {
        self.engine.into_engine().await
    }

    fn ok(&self, user_expressions: Map<String, Value>, aside: &Aside) -> Value {
        json!({
            "status": "ok",
            "execution_count": self.count,
            "user_expressions": user_expressions,
            "payload": aside.take_payload(),
        })
    }

    fn error(&self, report: &ErrorReport, request: &Execute, publisher: &Publisher) -> Value {
        if !request.silent {
            publisher.error(report);
        }
        error_reply(report, self.count)
    }
}

/// The reply to a cell that has failed, with all fields that strict clients insist on.
pub(super) fn error_reply(report: &ErrorReport, count: u64) -> Value {
    let mut reply = report.reply();
    reply["execution_count"] = json!(count);
    reply["user_expressions"] = json!({});
    reply["payload"] = json!([]);
    reply
}

fn interrupted() -> ErrorReport {
    ErrorReport::plain(
        "KeyboardInterrupt",
        "the kernel was still getting ready, which goes on; run the cell again later",
    )
}

/// The value of each expression that was asked for, or why it has none. One that fails does not fail the cell.
async fn user_expressions(request: &Execute, engine: &mut Engine, publisher: &Publisher) -> Map<String, Value> {
    let mut answers = Map::new();
    for (name, expression) in request.user_expressions.iter().flatten() {
        let (publisher, aside) = publisher.keeping_value();
        let evaluated = match expression.as_str() {
            Some(code) => engine.evaluate(name, code, &publisher).await,
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
    use std::future::pending;

    use super::*;

    /// Runs a cell while the engine never gets warm, and does `then` meanwhile.
    async fn run_cold(then: impl FnOnce(&Interrupt, &Stop)) -> (Value, Vec<&'static str>) {
        let (_, interrupter) = Engine::new();
        let (interrupt, stop) = (Interrupt::new(interrupter), Stop::default());
        let engine = WarmEngine::Warming(Box::pin(pending()));
        let history = History::in_memory();
        let mut cells = Cells { engine, interrupt: interrupt.clone(), stop: stop.clone(), history, count: 0 };
        let (publisher, published) = Publisher::for_tests();
        let request = Execute::default();
        let (done, ()) = tokio::join!(cells.execute(&request, &publisher, None), async { then(&interrupt, &stop) });
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
