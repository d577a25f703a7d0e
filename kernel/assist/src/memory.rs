//! Gives memory back to the system. Used by `serve`.
//!
//! What an analyzer makes on its way is large, and what it keeps lies scattered in between. So the C library is told to use
//! one region for all threads, of which only one works at a time, and to give back what is free in it.

/// Called once, before there are threads.
pub(crate) fn prepare() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` only sets a number of the allocator's own.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives back what is free.
pub(crate) fn release() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc_trim` takes the allocator's own locks, and touches no memory that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
