//! What an event loop and a task consist of, without what they do. Everything above works on these two records.
//!
//! A task goes through these states, and never back:
//!
//! ```text
//! Pending ──▶ Finished    its coroutine returned; the value waits in the cell until somebody awaits the task
//!        ├──▶ Failed      its coroutine panicked; the exception is kept
//!        └──▶ Cancelled   its coroutine was dropped at an await point, or let a CancelledError pass
//! ```
//!
//! 1. A task's cell, its loop's core and all that is in the ready queue belong to one thread. Wakers, which go anywhere,
//!    hold a number (`key.rs`); from other threads it goes through the inbox (`inbox.rs`).
//! 2. A coroutine is polled only while its task is `Pending`, only by the step of its own task.
//! 3. The loop's table (`schedule.rs`) owns every pending task, so dropping the loop drops them all; a task that ended is owned by
//!    its handle alone.
//! 4. No borrow of any record is held while foreign code (a coroutine, a callback, a destructor, a waker) runs.

pub(crate) mod callback;
pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod context;
pub(crate) mod core;
pub(crate) mod engine;
mod free;
pub(crate) mod inbox;
pub(crate) mod key;
pub(crate) mod loops;
mod outside;
pub(crate) mod prefetch;
pub(crate) mod process;
mod radix;
pub(crate) mod record;
pub(crate) mod sampler;
pub(crate) mod schedule;
mod sync;
pub(crate) mod timers;
pub(crate) mod waiter;
pub(crate) mod what;
