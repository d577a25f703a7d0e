//! The course's stopwatch: `start_timer()` says zero, `show_timer(message)` says how long ago that was.
//! Cells and lessons call it to see when things happen.

use std::fmt::Display;
use std::io::Write;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use crate::current;
use crate::state::cell::next_number;
use crate::state::clock::Moment;
use crate::state::record::MarkKind;
use crate::state::sampler::Tape;

/// Zero, shared by all threads and all cells.
static ZERO: Mutex<Option<Moment>> = Mutex::new(None);

/// Sets the zero and prints `---------- zero`. A [timeline](crate::timeline) that is being recorded begins anew there.
pub fn start_timer() {
    let mut zero = ZERO.lock().unwrap_or_else(PoisonError::into_inner);
    print_line("---------- zero");
    let now = now();
    *zero = Some(now);
    let tape = Tape::of_thread();
    if tape.is_on() {
        tape.begin(now.nanoseconds(), next_number(), true);
    }
}

/// Prints the time since [`start_timer`] and the message: `1s + 003ms message`. Seconds and milliseconds are cut off,
/// not rounded. Without an earlier [`start_timer`] the first call sets the zero.
///
/// ```
/// use asyncio::{EventLoop, show_timer, sleep, start_timer};
///
/// let event_loop = EventLoop::with_virtual_time();
/// # asyncio::set_event_loop(&event_loop);
/// event_loop.block_on(async {
///     start_timer();
///     sleep(1.5).await;
///     show_timer("later"); // 1s + 500ms later
/// });
/// ```
pub fn show_timer(message: impl Display) {
    show(&message);
}

fn show(message: &dyn Display) {
    let zero = *ZERO.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(now);
    let now = now();
    print_line(&line(now.since(zero), message));
    let task = current::with_task(|task| task.head.number()).unwrap_or(0);
    let text = || MarkKind::Message(message.to_string().into());
    Tape::of_thread().mark(now.nanoseconds(), task, text);
}

/// The time as the thread's loop has it, which is not the system's when it is virtual, or was.
fn now() -> Moment {
    current::clock_loop().map_or_else(Moment::real, |core| core.clock.now())
}

fn line(elapsed: Duration, message: &dyn Display) -> String {
    format!("{}s + {:03}ms {message}", elapsed.as_secs(), elapsed.subsec_millis())
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn print_line(line: &str) {
    println!("{line}");
    // A lesson's line must be seen at its time, also when stdout is a pipe. A closed one is the next print's trouble.
    let _ = std::io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::{Duration, line};

    #[test]
    fn seconds_and_milliseconds_are_cut_off() {
        assert_eq!(line(Duration::from_micros(1_003_999), &"forking"), "1s + 003ms forking");
        assert_eq!(line(Duration::from_micros(12_999_999), &7), "12s + 999ms 7");
    }
}
