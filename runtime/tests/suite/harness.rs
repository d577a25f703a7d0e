//! What every test needs: a thread of its own with a time limit, a loop whose clock jumps instead of waiting, and a
//! transcript to write to.

use std::cell::RefCell;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use asyncio::{EventLoop, new_event_loop, set_event_loop};

/// Longer than any test takes on a busy machine, shorter than a person's patience.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs `body` on a thread of its own and returns its result; fails when it panics or takes too long.
#[track_caller]
pub(crate) fn limited<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = thread::Builder::new().name("test".into()).spawn(move || {
        // The receiver is gone only when the limit has passed, and then the test has failed already.
        let _ = done.send(body());
    });
    let thread = thread.expect("a thread can be started");
    match result.recv_timeout(LIMIT) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test took longer than {LIMIT:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(payload) => std::panic::resume_unwind(payload),
            Ok(()) => panic!("the test ended without a result"),
        },
    }
}

/// A fresh loop, made this thread's current one.
pub(crate) fn fresh_loop() -> EventLoop {
    let event_loop = new_event_loop();
    set_event_loop(&event_loop);
    event_loop
}

thread_local! {
    static TRANSCRIPT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Appends a line to this thread's transcript.
pub(crate) fn log(line: impl ToString) {
    TRANSCRIPT.with(|lines| lines.borrow_mut().push(line.to_string()));
}

/// The transcript so far, which starts anew.
pub(crate) fn transcript() -> String {
    TRANSCRIPT.with(|lines| lines.take().iter().map(|line| format!("{line}\n")).collect())
}

/// The name and message of what `body` raises, as `Name: message`.
pub(crate) fn raised<T>(body: impl FnOnce() -> T) -> String {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
        Ok(_) => "nothing".to_owned(),
        Err(payload) => {
            let (name, message) = asyncio::error::describe(&*payload);
            format!("{name}: {message}")
        }
    }
}
