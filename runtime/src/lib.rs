//! Python's `asyncio` for Rust: one event loop per thread, cooperative tasks, the same names and the same order.
//! Notebook cells of Boucle run on it, and so can any program.
//!
//! ```
//! use asyncio::{ensure_future, new_event_loop, set_event_loop, sleep};
//!
//! async fn job(name: &'static str, seconds: f64) -> &'static str {
//!     sleep(seconds).await;
//!     name
//! }
//!
//! let event_loop = new_event_loop();
//! set_event_loop(&event_loop);
//! let long = ensure_future(job("long", 0.02));
//! assert_eq!(event_loop.run_until_complete(job("short", 0.01)), "short");
//! assert!(!long.done());
//! assert_eq!(event_loop.run_until_complete(long), "long");
//! ```
//!
//! Layers, each using only those before it: `thread_id`, `place`, [`error`], [`interrupt`], `visitors`, `rest` | `state` (what loops and tasks
//! consist of, `report` included) | `current`, `context` | `coroutine`, `task` | `driver`, `time`, `event_loop` | `iterate`,
//! [`futures`] | [`combine`], [`sync`] | `threads`, [`streams`], [`subprocess`], [`signal`] | `timer` |
//! `input`, [`mod@display`], [`comm`] | `trace` | [`cell`].
//! What each of Python's names is here stands in the README.

pub mod cell;
pub mod combine;
pub mod comm;
mod context;
mod coroutine;
mod current;
pub mod display;
mod driver;
pub mod error;
mod event_loop;
pub mod futures;
mod input;
pub mod interrupt;
mod iterate;
mod place;
mod report;
mod rest;
pub mod signal;
mod state;
pub mod streams;
pub mod subprocess;
pub mod sync;
mod task;
mod thread_id;
mod threads;
mod time;
mod timer;
mod trace;
mod visitors;

pub use combine::{
    ALL_COMPLETED, AsCompleted, FIRST_COMPLETED, FIRST_EXCEPTION, Gathering, ReturnWhen, TaskGroup, Timeout,
    as_completed, finally, gather, shield, timeout, timeout_at, wait, wait_for,
};
pub use comm::Comm;
pub use context::{Context, ContextVar, Token, copy_context};
pub use coroutine::Coroutine;
pub use display::{clear_output, display, update_display};
pub use error::{
    CancelledError, Exception, ExceptionGroup, InputError, InvalidStateError, KeyboardInterrupt, RuntimeError,
    TimeoutError, ValueError,
};
pub use event_loop::{
    EventLoop, Handle, LoopHandle, Runner, TimerHandle, create_task, ensure_future, get_event_loop, get_running_loop,
    new_event_loop, run, set_event_loop, set_virtual_time,
};
pub use futures::constructor::Future;
pub use input::{ainput, input, password};
pub use interrupt::catch_interrupt;
pub use iterate::{AsyncGenerator, AsyncIterator, Yielder, generator};
pub use report::{ExceptionHandler, Report};
pub use std::future::Future;
pub use streams::{
    IncompleteReadError, LimitOverrunError, ReadError, Server, StreamReader, StreamWriter, open_connection,
    open_unix_connection, start_server, start_unix_server,
};
pub use subprocess::{create_subprocess_exec, create_subprocess_shell};
pub use sync::{
    Barrier, BoundedSemaphore, BrokenBarrierError, Condition, Event, LifoQueue, Lock, PriorityQueue, Queue, QueueEmpty,
    QueueFull, QueueShutDown, Semaphore,
};
pub use task::{AnyTask, Task, all_tasks, current_task};
pub use threads::{ConcurrentFuture, InExecutor, run_coroutine_threadsafe, to_thread};
pub use time::{Seconds, Sleep, sleep};
pub use timer::{show_timer, start_timer};
pub use trace::{
    FrameCallGraphEntry, FutureCallGraph, TaskInfo, TaskState, Timeline, capture_call_graph, format_call_graph,
    print_call_graph, start_timeline, stop_timeline, timeline,
};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
