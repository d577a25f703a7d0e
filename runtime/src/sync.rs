//! What tasks of one loop coordinate themselves with: locks, events, queues. Coroutines share clones of them.
//!
//! All of them serve whoever waits longest, and nobody gets ahead of one who was woken but has not run yet, except at a
//! queue, as in Python. They belong to one thread but to no loop: one that blocked in a loop may be used in another.

mod barrier;
mod condition;
mod event;
mod line;
mod lock;
mod queue;
mod semaphore;

pub use barrier::{Barrier, BrokenBarrierError};
pub use condition::Condition;
pub use event::Event;
pub use lock::{Lock, LockGuard};
pub use queue::{LifoQueue, PriorityQueue, Queue, QueueEmpty, QueueFull, QueueShutDown};
pub use semaphore::{BoundedSemaphore, Permit, Semaphore};
