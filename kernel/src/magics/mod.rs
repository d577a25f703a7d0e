//! Commands: what a cell may hold besides Rust. Text → [`Segment`]s → [`Command`]s, and what some of them show.
//! Called by the engine, which carries them out. Pure: nothing here touches files, processes or sockets.

mod arguments;
mod command;
mod documentation;
mod segment;
mod table;
mod words;

pub(crate) use arguments::choices;
pub(crate) use command::{Command, Problem, beginning_with, help, parse, usage};
pub(crate) use documentation::{Documentation, find_documentation, signature_and_prose};
pub(crate) use segment::{Line, Segment, Sigil, goes_on, is_open, segments};
pub(crate) use table::{Cell, Table};
pub(crate) use words::{duration, short_type};
