//! What a cell asks the user, one question after the other, since a front end shows only one field. Owned by a run in
//! `process`.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::Pin;

use boucle_wire::{Question, ToWorker};

use crate::stdin::Asker;

const NOT_ALLOWED: &str = "\
this front end does not let cells ask for input (its request says `allow_stdin: false`): \
run the cell in a notebook or a console, or give the value in the code";

const ENDED: &str = "the cell that could be asked for it has ended";

/// What will be typed.
type Typed<'a> = Pin<Box<dyn Future<Output = String> + 'a>>;

/// The questions of one run that have no answer yet.
pub(super) struct Questions<'a> {
    /// Who can be asked, if anybody.
    asker: Option<&'a Asker>,
    /// The question that the user sees, and the answer to come.
    asked: Option<(u64, Typed<'a>)>,
    waiting: VecDeque<Question>,
}

impl<'a> Questions<'a> {
    pub(super) fn new(asker: Option<&'a Asker>) -> Self {
        Self { asker, asked: None, waiting: VecDeque::new() }
    }

    /// Takes a question on. It is answered at once if nobody can be asked.
    pub(super) fn add(&mut self, question: Question) -> Option<ToWorker> {
        if self.asker.is_none() {
            return Some(answer(question.number, Err(NOT_ALLOWED)));
        }
        self.waiting.push_back(question);
        None
    }

    /// Forgets a question.
    pub(super) fn withdraw(&mut self, number: u64) {
        self.waiting.retain(|question| question.number != number);
        self.asked.take_if(|(asked, _)| *asked == number);
    }

    /// Asks what is to be asked; the next answer. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> ToWorker {
        if self.asked.is_none()
            && let Some(asker) = self.asker
            && let Some(Question { number, prompt, secret, .. }) = self.waiting.pop_front()
        {
            self.asked = Some((number, Box::pin(asker.ask(prompt, secret))));
        }
        let Some((number, typed)) = &mut self.asked else { return pending().await };
        let (number, text) = (*number, typed.await);
        self.asked = None;
        answer(number, Ok(&text))
    }

    /// The run is over: what is still to be answered gets no answer any more.
    pub(super) fn end(self) -> Vec<ToWorker> {
        let asked = self.asked.map(|(number, _)| number);
        let waiting = self.waiting.into_iter().map(|question| question.number);
        asked.into_iter().chain(waiting).map(|number| answer(number, Err(ENDED))).collect()
    }
}

fn answer(question: u64, answer: Result<&str, &str>) -> ToWorker {
    ToWorker::Answer { question, answer: answer.map(str::to_owned).map_err(str::to_owned) }
}
