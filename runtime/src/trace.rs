//! What the tasks of a loop are doing, for people who look on: who waits for what, where, and since when (`tasks`), and
//! who awaits whom (`graph`); and what they have done (`timeline`, drawn on an `axis` as a `figure` or as `text`).
//!
//! For the present, nothing is kept that the loop does not need by itself, but a place and a kind in each task
//! (`task/awaiting.rs`). The past is what `state/record.rs` holds.

mod axis;
mod figure;
mod graph;
mod tasks;
mod text;
mod timeline;

pub use graph::{FrameCallGraphEntry, FutureCallGraph, capture_call_graph, format_call_graph, print_call_graph};
pub use tasks::{TaskInfo, TaskState};
#[doc(hidden)]
pub use timeline::record_timeline;
pub use timeline::{Timeline, start_timeline, stop_timeline, timeline};
