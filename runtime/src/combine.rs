//! Several awaitables as one. Cells and coroutines use these instead of waiting one by one.

mod gather;

pub use gather::{Children, gather, gather_tasks};
