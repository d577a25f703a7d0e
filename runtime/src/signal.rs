//! The numbers of the signals that programs handle, for
//! [`EventLoop::add_signal_handler`](crate::EventLoop::add_signal_handler): Python's `signal` module.

/// The terminal went away.
pub const SIGHUP: i32 = libc::SIGHUP;
/// Ctrl-C.
pub const SIGINT: i32 = libc::SIGINT;
/// End at once; cannot be handled.
pub const SIGKILL: i32 = libc::SIGKILL;
/// For the program's own use.
pub const SIGUSR1: i32 = libc::SIGUSR1;
/// For the program's own use.
pub const SIGUSR2: i32 = libc::SIGUSR2;
/// End, please.
pub const SIGTERM: i32 = libc::SIGTERM;
