//! The process in which cells run, seen from the kernel: start it, give it a cell, hear how the cell ended.
//! Owned by the engine. A cell can crash, exit or hang its process; the kernel notices and says so.

mod blocks;
mod death;
mod frames;
mod output;
mod process;
mod questions;
mod routes;
mod run;
pub(crate) mod shell;
mod show;
mod stream;

pub(crate) use death::Death;
pub(crate) use process::{Audience, Worker, WorkerError};
pub(crate) use run::Ended;
