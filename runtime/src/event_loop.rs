//! The event loop as its users see it: `EventLoop` and the functions that find, make and set one.
//! Notebook cells and ordinary programs call these; what a run does is in `driver.rs`.

mod calls;
mod debug;
mod run;
mod virtual_time;
pub(crate) mod watch;

use std::fmt;
use std::future::IntoFuture;
use std::rc::Rc;

pub use calls::{Handle, LoopHandle, TimerHandle};
pub use run::{Runner, run};
pub use virtual_time::set_virtual_time;

use crate::current;
use crate::driver;
use crate::error::{KeyboardInterrupt, ValueError, install_hook, misuse, raise_interrupt};
use crate::interrupt;
use crate::report::ExceptionHandler;
use crate::state::callback::Callback;
use crate::state::core::Core;
use crate::state::loops::was_forked_inside;
use crate::state::record::MarkKind;
use crate::task::any::of_loop;
use crate::task::scoped::Scoped;
use crate::task::{AnyTask, Task};

/// An event loop: Python's `asyncio` loop. Cheap to clone; clones are the same loop, and compare equal.
///
/// It belongs to the thread that made it, and runs only while that thread is inside [`run_forever`](Self::run_forever)
/// or [`run_until_complete`](Self::run_until_complete); in between its tasks and timers stay as they are. When the last
/// clone goes, so do its tasks.
///
/// ```
/// use asyncio::{EventLoop, ensure_future, get_event_loop, get_running_loop, new_event_loop, set_event_loop, sleep};
///
/// let event_loop: EventLoop = new_event_loop();
/// set_event_loop(&event_loop);
/// assert_eq!(get_event_loop(), event_loop);
///
/// let task = ensure_future(async { get_running_loop().is_running() });
/// assert!(!event_loop.is_running() && !task.done());
/// assert!(event_loop.run_until_complete(task));
///
/// let text = String::from("borrowed");
/// assert_eq!(event_loop.block_on(async { text.len() }), 8);
///
/// event_loop.create_task(async {
///     sleep(0.001).await;
///     get_running_loop().stop();
/// });
/// assert_eq!(event_loop.all_tasks().len(), 1);
/// let before = event_loop.time();
/// event_loop.run_forever().unwrap();
/// assert!(event_loop.time() >= before + 0.001);
///
/// event_loop.close();
/// assert!(event_loop.is_closed());
/// ```
#[derive(Clone)]
pub struct EventLoop {
    core: Rc<Core>,
}

/// The loop that runs on this thread, else the one that was set, else, in the main thread only, a new one.
///
/// # Panics
/// Raises [`RuntimeError`](crate::RuntimeError) "There is no current event loop in thread 'X'."
#[track_caller]
#[must_use]
pub fn get_event_loop() -> EventLoop {
    EventLoop { core: current::get() }
}

/// A new loop, which is not yet anybody's current one. It has virtual time if the current one has.
///
/// # Panics
/// Raises [`RuntimeError`](crate::RuntimeError) when the operating system refuses the descriptors it needs.
#[track_caller]
#[must_use]
pub fn new_event_loop() -> EventLoop {
    EventLoop { core: current::new_core() }
}

/// Makes `event_loop` this thread's current one; with `None` there is none, and none is made by itself.
pub fn set_event_loop(event_loop: impl Into<Option<EventLoop>>) {
    current::set_default(event_loop.into().map(|event_loop| event_loop.core));
}

/// The loop that is running on this thread.
///
/// # Panics
/// Raises [`RuntimeError`](crate::RuntimeError) "no running event loop" outside coroutines and callbacks.
#[track_caller]
#[must_use]
pub fn get_running_loop() -> EventLoop {
    EventLoop { core: current::expect_running() }
}

/// Schedules `coroutine` on [`get_event_loop`]'s loop, at the end of the ready queue, and returns its task. A task is
/// returned as it is. Works before, during and after a run; nothing runs by this call itself. In a notebook it makes a loop
/// where there is none.
///
/// # Panics
/// As [`get_event_loop`], and with "Event loop is closed".
///
/// ```
/// use asyncio::{ensure_future, sleep};
///
/// async fn job() -> i32 {
///     sleep(0.001).await;
///     7
/// }
///
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// let task = ensure_future(job()); // nothing runs yet
/// let seen = task.as_any();
/// let same = ensure_future(task);
/// assert_eq!(same.as_any(), seen);
/// assert_eq!(event_loop.run_until_complete(same), 7);
/// ```
#[track_caller]
pub fn ensure_future<F>(coroutine: F) -> Task<F::Output>
where
    F: IntoFuture,
    F::IntoFuture: 'static,
    F::Output: 'static,
{
    Task::ensure(&current::implied(), coroutine.into_future())
}

/// Schedules `coroutine` on the running loop. As in Python's notebooks, a cell may do so at its own level, too: there it is
/// [`ensure_future`].
///
/// # Panics
/// Raises [`RuntimeError`](crate::RuntimeError) "no running event loop" outside a run.
///
/// ```
/// use asyncio::{create_task, sleep};
///
/// asyncio::run(async {
///     let task = create_task(async {
///         sleep(0.001).await;
///         7
///     });
///     assert_eq!(task.await, 7);
/// });
/// ```
#[track_caller]
pub fn create_task<F>(coroutine: F) -> Task<F::Output>
where
    F: IntoFuture,
    F::IntoFuture: 'static,
    F::Output: 'static,
{
    Task::ensure(&current::at_hand(), coroutine.into_future())
}

impl EventLoop {
    /// The loop that is meant where none is named.
    #[track_caller]
    pub(crate) fn implied() -> Self {
        Self { core: current::implied() }
    }

    /// Runs until [`stop`](Self::stop) is called or the user interrupts. After a stop the present turn is finished;
    /// what it scheduled runs first next time. After an interrupt all tasks are as they were: nobody is cancelled,
    /// nothing dropped, and the next run goes on.
    ///
    /// # Errors
    /// [`KeyboardInterrupt`] when interrupted.
    ///
    /// # Panics
    /// Raises [`RuntimeError`](crate::RuntimeError) "Event loop is closed", "This event loop is already running",
    /// "Cannot run the event loop while another loop is running".
    #[track_caller]
    pub fn run_forever(&self) -> Result<(), KeyboardInterrupt> {
        self.check_runnable();
        install_hook();
        if interrupt::is_cell_thread() {
            interrupt::listen();
        }
        driver::run(&self.core)
    }

    #[track_caller]
    fn check_runnable(&self) {
        self.core.check_closed();
        self.core.check_process();
        if self.core.running.get() {
            misuse("This event loop is already running");
        }
        if was_forked_inside() {
            misuse("This process was forked inside a coroutine; run event loops on a new thread, or fork elsewhere");
        }
        if current::is_running() {
            misuse("Cannot run the event loop while another loop is running");
        }
    }

    /// Runs until `future` has ended and returns its result. A coroutine becomes a task at the end of the ready queue;
    /// a task is waited for. Other tasks stay where they are, after one more turn.
    ///
    /// # Panics
    /// As [`run_forever`](Self::run_forever); unwinds with [`KeyboardInterrupt`] when interrupted (the task stays
    /// pending and can be given again); raises the task's exception, or [`CancelledError`](crate::CancelledError);
    /// raises [`RuntimeError`](crate::RuntimeError) "Event loop stopped before Future completed." and
    /// [`ValueError`](crate::ValueError) for a task of another loop.
    #[track_caller]
    pub fn run_until_complete<F>(&self, future: F) -> F::Output
    where
        F: IntoFuture,
        F::IntoFuture: 'static,
        F::Output: 'static,
    {
        self.check_runnable();
        let mut task = Task::ensure(&self.core, future.into_future());
        self.complete(&task.as_any());
        task.take()
    }

    /// As [`run_until_complete`](Self::run_until_complete), for a future that borrows from the caller's frame. It
    /// cannot outlive this call: when the run is interrupted or stopped, the future is dropped.
    ///
    /// # Panics
    /// As [`run_until_complete`](Self::run_until_complete).
    #[track_caller]
    pub fn block_on<F: IntoFuture>(&self, future: F) -> F::Output {
        self.check_runnable();
        let scoped = Scoped::start(&self.core, future.into_future());
        self.complete(&scoped.as_any());
        scoped.into_result()
    }

    /// Runs until `task` has ended well; raises for every other way out.
    #[track_caller]
    fn complete(&self, task: &AnyTask) {
        let cell = task.cell();
        if !cell.head.lives_in(&self.core) {
            let message = "The future belongs to a different loop than the one specified as the loop argument";
            ValueError::new(message).raise();
        }
        let core = Rc::downgrade(&self.core);
        let ended = task.clone();
        let stop: Box<dyn FnOnce()> = Box::new(move || {
            if let Some(core) = core.upgrade()
                && !ended.was_interrupted()
            {
                core.stopping.set(true);
            }
        });
        let callback = Rc::new(Callback::new(stop, "run_until_complete"));
        cell.when_done(Rc::clone(&callback));
        let outcome = self.run_forever();
        callback.cancel();
        if outcome.is_err() {
            // The exception that stopped the run is raised here, so the task's own copy has been seen.
            if task.was_interrupted() {
                drop(cell.seen_exception());
            }
            raise_interrupt();
        }
        if !task.done() {
            misuse("Event loop stopped before Future completed.");
        }
        task.check_result();
    }

    /// Runs until `task` has ended, however it does; for `run`, which winds up.
    fn wait_for_end(&self, task: &AnyTask) -> Result<(), KeyboardInterrupt> {
        let core = Rc::downgrade(&self.core);
        let stop: Box<dyn FnOnce()> = Box::new(move || {
            if let Some(core) = core.upgrade() {
                core.stopping.set(true);
            }
        });
        task.cell().when_done(Rc::new(Callback::new(stop, "run")));
        while !task.done() {
            self.run_forever()?;
        }
        Ok(())
    }

    /// Ends the run after the present turn; when the loop is not running, the next run makes one turn.
    pub fn stop(&self) {
        let now = self.core.clock.now().nanoseconds();
        let task = current::with_task(|task| task.head.number()).unwrap_or(0);
        self.core.sampler.tape.mark(now, task, || MarkKind::Stop);
        self.core.stopping.set(true);
    }

    /// Closes the loop for good: callbacks and timers are forgotten, coroutines dropped. A second call does nothing.
    ///
    /// # Panics
    /// Raises [`RuntimeError`](crate::RuntimeError) "Cannot close a running event loop".
    #[track_caller]
    pub fn close(&self) {
        if self.core.running.get() {
            misuse("Cannot close a running event loop");
        }
        self.core.close();
    }

    /// Whether the loop runs now.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.core.running.get()
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.core.closed.get()
    }

    /// The loop's clock, in seconds; it never goes back, and all loops whose time is not virtual show the same.
    #[must_use]
    pub fn time(&self) -> f64 {
        self.core.clock.now().seconds()
    }

    /// Schedules `coroutine` on this loop, running or not. A task is returned as it is.
    ///
    /// # Panics
    /// Raises [`RuntimeError`](crate::RuntimeError) "Event loop is closed".
    #[track_caller]
    pub fn create_task<F>(&self, coroutine: F) -> Task<F::Output>
    where
        F: IntoFuture,
        F::IntoFuture: 'static,
        F::Output: 'static,
    {
        Task::ensure(&self.core, coroutine.into_future())
    }

    /// A future of this loop, to be completed by hand: Python's `loop.create_future()`.
    ///
    /// ```
    /// # let event_loop = asyncio::new_event_loop();
    /// # asyncio::set_event_loop(&event_loop);
    ///
    /// let future = event_loop.create_future();
    /// let setter = future.clone();
    /// event_loop.call_soon(move || setter.set_result("done"));
    /// assert_eq!(event_loop.run_until_complete(future), "done");
    /// ```
    #[must_use]
    pub fn create_future<T>(&self) -> crate::futures::Future<T> {
        crate::futures::Future::of(&self.core)
    }

    /// The tasks of this loop that have not ended, oldest first.
    #[must_use]
    pub fn all_tasks(&self) -> Vec<AnyTask> {
        of_loop(&self.core)
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Sends reports about exceptions without a taker to `handler` instead of stderr; `None` restores stderr.
    ///
    /// ```
    /// # let event_loop = asyncio::new_event_loop();
    /// # asyncio::set_event_loop(&event_loop);
    ///
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// let reports = Rc::new(Cell::new(0));
    /// let count = Rc::clone(&reports);
    /// event_loop.set_exception_handler(Some(Rc::new(move |_| count.set(count.get() + 1))));
    /// event_loop.call_soon(|| panic!("in a callback"));
    /// event_loop.run_until_complete(async {});
    /// assert_eq!(reports.get(), 1);
    /// ```
    pub fn set_exception_handler(&self, handler: Option<ExceptionHandler>) {
        let old = self.core.handler.replace(handler);
        drop(old);
    }

    /// Lets plain code use tokio's types (sockets, timers) as if it ran inside the loop, until the guard is dropped.
    ///
    /// ```
    /// # let event_loop = asyncio::new_event_loop();
    /// # asyncio::set_event_loop(&event_loop);
    ///
    /// let socket = {
    ///     let _inside = event_loop.enter();
    ///     std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| {
    ///         socket.set_nonblocking(true)?;
    ///         tokio::net::UdpSocket::from_std(socket)
    ///     })
    /// };
    /// assert!(socket.is_ok());
    /// ```
    #[must_use = "the context lasts as long as the guard"]
    pub fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.core.engine.runtime().enter()
    }
}

impl PartialEq for EventLoop {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.core, &other.core)
    }
}

impl Eq for EventLoop {}

/// `set_event_loop(&event_loop)`, for whoever wants to keep it.
impl From<&EventLoop> for Option<EventLoop> {
    fn from(event_loop: &EventLoop) -> Self {
        Some(event_loop.clone())
    }
}

/// As Python's: `<EventLoop running=False closed=False debug=False>`, without the debug flag.
impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<EventLoop #{} running={} closed={}>", self.core.number, self.is_running(), self.is_closed())
    }
}
