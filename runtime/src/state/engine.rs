//! One tokio runtime per thread, shared by all loops of that thread, so that a socket opened under one loop still works
//! under the next. The driver blocks on it; plain cell code enters it.
//!
//! While a loop in virtual time runs, tokio's clock is paused, and tokio moves it when nobody has anything to do. It
//! must not, as long as something outside the process may still answer. So before the thread goes to sleep the engine
//! asks whether anything does (`outside.rs`), and if so lets the clock flow until the thread is awake again.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{advance, pause, resume};

use super::outside::Reactor;
use super::process;
use crate::rest;

thread_local! {
    static ENGINE: RefCell<Option<Rc<Engine>>> = const { RefCell::new(None) };
}

/// A thread's tokio runtime.
pub(crate) struct Engine {
    runtime: Option<Runtime>,
    time: Cell<Time>,
    reactor: OnceCell<Reactor>,
    /// Threads at work whose result somebody on this thread waits for.
    threads: Cell<usize>,
    /// The process that made it.
    process: u32,
}

/// How tokio's clock goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    /// As the system's: no virtual loop runs.
    Real,
    Paused,
    /// Paused in principle, but now the thread sleeps and waits for an answer from outside.
    Flowing,
}

impl Engine {
    /// This thread's runtime, made on first use.
    ///
    /// # Errors
    /// What the operating system says when it refuses the reactor's descriptors.
    pub(crate) fn of_thread() -> io::Result<Rc<Self>> {
        ENGINE.with(|slot| {
            let known = slot.take();
            if let Some(engine) = known.filter(|engine| engine.is_ours()) {
                slot.replace(Some(Rc::clone(&engine)));
                return Ok(engine);
            }
            process::watch_forks();
            let mut builder = Builder::new_current_thread();
            let runtime = builder.enable_all().on_thread_park(before_sleep).on_thread_unpark(after_sleep).build()?;
            let engine = Rc::new(Self {
                runtime: Some(runtime),
                time: Cell::new(Time::Real),
                reactor: OnceCell::new(),
                threads: Cell::new(0),
                process: process::current(),
            });
            slot.replace(Some(Rc::clone(&engine)));
            Ok(engine)
        })
    }

    /// False in the child of the process that made the engine. The reactor's descriptors are shared with the parent.
    fn is_ours(&self) -> bool {
        self.process == process::current()
    }

    /// The runtime itself.
    pub(crate) fn runtime(&self) -> &Runtime {
        // Only `drop` takes it out.
        self.runtime.as_ref().unwrap_or_else(|| unreachable!("the runtime lives as long as the engine"))
    }

    /// A loop in virtual time begins to run. To be called, as the other two, in the runtime's context.
    ///
    /// # Panics
    /// With tokio's message when the program has paused tokio's clock by itself.
    #[track_caller]
    pub(crate) fn pause_time(&self) {
        pause();
        self.time.set(Time::Paused);
    }

    /// A loop in virtual time has run.
    pub(crate) fn resume_time(&self) {
        if self.time.replace(Time::Real) == Time::Paused {
            resume();
        }
    }

    /// Moves the paused clock.
    pub(crate) fn move_time(&self, by: Duration) {
        let moved = pin!(advance(by));
        // Its first poll moves the clock; the rest only gives a turn away.
        let _ = moved.poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Whether something outside this thread may still wake it, so that time must not jump.
    pub(crate) fn waits_outside(&self) -> bool {
        self.threads.get() > 0 || self.reactor.get_or_init(|| Reactor::find(self.runtime())).is_used()
    }

    /// Time does not jump while the returned guard lives, because a thread is at work for this one.
    pub(crate) fn work_outside(self: &Rc<Self>) -> Outside {
        self.threads.set(self.threads.get() + 1);
        Outside { engine: Rc::clone(self) }
    }
}

/// tokio calls this when the thread is about to wait, inside the runtime's context.
fn before_sleep() {
    with_engine(|engine| {
        if engine.time.get() == Time::Paused && engine.waits_outside() {
            resume();
            engine.time.set(Time::Flowing);
        }
    });
    rest::changes();
}

/// tokio calls this when the thread has waited.
fn after_sleep() {
    rest::changes();
    with_engine(|engine| {
        if engine.time.get() == Time::Flowing {
            pause();
            engine.time.set(Time::Paused);
        }
    });
}

fn with_engine(work: impl FnOnce(&Engine)) {
    // A thread that ends has no engine to ask any more.
    let engine = ENGINE.try_with(|slot| slot.borrow().clone()).ok().flatten();
    if let Some(engine) = engine {
        work(&engine);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            if !self.is_ours() {
                // Taking it apart would take the parent's apart.
                std::mem::forget(runtime);
                return;
            }
            // A thread that ends must not wait for a blocking call that may never return.
            runtime.shutdown_background();
        }
    }
}

/// A thread is at work for this one: held by the future that waits for its result.
#[must_use = "time may jump as soon as this is dropped"]
pub(crate) struct Outside {
    engine: Rc<Engine>,
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.engine.threads.set(self.engine.threads.get() - 1);
    }
}
