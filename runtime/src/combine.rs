//! Several awaitables as one, and limits to waiting. Cells and coroutines use these instead of waiting one by one.

mod alarm;
mod as_completed;
mod finally;
mod gather;
mod group;
mod scope;
mod shield;
mod timeout;
mod wait;
mod wait_for;

pub use as_completed::{AsCompleted, AsCompletedWithin, as_completed};
pub use finally::{Finally, finally};
pub use gather::{Children, Gathering, gather, gather_tasks};
pub use group::{GroupRun, TaskGroup};
pub use shield::shield;
pub use timeout::{Timeout, Within, timeout, timeout_at};
pub use wait::{ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, ReturnWhen, Wait, Waitable, wait};
pub use wait_for::wait_for;
