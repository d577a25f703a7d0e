//! The numbers of the signals that programs handle, for
//! [`EventLoop::add_signal_handler`](crate::EventLoop::add_signal_handler): Python's `signal` module.

/// The terminal went away.
///
/// ```
/// use asyncio::signal::{SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR1, SIGUSR2};
///
/// # let event_loop = asyncio::new_event_loop();
/// for number in [SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2] {
///     event_loop.add_signal_handler(number, || println!("heard")).unwrap();
///     event_loop.remove_signal_handler(number);
/// }
/// assert!(event_loop.add_signal_handler(SIGKILL, || ()).is_err());
/// ```
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
