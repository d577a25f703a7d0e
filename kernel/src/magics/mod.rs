//! Commands: what a cell may hold besides Rust. Text → [`Segment`]s → [`Command`]s, and what some of them show.
//! Called by the engine, which carries them out. Pure: nothing here touches files, processes or sockets.

mod command;
mod nearest;
mod segment;
mod table;

pub(crate) use command::{Command, Problem, help, parse};
pub(crate) use segment::{Segment, is_open, segments};
pub(crate) use table::{Cell, Table};
