//! Passes on what cells, their tasks and their threads ask the user. Installed by `main`; `control` hears the answers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use asyncio::cell::{Asker, Prompt, set_asker};
use boucle_wire::{FromWorker, Question};

use crate::control::Kernel;
use crate::flush::flush;

/// Sends everything that this process asks to the kernel, each behind all that was printed before it.
pub(crate) fn tell(kernel: Kernel) {
    set_asker(Front { kernel });
}

/// The person in front of the notebook, whom the kernel knows.
struct Front {
    kernel: Kernel,
}

impl Asker for Front {
    fn ask(&self, question: Prompt) -> u64 {
        flush();
        let (prompt, secret) = (question.prompt().to_owned(), question.is_secret());
        let number = self.kernel.questions().add(question);
        let question = Question { cell: self.kernel.jobs().current(), number, prompt, secret };
        if let Err(error) = self.kernel.send(&FromWorker::Ask(question)) {
            self.kernel.questions().answer(number, Err(format!("cannot ask this: {error}")));
        }
        number
    }

    fn withdraw(&self, number: u64) {
        if self.kernel.questions().take(number).is_some() {
            let _ = self.kernel.send(&FromWorker::Withdraw { question: number });
        }
    }
}

/// The questions that have no answer yet, by number.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    asked: u64,
    questions: HashMap<u64, Prompt>,
}

impl Questions {
    fn add(&self, question: Prompt) -> u64 {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.asked += 1;
        let number = open.asked;
        open.questions.insert(number, question);
        number
    }

    fn take(&self, number: u64) -> Option<Prompt> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).questions.remove(&number)
    }

    /// Passes an answer on, unless it is not wanted any more.
    pub(crate) fn answer(&self, number: u64, answer: Result<String, String>) {
        if let Some(question) = self.take(number) {
            question.answer(answer);
        }
    }
}
