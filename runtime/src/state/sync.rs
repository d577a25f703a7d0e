//! The shared types of `inbox.rs`, named once: its test replaces them by loom's.

pub(super) use std::sync::atomic::{AtomicBool, Ordering};
pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
