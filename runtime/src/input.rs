//! Text from the person in front of the notebook, or of the terminal: Python's `input` and `getpass`. Cells and programs
//! call these; the worker says how somebody is asked.
//!
//! [`input`] and [`password`] block their thread, so the loop stands still meanwhile; [`ainput`] is for coroutines. An
//! interrupt ends each of them, and then the question is withdrawn.

mod terminal;

use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::{InputError, RuntimeError};
use crate::interrupt;
use crate::state::engine::{Engine, Outside};
use crate::state::what::What;
use crate::task::awaiting::awaiting;
use crate::threads::to_thread;

/// Asks for a line of text and returns it, without its line break: Python's `input(prompt)`.
///
/// It blocks the thread, and so the loop; a coroutine has [`ainput`].
///
/// # Panics
/// Raises [`InputError`] when nobody can be asked, and [`KeyboardInterrupt`](crate::KeyboardInterrupt).
#[track_caller]
pub fn input(prompt: impl Display) -> String {
    ask(prompt.to_string(), false)
}

/// As [`input`], for what nobody else is to read: it is not shown while it is typed. Python's `getpass.getpass(prompt)`.
///
/// # Panics
/// As [`input`].
#[track_caller]
pub fn password(prompt: impl Display) -> String {
    ask(prompt.to_string(), true)
}

/// As [`input`], for coroutines: the loop goes on until the line has been typed. Python programs have it from `aioconsole`.
///
/// Cancelling or dropping it withdraws the question. While it waits, virtual time does not jump.
///
/// # Panics
/// Raises [`InputError`] when nobody can be asked.
#[track_caller]
pub fn ainput(prompt: impl Display) -> impl Future<Output = String> {
    let prompt = prompt.to_string();
    awaiting(What::Input, answer_to(prompt))
}

async fn answer_to(prompt: String) -> String {
    let answer = match ASKER.get() {
        None => to_thread(move || terminal::ask(&prompt, false)).await,
        Some(asker) => {
            let outside = match Engine::of_thread() {
                Ok(engine) => engine.work_outside(),
                Err(error) => RuntimeError::new(format!("cannot wait for an answer: {error}")).raise(),
            };
            Answer { pending: Pending::ask(&**asker, prompt, false), _outside: outside }.await
        }
    };
    answer.unwrap_or_else(|error| error.raise())
}

#[track_caller]
fn ask(prompt: String, secret: bool) -> String {
    let answer = match ASKER.get() {
        None => terminal::ask(&prompt, secret),
        Some(asker) => {
            let pending = Pending::ask(&**asker, prompt, secret);
            let mut answer = None;
            interrupt::wait_until(None, &mut || {
                answer = pending.slot.take();
                answer.is_some()
            });
            // Without a limit in time, the wait ends only with an answer.
            answer.unwrap_or_else(|| Err(InputError::new("the wait for an answer was given up")))
        }
    };
    match answer {
        Ok(text) => text,
        Err(error) => error.raise(),
    }
}

/// How this process asks the person in front of it. Without one, it is the terminal.
///
/// ```standalone_crate
/// use asyncio::cell::{Asker, Prompt, set_asker};
/// use asyncio::{ainput, input, password};
///
/// /// Answers with the question.
/// struct Parrot;
///
/// impl Asker for Parrot {
///     fn ask(&self, question: Prompt) -> u64 {
///         let answer = if question.is_secret() { "hush".to_owned() } else { question.prompt().to_owned() };
///         question.answer(Ok(answer));
///         1
///     }
///
///     fn withdraw(&self, _: u64) {}
/// }
///
/// set_asker(Parrot);
/// assert_eq!(input("name?"), "name?");
/// assert_eq!(password("word?"), "hush");
/// assert_eq!(asyncio::run(ainput("more?")), "more?");
/// ```
pub trait Asker: Send + Sync {
    /// Passes a question on, without waiting for the answer. Returns a number for it.
    fn ask(&self, question: Prompt) -> u64;

    /// The question of this number needs no answer any more.
    fn withdraw(&self, number: u64);
}

static ASKER: OnceLock<Box<dyn Asker>> = OnceLock::new();

/// Sends all questions of this process to `asker`, from now on. Only the first call counts.
pub fn set_asker(asker: impl Asker + 'static) {
    let _ = ASKER.set(Box::new(asker));
}

/// A question, for whoever gets it answered.
pub struct Prompt {
    prompt: String,
    secret: bool,
    slot: Arc<Slot>,
}

impl Prompt {
    /// What is to be shown in front of the field.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Whether the answer must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Gives the answer, or why there is none. From any thread.
    pub fn answer(self, answer: Result<String, String>) {
        self.slot.put(answer.map_err(InputError::new));
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt").field("prompt", &self.prompt).finish_non_exhaustive()
    }
}

/// Where an answer is put and awaited.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    answer: Option<Result<String, InputError>>,
    waker: Option<Waker>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, answer: Result<String, InputError>) {
        let waker = {
            let mut state = self.lock();
            state.answer = Some(answer);
            state.waker.take()
        };
        interrupt::notify();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn take(&self) -> Option<Result<String, InputError>> {
        self.lock().answer.take()
    }
}

/// A question that has been asked; dropping this withdraws it.
struct Pending<'a> {
    asker: &'a dyn Asker,
    number: u64,
    slot: Arc<Slot>,
}

impl<'a> Pending<'a> {
    fn ask(asker: &'a dyn Asker, prompt: String, secret: bool) -> Self {
        let slot = Arc::<Slot>::default();
        let number = asker.ask(Prompt { prompt, secret, slot: Arc::clone(&slot) });
        Self { asker, number, slot }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        // Whoever asks forgets what has been answered, so there is no need to remember whether this was.
        self.asker.withdraw(self.number);
    }
}

/// An answer to be awaited.
struct Answer<'a> {
    pending: Pending<'a>,
    /// Keeps virtual time from jumping.
    _outside: Outside,
}

impl Future for Answer<'_> {
    type Output = Result<String, InputError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.pending.slot.lock();
        match state.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
