//! What the tasks of a loop are doing, for people who look on: who waits for what, where, and since when (`tasks`), and
//! who awaits whom (`graph`). `:tasks` and `print_call_graph` show it.
//!
//! Nothing is kept for it that the loop does not need by itself, but a place and a kind in each task (`task/awaiting.rs`).

mod graph;
mod tasks;

pub use graph::{FrameCallGraphEntry, FutureCallGraph, capture_call_graph, format_call_graph, print_call_graph};
pub use tasks::{TaskInfo, TaskState};
